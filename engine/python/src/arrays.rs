//! Ladders as numpy arrays.

use depthlake_engine::board::{BoardLadder, LADDER_LEVELS, Ladder};
use depthlake_orderbook::decimal::Scale;
use depthlake_orderbook::event::Level;
use numpy::{Element, PyArray2, PyArray3, PyArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

/// Bids and asks, levels, price and quantity.
const LADDER_SHAPE: [usize; 3] = [2, LADDER_LEVELS, 2];

/// What one level has: a price and a quantity.
type Pair<T> = [T; 2];

/// One side, exactly: a row a level, with price and quantity in units.
pub fn units<'py>(py: Python<'py>, levels: &Ladder) -> PyResult<Bound<'py, PyArray2<i64>>> {
    array(py, levels, |level| [level.price.0, level.quantity.0])
}

/// One side in doubles: a row a level, with price and quantity.
pub fn doubles<'py>(
    py: Python<'py>,
    levels: &Ladder,
    scales: (Scale, Scale),
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    array(py, levels, |level| in_doubles(level, scales))
}

/// A new array for [`fill`].
pub fn empty_ladder(py: Python<'_>) -> Bound<'_, PyAny> {
    PyArray3::<i64>::zeros(py, LADDER_SHAPE, false).into_any()
}

/// Fills an array of shape `(2, LEVELS, 2)`, of integers or doubles.
///
/// # Errors
/// `TypeError` and `ValueError` where it is another kind of array.
pub fn fill(out: &Bound<'_, PyAny>, ladder: &BoardLadder) -> PyResult<()> {
    if let Ok(out) = out.cast::<PyArray3<i64>>() {
        return fill_array(out, ladder, [0, 0], |level| [level.price.0, level.quantity.0]);
    }
    if let Ok(out) = out.cast::<PyArray3<f64>>() {
        let scales = (ladder.price_scale, ladder.quantity_scale);
        return fill_array(out, ladder, [f64::NAN, 0.0], |level| in_doubles(level, scales));
    }
    Err(PyTypeError::new_err("out must be a numpy array of three dimensions, of int64 or float64"))
}

fn array<'py, T: Element + Copy>(
    py: Python<'py>,
    levels: &Ladder,
    pair: impl Fn(&Level) -> Pair<T>,
) -> PyResult<Bound<'py, PyArray2<T>>> {
    let array = PyArray2::zeros(py, [levels.len(), 2], false);
    let mut writable = array.readwrite();
    for (place, level) in writable.as_slice_mut()?.as_chunks_mut().0.iter_mut().zip(levels.iter()) {
        *place = pair(level);
    }
    drop(writable);
    Ok(array)
}

fn fill_array<T: Element + Copy>(
    out: &Bound<'_, PyArray3<T>>,
    ladder: &BoardLadder,
    absent: Pair<T>,
    pair: impl Fn(&Level) -> Pair<T>,
) -> PyResult<()> {
    let mut out = out.try_readwrite().map_err(|error| PyValueError::new_err(format!("out: {error}")))?;
    if out.as_array().shape() != LADDER_SHAPE {
        return Err(PyValueError::new_err(format!("out must have the shape {LADDER_SHAPE:?}")));
    }
    let Ok(places) = out.as_slice_mut() else {
        return Err(PyValueError::new_err("out must be contiguous"));
    };
    for (places, levels) in places.chunks_exact_mut(2 * LADDER_LEVELS).zip([&ladder.bids, &ladder.asks]) {
        let pairs = levels.iter().map(&pair).chain(std::iter::repeat(absent));
        for (place, pair) in places.as_chunks_mut().0.iter_mut().zip(pairs) {
            *place = pair;
        }
    }
    Ok(())
}

fn in_doubles(level: &Level, (price_scale, quantity_scale): (Scale, Scale)) -> Pair<f64> {
    [price_scale.to_f64(level.price.0), quantity_scale.to_f64(level.quantity.0)]
}
