//! The board as Python sees it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use depthlake_engine::board::{Follower, Reader};
use depthlake_engine::clock;
use depthlake_orderbook::symbol::Symbol;
use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyList};

use crate::errors::exception;
use crate::slot::Slot;

/// The live books of a running depthlake, e.g. `Board("depthlake-data/board")`.
///
/// A mapping from symbols to slots that is read from shared memory, without locks and without slowing the writer down.
#[pyclass(frozen, module = "depthlake")]
pub struct Board {
    path: PathBuf,
    reader: Mutex<Option<Arc<Reader>>>,
}

#[pymethods]
impl Board {
    #[new]
    fn new(path: PathBuf) -> PyResult<Self> {
        let reader = Reader::open(&path).map_err(|error| exception(&error))?;
        Ok(Self { path, reader: Mutex::new(Some(Arc::new(reader))) })
    }

    #[getter]
    fn path(&self) -> PathBuf {
        self.path.clone()
    }

    /// All symbols, in the order of the board.
    #[getter]
    fn symbols(&self) -> PyResult<Vec<String>> {
        Ok(self.current()?.symbols().iter().map(Symbol::to_string).collect())
    }

    /// Whether somebody still writes this board, or the one that a restarted writer has put in its place.
    #[getter]
    fn is_alive(&self) -> PyResult<bool> {
        Ok(self.current()?.is_writer_alive(clock::now()))
    }

    /// The process that writes the board.
    #[getter]
    fn writer_pid(&self) -> PyResult<u32> {
        Ok(self.current()?.writer_pid())
    }

    /// When the writer last said that it is alive, in nanoseconds since 1970 UTC.
    #[getter]
    fn heartbeat(&self) -> PyResult<i64> {
        Ok(self.current()?.heartbeat().0)
    }

    /// Lets go of the board. Slots got from it stay readable.
    fn close(&self) {
        self.reader().take();
    }

    fn __getitem__(&self, symbol: &str) -> PyResult<Slot> {
        let Ok(parsed) = Symbol::new(symbol) else { return Err(PyKeyError::new_err(symbol.to_owned())) };
        let follower = Follower::of(self.current()?, parsed).map_err(|error| exception(&error))?;
        Ok(Slot::new(follower))
    }

    fn __contains__(&self, symbol: &str) -> PyResult<bool> {
        let Ok(symbol) = Symbol::new(symbol) else { return Ok(false) };
        Ok(self.current()?.find(symbol).is_some())
    }

    fn __len__(&self) -> PyResult<usize> {
        Ok(self.current()?.symbols().len())
    }

    /// All slots, in the order of the board.
    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        let reader = self.current()?;
        let follow = |&symbol: &Symbol| Follower::of(Arc::clone(&reader), symbol).map(Slot::new);
        let slots: Result<Vec<_>, _> = reader.symbols().iter().map(follow).collect();
        PyList::new(py, slots.map_err(|error| exception(&error))?)?.try_iter()
    }

    fn __enter__(board: Bound<'_, Self>) -> Bound<'_, Self> {
        board
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyAny>) {
        self.close();
    }

    fn __repr__(&self) -> PyResult<String> {
        let reader = self.current()?;
        let life = if reader.is_writer_alive(clock::now()) { "alive" } else { "dead" };
        Ok(format!("<Board {}: {} symbols, writer {life}>", self.path.display(), reader.symbols().len()))
    }
}

impl Board {
    /// The board that is written: a dead writer's is let go of once there is another in its place.
    fn current(&self) -> PyResult<Arc<Reader>> {
        let mut reader = self.reader();
        let Some(known) = reader.as_mut() else {
            return Err(PyValueError::new_err("the board was closed"));
        };
        if !known.is_writer_alive(clock::now())
            && let Some(replacement) = known.replacement().map_err(|error| exception(&error))?
        {
            *known = Arc::new(replacement);
        }
        Ok(Arc::clone(known))
    }

    fn reader(&self) -> MutexGuard<'_, Option<Arc<Reader>>> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
