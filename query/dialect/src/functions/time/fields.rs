//! The parts of a date or timestamp: `year()` … `millisecond()`, days of week and year, the offset of the zone.

use chrono::{DateTime, Datelike, NaiveDateTime, Timelike};
use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;

use super::moment::{MomentKind, Moments};
use crate::functions::interval::{Part, part_of};
use crate::functions::rows::{FromColumn, IntoColumn, column};
use crate::functions::scalar::{Arguments, Scalar};

const OF_MOMENT: &[&str] = &["moment -> bigint"];
const OF_MOMENT_OR_MONTHS: &[&str] = &["moment -> bigint", "interval year to month -> bigint"];
const OF_MOMENT_OR_LENGTH: &[&str] = &["moment -> bigint", "interval day to second -> bigint"];
const OF_CLOCK: &[&str] = &["moment -> bigint", "time(9) -> bigint", "interval day to second -> bigint"];

pub(super) fn functions() -> Vec<Scalar> {
    let part = |name, description, evaluate| Scalar::new(name, OF_MOMENT, description, evaluate);
    vec![
        Scalar::new("year", OF_MOMENT_OR_MONTHS, "The year", |arguments| {
            part_of_any(arguments, Part::Year, |civil| civil.year().into())
        }),
        part("quarter", "The quarter of the year, 1 to 4", |arguments| {
            civil_part(arguments, |civil| i64::from(civil.month0() / 3 + 1))
        }),
        Scalar::new("month", OF_MOMENT_OR_MONTHS, "The month of the year", |arguments| {
            part_of_any(arguments, Part::Month, |civil| civil.month().into())
        }),
        part("week", "The ISO week of the year, 1 to 53", |arguments| {
            civil_part(arguments, |civil| civil.iso_week().week().into())
        })
        .alias("week_of_year"),
        part("year_of_week", "The year of the ISO week", |arguments| {
            civil_part(arguments, |civil| civil.iso_week().year().into())
        })
        .alias("yow"),
        Scalar::new("day", OF_MOMENT_OR_LENGTH, "The day of the month", |arguments| {
            part_of_any(arguments, Part::Day, |civil| civil.day().into())
        })
        .alias("day_of_month"),
        part("day_of_week", "The day of the week, from 1 (Monday) to 7 (Sunday)", |arguments| {
            civil_part(arguments, |civil| civil.weekday().number_from_monday().into())
        })
        .alias("dow"),
        part("day_of_year", "The day of the year", |arguments| {
            civil_part(arguments, |civil| civil.ordinal().into())
        })
        .alias("doy"),
        Scalar::new("hour", OF_CLOCK, "The hour of the day", |arguments| {
            part_of_any(arguments, Part::Hour, |civil| civil.hour().into())
        }),
        Scalar::new("minute", OF_CLOCK, "The minute of the hour", |arguments| {
            part_of_any(arguments, Part::Minute, |civil| civil.minute().into())
        }),
        Scalar::new("second", OF_CLOCK, "The second of the minute", |arguments| {
            part_of_any(arguments, Part::Second, |civil| civil.second().into())
        }),
        Scalar::new("millisecond", OF_CLOCK, "The millisecond of the second", |arguments| {
            part_of_any(arguments, Part::Millisecond, |civil| i64::from(civil.nanosecond() / 1_000_000))
        }),
        part("timezone_hour", "The hours of the time zone's distance from UTC", |arguments| {
            offset_part(arguments, |seconds| seconds / 3_600)
        }),
        part("timezone_minute", "The minutes of the time zone's distance from UTC", |arguments| {
            offset_part(arguments, |seconds| seconds / 60 % 60)
        }),
    ]
}

/// The part of a moment, a time of day or an interval.
fn part_of_any(arguments: &Arguments, part: Part, of_civil: fn(NaiveDateTime) -> i64) -> Result<ArrayRef> {
    match column(arguments, 0)?.data_type() {
        DataType::Interval(_) => part_of(arguments, part),
        DataType::Time64(_) => {
            let times = cast(column(arguments, 0)?, &DataType::Int64)?;
            let nanos = i64::column(&times)?;
            let civil = |nanos: i64| DateTime::from_timestamp_nanos(nanos).naive_utc();
            let values = (0..arguments.rows)
                .map(|row| Ok(nanos.is_valid(row).then(|| of_civil(civil(nanos.value(row))))));
            i64::collect(arguments.rows, values)
        }
        _ => civil_part(arguments, of_civil),
    }
}

fn civil_part(arguments: &Arguments, part: fn(NaiveDateTime) -> i64) -> Result<ArrayRef> {
    let moments = Moments::of(column(arguments, 0)?)?;
    let values = (0..arguments.rows).map(|row| Ok(moments.civil(row)?.map(part)));
    i64::collect(arguments.rows, values)
}

fn offset_part(arguments: &Arguments, part: fn(i64) -> i64) -> Result<ArrayRef> {
    let moments = Moments::of(column(arguments, 0)?)?;
    let kind: MomentKind = moments.kind;
    let values = (0..arguments.rows).map(|row| {
        let Some(value) = moments.value(row) else { return Ok(None) };
        Ok(Some(part(kind.zone().offset_at(kind.utc(value)?).into())))
    });
    i64::collect(arguments.rows, values)
}
