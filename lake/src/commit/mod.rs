//! The lake: opening it, and the commits that are the only way rows get into it, and out.
//!
//! This module alone touches manifests, metadata files and the catalog's pointers. A change ([`TableChange`]: rows added,
//! files removed, or both) goes so:
//!
//! 1. Write data files (`data_file`).
//! 2. Read from the catalog, in one transaction, every table's pointer and every position. Ranges that end where the
//!    tables end have been appended already: done. Ranges that do not begin there are refused (`position`).
//! 3. Write manifests, snapshots and metadata on top of the versions read in step 2 (`snapshot`). Files to be removed that
//!    these versions no longer have are refused. Each file is on disk, with its directory entry, before the next step. No
//!    reader sees any of it.
//! 4. In one database transaction move all pointers and all positions, each only from what step 2 saw (`catalog`). This
//!    is the commit. If anything has moved meanwhile, begin again at step 2 with the same data files.
//! 5. Remove what a lost race left, and metadata that has become too old.
//!
//! A crash before 4 leaves files that nothing refers to; the rows come again from the log. A crash after 4 leaves a
//! commit whose answer was lost; the retry finds in step 2 that it is done. Hence, while all rows come with the range of
//! the log they were derived from, each is in its table once.

mod catalog;
mod change;
mod compaction;
mod data_file;
mod description;
mod error;
mod evolution;
mod expiry;
mod history;
mod ledger;
mod manifest;
mod merge;
mod next_version;
mod orphans;
mod position;
mod properties;
mod published;
mod read;
mod retention;
mod row_reader;
mod rows;
mod snapshot;
mod sort_key;
mod stored_file;

#[cfg(test)]
mod samples;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use depthlake_orderbook::time::Timestamp;
use iceberg::TableCreation;
use iceberg::io::FileIO;
use iceberg::spec::{FormatVersion, Schema, TableMetadata, TableMetadataBuilder};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use uuid::Uuid;

pub use catalog::{CATALOG_NAME, RestError};
pub use change::{ChangeKind, Changed, TableChange};
pub use compaction::{Compacted, CompactionRules};
pub use description::{
    Bound, FileDescription, HistoryDescription, ManifestCounts, ManifestDescription, SnapshotDescription,
};
pub use error::{CommitError, LakeError};
pub use evolution::ColumnDrift;
pub use expiry::{Expired, SnapshotRetention};
pub use history::{KeptSnapshot, Moment};
pub use orphans::{ORPHAN_AGE, Staying};
pub use position::{OffsetRange, PartitionOfTable, Positions};
pub use published::PublishedTable;
pub use read::{CurrentTable, TableContents, TableStatus};
pub use retention::{LetGo, RETAINED_FROM};
pub use stored_file::{Bounds, StoredFile};

use catalog::{Catalog, Pointers};
use change::WrittenChange;
use expiry::Departing;
use read::ListedFiles;
use snapshot::TableVersion;
use stored_file::StoredFiles;

use crate::address::LakeAddress;
use crate::runs::Runs;
use crate::table::{Table, iceberg_schema, partition_spec, properties, sort_order};
use crate::warehouse::Warehouse;

/// A catalog and the warehouse of its tables. Clones share both.
#[derive(Debug, Clone)]
pub struct Lake {
    inner: Arc<Inner>,
}

/// A snapshot that a change has committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedSnapshot {
    pub table: Table,
    pub snapshot_id: i64,
    /// Rows added.
    pub rows: u64,
    /// Data files added.
    pub files: usize,
    /// Bytes of the data files added.
    pub bytes: u64,
    /// Data files that are no longer part of the table.
    pub removed_files: usize,
    pub committed_at: Timestamp,
}

#[derive(Debug)]
struct Inner {
    catalog: Catalog,
    warehouse: Warehouse,
    file_io: FileIO,
    upkeep: Upkeep,
    /// The versions last seen, which spares reading metadata that this process has written itself.
    versions: Mutex<HashMap<Table, Arc<TableVersion>>>,
    stored_files: StoredFiles,
    listed_files: ListedFiles,
    departing: Departing,
    runs: Arc<Runs>,
    /// Held while a commit reads the catalog, stages and moves pointers, so that commits of one process wait for each other
    /// instead of being prepared in vain.
    turn: tokio::sync::Mutex<()>,
}

/// How much history a table drags along.
#[derive(Debug, Clone, Copy)]
struct Upkeep {
    /// Small manifests are merged when a snapshot has more than so many.
    manifests_before_merge: usize,
    /// What a commit lets go by itself; of its parts only `most` and `grace` count.
    snapshots: SnapshotRetention,
}

impl Upkeep {
    fn new() -> Self {
        Self { manifests_before_merge: 50, snapshots: SnapshotRetention::default() }
    }
}

impl Lake {
    /// Opens a lake in files of this machine: a catalog in the database file `catalog`, and tables in a folder. Creates what
    /// does not exist yet.
    ///
    /// # Errors
    /// As [`Lake::open_at`].
    pub async fn open(catalog: &Path, warehouse: &Path) -> Result<Self, LakeError> {
        Self::open_at(&LakeAddress::local(catalog, warehouse)).await
    }

    /// Opens the lake of an address; creates what does not exist yet. Tables made by an earlier version get the optional
    /// columns they lack.
    ///
    /// # Errors
    /// [`LakeError`] where the catalog or the warehouse cannot be reached or created, the catalog is damaged or lost, its
    /// warehouse is missing or another one, or a table has been laid out otherwise.
    pub async fn open_at(address: &LakeAddress) -> Result<Self, LakeError> {
        Self::open_with(address, Upkeep::new()).await
    }

    /// Opens a lake to find out what is wrong with its tables: they are taken as they are. What is read of, or written to, a
    /// table with [`Lake::column_drifts`] may fail.
    ///
    /// # Errors
    /// As [`Lake::open_at`], a moved lake among them, but for tables that are laid out otherwise.
    pub async fn open_unchecked(address: &LakeAddress) -> Result<Self, LakeError> {
        let lake = Self::connect(address, Upkeep::new()).await?;
        let pointers = lake.inner.catalog.pointers().await?;
        for table in Table::ALL {
            let version = lake.inner.version(table, &pointers).await?;
            lake.inner.check_place(&version)?;
        }
        Ok(lake)
    }

    async fn open_with(address: &LakeAddress, upkeep: Upkeep) -> Result<Self, LakeError> {
        let lake = Self::connect(address, upkeep).await?;
        lake.inner.evolve().await?;
        Ok(lake)
    }

    async fn connect(address: &LakeAddress, upkeep: Upkeep) -> Result<Self, LakeError> {
        let catalog = Catalog::open(&address.catalog).await?;
        let pointers = catalog.pointers().await?;
        let warehouse = open_warehouse(Warehouse::at(&address.warehouse)?, &catalog, &pointers).await?;
        let inner = Inner {
            catalog,
            file_io: warehouse.file_io().clone(),
            warehouse,
            upkeep,
            versions: Mutex::default(),
            stored_files: StoredFiles::default(),
            listed_files: ListedFiles::default(),
            departing: Departing::default(),
            runs: Arc::default(),
            turn: tokio::sync::Mutex::default(),
        };
        let lake = Self { inner: Arc::new(inner) };
        lake.inner.create_missing_tables(&pointers).await?;
        Ok(lake)
    }

    /// What tells this lake from every other, on whatever machine it is opened.
    ///
    /// # Errors
    /// [`LakeError`] where the catalog or the table that has it cannot be read.
    pub async fn id(&self) -> Result<Uuid, LakeError> {
        let pointers = self.inner.catalog.pointers().await?;
        Ok(self.inner.version(Table::RawOrderbookDiffs, &pointers).await?.metadata.uuid())
    }

    /// What this process does to the lake again and again.
    #[must_use]
    pub fn runs(&self) -> &Arc<Runs> {
        &self.inner.runs
    }

    /// Where the tables' files lie.
    #[must_use]
    pub fn warehouse(&self) -> &Warehouse {
        &self.inner.warehouse
    }

    /// The offset of the next record each table needs of each partition it has read.
    ///
    /// # Errors
    /// [`LakeError`] where the catalog cannot be read.
    pub async fn positions(&self) -> Result<Positions, LakeError> {
        self.inner.catalog.state().await.map(|(_, positions)| positions)
    }
}

impl Inner {
    async fn create_missing_tables(self: &Arc<Self>, known: &Pointers) -> Result<(), LakeError> {
        let missing: Vec<_> = Table::ALL.into_iter().filter(|table| !known.contains_key(table)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let mut tables = Vec::with_capacity(missing.len());
        for table in missing {
            let location = format!("{}/{}", self.warehouse.location(), folder_of(table));
            let metadata = new_metadata(table, location);
            tables.push((table, metadata.map_err(LakeError::table(table, "lay out the metadata"))?));
        }
        self.catalog.create(tables, &self.file_io).await?;
        self.begin_histories().await
    }

    /// Gives tables of a server an empty first snapshot, for a commit to be conditional on.
    async fn begin_histories(self: &Arc<Self>) -> Result<(), LakeError> {
        let begin = |table| WrittenChange {
            table,
            added: Vec::new(),
            removed: Vec::new(),
            positions: Vec::new(),
            kind: ChangeKind::Append,
            properties: [("depthlake.begun".to_owned(), "true".to_owned())].into(),
        };
        let changes: Vec<_> = self.catalog.without_history().into_iter().map(begin).collect();
        if changes.is_empty() {
            return Ok(());
        }
        match self.commit_written(changes).await {
            Ok(_) => Ok(()),
            Err(CommitError::Lake(error)) => Err(error),
            Err(CommitError::Doubtful(error)) => Err(*error),
            Err(error) => Err(LakeError::NoFirstSnapshot { reason: error.to_string() }),
        }
    }

    /// The version of a table that the catalog points to.
    async fn version(
        self: &Arc<Self>,
        table: Table,
        pointers: &Pointers,
    ) -> Result<Arc<TableVersion>, LakeError> {
        let missing = || LakeError::TableMissing { catalog: self.catalog.name().to_owned(), table };
        let location = pointers.get(&table).ok_or_else(missing)?;
        if let Some(known) = self.known_version(table).filter(|version| version.location == *location) {
            return Ok(known);
        }
        if let Some(loaded) = self.catalog.loaded(table, location) {
            return Ok(loaded);
        }
        let (file_io, file) = (self.file_io.clone(), location.clone());
        let metadata = blocking(async move { TableMetadata::read_from(&file_io, &file).await }).await?;
        let metadata = metadata.map_err(LakeError::table(table, "read the metadata"))?;
        let version = Arc::new(TableVersion { table, location: location.clone(), metadata });
        self.remember(Arc::clone(&version));
        Ok(version)
    }

    fn known_version(&self, table: Table) -> Option<Arc<TableVersion>> {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner).get(&table).cloned()
    }

    fn remember(&self, version: Arc<TableVersion>) {
        if version.location.is_empty() {
            return;
        }
        self.versions.lock().unwrap_or_else(PoisonError::into_inner).insert(version.table, version);
    }

    /// Refuses a table that is elsewhere: a copied or moved lake still names the files of the first one.
    fn check_place(&self, version: &TableVersion) -> Result<(), LakeError> {
        let (location, root) = (version.metadata.location(), self.warehouse.location());
        if location.strip_prefix(root).is_none_or(|rest| !rest.starts_with('/')) {
            let (location, warehouse) = (location.to_owned(), root.to_owned());
            return Err(LakeError::OutsideWarehouse { table: version.table, location, warehouse });
        }
        Ok(())
    }

    /// Refuses a table that is elsewhere, or laid out otherwise than this version would; of its columns `evolution` judges.
    fn check_layout(&self, version: &TableVersion) -> Result<(), LakeError> {
        self.check_place(version)?;
        let table = version.table;
        let found = &version.metadata;
        let expected = new_metadata(table, found.location().to_owned())
            .map_err(LakeError::table(table, "lay out the metadata"))?;
        let parts: [(_, PartOfLayout); 2] = [
            ("partitions", |metadata| format!("{:?}", metadata.default_partition_spec().fields())),
            ("sort order", |metadata| format!("{:?}", metadata.default_sort_order().fields)),
        ];
        for (what, part) in parts {
            let (found, expected) = (part(found), part(&expected));
            if found != expected {
                return Err(LakeError::LayoutDiffers { table, what, found, expected });
            }
        }
        Ok(())
    }
}

/// The warehouse, there. A folder is created for a new lake only: a lake whose folder is gone is an error.
async fn open_warehouse(
    mut warehouse: Warehouse,
    catalog: &Catalog,
    pointers: &Pointers,
) -> Result<Warehouse, LakeError> {
    let names = || (catalog.name().to_owned(), warehouse.location().to_owned());
    if !pointers.is_empty() && !warehouse.exists().await? {
        let (catalog, warehouse) = names();
        return Err(LakeError::WarehouseMissing { catalog, warehouse });
    }
    if pointers.is_empty() {
        for table in Table::ALL {
            if warehouse.has_files(&format!("{}/data", folder_of(table))).await? {
                let (catalog, warehouse) = names();
                return Err(LakeError::CatalogLost { catalog, warehouse });
            }
        }
        warehouse.create().await?;
    }
    Ok(warehouse)
}

/// The folder of a table inside the warehouse.
fn folder_of(table: Table) -> String {
    format!("{}/{}", table.namespace(), table.name())
}

fn new_metadata(table: Table, location: String) -> iceberg::Result<TableMetadata> {
    metadata_with(table, iceberg_schema(table)?, location)
}

fn metadata_with(table: Table, schema: Schema, location: String) -> iceberg::Result<TableMetadata> {
    let creation = TableCreation::builder()
        .name(table.name().to_owned())
        .location(location)
        .partition_spec(partition_spec(table, &schema)?)
        .sort_order(sort_order(table, &schema)?)
        .schema(schema)
        .properties(properties(table))
        .format_version(FormatVersion::V2)
        .build();
    Ok(TableMetadataBuilder::from_table_creation(creation)?.build()?.metadata)
}

/// Shows one part of a table's layout, to be compared.
type PartOfLayout = fn(&TableMetadata) -> String;

/// Runs work that blocks its thread where that hurts nobody. The work has begun when this returns.
fn blocking<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = Result<T, LakeError>> {
    let runtime = Handle::current();
    let running = spawn_blocking(move || runtime.block_on(work));
    async move {
        match running.await {
            Ok(done) => Ok(done),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(LakeError::ShuttingDown),
            },
        }
    }
}
