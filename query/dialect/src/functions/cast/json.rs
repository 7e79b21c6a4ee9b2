//! JSON: values written as JSON, and read from it.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, ListArray, MapArray, StringViewArray, StringViewBuilder, StructArray,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use serde_json::Value;

use super::print::text_at;
use super::{Casting, cast_column, type_mismatch};
use crate::error::invalid_cast;
use crate::types::{RowField, TrinoType};

/// A column of JSON texts, read one by one.
pub(crate) struct JsonTexts(ArrayRef);

impl JsonTexts {
    pub fn of(column: &ArrayRef) -> Result<Self> {
        Ok(Self(cast(column, &DataType::Utf8View)?))
    }

    /// The value of a row; `None` for NULL and for a text that is no JSON.
    pub fn at(&self, row: usize) -> Option<Value> {
        let texts = self.0.as_string_view();
        if texts.is_null(row) { None } else { serde_json::from_str(texts.value(row)).ok() }
    }
}

/// `CAST(json AS varchar)`: the text of a string, a number or a truth value.
pub(super) fn texts_of(column: &ArrayRef, casting: Casting) -> Result<ArrayRef> {
    let json = JsonTexts::of(column)?;
    let mut builder = StringViewBuilder::with_capacity(column.len());
    for row in 0..column.len() {
        let text = match json.at(row) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text),
            Some(scalar @ (Value::Bool(_) | Value::Number(_))) => Some(scalar.to_string()),
            Some(_) => casting.keep(Err(invalid_cast("Cannot cast a JSON array or object to varchar")))?,
        };
        builder.append_option(text);
    }
    Ok(Arc::new(builder.finish()))
}

/// `CAST(… AS json)`.
pub(super) fn to_json(column: &ArrayRef, from: &TrinoType, _: Casting) -> Result<ArrayRef> {
    let mut builder = StringViewBuilder::with_capacity(column.len());
    for row in 0..column.len() {
        builder.append_option(if column.is_null(row) { None } else { Some(json_at(column, from, row)?) });
    }
    Ok(Arc::new(builder.finish()))
}

/// `CAST(json AS …)` to what is no text.
pub(super) fn from_json(column: &ArrayRef, to: &TrinoType, casting: Casting) -> Result<ArrayRef> {
    match to {
        TrinoType::Array(element) => {
            let lists = read_all(column, casting, |value| match value {
                Value::Array(items) => Some(items),
                _ => None,
            })?;
            let lengths = lists.iter().map(|items| items.as_ref().map_or(0, Vec::len));
            let offsets = OffsetBuffer::from_lengths(lengths);
            let nulls = NullBuffer::from(lists.iter().map(Option::is_some).collect::<Vec<_>>());
            let items = json_column(lists.into_iter().flatten().flatten());
            let items = cast_column(&items, &TrinoType::Json, element, casting)?;
            let field = Arc::new(element.to_field("item"));
            Ok(Arc::new(ListArray::try_new(field, offsets, items, Some(nulls))?))
        }
        TrinoType::Map(key, value) => {
            let maps = read_all(column, casting, |value| match value {
                Value::Object(entries) => Some(entries.into_iter().collect::<Vec<_>>()),
                _ => None,
            })?;
            let offsets =
                OffsetBuffer::from_lengths(maps.iter().map(|entries| entries.as_ref().map_or(0, Vec::len)));
            let nulls = NullBuffer::from(maps.iter().map(Option::is_some).collect::<Vec<_>>());
            let (keys, values): (Vec<String>, Vec<Value>) = maps.into_iter().flatten().flatten().unzip();
            let keys: ArrayRef = Arc::new(StringViewArray::from_iter_values(keys));
            let keys = cast_column(&keys, &TrinoType::Varchar { length: None }, key, casting)?;
            let values = cast_column(&json_column(values), &TrinoType::Json, value, casting)?;
            let DataType::Map(entries, _) = to.to_arrow() else {
                return Err(type_mismatch(format!("Cannot cast json to {to}")));
            };
            let DataType::Struct(pair) = entries.data_type().clone() else {
                return Err(type_mismatch(format!("Cannot cast json to {to}")));
            };
            let pairs = StructArray::try_new(pair, vec![keys, values], None)?;
            Ok(Arc::new(MapArray::try_new(entries, offsets, pairs, Some(nulls), false)?))
        }
        TrinoType::Row(fields) => {
            let rows = read_all(column, casting, |value| match value {
                Value::Array(_) | Value::Object(_) => Some(value),
                _ => None,
            })?;
            let DataType::Struct(of_row) = to.to_arrow() else {
                return Err(type_mismatch(format!("Cannot cast json to {to}")));
            };
            let columns = fields.iter().enumerate().map(|(place, field)| {
                let values = rows.iter().map(|row| member(row.as_ref(), field, place));
                cast_column(&json_column(values), &TrinoType::Json, &field.r#type, casting)
            });
            let columns = columns.collect::<Result<Vec<_>>>()?;
            let nulls = NullBuffer::from(rows.iter().map(Option::is_some).collect::<Vec<_>>());
            Ok(Arc::new(StructArray::try_new(of_row, columns, Some(nulls))?))
        }
        scalar => {
            let texts = texts_of(column, casting)?;
            cast_column(&texts, &TrinoType::Varchar { length: None }, scalar, casting)
        }
    }
}

/// A field of a row: the member of its name, or the element at its place.
fn member(row: Option<&Value>, field: &RowField, place: usize) -> Value {
    let found = match row {
        Some(Value::Array(items)) => items.get(place),
        Some(Value::Object(members)) => field.name.as_ref().and_then(|name| {
            let in_any_case = || members.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            members.get(name).or_else(|| in_any_case().map(|(_, value)| value))
        }),
        _ => None,
    };
    found.cloned().unwrap_or(Value::Null)
}

/// The value of each row in one form; JSON's null is NULL, another form an error.
fn read_all<T>(column: &ArrayRef, casting: Casting, form: fn(Value) -> Option<T>) -> Result<Vec<Option<T>>> {
    let json = JsonTexts::of(column)?;
    let one = |row| match json.at(row) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => casting.keep(form(value).ok_or_else(|| invalid_cast("Cannot cast the JSON value"))),
    };
    (0..column.len()).map(one).collect()
}

fn json_column(values: impl IntoIterator<Item = Value>) -> ArrayRef {
    Arc::new(StringViewArray::from_iter_values(values.into_iter().map(|value| value.to_string())))
}

/// A value that is not NULL as JSON.
pub(crate) fn json_at(column: &ArrayRef, r#type: &TrinoType, row: usize) -> Result<String> {
    let mut text = String::new();
    write_json(&mut text, column, r#type, row)?;
    Ok(text)
}

fn write_json(text: &mut String, column: &ArrayRef, r#type: &TrinoType, row: usize) -> Result<()> {
    if column.is_null(row) {
        text.push_str("null");
        return Ok(());
    }
    match r#type {
        TrinoType::Unknown => text.push_str("null"),
        TrinoType::Array(element) => {
            let items =
                cast(&column.slice(row, 1), &DataType::List(Arc::new(item_field(column.data_type()))))?;
            let items = items.as_list::<i32>().value(0);
            text.push('[');
            for index in 0..items.len() {
                separate(text, index);
                write_json(text, &items, element, index)?;
            }
            text.push(']');
        }
        TrinoType::Map(key, value) => {
            let entries = column.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            text.push('{');
            for index in 0..entries.len() {
                separate(text, index);
                text.push_str(&Value::String(text_at(keys, key, index)?).to_string());
                text.push(':');
                write_json(text, values, value, index)?;
            }
            text.push('}');
        }
        TrinoType::Row(fields) => {
            let columns = column.as_struct();
            text.push('{');
            for (index, field) in fields.iter().enumerate() {
                separate(text, index);
                text.push_str(&Value::String(field.name.clone().unwrap_or_default()).to_string());
                text.push(':');
                write_json(text, columns.column(index), &field.r#type, row)?;
            }
            text.push('}');
        }
        TrinoType::Json
        | TrinoType::Boolean
        | TrinoType::Tinyint
        | TrinoType::Smallint
        | TrinoType::Integer
        | TrinoType::Bigint
        | TrinoType::Decimal { .. } => text.push_str(&text_at(column, r#type, row)?),
        TrinoType::Real | TrinoType::Double => {
            let float = cast(&column.slice(row, 1), &DataType::Float64)?;
            let float = float.as_primitive::<datafusion::arrow::datatypes::Float64Type>().value(0);
            let number =
                if float.is_finite() { Value::from(float) } else { Value::String(float.to_string()) };
            text.push_str(&number.to_string());
        }
        other => text.push_str(&Value::String(text_at(column, other, row)?).to_string()),
    }
    Ok(())
}

fn item_field(data_type: &DataType) -> datafusion::arrow::datatypes::Field {
    match data_type {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::FixedSizeList(field, _)
        | DataType::ListView(field)
        | DataType::LargeListView(field) => field.as_ref().clone(),
        other => datafusion::arrow::datatypes::Field::new("item", other.clone(), true),
    }
}

fn separate(text: &mut String, index: usize) {
    if index > 0 {
        text.push(',');
    }
}
