//! What a value or an argument did wrong, under Trino's name of the error.

use datafusion::error::DataFusionError;
use thiserror::Error;

use crate::statement::Position;

/// A failure that a function of the dialect found. It travels inside [`DataFusionError::External`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct DialectError {
    kind: ErrorKind,
    message: String,
    subject: Option<Box<Subject>>,
    position: Option<Position>,
}

/// What of a statement an error is about, by which its place is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A call of a function.
    Function(String),
    /// An operator with its operands, as far as they are columns or literals.
    Operator { operator: String, left: Option<String>, right: Option<String> },
    /// `IN`, `BETWEEN`, `LIKE` or `NOT` of a value, so far as it is a column or literal.
    Form { form: Form, value: Option<String> },
}

/// A form of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    In,
    Between,
    Like,
    Not,
    Case,
    Array,
}

/// Trino's kinds of errors that values and arguments can cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    DivisionByZero,
    FunctionNotFound,
    InvalidCastArgument,
    InvalidFunctionArgument,
    NotSupported,
    NumericValueOutOfRange,
    SubqueryMultipleRows,
    TypeMismatch,
    TypeNotFound,
}

impl DialectError {
    /// A failure of a kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), subject: None, position: None }
    }

    /// The kind of the failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The same about a part of a statement.
    #[must_use]
    pub(crate) fn about(mut self, subject: Subject) -> Self {
        self.subject = Some(Box::new(subject));
        self
    }

    pub(crate) fn subject(&self) -> Option<&Subject> {
        self.subject.as_deref()
    }

    /// The same at a place.
    #[must_use]
    pub fn at(mut self, position: Option<Position>) -> Self {
        self.position = position;
        self
    }

    /// Where in the statement the error lies, where that is known.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.position
    }

    /// Trino's name of the error, such as `DIVISION_BY_ZERO`.
    #[must_use]
    pub fn trino_name(&self) -> &'static str {
        match self.kind {
            ErrorKind::DivisionByZero => "DIVISION_BY_ZERO",
            ErrorKind::FunctionNotFound => "FUNCTION_NOT_FOUND",
            ErrorKind::InvalidCastArgument => "INVALID_CAST_ARGUMENT",
            ErrorKind::InvalidFunctionArgument => "INVALID_FUNCTION_ARGUMENT",
            ErrorKind::NotSupported => "NOT_SUPPORTED",
            ErrorKind::NumericValueOutOfRange => "NUMERIC_VALUE_OUT_OF_RANGE",
            ErrorKind::SubqueryMultipleRows => "SUBQUERY_MULTIPLE_ROWS",
            ErrorKind::TypeMismatch => "TYPE_MISMATCH",
            ErrorKind::TypeNotFound => "TYPE_NOT_FOUND",
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
