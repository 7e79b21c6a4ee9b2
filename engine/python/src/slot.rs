//! One symbol on the board as Python sees it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use depthlake_engine::board::{BoardError, BoardLadder, Followed, Follower, Versioned, WaitBy};
use numpy::PyArray2;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::arrays;
use crate::book::Book;
use crate::errors::exception;
use crate::touch::Touch;

/// How long a wait goes on before it looks whether the user wants to interrupt it.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(100);

/// One symbol's live book, through restarts of its writer.
///
/// Every method that reads copies what it gives out of shared memory, for only a copy can be checked to be of one write. Where
/// even a new array is too much, `ladder(out=...)` copies straight into yours.
#[pyclass(frozen, module = "depthlake")]
pub struct Slot(Mutex<Follower>);

#[pymethods]
impl Slot {
    #[getter]
    fn symbol(&self) -> String {
        self.follower().symbol().to_string()
    }

    /// The best bid and ask: the cheapest thing to read.
    fn touch(&self) -> PyResult<Touch> {
        read(self.follower().touch()).map(|copy| Touch(copy.value))
    }

    /// Everything, of one and the same write.
    fn read(&self) -> PyResult<Book> {
        let mut follower = self.follower();
        let symbol = follower.symbol();
        read(follower.read()).map(|copy| Book { symbol, row: copy.value })
    }

    /// Exact bids, best first: a new int64 array of shape (levels, 2) with price and quantity in units.
    fn bids<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<i64>>> {
        arrays::units(py, &self.copy_ladder()?.bids)
    }

    /// Exact asks, best first: a new int64 array of shape (levels, 2) with price and quantity in units.
    fn asks<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<i64>>> {
        arrays::units(py, &self.copy_ladder()?.asks)
    }

    /// Bids, best first: a new float64 array of shape (levels, 2) with price and quantity.
    fn bids_float<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let ladder = self.copy_ladder()?;
        arrays::doubles(py, &ladder.bids, (ladder.price_scale, ladder.quantity_scale))
    }

    /// Asks, best first: a new float64 array of shape (levels, 2) with price and quantity.
    fn asks_float<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let ladder = self.copy_ladder()?;
        arrays::doubles(py, &ladder.asks, (ladder.price_scale, ladder.quantity_scale))
    }

    /// Both sides of one and the same write, in an array of shape (2, LEVELS, 2): side, level, price and quantity.
    ///
    /// Fills `out`, if given, and returns it: exact units if it is int64, numbers if it is float64. It must be contiguous.
    /// A level that is not there has quantity 0, and price 0 or nan.
    #[pyo3(signature = (out=None))]
    fn ladder<'py>(&self, py: Python<'py>, out: Option<Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        let out = out.unwrap_or_else(|| arrays::empty_ladder(py));
        arrays::fill(&out, &self.copy_ladder()?)?;
        Ok(out)
    }

    /// Waits until there is something newer than what was last read through this object; True if there is.
    ///
    /// False after `timeout` seconds, also when the writer is gone (see `Board.is_alive`). A restarted writer's board is
    /// taken up here, and counts as newer. Other Python threads run meanwhile. With `spin` the wait takes a whole core and ends
    /// within some microseconds of the change; without, mostly within a fraction of a millisecond.
    #[pyo3(signature = (timeout=None, *, spin=false))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>, spin: bool) -> PyResult<bool> {
        let timeout = timeout.map(Duration::try_from_secs_f64).transpose();
        let timeout = timeout.map_err(|error| PyValueError::new_err(format!("timeout: {error}")))?;
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let by = if spin { WaitBy::Spinning } else { WaitBy::Sleeping };
        // A copy of its own, so that other threads may read through this object meanwhile.
        let mut follower = self.follower().clone();
        loop {
            let left = deadline.map(|end| end.saturating_duration_since(Instant::now()));
            let pause = left.map_or(SIGNAL_INTERVAL, |left| left.min(SIGNAL_INTERVAL));
            match py.detach(|| follower.wait(by, pause)).map_err(|error| exception(&error))? {
                Followed::Changed => return Ok(true),
                Followed::Restarted => {
                    *self.follower() = follower;
                    return Ok(true);
                }
                Followed::TimedOut | Followed::WriterDead if left == Some(pause) => return Ok(false),
                Followed::TimedOut | Followed::WriterDead => py.check_signals()?,
            }
        }
    }

    /// Takes up the board of a restarted writer, if there is one; True if there was. For those who read without `wait`.
    fn refresh(&self) -> PyResult<bool> {
        self.follower().refresh().map_err(|error| exception(&error))
    }

    fn __repr__(&self) -> String {
        format!("<Slot {}>", self.follower().symbol())
    }
}

impl Slot {
    pub const fn new(follower: Follower) -> Self {
        Self(Mutex::new(follower))
    }

    fn follower(&self) -> MutexGuard<'_, Follower> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn copy_ladder(&self) -> PyResult<BoardLadder> {
        read(self.follower().ladder()).map(|copy| copy.value)
    }
}

fn read<T>(copy: Result<Versioned<T>, BoardError>) -> PyResult<Versioned<T>> {
    copy.map_err(|error| exception(&error))
}
