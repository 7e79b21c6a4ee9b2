//! Functions of the entries of maps.

use std::collections::HashMap;
use std::ops::Range;

use datafusion::arrow::array::{Array, ArrayRef, MapArray, UInt64Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, internal_err};

use super::arrays::{check_boolean, is_true, rows_of};
use super::call::{Arguments, Planned};
use super::{HigherOrder, as_map};
use crate::functions::collection::{
    Keys, both, check_keys, entry_fields, map_of_lists, map_type, picked_one,
};
use crate::functions::signature::Kind;

pub(super) const MAP_FILTER: HigherOrder = HigherOrder {
    name: "map_filter",
    values: &[Kind::Map],
    parameters: &[2],
    argument_types: "map(K,V), function(K,V,boolean)",
    return_type: "map(K,V)",
    description: "The entries for which a function is true",
    returns: |planned| {
        let (key, value) = entry(planned, 0);
        check_boolean(planned.body(0, &[key, value])?.data_type())?;
        Ok(Field::new("", planned.data_type(0).clone(), true))
    },
    evaluate: |arguments| {
        let entries = Entries::of(as_map(arguments.value(0)?)?, arguments.rows)?;
        let conditions = entries.map(arguments)?;
        let is_kept = |place: &usize| is_true(&conditions, *place) == Some(true);
        let rows = entries.ranges().into_iter().map(|range| range.map(|range| range.filter(is_kept)));
        let mut lengths = Vec::with_capacity(arguments.rows);
        let mut kept = Vec::new();
        for row in rows {
            let before = kept.len();
            let is_there = row.is_some();
            kept.extend(row.into_iter().flatten().map(Some));
            lengths.push(is_there.then(|| kept.len() - before));
        }
        let (keys, values) = (picked_one(&entries.keys, &kept)?, picked_one(&entries.values, &kept)?);
        map_of_lists(arguments.result.data_type(), &lengths, &keys, &values)
    },
};

pub(super) const TRANSFORM_KEYS: HigherOrder = HigherOrder {
    name: "transform_keys",
    values: &[Kind::Map],
    parameters: &[2],
    argument_types: "map(K1,V), function(K1,V,K2)",
    return_type: "map(K2,V)",
    description: "The map under the keys that a function gives",
    returns: |planned| {
        let (key, value) = entry(planned, 0);
        let body = planned.body(0, &[key, value.clone()])?;
        Ok(Field::new("", map_type(&body.field, &value), true))
    },
    evaluate: |arguments| {
        let entries = Entries::of(as_map(arguments.value(0)?)?, arguments.rows)?;
        let keys = entries.map(arguments)?;
        check_keys(&keys, &entries.lengths)?;
        map_of_lists(arguments.result.data_type(), &entries.lengths, &keys, &entries.values)
    },
};

pub(super) const TRANSFORM_VALUES: HigherOrder = HigherOrder {
    name: "transform_values",
    values: &[Kind::Map],
    parameters: &[2],
    argument_types: "map(K,V1), function(K,V1,V2)",
    return_type: "map(K,V2)",
    description: "The map with the values that a function gives",
    returns: |planned| {
        let (key, value) = entry(planned, 0);
        let body = planned.body(0, &[key.clone(), value])?;
        Ok(Field::new("", map_type(&key, &body.field), true))
    },
    evaluate: |arguments| {
        let entries = Entries::of(as_map(arguments.value(0)?)?, arguments.rows)?;
        let values = entries.map(arguments)?;
        map_of_lists(arguments.result.data_type(), &entries.lengths, &entries.keys, &values)
    },
};

pub(super) const MAP_ZIP_WITH: HigherOrder = HigherOrder {
    name: "map_zip_with",
    values: &[Kind::Map, Kind::Map],
    parameters: &[3],
    argument_types: "map(K,V1), map(K,V2), function(K,V1,V2,V3)",
    return_type: "map(K,V3)",
    description: "A map of what a function gives for the values that two maps have under each key",
    returns: |planned| {
        let (key, left, right) = pairs(planned);
        let body = planned.body(0, &[key.clone(), left, right])?;
        Ok(Field::new("", map_type(&key, &body.field), true))
    },
    evaluate: zip_with,
};

/// The entries of a batch of maps, one behind the other.
struct Entries {
    key: Field,
    value: Field,
    keys: ArrayRef,
    values: ArrayRef,
    lengths: Vec<Option<usize>>,
}

impl Entries {
    fn of(maps: &MapArray, rows: usize) -> Result<Self> {
        let Some((key, value)) = entry_fields(maps.data_type()) else {
            return internal_err!("a map was promised");
        };
        let ranges: Vec<_> = (0..rows).map(|row| range(maps, row)).collect();
        let places: Vec<Option<usize>> = ranges.iter().flatten().cloned().flatten().map(Some).collect();
        Ok(Self {
            key: key.as_ref().clone(),
            value: value.as_ref().clone(),
            keys: picked_one(maps.keys(), &places)?,
            values: picked_one(maps.values(), &places)?,
            lengths: ranges.iter().map(|range| range.as_ref().map(ExactSizeIterator::len)).collect(),
        })
    }

    /// What the call's function gives for each entry.
    fn map(&self, arguments: &Arguments) -> Result<ArrayRef> {
        let body = arguments.planned.body(0, &[self.key.clone(), self.value.clone()])?;
        let rows = rows_of(self.lengths.iter().map(|length| length.unwrap_or(0)));
        arguments.evaluate(&body, vec![self.keys.clone(), self.values.clone()], &rows)
    }

    fn ranges(&self) -> Vec<Option<Range<usize>>> {
        let mut end = 0;
        let mut next = |length: usize| {
            let start = end;
            end += length;
            start..end
        };
        self.lengths.iter().map(|length| length.map(&mut next)).collect()
    }
}

fn range(maps: &MapArray, row: usize) -> Option<Range<usize>> {
    let bound = |index: usize| usize::try_from(maps.value_offsets()[index]).unwrap_or(0);
    maps.is_valid(row).then(|| bound(row)..bound(row + 1))
}

/// The fields of the keys and values of a map among the values.
fn entry(planned: &Planned, place: usize) -> (Field, Field) {
    match entry_fields(planned.data_type(place)) {
        Some((key, value)) => (key.as_ref().clone(), value.as_ref().clone()),
        // The only map without a type is NULL.
        None => (Field::new("", DataType::Null, true), Field::new("", DataType::Null, true)),
    }
}

/// The fields of the keys, which are the first map's, and of the values of each.
fn pairs(planned: &Planned) -> (Field, Field, Field) {
    let ((key, left), (_, right)) = (entry(planned, 0), entry(planned, 1));
    (key, left, right)
}

/// Keys that only one map has come with NULL for the other's value.
fn zip_with(arguments: &Arguments) -> Result<ArrayRef> {
    let (left, right) = (as_map(arguments.value(0)?)?, as_map(arguments.value(1)?)?);
    let keys = both(left.keys(), right.keys())?;
    let behind = left.keys().len();
    let known = Keys::of(keys.data_type())?.rows(&keys)?;
    let mut lengths = Vec::with_capacity(arguments.rows);
    let mut places: Vec<(u64, Option<u64>, Option<u64>)> = Vec::new();
    for row in 0..arguments.rows {
        let (Some(of_left), Some(of_right)) = (range(left, row), range(right, row)) else {
            lengths.push(None);
            continue;
        };
        let start = places.len();
        let mut found = HashMap::new();
        for place in of_left {
            found.insert(known.row(place), places.len());
            places.push((place as u64, Some(place as u64), None));
        }
        for place in of_right {
            match found.get(&known.row(place + behind)).and_then(|at| places.get_mut(*at)) {
                Some((_, _, right)) => *right = Some(place as u64),
                None => places.push(((place + behind) as u64, None, Some(place as u64))),
            }
        }
        lengths.push(Some(places.len() - start));
    }
    let (key, of_left, of_right) = pairs(&arguments.planned);
    let body = arguments.planned.body(0, &[key, of_left, of_right])?;
    let keys = take(&keys, &places.iter().map(|place| place.0).collect::<UInt64Array>(), None)?;
    let parameters = vec![
        keys.clone(),
        take(left.values(), &places.iter().map(|place| place.1).collect::<UInt64Array>(), None)?,
        take(right.values(), &places.iter().map(|place| place.2).collect::<UInt64Array>(), None)?,
    ];
    let rows = rows_of(lengths.iter().map(|length| length.unwrap_or(0)));
    let values = arguments.evaluate(&body, parameters, &rows)?;
    map_of_lists(arguments.result.data_type(), &lengths, &keys, &values)
}
