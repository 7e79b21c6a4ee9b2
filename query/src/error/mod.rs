//! Why a query has no answer, in words for who wrote it.

mod planning;
mod trino;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::error::ArrowError;
use datafusion::common::{Column, Diagnostic, SchemaError};
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;
use depthlake_dialect::DialectError;
use depthlake_lake::commit::{LakeError, Moment};
use depthlake_lake::table::Table;
use strsim::damerau_levenshtein;
use thiserror::Error;

pub use trino::{ErrorKind, TrinoError};

use crate::json_text::rfc3339;
use crate::session::queries::StopReason;

/// A place in the text of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line, from 1.
    pub line: u64,
    /// The character in the line, from 1.
    pub column: u64,
}

/// Why a query was refused or failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum QueryError {
    #[error("there is no statement in the text")]
    NoStatement,
    #[error("one statement was expected, but the text has {count}")]
    SeveralStatements { count: usize },
    #[error("syntax error{}: {message}", at(*.position))]
    Syntax { message: String, position: Option<Position> },
    #[error("{statement} is refused: this session only reads (SELECT, SHOW, DESCRIBE and EXPLAIN work)")]
    ReadOnly { statement: String },
    #[error("unknown table {name:?}{}; the nearest is {nearest}", at(*.position))]
    UnknownTable { name: String, nearest: String, position: Option<Position> },
    #[error("the table {name:?}{} is ambiguous: write {}", at(*.position), one_of(.candidates))]
    AmbiguousTable { name: String, candidates: Vec<Table>, position: Option<Position> },
    #[error("unknown column {name:?}{}; the nearest is {nearest}", at(*.position))]
    UnknownColumn { name: String, nearest: String, position: Option<Position> },
    /// A statement that parses and yet makes no sense, such as a sum of texts.
    #[error("{message}{}", at(*.position))]
    Invalid { message: String, position: Option<Position> },
    /// What Trino would refuse, in its words.
    #[error("{}{message}", before(*.position))]
    Trino { name: &'static str, message: String, position: Option<Position> },
    #[error("the query needs more memory than it may use: {detail}")]
    OutOfMemory { detail: String },
    #[error("Query exceeded the maximum run time of {}s", .limit.as_secs_f64())]
    OutOfTime { limit: Duration },
    #[error("Query exceeded the limit of {limit} rows of a result: add a LIMIT")]
    TooManyRows { limit: u64 },
    #[error("Query text length ({length}) exceeds the maximum length ({limit})")]
    TextTooLong { length: usize, limit: usize },
    #[error("Too many queued queries: {queued} wait already")]
    QueueFull { queued: usize },
    #[error("{reason}")]
    Stopped { reason: StopReason },
    #[error(transparent)]
    Lake(Box<LakeError>),
    /// A failure while rows were computed, such as a division by zero or a data file that cannot be read.
    #[error("the query failed: {message}")]
    Failed { message: String },
}

impl From<depthlake_dialect::statement::Position> for Position {
    fn from(position: depthlake_dialect::statement::Position) -> Self {
        Self { line: position.line, column: position.column }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

impl QueryError {
    /// What Trino would refuse under this name, wherever it stands.
    pub(crate) fn refused(name: &'static str, message: impl Into<String>) -> Self {
        Self::Trino { name, message: message.into(), position: None }
    }

    /// The same at a place.
    pub(crate) fn refused_at(
        name: &'static str,
        message: impl Into<String>,
        position: impl Into<Position>,
    ) -> Self {
        Self::Trino { name, message: message.into(), position: Some(position.into()) }
    }

    /// The work stopped where it should not, which is a fault of ours.
    pub(crate) fn ended_unexpectedly() -> Self {
        Self::Failed { message: "the query ended unexpectedly".to_owned() }
    }

    /// Where in the statement the error lies, where that is known.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        match self {
            Self::Syntax { position, .. }
            | Self::UnknownTable { position, .. }
            | Self::AmbiguousTable { position, .. }
            | Self::UnknownColumn { position, .. }
            | Self::Invalid { position, .. }
            | Self::Trino { position, .. } => *position,
            _ => None,
        }
    }

    /// An error of parsing or planning.
    pub(crate) fn of_planning(error: DataFusionError) -> Self {
        let position = error.diagnostic().and_then(position_of);
        match innermost(error) {
            DataFusionError::SQL(error, _) => syntax(&error),
            DataFusionError::SchemaError(error, _) => schema(&error, position),
            DataFusionError::External(error) => external(error),
            other => Self::Invalid { message: message_of(&other), position },
        }
    }

    /// An error of execution.
    pub(crate) fn of_execution(error: DataFusionError) -> Self {
        match innermost(error) {
            DataFusionError::ResourcesExhausted(detail) => Self::OutOfMemory { detail },
            DataFusionError::ArrowError(error, _) => of_arrow(*error),
            DataFusionError::External(error) => external(error),
            other => Self::Failed { message: message_of(&other) },
        }
    }
}

/// Where a diagnosed error lies.
pub(crate) fn position_of(diagnostic: &Diagnostic) -> Option<Position> {
    diagnostic.span.map(|span| Position { line: span.start.line, column: span.start.column })
}

/// The candidate that differs from the name by the fewest letters, case aside.
pub(crate) fn nearest<T: AsRef<str>>(name: &str, candidates: impl Iterator<Item = T>) -> Option<T> {
    let name = name.to_lowercase();
    candidates.min_by_key(|candidate| damerau_levenshtein(&name, &candidate.as_ref().to_lowercase()))
}

/// What can be told of an error that several streams have: what a value did wrong, a limit, or its text.
fn copied(shared: &DataFusionError) -> DataFusionError {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(shared);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<DialectError>() {
            return error.clone().into();
        }
        source = error.source();
    }
    match shared.find_root() {
        DataFusionError::ResourcesExhausted(detail) => DataFusionError::ResourcesExhausted(detail.clone()),
        root => DataFusionError::Execution(message_of(root)),
    }
}

/// The error without the layers that only add context, of several the first.
fn innermost(mut error: DataFusionError) -> DataFusionError {
    loop {
        error = match error {
            DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => *inner,
            DataFusionError::Collection(mut errors) if !errors.is_empty() => errors.swap_remove(0),
            DataFusionError::Shared(shared) => {
                Arc::try_unwrap(shared).unwrap_or_else(|shared| copied(&shared))
            }
            innermost => return innermost,
        }
    }
}

fn external(error: Box<dyn std::error::Error + Send + Sync>) -> QueryError {
    let error = match error.downcast::<QueryError>() {
        Ok(error) => return *error,
        Err(other) => other,
    };
    let error = match error.downcast::<DialectError>() {
        Ok(error) => {
            return QueryError::Trino {
                name: error.trino_name(),
                message: error.to_string(),
                position: error.position().map(Position::from),
            };
        }
        Err(other) => other,
    };
    match error.downcast::<LakeError>() {
        Ok(error) => match *error {
            LakeError::NoSnapshot { table, moment } => no_snapshot(table, moment),
            _ => QueryError::Lake(error),
        },
        Err(other) => QueryError::Failed { message: other.to_string() },
    }
}

/// A state of a table that was asked for and is not kept.
fn no_snapshot(table: Table, moment: Moment) -> QueryError {
    let what = match moment {
        Moment::Snapshot(id) => format!("snapshot {id}"),
        Moment::Time(time) => format!("snapshot at or before {}", rfc3339(time)),
    };
    QueryError::refused("INVALID_ARGUMENTS", format!("Table {table} keeps no {what}"))
}

/// What goes wrong in a value is the asker's, and known to Trino by a name.
fn of_arrow(error: ArrowError) -> QueryError {
    match error {
        ArrowError::ExternalError(error) => external(error),
        ArrowError::DivideByZero => QueryError::refused("DIVISION_BY_ZERO", "Division by zero"),
        ArrowError::ArithmeticOverflow(message) => QueryError::refused("NUMERIC_VALUE_OUT_OF_RANGE", message),
        ArrowError::CastError(message) => QueryError::refused("INVALID_CAST_ARGUMENT", message),
        other => QueryError::Failed { message: other.to_string() },
    }
}

/// The parser appends the position to its message: takes it off again.
fn syntax(error: &ParserError) -> QueryError {
    let text = match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text.as_str(),
        ParserError::RecursionLimitExceeded => "the statement is nested too deeply",
    };
    let parts = text.rsplit_once(" at Line: ").and_then(|(message, place)| {
        let (line, column) = place.split_once(", Column: ")?;
        Some((message, Position { line: line.parse().ok()?, column: column.parse().ok()? }))
    });
    match parts {
        Some((message, position)) => {
            QueryError::Syntax { message: message.to_owned(), position: Some(position) }
        }
        None => QueryError::Syntax { message: text.to_owned(), position: None },
    }
}

fn schema(error: &SchemaError, position: Option<Position>) -> QueryError {
    let invalid = || QueryError::Invalid { message: error.to_string(), position };
    let SchemaError::FieldNotFound { field, valid_fields } = error else { return invalid() };
    match nearest_column(field, valid_fields) {
        Some(nearest) => QueryError::UnknownColumn { name: field.flat_name(), nearest, position },
        None => invalid(),
    }
}

/// The nearest column of the table that was named, or of any where that has none.
fn nearest_column(field: &Column, valid: &[Column]) -> Option<String> {
    let of_same_table = valid.iter().filter(|column| column.relation == field.relation);
    let names = |column: &Column| column.name.clone();
    let qualified =
        |name: String| field.relation.as_ref().map_or(name.clone(), |table| format!("{table}.{name}"));
    nearest(&field.name, of_same_table.map(names))
        .map(qualified)
        .or_else(|| nearest(&field.name, valid.iter().map(names)))
}

fn message_of(error: &DataFusionError) -> String {
    let message = error.message();
    message.split(DataFusionError::BACK_TRACE_SEP).next().unwrap_or_default().to_owned()
}

fn at(position: Option<Position>) -> String {
    position.map_or_else(String::new, |position| format!(" at {position}"))
}

/// The position as Trino puts it, before the message.
fn before(position: Option<Position>) -> String {
    position.map_or_else(String::new, |at| format!("line {}:{}: ", at.line, at.column))
}

fn one_of(candidates: &[Table]) -> String {
    candidates.iter().map(Table::to_string).collect::<Vec<_>>().join(" or ")
}
