//! The types of Trino's JSON: what is a text there, and what it means.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use datafusion::arrow::array::{
    ArrayRef, ArrowPrimitiveType, AsArray, BinaryArray, PrimitiveArray, StringArray,
};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{
    DataType, Field, Fields, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::temporal_conversions::timestamp_s_to_datetime;
use datafusion::arrow::util::display::FormatOptions;
use depthlake_dialect::types::{RowField, TYPE_KEY, TrinoType};

/// The digits behind the second that Arrow has at most.
const MOST_DIGITS: usize = 9;

/// The length of `+00:00`.
const OFFSET: usize = 6;

/// A column as it is sent: what JSON has no value for is a text.
pub(super) fn field(name: &str, r#type: &TrinoType) -> Field {
    use TrinoType as T;
    let data_type = match r#type {
        T::Array(element) => DataType::List(Arc::new(field("item", element))),
        T::Map(key, value) => {
            let key = field("key", key).with_nullable(false);
            let pair = DataType::Struct(Fields::from(vec![key, field("value", value)]));
            DataType::Map(Arc::new(Field::new("entries", pair, false)), false)
        }
        T::Row(fields) => DataType::Struct(fields.iter().enumerate().map(row_field).collect()),
        T::Varbinary
        | T::TimeWithTimeZone { .. }
        | T::Timestamp { .. }
        | T::TimestampWithTimeZone { .. }
        | T::IntervalYearToMonth
        | T::IntervalDayToSecond
        | T::Varchar { .. }
        | T::Char { .. }
        | T::Json
        | T::Uuid
        | T::IpAddress => DataType::Utf8,
        plain => plain.to_arrow(),
    };
    Field::new(name, data_type, true)
        .with_metadata(HashMap::from([(TYPE_KEY.to_owned(), r#type.to_string())]))
}

fn row_field((index, row_field): (usize, &RowField)) -> Field {
    let name = row_field.name.clone().unwrap_or_else(|| format!("c{index}"));
    field(&name, &row_field.r#type)
}

/// What the texts of a column mean; `None` where they mean themselves, as those of an interval do.
pub(super) fn read(field: &Field, array: &ArrayRef) -> Result<Option<ArrayRef>, ArrowError> {
    let Some(texts) = array.as_string_opt::<i32>() else { return Ok(None) };
    let r#type = TrinoType::of_field(field);
    Ok(Some(match r#type {
        TrinoType::Varbinary => Arc::new(bytes(texts)?),
        TrinoType::TimeWithTimeZone { .. } => {
            let time = |text: &str| text.get(..text.len().saturating_sub(OFFSET)).map(str::to_owned);
            let times: StringArray = texts.iter().map(|text| text.and_then(time)).collect();
            times_of(&times, &r#type.to_arrow())?
        }
        TrinoType::Timestamp { .. } => {
            let times: StringArray = texts.iter().map(|text| text.map(shortened)).collect();
            times_of(&times, &r#type.to_arrow())?
        }
        TrinoType::TimestampWithTimeZone { .. } => zoned(texts, &r#type.to_arrow())?,
        _ => return Ok(None),
    }))
}

/// What no time is read from is an error, not NULL.
fn times_of(texts: &StringArray, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    cast_with_options(texts, data_type, &CastOptions { safe: false, format_options: FormatOptions::new() })
}

fn bytes(texts: &StringArray) -> Result<BinaryArray, ArrowError> {
    let decoded = |text: &str| {
        STANDARD.decode(text).map_err(|error| ArrowError::ParseError(format!("bytes are no base64: {error}")))
    };
    let decoded: Vec<_> = texts.iter().map(|text| text.map(decoded).transpose()).collect::<Result<_, _>>()?;
    Ok(decoded.iter().map(Option::as_deref).collect())
}

/// The time without the digits that Arrow does not have.
fn shortened(text: &str) -> &str {
    let fraction = text.find('.').map_or(text.len(), |point| point + 1);
    text.get(..text.len().min(fraction + MOST_DIGITS)).unwrap_or(text)
}

/// Times such as `2026-01-01 01:00:00.123 Europe/Berlin`, in the zone of the first.
fn zoned(texts: &StringArray, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    let DataType::Timestamp(unit, _) = *data_type else { return times_of(texts, data_type) };
    let split = |text| str::rsplit_once(text, ' ').unwrap_or((text, "UTC"));
    let zones: Vec<Option<&str>> = texts.iter().map(|text| Some(split(text?).1)).collect();
    let zone = zones.iter().copied().flatten().next().unwrap_or("UTC");
    let clocks: StringArray = texts.iter().map(|text| text.map(|text| shortened(split(text).0))).collect();
    let clocks = times_of(&clocks, &DataType::Timestamp(unit, None))?;
    match unit {
        TimeUnit::Second => in_zone::<TimestampSecondType>(&clocks, &zones, zone, 1),
        TimeUnit::Millisecond => in_zone::<TimestampMillisecondType>(&clocks, &zones, zone, 1_000),
        TimeUnit::Microsecond => in_zone::<TimestampMicrosecondType>(&clocks, &zones, zone, 1_000_000),
        TimeUnit::Nanosecond => in_zone::<TimestampNanosecondType>(&clocks, &zones, zone, 1_000_000_000),
    }
}

/// The instants at which clocks in these zones show so.
fn in_zone<T>(
    clocks: &ArrayRef,
    zones: &[Option<&str>],
    zone: &str,
    per_second: i64,
) -> Result<ArrayRef, ArrowError>
where
    T: ArrowPrimitiveType<Native = i64>,
{
    let instant = |(clock, zone): (Option<i64>, Option<&str>)| {
        let Some((clock, zone)) = clock.zip(zone) else { return Ok(None) };
        let ahead = seconds_ahead(zone, clock.div_euclid(per_second))?;
        Ok(Some(clock - ahead * per_second))
    };
    let clocks: &PrimitiveArray<T> = clocks.as_primitive();
    let instants: PrimitiveArray<T> =
        clocks.iter().zip(zones.iter().copied()).map(instant).collect::<Result<_, ArrowError>>()?;
    let data_type = match T::DATA_TYPE {
        DataType::Timestamp(unit, _) => DataType::Timestamp(unit, Some(zone.into())),
        other => other,
    };
    Ok(Arc::new(instants.with_data_type(data_type)))
}

/// By how much clocks in a zone that show so many seconds are ahead of UTC. Of two instants at which they do, the first
/// counts; a time that no clock shows is taken as of before the change.
fn seconds_ahead(zone: &str, clock: i64) -> Result<i64, ArrowError> {
    if zone == "UTC" {
        return Ok(0);
    }
    if let Some(seconds) = fixed(zone) {
        return Ok(seconds);
    }
    let named: chrono_tz::Tz =
        zone.parse().map_err(|_| ArrowError::ParseError(format!("there is no time zone {zone:?}")))?;
    let ahead_at = |clock: i64| {
        let local = timestamp_s_to_datetime(clock)?.and_local_timezone(named).earliest()?;
        Some(clock - local.timestamp())
    };
    let an_hour_before = || ahead_at(clock - 3_600);
    ahead_at(clock)
        .or_else(an_hour_before)
        .ok_or_else(|| ArrowError::ParseError(format!("there is no such time in {zone}")))
}

/// `-05:30` in seconds.
fn fixed(zone: &str) -> Option<i64> {
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    Some(sign * (hours.parse::<i64>().ok()? * 3_600 + minutes.parse::<i64>().ok()? * 60))
}
