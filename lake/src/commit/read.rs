//! What the lake holds: the state of each table, and the data files of its current snapshot.

use std::sync::Arc;

use arrow_schema::SchemaRef;
use depthlake_orderbook::time::Timestamp;
use iceberg::spec::ManifestContentType;

use super::error::LakeError;
use super::manifest::{live_entries, manifests_of};
use super::position::Positions;
use super::snapshot::{TableVersion, count};
use super::{Inner, Lake, blocking};
use crate::table::Table;

/// The state of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableStatus {
    pub table: Table,
    /// Rows in the current snapshot.
    pub rows: u64,
    /// Data files of the current snapshot.
    pub files: u64,
    /// Bytes of these data files.
    pub bytes: u64,
    /// Snapshots that can be read.
    pub snapshots: usize,
    /// The time of the current snapshot; `None` before the first.
    pub last_commit: Option<Timestamp>,
}

/// What a query over the current snapshot of a table reads.
#[derive(Debug, Clone)]
pub struct TableContents {
    pub schema: SchemaRef,
    /// The current snapshot; `None` before the first.
    pub snapshot_id: Option<i64>,
    pub files: Vec<StoredFile>,
    /// How far this table has read the log with this snapshot: rows of later records are elsewhere.
    pub positions: Positions,
}

/// A Parquet file of a table, which never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// Where it is, as Iceberg has it: `file:///folder/name` or `s3://bucket/key`, unencoded.
    pub location: String,
    /// Its size in bytes.
    pub bytes: u64,
    pub rows: u64,
}

impl Lake {
    /// The state of every table.
    ///
    /// # Errors
    /// [`LakeError`] where the catalog or a table's metadata cannot be read.
    pub async fn tables(&self) -> Result<Vec<TableStatus>, LakeError> {
        let pointers = self.inner.catalog.pointers().await?;
        let mut tables = Vec::with_capacity(Table::ALL.len());
        for table in Table::ALL {
            tables.push(status(&*self.inner.version(table, &pointers).await?));
        }
        Ok(tables)
    }

    /// The files and the position of a table's current snapshot.
    ///
    /// # Errors
    /// [`LakeError`] where the catalog or a manifest cannot be read, or another engine has written row deletes.
    pub async fn data_files(&self, table: Table) -> Result<TableContents, LakeError> {
        let (pointers, mut positions) = self.inner.catalog.state().await?;
        positions.retain(|of, _| of.table == table);
        let version = self.inner.version(table, &pointers).await?;
        let snapshot_id = version.metadata.current_snapshot_id();
        let inner = Arc::clone(&self.inner);
        let files = blocking(async move { inner.files_of(&version).await }).await??;
        Ok(TableContents { schema: table.arrow_schema(), snapshot_id, files, positions })
    }
}

impl Inner {
    async fn files_of(&self, version: &TableVersion) -> Result<Vec<StoredFile>, LakeError> {
        let table = version.table;
        let Some(snapshot) = version.metadata.current_snapshot() else { return Ok(Vec::new()) };
        let unreadable = LakeError::table(table, "read the manifests");
        let mut files = Vec::new();
        for manifest in manifests_of(&self.file_io, &version.metadata, snapshot).await.map_err(&unreadable)? {
            if manifest.content == ManifestContentType::Deletes {
                return Err(LakeError::RowDeletes { table });
            }
            let entries = live_entries(&self.file_io, &manifest).await.map_err(&unreadable)?;
            files.extend(entries.iter().map(|entry| StoredFile {
                location: entry.file_path().to_owned(),
                bytes: entry.file_size_in_bytes(),
                rows: entry.record_count(),
            }));
        }
        Ok(files)
    }
}

fn status(version: &TableVersion) -> TableStatus {
    let current = version.metadata.current_snapshot();
    let total = |key| current.map_or(0, |snapshot| count(&snapshot.summary().additional_properties, key));
    TableStatus {
        table: version.table,
        rows: total("total-records"),
        files: total("total-data-files"),
        bytes: total("total-files-size"),
        snapshots: version.metadata.snapshots().len(),
        last_commit: current.map(|snapshot| Timestamp::from_milliseconds(snapshot.timestamp_ms())),
    }
}
