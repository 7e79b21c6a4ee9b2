//! Columns of the tables about tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::builder::{
    Int32Builder, Int64Builder, ListBuilder, MapBuilder, MapFieldNames, StringBuilder,
};
use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMillisecondArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::error::Result;
use depthlake_orderbook::time::Timestamp;

pub(super) fn schema_of(columns: &[(&str, DataType)]) -> SchemaRef {
    let field = |(name, data_type): &(&str, DataType)| Field::new(*name, data_type.clone(), true);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

/// Trino's `timestamp(3) with time zone`.
pub(super) fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("+00:00".into()))
}

pub(super) fn times(times: impl Iterator<Item = Timestamp>) -> ArrayRef {
    let milliseconds = times.map(Timestamp::milliseconds);
    Arc::new(TimestampMillisecondArray::from_iter_values(milliseconds).with_timezone("+00:00"))
}

pub(super) fn texts<'a>(texts: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(texts))
}

pub(super) fn numbers(numbers: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(numbers))
}

pub(super) fn counts(counts: impl Iterator<Item = Option<u64>>) -> ArrayRef {
    Arc::new(counts.map(|count| count.and_then(|count| i64::try_from(count).ok())).collect::<Int64Array>())
}

pub(super) fn list_type(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", item, true)))
}

pub(super) fn longs(lists: impl Iterator<Item = Option<Vec<i64>>>) -> ArrayRef {
    let mut builder = ListBuilder::new(Int64Builder::new());
    for list in lists {
        builder.append_option(list.map(|list| list.into_iter().map(Some)));
    }
    Arc::new(builder.finish())
}

pub(super) fn map_type(key: DataType, value: DataType) -> DataType {
    let entries = [Field::new("key", key, false), Field::new("value", value, true)];
    let entries = DataType::Struct(entries.into_iter().collect());
    DataType::Map(Arc::new(Field::new("entries", entries, false)), false)
}

fn names() -> MapFieldNames {
    let [entry, key, value] = ["entries", "key", "value"].map(str::to_owned);
    MapFieldNames { entry, key, value }
}

pub(super) fn maps_of_counts<'a>(maps: impl Iterator<Item = &'a BTreeMap<i32, u64>>) -> Result<ArrayRef> {
    let mut builder = MapBuilder::new(Some(names()), Int32Builder::new(), Int64Builder::new());
    for map in maps {
        for (key, count) in map {
            builder.keys().append_value(*key);
            builder.values().append_option(i64::try_from(*count).ok());
        }
        builder.append(true)?;
    }
    Ok(Arc::new(builder.finish()))
}

pub(super) fn maps_by_number(maps: impl Iterator<Item = BTreeMap<i32, String>>) -> Result<ArrayRef> {
    let mut builder = MapBuilder::new(Some(names()), Int32Builder::new(), StringBuilder::new());
    for map in maps {
        for (key, text) in map {
            builder.keys().append_value(key);
            builder.values().append_value(text);
        }
        builder.append(true)?;
    }
    Ok(Arc::new(builder.finish()))
}

pub(super) fn maps_of_texts<'a>(
    maps: impl Iterator<Item = &'a BTreeMap<String, String>>,
) -> Result<ArrayRef> {
    let mut builder = MapBuilder::new(Some(names()), StringBuilder::new(), StringBuilder::new());
    for map in maps {
        for (key, text) in map {
            builder.keys().append_value(key);
            builder.values().append_value(text);
        }
        builder.append(true)?;
    }
    Ok(Arc::new(builder.finish()))
}
