//! Numbers to numbers: rounded half away from zero, refused where they do not fit.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanBuilder, Decimal128Builder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type,
};
use datafusion::common::Result;

use super::print::{decimal_text, text_at};
use super::{Casting, type_mismatch};
use crate::error::{invalid_cast, out_of_range};
use crate::functions::rows::collect_primitive;
use crate::types::TrinoType;

/// A number of any type.
#[derive(Debug, Clone, Copy)]
enum Number {
    Exact { unscaled: i128, scale: i8 },
    Float(f64),
}

pub(super) fn cast_number(
    column: &ArrayRef,
    from: &TrinoType,
    to: &TrinoType,
    casting: Casting,
) -> Result<ArrayRef> {
    let numbers = Numbers::of(column, from)?;
    let fit = |row: usize| text_at(column, from, row).unwrap_or_default();
    match to {
        TrinoType::Boolean => {
            let mut builder = BooleanBuilder::with_capacity(column.len());
            for row in 0..column.len() {
                builder.append_option(numbers.at(row).map(Number::is_not_zero));
            }
            Ok(Arc::new(builder.finish()))
        }
        TrinoType::Tinyint => integers::<Int8Type>(&numbers, to, casting),
        TrinoType::Smallint => integers::<Int16Type>(&numbers, to, casting),
        TrinoType::Integer => integers::<Int32Type>(&numbers, to, casting),
        TrinoType::Bigint => integers::<Int64Type>(&numbers, to, casting),
        TrinoType::Real => floats::<Float32Type>(&numbers, |number| {
            #[expect(clippy::cast_possible_truncation, reason = "the nearest real is what is asked for")]
            let real = number.to_float() as f32;
            real
        }),
        TrinoType::Double => floats::<Float64Type>(&numbers, Number::to_float),
        TrinoType::Decimal { precision, scale } => {
            let mut builder = Decimal128Builder::with_capacity(column.len());
            for row in 0..column.len() {
                let Some(number) = numbers.at(row) else {
                    builder.append_null();
                    continue;
                };
                let fitting = number.to_decimal(*precision, *scale).ok_or_else(|| {
                    invalid_cast(format!("Cannot cast {} '{}' to {}", upper(from), fit(row), upper(to)))
                });
                builder.append_option(casting.keep(fitting)?);
            }
            Ok(Arc::new(builder.finish().with_precision_and_scale(*precision, *scale)?))
        }
        _ => Err(type_mismatch(format!("Cannot cast {from} to {to}"))),
    }
}

fn upper(r#type: &TrinoType) -> String {
    r#type.to_string().to_uppercase().replace(',', ", ")
}

fn integers<T: ArrowPrimitiveType>(numbers: &Numbers, to: &TrinoType, casting: Casting) -> Result<ArrayRef>
where
    T::Native: TryFrom<i128>,
{
    let values = (0..numbers.len()).map(|row| {
        let Some(number) = numbers.at(row) else { return Ok(None) };
        casting.keep(number.to_integer().and_then(|whole| {
            T::Native::try_from(whole).map_err(|_| out_of_range(format!("Out of range for {to}: {whole}")))
        }))
    });
    collect_primitive::<T>(numbers.len(), values)
}

fn floats<T: ArrowPrimitiveType>(numbers: &Numbers, to: impl Fn(Number) -> T::Native) -> Result<ArrayRef> {
    collect_primitive::<T>(numbers.len(), (0..numbers.len()).map(|row| Ok(numbers.at(row).map(&to))))
}

/// A column of numbers, all of one form.
enum Numbers {
    Exact { column: ArrayRef, scale: i8 },
    Float(ArrayRef),
}

impl Numbers {
    fn of(column: &ArrayRef, from: &TrinoType) -> Result<Self> {
        Ok(match from {
            TrinoType::Real | TrinoType::Double => Self::Float(cast(column, &DataType::Float64)?),
            TrinoType::Decimal { precision, scale } => Self::Exact {
                column: cast(column, &DataType::Decimal128(*precision, *scale))?,
                scale: *scale,
            },
            _ => {
                let whole = cast(column, &DataType::Int64)?;
                Self::Exact { column: cast(&whole, &DataType::Decimal128(19, 0))?, scale: 0 }
            }
        })
    }

    fn len(&self) -> usize {
        match self {
            Self::Exact { column, .. } | Self::Float(column) => column.len(),
        }
    }

    fn at(&self, row: usize) -> Option<Number> {
        match self {
            Self::Exact { column, scale } => {
                let column = column.as_primitive::<Decimal128Type>();
                column.is_valid(row).then(|| Number::Exact { unscaled: column.value(row), scale: *scale })
            }
            Self::Float(column) => {
                let column = column.as_primitive::<Float64Type>();
                column.is_valid(row).then(|| Number::Float(column.value(row)))
            }
        }
    }
}

impl Number {
    fn is_not_zero(self) -> bool {
        match self {
            Self::Exact { unscaled, .. } => unscaled != 0,
            Self::Float(float) => float != 0.0,
        }
    }

    fn to_integer(self) -> Result<i128> {
        match self {
            Self::Exact { unscaled, scale } => {
                rescale(unscaled, scale, 0).ok_or_else(|| out_of_range("Out of range for bigint"))
            }
            Self::Float(float) if float.is_nan() => Err(invalid_cast("Cannot cast NaN to an integer")),
            Self::Float(float) => {
                let rounded = float.round();
                if rounded.abs() >= 1e19 {
                    return Err(out_of_range(format!("Out of range for bigint: {float}")));
                }
                #[expect(clippy::cast_possible_truncation, reason = "within the bounds above")]
                let whole = rounded as i128;
                Ok(whole)
            }
        }
    }

    fn to_float(self) -> f64 {
        match self {
            Self::Exact { unscaled, scale: 0 } => {
                #[expect(clippy::cast_precision_loss, reason = "the nearest double is what is asked for")]
                let float = unscaled as f64;
                float
            }
            Self::Exact { unscaled, scale } => decimal_text(unscaled, scale).parse().unwrap_or(f64::NAN),
            Self::Float(float) => float,
        }
    }

    fn to_decimal(self, precision: u8, scale: i8) -> Option<i128> {
        let unscaled = match self {
            Self::Exact { unscaled, scale: from } => rescale(unscaled, from, scale)?,
            Self::Float(float) if !float.is_finite() => return None,
            Self::Float(float) => parse_decimal(&format!("{float:e}"), scale)?,
        };
        fits(unscaled, precision).then_some(unscaled)
    }
}

/// Whether a number has at most so many digits.
pub(crate) fn fits(unscaled: i128, precision: u8) -> bool {
    power_of_ten(precision).is_none_or(|bound| unscaled.unsigned_abs() < bound.unsigned_abs())
}

/// Ten to a power, where it fits.
pub(crate) fn power_of_ten(power: u8) -> Option<i128> {
    10_i128.checked_pow(u32::from(power))
}

/// A decimal at another scale, rounded half away from zero, where it fits.
pub(crate) fn rescale(unscaled: i128, from: i8, to: i8) -> Option<i128> {
    let power = power_of_ten(from.abs_diff(to))?;
    if to >= from {
        return unscaled.checked_mul(power);
    }
    let (whole, rest) = (unscaled / power, unscaled % power);
    let up = rest.unsigned_abs() >= power.unsigned_abs().div_ceil(2);
    Some(if up { whole + unscaled.signum() } else { whole })
}

/// Reads a decimal such as `-1.50` or `1e3` at a scale, rounded half away from zero.
pub(crate) fn parse_decimal(text: &str, scale: i8) -> Option<i128> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (text.get(..at)?, text.get(at + 1..)?.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
    if !all_digits || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let significant = format!("{whole}{fraction}");
    let significant = significant.trim_start_matches('0');
    if significant.is_empty() {
        return Some(0);
    }
    let missing = i32::from(scale) + exponent - i32::try_from(fraction.len()).ok()?;
    let count = i32::try_from(significant.len()).ok()?;
    if count + missing > 39 {
        return None;
    }
    let unscaled: i128 = if missing >= 0 {
        let zeros = "0".repeat(usize::try_from(missing).ok()?);
        format!("{significant}{zeros}").parse().ok()?
    } else if count + missing < 0 {
        0
    } else {
        let (kept, cut) = significant.split_at_checked(usize::try_from(count + missing).ok()?)?;
        let kept: i128 = if kept.is_empty() { 0 } else { kept.parse().ok()? };
        kept + i128::from(cut.as_bytes().first().is_some_and(|first| *first >= b'5'))
    };
    Some(if negative { -unscaled } else { unscaled })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_round_half_away_from_zero() {
        assert_eq!(rescale(150, 2, 0), Some(2));
        assert_eq!(rescale(-150, 2, 0), Some(-2));
        assert_eq!(rescale(149, 2, 0), Some(1));
        assert_eq!(rescale(5, 1, 0), Some(1));
        assert_eq!(rescale(1, 0, 3), Some(1000));
        assert_eq!(rescale(i128::MAX, 0, 1), None);
    }

    #[test]
    fn decimals_are_read() {
        for (text, scale, expected) in [
            ("1.5", 2, Some(150)),
            ("-1.555", 2, Some(-156)),
            (".5", 0, Some(1)),
            ("1e3", 1, Some(10_000)),
            ("1.25e-1", 2, Some(13)),
            ("0.0004", 2, Some(0)),
            ("99999999999999999999999999999999999999999", 0, None),
            ("", 0, None),
            (".", 0, None),
            ("1x", 0, None),
            ("--1", 0, None),
            (" 1", 0, None),
        ] {
            assert_eq!(parse_decimal(text, scale), expected, "{text}");
        }
    }
}
