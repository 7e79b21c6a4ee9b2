//! Columns of dates and timestamps, with or without zone, read as civil times and written back in their own type.

use std::sync::Arc;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::Result;

use super::civil::{Zone, nanos_of_utc, utc_of_nanos};
use crate::error::{invalid_argument, invalid_cast, out_of_range, type_mismatch};

/// How a column of moments counts, and in which zone it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MomentKind {
    Date,
    Timestamp(TimeUnit),
    Zoned(TimeUnit, Zone),
}

/// A column of dates or timestamps.
pub(crate) struct Moments {
    pub kind: MomentKind,
    data_type: DataType,
    values: Int64Array,
}

impl MomentKind {
    pub fn of(data_type: &DataType) -> Result<Self> {
        match data_type {
            DataType::Date32 => Ok(Self::Date),
            DataType::Timestamp(unit, None) => Ok(Self::Timestamp(*unit)),
            DataType::Timestamp(unit, Some(zone)) => Ok(Self::Zoned(*unit, Zone::parse(zone)?)),
            other => Err(type_mismatch(format!("a date or timestamp was expected, found {other}"))),
        }
    }

    /// The zone in which clocks are read; UTC's clock for what has no zone.
    pub fn zone(self) -> Zone {
        match self {
            Self::Date | Self::Timestamp(_) => Zone::UTC,
            Self::Zoned(_, zone) => zone,
        }
    }

    /// Nanoseconds of one step of the column's count.
    pub fn step(self) -> i128 {
        match self {
            Self::Date => 86_400_000_000_000,
            Self::Timestamp(unit) | Self::Zoned(unit, _) => nanos_of(unit),
        }
    }

    /// The civil time of UTC at a value.
    pub fn utc(self, value: i64) -> Result<NaiveDateTime> {
        utc_of_nanos(i128::from(value) * self.step()).ok_or_else(too_far)
    }

    /// The civil time that the zone's clocks show at a value.
    pub fn civil(self, value: i64) -> Result<NaiveDateTime> {
        Ok(self.zone().civil(self.utc(value)?))
    }

    /// The value at which the zone's clocks show a civil time.
    pub fn value_of_civil(self, civil: NaiveDateTime) -> Result<i64> {
        self.value_of_nanos(nanos_of_utc(self.zone().instant(civil)))
    }

    /// The value at an instant; what the column cannot count is cut off.
    pub fn value_of_nanos(self, nanos: i128) -> Result<i64> {
        let value = i64::try_from(nanos.div_euclid(self.step())).map_err(|_| too_far())?;
        if self == Self::Date && i32::try_from(value).is_err() {
            return Err(too_far());
        }
        Ok(value)
    }

    /// A column of this kind as an Arrow type.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Date => DataType::Date32,
            Self::Timestamp(unit) => DataType::Timestamp(unit, None),
            Self::Zoned(unit, zone) => DataType::Timestamp(unit, Some(zone.name().into())),
        }
    }

    /// A column of an Arrow type that this kind stands for.
    pub fn collect(
        data_type: &DataType,
        values: impl Iterator<Item = Result<Option<i64>>>,
    ) -> Result<ArrayRef> {
        let values: Int64Array = values.collect::<Result<_>>()?;
        from_integers(values, data_type)
    }
}

impl Moments {
    pub fn of(column: &ArrayRef) -> Result<Self> {
        let kind = MomentKind::of(column.data_type())?;
        let values = match column.data_type() {
            DataType::Date32 => cast(&cast(column, &DataType::Int32)?, &DataType::Int64)?,
            _ => cast(column, &DataType::Int64)?,
        };
        let values = values.as_primitive().clone();
        Ok(Self { kind, data_type: column.data_type().clone(), values })
    }

    pub fn value(&self, row: usize) -> Option<i64> {
        self.values.is_valid(row).then(|| self.values.value(row))
    }

    pub fn civil(&self, row: usize) -> Result<Option<NaiveDateTime>> {
        self.value(row).map(|value| self.kind.civil(value)).transpose()
    }

    pub fn nanos(&self, row: usize) -> Option<i128> {
        self.value(row).map(|value| i128::from(value) * self.kind.step())
    }

    /// A column of the same type, each value computed from one here.
    pub fn map(&self, mut function: impl FnMut(usize, i64) -> Result<Option<i64>>) -> Result<ArrayRef> {
        let values = (0..self.values.len()).map(|row| match self.value(row) {
            Some(value) => function(row, value),
            None => Ok(None),
        });
        MomentKind::collect(&self.data_type, values)
    }
}

fn from_integers(values: Int64Array, data_type: &DataType) -> Result<ArrayRef> {
    let values: ArrayRef = Arc::new(values);
    Ok(match data_type {
        DataType::Date32 => cast(&cast(&values, &DataType::Int32)?, data_type)?,
        DataType::Timestamp(unit, Some(zone)) => {
            let plain = cast(&values, &DataType::Timestamp(*unit, Some("UTC".into())))?;
            cast(&plain, &DataType::Timestamp(*unit, Some(Arc::clone(zone))))?
        }
        _ => cast(&values, data_type)?,
    })
}

pub(crate) fn nanos_of(unit: TimeUnit) -> i128 {
    match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    }
}

fn too_far() -> datafusion::error::DataFusionError {
    out_of_range("the time is beyond the calendar")
}

/// A timestamp's text: `2020-01-31`, `2020-01-31 12:30`, `2020-1-31 1:02:03.456 Europe/Paris`. `T` separates as well.
/// The number is that of digits behind the second.
pub(crate) fn parse_timestamp(text: &str) -> Result<(NaiveDateTime, u8, Option<Zone>)> {
    read_timestamp(text.trim())
        .ok_or_else(|| invalid_cast(format!("Value cannot be cast to timestamp: {text}")))
}

fn read_timestamp(text: &str) -> Option<(NaiveDateTime, u8, Option<Zone>)> {
    let (date, rest) = match text.find([' ', 'T']) {
        Some(end) => (text.get(..end)?, text.get(end + 1..)?.trim_start()),
        None => (text, ""),
    };
    let date = read_date(date)?;
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.')).unwrap_or(rest.len());
    let (time, zone) = rest.split_at_checked(end)?;
    let (time, digits) = if time.is_empty() { (NaiveTime::MIN, 0) } else { read_time(time)? };
    let zone = match zone.trim() {
        "" => None,
        zone => Some(Zone::parse(zone).ok()?),
    };
    Some((date.and_time(time), digits, zone))
}

/// Reads a date such as `2020-1-31`.
pub(crate) fn read_date(text: &str) -> Option<NaiveDate> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut parts = digits.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.is_empty() || month.len() > 2 || day.len() > 2 {
        return None;
    }
    let all_digits = [year, month, day].iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    if !all_digits {
        return None;
    }
    NaiveDate::from_ymd_opt(sign * year.parse::<i32>().ok()?, month.parse().ok()?, day.parse().ok()?)
}

/// Reads `12:30`, `1:02:03` or `12:30:00.123456789`, and how many digits stand behind the second.
pub(crate) fn read_time(text: &str) -> Option<(NaiveTime, u8)> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = clock.split(':');
    let hour = read_number(parts.next()?)?;
    let minute = read_number(parts.next()?)?;
    let second = parts.next().map_or(Some(0), read_number)?;
    if parts.next().is_some() || fraction.len() > 12 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let padded = format!("{fraction:0<10}");
    let nanos: u32 = padded.get(..9)?.parse().ok()?;
    // What is finer than a nanosecond is rounded; the last one of a second is not, for it would be another day's.
    let rounded = nanos + u32::from(padded.get(9..10)? >= "5" && nanos < 999_999_999);
    Some((NaiveTime::from_hms_nano_opt(hour, minute, second, rounded)?, u8::try_from(fraction.len()).ok()?))
}

fn read_number(text: &str) -> Option<u32> {
    let plausible = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plausible.then(|| text.parse().ok()).flatten()
}

/// The error of a unit that no function of dates knows.
pub(super) fn unknown_unit(unit: &str) -> datafusion::error::DataFusionError {
    invalid_argument(format!("'{unit}' is not a valid TIMESTAMP field"))
}
