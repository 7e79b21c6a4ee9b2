//! Arrays, maps and rows, cast element by element.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StructArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;

use super::{Casting, cast_column, type_mismatch};
use crate::types::TrinoType;

pub(super) fn cast_nested(
    column: &ArrayRef,
    from: &TrinoType,
    to: &TrinoType,
    casting: Casting,
) -> Result<ArrayRef> {
    let impossible = || type_mismatch(format!("Cannot cast {from} to {to}"));
    match (from, to, to.to_arrow()) {
        (TrinoType::Array(from), TrinoType::Array(to), DataType::List(field)) => {
            let lists = cast(column, &plain_list(column.data_type()))?;
            let lists = lists.as_list::<i32>();
            let items = cast_column(lists.values(), from, to, casting)?;
            Ok(Arc::new(ListArray::try_new(field, lists.offsets().clone(), items, lists.nulls().cloned())?))
        }
        (
            TrinoType::Map(from_key, from_value),
            TrinoType::Map(to_key, to_value),
            DataType::Map(entries, _),
        ) => {
            let maps = column.as_map();
            let keys = cast_column(maps.keys(), from_key, to_key, casting)?;
            let values = cast_column(maps.values(), from_value, to_value, casting)?;
            let DataType::Struct(pair) = entries.data_type().clone() else { return Err(impossible()) };
            let pairs = StructArray::try_new(pair, vec![keys, values], None)?;
            let offsets = maps.offsets().clone();
            Ok(Arc::new(MapArray::try_new(entries, offsets, pairs, maps.nulls().cloned(), false)?))
        }
        (TrinoType::Row(from), TrinoType::Row(to), DataType::Struct(fields)) if from.len() == to.len() => {
            let row = column.as_struct();
            let parts: Result<Vec<ArrayRef>> = row
                .columns()
                .iter()
                .zip(from.iter().zip(to))
                .map(|(part, (from, to))| cast_column(part, &from.r#type, &to.r#type, casting))
                .collect();
            Ok(Arc::new(StructArray::try_new(fields, parts?, row.nulls().cloned())?))
        }
        _ => Err(impossible()),
    }
}

fn plain_list(data_type: &DataType) -> DataType {
    match data_type {
        DataType::LargeList(field)
        | DataType::FixedSizeList(field, _)
        | DataType::ListView(field)
        | DataType::LargeListView(field) => DataType::List(Arc::clone(field)),
        other => other.clone(),
    }
}
