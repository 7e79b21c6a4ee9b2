//! Errors of the reader as Python's exceptions.

use depthlake_engine::board::BoardError as ReaderError;
use pyo3::PyErr;
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyFileNotFoundError, PyKeyError, PyOSError};

create_exception!(depthlake, BoardError, PyException, "A board that cannot be read, and why.");

/// The exception that Python programmers expect for `error`, with its message.
pub fn exception(error: &ReaderError) -> PyErr {
    let message = error.to_string();
    match error {
        ReaderError::Missing { .. } => PyFileNotFoundError::new_err(message),
        ReaderError::Io { .. } => PyOSError::new_err(message),
        ReaderError::UnknownSymbol { .. } => PyKeyError::new_err(message),
        _ => BoardError::new_err(message),
    }
}
