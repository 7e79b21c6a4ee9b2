//! Why history is not landed.

use arrow_schema::ArrowError;
use thiserror::Error;

use crate::commit::{CommitError, LakeError};
use crate::table::Table;

/// Why chunks were not landed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HistoryError {
    #[error(
        "{source_name} is in the lake up to line {next_line} (exclusive), but these lines are {first_line} and on: lines between are missing, or another version cuts it otherwise"
    )]
    Hole { source_name: String, next_line: u64, first_line: u64 },
    #[error("the lake cannot be read")]
    Lake(#[from] LakeError),
    #[error("history cannot be committed")]
    Commit(#[from] CommitError),
    #[error("cannot make rows of {table}")]
    Rows { table: Table, source: ArrowError },
    #[error("the rows of {table} lack the column {column}")]
    Column { table: Table, column: &'static str },
}

impl HistoryError {
    pub(super) fn rows(table: Table) -> impl Fn(ArrowError) -> Self {
        move |source| Self::Rows { table, source }
    }
}
