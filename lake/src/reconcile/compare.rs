//! Two sets of rows that should be the same, compared by key.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt32Array};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_ord::cmp::not_distinct;
use arrow_row::{OwnedRow, RowConverter, Rows, SortField};
use arrow_schema::{ArrowError, DataType, SchemaRef};
use arrow_select::take::take;

/// What makes two rows the same row, and when the same row has other values.
#[derive(Debug, Clone, Copy)]
pub struct Comparison<'a> {
    /// The columns that tell which row it is.
    pub key: &'a [&'a str],
    /// Columns that may differ, for they tell when a row was made and not what it says.
    pub ignored: &'a [&'a str],
    /// By how much, relative to the expected, doubles and decimals may differ. Everything else may not.
    pub tolerance: f64,
}

/// How what was found differs from what was expected. Rows are numbers into the batches given.
#[derive(Debug, Clone, PartialEq)]
pub enum Difference {
    /// An expected row that was not found.
    Missing { expected: usize },
    /// A row that was found once more than it was expected, though it is expected.
    Duplicate { found: usize },
    /// A row found that nothing gives.
    Unfounded { found: usize },
    /// A row that was found with another value than expected.
    Drift { expected: usize, found: usize, value: ValueDrift },
}

/// One value that is not what it should be.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueDrift {
    pub column: String,
    /// The values as text; `None` for null.
    pub expected: Option<String>,
    pub found: Option<String>,
    /// |found − expected| / |expected|, where both are numbers of which a part may differ; infinite where the expected is 0.
    pub relative_difference: Option<f64>,
}

impl Comparison<'_> {
    /// All differences: first what is missing and what has drifted, in the order of the expected rows, then what is too much,
    /// in the order of the found ones. The batches have the same columns. O(rows), in memory.
    ///
    /// # Errors
    /// [`ArrowError`] where a column of the key is not there or the batches' columns are of other types.
    pub fn differences(
        &self,
        expected: &RecordBatch,
        found: &RecordBatch,
    ) -> Result<Vec<Difference>, ArrowError> {
        let mut keys = KeyReader::new(&expected.schema(), self.key)?;
        let expected_keys = keys.read(expected)?;
        let mut places = Places::of(&keys.read(found)?);
        let mut differences = Vec::new();
        let (mut pairs_expected, mut pairs_found) = (Vec::new(), Vec::new());
        for (row, key) in (0_u32..).zip(&expected_keys) {
            match places.take(&key.owned()) {
                Some(place) => {
                    pairs_expected.push(row);
                    pairs_found.push(place);
                }
                None => differences.push(Difference::Missing { expected: index(row) }),
            }
        }
        let pairs = Pairs { expected, found, rows: (pairs_expected.into(), pairs_found.into()) };
        differences.extend(self.drifts(&pairs)?);
        differences.sort_by_key(|difference| match difference {
            Difference::Missing { expected } | Difference::Drift { expected, .. } => *expected,
            Difference::Duplicate { .. } | Difference::Unfounded { .. } => usize::MAX,
        });
        differences.extend(places.left());
        Ok(differences)
    }

    fn drifts(&self, pairs: &Pairs<'_>) -> Result<Vec<Difference>, ArrowError> {
        let mut drifts = Vec::new();
        let schema = pairs.expected.schema();
        let compared = schema.fields().iter().filter(|field| {
            let name = field.name().as_str();
            !self.key.contains(&name) && !self.ignored.contains(&name)
        });
        for field in compared {
            drifts.extend(pairs.drifts(field.name(), self.tolerance)?);
        }
        Ok(drifts)
    }
}

/// Reads the keys of batches with the same columns as bytes that are equal where the keys are.
pub(super) struct KeyReader {
    converter: RowConverter,
    columns: Vec<usize>,
}

impl KeyReader {
    pub(super) fn new(schema: &SchemaRef, key: &[&str]) -> Result<Self, ArrowError> {
        let columns = key.iter().map(|name| schema.index_of(name)).collect::<Result<Vec<_>, _>>()?;
        let fields = columns.iter().map(|&column| SortField::new(schema.field(column).data_type().clone()));
        Ok(Self { converter: RowConverter::new(fields.collect())?, columns })
    }

    pub(super) fn read(&mut self, batch: &RecordBatch) -> Result<Rows, ArrowError> {
        let columns: Vec<ArrayRef> =
            self.columns.iter().map(|&column| Arc::clone(batch.column(column))).collect();
        self.converter.convert_columns(&columns)
    }
}

/// Where each key was found, and which of these rows are not accounted for yet.
struct Places {
    by_key: HashMap<OwnedRow, Place>,
}

#[derive(Default)]
struct Place {
    /// Last first.
    rows: Vec<u32>,
    is_expected: bool,
}

impl Places {
    fn of(keys: &Rows) -> Self {
        let mut by_key: HashMap<OwnedRow, Place> = HashMap::with_capacity(keys.num_rows());
        for (row, key) in (0_u32..).zip(keys) {
            by_key.entry(key.owned()).or_default().rows.push(row);
        }
        for place in by_key.values_mut() {
            place.rows.reverse();
        }
        Self { by_key }
    }

    fn take(&mut self, key: &OwnedRow) -> Option<u32> {
        let place = self.by_key.get_mut(key)?;
        place.is_expected = true;
        place.rows.pop()
    }

    /// The rows that were not taken.
    fn left(self) -> Vec<Difference> {
        let left = self.by_key.into_values().flat_map(|Place { rows, is_expected }| {
            rows.into_iter().map(move |row| {
                let found = index(row);
                if is_expected { Difference::Duplicate { found } } else { Difference::Unfounded { found } }
            })
        });
        let mut left: Vec<_> = left.collect();
        left.sort_by_key(|difference| match difference {
            Difference::Duplicate { found } | Difference::Unfounded { found } => *found,
            Difference::Missing { expected } | Difference::Drift { expected, .. } => *expected,
        });
        left
    }
}

/// Rows of both sides with the same keys.
struct Pairs<'a> {
    expected: &'a RecordBatch,
    found: &'a RecordBatch,
    rows: (UInt32Array, UInt32Array),
}

impl Pairs<'_> {
    fn drifts(&self, column: &str, tolerance: f64) -> Result<Vec<Difference>, ArrowError> {
        let side = |batch: &RecordBatch, rows: &UInt32Array| {
            take(batch.column(batch.schema().index_of(column)?), rows, None)
        };
        let expected = side(self.expected, &self.rows.0)?;
        let found = side(self.found, &self.rows.1)?;
        let same = not_distinct(&expected, &found)?;
        if same.true_count() == same.len() {
            return Ok(Vec::new());
        }
        let options = FormatOptions::new();
        let texts =
            (ArrayFormatter::try_new(&*expected, &options)?, ArrayFormatter::try_new(&*found, &options)?);
        let text = |array: &ArrayRef, of: &ArrayFormatter<'_>, row| {
            array.is_valid(row).then(|| of.value(row).to_string())
        };
        let differing = differing_rows(&same).filter_map(|row| {
            let relative_difference = relative_difference(&expected, &found, row);
            if relative_difference.is_some_and(|difference| difference <= tolerance) {
                return None;
            }
            let value = ValueDrift {
                column: column.to_owned(),
                expected: text(&expected, &texts.0, row),
                found: text(&found, &texts.1, row),
                relative_difference,
            };
            let place = |rows: &UInt32Array| index(rows.value(row));
            Some(Difference::Drift { expected: place(&self.rows.0), found: place(&self.rows.1), value })
        });
        Ok(differing.collect())
    }
}

fn differing_rows(same: &BooleanArray) -> impl Iterator<Item = usize> + '_ {
    (0..same.len()).filter(|&row| !same.value(row))
}

/// `None` where the column is of no measures, or one value is null.
fn relative_difference(expected: &ArrayRef, found: &ArrayRef, row: usize) -> Option<f64> {
    let (expected, found) = (measure(expected, row)?, measure(found, row)?);
    match (found - expected).abs() {
        0.0 => Some(0.0),
        difference => Some(difference / expected.abs()),
    }
}

/// A decimal in units of its scale, which serves for ratios.
#[allow(clippy::cast_precision_loss)]
fn measure(array: &ArrayRef, row: usize) -> Option<f64> {
    if array.is_null(row) {
        return None;
    }
    match array.data_type() {
        DataType::Float64 => Some(array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(..) => Some(array.as_primitive::<Decimal128Type>().value(row) as f64),
        _ => None,
    }
}

fn index(row: u32) -> usize {
    usize::try_from(row).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use arrow_array::{Decimal128Array, Float64Array, Int64Array, StringArray};
    use proptest::prelude::*;

    use super::*;

    const COMPARISON: Comparison<'static> =
        Comparison { key: &["symbol", "id"], ignored: &["published_at"], tolerance: 1e-4 };

    /// Symbol, id, price in units of 0.01, size, time of publishing.
    type Row = (&'static str, i64, i128, Option<f64>, i64);

    fn batch(rows: &[Row]) -> RecordBatch {
        let prices = Decimal128Array::from_iter_values(rows.iter().map(|row| row.2));
        RecordBatch::try_from_iter([
            ("symbol", Arc::new(rows.iter().map(|row| Some(row.0)).collect::<StringArray>()) as ArrayRef),
            ("id", Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.1)))),
            ("price", Arc::new(prices.with_precision_and_scale(18, 2).unwrap())),
            ("size", Arc::new(rows.iter().map(|row| row.3).collect::<Float64Array>())),
            ("published_at", Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.4)))),
        ])
        .unwrap()
    }

    fn differences(expected: &[Row], found: &[Row]) -> Vec<Difference> {
        COMPARISON.differences(&batch(expected), &batch(found)).unwrap()
    }

    #[test]
    fn the_same_rows_in_any_order_do_not_differ() {
        let rows = [("A", 1, 100, Some(1.0), 5), ("A", 2, 100, None, 5), ("B", 1, 100, Some(3.0), 5)];
        let mut shuffled = rows;
        shuffled.reverse();
        shuffled[0].4 = 77;
        assert_eq!(differences(&rows, &shuffled), []);
    }

    #[test]
    fn each_class_is_told_with_its_rows() {
        let expected =
            [("A", 1, 100, Some(1.0), 5), ("A", 2, 1_000_000, None, 5), ("A", 3, 100, Some(0.0), 5)];
        let found = [
            ("A", 3, 100, Some(0.5), 5),
            ("A", 2, 1_000_099, None, 5),
            ("A", 2, 1_000_000, None, 5),
            ("B", 9, 1, None, 5),
        ];
        let drift = ValueDrift {
            column: "size".to_owned(),
            expected: Some("0.0".to_owned()),
            found: Some("0.5".to_owned()),
            relative_difference: Some(f64::INFINITY),
        };
        assert_eq!(
            differences(&expected, &found),
            [
                Difference::Missing { expected: 0 },
                Difference::Drift { expected: 2, found: 0, value: drift },
                Difference::Duplicate { found: 2 },
                Difference::Unfounded { found: 3 },
            ]
        );
    }

    #[test]
    fn a_part_in_ten_thousand_is_no_drift_and_more_is() {
        let expected = [("A", 1, 1_000_000, Some(10.0), 5)];
        assert_eq!(differences(&expected, &[("A", 1, 1_000_100, Some(9.999), 5)]), []);
        let drifted = differences(&expected, &[("A", 1, 1_000_101, None, 5)]);
        let columns = drifted.iter().map(|difference| match difference {
            Difference::Drift { value, .. } => (value.column.as_str(), value.found.as_deref()),
            other => panic!("{other:?}"),
        });
        assert_eq!(columns.collect::<Vec<_>>(), [("price", Some("10001.01")), ("size", None)]);
    }

    proptest! {
        /// The twin: for each key, so many rows expected and so many found.
        #[test]
        fn counts_are_those_of_multisets(
            expected in prop::collection::vec(0..6_i64, 0..20),
            found in prop::collection::vec(0..6_i64, 0..20),
        ) {
            let rows = |ids: &[i64]| ids.iter().map(|&id| ("A", id, 1, None, 0)).collect::<Vec<_>>();
            let told = differences(&rows(&expected), &rows(&found));
            let count = |wanted: fn(&Difference) -> bool| told.iter().filter(|difference| wanted(difference)).count();
            let (mut missing, mut duplicate, mut unfounded) = (0, 0, 0);
            for id in 0..6 {
                let of = |ids: &[i64]| ids.iter().filter(|&&other| other == id).count();
                let (expected, found) = (of(&expected), of(&found));
                missing += expected.saturating_sub(found);
                let surplus = found.saturating_sub(expected);
                if expected == 0 { unfounded += surplus } else { duplicate += surplus }
            }
            prop_assert_eq!(count(|d| matches!(d, Difference::Missing { .. })), missing);
            prop_assert_eq!(count(|d| matches!(d, Difference::Duplicate { .. })), duplicate);
            prop_assert_eq!(count(|d| matches!(d, Difference::Unfounded { .. })), unfounded);
        }
    }
}
