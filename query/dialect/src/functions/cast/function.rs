//! The functions that `CAST` and `TRY_CAST` become: of a value and the text of a type.

use std::any::Any;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    Cast, ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use super::{Casting, cast_column};
use crate::error::{DialectError, ErrorKind, not_supported};
use crate::functions::time::{Zone, parse_timestamp};
use crate::types::TrinoType;

/// The name of the function behind `CAST`; no identifier of SQL can be it unquoted.
pub(crate) const CAST: &str = "$cast";
/// The name of the function behind `TRY_CAST`.
pub(crate) const TRY_CAST: &str = "$try_cast";

pub(crate) fn functions() -> Vec<ScalarUDF> {
    [(CAST, false), (TRY_CAST, true)]
        .map(|(name, lenient)| {
            let signature = Signature::any(2, Volatility::Immutable);
            ScalarUDF::new_from_impl(CastFunction { name, lenient, signature })
        })
        .into()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct CastFunction {
    name: &'static str,
    lenient: bool,
    signature: Signature,
}

impl ScalarUDFImpl for CastFunction {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        internal_err!("the type of a cast needs its arguments")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let constant = |index: usize| {
            args.scalar_arguments.get(index).copied().flatten().and_then(|value| value.try_as_str().flatten())
        };
        let to = constant(1).ok_or_else(|| not_supported("the type of a cast must be a constant"))?;
        let to = TrinoType::parse(to)
            .map_err(|error| DialectError::new(ErrorKind::TypeNotFound, error.to_string()))?;
        let nullable = self.lenient || args.arg_fields.first().is_none_or(|field| field.is_nullable());
        let field = to.to_field(self.name).with_nullable(nullable);
        let DataType::Timestamp(unit, Some(_)) = *field.data_type() else { return Ok(Arc::new(field)) };
        let of_value = args.arg_fields.first().map(|field| field.data_type());
        let zone = if let Some(DataType::Timestamp(_, Some(zone))) = of_value {
            Arc::clone(zone)
        } else {
            let told = constant(0).and_then(|text| parse_timestamp(text).ok()).and_then(|(_, _, zone)| zone);
            told.unwrap_or(Zone::UTC).name().into()
        };
        let zoned = DataType::Timestamp(unit, Some(zone));
        Ok(Arc::new(field.with_data_type(zoned)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (Some(value), Some(field)) = (args.args.first(), args.arg_fields.first()) else {
            return internal_err!("a cast needs a value");
        };
        let zone = args.config_options.execution.time_zone.as_deref().map_or(Ok(Zone::UTC), Zone::parse)?;
        let casting = Casting { lenient: self.lenient, zone };
        let (from, to) = (TrinoType::of_field(field), TrinoType::of_field(&args.return_field));
        let cast = |column| {
            let values = cast_column(column, &from, &to, casting)?;
            Ok::<_, datafusion::error::DataFusionError>(datafusion::arrow::compute::cast(
                &values,
                args.return_type(),
            )?)
        };
        match value {
            ColumnarValue::Array(column) => Ok(ColumnarValue::Array(cast(column)?)),
            ColumnarValue::Scalar(scalar) => {
                let one = cast(&scalar.to_array()?)?;
                Ok(ColumnarValue::Scalar(datafusion::common::ScalarValue::try_from_array(&one, 0)?))
            }
        }
    }

    /// A cast that Arrow does alike becomes Arrow's own, which the planner understands better.
    fn simplify(&self, mut args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let (Some(value), Some(Expr::Literal(to, _))) = (args.first(), args.get(1)) else {
            return Ok(ExprSimplifyResult::Original(args));
        };
        let Some(Ok(to)) = to.try_as_str().flatten().map(TrinoType::parse) else {
            return Ok(ExprSimplifyResult::Original(args));
        };
        let (_, field) = datafusion::logical_expr::ExprSchemable::to_field(value, info.schema().as_ref())?;
        let from = TrinoType::of_field(&field);
        if field.data_type() == &to.to_arrow() && from == to {
            return Ok(ExprSimplifyResult::Simplified(args.swap_remove(0)));
        }
        if alike(&from, &to) {
            let cast = Cast::new(Box::new(args.swap_remove(0)), to.to_arrow());
            return Ok(ExprSimplifyResult::Simplified(Expr::Cast(cast)));
        }
        Ok(ExprSimplifyResult::Original(args))
    }
}

/// Whether Arrow casts from one type to another exactly as Trino does, and needs no metadata to tell the result.
fn alike(from: &TrinoType, to: &TrinoType) -> bool {
    use TrinoType as T;
    let rank = |r#type: &T| match r#type {
        T::Tinyint => Some(1),
        T::Smallint => Some(2),
        T::Integer => Some(3),
        T::Bigint => Some(4),
        _ => None,
    };
    match (from, to) {
        (from, T::Bigint | T::Integer | T::Smallint) => match (rank(from), rank(to)) {
            (Some(from), Some(to)) => from <= to,
            _ => false,
        },
        (T::Tinyint | T::Smallint | T::Integer | T::Bigint | T::Real, T::Double)
        | (T::Timestamp { .. }, T::Date) => true,
        (T::Decimal { precision, scale }, T::Decimal { precision: wider, scale: finer }) => {
            finer >= scale
                && i16::from(*wider) - i16::from(*finer) >= i16::from(*precision) - i16::from(*scale)
        }
        _ => false,
    }
}
