//! `approx_percentile`: exact up to some thousand values, and a digest of them beyond.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Accumulator;

use super::definition::{Aggregate, column_of, list_of, list_value, lists};
use crate::error::invalid_argument;

pub(super) fn functions() -> Vec<Aggregate> {
    vec![Aggregate::new(
        "approx_percentile",
        &[
            "number, double -> T",
            "number, array(double) -> array(T)",
            "number, double, double -> T",
            "number, double, array(double) -> array(T)",
        ],
        "The value at one percentile, or at several, of values that may have weights",
        returned,
        |_| vec![list_of(&DataType::Float64); 3],
        make,
    )]
}

/// Integers and reals keep their type; what else is a number is a double.
fn returned(types: &[DataType]) -> DataType {
    let value = match types.first() {
        Some(DataType::Float32) => DataType::Float32,
        Some(data_type) if data_type.is_integer() => data_type.clone(),
        _ => DataType::Float64,
    };
    let several = types.len() > 1 && matches!(types.last(), Some(DataType::List(_)));
    if several { list_of(&value) } else { value }
}

fn make(fields: &[FieldRef], result: &Field) -> Result<Box<dyn Accumulator>> {
    let weighted = fields.len() == 3;
    Ok(Box::new(Percentiles {
        weighted,
        result: result.data_type().clone(),
        percentiles: Vec::new(),
        digest: Digest::default(),
    }))
}

#[derive(Debug)]
struct Percentiles {
    weighted: bool,
    result: DataType,
    /// Those asked for, once known.
    percentiles: Vec<f64>,
    digest: Digest,
}

impl Percentiles {
    fn learn(&mut self, asked: &ArrayRef) -> Result<()> {
        if !self.percentiles.is_empty() {
            return Ok(());
        }
        let first = (0..asked.len()).find(|row| asked.is_valid(*row));
        let Some(row) = first else { return Ok(()) };
        let asked = asked.as_list_opt::<i32>().map_or_else(|| asked.slice(row, 1), |lists| lists.value(row));
        let asked = cast(&asked, &DataType::Float64)?;
        self.percentiles = asked.as_primitive::<Float64Type>().iter().flatten().collect();
        match self.percentiles.iter().find(|percentile| !(0.0..=1.0).contains(*percentile)) {
            Some(_) => Err(invalid_argument("Percentile must be between 0 and 1")),
            None => Ok(()),
        }
    }
}

impl Accumulator for Percentiles {
    fn update_batch(&mut self, arguments: &[ArrayRef]) -> Result<()> {
        let (Some(values), Some(asked)) = (arguments.first(), arguments.last()) else { return Ok(()) };
        self.learn(asked)?;
        let values = cast(values, &DataType::Float64)?;
        let values = values.as_primitive::<Float64Type>();
        let weights =
            arguments.get(1).filter(|_| self.weighted).map(|weights| weights.as_primitive::<Float64Type>());
        for row in 0..values.len() {
            let told = values.is_valid(row) && weights.is_none_or(|weights| weights.is_valid(row));
            if !told {
                continue;
            }
            let weight = weights.map_or(1.0, |weights| weights.value(row));
            if !(weight >= 0.0 && weight.is_finite()) {
                return Err(invalid_argument("percentile weight must be >= 0"));
            }
            if weight > 0.0 {
                self.digest.add(values.value(row), weight);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        if self.digest.points.is_empty() || self.percentiles.is_empty() {
            return ScalarValue::try_from(&self.result);
        }
        let found: Vec<f64> = self.percentiles.iter().map(|percentile| self.digest.at(*percentile)).collect();
        let found: ArrayRef = Arc::new(Float64Array::from(found));
        match &self.result {
            DataType::List(element) => {
                let rounded = rounded(&found, element.data_type())?;
                let values = (0..rounded.len()).map(|row| ScalarValue::try_from_array(&rounded, row));
                let values = column_of(values.collect::<Result<Vec<_>>>()?, element.data_type())?;
                Ok(list_value(values))
            }
            other => ScalarValue::try_from_array(&rounded(&found, other)?, 0),
        }
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.digest.points.capacity() * size_of::<(f64, f64)>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let floats = |values: Vec<f64>| list_value(Arc::new(Float64Array::from(values)));
        let (values, weights) = self.digest.points.iter().copied().unzip();
        Ok(vec![floats(values), floats(weights), floats(self.percentiles.clone())])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for asked in lists(states, 2)? {
            if self.percentiles.is_empty() {
                self.percentiles = asked.as_primitive::<Float64Type>().values().to_vec();
            }
        }
        for (values, weights) in lists(states, 0)?.iter().zip(&lists(states, 1)?) {
            let (values, weights) =
                (values.as_primitive::<Float64Type>(), weights.as_primitive::<Float64Type>());
            for (value, weight) in values.values().iter().zip(weights.values()) {
                self.digest.add(*value, *weight);
            }
        }
        Ok(())
    }
}

fn rounded(values: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    if !data_type.is_integer() {
        return Ok(cast(values, data_type)?);
    }
    let whole: Float64Array =
        values.as_primitive::<Float64Type>().iter().map(|value| value.map(f64::round)).collect();
    Ok(cast(&whole, data_type)?)
}

/// Values and their weights. Up to [`Digest::MOST`] they are kept as they are; then neighbours are joined, the fewer the
/// nearer to either end.
#[derive(Debug, Default)]
struct Digest {
    points: Vec<(f64, f64)>,
}

impl Digest {
    const MOST: usize = 8_192;
    /// How finely what is joined divides the whole.
    const FINENESS: f64 = 500.0;

    fn add(&mut self, value: f64, weight: f64) {
        self.points.push((value, weight));
        if self.points.len() > Self::MOST {
            self.compress();
        }
    }

    fn compress(&mut self) {
        self.points.sort_by(|left, right| left.0.total_cmp(&right.0));
        let total: f64 = self.points.iter().map(|(_, weight)| weight).sum();
        let mut joined: Vec<(f64, f64)> = Vec::new();
        let mut before = 0.0;
        for (value, weight) in self.points.drain(..) {
            if let Some(last) = joined.last_mut() {
                let share = (before + last.1 / 2.0) / total;
                let most = 4.0 * total * share * (1.0 - share) / Self::FINENESS;
                let equal = value.total_cmp(&last.0).is_eq();
                if equal || last.1 + weight <= most {
                    if !equal {
                        last.0 += (value - last.0) * weight / (last.1 + weight);
                    }
                    last.1 += weight;
                    continue;
                }
                before += last.1;
            }
            joined.push((value, weight));
        }
        self.points = joined;
    }

    /// The first value with more than such a share of the weight up to it, or the last value.
    fn at(&mut self, percentile: f64) -> f64 {
        self.points.sort_by(|left, right| left.0.total_cmp(&right.0));
        let total: f64 = self.points.iter().map(|(_, weight)| weight).sum();
        let wanted = percentile * total;
        let mut before = 0.0;
        for (value, weight) in &self.points {
            before += weight;
            if before > wanted {
                return *value;
            }
        }
        self.points.last().map_or(f64::NAN, |(value, _)| *value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Few values are answered exactly: the twin sorts and counts.
        #[test]
        fn few_values_are_exact(mut values in proptest::collection::vec(-1_000_i32..1_000, 1..300), percent in 0_usize..=100) {
            let mut digest = Digest::default();
            values.iter().for_each(|value| digest.add(f64::from(*value), 1.0));
            values.sort_unstable();
            let place = (values.len() * percent / 100).min(values.len() - 1);
            prop_assert_eq!(digest.at(percent as f64 / 100.0 + 1e-12), f64::from(values[place]));
        }

        /// Many values are answered within one percent of the ranks.
        #[test]
        fn many_values_are_near(seed: u64, percent in 1_usize..100) {
            let mut state = seed;
            let mut values: Vec<f64> = (0..20_000).map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                f64::from((state >> 40) as u32)
            }).collect();
            let mut digest = Digest::default();
            values.iter().for_each(|value| digest.add(*value, 1.0));
            prop_assert!(digest.points.len() <= Digest::MOST);
            values.sort_by(f64::total_cmp);
            let found = digest.at(percent as f64 / 100.0);
            let rank = values.partition_point(|value| *value < found);
            prop_assert!(rank.abs_diff(values.len() * percent / 100) <= 200, "rank {}", rank);
        }
    }
}
