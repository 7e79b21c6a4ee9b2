//! What the lake holds: the state of each table, the data files of its current snapshot, and their rows.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use depthlake_orderbook::time::Timestamp;
use iceberg::spec::{ManifestContentType, Snapshot};

use super::error::LakeError;
use super::manifest::manifests_of;
use super::position::Positions;
use super::properties::properties_of;
use super::row_reader::{RowReader, with_own_ids};
use super::snapshot::{TableVersion, count};
use super::stored_file::StoredFile;
use super::{Inner, Lake, blocking};
use crate::table::Table;

/// How often a table's metadata is looked for where other processes replace it faster than it can be read.
const ATTEMPTS: usize = 5;

/// Rows that are decoded at a time.
const BATCH_ROWS: usize = 8_192;

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
    /// That snapshot's sequence number; 0 before the first. Files with a greater one came later.
    pub sequence: i64,
    pub files: Vec<StoredFile>,
    /// What the table says of itself in names that begin with `depthlake.`, with that snapshot or, where that is another
    /// engine's, with the one before.
    pub properties: BTreeMap<String, String>,
    /// How far this table has read the log with this snapshot: rows of later records are elsewhere.
    pub positions: Positions,
}

/// One table, and all positions, as the catalog had them at one moment.
#[derive(Debug, Clone)]
pub struct CurrentTable {
    pub(super) inner: Arc<Inner>,
    pub(super) version: Arc<TableVersion>,
    positions: Positions,
}

/// The data files of a table's snapshot.
type FilesOfSnapshot = (i64, Arc<[StoredFile]>);

/// The files of the snapshot of each table that was last asked for.
#[derive(Debug, Default)]
pub(super) struct ListedFiles(Mutex<HashMap<Table, FilesOfSnapshot>>);

impl Lake {
    /// The state of every table.
    ///
    /// # Errors
    /// [`LakeError`] where the catalog or a table's metadata cannot be read.
    pub async fn tables(&self) -> Result<Vec<TableStatus>, LakeError> {
        let pointers = self.inner.catalog.pointers().await?;
        let mut tables = Vec::with_capacity(Table::ALL.len());
        for table in Table::ALL {
            let version = match self.inner.version(table, &pointers).await {
                // A commit since the catalog was asked may have replaced what it told.
                Err(LakeError::Table { .. }) => self.inner.current(table).await?.0,
                version => version?,
            };
            tables.push(status(&version));
        }
        Ok(tables)
    }

    /// The files and the position of a table's current snapshot.
    ///
    /// # Errors
    /// [`LakeError`] where the catalog or a manifest cannot be read, or another engine has written row deletes.
    pub async fn data_files(&self, table: Table) -> Result<TableContents, LakeError> {
        let current = self.current(table).await?;
        let files = current.files().await?.to_vec();
        let CurrentTable { version, mut positions, .. } = current;
        positions.retain(|of, _| of.table == table);
        let snapshot = version.metadata.current_snapshot();
        Ok(TableContents {
            schema: table.arrow_schema(),
            snapshot_id: version.metadata.current_snapshot_id(),
            sequence: snapshot.map_or(0, |snapshot| snapshot.sequence_number()),
            files,
            properties: snapshot
                .map(|snapshot| properties_of(&version.metadata, snapshot))
                .unwrap_or_default(),
            positions,
        })
    }

    /// A table as the catalog has it now. Asks the catalog once; of the table's own files none is read that this process
    /// knows already.
    ///
    /// # Errors
    /// [`LakeError`] where the catalog or the table's metadata cannot be read.
    pub async fn current(&self, table: Table) -> Result<CurrentTable, LakeError> {
        let (version, positions) = self.inner.current(table).await?;
        Ok(CurrentTable { inner: Arc::clone(&self.inner), version, positions })
    }

    /// The rows of a data file, in the order in which it holds them and with the columns that the table has now: null where
    /// the file is older than a column. Takes the memory of all of them.
    ///
    /// # Errors
    /// [`LakeError`] where the file cannot be read or does not have a column that every row must have.
    pub async fn read_rows(&self, file: &StoredFile, table: Table) -> Result<Vec<RecordBatch>, LakeError> {
        self.read_schema(file, table, table.arrow_schema()).await
    }

    /// As [`Lake::read_rows`], but with these columns alone, in the order of the table's; the others are not read.
    ///
    /// # Errors
    /// Those of [`Lake::read_rows`].
    pub async fn read_columns(
        &self,
        file: &StoredFile,
        table: Table,
        columns: &[&str],
    ) -> Result<Vec<RecordBatch>, LakeError> {
        let schema = table.arrow_schema();
        let wanted = schema.fields().iter().filter(|field| columns.contains(&field.name().as_str()));
        self.read_schema(file, table, Arc::new(Schema::new(wanted.cloned().collect::<Vec<_>>()))).await
    }

    /// Reads a data file from its beginning to its end and forgets it.
    ///
    /// # Errors
    /// Those of [`Lake::read_rows`].
    pub async fn check_rows(&self, file: &StoredFile, table: Table) -> Result<(), LakeError> {
        let pointers = self.inner.catalog.pointers().await?;
        let version = self.inner.version(table, &pointers).await?;
        let (file_io, location) = (self.inner.file_io.clone(), file.location.clone());
        blocking(async move {
            let columns = with_own_ids(&table.arrow_schema(), &version.metadata);
            let mut reader = RowReader::open(&file_io, &location, &columns, BATCH_ROWS).await?;
            while reader.next().await?.is_some() {}
            Ok(())
        })
        .await?
        .map_err(LakeError::table(table, "read the rows"))
    }

    async fn read_schema(
        &self,
        file: &StoredFile,
        table: Table,
        schema: SchemaRef,
    ) -> Result<Vec<RecordBatch>, LakeError> {
        let pointers = self.inner.catalog.pointers().await?;
        let version = self.inner.version(table, &pointers).await?;
        let (file_io, location) = (self.inner.file_io.clone(), file.location.clone());
        blocking(async move {
            let columns = with_own_ids(&schema, &version.metadata);
            let mut reader = RowReader::open(&file_io, &location, &columns, BATCH_ROWS).await?;
            let mut batches = Vec::new();
            while let Some(batch) = reader.next().await? {
                batches.push(
                    RecordBatch::try_new(Arc::clone(&schema), batch.columns().to_vec())
                        .map_err(|error| misfit(&error))?,
                );
            }
            Ok(batches)
        })
        .await?
        .map_err(LakeError::table(table, "read the rows"))
    }
}

impl CurrentTable {
    #[must_use]
    pub fn table(&self) -> Table {
        self.version.table
    }

    /// The current snapshot; `None` before the first.
    #[must_use]
    pub fn snapshot_id(&self) -> Option<i64> {
        self.version.metadata.current_snapshot_id()
    }

    /// That snapshot's sequence number; 0 before the first.
    #[must_use]
    pub fn sequence(&self) -> i64 {
        self.version.metadata.current_snapshot().map_or(0, |snapshot| snapshot.sequence_number())
    }

    /// How far the table has read the log; where the catalog tells it in the same answer, also how far others have.
    #[must_use]
    pub const fn positions(&self) -> &Positions {
        &self.positions
    }

    /// The snapshot's files. Manifests are read once a snapshot, and of them only those that no earlier one had.
    ///
    /// # Errors
    /// [`LakeError`] where a manifest cannot be read, or another engine has written row deletes.
    pub async fn files(&self) -> Result<Arc<[StoredFile]>, LakeError> {
        let Some(snapshot_id) = self.snapshot_id() else { return Ok(Arc::default()) };
        if let Some(files) = self.inner.listed_files.of(self.table(), snapshot_id) {
            return Ok(files);
        }
        let (inner, version) = (Arc::clone(&self.inner), Arc::clone(&self.version));
        let files: Arc<[_]> = blocking(async move {
            match version.metadata.current_snapshot() {
                Some(snapshot) => inner.files_of(&version, snapshot).await,
                None => Ok(Vec::new()),
            }
        })
        .await??
        .into();
        self.inner.listed_files.keep(self.table(), snapshot_id, Arc::clone(&files));
        Ok(files)
    }
}

impl ListedFiles {
    fn of(&self, table: Table, snapshot_id: i64) -> Option<Arc<[StoredFile]>> {
        let listed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        listed.get(&table).filter(|(of, _)| *of == snapshot_id).map(|(_, files)| Arc::clone(files))
    }

    fn keep(&self, table: Table, snapshot_id: i64, files: Arc<[StoredFile]>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(table, (snapshot_id, files));
    }
}

impl Inner {
    /// The current version of a table, with its positions. Other processes keep only their last few metadata files:
    /// where so many commits come between the catalog's answer and the reading, the catalog is asked again.
    pub(super) async fn current(
        self: &Arc<Self>,
        table: Table,
    ) -> Result<(Arc<TableVersion>, Positions), LakeError> {
        let mut attempts = 1;
        loop {
            let (pointers, positions) = self.catalog.state_of(table).await?;
            match self.version(table, &pointers).await {
                Err(LakeError::Table { .. })
                    if attempts < ATTEMPTS
                        && self.catalog.pointers().await?.get(&table) != pointers.get(&table) =>
                {
                    attempts += 1;
                }
                version => return Ok((version?, positions)),
            }
        }
    }

    /// The files of a snapshot.
    pub(super) async fn files_of(
        &self,
        version: &TableVersion,
        snapshot: &Snapshot,
    ) -> Result<Vec<StoredFile>, LakeError> {
        let (table, metadata) = (version.table, &version.metadata);
        let unreadable = LakeError::table(table, "read the manifests");
        let mut files = Vec::new();
        for manifest in manifests_of(&self.file_io, metadata, snapshot).await.map_err(&unreadable)? {
            if manifest.content == ManifestContentType::Deletes {
                return Err(LakeError::RowDeletes { table });
            }
            let listed = self.stored_files.of_manifest(&self.file_io, metadata, &manifest).await;
            files.extend_from_slice(&listed.map_err(&unreadable)?);
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

fn misfit(error: &arrow_schema::ArrowError) -> iceberg::Error {
    iceberg::Error::new(iceberg::ErrorKind::DataInvalid, format!("rows do not fit their table: {error}"))
}
