//! `array_sort(array, (x, y) -> …)`: an array in an order of one's own.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, UInt64Array};
use datafusion::arrow::compute::{cast, take};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::common::Result;

use super::arrays::element;
use super::call::Arguments;
use super::{HigherOrder, as_list};
use crate::error::{invalid_argument, not_supported, type_mismatch};
use crate::functions::collection::{element_field, picked, range};
use crate::functions::signature::Kind;

/// How many elements are sorted, for each is compared with each.
const MOST: usize = 1_000;

pub(super) const ARRAY_SORT: HigherOrder = HigherOrder {
    name: "array_sort",
    values: &[Kind::Array],
    parameters: &[2],
    argument_types: "array(T), function(T,T,bigint)",
    return_type: "array(T)",
    description: "The elements in the order that a function tells: -1, 0 or 1",
    returns: |planned| {
        let body = planned.body(0, &[element(planned, 0), element(planned, 0)])?;
        if !body.data_type().is_integer() && !body.data_type().is_null() {
            return Err(type_mismatch("the function that compares must return an integer"));
        }
        Ok(Field::new("", planned.data_type(0).clone(), true))
    },
    evaluate: sorted,
};

fn sorted(arguments: &Arguments) -> Result<ArrayRef> {
    let lists = as_list(arguments.value(0)?)?;
    let field = element(&arguments.planned, 0);
    let body = arguments.planned.body(0, &[field.clone(), field])?;
    let mut rows = Vec::with_capacity(arguments.rows);
    for row in 0..arguments.rows {
        let Some(range) = range(lists, row) else {
            rows.push(None);
            continue;
        };
        let count = range.len();
        if count > MOST {
            let message = format!("array_sort with a function of more than {MOST} elements is not supported");
            return Err(not_supported(message));
        }
        let places = |pick: fn(usize, usize) -> usize| -> UInt64Array {
            let place = |pair: usize| (range.start + pick(pair, count)) as u64;
            (0..count * count).map(place).collect::<Vec<_>>().into()
        };
        let (left, right) = (places(|pair, count| pair / count), places(|pair, count| pair % count));
        let parameters = vec![take(lists.values(), &left, None)?, take(lists.values(), &right, None)?];
        let of_this_row = UInt64Array::from(vec![row as u64; count * count]);
        let answers = arguments.evaluate(&body, parameters, &of_this_row)?;
        let order = order(&cast(&answers, &DataType::Int64)?, count)?;
        rows.push(Some(order.into_iter().map(|place| range.start + place).collect()));
    }
    picked(element_field(lists.data_type()), lists.values(), rows)
}

/// The places in order. Whatever the comparisons say, each is there once.
fn order(answers: &ArrayRef, count: usize) -> Result<Vec<usize>> {
    let answers = answers.as_primitive::<Int64Type>();
    let mut sorted: Vec<usize> = Vec::with_capacity(count);
    for place in 0..count {
        let mut at = sorted.len();
        while let Some(before) = at.checked_sub(1).and_then(|at| sorted.get(at)) {
            let pair = before * count + place;
            if answers.is_null(pair) || !(-1..=1).contains(&answers.value(pair)) {
                return Err(invalid_argument("Lambda comparator must return either -1, 0, or 1"));
            }
            if answers.value(pair) <= 0 {
                break;
            }
            at -= 1;
        }
        sorted.insert(at, place);
    }
    Ok(sorted)
}
