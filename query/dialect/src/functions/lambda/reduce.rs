//! `reduce(array, start, (state, x) -> …, state -> …)`: one value of all elements.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, UInt64Array};
use datafusion::arrow::compute::kernels::zip::zip;
use datafusion::arrow::compute::{can_cast_types, cast, take};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::Result;

use super::arrays::element;
use super::call::{Arguments, Planned};
use super::{HigherOrder, as_list};
use crate::error::type_mismatch;
use crate::functions::collection::range;
use crate::functions::signature::Kind;
use crate::types::TrinoType;

pub(super) const REDUCE: HigherOrder = HigherOrder {
    name: "reduce",
    values: &[Kind::Array, Kind::Anything],
    parameters: &[2, 1],
    argument_types: "array(T), S, function(S,T,S), function(S,R)",
    return_type: "R",
    description: "A state that a function takes from element to element, and what another makes of the last one",
    returns: |planned| Ok(planned.body(1, &[state(planned)?])?.field.clone()),
    evaluate: reduced,
};

/// The type of the state: that of the start, or what comes of it in one step.
fn state(planned: &Planned) -> Result<Field> {
    let element = element(planned, 0);
    let mut state = planned
        .values
        .get(1)
        .map_or_else(|| Field::new("", planned.data_type(1).clone(), true), |start| start.as_ref().clone());
    let start = state.clone();
    for _ in 0..3 {
        let next = planned.body(0, &[state.clone(), element.clone()])?.field.clone();
        if next.data_type() == state.data_type() || next.data_type().is_null() {
            return Ok(state);
        }
        if !becomes(start.data_type(), next.data_type()) {
            break;
        }
        state = next;
    }
    let next = planned.body(0, &[start.clone(), element])?.field.clone();
    let (start, next) = (TrinoType::of_field(&start), TrinoType::of_field(&next));
    Err(type_mismatch(format!("the function of reduce takes {start} as its state, and returns {next}")))
}

/// Whether a start of one type can be taken for one of another.
fn becomes(start: &DataType, state: &DataType) -> bool {
    start.is_null() || (start.is_string() == state.is_string() && can_cast_types(start, state))
}

/// All rows take a step together: the n-th for their n-th element.
fn reduced(arguments: &Arguments) -> Result<ArrayRef> {
    let lists = as_list(arguments.value(0)?)?;
    let state = state(&arguments.planned)?;
    let step = arguments.planned.body(0, &[state.clone(), element(&arguments.planned, 0)])?;
    let last = arguments.planned.body(1, std::slice::from_ref(&state))?;
    let ranges: Vec<_> = (0..arguments.rows).map(|row| range(lists, row)).collect();
    let steps = ranges.iter().flatten().map(ExactSizeIterator::len).max().unwrap_or(0);
    let mut states = cast(arguments.value(1)?, state.data_type())?;
    for place in 0..steps {
        let rows: Vec<u64> = (0..arguments.rows)
            .filter(|row| ranges[*row].as_ref().is_some_and(|range| range.len() > place))
            .map(|row| row as u64)
            .collect();
        let places = rows.iter().filter_map(|row| {
            let range = ranges.get(usize::try_from(*row).ok()?)?.as_ref()?;
            Some((range.start + place) as u64)
        });
        let elements = take(lists.values(), &places.collect::<UInt64Array>(), None)?;
        let rows = UInt64Array::from(rows);
        let before = take(&states, &rows, None)?;
        let after = cast(&arguments.evaluate(&step, vec![before, elements], &rows)?, state.data_type())?;
        states = replaced(&states, &rows, &after)?;
    }
    let all = UInt64Array::from_iter_values(0..arguments.rows as u64);
    let results = arguments.evaluate(&last, vec![states], &all)?;
    let is_there: BooleanArray = ranges.iter().map(|range| Some(range.is_some())).collect();
    let nothing = datafusion::arrow::array::new_null_array(results.data_type(), arguments.rows);
    Ok(zip(&is_there, &results, &nothing)?)
}

/// The states, of which some rows have new ones.
fn replaced(states: &ArrayRef, rows: &UInt64Array, new: &ArrayRef) -> Result<ArrayRef> {
    if rows.len() == states.len() {
        return Ok(Arc::clone(new));
    }
    let mut sources: Vec<(usize, usize)> = (0..states.len()).map(|row| (0, row)).collect();
    for (place, row) in rows.values().iter().enumerate() {
        if let Some(source) = usize::try_from(*row).ok().and_then(|row| sources.get_mut(row)) {
            *source = (1, place);
        }
    }
    Ok(datafusion::arrow::compute::interleave(&[states.as_ref(), new.as_ref()], &sources)?)
}
