//! Moments as text and back: `date_format`, `format_datetime`, `from_iso8601_timestamp` and their like.

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::common::Result;

use super::civil::{Zone, nanos_of_utc};
use super::moment::{MomentKind, Moments, parse_timestamp, read_date};
use super::pattern::{Pattern, written_offset};
use crate::error::invalid_argument;
use crate::functions::rows::{Days, FromColumn, IntoColumn, column, rows1};
use crate::functions::scalar::{Arguments, Planned, Scalar};

pub(super) fn functions() -> Vec<Scalar> {
    vec![
        Scalar::new(
            "date_format",
            &["moment, varchar -> varchar"],
            "Formats by MySQL's codes",
            |arguments| formatted(arguments, Pattern::mysql),
        ),
        Scalar::new(
            "format_datetime",
            &["moment, varchar -> varchar"],
            "Formats by Joda's pattern",
            |arguments| formatted(arguments, Pattern::joda),
        ),
        Scalar::new(
            "date_parse",
            &["varchar, varchar -> timestamp(3)"],
            "Reads a timestamp by MySQL's codes",
            |arguments| parsed(arguments, Pattern::mysql),
        ),
        Scalar::new(
            "parse_datetime",
            &["varchar, varchar -> timestamp(3) with time zone"],
            "Reads a timestamp by Joda's pattern",
            |arguments| parsed(arguments, Pattern::joda),
        ),
        Scalar::new(
            "from_iso8601_timestamp",
            &["varchar -> timestamp(3) with time zone"],
            "Reads a timestamp of ISO 8601",
            from_iso8601_timestamp,
        )
        .returning(|planned| iso_field(planned, TimeUnit::Millisecond)),
        Scalar::new(
            "from_iso8601_timestamp_nanos",
            &["varchar -> timestamp(9) with time zone"],
            "Reads a timestamp of ISO 8601 to the nanosecond",
            from_iso8601_timestamp,
        )
        .returning(|planned| iso_field(planned, TimeUnit::Nanosecond)),
        Scalar::new("from_iso8601_date", &["varchar -> date"], "Reads a date of ISO 8601", |arguments| {
            rows1(arguments, |text: &str| {
                let date = read_date(text)
                    .or_else(|| read_week_date(text))
                    .ok_or_else(|| invalid_argument(format!("Invalid format: \"{text}\"")))?;
                let days = date.signed_duration_since(chrono::NaiveDate::default()).num_days();
                Ok(i32::try_from(days).ok().map(Days))
            })
        }),
        Scalar::new(
            "to_iso8601",
            &["moment -> varchar"],
            "Writes a date or timestamp as ISO 8601",
            to_iso8601,
        ),
    ]
}

/// Patterns of a column, read again only where the text changes.
struct Patterns<'a> {
    column: &'a <&'a str as FromColumn<'a>>::Column,
    read: fn(&str) -> Result<Pattern>,
    last: Option<(&'a str, Pattern)>,
}

impl<'a> Patterns<'a> {
    fn of(arguments: &'a Arguments, read: fn(&str) -> Result<Pattern>) -> Result<Self> {
        Ok(Self { column: <&str>::column(column(arguments, 1)?)?, read, last: None })
    }

    fn at(&mut self, row: usize) -> Result<Option<&Pattern>> {
        if self.column.is_null(row) {
            return Ok(None);
        }
        let text = self.column.value(row);
        if self.last.as_ref().is_none_or(|(last, _)| *last != text) {
            self.last = Some((text, (self.read)(text)?));
        }
        Ok(self.last.as_ref().map(|(_, pattern)| pattern))
    }
}

fn formatted(arguments: &Arguments, read: fn(&str) -> Result<Pattern>) -> Result<ArrayRef> {
    let moments = Moments::of(column(arguments, 0)?)?;
    let mut patterns = Patterns::of(arguments, read)?;
    let zone = moments.kind.zone();
    let values = (0..arguments.rows).map(|row| {
        let (Some(value), Some(pattern)) = (moments.value(row), patterns.at(row)?) else { return Ok(None) };
        let offset = zone.offset_at(moments.kind.utc(value)?);
        Ok(Some(pattern.write(moments.kind.civil(value)?, zone, offset)))
    });
    String::collect(arguments.rows, values)
}

fn parsed(arguments: &Arguments, read: fn(&str) -> Result<Pattern>) -> Result<ArrayRef> {
    let texts = <&str>::column(column(arguments, 0)?)?;
    let mut patterns = Patterns::of(arguments, read)?;
    let kind = MomentKind::of(arguments.result.data_type())?;
    let session = session_zone(arguments)?;
    let values = (0..arguments.rows).map(|row| {
        let Some(pattern) = patterns.at(row)? else { return Ok(None) };
        if texts.is_null(row) {
            return Ok(None);
        }
        let (civil, zone) = pattern.read(texts.value(row))?;
        let instant = match kind {
            MomentKind::Zoned(..) => zone.unwrap_or(session).instant(civil),
            MomentKind::Date | MomentKind::Timestamp(_) => civil,
        };
        kind.value_of_nanos(nanos_of_utc(instant)).map(Some)
    });
    MomentKind::collect(arguments.result.data_type(), values)
}

/// The time zone of the session.
pub(super) fn session_zone(arguments: &Arguments) -> Result<Zone> {
    arguments.zone.as_deref().map_or(Ok(Zone::UTC), Zone::parse)
}

/// A constant text's own zone is kept; a column is shown in UTC.
#[expect(clippy::unnecessary_wraps, reason = "the signature of Scalar::returning")]
fn iso_field(planned: &Planned, unit: TimeUnit) -> Result<Field> {
    let told =
        planned.constant_text(0).and_then(|text| parse_timestamp(text).ok()).and_then(|(_, _, zone)| zone);
    let zone = told.unwrap_or(Zone::UTC).name();
    Ok(Field::new("", DataType::Timestamp(unit, Some(zone.into())), true))
}

fn from_iso8601_timestamp(arguments: &Arguments) -> Result<ArrayRef> {
    let texts = <&str>::column(column(arguments, 0)?)?;
    let session = session_zone(arguments)?;
    let kind = MomentKind::of(arguments.result.data_type())?;
    let values = (0..arguments.rows).map(|row| {
        if texts.is_null(row) {
            return Ok(None);
        }
        let text = texts.value(row);
        let invalid = |_| invalid_argument(format!("Invalid format: \"{text}\""));
        let (civil, _, zone) = parse_timestamp(text).map_err(invalid)?;
        kind.value_of_nanos(nanos_of_utc(zone.unwrap_or(session).instant(civil))).map(Some)
    });
    MomentKind::collect(arguments.result.data_type(), values)
}

/// Reads `2020-W03-4` or `2020-W03`.
fn read_week_date(text: &str) -> Option<chrono::NaiveDate> {
    let (year, rest) = text.split_once("-W")?;
    let (week, day) = rest.split_once('-').unwrap_or((rest, "1"));
    let weekday = chrono::Weekday::try_from(day.parse::<u8>().ok()?.checked_sub(1)?).ok()?;
    chrono::NaiveDate::from_isoywd_opt(year.parse().ok()?, week.parse().ok()?, weekday)
}

fn to_iso8601(arguments: &Arguments) -> Result<ArrayRef> {
    let moments = Moments::of(column(arguments, 0)?)?;
    let kind = moments.kind;
    let values = (0..arguments.rows).map(|row| {
        let Some(value) = moments.value(row) else { return Ok(None) };
        let civil = kind.civil(value)?;
        Ok(Some(match kind {
            MomentKind::Date => civil.format("%Y-%m-%d").to_string(),
            MomentKind::Timestamp(unit) => written(civil, unit),
            MomentKind::Zoned(unit, zone) => {
                let offset = match zone.offset_at(kind.utc(value)?) {
                    0 => "Z".to_owned(),
                    seconds => written_offset(seconds, true),
                };
                format!("{}{offset}", written(civil, unit))
            }
        }))
    });
    String::collect(arguments.rows, values)
}

fn written(civil: chrono::NaiveDateTime, unit: TimeUnit) -> String {
    let format = match unit {
        TimeUnit::Second => "%Y-%m-%dT%H:%M:%S",
        TimeUnit::Millisecond => "%Y-%m-%dT%H:%M:%S%.3f",
        TimeUnit::Microsecond => "%Y-%m-%dT%H:%M:%S%.6f",
        TimeUnit::Nanosecond => "%Y-%m-%dT%H:%M:%S%.9f",
    };
    civil.format(format).to_string()
}
