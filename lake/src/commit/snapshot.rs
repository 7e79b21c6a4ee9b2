//! The next version of a table, written beside the current one: manifests, snapshot, metadata.
//!
//! Nothing here is visible to a reader until the catalog's pointer moves to the new metadata file. The snapshot's summary
//! carries the complete map of offsets, `depthlake.offset.<topic>.<partition>` = the next offset needed, so that a
//! table tells its position even where its catalog is lost.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use depthlake_orderbook::time::Timestamp;
use iceberg::spec::{
    DataFile, MAIN_BRANCH, ManifestContentType, ManifestFile, Operation, Snapshot, SnapshotSummaryCollector,
    Summary, TableMetadata,
};
use uuid::Uuid;

use super::catalog::{MetadataKeeper, TableMove};
use super::change::{AddedFile, ChangeKind, WrittenChange};
use super::error::{CommitError, LakeError};
use super::expiry::Expiry;
use super::ledger::Ledger;
use super::manifest::{ManifestContext, Removal, lists_live_files, manifests_of};
use super::next_version::NextVersion;
use super::position::Positions;
use super::properties::{own, properties_of};
use super::{CommittedSnapshot, Inner};
use crate::table::Table;

pub(super) const OFFSET_KEY: &str = "depthlake.offset.";
/// Totals of a summary, with what adds to them and what takes from them.
const TOTALS: [(&str, &str, &str); 6] = [
    ("total-records", "added-records", "deleted-records"),
    ("total-data-files", "added-data-files", "deleted-data-files"),
    ("total-files-size", "added-files-size", "removed-files-size"),
    ("total-delete-files", "added-delete-files", "removed-delete-files"),
    ("total-position-deletes", "added-position-deletes", "removed-position-deletes"),
    ("total-equality-deletes", "added-equality-deletes", "removed-equality-deletes"),
];

/// A table as one metadata file describes it.
#[derive(Debug)]
pub(super) struct TableVersion {
    pub(super) table: Table,
    /// Where the metadata file is; empty while its server has not written it.
    pub(super) location: String,
    pub(super) metadata: TableMetadata,
}

/// A version of a table that is written but not yet current.
#[derive(Debug)]
pub(super) struct Staged {
    pub(super) version: Arc<TableVersion>,
    /// What the catalog is told to make it current.
    pub(super) table_move: TableMove,
    pub(super) snapshot: CommittedSnapshot,
    /// Metadata files that nothing refers to once this version is current.
    pub(super) obsolete_metadata: Vec<String>,
    /// Snapshots that are no longer in the table.
    pub(super) expiry: Expiry,
}

/// Writes the version of the table that `change` makes of `base`, and whose summary tells `positions`, all of the table.
pub(super) async fn stage(
    inner: &Inner,
    base: &Arc<TableVersion>,
    change: &WrittenChange,
    positions: &Positions,
    ledger: &Ledger,
) -> Result<Staged, CommitError> {
    let failed = LakeError::table(base.table, "write the next version");
    let context = ManifestContext {
        file_io: &inner.file_io,
        metadata: &base.metadata,
        stored_files: &inner.stored_files,
        snapshot_id: new_snapshot_id(base),
        ledger,
    };
    let listed = carried_manifests(inner, base).await.map_err(&failed)?;
    if !change.removed.is_empty() && listed.iter().any(|list| list.content == ManifestContentType::Deletes) {
        return Err(LakeError::RowDeletes { table: base.table }.into());
    }
    let (mut manifests, removed) = match context.remove(listed, &change.removed).await.map_err(&failed)? {
        Removal::Removed { manifests, files } => (manifests, files),
        Removal::Gone { location } => return Err(CommitError::FilesGone { table: base.table, location }),
    };
    let write = async {
        manifests = context.merge_small(manifests, inner.upkeep.manifests_before_merge).await?;
        if !change.added.is_empty() {
            manifests.push(context.add(&change.added).await?);
        }
        let committed = describe(change, &removed, context.snapshot_id, now_after(&base.metadata));
        let snapshot = Snapshot::builder()
            .with_snapshot_id(context.snapshot_id)
            .with_parent_snapshot_id(base.metadata.current_snapshot_id())
            .with_sequence_number(base.metadata.next_sequence_number())
            .with_timestamp_ms(committed.committed_at.milliseconds())
            .with_manifest_list(context.write_list(manifests).await?)
            .with_summary(summary(base, change, &removed, positions))
            .with_schema_id(base.metadata.current_schema_id())
            .build();
        fail::fail_point!("commit::manifests_written");
        write_version(inner, base, snapshot, committed, ledger).await
    };
    Ok(write.await.map_err(&failed)?)
}

/// The manifests of the current snapshot that list anything.
async fn carried_manifests(inner: &Inner, base: &TableVersion) -> iceberg::Result<Vec<ManifestFile>> {
    let Some(current) = base.metadata.current_snapshot() else { return Ok(Vec::new()) };
    let mut manifests = manifests_of(&inner.file_io, &base.metadata, current).await?;
    manifests.retain(lists_live_files);
    Ok(manifests)
}

async fn write_version(
    inner: &Inner,
    base: &Arc<TableVersion>,
    snapshot: Snapshot,
    committed: CommittedSnapshot,
    ledger: &Ledger,
) -> iceberg::Result<Staged> {
    let expiry = Expiry::by_count(&base.metadata, inner.upkeep.snapshots.most);
    let mut builder = base.metadata.clone().into_builder(Some(base.location.clone()));
    if inner.catalog.metadata_keeper() == MetadataKeeper::Server {
        let said = own(&snapshot.summary().additional_properties);
        builder =
            builder.set_properties(said.map(|(name, value)| (name.clone(), value.clone())).collect())?;
    }
    let built =
        builder.set_branch_snapshot(snapshot, MAIN_BRANCH)?.remove_snapshots(&expiry.ids()).build()?;
    let NextVersion { version, table_move, obsolete_metadata } =
        NextVersion::write(inner, base, built, ledger).await?;
    fail::fail_point!("commit::metadata_written");
    Ok(Staged { version, table_move, snapshot: committed, obsolete_metadata, expiry })
}

fn summary(
    base: &TableVersion,
    change: &WrittenChange,
    removed: &[DataFile],
    positions: &Positions,
) -> Summary {
    let metadata = &base.metadata;
    let (schema, spec) = (metadata.current_schema(), metadata.default_partition_spec());
    let mut collector = SnapshotSummaryCollector::default();
    for AddedFile { file, .. } in &change.added {
        collector.add_file(file, schema.clone(), spec.clone());
    }
    for file in removed {
        collector.remove_file(file, schema.clone(), spec.clone());
    }
    let mut properties = collector.build();
    let empty = HashMap::new();
    let previous =
        metadata.current_snapshot().map_or(&empty, |current| &current.summary().additional_properties);
    for (total, added, removed) in TOTALS {
        let sum = count(previous, total) + count(&properties, added);
        properties.insert(total.to_owned(), sum.saturating_sub(count(&properties, removed)).to_string());
    }
    properties.extend(
        metadata.current_snapshot().map(|current| properties_of(metadata, current)).unwrap_or_default(),
    );
    properties.extend(change.properties.clone());
    let positions = positions.iter().filter(|(of, _)| of.table == base.table);
    properties.extend(
        positions.map(|(of, next)| (format!("{OFFSET_KEY}{}.{}", of.topic, of.partition), next.to_string())),
    );
    properties.insert("engine-name".to_owned(), "depthlake".to_owned());
    properties.insert("engine-version".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    let operation = match change.kind {
        ChangeKind::Append => Operation::Append,
        ChangeKind::Overwrite if change.added.is_empty() && !removed.is_empty() => Operation::Delete,
        ChangeKind::Overwrite => Operation::Overwrite,
        ChangeKind::Replace => Operation::Replace,
    };
    Summary { operation, additional_properties: properties }
}

pub(super) fn count(properties: &HashMap<String, String>, key: &str) -> u64 {
    properties.get(key).and_then(|value| value.parse().ok()).unwrap_or(0)
}

fn describe(
    change: &WrittenChange,
    removed: &[DataFile],
    snapshot_id: i64,
    committed_at: Timestamp,
) -> CommittedSnapshot {
    CommittedSnapshot {
        table: change.table,
        snapshot_id,
        rows: change.added.iter().map(|added| added.file.record_count()).sum(),
        files: change.added.len(),
        bytes: change.added.iter().map(|added| added.file.file_size_in_bytes()).sum(),
        removed_files: removed.len(),
        committed_at,
    }
}

/// The time of a new snapshot: never before the last one, whatever the clock does.
fn now_after(metadata: &TableMetadata) -> Timestamp {
    Timestamp::from_milliseconds(now().milliseconds().max(metadata.last_updated_ms()))
}

pub(super) fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_1970.as_nanos()).unwrap_or(i64::MAX))
}

fn new_snapshot_id(base: &TableVersion) -> i64 {
    loop {
        let (high, low) = Uuid::new_v4().as_u64_pair();
        let id = (high ^ low).cast_signed() & i64::MAX;
        if id != 0 && base.metadata.snapshot_by_id(id).is_none() {
            return id;
        }
    }
}
