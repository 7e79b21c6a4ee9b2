//! The Python package `depthlake`: the board's Rust reader with numpy arrays.
//!
//! What each class and method gives is told in `python/depthlake/_depthlake.pyi`, where editors and type checkers find it,
//! and in the docstrings here.

mod arrays;
mod board;
mod book;
mod errors;
mod slot;
mod touch;

use pyo3::prelude::*;

/// Live order books of a running depthlake.
#[pymodule]
mod _depthlake {
    #[pymodule_export]
    use super::board::Board;
    #[pymodule_export]
    use super::book::{Book, Counters, Features, Trade};
    #[pymodule_export]
    use super::errors::BoardError;
    #[pymodule_export]
    use super::slot::Slot;
    #[pymodule_export]
    use super::touch::Touch;
    /// The levels that a board shows of each side.
    #[pymodule_export]
    const LEVELS: usize = depthlake_engine::board::LADDER_LEVELS;
}
