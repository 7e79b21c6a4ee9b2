//! A call of a function that takes functions: its values, and its functions with their outer values.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, UInt64Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

use super::body::{Body, Lambda, Lambdas, name_of_outer};

/// A call as planning knows it.
pub(super) struct Planned {
    lambdas: Vec<Lambda>,
    /// The types of the arguments that are no functions.
    pub values: Vec<FieldRef>,
    outer: Vec<FieldRef>,
}

impl Planned {
    /// A call of the constant, so many values, and what is taken from outside.
    pub fn new(count: usize, text: Option<&str>, fields: &[FieldRef]) -> Result<Self> {
        let (Some(Lambdas(lambdas)), Some(rest)) = (text.and_then(Lambdas::of_text), fields.get(1..)) else {
            return internal_err!("a function that takes functions was called without any");
        };
        let Some((values, outer)) = rest.split_at_checked(count) else {
            return internal_err!("an argument of a function that takes functions is missing");
        };
        Ok(Self { lambdas, values: values.to_vec(), outer: outer.to_vec() })
    }

    /// One of the functions, for parameters of these types.
    pub fn body(&self, place: usize, parameters: &[Field]) -> Result<Arc<Body>> {
        let Some(lambda) = self.lambdas.get(place).filter(|one| one.parameters.len() == parameters.len())
        else {
            return internal_err!("a function with other parameters was promised");
        };
        let named = |(name, field): (&String, &Field)| field.clone().with_name(name).with_nullable(true);
        let parameters = lambda.parameters.iter().zip(parameters).map(named);
        let outer =
            self.outer.iter().enumerate().map(|(place, field)| {
                field.as_ref().clone().with_name(name_of_outer(place)).with_nullable(true)
            });
        Body::planned(lambda, parameters.chain(outer).collect())
    }

    pub fn data_type(&self, place: usize) -> &DataType {
        self.values.get(place).map_or(&DataType::Null, |field| field.data_type())
    }
}

/// A call with its columns.
pub(super) struct Arguments {
    pub planned: Planned,
    pub values: Vec<ArrayRef>,
    outer: Vec<ColumnarValue>,
    pub rows: usize,
    /// The field that planning promised.
    pub result: FieldRef,
    options: Arc<ConfigOptions>,
}

impl Arguments {
    pub fn new(planned: Planned, args: &ScalarFunctionArgs, rows: usize) -> Result<Self> {
        let (values, outer) = args.args.split_at(planned.values.len() + 1);
        let values = values.iter().skip(1).map(|value| value.clone().into_array(rows));
        Ok(Self {
            values: values.collect::<Result<_>>()?,
            outer: outer.to_vec(),
            planned,
            rows,
            result: Arc::clone(&args.return_field),
            options: Arc::clone(&args.config_options),
        })
    }

    pub fn value(&self, place: usize) -> Result<&ArrayRef> {
        let Some(value) = self.values.get(place) else { return internal_err!("argument {place} is missing") };
        Ok(value)
    }

    /// What a body gives for parameters of which each belongs to a row of the call.
    pub fn evaluate(&self, body: &Body, parameters: Vec<ArrayRef>, rows: &UInt64Array) -> Result<ArrayRef> {
        let mut columns = parameters;
        for value in &self.outer {
            columns.push(match value {
                ColumnarValue::Scalar(value) => value.to_array_of_size(rows.len())?,
                ColumnarValue::Array(column) => take(column, rows, None)?,
            });
        }
        body.evaluate(columns, rows.len(), &self.options)
    }
}
