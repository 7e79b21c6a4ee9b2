//! Values that have no parts.

use std::io::Write as _;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use datafusion::arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    DecimalType, DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType,
    DurationSecondType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    IntervalDayTimeType, IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType,
    Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use datafusion::arrow::util::display::array_value_to_string;
use depthlake_dialect::types::TrinoType;

use super::Scalar;
use super::time::{self, Instant};
use super::zoned::Zone;
use crate::trino::signature::Precisions;

const MILLIS_A_DAY: i64 = 86_400_000;

/// The writer of an array's values.
pub(super) fn writer(array: &ArrayRef, r#type: &TrinoType, precisions: Precisions) -> Result<Scalar, String> {
    let digits = |told: u8| if precisions == Precisions::Known { told } else { 3 };
    match (array.data_type(), r#type) {
        (DataType::Boolean, _) => {
            let values = array.as_boolean().clone();
            Ok(Box::new(move |row, out| {
                out.extend_from_slice(if values.value(row) { b"true" } else { b"false" });
                Ok(())
            }))
        }
        (DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View, _) => texts(array, r#type),
        (_, TrinoType::Uuid) if matches!(array.data_type(), DataType::FixedSizeBinary(16)) => {
            Ok(uuids(array))
        }
        (
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_),
            _,
        ) => binaries(array),
        (DataType::Timestamp(unit, zone), TrinoType::TimestampWithTimeZone { precision }) => {
            let zone = Zone::named(zone.as_deref().unwrap_or("UTC"))?;
            Ok(zoned(instants(array, *unit), zone, digits(*precision)))
        }
        (DataType::Timestamp(unit, _), _) => {
            let precision = if let TrinoType::Timestamp { precision } = r#type { *precision } else { 6 };
            let (instants, digits) = (instants(array, *unit), digits(precision));
            Ok(quoted(move |row, out| time::timestamp(instants(row), digits, out)))
        }
        (DataType::Time32(unit) | DataType::Time64(unit), _) => {
            let (digits, suffix) = match r#type {
                TrinoType::Time { precision } => (digits(*precision), ""),
                TrinoType::TimeWithTimeZone { precision } => (digits(*precision), "+00:00"),
                _ => (6, ""),
            };
            let times = times(array, *unit);
            Ok(quoted(move |row, out| {
                time::time(times(row), digits, out);
                out.extend_from_slice(suffix.as_bytes());
            }))
        }
        (DataType::Date32, _) => {
            Ok(primitive::<Date32Type>(array, |days, out| in_quotes(out, |out| time::date(days.into(), out))))
        }
        (DataType::Date64, _) => Ok(primitive::<Date64Type>(array, |millis, out| {
            in_quotes(out, |out| time::date(millis.div_euclid(MILLIS_A_DAY), out));
        })),
        (DataType::Interval(unit), _) => Ok(intervals(array, *unit, r#type)),
        (DataType::Duration(unit), _) => Ok(durations(array, *unit)),
        (DataType::Dictionary(_, values), _) => writer(&unpacked(array, values)?, r#type, precisions),
        (DataType::RunEndEncoded(_, values), _) => {
            writer(&unpacked(array, values.data_type())?, r#type, precisions)
        }
        (DataType::Null, _) => Ok(Box::new(|_, out| {
            out.extend_from_slice(b"null");
            Ok(())
        })),
        _ => numbers(array),
    }
}

/// A JSON text.
pub(super) fn text(text: &str, out: &mut Vec<u8>) {
    // Writing to memory does not fail, and every text has a JSON form.
    let _ = serde_json::to_writer(out, text);
}

fn numbers(array: &ArrayRef) -> Result<Scalar, String> {
    Ok(match array.data_type() {
        DataType::Int8 => primitive::<Int8Type>(array, integer),
        DataType::Int16 => primitive::<Int16Type>(array, integer),
        DataType::Int32 => primitive::<Int32Type>(array, integer),
        DataType::Int64 => primitive::<Int64Type>(array, integer),
        DataType::UInt8 => primitive::<UInt8Type>(array, integer),
        DataType::UInt16 => primitive::<UInt16Type>(array, integer),
        DataType::UInt32 => primitive::<UInt32Type>(array, integer),
        // Trino has no integer for these: they are decimals.
        DataType::UInt64 => {
            primitive::<UInt64Type>(array, |value, out| in_quotes(out, |out| integer(value, out)))
        }
        DataType::Float16 => numbers(&unpacked(array, &DataType::Float32)?)?,
        DataType::Float32 => primitive::<Float32Type>(array, |value, out| {
            if value.is_finite() { digits_of(value, out) } else { unusual(value.into(), out) }
        }),
        DataType::Float64 => primitive::<Float64Type>(array, |value, out| {
            if value.is_finite() { digits_of(value, out) } else { unusual(value, out) }
        }),
        DataType::Decimal32(precision, scale) => decimal::<Decimal32Type>(array, *precision, *scale),
        DataType::Decimal64(precision, scale) => decimal::<Decimal64Type>(array, *precision, *scale),
        DataType::Decimal128(precision, scale) => decimal::<Decimal128Type>(array, *precision, *scale),
        DataType::Decimal256(precision, scale) => decimal::<Decimal256Type>(array, *precision, *scale),
        _ => as_displayed(array),
    })
}

fn primitive<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    write: impl Fn(T::Native, &mut Vec<u8>) + Send + 'static,
) -> Scalar {
    let values: PrimitiveArray<T> = array.as_primitive().clone();
    Box::new(move |row, out| {
        write(values.value(row), out);
        Ok(())
    })
}

fn integer(value: impl std::fmt::Display, out: &mut Vec<u8>) {
    let _ = write!(out, "{value}");
}

/// The shortest digits that mean the number, with a point or an exponent: clients tell doubles from integers by these.
fn digits_of(value: impl std::fmt::Debug, out: &mut Vec<u8>) {
    let _ = write!(out, "{value:?}");
}

fn unusual(value: f64, out: &mut Vec<u8>) {
    let text = match value {
        value if value.is_nan() => "\"NaN\"",
        f64::INFINITY => "\"Infinity\"",
        _ => "\"-Infinity\"",
    };
    out.extend_from_slice(text.as_bytes());
}

fn decimal<T: DecimalType>(array: &ArrayRef, precision: u8, scale: i8) -> Scalar {
    primitive::<T>(array, move |value, out| {
        in_quotes(out, |out| out.extend_from_slice(T::format_decimal(value, precision, scale).as_bytes()));
    })
}

fn texts(array: &ArrayRef, r#type: &TrinoType) -> Result<Scalar, String> {
    let values = if let DataType::Utf8View = array.data_type() {
        Arc::clone(array)
    } else {
        unpacked(array, &DataType::Utf8View)?
    };
    let values = values.as_string_view().clone();
    if let TrinoType::Char { length } = *r#type {
        let length = usize::try_from(length).unwrap_or_default();
        return Ok(Box::new(move |row, out| {
            text(&format!("{:length$}", values.value(row)), out);
            Ok(())
        }));
    }
    Ok(Box::new(move |row, out| {
        text(values.value(row), out);
        Ok(())
    }))
}

fn binaries(array: &ArrayRef) -> Result<Scalar, String> {
    let values = unpacked(array, &DataType::BinaryView)?.as_binary_view().clone();
    Ok(quoted(move |row, out| out.extend_from_slice(STANDARD.encode(values.value(row)).as_bytes())))
}

fn uuids(array: &ArrayRef) -> Scalar {
    let values = array.as_fixed_size_binary().clone();
    Box::new(move |row, out| {
        let id = uuid::Uuid::from_slice(values.value(row)).map_err(|error| error.to_string())?;
        text(&id.hyphenated().to_string(), out);
        Ok(())
    })
}

/// What Trino has no type for is shown as a text.
fn as_displayed(array: &ArrayRef) -> Scalar {
    let array = Arc::clone(array);
    Box::new(move |row, out| {
        text(&array_value_to_string(&array, row).map_err(|error| error.to_string())?, out);
        Ok(())
    })
}

fn unpacked(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, String> {
    cast(array, to).map_err(|error| error.to_string())
}

fn zoned(instants: impl Fn(usize) -> Instant + Send + 'static, zone: Zone, digits: u8) -> Scalar {
    quoted(move |row, out| {
        let instant = instants(row).rounded(digits);
        time::timestamp(instant.plus_seconds(zone.offset(instant.seconds)), digits, out);
        out.push(b' ');
        out.extend_from_slice(zone.name().as_bytes());
    })
}

type Instants = Box<dyn Fn(usize) -> Instant + Send>;

fn instants(array: &ArrayRef, unit: TimeUnit) -> Instants {
    fn of<T: ArrowPrimitiveType<Native = i64>>(array: &ArrayRef, per_second: i64) -> Instants {
        let values: PrimitiveArray<T> = array.as_primitive().clone();
        Box::new(move |row| Instant::of(values.value(row), per_second))
    }
    match unit {
        TimeUnit::Second => of::<TimestampSecondType>(array, 1),
        TimeUnit::Millisecond => of::<TimestampMillisecondType>(array, 1_000),
        TimeUnit::Microsecond => of::<TimestampMicrosecondType>(array, 1_000_000),
        TimeUnit::Nanosecond => of::<TimestampNanosecondType>(array, 1_000_000_000),
    }
}

fn times(array: &ArrayRef, unit: TimeUnit) -> Instants {
    fn of<T: ArrowPrimitiveType>(array: &ArrayRef, per_second: i64) -> Instants
    where
        T::Native: Into<i64>,
    {
        let values: PrimitiveArray<T> = array.as_primitive().clone();
        Box::new(move |row| Instant::of(values.value(row).into(), per_second))
    }
    match unit {
        TimeUnit::Second => of::<Time32SecondType>(array, 1),
        TimeUnit::Millisecond => of::<Time32MillisecondType>(array, 1_000),
        TimeUnit::Microsecond => of::<Time64MicrosecondType>(array, 1_000_000),
        TimeUnit::Nanosecond => of::<Time64NanosecondType>(array, 1_000_000_000),
    }
}

fn durations(array: &ArrayRef, unit: TimeUnit) -> Scalar {
    fn millis(value: i64, out: &mut Vec<u8>) {
        in_quotes(out, |out| time::milliseconds(value, out));
    }
    match unit {
        TimeUnit::Second => {
            primitive::<DurationSecondType>(array, |value, out| millis(value.saturating_mul(1_000), out))
        }
        TimeUnit::Millisecond => primitive::<DurationMillisecondType>(array, millis),
        TimeUnit::Microsecond => {
            primitive::<DurationMicrosecondType>(array, |value, out| millis(value / 1_000, out))
        }
        TimeUnit::Nanosecond => {
            primitive::<DurationNanosecondType>(array, |value, out| millis(value / 1_000_000, out))
        }
    }
}

fn intervals(array: &ArrayRef, unit: IntervalUnit, r#type: &TrinoType) -> Scalar {
    match unit {
        IntervalUnit::YearMonth => primitive::<IntervalYearMonthType>(array, |value, out| {
            in_quotes(out, |out| time::months(value.into(), out));
        }),
        IntervalUnit::DayTime => primitive::<IntervalDayTimeType>(array, |value, out| {
            let millis = i64::from(value.days) * MILLIS_A_DAY + i64::from(value.milliseconds);
            in_quotes(out, |out| time::milliseconds(millis, out));
        }),
        IntervalUnit::MonthDayNano => {
            let values: PrimitiveArray<IntervalMonthDayNanoType> = array.as_primitive().clone();
            let is_of_months = *r#type == TrinoType::IntervalYearToMonth;
            Box::new(move |row, out| {
                let value = values.value(row);
                let millis = i64::from(value.days) * MILLIS_A_DAY + value.nanoseconds / 1_000_000;
                match (is_of_months, value.months, millis) {
                    (true, months, 0) => in_quotes(out, |out| time::months(months.into(), out)),
                    (false, 0, millis) => in_quotes(out, |out| time::milliseconds(millis, out)),
                    // The type of a column is known before its values: what looks like days may turn out to be months.
                    (false, months, 0) => in_quotes(out, |out| time::months(months.into(), out)),
                    _ => {
                        return Err("the interval has months and days, which no type of Trino has together"
                            .to_owned());
                    }
                }
                Ok(())
            })
        }
    }
}

fn quoted(write: impl Fn(usize, &mut Vec<u8>) + Send + 'static) -> Scalar {
    Box::new(move |row, out| {
        in_quotes(out, |out| write(row, out));
        Ok(())
    })
}

fn in_quotes(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}
