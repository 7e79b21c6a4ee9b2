//! Maps made, taken apart and put together.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, ListArray, ListBuilder, StringViewBuilder, StructArray, new_empty_array,
};
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::Result;

use super::arrays::both;
use super::elements::{Keys, element_field, entry_fields, list, map_of_lists, map_type, picked_one, range};
use crate::error::{invalid_argument, type_mismatch};
use crate::functions::cast::text_at;
use crate::functions::rows::{FromColumn, column};
use crate::functions::scalar::{Arguments, Planned, Scalar};
use crate::types::TrinoType;

pub(super) fn functions() -> Vec<Scalar> {
    vec![
        Scalar::new(
            "map",
            &["-> map(K,V)", "array(K), array(V) -> map(K,V)"],
            "A map of keys and their values",
            map,
        )
        .returning(|planned| {
            let key = element_field(planned.data_type(0));
            let value = element_field(planned.data_type(1));
            Ok(Field::new("", map_type(&key, &value), true))
        }),
        Scalar::new("map_keys", &["map(K,V) -> array(K)"], "The keys of a map", |arguments| {
            part(arguments, 0)
        })
        .returning(|planned| part_type(planned, 0)),
        Scalar::new("map_values", &["map(K,V) -> array(V)"], "The values of a map", |arguments| {
            part(arguments, 1)
        })
        .returning(|planned| part_type(planned, 1)),
        Scalar::new(
            "map_entries",
            &["map(K,V) -> array(row(K))"],
            "The keys and values of a map, as rows",
            entries,
        )
        .returning(entries_type),
        Scalar::new(
            "map_from_entries",
            &["array(row(K)) -> map(K,V)"],
            "A map of rows of a key and a value",
            from_entries,
        )
        .returning(from_entries_type),
        Scalar::new("map_concat", &["map(K,V)... -> map(K,V)"], "All entries; of one key the last", concat),
        Scalar::new(
            "split_to_map",
            &["varchar, varchar, varchar -> map(varchar,varchar)"],
            "A map of the pairs between delimiters",
            split_to_map,
        )
        .returning(|_| {
            let text = Field::new("", DataType::Utf8View, true);
            Ok(Field::new("", map_type(&text, &text), true))
        }),
        Scalar::new(
            "split_to_multimap",
            &["varchar, varchar, varchar -> map(varchar,array(varchar))"],
            "A map of the pairs between delimiters, with all values of each key",
            split_to_multimap,
        )
        .returning(|_| {
            let text = Field::new("", DataType::Utf8View, true);
            let texts = Field::new("", DataType::new_list(DataType::Utf8View, true), true);
            Ok(Field::new("", map_type(&text, &texts), true))
        }),
    ]
}

fn map(arguments: &Arguments) -> Result<ArrayRef> {
    if arguments.columns.is_empty() {
        let nothing = new_empty_array(&DataType::Null);
        return map_of_lists(
            arguments.result.data_type(),
            &vec![Some(0); arguments.rows],
            &nothing,
            &nothing,
        );
    }
    let (keys, values) = (list(arguments, 0)?, list(arguments, 1)?);
    let mut lengths = Vec::with_capacity(arguments.rows);
    let (mut key_places, mut value_places) = (Vec::new(), Vec::new());
    for row in 0..arguments.rows {
        let (Some(keys), Some(values)) = (range(keys, row), range(values, row)) else {
            lengths.push(None);
            continue;
        };
        if keys.len() != values.len() {
            return Err(invalid_argument("Key and value arrays must be the same length"));
        }
        lengths.push(Some(keys.len()));
        key_places.extend(keys.map(Some));
        value_places.extend(values.map(Some));
    }
    let keys = picked_one(keys.values(), &key_places)?;
    let values = picked_one(values.values(), &value_places)?;
    check_keys(&keys, &lengths)?;
    map_of_lists(arguments.result.data_type(), &lengths, &keys, &values)
}

/// No key is NULL, and none is twice in a row.
pub(crate) fn check_keys(keys: &ArrayRef, lengths: &[Option<usize>]) -> Result<()> {
    if keys.null_count() > 0 && *keys.data_type() != DataType::Null {
        return Err(invalid_argument("map key cannot be null"));
    }
    let rows = Keys::of(keys.data_type())?.rows(keys)?;
    let mut start = 0;
    for length in lengths.iter().flatten() {
        let mut seen = std::collections::HashSet::with_capacity(*length);
        for place in start..start + length {
            if !seen.insert(rows.row(place)) {
                let text = text_at(keys, &TrinoType::of_arrow(keys.data_type()), place)?;
                return Err(invalid_argument(format!("Duplicate map keys ({text}) are not allowed")));
            }
        }
        start += length;
    }
    Ok(())
}

fn part_type(planned: &Planned, part: usize) -> Result<Field> {
    let (key, value) =
        entry_fields(planned.data_type(0)).ok_or_else(|| type_mismatch("a map was expected"))?;
    let field = if part == 0 { key } else { value };
    let element = field.as_ref().clone().with_name("item").with_nullable(true);
    Ok(Field::new("", DataType::List(Arc::new(element)), true))
}

fn part(arguments: &Arguments, part: usize) -> Result<ArrayRef> {
    let maps = column(arguments, 0)?.as_map();
    let values = if part == 0 { maps.keys() } else { maps.values() };
    let field = element_field(arguments.result.data_type());
    Ok(Arc::new(ListArray::try_new(
        field,
        maps.offsets().clone(),
        Arc::clone(values),
        maps.nulls().cloned(),
    )?))
}

/// The row of an entry: its fields have no names.
fn pair_fields(planned: &Planned) -> Result<Fields> {
    let (key, value) =
        entry_fields(planned.data_type(0)).ok_or_else(|| type_mismatch("a map was expected"))?;
    Ok(Fields::from(vec![
        key.as_ref().clone().with_name("c0").with_nullable(true),
        value.as_ref().clone().with_name("c1").with_nullable(true),
    ]))
}

fn entries_type(planned: &Planned) -> Result<Field> {
    let pair = Field::new("item", DataType::Struct(pair_fields(planned)?), true);
    Ok(Field::new("", DataType::List(Arc::new(pair)), true))
}

fn entries(arguments: &Arguments) -> Result<ArrayRef> {
    let maps = column(arguments, 0)?.as_map();
    let field = element_field(arguments.result.data_type());
    let DataType::Struct(pair) = field.data_type() else { return Err(type_mismatch("a map was expected")) };
    let columns = vec![Arc::clone(maps.keys()), Arc::clone(maps.values())];
    let pairs: ArrayRef = Arc::new(StructArray::try_new(pair.clone(), columns, None)?);
    Ok(Arc::new(ListArray::try_new(
        Arc::clone(&field),
        maps.offsets().clone(),
        pairs,
        maps.nulls().cloned(),
    )?))
}

fn from_entries_type(planned: &Planned) -> Result<Field> {
    match element_field(planned.data_type(0)).data_type() {
        DataType::Struct(pair) if pair.len() == 2 => Ok(Field::new("", map_type(&pair[0], &pair[1]), true)),
        _ => Err(type_mismatch("an array of rows of a key and a value was expected")),
    }
}

fn from_entries(arguments: &Arguments) -> Result<ArrayRef> {
    let lists = list(arguments, 0)?;
    let pairs = lists.values().as_struct();
    let lengths: Vec<Option<usize>> =
        (0..arguments.rows).map(|row| range(lists, row).map(|range| range.len())).collect();
    let places: Vec<Option<usize>> =
        (0..arguments.rows).filter_map(|row| range(lists, row)).flatten().map(Some).collect();
    let keys = picked_one(pairs.column(0), &places)?;
    let values = picked_one(pairs.column(1), &places)?;
    check_keys(&keys, &lengths)?;
    map_of_lists(arguments.result.data_type(), &lengths, &keys, &values)
}

fn concat(arguments: &Arguments) -> Result<ArrayRef> {
    let mut merged = Arc::clone(column(arguments, 0)?);
    for index in 1..arguments.columns.len() {
        merged = merge(&merged, column(arguments, index)?, arguments.rows)?;
    }
    Ok(merged)
}

/// The entries of two maps; where both have a key the second's value.
fn merge(left: &ArrayRef, right: &ArrayRef, rows: usize) -> Result<ArrayRef> {
    let data_type = left.data_type().clone();
    let (left, right) = (left.as_map(), right.as_map());
    let keys = both(left.keys(), right.keys())?;
    let values = both(left.values(), right.values())?;
    let behind = left.keys().len();
    let known = Keys::of(keys.data_type())?.rows(&keys)?;
    let bound = |offset: i32| usize::try_from(offset).unwrap_or(0);
    let mut lengths = Vec::with_capacity(rows);
    let (mut key_places, mut value_places) = (Vec::new(), Vec::new());
    for row in 0..rows {
        if left.is_null(row) || right.is_null(row) {
            lengths.push(None);
            continue;
        }
        let of_left = bound(left.value_offsets()[row])..bound(left.value_offsets()[row + 1]);
        let of_right = bound(right.value_offsets()[row])..bound(right.value_offsets()[row + 1]);
        let mut order = Vec::new();
        let mut last = HashMap::new();
        for place in of_left.chain(of_right.map(|place| place + behind)) {
            if last.insert(known.row(place), place).is_none() {
                order.push(place);
            }
        }
        lengths.push(Some(order.len()));
        for place in order {
            key_places.push(Some(place));
            value_places.push(last.get(&known.row(place)).copied());
        }
    }
    map_of_lists(&data_type, &lengths, &picked_one(&keys, &key_places)?, &picked_one(&values, &value_places)?)
}

/// A key and its value.
fn pair<'a>(entry: &'a str, between: &str) -> Result<(&'a str, &'a str)> {
    let message =
        || format!("Key-value delimiter must appear exactly once in each entry. Bad input: '{entry}'");
    entry.split_once(between).ok_or_else(|| invalid_argument(message()))
}

fn split_to_multimap(arguments: &Arguments) -> Result<ArrayRef> {
    let texts = <&str>::column(column(arguments, 0)?)?;
    let between_entries = <&str>::column(column(arguments, 1)?)?;
    let between_pair = <&str>::column(column(arguments, 2)?)?;
    let (mut keys, mut values) = (StringViewBuilder::new(), ListBuilder::new(StringViewBuilder::new()));
    let mut lengths = Vec::with_capacity(arguments.rows);
    for row in 0..arguments.rows {
        if texts.is_null(row) || between_entries.is_null(row) || between_pair.is_null(row) {
            lengths.push(None);
            continue;
        }
        let mut found: Vec<(&str, Vec<&str>)> = Vec::new();
        let mut places = HashMap::new();
        for entry in texts.value(row).split(between_entries.value(row)).filter(|entry| !entry.is_empty()) {
            let (key, value) = pair(entry, between_pair.value(row))?;
            let place = *places.entry(key).or_insert_with(|| {
                found.push((key, Vec::new()));
                found.len() - 1
            });
            if let Some((_, values)) = found.get_mut(place) {
                values.push(value);
            }
        }
        lengths.push(Some(found.len()));
        for (key, of_key) in found {
            keys.append_value(key);
            values.append_value(of_key.into_iter().map(Some));
        }
    }
    let (keys, values): (ArrayRef, ArrayRef) = (Arc::new(keys.finish()), Arc::new(values.finish()));
    map_of_lists(arguments.result.data_type(), &lengths, &keys, &values)
}

fn split_to_map(arguments: &Arguments) -> Result<ArrayRef> {
    let texts = <&str>::column(column(arguments, 0)?)?;
    let between_entries = <&str>::column(column(arguments, 1)?)?;
    let between_pair = <&str>::column(column(arguments, 2)?)?;
    let (mut keys, mut values) = (StringViewBuilder::new(), StringViewBuilder::new());
    let mut lengths = Vec::with_capacity(arguments.rows);
    for row in 0..arguments.rows {
        if texts.is_null(row) || between_entries.is_null(row) || between_pair.is_null(row) {
            lengths.push(None);
            continue;
        }
        let mut length = 0;
        for entry in texts.value(row).split(between_entries.value(row)).filter(|entry| !entry.is_empty()) {
            let (key, value) = pair(entry, between_pair.value(row))?;
            keys.append_value(key);
            values.append_value(value);
            length += 1;
        }
        lengths.push(Some(length));
    }
    let (keys, values): (ArrayRef, ArrayRef) = (Arc::new(keys.finish()), Arc::new(values.finish()));
    check_keys(&keys, &lengths)?;
    map_of_lists(arguments.result.data_type(), &lengths, &keys, &values)
}
