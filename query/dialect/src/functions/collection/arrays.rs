//! Arrays cut, turned, joined and repeated.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, StringViewBuilder, StructArray};
use datafusion::arrow::compute::{cast, concat};
use datafusion::arrow::datatypes::{DataType, Field, Fields, Int64Type};
use datafusion::common::Result;

use super::elements::{comparable, element_field, list, picked, picked_one, range};
use crate::error::{invalid_argument, type_mismatch};
use crate::functions::cast::text_at;
use crate::functions::rows::{FromColumn, column, rows1};
use crate::functions::scalar::{Arguments, Planned, Scalar};
use crate::types::TrinoType;

/// How many elements a function may make.
pub(super) const MOST: usize = 10_000;

pub(super) fn functions() -> Vec<Scalar> {
    vec![
        Scalar::new(
            "slice",
            &["array(E), bigint, bigint -> array(E)"],
            "So many elements from a position, negative from the end",
            slice,
        ),
        Scalar::new(
            "trim_array",
            &["array(E), bigint -> array(E)"],
            "The array without its last elements",
            trim,
        ),
        Scalar::new(
            "reverse",
            &["array(E) -> array(E)", "varchar -> varchar"],
            "An array or text from its end to its start",
            |arguments| {
                if *column(arguments, 0)?.data_type() == DataType::Utf8View {
                    return rows1(arguments, |text: &str| Ok(Some(text.chars().rev().collect::<String>())));
                }
                let lists = list(arguments, 0)?;
                let rows =
                    (0..arguments.rows).map(|row| range(lists, row).map(|range| range.rev().collect()));
                picked(element_field(lists.data_type()), lists.values(), rows.collect())
            },
        ),
        Scalar::new("flatten", &["array(E) -> array(E)"], "The elements of all arrays of an array", flatten)
            .returning(|planned| {
                let inner = element_field(planned.data_type(0)).data_type().clone();
                match inner {
                    DataType::Null => Ok(Field::new("", planned.data_type(0).clone(), true)),
                    DataType::List(_) => Ok(Field::new("", inner, true)),
                    other => Err(type_mismatch(format!("flatten needs arrays of arrays, not of {other}"))),
                }
            }),
        Scalar::new(
            "array_join",
            &["array(E), varchar -> varchar", "array(E), varchar, varchar -> varchar"],
            "The elements as one text with a delimiter; NULL is left out or replaced",
            join,
        ),
        Scalar::new("repeat", &["E, bigint -> array(E)"], "An array of the same element", repeat)
            .returning(|planned| Ok(Field::new("", repeated_type(planned), true))),
        Scalar::new("zip", &["array(E)... -> array(row)"], "Rows of the elements of arrays", zip)
            .returning(|planned| Ok(Field::new("", zipped_type(planned), true))),
    ]
}

fn slice(arguments: &Arguments) -> Result<ArrayRef> {
    let lists = list(arguments, 0)?;
    let starts = i64::column(column(arguments, 1)?)?;
    let lengths = i64::column(column(arguments, 2)?)?;
    let mut rows = Vec::with_capacity(arguments.rows);
    for row in 0..arguments.rows {
        let (Some(range), true) = (range(lists, row), starts.is_valid(row) && lengths.is_valid(row)) else {
            rows.push(None);
            continue;
        };
        let (start, length) = (starts.value(row), lengths.value(row));
        if start == 0 {
            return Err(invalid_argument("SQL array indices start at 1"));
        }
        let length = usize::try_from(length)
            .map_err(|_| invalid_argument("length must be greater than or equal to 0"))?;
        let total = i64::try_from(range.len()).unwrap_or(i64::MAX);
        let first = if start > 0 { start - 1 } else { total + start };
        let places =
            usize::try_from(first).ok().map(|first| range.clone().skip(first).take(length).collect());
        rows.push(Some(places.unwrap_or_default()));
    }
    picked(element_field(lists.data_type()), lists.values(), rows)
}

fn trim(arguments: &Arguments) -> Result<ArrayRef> {
    let lists = list(arguments, 0)?;
    let counts = i64::column(column(arguments, 1)?)?;
    let mut rows = Vec::with_capacity(arguments.rows);
    for row in 0..arguments.rows {
        let (Some(range), true) = (range(lists, row), counts.is_valid(row)) else {
            rows.push(None);
            continue;
        };
        let kept = usize::try_from(counts.value(row)).ok().and_then(|count| range.len().checked_sub(count));
        let kept = kept.ok_or_else(|| invalid_argument("size must not exceed array cardinality"))?;
        rows.push(Some(range.take(kept).collect()));
    }
    picked(element_field(lists.data_type()), lists.values(), rows)
}

fn flatten(arguments: &Arguments) -> Result<ArrayRef> {
    let outer = list(arguments, 0)?;
    let Some(inner) = outer.values().as_list_opt::<i32>() else {
        let nothing = (0..arguments.rows).map(|row| range(outer, row).map(|_| Vec::new())).collect();
        return picked(element_field(outer.data_type()), outer.values(), nothing);
    };
    let rows = (0..arguments.rows).map(|row| {
        range(outer, row).map(|lists| lists.filter_map(|list| range(inner, list)).flatten().collect())
    });
    picked(element_field(inner.data_type()), inner.values(), rows.collect())
}

fn join(arguments: &Arguments) -> Result<ArrayRef> {
    let lists = list(arguments, 0)?;
    let delimiters = <&str>::column(column(arguments, 1)?)?;
    let replacements = arguments.columns.get(2).map(<&str>::column).transpose()?;
    let element = TrinoType::of_field(&element_field(lists.data_type()));
    let mut builder = StringViewBuilder::with_capacity(arguments.rows);
    for row in 0..arguments.rows {
        let told =
            delimiters.is_valid(row) && replacements.is_none_or(|replacements| replacements.is_valid(row));
        let (Some(range), true) = (range(lists, row), told) else {
            builder.append_null();
            continue;
        };
        let mut parts = Vec::with_capacity(range.len());
        for place in range {
            if lists.values().is_valid(place) {
                parts.push(text_at(lists.values(), &element, place)?);
            } else if let Some(replacements) = replacements {
                parts.push(replacements.value(row).to_owned());
            }
        }
        builder.append_value(parts.join(delimiters.value(row)));
    }
    Ok(Arc::new(builder.finish()))
}

fn repeated_type(planned: &Planned) -> DataType {
    DataType::List(Arc::new(Field::new("item", planned.data_type(0).clone(), true)))
}

fn repeat(arguments: &Arguments) -> Result<ArrayRef> {
    let counts = column(arguments, 1)?.as_primitive::<Int64Type>();
    let mut rows = Vec::with_capacity(arguments.rows);
    for row in 0..arguments.rows {
        if counts.is_null(row) {
            rows.push(None);
            continue;
        }
        let count = usize::try_from(counts.value(row)).unwrap_or(0);
        if count > MOST {
            return Err(invalid_argument(format!(
                "count argument of repeat function must be less than or equal to {MOST}"
            )));
        }
        rows.push(Some(vec![row; count]));
    }
    picked(element_field(arguments.result.data_type()), column(arguments, 0)?, rows)
}

fn zipped_type(planned: &Planned) -> DataType {
    let fields: Fields = planned
        .fields
        .iter()
        .enumerate()
        .map(|(index, list)| {
            let element = element_field(list.data_type());
            element.as_ref().clone().with_name(format!("c{index}")).with_nullable(true)
        })
        .collect();
    DataType::List(Arc::new(Field::new("item", DataType::Struct(fields), true)))
}

/// Shorter arrays are filled with NULL.
fn zip(arguments: &Arguments) -> Result<ArrayRef> {
    let lists: Vec<&ListArray> =
        (0..arguments.columns.len()).map(|index| list(arguments, index)).collect::<Result<_>>()?;
    let field = element_field(arguments.result.data_type());
    let DataType::Struct(fields) = field.data_type() else {
        return Err(invalid_argument("zip needs arrays"));
    };
    let mut places: Vec<Vec<Option<usize>>> = vec![Vec::new(); lists.len()];
    let mut lengths = Vec::with_capacity(arguments.rows);
    for row in 0..arguments.rows {
        let ranges: Option<Vec<_>> = lists.iter().map(|list| range(list, row)).collect();
        let longest =
            ranges.as_ref().map(|ranges| ranges.iter().map(ExactSizeIterator::len).max().unwrap_or(0));
        lengths.push(longest);
        let (Some(ranges), Some(longest)) = (ranges, longest) else { continue };
        for (places, range) in places.iter_mut().zip(ranges) {
            places.extend((0..longest).map(|index| (index < range.len()).then_some(range.start + index)));
        }
    }
    let columns: Vec<ArrayRef> = lists
        .iter()
        .zip(&places)
        .zip(fields)
        .map(|((list, places), field)| Ok(cast(&picked_one(list.values(), places)?, field.data_type())?))
        .collect::<Result<_>>()?;
    let rows: ArrayRef = Arc::new(StructArray::try_new(fields.clone(), columns, None)?);
    let offsets = datafusion::arrow::buffer::OffsetBuffer::from_lengths(
        lengths.iter().map(|length| length.unwrap_or(0)),
    );
    let nulls =
        datafusion::arrow::buffer::NullBuffer::from(lengths.iter().map(Option::is_some).collect::<Vec<_>>());
    Ok(Arc::new(ListArray::try_new(Arc::clone(&field), offsets, rows, Some(nulls))?))
}

/// The values of two columns, one behind the other, in a type that holds both.
pub(crate) fn both(left: &ArrayRef, right: &ArrayRef) -> Result<ArrayRef> {
    let (left, right) = comparable(left, right)?;
    Ok(concat(&[left.as_ref(), right.as_ref()])?)
}
