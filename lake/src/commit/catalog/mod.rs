//! The catalog: where each table's current metadata is, and how far each table has read the log.
//!
//! A commit moves both in one step: each pointer and each position moves only from what the committer saw, and either all
//! of them move or none. Databases do it in a transaction ([`database`]), servers of the REST protocol by one request
//! ([`rest`]).

mod database;
mod dialect;
mod rest;

use std::collections::BTreeMap;
use std::sync::Arc;

use iceberg::io::FileIO;
use iceberg::spec::TableMetadata;
use iceberg::{MetadataLocation, TableUpdate};

use super::blocking;
use super::error::LakeError;
use super::position::{PartitionOfTable, Positions};
use super::snapshot::TableVersion;
use crate::address::CatalogAddress;
use crate::table::Table;

use database::DatabaseCatalog;
use rest::RestCatalog;
pub use rest::RestError;

/// The catalog's name, which other engines must give.
pub const CATALOG_NAME: &str = "depthlake";

/// The location of each table's current metadata.
pub(super) type Pointers = BTreeMap<Table, String>;

#[derive(Debug)]
pub(super) enum Catalog {
    Database(DatabaseCatalog),
    Rest(RestCatalog),
}

/// Who writes a table's metadata files, and keeps the positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MetadataKeeper {
    /// The committer; positions are in the catalog.
    Committer,
    /// The catalog's server; positions are in the snapshots.
    Server,
}

/// A table, from the version it was seen to have to the one it shall have.
#[derive(Debug, Clone)]
pub(super) struct TableMove {
    pub(super) base: Arc<TableVersion>,
    /// The file of the next version's metadata, where the committer writes it.
    pub(super) to: String,
    /// What makes the next version of the base.
    pub(super) updates: Vec<TableUpdate>,
}

/// A position, from what it was seen to be (`None`: never committed) to what it shall be.
#[derive(Debug)]
pub(super) struct PositionMove {
    pub(super) of: PartitionOfTable,
    pub(super) from: Option<u64>,
    pub(super) to: u64,
}

/// What became of a transaction whose outcome is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Advance {
    Moved,
    /// Something was no longer as it was seen; nothing has moved.
    Conflict,
}

/// A transaction that failed.
#[derive(Debug)]
pub(super) enum AdvanceError {
    /// Before its COMMIT: nothing has moved.
    Refused(LakeError),
    /// At its COMMIT: it may have moved.
    Doubtful(LakeError),
}

impl Catalog {
    /// Opens the catalog, or creates an empty one.
    pub(super) async fn open(address: &CatalogAddress) -> Result<Self, LakeError> {
        match address {
            CatalogAddress::Sqlite(path) => DatabaseCatalog::sqlite(path).await.map(Self::Database),
            CatalogAddress::Postgres(url) => DatabaseCatalog::postgres(url).await.map(Self::Database),
            CatalogAddress::Rest(rest) => RestCatalog::open(address.to_string(), rest).await.map(Self::Rest),
        }
    }

    /// What people call it, without secrets.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Database(catalog) => catalog.name(),
            Self::Rest(catalog) => catalog.name(),
        }
    }

    pub(super) const fn metadata_keeper(&self) -> MetadataKeeper {
        match self {
            Self::Database(_) => MetadataKeeper::Committer,
            Self::Rest(_) => MetadataKeeper::Server,
        }
    }

    /// The version of a table, where the catalog has given it with its pointer.
    pub(super) fn loaded(&self, table: Table, location: &str) -> Option<Arc<TableVersion>> {
        match self {
            Self::Database(_) => None,
            Self::Rest(catalog) => catalog.loaded(table, location),
        }
    }

    /// The tables that this process created and that must have a snapshot before others commit to them.
    pub(super) fn without_history(&self) -> Vec<Table> {
        match self {
            Self::Database(_) => Vec::new(),
            Self::Rest(catalog) => catalog.created().iter().copied().collect(),
        }
    }

    pub(super) async fn pointers(&self) -> Result<Pointers, LakeError> {
        match self {
            Self::Database(catalog) => catalog.pointers().await,
            Self::Rest(catalog) => catalog.pointers().await,
        }
    }

    /// Pointers and positions as one commit left them.
    pub(super) async fn state(&self) -> Result<(Pointers, Positions), LakeError> {
        match self {
            Self::Database(catalog) => catalog.state().await,
            Self::Rest(catalog) => catalog.state().await,
        }
    }

    /// The pointer of a table, and the positions that say what rows are behind it, as one commit left them.
    pub(super) async fn state_of(&self, table: Table) -> Result<(Pointers, Positions), LakeError> {
        match self {
            Self::Database(catalog) => catalog.state().await,
            Self::Rest(catalog) => catalog.state_of(table).await,
        }
    }

    /// Makes tables that are not there yet, as their first versions describe them. Where another process made one first,
    /// that one stays.
    pub(super) async fn create(
        &self,
        tables: Vec<(Table, TableMetadata)>,
        file_io: &FileIO,
    ) -> Result<(), LakeError> {
        match self {
            Self::Database(catalog) => {
                let file_io = file_io.clone();
                let written = blocking(async move {
                    let mut pointers = Pointers::new();
                    for (table, metadata) in tables {
                        pointers.insert(table, write_first(&file_io, table, &metadata).await?);
                    }
                    Ok::<_, LakeError>(pointers)
                });
                let written = written.await??;
                fail::fail_point!("open::tables_written");
                catalog.register(&written).await
            }
            Self::Rest(catalog) => {
                for (table, metadata) in &tables {
                    catalog.create(*table, metadata).await?;
                }
                Ok(())
            }
        }
    }

    /// Moves all tables and positions, or none where one is no longer as it was seen. Where the positions are in the
    /// snapshots, the tables bring them.
    pub(super) async fn advance(
        &self,
        tables: Vec<TableMove>,
        positions: &[PositionMove],
    ) -> Result<Advance, AdvanceError> {
        match self {
            Self::Database(catalog) => catalog.advance(&tables, positions).await,
            Self::Rest(catalog) => catalog.advance(tables).await,
        }
    }
}

async fn write_first(file_io: &FileIO, table: Table, metadata: &TableMetadata) -> Result<String, LakeError> {
    let file = MetadataLocation::new_with_metadata(metadata.location(), metadata);
    let written = metadata.write_to(file_io, &file).await;
    written.map_err(LakeError::table(table, "write the metadata"))?;
    Ok(file.to_string())
}
