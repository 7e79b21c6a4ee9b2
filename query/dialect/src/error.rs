//! What a value or an argument did wrong, under Trino's name of the error.

use datafusion::error::DataFusionError;
use thiserror::Error;

/// A failure that a function of the dialect found. It travels inside [`DataFusionError::External`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct DialectError {
    kind: ErrorKind,
    message: String,
}

/// Trino's kinds of errors that values and arguments can cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    DivisionByZero,
    InvalidCastArgument,
    InvalidFunctionArgument,
    NotSupported,
    NumericValueOutOfRange,
    SubqueryMultipleRows,
    TypeMismatch,
}

impl DialectError {
    /// A failure of a kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The kind of the failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Trino's name of the error, such as `DIVISION_BY_ZERO`.
    #[must_use]
    pub fn trino_name(&self) -> &'static str {
        match self.kind {
            ErrorKind::DivisionByZero => "DIVISION_BY_ZERO",
            ErrorKind::InvalidCastArgument => "INVALID_CAST_ARGUMENT",
            ErrorKind::InvalidFunctionArgument => "INVALID_FUNCTION_ARGUMENT",
            ErrorKind::NotSupported => "NOT_SUPPORTED",
            ErrorKind::NumericValueOutOfRange => "NUMERIC_VALUE_OUT_OF_RANGE",
            ErrorKind::SubqueryMultipleRows => "SUBQUERY_MULTIPLE_ROWS",
            ErrorKind::TypeMismatch => "TYPE_MISMATCH",
        }
    }
}

impl From<DialectError> for DataFusionError {
    fn from(error: DialectError) -> Self {
        Self::External(Box::new(error))
    }
}

pub(crate) fn division_by_zero() -> DataFusionError {
    DialectError::new(ErrorKind::DivisionByZero, "Division by zero").into()
}

pub(crate) fn invalid_cast(message: impl Into<String>) -> DataFusionError {
    DialectError::new(ErrorKind::InvalidCastArgument, message).into()
}

pub(crate) fn invalid_argument(message: impl Into<String>) -> DataFusionError {
    DialectError::new(ErrorKind::InvalidFunctionArgument, message).into()
}

pub(crate) fn not_supported(message: impl Into<String>) -> DataFusionError {
    DialectError::new(ErrorKind::NotSupported, message).into()
}

pub(crate) fn out_of_range(message: impl Into<String>) -> DataFusionError {
    DialectError::new(ErrorKind::NumericValueOutOfRange, message).into()
}

pub(crate) fn several_rows() -> DataFusionError {
    DialectError::new(ErrorKind::SubqueryMultipleRows, "Scalar sub-query has returned multiple rows").into()
}

pub(crate) fn type_mismatch(message: impl Into<String>) -> DataFusionError {
    DialectError::new(ErrorKind::TypeMismatch, message).into()
}
