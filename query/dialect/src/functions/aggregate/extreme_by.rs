//! `max_by` and `min_by`: the value beside the largest or smallest key.

use std::cmp::Ordering;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, make_comparator};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Accumulator;

use super::definition::{Aggregate, column_of, list_of, list_value, lists};
use crate::error::invalid_argument;

const SIGNATURES: &[&str] = &["V, K -> V", "V, K, bigint -> array(V)"];
/// How many values one group may keep.
const MOST: i64 = 10_000;

pub(super) fn functions() -> Vec<Aggregate> {
    vec![
        Aggregate::new(
            "max_by",
            SIGNATURES,
            "The value beside the largest key, or the values beside the n largest",
            returned,
            state,
            |fields, _| make(fields, Ordering::Greater),
        ),
        Aggregate::new(
            "min_by",
            SIGNATURES,
            "The value beside the smallest key, or the values beside the n smallest",
            returned,
            state,
            |fields, _| make(fields, Ordering::Less),
        ),
        Aggregate::new(
            "$max_n",
            &["K, bigint -> array(K)"],
            "The n largest values",
            returned_of_one,
            state_of_one,
            |fields, _| make_of_one(fields, Ordering::Greater),
        ),
        Aggregate::new(
            "$min_n",
            &["K, bigint -> array(K)"],
            "The n smallest values",
            returned_of_one,
            state_of_one,
            |fields, _| make_of_one(fields, Ordering::Less),
        ),
    ]
}

fn returned(types: &[DataType]) -> DataType {
    let value = types.first().cloned().unwrap_or(DataType::Null);
    if types.len() == 3 { list_of(&value) } else { value }
}

fn returned_of_one(types: &[DataType]) -> DataType {
    list_of(types.first().unwrap_or(&DataType::Null))
}

fn state(types: &[DataType]) -> Vec<DataType> {
    let mut lists: Vec<DataType> = types.iter().take(2).map(list_of).collect();
    lists.push(DataType::Int64);
    lists
}

fn state_of_one(types: &[DataType]) -> Vec<DataType> {
    let key = types.first().map_or(DataType::Null, list_of);
    vec![key.clone(), key, DataType::Int64]
}

fn make(fields: &[FieldRef], wanted: Ordering) -> Box<dyn Accumulator> {
    let data_type = |index: usize| {
        fields.get(index).map_or(DataType::Null, |field: &Arc<Field>| field.data_type().clone())
    };
    let count = if fields.len() == 3 { None } else { Some(1) };
    Box::new(Extreme {
        wanted,
        value_type: data_type(0),
        key_type: data_type(1),
        key_argument: 1,
        count,
        single: fields.len() == 2,
        kept: Vec::new(),
    })
}

fn make_of_one(fields: &[FieldRef], wanted: Ordering) -> Box<dyn Accumulator> {
    let data_type = fields.first().map_or(DataType::Null, |field| field.data_type().clone());
    Box::new(Extreme {
        wanted,
        value_type: data_type.clone(),
        key_type: data_type,
        key_argument: 0,
        count: None,
        single: false,
        kept: Vec::new(),
    })
}

/// The values beside the most extreme keys so far, the most extreme first.
#[derive(Debug)]
struct Extreme {
    wanted: Ordering,
    value_type: DataType,
    key_type: DataType,
    /// Which argument is the key; the one behind it says how many are kept.
    key_argument: usize,
    /// How many are kept, once known.
    count: Option<usize>,
    single: bool,
    kept: Vec<(ScalarValue, ScalarValue)>,
}

impl Extreme {
    fn learn_count(&mut self, counts: &ArrayRef) -> Result<()> {
        let counts = counts.as_primitive::<Int64Type>();
        if let (None, Some(count)) = (self.count, counts.iter().flatten().next()) {
            if !(1..=MOST).contains(&count) {
                return Err(invalid_argument(format!(
                    "third argument of max_by/min_by must be from 1 to {MOST}: {count}"
                )));
            }
            self.count = usize::try_from(count).ok();
        }
        Ok(())
    }

    /// Takes the most extreme rows of a batch among the kept ones.
    fn take(&mut self, values: &ArrayRef, keys: &ArrayRef) -> Result<()> {
        let Some(count) = self.count.filter(|_| !keys.data_type().is_null()) else { return Ok(()) };
        let compare = make_comparator(keys, keys, SortOptions::default())?;
        let wanted = self.wanted;
        let before = |left: usize, right: usize| {
            if wanted == Ordering::Greater { compare(right, left) } else { compare(left, right) }
        };
        let mut rows = (0..keys.len()).filter(|row| keys.is_valid(*row));
        let best: Vec<usize> = if count == 1 {
            let first = rows.next();
            let best = first.map(|first| {
                rows.fold(first, |best, row| if before(row, best).is_lt() { row } else { best })
            });
            best.into_iter().collect()
        } else {
            let mut rows: Vec<usize> = rows.collect();
            rows.sort_by(|left, right| before(*left, *right));
            rows.truncate(count);
            rows
        };
        for row in best {
            let mut key = ScalarValue::try_from_array(keys, row)?;
            key.compact();
            let place = self.kept.partition_point(|(_, kept)| {
                kept.partial_cmp(&key).is_some_and(|order| order == wanted || order == Ordering::Equal)
            });
            if place < count {
                let mut value = ScalarValue::try_from_array(values, row)?;
                value.compact();
                self.kept.insert(place, (value, key));
                self.kept.truncate(count);
            }
        }
        Ok(())
    }
}

impl Accumulator for Extreme {
    fn update_batch(&mut self, arguments: &[ArrayRef]) -> Result<()> {
        if let Some(counts) = arguments.get(self.key_argument + 1) {
            self.learn_count(counts)?;
        }
        match (arguments.first(), arguments.get(self.key_argument)) {
            (Some(values), Some(keys)) => self.take(values, keys),
            _ => Ok(()),
        }
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        if self.single {
            return self
                .kept
                .first()
                .map_or_else(|| ScalarValue::try_from(&self.value_type), |(value, _)| Ok(value.clone()));
        }
        if self.kept.is_empty() {
            return ScalarValue::try_from(list_of(&self.value_type));
        }
        Ok(list_value(column_of(self.kept.iter().map(|(value, _)| value.clone()), &self.value_type)?))
    }

    fn size(&self) -> usize {
        // What is kept, and the columns that it becomes in the end.
        size_of_val(self) + 2 * self.kept.iter().map(|(value, key)| value.size() + key.size()).sum::<usize>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values = column_of(self.kept.iter().map(|(value, _)| value.clone()), &self.value_type)?;
        let keys = column_of(self.kept.iter().map(|(_, key)| key.clone()), &self.key_type)?;
        let count = self.count.and_then(|count| i64::try_from(count).ok());
        Ok(vec![list_value(values), list_value(keys), ScalarValue::Int64(count)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        if let Some(counts) = states.get(2) {
            self.learn_count(counts)?;
        }
        for (values, keys) in lists(states, 0)?.iter().zip(&lists(states, 1)?) {
            self.take(values, keys)?;
        }
        Ok(())
    }
}
