//! One element of an array, map or row; how many there are.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::common::{Result, ScalarValue};

use super::elements::{Keys, comparable, element_field, entry_fields, list, picked_one, range};
use crate::error::{invalid_argument, not_supported, type_mismatch};
use crate::functions::cast::text_at;
use crate::functions::rows::{IntoColumn, column};
use crate::functions::scalar::{Arguments, Planned, Scalar};
use crate::types::TrinoType;

pub(super) fn functions() -> Vec<Scalar> {
    vec![
        Scalar::new(
            "element_at",
            &["array(E), bigint -> E", "map(K,V), K -> V"],
            "An element by its number (negative from the end) or key; NULL where there is none",
            |arguments| if is_map(arguments) { of_map(arguments, false) } else { of_array(arguments, false) },
        )
        .returning(element_type),
        Scalar::new(
            "subscript",
            &["array(E), bigint -> E", "map(K,V), K -> V", "row(E), I -> E"],
            "An element by its number or key; an error where there is none",
            |arguments| match column(arguments, 0)?.data_type() {
                DataType::Map(..) => of_map(arguments, true),
                DataType::Struct(_) => of_row(arguments),
                _ => of_array(arguments, true),
            },
        )
        .returning(element_type),
        Scalar::new(
            "cardinality",
            &["array(E) -> bigint", "map(K,V) -> bigint"],
            "How many elements an array or map has",
            cardinality,
        ),
    ]
}

fn is_map(arguments: &Arguments) -> bool {
    arguments.fields.first().is_some_and(|field| matches!(field.data_type(), DataType::Map(..)))
}

fn element_type(planned: &Planned) -> Result<Field> {
    let of_whole = planned.data_type(0);
    if let DataType::Struct(fields) = of_whole {
        let index = match planned.constants.get(1).copied().flatten() {
            Some(ScalarValue::Int64(Some(index))) => usize::try_from(*index).ok(),
            Some(ScalarValue::Int32(Some(index))) => usize::try_from(*index).ok(),
            _ => return Err(not_supported("the subscript of a row must be a constant")),
        };
        let field = index.and_then(|index| fields.get(index.checked_sub(1)?));
        let field = field.ok_or_else(|| invalid_argument("the row has no such field"))?;
        return Ok(field.as_ref().clone().with_nullable(true));
    }
    match entry_fields(of_whole) {
        Some((_, value)) => Ok(value.as_ref().clone().with_nullable(true)),
        None => Ok(element_field(of_whole).as_ref().clone().with_nullable(true)),
    }
}

fn of_array(arguments: &Arguments, strict: bool) -> Result<ArrayRef> {
    let lists = list(arguments, 0)?;
    let indices = column(arguments, 1)?.as_primitive::<Int64Type>();
    let mut places = Vec::with_capacity(arguments.rows);
    for row in 0..arguments.rows {
        let (Some(range), true) = (range(lists, row), indices.is_valid(row)) else {
            places.push(None);
            continue;
        };
        let index = indices.value(row);
        let length = i64::try_from(range.len()).unwrap_or(i64::MAX);
        let from_start = match index {
            0 => return Err(invalid_argument("SQL array indices start at 1")),
            1.. => index - 1,
            _ if strict => return Err(invalid_argument(format!("Array subscript is negative: {index}"))),
            _ => length + index,
        };
        if strict && from_start >= length {
            return Err(invalid_argument(format!(
                "Array subscript must be less than or equal to array length: {index} > {length}"
            )));
        }
        let inside = usize::try_from(from_start).ok().filter(|place| *place < range.len());
        places.push(inside.map(|place| range.start + place));
    }
    picked_one(lists.values(), &places)
}

fn of_map(arguments: &Arguments, strict: bool) -> Result<ArrayRef> {
    let maps = column(arguments, 0)?.as_map();
    let (known, wanted) = comparable(maps.keys(), column(arguments, 1)?)?;
    let keys = Keys::of(wanted.data_type())?;
    let (known, wanted_keys) = (keys.rows(&known)?, keys.rows(&wanted)?);
    let offsets = maps.value_offsets();
    let mut places = Vec::with_capacity(arguments.rows);
    for row in 0..arguments.rows {
        if maps.is_null(row) || wanted.is_null(row) {
            places.push(None);
            continue;
        }
        let bound = |index: usize| usize::try_from(offsets[index]).unwrap_or(0);
        let place = (bound(row)..bound(row + 1)).find(|place| known.row(*place) == wanted_keys.row(row));
        if strict && place.is_none() {
            let text = text_at(&wanted, &TrinoType::of_arrow(wanted.data_type()), row)?;
            return Err(invalid_argument(format!("Key not present in map: {text}")));
        }
        places.push(place);
    }
    picked_one(maps.values(), &places)
}

fn of_row(arguments: &Arguments) -> Result<ArrayRef> {
    let row = column(arguments, 0)?.as_struct();
    let index = cast(column(arguments, 1)?, &DataType::Int64)?;
    let field = index
        .as_primitive::<Int64Type>()
        .iter()
        .flatten()
        .next()
        .and_then(|index| usize::try_from(index).ok()?.checked_sub(1));
    match field.and_then(|field| row.columns().get(field)) {
        Some(part) => {
            let places: Vec<Option<usize>> =
                (0..row.len()).map(|at| row.is_valid(at).then_some(at)).collect();
            picked_one(part, &places)
        }
        None if arguments.rows == 0 => {
            Ok(datafusion::arrow::array::new_empty_array(arguments.result.data_type()))
        }
        None => Err(type_mismatch("the row has no such field")),
    }
}

fn cardinality(arguments: &Arguments) -> Result<ArrayRef> {
    let column = column(arguments, 0)?;
    let (offsets, nulls) = match column.data_type() {
        DataType::Map(..) => (column.as_map().value_offsets(), column.nulls()),
        _ => (list(arguments, 0)?.value_offsets(), column.nulls()),
    };
    i64::collect(
        arguments.rows,
        (0..arguments.rows).map(|row| {
            let valid = nulls.is_none_or(|nulls| nulls.is_valid(row));
            Ok(valid.then(|| i64::from(offsets[row + 1]) - i64::from(offsets[row])))
        }),
    )
}
