//! Scalar functions by a table: a name, signatures in Trino's words, and what computes a column.
//!
//! A signature such as `varchar, bigint -> varchar` drives three things: which arguments fit and how they are coerced, the
//! type of the result, and the listing of `SHOW FUNCTIONS`. Besides Trino's types a parameter may be
//! `number` (any), `decimal`, `moment` (date or timestamp, with or without zone), `array`, `map`, `row` or a letter
//! (anything); `...` repeats the last one. A result `same` is the type of the first argument.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::signature::{Kind, Parameters, coerced_types, fitting, mismatch, type_of_argument};
use crate::error::type_mismatch;
use crate::types::TrinoType;

/// Evaluated arguments: columns of equal length.
pub(crate) struct Arguments {
    pub columns: Vec<ArrayRef>,
    pub fields: Vec<FieldRef>,
    /// The field that planning promised.
    pub result: FieldRef,
    pub rows: usize,
    /// The time zone of the session.
    pub zone: Option<String>,
}

/// Arguments as planning knows them.
pub(crate) struct Planned<'a> {
    pub fields: &'a [FieldRef],
    pub constants: &'a [Option<&'a ScalarValue>],
}

impl Planned<'_> {
    /// The type of an argument; NULL's where there is no such argument.
    pub fn data_type(&self, index: usize) -> &DataType {
        self.fields.get(index).map_or(&DataType::Null, |field| field.data_type())
    }

    /// The text of an argument, where it is a constant text.
    pub fn constant_text(&self, index: usize) -> Option<&str> {
        self.constants.get(index).copied().flatten().and_then(|value| value.try_as_str().flatten())
    }
}

type Evaluate = fn(&Arguments) -> Result<ArrayRef>;
type Returns = fn(&Planned) -> Result<Field>;

/// A scalar function of the dialect.
pub(crate) struct Scalar {
    name: &'static str,
    signatures: Vec<Parameters>,
    returns: Option<Returns>,
    evaluate: Evaluate,
    signature: Signature,
    aliases: Vec<String>,
    pub description: &'static str,
}

impl Scalar {
    /// A deterministic function.
    ///
    /// # Panics
    /// Where a signature of the table is misspelt, which any test finds.
    pub fn new(
        name: &'static str,
        signatures: &[&str],
        description: &'static str,
        evaluate: Evaluate,
    ) -> Self {
        let signatures = signatures.iter().map(|text| Parameters::parse(text)).collect();
        let signature = Signature::user_defined(Volatility::Immutable);
        Self { name, signatures, returns: None, evaluate, signature, aliases: Vec::new(), description }
    }

    /// The result has a type that its arguments decide.
    pub fn returning(mut self, returns: Returns) -> Self {
        self.returns = Some(returns);
        self
    }

    pub fn volatility(mut self, volatility: Volatility) -> Self {
        self.signature = Signature::user_defined(volatility);
        self
    }

    pub fn alias(mut self, alias: &str) -> Self {
        self.aliases.push(alias.to_owned());
        self
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.name).chain(self.aliases.iter().map(String::as_str))
    }

    pub fn signatures(&self) -> &[Parameters] {
        &self.signatures
    }

    pub fn is_deterministic(&self) -> bool {
        self.signature.volatility != Volatility::Volatile
    }

    pub fn into_udf(self) -> ScalarUDF {
        ScalarUDF::new_from_impl(self)
    }
}

impl ScalarUDFImpl for Scalar {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Err(type_mismatch(format!("the type of {} needs its arguments", self.name)))
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(coerced_types(&self.signatures, types))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let planned = Planned { fields: args.arg_fields, constants: args.scalar_arguments };
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let Some(signature) = fitting(&self.signatures, &types) else {
            let constants = args.scalar_arguments.iter().copied();
            let given = args.arg_fields.iter().zip(constants);
            let given: Vec<TrinoType> =
                given.map(|(field, constant)| type_of_argument(field, constant)).collect();
            return Err(mismatch(self.name, &self.signatures, &given));
        };
        if let Some(returns) = self.returns {
            return Ok(Arc::new(returns(&planned)?.with_name(self.name)));
        }
        let field = match &signature.result {
            Kind::Exactly(result) => result.to_field(self.name),
            _ => Field::new(self.name, planned.data_type(0).clone(), true),
        };
        Ok(Arc::new(field))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = !args.args.is_empty()
            && self.is_deterministic()
            && args.args.iter().all(|value| matches!(value, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let signature = fitting(&self.signatures, &types);
        let columns: Result<Vec<ArrayRef>> = (args.args.into_iter().enumerate())
            .map(|(index, value)| {
                let kind = signature.and_then(|signature| signature.kind(index));
                if kind.is_some_and(Kind::is_text) {
                    as_view(value)?.into_array(rows)
                } else {
                    value.into_array(rows)
                }
            })
            .collect();
        let column = (self.evaluate)(&Arguments {
            columns: columns?,
            fields: args.arg_fields,
            result: args.return_field,
            rows,
            zone: args.config_options.execution.time_zone.clone(),
        })?;
        if constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&column, 0)?));
        }
        Ok(ColumnarValue::Array(column))
    }
}

fn as_view(value: ColumnarValue) -> Result<ColumnarValue> {
    if matches!(value.data_type(), DataType::Utf8 | DataType::LargeUtf8) {
        return value.cast_to(&DataType::Utf8View, None);
    }
    Ok(value)
}

impl fmt::Debug for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scalar").field("name", &self.name).finish_non_exhaustive()
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Scalar {}

impl Hash for Scalar {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}
