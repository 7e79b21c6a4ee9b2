//! Orphans: files below a table's folder that nothing refers to, left by crashes and by commits that lost a race.
//!
//! The folder is listed first and the table looked at afterwards, so that what is committed meanwhile is referred to. Young
//! files are none: a commit that is being prepared writes its files before anything refers to them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use depthlake_orderbook::time::Timestamp;
use iceberg::spec::SnapshotRef;

use super::error::LakeError;
use super::manifest::manifests_of;
use super::snapshot::{TableVersion, now};
use super::{Inner, Lake, blocking, folder_of};
use crate::table::Table;
use crate::warehouse::ListedFile;

/// How old an orphan is at least, unless somebody who knows says otherwise.
pub const ORPHAN_AGE: Duration = Duration::from_hours(72);

/// A file that could not be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staying {
    pub location: String,
    pub reason: String,
}

impl Lake {
    /// The files below a table's folder that no kept snapshot refers to and that are older than `age`. Reads every manifest
    /// of every kept snapshot.
    ///
    /// # Errors
    /// [`LakeError`] where the warehouse cannot be listed, or the table's metadata or manifests not be read.
    pub async fn orphans(&self, table: Table, age: Duration) -> Result<Vec<ListedFile>, LakeError> {
        let mut listed = self.inner.warehouse.list(&folder_of(table)).await?;
        let pointers = self.inner.catalog.pointers().await?;
        let version = self.inner.version(table, &pointers).await?;
        let inner = Arc::clone(&self.inner);
        let referred = blocking(async move { inner.reachable(&version).await }).await?;
        let referred = referred.map_err(LakeError::table(table, "read the manifests"))?;
        let age = i64::try_from(age.as_nanos()).unwrap_or(i64::MAX);
        let youngest = Timestamp(now().0.saturating_sub(age));
        listed.retain(|file| {
            file.written_at.is_some_and(|time| time < youngest) && !referred.contains(&file.location)
        });
        listed.sort_by(|one, other| one.location.cmp(&other.location));
        fail::fail_point!("orphans::listed");
        Ok(listed)
    }

    /// Removes files that [`Lake::orphans`] has found, and gives those that stay, each with the reason.
    pub async fn remove_orphans(&self, orphans: Vec<ListedFile>) -> Vec<Staying> {
        let inner = Arc::clone(&self.inner);
        let locations: Vec<_> = orphans.into_iter().map(|file| file.location).collect();
        let all = locations.clone();
        let removed = blocking(async move {
            let mut staying = Vec::new();
            for location in locations {
                if let Err(error) = inner.file_io.delete(&location).await {
                    staying.push(Staying { location, reason: error.to_string() });
                }
            }
            staying
        });
        let staying = removed.await.unwrap_or_else(|error| {
            let reason = error.to_string();
            all.into_iter().map(|location| Staying { location, reason: reason.clone() }).collect()
        });
        fail::fail_point!("orphans::removed");
        staying
    }
}

impl Inner {
    /// Every file that a version of a table refers to.
    async fn reachable(&self, version: &TableVersion) -> iceberg::Result<HashSet<String>> {
        let metadata = &version.metadata;
        let mut reachable = HashSet::from([version.location.clone()]);
        reachable.extend(metadata.metadata_log().iter().map(|log| log.metadata_file.clone()));
        reachable.extend(metadata.statistics_iter().map(|file| file.statistics_path.clone()));
        let snapshots: Vec<SnapshotRef> = metadata.snapshots().cloned().collect();
        for snapshot in snapshots {
            reachable.insert(snapshot.manifest_list().to_owned());
            for manifest in manifests_of(&self.file_io, metadata, &snapshot).await? {
                if reachable.insert(manifest.manifest_path.clone()) {
                    let (entries, _) = manifest.load_manifest(&self.file_io).await?.into_parts();
                    reachable.extend(entries.iter().map(|entry| entry.file_path().to_owned()));
                }
            }
        }
        Ok(reachable)
    }
}
