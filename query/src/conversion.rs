//! Arrays in which some values, however deep they lie in lists, maps and rows, become values of another type.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, LargeListArray, ListArray, MapArray, RecordBatch,
    RecordBatchOptions, StructArray,
};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema};
use datafusion::arrow::error::ArrowError;

/// What an array becomes; `None` where it stays. It is asked of a whole before its parts, and then of the parts.
pub(crate) type Conversion<'a> = &'a dyn Fn(&Field, &ArrayRef) -> Result<Option<ArrayRef>, ArrowError>;

/// Fields with their columns.
type Converted = (Vec<FieldRef>, Vec<ArrayRef>);

/// The batch with each of its columns converted.
pub(crate) fn converted(batch: &RecordBatch, convert: Conversion<'_>) -> Result<RecordBatch, ArrowError> {
    let schema = batch.schema_ref();
    let Some((fields, columns)) = converted_all(schema.fields(), batch.columns(), convert)? else {
        return Ok(batch.clone());
    };
    let schema = Arc::new(Schema::new(fields));
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema, columns, &options)
}

/// All fields and columns, where one of them is converted.
fn converted_all(
    fields: &Fields,
    columns: &[ArrayRef],
    convert: Conversion<'_>,
) -> Result<Option<Converted>, ArrowError> {
    let (mut new_fields, mut new_columns, mut is_changed) = (Vec::new(), Vec::new(), false);
    for (field, column) in fields.iter().zip(columns) {
        let new = converted_array(field, column, convert)?;
        is_changed |= new.is_some();
        let (field, column) = new.unwrap_or_else(|| (Arc::clone(field), Arc::clone(column)));
        new_fields.push(field);
        new_columns.push(column);
    }
    Ok(is_changed.then_some((new_fields, new_columns)))
}

fn converted_array(
    field: &FieldRef,
    array: &ArrayRef,
    convert: Conversion<'_>,
) -> Result<Option<(FieldRef, ArrayRef)>, ArrowError> {
    let whole = convert(field, array)?;
    let parts = with_parts_converted(whole.as_ref().unwrap_or(array), convert)?;
    Ok(parts.or(whole).map(|array| {
        let field = field.as_ref().clone().with_data_type(array.data_type().clone());
        (Arc::new(field), array)
    }))
}

fn with_parts_converted(array: &ArrayRef, convert: Conversion<'_>) -> Result<Option<ArrayRef>, ArrowError> {
    let nulls = array.nulls().cloned();
    let new: ArrayRef = match array.data_type() {
        DataType::List(element) => {
            let list = array.as_list::<i32>();
            let Some((element, values)) = converted_array(element, list.values(), convert)? else {
                return Ok(None);
            };
            Arc::new(ListArray::try_new(element, list.offsets().clone(), values, nulls)?)
        }
        DataType::LargeList(element) => {
            let list = array.as_list::<i64>();
            let Some((element, values)) = converted_array(element, list.values(), convert)? else {
                return Ok(None);
            };
            Arc::new(LargeListArray::try_new(element, list.offsets().clone(), values, nulls)?)
        }
        DataType::FixedSizeList(element, length) => {
            let list = array.as_fixed_size_list();
            let Some((element, values)) = converted_array(element, list.values(), convert)? else {
                return Ok(None);
            };
            Arc::new(FixedSizeListArray::try_new(element, *length, values, nulls)?)
        }
        DataType::Map(entries, is_sorted) => {
            let map = array.as_map();
            let pairs: ArrayRef = Arc::new(map.entries().clone());
            let Some((entries, pairs)) = converted_array(entries, &pairs, convert)? else { return Ok(None) };
            let pairs = pairs.as_struct().clone();
            Arc::new(MapArray::try_new(entries, map.offsets().clone(), pairs, nulls, *is_sorted)?)
        }
        DataType::Struct(fields) => {
            let rows = array.as_struct();
            let Some((fields, columns)) = converted_all(fields, rows.columns(), convert)? else {
                return Ok(None);
            };
            Arc::new(StructArray::try_new(fields.into(), columns, nulls)?)
        }
        _ => return Ok(None),
    };
    Ok(Some(new))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Int32Array, Int64Builder, MapBuilder, StringBuilder};
    use datafusion::arrow::compute::cast;
    use datafusion::arrow::datatypes::Int32Type;
    use datafusion::arrow::util::display::array_value_to_string;

    use super::*;

    fn texts_of_integers(_: &Field, array: &ArrayRef) -> Result<Option<ArrayRef>, ArrowError> {
        let is_integer = array.data_type().is_integer();
        is_integer.then(|| cast(array, &DataType::Utf8)).transpose()
    }

    #[test]
    fn parts_are_converted_wherever_they_lie() {
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>([
            Some(vec![Some(1), None]),
            None,
            Some(vec![]),
        ]);
        let mut maps = MapBuilder::new(None, Int64Builder::new(), StringBuilder::new());
        for key in 7..10 {
            maps.keys().append_value(key);
            maps.values().append_value("x");
            maps.append(true).unwrap();
        }
        let list: ArrayRef = Arc::new(list);
        let map: ArrayRef = Arc::new(maps.finish());
        let row =
            StructArray::try_from(vec![("list", Arc::clone(&list)), ("map", Arc::clone(&map))]).unwrap();
        let batch = RecordBatch::try_from_iter([("row", Arc::new(row) as ArrayRef)]).unwrap();
        let new = converted(&batch, &texts_of_integers).unwrap();
        let told = |batch: &RecordBatch, row| array_value_to_string(batch.column(0), row).unwrap();
        for row in 0..3 {
            assert_eq!(told(&new, row), told(&batch, row));
        }
        let DataType::Struct(fields) = new.column(0).data_type() else { panic!("{new:?}") };
        assert_eq!(fields[0].data_type(), &DataType::new_list(DataType::Utf8, true));
        assert!(fields[1].data_type().to_string().contains("\"keys\": non-null Utf8"), "{:?}", fields[1]);
    }

    #[test]
    fn what_stays_is_not_copied() {
        let words: ArrayRef = Arc::new(Int32Array::from(vec![1]));
        let batch = RecordBatch::try_from_iter([("n", words)]).unwrap();
        let same = converted(&batch, &|_, _| Ok(None)).unwrap();
        assert!(Arc::ptr_eq(batch.column(0), same.column(0)));
    }
}
