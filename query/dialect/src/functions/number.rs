//! Functions of numbers.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, Float64Array, Int64Array, Scalar as Constant,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::compute::kernels::cmp::lt;
use datafusion::arrow::compute::kernels::numeric::neg;
use datafusion::arrow::compute::kernels::zip::zip;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Field, Float64Type, Int64Type};
use datafusion::arrow::error::ArrowError;
use datafusion::common::Result;

use super::cast::{fits, rescale};
use super::rows::{IntoColumn, column, rows0, rows1, rows2};
use super::scalar::{Arguments, Planned, Scalar};
use crate::error::{invalid_argument, out_of_range};
use crate::types::TrinoType;

const OF_DOUBLE: &[&str] = &["double -> double"];

pub(super) fn functions() -> Vec<Scalar> {
    let mut all = rounding();
    all.extend(doubles());
    all
}

fn rounding() -> Vec<Scalar> {
    vec![
        Scalar::new(
            "round",
            &["number -> same", "number, bigint -> same"],
            "Rounds half away from zero",
            round,
        )
        .returning(rounded_type),
        Scalar::new("truncate", &["number -> same", "number, bigint -> same"], "Cuts digits off", truncate)
            .returning(rounded_type),
        Scalar::new("ceil", &["number -> same"], "The next whole number above", |arguments| {
            to_whole(arguments, f64::ceil, |value, power| {
                value.div_euclid(power) + i128::from(value.rem_euclid(power) != 0)
            })
        })
        .returning(whole_type)
        .alias("ceiling"),
        Scalar::new("floor", &["number -> same"], "The next whole number below", |arguments| {
            to_whole(arguments, f64::floor, i128::div_euclid)
        })
        .returning(whole_type),
        Scalar::new("abs", &["number -> same"], "The absolute value", absolute),
        Scalar::new("sign", &["number -> same"], "-1, 0 or 1", sign).returning(sign_type).alias("signum"),
        Scalar::new(
            "width_bucket",
            &["double, double, double, bigint -> bigint", "double, array(double) -> bigint"],
            "The number of the bin that holds a value",
            width_bucket,
        ),
    ]
}

/// Decimals rounded to no digits lose their scale.
fn rounded_type(planned: &Planned) -> Result<Field> {
    if planned.fields.len() == 1 {
        return whole_type(planned);
    }
    let data_type = match planned.data_type(0) {
        DataType::Decimal128(precision, scale) => DataType::Decimal128((precision + 1).min(38), *scale),
        other => other.clone(),
    };
    Ok(Field::new("", data_type, true))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of Scalar::returning")]
fn whole_type(planned: &Planned) -> Result<Field> {
    let data_type = match planned.data_type(0) {
        DataType::Decimal128(precision, scale) if *scale > 0 => {
            DataType::Decimal128((precision - scale.unsigned_abs() + 1).min(38), 0)
        }
        other => other.clone(),
    };
    Ok(Field::new("", data_type, true))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of Scalar::returning")]
fn sign_type(planned: &Planned) -> Result<Field> {
    let data_type = match planned.data_type(0) {
        DataType::Decimal128(..) => DataType::Decimal128(1, 0),
        other => other.clone(),
    };
    Ok(Field::new("", data_type, true))
}

fn round(arguments: &Arguments) -> Result<ArrayRef> {
    to_digits(
        arguments,
        |value, digits| {
            let power = 10_f64.powi(digits);
            let scaled = value * power;
            if scaled.is_finite() { scaled.round() / power } else { value }
        },
        rescale,
    )
}

fn truncate(arguments: &Arguments) -> Result<ArrayRef> {
    to_digits(
        arguments,
        |value, digits| {
            let power = 10_f64.powi(digits);
            let scaled = value * power;
            if scaled.is_finite() { scaled.trunc() / power } else { value }
        },
        |value, from, to| Some(value / super::cast::power_of_ten(from.abs_diff(to))?),
    )
}

/// Numbers with so many digits behind the point as the second argument says, else none.
fn to_digits(
    arguments: &Arguments,
    float: fn(f64, i32) -> f64,
    exact: fn(i128, i8, i8) -> Option<i128>,
) -> Result<ArrayRef> {
    let values = column(arguments, 0)?;
    let digits = match arguments.columns.get(1) {
        Some(digits) => digits.as_primitive::<Int64Type>().iter().collect(),
        None => vec![Some(0); arguments.rows],
    };
    let clamped = |digits: i64| i32::try_from(digits.clamp(-400, 400)).unwrap_or(0);
    let result = arguments.result.data_type();
    if values.data_type().is_floating() {
        let floats = cast(values, &DataType::Float64)?;
        let rounded: Float64Array = floats
            .as_primitive::<Float64Type>()
            .iter()
            .zip(digits)
            .map(|(value, digits)| Some(float(value?, clamped(digits?))))
            .collect();
        return Ok(cast(&rounded, result)?);
    }
    let (scale, precision, result_scale) = match (values.data_type(), result) {
        (DataType::Decimal128(_, scale), DataType::Decimal128(precision, result_scale)) => {
            (*scale, *precision, *result_scale)
        }
        _ => (0, 38, 0),
    };
    let exactly = cast(values, &DataType::Decimal128(38, scale))?;
    let rounded = exactly.as_primitive::<Decimal128Type>().iter().zip(digits).map(|(value, digits)| {
        let (Some(value), Some(digits)) = (value, digits) else { return Ok(None) };
        let kept = i8::try_from(digits.clamp(-38, i64::from(scale))).unwrap_or(0);
        let cut = if scale.abs_diff(kept) > 38 { Some(0) } else { exact(value, scale, kept) };
        let back =
            cut.and_then(|cut| rescale(cut, kept, result_scale)).filter(|value| fits(*value, precision));
        back.map(Some).ok_or_else(|| out_of_range("the rounded number is out of range"))
    });
    let rounded: Decimal128Array = rounded.collect::<Result<_>>()?;
    let rounded: ArrayRef = Arc::new(rounded.with_precision_and_scale(precision, result_scale)?);
    Ok(cast(&rounded, result)?)
}

fn to_whole(arguments: &Arguments, float: fn(f64) -> f64, exact: fn(i128, i128) -> i128) -> Result<ArrayRef> {
    let values = column(arguments, 0)?;
    let result = arguments.result.data_type();
    match values.data_type() {
        DataType::Decimal128(_, scale) if *scale > 0 => {
            let power = super::cast::power_of_ten(scale.unsigned_abs()).unwrap_or(i128::MAX);
            let whole: Decimal128Array = values
                .as_primitive::<Decimal128Type>()
                .iter()
                .map(|value| Some(exact(value?, power)))
                .collect();
            let DataType::Decimal128(precision, _) = result else { return Ok(Arc::new(whole)) };
            Ok(Arc::new(whole.with_precision_and_scale(*precision, 0)?))
        }
        kind if kind.is_floating() => {
            let floats = cast(values, &DataType::Float64)?;
            let whole: Float64Array =
                floats.as_primitive::<Float64Type>().iter().map(|value| value.map(float)).collect();
            Ok(cast(&whole, result)?)
        }
        _ => Ok(Arc::clone(values)),
    }
}

fn absolute(arguments: &Arguments) -> Result<ArrayRef> {
    let values = column(arguments, 0)?;
    let zero = cast(&Int64Array::from(vec![0]), values.data_type())?;
    let is_negative = lt(values, &Constant::new(zero))?;
    if is_negative.true_count() == 0 {
        return Ok(Arc::clone(values));
    }
    let negated = neg(values).map_err(|error| match error {
        ArrowError::ArithmeticOverflow(_) => {
            let beyond = TrinoType::of_arrow(values.data_type());
            out_of_range(format!("Value is out of range for abs({beyond})"))
        }
        other => other.into(),
    })?;
    Ok(zip(&is_negative, &negated, values)?)
}

fn sign(arguments: &Arguments) -> Result<ArrayRef> {
    let values = column(arguments, 0)?;
    if values.data_type().is_floating() {
        let floats = cast(values, &DataType::Float64)?;
        let signs: Float64Array = floats
            .as_primitive::<Float64Type>()
            .iter()
            .map(|value| {
                value.map(|value| if value == 0.0 || value.is_nan() { value } else { value.signum() })
            })
            .collect();
        return Ok(cast(&signs, arguments.result.data_type())?);
    }
    let scale = match values.data_type() {
        DataType::Decimal128(_, scale) => *scale,
        _ => 0,
    };
    let exactly = cast(values, &DataType::Decimal128(38, scale))?;
    let signs: Decimal128Array =
        exactly.as_primitive::<Decimal128Type>().iter().map(|value| value.map(i128::signum)).collect();
    let signs: ArrayRef = Arc::new(signs.with_precision_and_scale(1, 0)?);
    Ok(cast(&signs, arguments.result.data_type())?)
}

fn width_bucket(arguments: &Arguments) -> Result<ArrayRef> {
    if arguments.columns.len() == 2 {
        return bucket_of_bounds(arguments);
    }
    let counts = column(arguments, 3)?.as_primitive::<Int64Type>();
    let columns = [column(arguments, 0)?, column(arguments, 1)?, column(arguments, 2)?];
    let values = columns.map(AsArray::as_primitive::<Float64Type>);
    i64::collect(
        arguments.rows,
        (0..arguments.rows).map(|row| {
            if counts.is_null(row) || values.iter().any(|column| column.is_null(row)) {
                return Ok(None);
            }
            let [value, low, high] = values.map(|column| column.value(row));
            bucket(value, low, high, counts.value(row)).map(Some)
        }),
    )
}

/// Bins of equal width between two bounds, which may be falling; 0 and one more than the bins lie outside.
fn bucket(value: f64, low: f64, high: f64, count: i64) -> Result<i64> {
    if count <= 0 {
        return Err(invalid_argument("bucketCount must be greater than 0"));
    }
    if value.is_nan() {
        return Err(invalid_argument("operand must not be NaN"));
    }
    if !low.is_finite() || !high.is_finite() {
        return Err(invalid_argument("bounds must be finite"));
    }
    if low.total_cmp(&high).is_eq() {
        return Err(invalid_argument("bounds cannot equal each other"));
    }
    let (from_low, width) = if low < high { (value - low, high - low) } else { (low - value, low - high) };
    if from_low < 0.0 {
        return Ok(0);
    }
    if from_low >= width {
        return Ok(count + 1);
    }
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a bin of at most `count`"
    )]
    let bin = (count as f64 * from_low / width) as i64;
    Ok(bin + 1)
}

fn bucket_of_bounds(arguments: &Arguments) -> Result<ArrayRef> {
    let values = column(arguments, 0)?.as_primitive::<Float64Type>();
    let bins = column(arguments, 1)?.as_list::<i32>();
    i64::collect(
        arguments.rows,
        (0..arguments.rows).map(|row| {
            if values.is_null(row) || bins.is_null(row) {
                return Ok(None);
            }
            let bounds = cast(&bins.value(row), &DataType::Float64)?;
            let bounds = bounds.as_primitive::<Float64Type>();
            if bounds.is_empty() {
                return Err(invalid_argument("Bins cannot be an empty array"));
            }
            let value = values.value(row);
            let below = bounds.values().partition_point(|bound| *bound <= value);
            Ok(i64::try_from(below).ok())
        }),
    )
}

fn doubles() -> Vec<Scalar> {
    let of_double = |name, description, evaluate| Scalar::new(name, OF_DOUBLE, description, evaluate);
    vec![
        Scalar::new("power", &["double, double -> double"], "A number raised to a power", |arguments| {
            rows2(arguments, |base: f64, power: f64| Ok(Some(base.powf(power))))
        })
        .alias("pow"),
        of_double("cbrt", "The cube root", |arguments| rows1(arguments, |value: f64| Ok(Some(value.cbrt())))),
        of_double("sqrt", "The square root", |arguments| {
            rows1(arguments, |value: f64| Ok(Some(value.sqrt())))
        }),
        of_double("exp", "e raised to a power", |arguments| {
            rows1(arguments, |value: f64| Ok(Some(value.exp())))
        }),
        of_double("ln", "The natural logarithm", |arguments| {
            rows1(arguments, |value: f64| Ok(Some(value.ln())))
        }),
        of_double("log2", "The logarithm to base 2", |arguments| {
            rows1(arguments, |value: f64| Ok(Some(value.log2())))
        }),
        of_double("log10", "The logarithm to base 10", |arguments| {
            rows1(arguments, |value: f64| Ok(Some(value.log10())))
        }),
        Scalar::new("log", &["double, double -> double"], "The logarithm to a base", |arguments| {
            rows2(arguments, |base: f64, value: f64| Ok(Some(value.ln() / base.ln())))
        }),
        Scalar::new("is_nan", &["double -> boolean"], "Whether a double is no number", |arguments| {
            rows1(arguments, |value: f64| Ok(Some(value.is_nan())))
        }),
        Scalar::new("is_finite", &["double -> boolean"], "Whether a double is finite", |arguments| {
            rows1(arguments, |value: f64| Ok(Some(value.is_finite())))
        }),
        Scalar::new("is_infinite", &["double -> boolean"], "Whether a double is infinite", |arguments| {
            rows1(arguments, |value: f64| Ok(Some(value.is_infinite())))
        }),
        Scalar::new("nan", &["-> double"], "The double that is no number", |arguments| {
            rows0(arguments, || Ok(Some(f64::NAN)))
        }),
        Scalar::new("infinity", &["-> double"], "The infinite double", |arguments| {
            rows0(arguments, || Ok(Some(f64::INFINITY)))
        }),
        Scalar::new("e", &["-> double"], "Euler's number", |arguments| {
            rows0(arguments, || Ok(Some(std::f64::consts::E)))
        }),
        Scalar::new("from_base", &["varchar, bigint -> bigint"], "A number read in a base", |arguments| {
            rows2(arguments, |text: &str, radix: i64| {
                let radix = radix_of(radix)?;
                let read = i64::from_str_radix(text, radix);
                read.map(Some)
                    .map_err(|_| invalid_argument(format!("Not a valid base-{radix} number: {text}")))
            })
        }),
        Scalar::new("to_base", &["bigint, bigint -> varchar"], "A number written in a base", |arguments| {
            rows2(arguments, |value: i64, radix: i64| Ok(Some(in_base(value, radix_of(radix)?))))
        }),
    ]
}

fn radix_of(radix: i64) -> Result<u32> {
    let known = u32::try_from(radix).ok().filter(|radix| (2..=36).contains(radix));
    known.ok_or_else(|| invalid_argument("Radix must be between 2 and 36"))
}

fn in_base(value: i64, radix: u32) -> String {
    let mut rest = value.unsigned_abs();
    let mut digits = Vec::new();
    while rest > 0 || digits.is_empty() {
        let digit = u32::try_from(rest % u64::from(radix)).unwrap_or(0);
        digits.push(char::from_digit(digit, radix).unwrap_or('0'));
        rest /= u64::from(radix);
    }
    if value < 0 {
        digits.push('-');
    }
    digits.iter().rev().collect()
}
