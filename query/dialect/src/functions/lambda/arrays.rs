//! Functions of the elements of arrays.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray, UInt64Array};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::Result;

use super::call::{Arguments, Planned};
use super::{HigherOrder, as_list};
use crate::error::type_mismatch;
use crate::functions::collection::{element_field, picked, range};
use crate::functions::signature::Kind;
use crate::types::TrinoType;

pub(super) const TRANSFORM: HigherOrder = HigherOrder {
    name: "transform",
    values: &[Kind::Array],
    parameters: &[1],
    argument_types: "array(T), function(T,U)",
    return_type: "array(U)",
    description: "An array of what a function gives for each element",
    returns: |planned| {
        let body = planned.body(0, &[element(planned, 0)])?;
        Ok(Field::new("", list_of(&body.field), true))
    },
    evaluate: |arguments| {
        let lists = as_list(arguments.value(0)?)?;
        let elements = Elements::of(lists, arguments.rows);
        let results = elements.map(arguments)?;
        let field = element_field(arguments.result.data_type());
        Ok(Arc::new(ListArray::try_new(field, elements.offsets(), results, Some(elements.nulls()))?))
    },
};

pub(super) const FILTER: HigherOrder = HigherOrder {
    name: "filter",
    values: &[Kind::Array],
    parameters: &[1],
    argument_types: "array(T), function(T,boolean)",
    return_type: "array(T)",
    description: "The elements for which a function is true",
    returns: |planned| {
        check_condition(planned)?;
        Ok(Field::new("", planned.data_type(0).clone(), true))
    },
    evaluate: |arguments| {
        let lists = as_list(arguments.value(0)?)?;
        let elements = Elements::of(lists, arguments.rows);
        let conditions = elements.map(arguments)?;
        let kept = elements.ranges().into_iter().map(|range| {
            let is_true = |place: &usize| is_true(&conditions, *place) == Some(true);
            range.map(|range| range.filter(is_true).map(|place| elements.place(place)).collect())
        });
        picked(element_field(lists.data_type()), lists.values(), kept.collect())
    },
};

pub(super) const ANY_MATCH: HigherOrder = HigherOrder {
    name: "any_match",
    values: &[Kind::Array],
    parameters: &[1],
    argument_types: "array(T), function(T,boolean)",
    return_type: "boolean",
    description: "Whether a function is true for an element",
    returns: matched,
    evaluate: |arguments| matches(arguments, true, true),
};

pub(super) const ALL_MATCH: HigherOrder = HigherOrder {
    name: "all_match",
    values: &[Kind::Array],
    parameters: &[1],
    argument_types: "array(T), function(T,boolean)",
    return_type: "boolean",
    description: "Whether a function is true for all elements",
    returns: matched,
    evaluate: |arguments| matches(arguments, false, false),
};

pub(super) const NONE_MATCH: HigherOrder = HigherOrder {
    name: "none_match",
    values: &[Kind::Array],
    parameters: &[1],
    argument_types: "array(T), function(T,boolean)",
    return_type: "boolean",
    description: "Whether a function is true for no element",
    returns: matched,
    evaluate: |arguments| matches(arguments, true, false),
};

pub(super) const ZIP_WITH: HigherOrder = HigherOrder {
    name: "zip_with",
    values: &[Kind::Array, Kind::Array],
    parameters: &[2],
    argument_types: "array(T), array(U), function(T,U,R)",
    return_type: "array(R)",
    description: "An array of what a function gives for the elements of two arrays at each place",
    returns: |planned| {
        let body = planned.body(0, &[element(planned, 0), element(planned, 1)])?;
        Ok(Field::new("", list_of(&body.field), true))
    },
    evaluate: zip_with,
};

/// The elements of a batch of arrays, one behind the other.
pub(super) struct Elements {
    values: ArrayRef,
    element: Field,
    places: UInt64Array,
    rows: UInt64Array,
    lengths: Vec<Option<usize>>,
}

impl Elements {
    pub fn of(lists: &ListArray, rows: usize) -> Self {
        let ranges: Vec<Option<Range<usize>>> = (0..rows).map(|row| range(lists, row)).collect();
        let places = ranges.iter().flatten().cloned().flatten().map(|place| place as u64);
        Self {
            values: Arc::clone(lists.values()),
            element: element_field(lists.data_type()).as_ref().clone(),
            places: places.collect::<Vec<_>>().into(),
            rows: rows_of(ranges.iter().map(|range| range.as_ref().map_or(0, ExactSizeIterator::len))),
            lengths: ranges.iter().map(|range| range.as_ref().map(ExactSizeIterator::len)).collect(),
        }
    }

    /// What the call's function gives for each element.
    pub fn map(&self, arguments: &Arguments) -> Result<ArrayRef> {
        let body = arguments.planned.body(0, std::slice::from_ref(&self.element))?;
        arguments.evaluate(&body, vec![take(&self.values, &self.places, None)?], &self.rows)
    }

    /// Where each row's elements lie among all.
    pub fn ranges(&self) -> Vec<Option<Range<usize>>> {
        let mut end = 0;
        let mut next = |length: usize| {
            let start = end;
            end += length;
            start..end
        };
        self.lengths.iter().map(|length| length.map(&mut next)).collect()
    }

    /// Where an element lies in the column of values.
    pub fn place(&self, element: usize) -> usize {
        usize::try_from(self.places.value(element)).unwrap_or(usize::MAX)
    }

    fn offsets(&self) -> OffsetBuffer<i32> {
        OffsetBuffer::from_lengths(self.lengths.iter().map(|length| length.unwrap_or(0)))
    }

    fn nulls(&self) -> NullBuffer {
        NullBuffer::from(self.lengths.iter().map(Option::is_some).collect::<Vec<_>>())
    }
}

/// The row of each element, given how many elements each row has.
pub(super) fn rows_of(lengths: impl Iterator<Item = usize>) -> UInt64Array {
    let rows = lengths.enumerate().flat_map(|(row, length)| std::iter::repeat_n(row as u64, length));
    rows.collect::<Vec<_>>().into()
}

/// The field of the elements of an array among the values.
pub(super) fn element(planned: &Planned, place: usize) -> Field {
    element_field(planned.data_type(place)).as_ref().clone()
}

fn list_of(field: &Field) -> DataType {
    DataType::List(Arc::new(field.clone().with_name("item").with_nullable(true)))
}

/// A function that decides must give a boolean.
pub(super) fn check_boolean(data_type: &DataType) -> Result<()> {
    match data_type {
        DataType::Boolean | DataType::Null => Ok(()),
        other => Err(type_mismatch(format!(
            "the function must return a boolean, and returns {}",
            TrinoType::of_arrow(other)
        ))),
    }
}

fn check_condition(planned: &Planned) -> Result<()> {
    check_boolean(planned.body(0, &[element(planned, 0)])?.data_type())
}

fn matched(planned: &Planned) -> Result<Field> {
    check_condition(planned)?;
    Ok(Field::new("", DataType::Boolean, true))
}

/// The truth at a place; `None` for NULL.
pub(super) fn is_true(conditions: &ArrayRef, place: usize) -> Option<bool> {
    let conditions = conditions.as_boolean_opt()?;
    conditions.is_valid(place).then(|| conditions.value(place))
}

/// `found` where the function is `sought` for an element, NULL where it is NULL for one, else the opposite.
fn matches(arguments: &Arguments, sought: bool, found: bool) -> Result<ArrayRef> {
    let elements = Elements::of(as_list(arguments.value(0)?)?, arguments.rows);
    let conditions = elements.map(arguments)?;
    let row = |range: Range<usize>| {
        let mut answer = Some(!found);
        for place in range {
            match is_true(&conditions, place) {
                Some(truth) if truth == sought => return Some(found),
                Some(_) => {}
                None => answer = None,
            }
        }
        answer
    };
    let answers: BooleanArray = elements.ranges().into_iter().map(|range| range.and_then(row)).collect();
    Ok(Arc::new(answers))
}

/// The shorter array is filled up with NULLs.
fn zip_with(arguments: &Arguments) -> Result<ArrayRef> {
    let (left, right) = (as_list(arguments.value(0)?)?, as_list(arguments.value(1)?)?);
    let mut lengths = Vec::with_capacity(arguments.rows);
    let (mut left_places, mut right_places) = (Vec::new(), Vec::new());
    for row in 0..arguments.rows {
        let (Some(of_left), Some(of_right)) = (range(left, row), range(right, row)) else {
            lengths.push(None);
            continue;
        };
        let longest = of_left.len().max(of_right.len());
        lengths.push(Some(longest));
        let place = |range: &Range<usize>, index| (index < range.len()).then(|| (range.start + index) as u64);
        left_places.extend((0..longest).map(|index| place(&of_left, index)));
        right_places.extend((0..longest).map(|index| place(&of_right, index)));
    }
    let planned = &arguments.planned;
    let body = planned.body(0, &[element(planned, 0), element(planned, 1)])?;
    let parameters = vec![
        take(left.values(), &UInt64Array::from(left_places), None)?,
        take(right.values(), &UInt64Array::from(right_places), None)?,
    ];
    let rows = rows_of(lengths.iter().map(|length| length.unwrap_or(0)));
    let results = arguments.evaluate(&body, parameters, &rows)?;
    let offsets = OffsetBuffer::from_lengths(lengths.iter().map(|length| length.unwrap_or(0)));
    let nulls = NullBuffer::from(lengths.iter().map(Option::is_some).collect::<Vec<_>>());
    let field = element_field(arguments.result.data_type());
    Ok(Arc::new(ListArray::try_new(field, offsets, results, Some(nulls))?))
}
