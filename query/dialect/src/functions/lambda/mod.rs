//! Functions of arrays and maps that take a function: `transform(prices, price -> price * 2)`.
//!
//! The planner knows no functions as arguments. So `semantics` writes the text of each into a constant, the [`Lambdas`], and puts
//! what it takes from outside (columns, aggregates, subqueries) behind the other arguments. Here the text is planned once the
//! types of its parameters are known, and computed for all elements of a batch at once.

mod arrays;
mod body;
mod call;
mod maps;
mod reduce;
mod sort;

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

pub(crate) use body::{Lambda, Lambdas, name_of_outer};
use call::{Arguments, Planned};

use super::signature::{Kind, type_of_argument};
use crate::error::{DialectError, ErrorKind, Subject, type_mismatch};

/// What stands before the name of a function that takes functions, once they are a constant.
pub(crate) const MARK: &str = "$lambda_";

/// A function that takes functions.
pub(crate) struct HigherOrder {
    pub name: &'static str,
    /// What the arguments are that are no functions; they come first.
    values: &'static [Kind],
    /// How many parameters each function has.
    pub parameters: &'static [usize],
    pub argument_types: &'static str,
    pub return_type: &'static str,
    pub description: &'static str,
    returns: fn(&Planned) -> Result<Field>,
    evaluate: fn(&Arguments) -> Result<ArrayRef>,
}

/// The functions that take functions.
pub(crate) const HIGHER_ORDER: &[HigherOrder] = &[
    arrays::TRANSFORM,
    arrays::FILTER,
    arrays::ANY_MATCH,
    arrays::ALL_MATCH,
    arrays::NONE_MATCH,
    arrays::ZIP_WITH,
    sort::ARRAY_SORT,
    reduce::REDUCE,
    maps::MAP_FILTER,
    maps::TRANSFORM_KEYS,
    maps::TRANSFORM_VALUES,
    maps::MAP_ZIP_WITH,
];

impl HigherOrder {
    /// How many arguments are no functions.
    pub(crate) fn value_count(&self) -> usize {
        self.values.len()
    }
}

pub(super) fn functions() -> Vec<ScalarUDF> {
    HIGHER_ORDER.iter().map(|function| ScalarUDF::new_from_impl(Function::of(function))).collect()
}

/// A function that takes functions, for the planner: the [`Lambdas`], the values, what is taken from outside.
struct Function {
    name: String,
    definition: &'static HigherOrder,
    signature: Signature,
}

impl Function {
    fn of(definition: &'static HigherOrder) -> Self {
        let signature = Signature::user_defined(Volatility::Immutable);
        Self { name: format!("{MARK}{}", definition.name), definition, signature }
    }

    fn mismatch(&self, args: &ReturnFieldArgs) -> DataFusionError {
        let given = args.arg_fields.iter().zip(args.scalar_arguments.iter().copied());
        let given = given.skip(1).take(self.definition.value_count());
        let given: Vec<String> = given
            .map(|(field, constant)| type_of_argument(field, constant).to_string())
            .chain(self.definition.parameters.iter().map(|_| "<function>".to_owned()))
            .collect();
        let name = self.definition.name;
        let message = format!(
            "Unexpected parameters ({}) for function {name}. Expected: {name}({})",
            given.join(", "),
            self.definition.argument_types
        );
        let subject = Subject::Function(name.to_owned());
        DialectError::new(ErrorKind::FunctionNotFound, message).about(subject).into()
    }
}

impl ScalarUDFImpl for Function {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Err(type_mismatch(format!("the type of {} needs its arguments", self.definition.name)))
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let coerced = types.iter().enumerate().map(|(place, given)| {
            let kind = place.checked_sub(1).and_then(|place| self.definition.values.get(place));
            kind.map_or_else(|| given.clone(), |kind| kind.coerced(given))
        });
        Ok(coerced.collect())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let fits = |(place, kind): (usize, &Kind)| types.get(place + 1).is_some_and(|given| kind.fits(given));
        if !self.definition.values.iter().enumerate().all(fits) {
            return Err(self.mismatch(&args));
        }
        let text = args.scalar_arguments.first().copied().flatten().and_then(text_of);
        let planned = Planned::new(self.definition.value_count(), text.as_deref(), args.arg_fields)?;
        Ok(Arc::new((self.definition.returns)(&planned)?.with_name(self.definition.name)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let text = match args.args.first() {
            Some(ColumnarValue::Scalar(value)) => text_of(value),
            Some(ColumnarValue::Array(texts)) if !texts.is_empty() => {
                text_of(&ScalarValue::try_from_array(texts, 0)?)
            }
            _ => None,
        };
        let constant =
            args.args.iter().all(|value| matches!(value, ColumnarValue::Scalar(_))) && args.number_rows > 0;
        let rows = if constant { 1 } else { args.number_rows };
        if rows == 0 {
            let none = datafusion::arrow::array::new_empty_array(args.return_field.data_type());
            return Ok(ColumnarValue::Array(none));
        }
        let planned = Planned::new(self.definition.value_count(), text.as_deref(), &args.arg_fields)?;
        let is_nothing =
            |(kind, field): (&Kind, &FieldRef)| *kind == Kind::Map && field.data_type().is_null();
        if self.definition.values.iter().zip(&planned.values).any(is_nothing) {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from(args.return_type())?));
        }
        let arguments = Arguments::new(planned, &args, rows)?;
        let column = (self.definition.evaluate)(&arguments)?;
        if constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&column, 0)?));
        }
        Ok(ColumnarValue::Array(column))
    }
}

fn text_of(value: &ScalarValue) -> Option<String> {
    value.try_as_str().flatten().map(str::to_owned)
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function").field("name", &self.name).finish_non_exhaustive()
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

fn as_list(column: &ArrayRef) -> Result<&ListArray> {
    let Some(list) = column.as_list_opt::<i32>() else { return internal_err!("an array was promised") };
    Ok(list)
}

fn as_map(column: &ArrayRef) -> Result<&MapArray> {
    let Some(map) = column.as_map_opt() else { return internal_err!("a map was promised") };
    Ok(map)
}
