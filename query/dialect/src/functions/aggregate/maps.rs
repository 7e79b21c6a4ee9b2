//! Aggregates that give a map: `histogram`, `map_agg`, `multimap_agg`, `numeric_histogram`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int64Array, ListArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Accumulator;

use super::definition::{Aggregate, column_of, list_of, list_value, lists};
use crate::error::invalid_argument;
use crate::functions::collection::{map_of_lists, map_type};

pub(super) fn functions() -> Vec<Aggregate> {
    vec![
        Aggregate::new(
            "histogram",
            &["K -> map(K,bigint)"],
            "How often each value occurs",
            |types| map_of(types.first(), Some(&DataType::Int64)),
            |types| vec![list_or_null(types, 0), list_of(&DataType::Int64)],
            |fields, result| entries(fields, result, Form::Histogram),
        ),
        Aggregate::new(
            "map_agg",
            &["K, V -> map(K,V)"],
            "A map of keys and their values; of a key that occurs twice one value",
            |types| map_of(types.first(), types.get(1)),
            |types| vec![list_or_null(types, 0), list_or_null(types, 1)],
            |fields, result| entries(fields, result, Form::Single),
        ),
        Aggregate::new(
            "multimap_agg",
            &["K, V -> map(K,V)"],
            "A map of keys and arrays of all their values",
            |types| map_of(types.first(), Some(&list_or_null(types, 1))),
            |types| vec![list_or_null(types, 0), list_or_null(types, 1)],
            |fields, result| entries(fields, result, Form::Multiple),
        ),
    ]
}

fn list_or_null(types: &[DataType], index: usize) -> DataType {
    list_of(types.get(index).unwrap_or(&DataType::Null))
}

fn map_of(key: Option<&DataType>, value: Option<&DataType>) -> DataType {
    let field =
        |data_type: Option<&DataType>| Field::new("", data_type.cloned().unwrap_or(DataType::Null), true);
    map_type(&field(key), &field(value))
}

/// What stands beside a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// How often the key occurs.
    Histogram,
    /// The first value.
    Single,
    /// All values.
    Multiple,
}

fn entries(fields: &[FieldRef], result: &Field, form: Form) -> Box<dyn Accumulator> {
    let data_type =
        |index: usize| fields.get(index).map_or(DataType::Int64, |field| field.data_type().clone());
    Box::new(Entries {
        form,
        key_type: data_type(0),
        value_type: data_type(1),
        map_type: result.data_type().clone(),
        places: HashMap::new(),
        keys: Vec::new(),
        values: Vec::new(),
        counts: Vec::new(),
        bytes: 0,
    })
}

/// Keys in the order in which they came first, and what stands beside each.
#[derive(Debug)]
struct Entries {
    form: Form,
    key_type: DataType,
    value_type: DataType,
    map_type: DataType,
    places: HashMap<ScalarValue, usize>,
    keys: Vec<ScalarValue>,
    values: Vec<Vec<ScalarValue>>,
    counts: Vec<i64>,
    bytes: usize,
}

impl Entries {
    fn add(&mut self, mut key: ScalarValue, value: Option<ScalarValue>, count: i64) -> Result<()> {
        let next = self.keys.len();
        key.compact();
        let place = match self.places.entry(key) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                let key = new.key().clone();
                self.bytes += 2 * key.size();
                self.keys.push(key);
                self.values.push(Vec::new());
                self.counts.push(0);
                *new.insert(next)
            }
        };
        if let Some(total) = self.counts.get_mut(place) {
            *total = total.checked_add(count).ok_or_else(|| invalid_argument("too many rows"))?;
        }
        if let (Some(values), Some(mut value)) = (self.values.get_mut(place), value)
            && (self.form == Form::Multiple || values.is_empty())
        {
            value.compact();
            self.bytes += value.size();
            values.push(value);
        }
        Ok(())
    }
}

impl Accumulator for Entries {
    fn update_batch(&mut self, arguments: &[ArrayRef]) -> Result<()> {
        let Some(keys) = arguments.first().filter(|keys| !keys.data_type().is_null()) else { return Ok(()) };
        for row in (0..keys.len()).filter(|row| keys.is_valid(*row)) {
            let value =
                arguments.get(1).map(|values| ScalarValue::try_from_array(values, row)).transpose()?;
            self.add(ScalarValue::try_from_array(keys, row)?, value, 1)?;
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        if self.keys.is_empty() {
            return ScalarValue::try_from(&self.map_type);
        }
        let keys = column_of(self.keys.iter().cloned(), &self.key_type)?;
        let values: ArrayRef = match self.form {
            Form::Histogram => Arc::new(Int64Array::from(self.counts.clone())),
            Form::Single => column_of(self.values.iter().flatten().cloned(), &self.value_type)?,
            Form::Multiple => {
                let all = column_of(self.values.iter().flatten().cloned(), &self.value_type)?;
                let offsets = OffsetBuffer::from_lengths(self.values.iter().map(Vec::len));
                let field = Arc::new(Field::new("item", self.value_type.clone(), true));
                Arc::new(ListArray::try_new(field, offsets, all, None)?)
            }
        };
        let map = map_of_lists(&self.map_type, &[Some(self.keys.len())], &keys, &values)?;
        ScalarValue::try_from_array(&map, 0)
    }

    fn size(&self) -> usize {
        // What is kept, and the columns that it becomes in the end.
        size_of_val(self) + 2 * self.bytes + self.keys.len() * 64
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        if self.form == Form::Histogram {
            let keys = column_of(self.keys.iter().cloned(), &self.key_type)?;
            return Ok(vec![list_value(keys), list_value(Arc::new(Int64Array::from(self.counts.clone())))]);
        }
        let repeated =
            self.keys.iter().zip(&self.values).flat_map(|(key, values)| values.iter().map(|_| key.clone()));
        let keys = column_of(repeated, &self.key_type)?;
        let values = column_of(self.values.iter().flatten().cloned(), &self.value_type)?;
        Ok(vec![list_value(keys), list_value(values)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for (keys, values) in lists(states, 0)?.iter().zip(&lists(states, 1)?) {
            for row in 0..keys.len() {
                let value = ScalarValue::try_from_array(values, row)?;
                let (value, count) = match (self.form, value) {
                    (Form::Histogram, ScalarValue::Int64(count)) => (None, count.unwrap_or(0)),
                    (_, value) => (Some(value), 1),
                };
                self.add(ScalarValue::try_from_array(keys, row)?, value, count)?;
            }
        }
        Ok(())
    }
}
