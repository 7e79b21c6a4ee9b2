//! The catalog: where each table's current metadata is, and how far each table has read the log.
//!
//! A commit moves both in one step: each pointer and each position moves only from what the committer saw, and either all
//! of them move or none. Databases do it in a transaction ([`database`]).

mod database;
mod dialect;

use std::collections::BTreeMap;

use super::error::LakeError;
use super::position::{PartitionOfTable, Positions};
use crate::address::CatalogAddress;
use crate::table::Table;

use database::DatabaseCatalog;

/// The catalog's name, which other engines must give.
pub const CATALOG_NAME: &str = "depthlake";

/// The location of each table's current metadata.
pub(super) type Pointers = BTreeMap<Table, String>;

#[derive(Debug)]
pub(super) enum Catalog {
    Database(DatabaseCatalog),
}

/// A table's pointer, from what it was seen to be to what it shall be.
#[derive(Debug)]
pub(super) struct PointerMove {
    pub(super) table: Table,
    pub(super) from: String,
    pub(super) to: String,
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
        }
    }

    /// What people call it, without secrets.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Database(catalog) => catalog.name(),
        }
    }

    pub(super) async fn pointers(&self) -> Result<Pointers, LakeError> {
        match self {
            Self::Database(catalog) => catalog.pointers().await,
        }
    }

    /// Pointers and positions as one commit left them.
    pub(super) async fn state(&self) -> Result<(Pointers, Positions), LakeError> {
        match self {
            Self::Database(catalog) => catalog.state().await,
        }
    }

    /// Enters tables that are not there yet. Where another process entered one first, that one stays.
    pub(super) async fn register(&self, tables: &Pointers) -> Result<(), LakeError> {
        match self {
            Self::Database(catalog) => catalog.register(tables).await,
        }
    }

    /// Moves all pointers and positions, or none where one is no longer as it was seen.
    pub(super) async fn advance(
        &self,
        pointers: &[PointerMove],
        positions: &[PositionMove],
    ) -> Result<Advance, AdvanceError> {
        match self {
            Self::Database(catalog) => catalog.advance(pointers, positions).await,
        }
    }
}
