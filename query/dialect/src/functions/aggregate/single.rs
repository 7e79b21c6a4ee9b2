//! `$single`: the one value of a scalar subquery.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::Accumulator;

use super::definition::Aggregate;
use crate::error::several_rows;

/// The name of the function.
pub(crate) const SINGLE: &str = "$single";

pub(super) fn functions() -> Vec<Aggregate> {
    vec![Aggregate::new(
        SINGLE,
        &["T -> same"],
        "The only value, NULL where there is none",
        |types| types.first().cloned().unwrap_or(DataType::Null),
        |types| vec![types.first().cloned().unwrap_or(DataType::Null), DataType::Int64],
        |fields, _| {
            let data_type = fields.first().map_or(DataType::Null, |field| field.data_type().clone());
            Box::new(Single { data_type, value: None })
        },
    )]
}

/// The value, once there is one.
#[derive(Debug)]
struct Single {
    data_type: DataType,
    value: Option<ScalarValue>,
}

impl Single {
    fn take(&mut self, values: &ArrayRef, row: usize) -> Result<()> {
        if self.value.is_some() {
            return Err(several_rows());
        }
        let mut value = ScalarValue::try_from_array(values, row)?;
        value.compact();
        self.value = Some(value);
        Ok(())
    }
}

impl Accumulator for Single {
    fn update_batch(&mut self, arguments: &[ArrayRef]) -> Result<()> {
        let Some(values) = arguments.first() else { return internal_err!("a value is missing") };
        // The second row is an error, so the rest need not be looked at.
        (0..values.len().min(2)).try_for_each(|row| self.take(values, row))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.value.clone().map_or_else(|| ScalarValue::try_from(&self.data_type), Ok)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.value.as_ref().map_or(0, ScalarValue::size)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let rows = i64::from(self.value.is_some());
        Ok(vec![self.evaluate()?, ScalarValue::Int64(Some(rows))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [values, rows] = states else { return internal_err!("the state of {SINGLE} has two parts") };
        let rows = rows.as_primitive::<Int64Type>();
        (0..values.len()).filter(|row| rows.value(*row) > 0).try_for_each(|row| self.take(values, row))
    }
}
