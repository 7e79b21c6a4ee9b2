//! Errors with the code (SQLSTATE) that `PostgreSQL` would give them.

use datafusion::error::DataFusionError;
use pgwire::api::{ClientInfo, ErrorHandler};
use pgwire::error::{ErrorInfo, PgWireError};

use super::parameters::ParameterError;
use crate::error::QueryError;

/// The code of an error that is named as Trino names it.
fn state_of(name: &str) -> &'static str {
    match name {
        "SYNTAX_ERROR" => "42601",
        "TABLE_NOT_FOUND" => "42P01",
        "SCHEMA_NOT_FOUND" => "3F000",
        "CATALOG_NOT_FOUND" => "3D000",
        "COLUMN_NOT_FOUND" => "42703",
        "FUNCTION_NOT_FOUND" => "42883",
        "AMBIGUOUS_NAME" => "42702",
        "TYPE_MISMATCH" | "OPERATOR_NOT_FOUND" => "42804",
        "PERMISSION_DENIED" => "42501",
        "READ_ONLY_VIOLATION" => "25006",
        "NOT_SUPPORTED" => "0A000",
        "DIVISION_BY_ZERO" => "22012",
        "NUMERIC_VALUE_OUT_OF_RANGE" => "22003",
        "INVALID_CAST_ARGUMENT" | "INVALID_LITERAL" => "22P02",
        "INVALID_FUNCTION_ARGUMENT" => "22023",
        "MISSING_GROUP_BY" | "EXPRESSION_NOT_AGGREGATE" => "42803",
        "TABLE_ALREADY_EXISTS" | "ALREADY_EXISTS" => "42P07",
        "USER_CANCELED" | "EXCEEDED_TIME_LIMIT" | "ABANDONED_QUERY" => "57014",
        "ADMINISTRATIVELY_KILLED" => "57P01",
        "QUERY_QUEUE_FULL" => "53300",
        "QUERY_TEXT_TOO_LARGE" | "EXCEEDED_SCAN_LIMIT" => "54000",
        "EXCEEDED_LOCAL_MEMORY_LIMIT" | "EXCEEDED_GLOBAL_MEMORY_LIMIT" => "53200",
        "GENERIC_INTERNAL_ERROR" => "XX000",
        _ => "42000",
    }
}

/// An error of a statement; `text` is the statement, for the place in it.
pub(super) fn of_query(error: &QueryError, text: &str) -> PgWireError {
    let state = match error {
        QueryError::ReadOnly { .. } => "25006",
        other => state_of(other.trino().name),
    };
    let mut info = ErrorInfo::new("ERROR".to_owned(), state.to_owned(), error.to_string());
    info.severity_nonlocalized = Some("ERROR".to_owned());
    let place = error.position().and_then(|place| characters_before(text, place.line, place.column));
    info.position = place.map(|characters| (characters + 1).to_string());
    PgWireError::UserError(Box::new(info))
}

/// An error of a question about the catalog.
pub(super) fn of_catalog(error: DataFusionError, text: &str) -> PgWireError {
    of_query(&QueryError::of_planning(error), text)
}

pub(super) fn of_parameter(error: &ParameterError) -> PgWireError {
    let state = match error {
        ParameterError::Count { .. } => "08P01",
        ParameterError::Malformed { .. } => "22P02",
        ParameterError::Unsupported { .. } => "0A000",
    };
    plain(state, error.to_string())
}

pub(super) fn plain(state: &str, message: impl Into<String>) -> PgWireError {
    with_severity("ERROR", state, message)
}

/// An error behind which the connection ends.
pub(super) fn fatal(state: &str, message: impl Into<String>) -> PgWireError {
    with_severity("FATAL", state, message)
}

fn with_severity(severity: &str, state: &str, message: impl Into<String>) -> PgWireError {
    let mut info = ErrorInfo::new(severity.to_owned(), state.to_owned(), message.into());
    info.severity_nonlocalized = Some(severity.to_owned());
    PgWireError::UserError(Box::new(info))
}

/// Gives errors of the protocol's library the codes that clients go by.
pub(super) struct Codes;

impl ErrorHandler for Codes {
    fn on_error<C: ClientInfo>(&self, _: &C, error: &mut PgWireError) {
        let state = match error {
            PgWireError::StatementNotFound(_) => "26000",
            PgWireError::PortalNotFound(_) => "34000",
            PgWireError::QueryCanceled => "57014",
            PgWireError::ParameterIndexOutOfBound(_) => "08P01",
            _ => return,
        };
        *error = plain(state, error.to_string());
    }
}

/// How many characters lie before a line and column, both from 1.
fn characters_before(text: &str, line: u64, column: u64) -> Option<usize> {
    let line = usize::try_from(line).ok()?.checked_sub(1)?;
    let column = usize::try_from(column).ok()?.checked_sub(1)?;
    let lines: Vec<_> = text.split_inclusive('\n').take(line).collect();
    (lines.len() == line).then(|| lines.iter().map(|line| line.chars().count()).sum::<usize>() + column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_in_characters() {
        assert_eq!(characters_before("SELECT é,\nx", 1, 8), Some(7));
        assert_eq!(characters_before("SELECT é,\nx", 2, 1), Some(10));
        assert_eq!(characters_before("SELECT", 3, 1), None);
    }
}
