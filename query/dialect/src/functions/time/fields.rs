//! The parts of a date or timestamp: `year()` … `millisecond()`, days of week and year, the offset of the zone.

use chrono::{Datelike, NaiveDateTime, Timelike};
use datafusion::arrow::array::ArrayRef;
use datafusion::common::Result;

use super::moment::{MomentKind, Moments};
use crate::functions::rows::{IntoColumn, column};
use crate::functions::scalar::{Arguments, Scalar};

const OF_MOMENT: &[&str] = &["moment -> bigint"];

pub(super) fn functions() -> Vec<Scalar> {
    let part = |name, description, evaluate| Scalar::new(name, OF_MOMENT, description, evaluate);
    vec![
        part("year", "The year", |arguments| civil_part(arguments, |civil| civil.year().into())),
        part("quarter", "The quarter of the year, 1 to 4", |arguments| {
            civil_part(arguments, |civil| i64::from(civil.month0() / 3 + 1))
        }),
        part("month", "The month of the year", |arguments| {
            civil_part(arguments, |civil| civil.month().into())
        }),
        part("week", "The ISO week of the year, 1 to 53", |arguments| {
            civil_part(arguments, |civil| civil.iso_week().week().into())
        })
        .alias("week_of_year"),
        part("year_of_week", "The year of the ISO week", |arguments| {
            civil_part(arguments, |civil| civil.iso_week().year().into())
        })
        .alias("yow"),
        part("day", "The day of the month", |arguments| civil_part(arguments, |civil| civil.day().into()))
            .alias("day_of_month"),
        part("day_of_week", "The day of the week, from 1 (Monday) to 7 (Sunday)", |arguments| {
            civil_part(arguments, |civil| civil.weekday().number_from_monday().into())
        })
        .alias("dow"),
        part("day_of_year", "The day of the year", |arguments| {
            civil_part(arguments, |civil| civil.ordinal().into())
        })
        .alias("doy"),
        part("hour", "The hour of the day", |arguments| civil_part(arguments, |civil| civil.hour().into())),
        part("minute", "The minute of the hour", |arguments| {
            civil_part(arguments, |civil| civil.minute().into())
        }),
        part("second", "The second of the minute", |arguments| {
            civil_part(arguments, |civil| civil.second().into())
        }),
        part("millisecond", "The millisecond of the second", |arguments| {
            civil_part(arguments, |civil| i64::from(civil.nanosecond() / 1_000_000))
        }),
        part("timezone_hour", "The hours of the time zone's distance from UTC", |arguments| {
            offset_part(arguments, |seconds| seconds / 3_600)
        }),
        part("timezone_minute", "The minutes of the time zone's distance from UTC", |arguments| {
            offset_part(arguments, |seconds| seconds / 60 % 60)
        }),
    ]
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
