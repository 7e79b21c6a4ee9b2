//! What can go wrong in opening a lake and in committing to it.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::catalog::RestError;
use crate::table::Table;
use crate::warehouse::WarehouseError;

/// Why a lake cannot be opened or read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LakeError {
    #[error("cannot create {}", .path.display())]
    Create { path: PathBuf, source: io::Error },
    #[error("the path {} is not UTF-8, as Iceberg locations must be", .path.display())]
    PathNotUtf8 { path: PathBuf },
    #[error("the catalog {catalog} is no intact SQLite database ({detail}); restore it from a copy")]
    CorruptCatalog { catalog: String, detail: String },
    #[error(
        "the catalog {catalog} knows no tables but {warehouse} holds data; restore the catalog from a copy"
    )]
    CatalogLost { catalog: String, warehouse: String },
    #[error("the catalog {catalog} knows tables but their warehouse {warehouse} is missing")]
    WarehouseMissing { catalog: String, warehouse: String },
    #[error("table {table} lives in {location}, not in the warehouse {warehouse}")]
    OutsideWarehouse { table: Table, location: String, warehouse: String },
    #[error("table {table} has the {what} {found}, expected {expected}; it was made by another version")]
    LayoutDiffers { table: Table, what: &'static str, found: String, expected: String },
    #[error(
        "column {column} of table {table} is {found}, expected {expected}; it was made by another version"
    )]
    ColumnDiffers { table: Table, column: String, found: String, expected: String },
    #[error("the catalog {catalog} knows no table {table}")]
    TableMissing { catalog: String, table: Table },
    #[error("table {table} has row deletes, which another engine wrote and this one does not apply")]
    RowDeletes { table: Table },
    #[error("the catalog {catalog} holds the impossible position {position} of {table}")]
    ImpossiblePosition { catalog: String, table: String, position: String },
    #[error("cannot {action} the catalog {catalog}")]
    Catalog { catalog: String, action: &'static str, source: sqlx::Error },
    #[error("cannot {action} the REST catalog {catalog}")]
    RestCatalog { catalog: String, action: &'static str, source: RestError },
    #[error(
        "the REST catalog {catalog} cannot move several tables at once (it lacks POST transactions/commit), without which a row could be lost or come twice; use one that can, or a database"
    )]
    NoTransactions { catalog: String },
    #[error(
        "others changed the tables of the catalog {catalog} each of the {looks} times that they were looked at"
    )]
    Unsteady { catalog: String, looks: usize },
    #[error("new tables did not get their first snapshots: {reason}")]
    NoFirstSnapshot { reason: String },
    #[error(transparent)]
    Warehouse(#[from] WarehouseError),
    #[error("cannot {action} of table {table}")]
    Table { table: Table, action: &'static str, source: Box<iceberg::Error> },
    #[error("table {table} keeps no {moment}")]
    NoSnapshot { table: Table, moment: super::Moment },
    #[error("the program is shutting down")]
    ShuttingDown,
}

/// Why a change was not committed. Unless it says otherwise, no table has changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CommitError {
    #[error(
        "{table} has {topic}/{partition} up to {committed}, but these rows begin at {start}: another writer has taken over, or rows are missing"
    )]
    Superseded { table: Table, topic: String, partition: u32, start: u64, committed: u64 },
    #[error(
        "{table} has {topic}/{partition} up to {committed}, inside the rows {start} to {end}: appending them would double the first"
    )]
    PartialOverlap { table: Table, topic: String, partition: u32, start: u64, end: u64, committed: u64 },
    #[error("{done} is already committed but {open} is not, so they were not committed together")]
    PartlyDone { done: String, open: String },
    #[error("{location} is no longer part of {table}, so it cannot be removed: another writer has")]
    FilesGone { table: Table, location: String },
    #[error("the change of {table} is malformed: {reason}")]
    Malformed { table: Table, reason: String },
    #[error("other writers moved the tables {attempts} times while this commit was prepared")]
    Contended { attempts: usize },
    #[error("the catalog did not confirm the commit, which may or may not have happened")]
    Doubtful(#[source] Box<LakeError>),
    #[error(transparent)]
    Lake(#[from] LakeError),
}

impl LakeError {
    pub(super) fn table(table: Table, action: &'static str) -> impl Fn(iceberg::Error) -> Self {
        move |source| Self::Table { table, action, source: Box::new(source) }
    }
}
