//! Values as Trino prints them.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, IntervalMonthDayNano, IntervalMonthDayNanoType,
    IntervalUnit, IntervalYearMonthType, TimeUnit,
};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::Result;

use super::json::json_at;
use crate::error::type_mismatch;
use crate::functions::interval::milliseconds_of;
use crate::functions::time::{MomentKind, Moments};
use crate::types::TrinoType;

/// The text of a value that is not NULL, as `CAST(… AS varchar)` gives it.
pub(crate) fn text_at(column: &ArrayRef, r#type: &TrinoType, row: usize) -> Result<String> {
    let one = || column.slice(row, 1);
    Ok(match r#type {
        TrinoType::Boolean
        | TrinoType::Tinyint
        | TrinoType::Smallint
        | TrinoType::Integer
        | TrinoType::Bigint
        | TrinoType::Varchar { .. }
        | TrinoType::Char { .. }
        | TrinoType::Json
        | TrinoType::Uuid
        | TrinoType::IpAddress => plain(column, row)?,
        TrinoType::IntervalYearToMonth => {
            let months = cast(&one(), &DataType::Interval(IntervalUnit::YearMonth))?;
            let months = months.as_primitive::<IntervalYearMonthType>().value(0);
            let sign = if months < 0 { "-" } else { "" };
            format!("{sign}{}-{}", (months / 12).abs(), (months % 12).abs())
        }
        TrinoType::IntervalDayToSecond => {
            let interval = cast(&one(), &DataType::Interval(IntervalUnit::MonthDayNano))?;
            interval_text(interval.as_primitive::<IntervalMonthDayNanoType>().value(0))
        }
        TrinoType::Decimal { precision, scale } => {
            let decimal = cast(&one(), &DataType::Decimal128(*precision, *scale))?;
            decimal_text(decimal.as_primitive::<Decimal128Type>().value(0), *scale)
        }
        TrinoType::Double => double_text(column.as_primitive::<Float64Type>().value(row)),
        TrinoType::Real => real_text(column.as_primitive::<Float32Type>().value(row)),
        TrinoType::Date | TrinoType::Timestamp { .. } | TrinoType::TimestampWithTimeZone { .. } => {
            moment_text(&one(), r#type)?
        }
        TrinoType::Time { precision } => {
            let nanos = cast(&cast(&one(), &DataType::Time64(TimeUnit::Nanosecond))?, &DataType::Int64)?;
            let nanos = nanos.as_primitive::<datafusion::arrow::datatypes::Int64Type>().value(0);
            let seconds = nanos / 1_000_000_000;
            let text = format!(
                "{:02}:{:02}:{:02}.{:09}",
                seconds / 3_600,
                seconds / 60 % 60,
                seconds % 60,
                nanos % 1_000_000_000
            );
            cut_fraction(&text, *precision)
        }
        TrinoType::Array(_) | TrinoType::Map(..) | TrinoType::Row(_) => json_at(column, r#type, row)?,
        other => return Err(type_mismatch(format!("Cannot cast {other} to varchar"))),
    })
}

/// `1 02:03:04.500`.
fn interval_text(interval: IntervalMonthDayNano) -> String {
    let milliseconds = milliseconds_of(interval);
    let sign = if milliseconds < 0 { "-" } else { "" };
    let milliseconds = milliseconds.unsigned_abs();
    let seconds = milliseconds / 1_000;
    format!(
        "{sign}{} {:02}:{:02}:{:02}.{:03}",
        seconds / 86_400,
        seconds / 3_600 % 24,
        seconds / 60 % 60,
        seconds % 60,
        milliseconds % 1_000
    )
}

fn plain(column: &ArrayRef, row: usize) -> Result<String> {
    let options = FormatOptions::default();
    Ok(ArrayFormatter::try_new(column.as_ref(), &options)?.value(row).try_to_string()?)
}

fn moment_text(one: &ArrayRef, r#type: &TrinoType) -> Result<String> {
    let moments = Moments::of(one)?;
    let Some(civil) = moments.civil(0)? else { return Ok(String::new()) };
    let text = civil.format("%Y-%m-%d %H:%M:%S%.9f").to_string();
    Ok(match (moments.kind, r#type) {
        (MomentKind::Zoned(_, zone), TrinoType::TimestampWithTimeZone { precision }) => {
            format!("{} {}", cut_fraction(&text, *precision), zone.name())
        }
        (MomentKind::Timestamp(_), TrinoType::Timestamp { precision }) => cut_fraction(&text, *precision),
        _ => civil.format("%Y-%m-%d").to_string(),
    })
}

/// A time that ends in nine digits behind the point, with fewer or more of them.
fn cut_fraction(text: &str, digits: u8) -> String {
    let whole = text.len().saturating_sub(10);
    match digits {
        0 => text.get(..whole).unwrap_or_default().to_owned(),
        1..=9 => text.get(..whole + 1 + usize::from(digits)).unwrap_or_default().to_owned(),
        _ => format!("{text:0<width$}", width = whole + 1 + usize::from(digits)),
    }
}

/// A decimal with all digits of its scale.
pub(crate) fn decimal_text(unscaled: i128, scale: i8) -> String {
    let Ok(scale) = usize::try_from(scale) else { return unscaled.to_string() };
    let sign = if unscaled < 0 { "-" } else { "" };
    if scale == 0 {
        return unscaled.to_string();
    }
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    format!("{sign}{whole}.{fraction}")
}

/// A double as SQL writes it: `1.5E0`.
pub(crate) fn double_text(value: f64) -> String {
    scientific(value, &format!("{value:e}"))
}

fn real_text(value: f32) -> String {
    scientific(value.into(), &format!("{value:e}"))
}

fn scientific(value: f64, shortest: &str) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "-0E0" } else { "0E0" }.to_owned();
    }
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((shortest, "0"));
    let point = if mantissa.contains('.') { "" } else { ".0" };
    format!("{mantissa}{point}E{exponent}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_printed_as_sql_literals() {
        let printed: Vec<String> =
            [1.0, 0.001, 37.7, -1.2e3, 0.0, f64::NAN, f64::NEG_INFINITY].map(double_text).into();
        assert_eq!(printed, ["1.0E0", "1.0E-3", "3.77E1", "-1.2E3", "0E0", "NaN", "-Infinity"]);
    }

    #[test]
    fn decimals_keep_their_zeros() {
        assert_eq!(decimal_text(-150, 2), "-1.50");
        assert_eq!(decimal_text(5, 3), "0.005");
        assert_eq!(decimal_text(7, 0), "7");
    }
}
