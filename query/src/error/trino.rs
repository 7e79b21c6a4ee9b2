//! Errors as Trino's clients know them: a name, a number and a kind.

use crate::error::QueryError;
use crate::session::queries::StopReason;

/// An error's place among Trino's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrinoError {
    /// The name, such as `TABLE_NOT_FOUND`.
    pub name: &'static str,
    /// The number, such as 46.
    pub code: u32,
    pub kind: ErrorKind,
}

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    User,
    Internal,
    InsufficientResources,
}

impl ErrorKind {
    /// The kind as it is written on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "USER_ERROR",
            Self::Internal => "INTERNAL_ERROR",
            Self::InsufficientResources => "INSUFFICIENT_RESOURCES",
        }
    }
}

impl TrinoError {
    /// The error of a name; of a name that Trino does not have, `GENERIC_INTERNAL_ERROR`.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let known = KNOWN.iter().find(|(known, _)| *known == name).copied();
        let (name, code) = known.unwrap_or(("GENERIC_INTERNAL_ERROR", 65_536));
        let kind = match code {
            ..65_536 => ErrorKind::User,
            65_536..131_072 => ErrorKind::Internal,
            _ => ErrorKind::InsufficientResources,
        };
        Self { name, code, kind }
    }
}

impl QueryError {
    /// The error as Trino's clients know it.
    #[must_use]
    pub fn trino(&self) -> TrinoError {
        TrinoError::named(match self {
            Self::NoStatement | Self::SeveralStatements { .. } | Self::Syntax { .. } => "SYNTAX_ERROR",
            Self::ReadOnly { .. } => "PERMISSION_DENIED",
            Self::UnknownTable { .. } => "TABLE_NOT_FOUND",
            Self::AmbiguousTable { .. } => "AMBIGUOUS_NAME",
            Self::UnknownColumn { .. } => "COLUMN_NOT_FOUND",
            Self::Invalid { .. } => "GENERIC_USER_ERROR",
            Self::Trino { name, .. } => name,
            Self::OutOfMemory { .. } => "EXCEEDED_LOCAL_MEMORY_LIMIT",
            Self::OutOfTime { .. } => "EXCEEDED_TIME_LIMIT",
            Self::TooManyRows { .. } => "EXCEEDED_SCAN_LIMIT",
            Self::TextTooLong { .. } => "QUERY_TEXT_TOO_LARGE",
            Self::QueueFull { .. } => "QUERY_QUEUE_FULL",
            Self::Stopped { reason: StopReason::Cancelled } => "USER_CANCELED",
            Self::Stopped { reason: StopReason::Killed { .. } } => "ADMINISTRATIVELY_KILLED",
            Self::Stopped { reason: StopReason::Abandoned } => "ABANDONED_QUERY",
            Self::Lake(_) | Self::Failed { .. } => "GENERIC_INTERNAL_ERROR",
        })
    }
}

/// The names of Trino's errors with their numbers.
const KNOWN: &[(&str, u32)] = &[
    ("GENERIC_USER_ERROR", 0),
    ("SYNTAX_ERROR", 1),
    ("ABANDONED_QUERY", 2),
    ("USER_CANCELED", 3),
    ("PERMISSION_DENIED", 4),
    ("NOT_FOUND", 5),
    ("FUNCTION_NOT_FOUND", 6),
    ("INVALID_FUNCTION_ARGUMENT", 7),
    ("DIVISION_BY_ZERO", 8),
    ("INVALID_CAST_ARGUMENT", 9),
    ("OPERATOR_NOT_FOUND", 10),
    ("INVALID_VIEW", 11),
    ("ALREADY_EXISTS", 12),
    ("NOT_SUPPORTED", 13),
    ("INVALID_SESSION_PROPERTY", 14),
    ("INVALID_WINDOW_FRAME", 15),
    ("CONSTRAINT_VIOLATION", 16),
    ("TRANSACTION_CONFLICT", 17),
    ("INVALID_TABLE_PROPERTY", 18),
    ("NUMERIC_VALUE_OUT_OF_RANGE", 19),
    ("UNKNOWN_TRANSACTION", 20),
    ("NOT_IN_TRANSACTION", 21),
    ("TRANSACTION_ALREADY_ABORTED", 22),
    ("READ_ONLY_VIOLATION", 23),
    ("SUBQUERY_MULTIPLE_ROWS", 28),
    ("PROCEDURE_NOT_FOUND", 29),
    ("INVALID_PROCEDURE_ARGUMENT", 30),
    ("QUERY_REJECTED", 31),
    ("AMBIGUOUS_FUNCTION_CALL", 32),
    ("SCHEMA_NOT_EMPTY", 34),
    ("QUERY_TEXT_TOO_LARGE", 35),
    ("UNSUPPORTED_SUBQUERY", 36),
    ("ADMINISTRATIVELY_KILLED", 38),
    ("TYPE_NOT_FOUND", 43),
    ("CATALOG_NOT_FOUND", 44),
    ("SCHEMA_NOT_FOUND", 45),
    ("TABLE_NOT_FOUND", 46),
    ("COLUMN_NOT_FOUND", 47),
    ("ROLE_NOT_FOUND", 48),
    ("SCHEMA_ALREADY_EXISTS", 49),
    ("TABLE_ALREADY_EXISTS", 50),
    ("COLUMN_ALREADY_EXISTS", 51),
    ("DUPLICATE_NAMED_QUERY", 53),
    ("DUPLICATE_COLUMN_NAME", 54),
    ("MISSING_COLUMN_NAME", 55),
    ("MISSING_CATALOG_NAME", 56),
    ("MISSING_SCHEMA_NAME", 57),
    ("TYPE_MISMATCH", 58),
    ("INVALID_LITERAL", 59),
    ("COLUMN_TYPE_UNKNOWN", 60),
    ("MISMATCHED_COLUMN_ALIASES", 61),
    ("AMBIGUOUS_NAME", 62),
    ("INVALID_COLUMN_REFERENCE", 63),
    ("MISSING_GROUP_BY", 64),
    ("MISSING_ORDER_BY", 65),
    ("MISSING_OVER", 66),
    ("NESTED_AGGREGATION", 67),
    ("NESTED_WINDOW", 68),
    ("EXPRESSION_NOT_IN_DISTINCT", 69),
    ("FUNCTION_NOT_WINDOW", 71),
    ("FUNCTION_NOT_AGGREGATE", 72),
    ("EXPRESSION_NOT_AGGREGATE", 73),
    ("EXPRESSION_NOT_SCALAR", 74),
    ("EXPRESSION_NOT_CONSTANT", 75),
    ("INVALID_ARGUMENTS", 76),
    ("TOO_MANY_ARGUMENTS", 77),
    ("INVALID_PARAMETER_USAGE", 80),
    ("VIEW_IS_STALE", 81),
    ("VIEW_IS_RECURSIVE", 82),
    ("GENERIC_INTERNAL_ERROR", 65_536),
    ("GENERIC_INSUFFICIENT_RESOURCES", 131_072),
    ("EXCEEDED_GLOBAL_MEMORY_LIMIT", 131_073),
    ("QUERY_QUEUE_FULL", 131_074),
    ("EXCEEDED_TIME_LIMIT", 131_075),
    ("EXCEEDED_LOCAL_MEMORY_LIMIT", 131_079),
    ("EXCEEDED_SCAN_LIMIT", 131_081),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_follow_from_numbers() {
        let kind = |name| TrinoError::named(name).kind;
        assert_eq!(kind("TABLE_NOT_FOUND"), ErrorKind::User);
        assert_eq!(kind("QUERY_QUEUE_FULL"), ErrorKind::InsufficientResources);
        assert_eq!(TrinoError::named("NONSENSE").code, 65_536);
        assert!(KNOWN.is_sorted_by_key(|(_, code)| *code));
    }
}
