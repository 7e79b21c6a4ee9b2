//! The operators of integers and decimals, with Trino's types and errors.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Int64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::compute::kernels::numeric;
use datafusion::arrow::datatypes::i256;
use datafusion::arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DataType, Decimal128Type, Decimal256Type, Field, Int64Type,
};
use datafusion::arrow::error::ArrowError;
use datafusion::common::Result;
use datafusion::error::DataFusionError;

use super::cast::{fits, power_of_ten, rescale};
use super::rows::column;
use super::scalar::{Arguments, Planned, Scalar};
use super::signature::{decimal_of, is_decimal};
use crate::error::{division_by_zero, invalid_argument, out_of_range};
use crate::types::TrinoType;

pub(super) fn functions() -> Vec<Scalar> {
    const NUMBERS: &[&str] = &["number, number -> same"];
    let integers =
        |name, description, evaluate| Scalar::new(name, NUMBERS, description, evaluate).returning(wider);
    vec![
        integers("$add", "The sum", |arguments| whole(arguments, numeric::add, ADDITION)),
        integers("$subtract", "The difference", |arguments| whole(arguments, numeric::sub, SUBTRACTION)),
        integers("$multiply", "The product", |arguments| whole(arguments, numeric::mul, MULTIPLICATION)),
        Scalar::new("$divide", NUMBERS, "The quotient", divide).returning(quotient),
        Scalar::new("mod", NUMBERS, "The rest of a division", modulus).returning(rest),
        Scalar::new("$average", &["T -> same"], "An average at the scale of what was averaged", average)
            .returning(|planned| Ok(Field::new("", average_type(planned.data_type(0)), true))),
        Scalar::new("$sum", &["T -> same"], "A sum of all digits", sum)
            .returning(|planned| Ok(Field::new("", sum_type(planned.data_type(0)), true))),
        Scalar::new("$summand", &["T -> same"], "What is summed without an overflow", |arguments| {
            Ok(cast(column(arguments, 0)?, arguments.result.data_type())?)
        })
        .returning(|planned| Ok(Field::new("", summand_type(planned.data_type(0)), true))),
        Scalar::new(
            "$fitting",
            &["T -> same"],
            "A decimal, where it has no more digits than there can be",
            fitting,
        ),
    ]
}

/// The wider of two integer types.
#[expect(clippy::unnecessary_wraps, reason = "the signature of Scalar::returning")]
fn wider(planned: &Planned) -> Result<Field> {
    Ok(Field::new("", wider_of(planned.data_type(0), planned.data_type(1)), true))
}

fn wider_of(left: &DataType, right: &DataType) -> DataType {
    let rank = |data_type: &DataType| match data_type {
        DataType::Null | DataType::Int8 => 0,
        DataType::Int16 | DataType::UInt8 => 1,
        DataType::Int32 | DataType::UInt16 => 2,
        _ => 3,
    };
    match rank(left).max(rank(right)) {
        0 => DataType::Int8,
        1 => DataType::Int16,
        2 => DataType::Int32,
        _ => DataType::Int64,
    }
}

type Kernel = fn(
    &dyn datafusion::arrow::array::Datum,
    &dyn datafusion::arrow::array::Datum,
) -> Result<ArrayRef, ArrowError>;

/// An operator of whole numbers: its name, its sign, and what it gives where there is room.
type Whole = (&'static str, char, fn(i128, i128) -> Option<i128>);

const ADDITION: Whole = ("addition", '+', i128::checked_add);
const SUBTRACTION: Whole = ("subtraction", '-', i128::checked_sub);
const MULTIPLICATION: Whole = ("multiplication", '*', i128::checked_mul);
const DIVISION: Whole = ("division", '/', i128::checked_div);
const MODULUS: Whole = ("modulus", '%', i128::checked_rem);

fn whole(arguments: &Arguments, kernel: Kernel, operator: Whole) -> Result<ArrayRef> {
    let wide = arguments.result.data_type();
    let (left, right) = (cast(column(arguments, 0)?, wide)?, cast(column(arguments, 1)?, wide)?);
    kernel(&left, &right).map_err(|error| match error {
        ArrowError::DivideByZero => division_by_zero(),
        ArrowError::ArithmeticOverflow(_) => overflow(&left, &right, wide, operator),
        other => DataFusionError::from(other),
    })
}

/// The error of the first row whose result does not fit.
fn overflow(
    left: &ArrayRef,
    right: &ArrayRef,
    wide: &DataType,
    (name, sign, exact): Whole,
) -> DataFusionError {
    let (least, most) = match wide {
        DataType::Int8 => (i64::from(i8::MIN), i64::from(i8::MAX)),
        DataType::Int16 => (i64::from(i16::MIN), i64::from(i16::MAX)),
        DataType::Int32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    };
    let of = TrinoType::of_arrow(wide);
    let (Ok(left), Ok(right)) = (cast(left, &DataType::Int64), cast(right, &DataType::Int64)) else {
        return out_of_range(format!("{of} {name} overflow"));
    };
    let (left, right) = (left.as_primitive::<Int64Type>(), right.as_primitive::<Int64Type>());
    let mut rows = left.iter().zip(right.iter()).filter_map(|(left, right)| left.zip(right));
    let failed = rows.find(|(left, right)| {
        exact(i128::from(*left), i128::from(*right))
            .is_none_or(|result| !(i128::from(least)..=i128::from(most)).contains(&result))
    });
    out_of_range(match failed {
        Some((left, right)) => format!("{of} {name} overflow: {left} {sign} {right}"),
        None => format!("{of} {name} overflow"),
    })
}

/// The precision and scale of a decimal or integer type.
fn digits(data_type: &DataType) -> Option<(u8, i8)> {
    match decimal_of(data_type) {
        DataType::Decimal128(precision, scale) => Some((precision, scale)),
        _ => None,
    }
}

fn has_decimal(planned: &Planned) -> bool {
    is_decimal(planned.data_type(0)) || is_decimal(planned.data_type(1))
}

fn has_float(planned: &Planned) -> bool {
    planned.data_type(0).is_floating() || planned.data_type(1).is_floating()
}

/// The quotient of decimals has the larger scale of the two.
fn quotient(planned: &Planned) -> Result<Field> {
    if has_float(planned) {
        return Ok(Field::new("", DataType::Float64, true));
    }
    let (Some((precision, scale)), Some((by_precision, by_scale)), true) =
        (digits(planned.data_type(0)), digits(planned.data_type(1)), has_decimal(planned))
    else {
        return wider(planned);
    };
    let _ = by_precision;
    let scale_of_result = scale.max(by_scale);
    let wanted = i16::from(precision) + i16::from(by_scale) + i16::from((by_scale - scale).max(0));
    let precision = u8::try_from(wanted.clamp(1, 38)).unwrap_or(38);
    Ok(Field::new("", DataType::Decimal128(precision, scale_of_result), true))
}

fn rest(planned: &Planned) -> Result<Field> {
    if has_float(planned) {
        return Ok(Field::new("", DataType::Float64, true));
    }
    let (Some((precision, scale)), Some((by_precision, by_scale)), true) =
        (digits(planned.data_type(0)), digits(planned.data_type(1)), has_decimal(planned))
    else {
        return wider(planned);
    };
    let finer = scale.max(by_scale);
    let whole = (i16::from(precision) - i16::from(scale)).min(i16::from(by_precision) - i16::from(by_scale));
    let precision = u8::try_from((whole + i16::from(finer)).clamp(1, 38)).unwrap_or(38);
    Ok(Field::new("", DataType::Decimal128(precision, finer), true))
}

fn divide(arguments: &Arguments) -> Result<ArrayRef> {
    match arguments.result.data_type() {
        DataType::Decimal128(precision, scale) => decimals(arguments, *precision, *scale, quotient_of),
        DataType::Float64 => floats(arguments, numeric::div),
        _ => whole(arguments, numeric::div, DIVISION),
    }
}

fn modulus(arguments: &Arguments) -> Result<ArrayRef> {
    match arguments.result.data_type() {
        DataType::Decimal128(precision, scale) => decimals(arguments, *precision, *scale, rest_of),
        DataType::Float64 => floats(arguments, numeric::rem),
        _ => whole(arguments, numeric::rem, MODULUS),
    }
}

fn floats(arguments: &Arguments, kernel: Kernel) -> Result<ArrayRef> {
    let left = cast(column(arguments, 0)?, &DataType::Float64)?;
    let right = cast(column(arguments, 1)?, &DataType::Float64)?;
    Ok(kernel(&left, &right)?)
}

/// A decimal operand: the number and its scale.
type Operand = (i128, i8);

fn decimals(
    arguments: &Arguments,
    precision: u8,
    scale: i8,
    operator: fn(Operand, Operand, i8) -> Option<i128>,
) -> Result<ArrayRef> {
    let (left, left_scale) = operand(column(arguments, 0)?)?;
    let (right, right_scale) = operand(column(arguments, 1)?)?;
    let values = left.iter().zip(right.iter()).map(|pair| match pair {
        (Some(_), Some(0)) => Err(division_by_zero()),
        (Some(left), Some(right)) => operator((left, left_scale), (right, right_scale), scale)
            .filter(|value| fits(*value, precision))
            .map(Some)
            .ok_or_else(|| out_of_range("Decimal overflow")),
        _ => Ok(None),
    });
    let values: Decimal128Array = values.collect::<Result<_>>()?;
    Ok(Arc::new(values.with_precision_and_scale(precision, scale)?))
}

fn operand(column: &ArrayRef) -> Result<(Decimal128Array, i8)> {
    let decimal = cast(column, &decimal_of(column.data_type()))?;
    let decimal = decimal.as_primitive::<Decimal128Type>().clone();
    let scale = decimal.scale();
    Ok((decimal, scale))
}

/// Rounded half away from zero.
fn quotient_of((left, left_scale): Operand, (right, right_scale): Operand, scale: i8) -> Option<i128> {
    let shift = i16::from(scale) + i16::from(right_scale) - i16::from(left_scale);
    let power = power_of_ten(u8::try_from(shift).ok()?)?;
    let (whole, rest) = match left.checked_mul(power) {
        Some(scaled) => (scaled / right, scaled % right),
        None => long_division(left, right, power)?,
    };
    let up = rest.unsigned_abs() >= right.unsigned_abs() - rest.unsigned_abs();
    let sign = if (left < 0) == (right < 0) { 1 } else { -1 };
    Some(if up && rest != 0 { whole.checked_add(sign)? } else { whole })
}

/// `left × power ÷ right` digit by digit, where the product is too large.
fn long_division(left: i128, right: i128, mut power: i128) -> Option<(i128, i128)> {
    let (mut whole, mut rest) = (left / right, left % right);
    while power > 1 {
        rest = rest.checked_mul(10)?;
        whole = whole.checked_mul(10)?.checked_add(rest / right)?;
        rest %= right;
        power /= 10;
    }
    Some((whole, rest))
}

fn rest_of((left, left_scale): Operand, (right, right_scale): Operand, scale: i8) -> Option<i128> {
    Some(rescale(left, left_scale, scale)? % rescale(right, right_scale, scale)?)
}

/// `DataFusion` averages decimals at four digits more than they have.
fn average_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Decimal128(precision, scale) if *scale >= 4 => {
            DataType::Decimal128(if *precision >= 38 { 38 } else { precision - 4 }, scale - 4)
        }
        other => other.clone(),
    }
}

fn average(arguments: &Arguments) -> Result<ArrayRef> {
    let column = column(arguments, 0)?;
    let (DataType::Decimal128(_, from), DataType::Decimal128(precision, scale)) =
        (column.data_type(), arguments.result.data_type())
    else {
        return Ok(Arc::clone(column));
    };
    let values = column.as_primitive::<Decimal128Type>();
    let rounded = values.iter().map(|value| match value {
        Some(value) => {
            rescale(value, *from, *scale).map(Some).ok_or_else(|| invalid_argument("Decimal overflow"))
        }
        None => Ok(None),
    });
    let rounded: Decimal128Array = rounded.collect::<Result<_>>()?;
    Ok(Arc::new(rounded.with_precision_and_scale(*precision, *scale)?))
}

/// A type whose sums have more digits than the sums that are answered, so that none is wrong unseen. That of sums of integers,
/// decimals of 38 digits without any behind the point, is that of no other.
fn summand_type(data_type: &DataType) -> DataType {
    match data_type {
        integer if integer.is_integer() => WIDE_INTEGER,
        DataType::Decimal128(precision, scale) if *precision > 28 || (*precision == 28 && *scale == 0) => {
            DataType::Decimal256(*precision, *scale)
        }
        other => other.clone(),
    }
}

const WIDE_INTEGER: DataType = DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0);

fn sum_type(data_type: &DataType) -> DataType {
    match data_type {
        data_type if *data_type == WIDE_INTEGER => DataType::Int64,
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => {
            DataType::Decimal128(DECIMAL128_MAX_PRECISION, *scale)
        }
        other => other.clone(),
    }
}

fn sum(arguments: &Arguments) -> Result<ArrayRef> {
    let sums = column(arguments, 0)?;
    match sums.data_type() {
        data_type if *data_type == WIDE_INTEGER => {
            let narrow = sums.as_primitive::<Decimal128Type>().iter().map(|sum| {
                sum.map(|sum| i64::try_from(sum).map_err(|_| out_of_range("bigint addition overflow")))
                    .transpose()
            });
            Ok(Arc::new(narrow.collect::<Result<Int64Array>>()?))
        }
        DataType::Decimal256(_, scale) => {
            let narrow = sums.as_primitive::<Decimal256Type>().iter().map(|sum| {
                let fitting = |sum: i256| sum.to_i128().filter(|sum| fits(*sum, DECIMAL128_MAX_PRECISION));
                sum.map(|sum| fitting(sum).ok_or_else(|| out_of_range("Decimal overflow"))).transpose()
            });
            let narrow = narrow.collect::<Result<Decimal128Array>>()?;
            Ok(Arc::new(narrow.with_precision_and_scale(DECIMAL128_MAX_PRECISION, *scale)?))
        }
        _ => Ok(cast(sums, arguments.result.data_type())?),
    }
}

fn fitting(arguments: &Arguments) -> Result<ArrayRef> {
    let values = column(arguments, 0)?;
    if let Some(decimals) = values.as_primitive_opt::<Decimal128Type>()
        && !decimals.iter().flatten().all(|value| fits(value, decimals.precision()))
    {
        return Err(out_of_range("Decimal overflow"));
    }
    Ok(Arc::clone(values))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quotients_round_half_away_from_zero() {
        assert_eq!(quotient_of((10, 1), (30, 1), 1), Some(3));
        assert_eq!(quotient_of((10, 1), (15, 1), 1), Some(7));
        assert_eq!(quotient_of((-1, 0), (2, 0), 0), Some(-1));
        assert_eq!(quotient_of((1, 0), (-3, 0), 0), Some(0));
    }

    proptest! {
        #[test]
        fn long_division_agrees_with_the_short(left in -1_000_000_000_000_i128..1_000_000_000_000, right in 1..1_000_000_i128, digits in 0..12_u8) {
            let power = power_of_ten(digits).unwrap();
            let scaled = left * power;
            prop_assert_eq!(long_division(left, right, power), Some((scaled / right, scaled % right)));
        }
    }
}
