//! Intervals times a number, and divided by one.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{
    DataType, Float64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit,
    IntervalYearMonthType,
};
use datafusion::common::Result;

use super::rows::{FromColumn, IntoColumn, collect_primitive, column};
use super::scalar::{Arguments, Scalar};
use crate::error::{division_by_zero, invalid_argument, out_of_range};

const NANOS_OF_DAY: i128 = 86_400_000_000_000;
const NANOS_OF_MILLISECOND: i128 = 1_000_000;

const SIGNATURES: &[&str] = &[
    "interval day to second, double -> interval day to second",
    "interval year to month, double -> interval year to month",
];

pub(super) fn functions() -> Vec<Scalar> {
    vec![
        Scalar::new(
            "to_milliseconds",
            &["interval day to second -> bigint"],
            "The milliseconds of an interval",
            |arguments| of_length(arguments, |milliseconds| milliseconds),
        ),
        Scalar::new(
            "parse_duration",
            &["varchar -> interval day to second"],
            "A text such as `3.5m` as an interval",
            parse_duration,
        ),
        Scalar::new("$multiply_interval", SIGNATURES, "So many times an interval", |arguments| {
            of_each(arguments, |length, factor| Ok(length * factor))
        }),
        Scalar::new("$divide_interval", SIGNATURES, "A part of an interval", |arguments| {
            of_each(
                arguments,
                |length, divisor| {
                    if divisor == 0.0 { Err(division_by_zero()) } else { Ok(length / divisor) }
                },
            )
        }),
    ]
}

/// The parts of an interval, by the names of those of a date: days, and what is left below the next larger unit.
pub(crate) fn part_of(arguments: &Arguments, part: Part) -> Result<ArrayRef> {
    if *column(arguments, 0)?.data_type() == DataType::Interval(IntervalUnit::YearMonth) {
        let months = column(arguments, 0)?.as_primitive::<IntervalYearMonthType>();
        let values = (0..arguments.rows).map(|row| {
            let value = months.is_valid(row).then(|| i64::from(months.value(row)));
            Ok(value.map(|months| if part == Part::Year { months / 12 } else { months % 12 }))
        });
        return i64::collect(arguments.rows, values);
    }
    of_length(
        arguments,
        match part {
            Part::Hour => |length| length / 3_600_000 % 24,
            Part::Minute => |length| length / 60_000 % 60,
            Part::Second => |length| length / 1_000 % 60,
            Part::Millisecond => |length| length % 1_000,
            Part::Year | Part::Month | Part::Day => |length| length / 86_400_000,
        },
    )
}

/// A part of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
}

fn of_length(arguments: &Arguments, part: fn(i64) -> i64) -> Result<ArrayRef> {
    let lengths = column(arguments, 0)?.as_primitive::<IntervalMonthDayNanoType>();
    let values = (0..arguments.rows)
        .map(|row| Ok(lengths.is_valid(row).then(|| part(milliseconds_of(lengths.value(row))))));
    i64::collect(arguments.rows, values)
}

/// The whole milliseconds of an interval without months.
pub(crate) fn milliseconds_of(interval: IntervalMonthDayNano) -> i64 {
    i64::from(interval.days) * 86_400_000 + interval.nanoseconds / 1_000_000
}

/// A number and a unit: `ns`, `us`, `ms`, `s`, `m`, `h`, `d`.
fn parse_duration(arguments: &Arguments) -> Result<ArrayRef> {
    let texts = <&str>::column(column(arguments, 0)?)?;
    let values = (0..arguments.rows).map(|row| {
        if texts.is_null(row) {
            return Ok(None);
        }
        let text = texts.value(row);
        let refused = || invalid_argument(format!("duration is not a valid data duration string: {text}"));
        let text = text.trim();
        let end = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
        let (number, unit) = text.split_at_checked(end).ok_or_else(refused)?;
        let milliseconds = match unit {
            "ns" => 1e-6,
            "us" => 1e-3,
            "ms" => 1.0,
            "s" => 1e3,
            "m" => 6e4,
            "h" => 3.6e6,
            "d" => 8.64e7,
            _ => return Err(refused()),
        };
        let number = number.trim().parse::<f64>().ok().filter(|number| *number >= 0.0).ok_or_else(refused)?;
        length_of(whole((number * milliseconds).round())?).map(Some)
    });
    collect_primitive::<IntervalMonthDayNanoType>(arguments.rows, values)
}

/// The interval of so many milliseconds.
fn length_of(milliseconds: i128) -> Result<IntervalMonthDayNano> {
    let nanos = milliseconds * NANOS_OF_MILLISECOND;
    let days = i32::try_from(nanos / NANOS_OF_DAY).map_err(|_| beyond())?;
    let rest = i64::try_from(nanos % NANOS_OF_DAY).map_err(|_| beyond())?;
    Ok(IntervalMonthDayNano::new(0, days, rest))
}

/// Whole months, or whole milliseconds, which a double counts without loss for 285 thousand years.
fn of_each(arguments: &Arguments, operator: fn(f64, f64) -> Result<f64>) -> Result<ArrayRef> {
    let numbers = column(arguments, 1)?.as_primitive::<Float64Type>();
    let intervals = column(arguments, 0)?;
    let is_null = |row| intervals.is_null(row) || numbers.is_null(row);
    if *intervals.data_type() == DataType::Interval(IntervalUnit::YearMonth) {
        let months = intervals.as_primitive::<IntervalYearMonthType>();
        let values = (0..arguments.rows).map(|row| {
            if is_null(row) {
                return Ok(None);
            }
            let result = whole(operator(f64::from(months.value(row)), numbers.value(row))?)?;
            i32::try_from(result).map(Some).map_err(|_| beyond())
        });
        return collect_primitive::<IntervalYearMonthType>(arguments.rows, values);
    }
    let lengths = intervals.as_primitive::<IntervalMonthDayNanoType>();
    let values = (0..arguments.rows).map(|row| {
        if is_null(row) {
            return Ok(None);
        }
        let interval = lengths.value(row);
        let nanos = i128::from(interval.days) * NANOS_OF_DAY + i128::from(interval.nanoseconds);
        #[expect(clippy::cast_precision_loss, reason = "an interval is counted in milliseconds")]
        let milliseconds = (nanos / NANOS_OF_MILLISECOND) as f64;
        length_of(whole(operator(milliseconds, numbers.value(row))?)?).map(Some)
    });
    collect_primitive::<IntervalMonthDayNanoType>(arguments.rows, values)
}

/// The number without its fraction.
fn whole(number: f64) -> Result<i128> {
    if !number.is_finite() || number.abs() >= 9.2e18 {
        return Err(beyond());
    }
    #[expect(clippy::cast_possible_truncation, reason = "the number is finite and within the range")]
    let whole = number as i128;
    Ok(whole)
}

fn beyond() -> datafusion::error::DataFusionError {
    out_of_range("interval is out of range")
}
