//! What functions of arrays and maps share: the elements of a row, comparable keys of elements, lists put together.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StructArray, UInt64Array};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::{SortOptions, cast, take};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::arrow::row::{RowConverter, Rows, SortField};
use datafusion::common::Result;
use datafusion::logical_expr_common::type_coercion::binary::comparison_coercion;

use crate::error::type_mismatch;
use crate::functions::rows::column;
use crate::functions::scalar::Arguments;
use crate::types::TrinoType;

/// The field of an array's elements.
pub(crate) fn element_field(data_type: &DataType) -> FieldRef {
    match data_type {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::FixedSizeList(field, _)
        | DataType::ListView(field)
        | DataType::LargeListView(field) => Arc::clone(field),
        _ => Arc::new(Field::new("item", DataType::Null, true)),
    }
}

/// The fields of a map's keys and values.
pub(crate) fn entry_fields(data_type: &DataType) -> Option<(FieldRef, FieldRef)> {
    let DataType::Map(entries, _) = data_type else { return None };
    match entries.data_type() {
        DataType::Struct(pair) => Some((Arc::clone(pair.first()?), Arc::clone(pair.get(1)?))),
        _ => None,
    }
}

/// The map of keys and values of some types.
pub(crate) fn map_type(key: &Field, value: &Field) -> DataType {
    let key = key.clone().with_name("key").with_nullable(false);
    let value = value.clone().with_name("value").with_nullable(true);
    let pair = DataType::Struct(Fields::from(vec![key, value]));
    DataType::Map(Arc::new(Field::new("entries", pair, false)), false)
}

/// A column of arrays.
pub(super) fn list(arguments: &Arguments, index: usize) -> Result<&ListArray> {
    let column = column(arguments, index)?;
    column.as_list_opt::<i32>().ok_or_else(|| type_mismatch("an array was expected"))
}

/// Where the elements of a row lie, unless it is NULL.
pub(crate) fn range(list: &ListArray, row: usize) -> Option<std::ops::Range<usize>> {
    if list.is_null(row) {
        return None;
    }
    let offsets = list.value_offsets();
    let bound = |index: usize| usize::try_from(offsets[index]).unwrap_or(0);
    Some(bound(row)..bound(row + 1))
}

/// The type in which values of two types compare.
pub(super) fn common_type(left: &DataType, right: &DataType) -> Result<DataType> {
    comparison_coercion(left, right).ok_or_else(|| {
        let (left, right) = (TrinoType::of_arrow(left), TrinoType::of_arrow(right));
        type_mismatch(format!("{left} and {right} cannot be compared"))
    })
}

/// Two columns cast to a type in which their values compare.
pub(super) fn comparable(left: &ArrayRef, right: &ArrayRef) -> Result<(ArrayRef, ArrayRef)> {
    let common = common_type(left.data_type(), right.data_type())?;
    Ok((cast(left, &common)?, cast(right, &common)?))
}

/// Keys of elements that compare and hash as the elements do; NULL comes last.
pub(crate) struct Keys(RowConverter);

impl Keys {
    pub fn of(data_type: &DataType) -> Result<Self> {
        let last = SortOptions { descending: false, nulls_first: false };
        Ok(Self(RowConverter::new(vec![SortField::new_with_options(data_type.clone(), last)])?))
    }

    pub fn rows(&self, values: &ArrayRef) -> Result<Rows> {
        Ok(self.0.convert_columns(&[Arc::clone(values)])?)
    }
}

/// Lists of picked elements: of each row the places in `values`, or NULL.
pub(crate) fn picked(field: FieldRef, values: &ArrayRef, rows: Vec<Option<Vec<usize>>>) -> Result<ArrayRef> {
    let nulls = NullBuffer::from(rows.iter().map(Option::is_some).collect::<Vec<_>>());
    let offsets = OffsetBuffer::from_lengths(rows.iter().map(|row| row.as_ref().map_or(0, Vec::len)));
    let places: UInt64Array = rows.into_iter().flatten().flatten().map(|place| Some(place as u64)).collect();
    let values = take(values, &places, None)?;
    Ok(Arc::new(ListArray::try_new(field, offsets, values, Some(nulls))?))
}

/// One picked element of each row, or NULL.
pub(crate) fn picked_one(values: &ArrayRef, places: &[Option<usize>]) -> Result<ArrayRef> {
    let places: UInt64Array = places.iter().map(|place| place.map(|place| place as u64)).collect();
    Ok(take(values, &places, None)?)
}

/// Maps of keys and values that lie one behind the other, so many to a row.
pub(crate) fn map_of_lists(
    data_type: &DataType,
    lengths: &[Option<usize>],
    keys: &ArrayRef,
    values: &ArrayRef,
) -> Result<ArrayRef> {
    let DataType::Map(entries, _) = data_type else { return Err(type_mismatch("a map was expected")) };
    let DataType::Struct(pair) = entries.data_type() else { return Err(type_mismatch("a map was expected")) };
    let keys = cast(keys, pair[0].data_type())?;
    let values = cast(values, pair[1].data_type())?;
    let pairs = StructArray::try_new(pair.clone(), vec![keys, values], None)?;
    let offsets = OffsetBuffer::from_lengths(lengths.iter().map(|length| length.unwrap_or(0)));
    let nulls = NullBuffer::from(lengths.iter().map(Option::is_some).collect::<Vec<_>>());
    Ok(Arc::new(MapArray::try_new(Arc::clone(entries), offsets, pairs, Some(nulls), false)?))
}
