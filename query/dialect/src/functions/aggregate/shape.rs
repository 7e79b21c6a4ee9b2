//! `skewness` and `kurtosis`, from central moments that are joined without loss.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::Accumulator;

use super::definition::Aggregate;

pub(super) fn functions() -> Vec<Aggregate> {
    vec![
        Aggregate::new(
            "skewness",
            &["double -> double"],
            "How one-sided values lie",
            float,
            state,
            |_, _| Ok(Box::new(Shape { finish: Shape::skewness, ..Shape::new() })),
        ),
        Aggregate::new(
            "kurtosis",
            &["double -> double"],
            "How far out values lie, against the normal",
            float,
            state,
            |_, _| Ok(Box::new(Shape { finish: Shape::kurtosis, ..Shape::new() })),
        ),
    ]
}

fn float(_: &[DataType]) -> DataType {
    DataType::Float64
}

fn state(_: &[DataType]) -> Vec<DataType> {
    vec![DataType::Float64; 5]
}

/// Count, mean, and the sums of the second to fourth powers of the distances from the mean.
#[derive(Debug, Clone, Copy)]
struct Shape {
    moments: [f64; 5],
    finish: fn(&Shape) -> Option<f64>,
}

impl Shape {
    fn new() -> Self {
        Self { moments: [0.0; 5], finish: Self::skewness }
    }

    fn skewness(&self) -> Option<f64> {
        let [count, _, second, third, _] = self.moments;
        (count >= 3.0).then(|| count.sqrt() * third / second.powf(1.5))
    }

    fn kurtosis(&self) -> Option<f64> {
        let [count, _, second, _, fourth] = self.moments;
        (count >= 4.0).then(|| {
            let factor = (count - 1.0) / ((count - 2.0) * (count - 3.0));
            factor * ((count + 1.0) * count * fourth / (second * second) - 3.0 * (count - 1.0))
        })
    }

    fn join(&mut self, other: [f64; 5]) {
        let [n1, mean1, a2, a3, a4] = self.moments;
        let [n2, mean2, b2, b3, b4] = other;
        if n2 == 0.0 {
            return;
        }
        let n = n1 + n2;
        let delta = mean2 - mean1;
        let d2 = delta * delta;
        self.moments = [
            n,
            mean1 + delta * n2 / n,
            a2 + b2 + d2 * n1 * n2 / n,
            a3 + b3 + delta * d2 * n1 * n2 * (n1 - n2) / (n * n) + 3.0 * delta * (n1 * b2 - n2 * a2) / n,
            a4 + b4
                + d2 * d2 * n1 * n2 * (n1 * n1 - n1 * n2 + n2 * n2) / (n * n * n)
                + 6.0 * d2 * (n1 * n1 * b2 + n2 * n2 * a2) / (n * n)
                + 4.0 * delta * (n1 * b3 - n2 * a3) / n,
        ];
    }
}

impl Accumulator for Shape {
    fn update_batch(&mut self, arguments: &[ArrayRef]) -> Result<()> {
        let Some(values) = arguments.first() else { return Ok(()) };
        values
            .as_primitive::<Float64Type>()
            .iter()
            .flatten()
            .for_each(|value| self.join([1.0, value, 0.0, 0.0, 0.0]));
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64((self.finish)(self)))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(self.moments.iter().map(|moment| ScalarValue::Float64(Some(*moment))).collect())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let columns: Vec<_> = states.iter().map(|column| column.as_primitive::<Float64Type>()).collect();
        let [count, mean, second, third, fourth] = columns.as_slice() else {
            return internal_err!("the state of a shape has five parts");
        };
        for row in 0..count.len() {
            self.join([count, mean, second, third, fourth].map(|column| column.value(row)));
        }
        Ok(())
    }
}
