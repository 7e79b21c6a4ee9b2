//! The snapshots of a table that are kept, and what it held then.

use std::sync::Arc;

use depthlake_orderbook::time::Timestamp;
use iceberg::spec::Snapshot;

use super::properties::properties_of;
use super::read::TableContents;
use super::snapshot::count;
use super::{Lake, LakeError, blocking};
use crate::table::Table;

/// A state of a table that can still be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptSnapshot {
    pub table: Table,
    pub snapshot_id: i64,
    pub sequence: i64,
    pub committed_at: Timestamp,
    /// What made it: `append`, `overwrite`, `replace` or `delete`.
    pub operation: String,
    /// Rows it holds.
    pub rows: u64,
    /// Data files it holds.
    pub files: u64,
    pub is_current: bool,
}

/// Which state of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    Snapshot(i64),
    /// The last snapshot committed at this time or before.
    Time(Timestamp),
}

impl Lake {
    /// The snapshots of a table that are kept, oldest first.
    ///
    /// # Errors
    /// [`LakeError`] where the catalog or the table's metadata cannot be read.
    pub async fn snapshots(&self, table: Table) -> Result<Vec<KeptSnapshot>, LakeError> {
        let pointers = self.inner.catalog.pointers().await?;
        let version = self.inner.version(table, &pointers).await?;
        let current = version.metadata.current_snapshot_id();
        let kept = |snapshot: &Arc<Snapshot>| {
            let properties = &snapshot.summary().additional_properties;
            KeptSnapshot {
                table,
                snapshot_id: snapshot.snapshot_id(),
                sequence: snapshot.sequence_number(),
                committed_at: Timestamp::from_milliseconds(snapshot.timestamp_ms()),
                operation: snapshot.summary().operation.as_str().to_owned(),
                rows: count(properties, "total-records"),
                files: count(properties, "total-data-files"),
                is_current: current == Some(snapshot.snapshot_id()),
            }
        };
        let mut snapshots: Vec<_> = version.metadata.snapshots().map(kept).collect();
        snapshots.sort_by_key(|snapshot| snapshot.sequence);
        Ok(snapshots)
    }

    /// What a table held at a moment of its past; its columns are those of now.
    ///
    /// # Errors
    /// [`LakeError::NoSnapshot`] where no snapshot of that moment is kept; others where the catalog or a manifest cannot be
    /// read.
    pub async fn data_files_at(&self, table: Table, moment: Moment) -> Result<TableContents, LakeError> {
        let kept = self.snapshots(table).await?;
        let found = kept.iter().rev().find(|snapshot| match moment {
            Moment::Snapshot(id) => snapshot.snapshot_id == id,
            Moment::Time(time) => snapshot.committed_at <= time,
        });
        let snapshot_id =
            found.map(|snapshot| snapshot.snapshot_id).ok_or(LakeError::NoSnapshot { table, moment })?;
        let pointers = self.inner.catalog.pointers().await?;
        let version = self.inner.version(table, &pointers).await?;
        let inner = Arc::clone(&self.inner);
        blocking(async move {
            let snapshot = version.metadata.snapshot_by_id(snapshot_id);
            let snapshot = snapshot.ok_or(LakeError::NoSnapshot { table, moment })?;
            Ok(TableContents {
                schema: table.arrow_schema(),
                snapshot_id: Some(snapshot_id),
                sequence: snapshot.sequence_number(),
                files: inner.files_of(&version, snapshot).await?,
                properties: properties_of(&version.metadata, snapshot),
                positions: super::Positions::new(),
            })
        })
        .await?
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Snapshot(id) => write!(f, "snapshot {id}"),
            Self::Time(time) => write!(f, "snapshot at or before {} ms since 1970 UTC", time.milliseconds()),
        }
    }
}
