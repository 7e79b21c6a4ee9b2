//! Snapshots that are no longer kept, and the files that go with them.
//!
//! A snapshot is kept for a while after it has been replaced: whoever has planned a query on it finds its files. A file
//! goes when no kept snapshot reaches it. In a line of descent what a snapshot no longer has never comes back, so the
//! oldest kept snapshot answers for all kept; where the snapshots are no line, all kept are asked.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use depthlake_orderbook::time::Timestamp;
use iceberg::spec::{SnapshotRef, TableMetadata};
use tracing::warn;

use super::catalog::{Advance, AdvanceError};
use super::change::pause;
use super::error::{CommitError, LakeError};
use super::ledger::{Ledger, remove_files};
use super::manifest::manifests_of;
use super::next_version::NextVersion;
use super::properties::telling;
use super::snapshot::{TableVersion, now};
use super::{Inner, Lake, blocking};
use crate::table::Table;

/// How often an expiry is prepared anew because another process moved the table.
const ATTEMPTS: usize = 20;

/// Which snapshots of a table are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotRetention {
    /// Snapshots that were current at some time within this duration are kept, up to `most`.
    pub keep_for: Duration,
    /// So many are kept however old they are.
    pub fewest: usize,
    /// No more are kept however young they are: they make every commit dearer.
    pub most: usize,
    /// Files stay for so long after the last snapshot that had them was replaced, for queries that are still running.
    pub grace: Duration,
}

/// What an expiry did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expired {
    pub snapshots: usize,
    /// Files that went, or will once the grace is over.
    pub files: usize,
}

impl Default for SnapshotRetention {
    fn default() -> Self {
        Self { keep_for: Duration::from_hours(1), fewest: 10, most: 500, grace: Duration::from_mins(10) }
    }
}

/// The snapshots that a new version of a table no longer has, and those it still has, both oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Expiry {
    pub(super) expired: Vec<SnapshotRef>,
    pub(super) kept: Vec<SnapshotRef>,
}

impl Expiry {
    /// The snapshots older than is to be kept. The current one always stays, and the one that speaks for it.
    pub(super) fn by_age(metadata: &TableMetadata, retention: &SnapshotRetention, now: Timestamp) -> Self {
        let snapshots = by_sequence(metadata);
        let keep_for = i64::try_from(retention.keep_for.as_millis()).unwrap_or(i64::MAX);
        let oldest = now.milliseconds().saturating_sub(keep_for);
        // A snapshot was current until the next one came.
        let replaced = snapshots.iter().skip(1).take_while(|next| next.timestamp_ms() < oldest).count();
        let count = replaced.min(snapshots.len().saturating_sub(retention.fewest.max(1)));
        let excess = snapshots.len().saturating_sub(retention.most.max(1));
        Self::first(snapshots, count.max(excess), metadata)
    }

    /// The oldest, where with a new one there are a tenth more than `most`: so not every commit expires one.
    pub(super) fn by_count(metadata: &TableMetadata, most: usize) -> Self {
        let snapshots = by_sequence(metadata);
        let excess = (snapshots.len() + 1).saturating_sub(most.max(1));
        let count = if excess > most / 10 { excess.min(snapshots.len()) } else { 0 };
        Self::first(snapshots, count, metadata)
    }

    fn first(mut snapshots: Vec<SnapshotRef>, count: usize, metadata: &TableMetadata) -> Self {
        let kept = snapshots.split_off(count);
        let needed = metadata.current_snapshot().map_or_else(Vec::new, |current| {
            let telling = telling(metadata, current).map(|telling| telling.snapshot_id());
            [Some(current.snapshot_id()), telling].into_iter().flatten().collect()
        });
        let (mut needed, expired): (Vec<_>, Vec<_>) =
            snapshots.into_iter().partition(|of| needed.contains(&of.snapshot_id()));
        needed.extend(kept);
        Self { expired, kept: needed }
    }

    pub(super) fn ids(&self) -> Vec<i64> {
        self.expired.iter().map(|snapshot| snapshot.snapshot_id()).collect()
    }

    /// The kept snapshots that must be asked what is still reached.
    fn witnesses(&self) -> &[SnapshotRef] {
        let mut line = self.expired.iter().chain(&self.kept);
        let mut parent = line.next();
        let is_line = line.all(|child| {
            let follows = child.parent_snapshot_id() == parent.map(|parent| parent.snapshot_id());
            parent = Some(child);
            follows
        });
        if is_line { self.kept.get(..1).unwrap_or_default() } else { &self.kept }
    }

    /// When the last snapshot that has expired was replaced.
    fn replaced_at(&self) -> Option<Timestamp> {
        let last = self.expired.last()?.sequence_number();
        let next = self.kept.iter().find(|snapshot| snapshot.sequence_number() > last)?;
        Some(Timestamp::from_milliseconds(next.timestamp_ms()))
    }
}

/// Files that nothing refers to, but which queries may still be reading.
#[derive(Debug, Default)]
pub(super) struct Departing(Mutex<Vec<(Timestamp, Vec<String>)>>);

impl Departing {
    pub(super) fn note(&self, due: Timestamp, files: Vec<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((due, files));
    }

    pub(super) fn due(&self, now: Timestamp) -> Vec<String> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut due = Vec::new();
        all.retain_mut(|(time, files)| {
            let stays = *time > now;
            if !stays {
                due.append(files);
            }
            stays
        });
        due
    }
}

impl Lake {
    /// Lets go of the snapshots of a table that need not be kept, and of the files that only they had.
    ///
    /// # Errors
    /// [`CommitError::Contended`], [`CommitError::Doubtful`] and [`CommitError::Lake`], after which trying again may help.
    pub async fn expire(&self, table: Table, retention: &SnapshotRetention) -> Result<Expired, CommitError> {
        for _ in 0..ATTEMPTS {
            if let Some(expired) = self.inner.try_expire(table, retention).await? {
                return Ok(expired);
            }
            pause().await;
        }
        Err(CommitError::Contended { attempts: ATTEMPTS })
    }

    /// How many snapshots [`Lake::expire`] would let go of; how many files with them is not looked at.
    ///
    /// # Errors
    /// [`LakeError`] where the catalog or the table's metadata cannot be read.
    pub async fn planned_expiry(
        &self,
        table: Table,
        retention: &SnapshotRetention,
    ) -> Result<Expired, LakeError> {
        let pointers = self.inner.catalog.pointers().await?;
        let version = self.inner.version(table, &pointers).await?;
        let expiry = Expiry::by_age(&version.metadata, retention, now());
        Ok(Expired { snapshots: expiry.expired.len(), files: 0 })
    }
}

impl Inner {
    /// `None` where another process moved the table meanwhile.
    async fn try_expire(
        self: &Arc<Self>,
        table: Table,
        retention: &SnapshotRetention,
    ) -> Result<Option<Expired>, CommitError> {
        let turn = self.turn.lock().await;
        let pointers = self.catalog.pointers().await?;
        let base = self.version(table, &pointers).await?;
        let expiry = Expiry::by_age(&base.metadata, retention, now());
        if expiry.expired.is_empty() {
            return Ok(Some(Expired::default()));
        }
        let (inner, from, ids, ledger) =
            (Arc::clone(self), Arc::clone(&base), expiry.ids(), Ledger::default());
        let noted = ledger.clone();
        let staging = blocking(async move {
            let builder = from.metadata.clone().into_builder(Some(from.location.clone()));
            let built = builder.remove_snapshots(&ids).build()?;
            NextVersion::write(&inner, &from, built, &noted).await
        });
        let staged = staging
            .await
            .and_then(|staged| staged.map_err(LakeError::table(table, "write the next version")));
        let next = match staged {
            Ok(next) => next,
            Err(error) => {
                ledger.remove_files(&self.file_io).await;
                return Err(error.into());
            }
        };
        fail::fail_point!("expiry::written");
        let advanced = self.catalog.advance(vec![next.table_move.clone()], &[]).await;
        match advanced {
            Ok(Advance::Moved) => self.remember(Arc::clone(&next.version)),
            Ok(Advance::Conflict) => {
                ledger.remove_files(&self.file_io).await;
                return Ok(None);
            }
            Err(AdvanceError::Refused(error)) => {
                ledger.remove_files(&self.file_io).await;
                return Err(error.into());
            }
            Err(AdvanceError::Doubtful(error)) => return Err(CommitError::Doubtful(Box::new(error))),
        }
        drop(turn);
        let snapshots = expiry.expired.len();
        fail::fail_point!("expiry::committed");
        let files = self.let_go(next.version, expiry, next.obsolete_metadata, retention.grace).await;
        fail::fail_point!("expiry::files_removed");
        Ok(Some(Expired { snapshots, files }))
    }

    /// Removes the files that only expired snapshots had, those of them that queries may still read once the grace is over.
    /// Returns how many there are.
    pub(super) async fn let_go(
        self: &Arc<Self>,
        version: Arc<TableVersion>,
        expiry: Expiry,
        obsolete_metadata: Vec<String>,
        grace: Duration,
    ) -> usize {
        let inner = Arc::clone(self);
        let removed = blocking(async move {
            let mut count = 0;
            if !expiry.expired.is_empty() {
                match inner.unreachable(&version, &expiry).await {
                    Ok(files) => {
                        count = files.len();
                        let grace = i64::try_from(grace.as_nanos()).unwrap_or(i64::MAX);
                        let replaced_at = expiry.replaced_at().unwrap_or_else(now);
                        inner.departing.note(Timestamp(replaced_at.0.saturating_add(grace)), files);
                    }
                    Err(error) => {
                        warn!(table = %version.table, %error, "files of expired snapshots stay, as orphans");
                    }
                }
            }
            remove_files(&inner.file_io, inner.departing.due(now()).into_iter().chain(obsolete_metadata))
                .await;
            count
        });
        removed.await.unwrap_or_else(|error| {
            warn!(%error, "files of expired snapshots stay, as orphans");
            0
        })
    }

    /// What expired snapshots reach and kept ones do not: manifest lists, manifests, data files.
    async fn unreachable(&self, version: &TableVersion, expiry: &Expiry) -> iceberg::Result<Vec<String>> {
        let (file_io, metadata) = (&self.file_io, &version.metadata);
        let (mut kept_manifests, mut kept_files) = (HashSet::new(), HashSet::new());
        for snapshot in expiry.witnesses() {
            for manifest in manifests_of(file_io, metadata, snapshot).await? {
                if kept_manifests.insert(manifest.manifest_path.clone()) {
                    let files = self.stored_files.of_manifest(file_io, metadata, &manifest).await?;
                    kept_files.extend(files.iter().map(|file| file.location.clone()));
                }
            }
        }
        let mut unreachable = BTreeSet::new();
        for snapshot in &expiry.expired {
            for manifest in manifests_of(file_io, metadata, snapshot).await? {
                let is_kept = kept_manifests.contains(&manifest.manifest_path);
                if is_kept || unreachable.contains(&manifest.manifest_path) {
                    continue;
                }
                let files = self.stored_files.of_manifest(file_io, metadata, &manifest).await?;
                let locations = files.iter().map(|file| &file.location);
                unreachable.extend(locations.filter(|location| !kept_files.contains(*location)).cloned());
                unreachable.insert(manifest.manifest_path);
            }
        }
        unreachable.extend(expiry.expired.iter().map(|snapshot| snapshot.manifest_list().to_owned()));
        Ok(unreachable.into_iter().collect())
    }
}

fn by_sequence(metadata: &TableMetadata) -> Vec<SnapshotRef> {
    let mut snapshots: Vec<_> = metadata.snapshots().cloned().collect();
    snapshots.sort_by_key(|snapshot| snapshot.sequence_number());
    snapshots
}
