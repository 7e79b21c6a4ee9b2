//! `date_trunc`, `date_add`, `date_diff`, `last_day_of_month`.

use chrono::{Datelike, Days, Duration, Months, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::Result;

use super::civil::{nanos_of_utc, utc_of_nanos};
use super::moment::{MomentKind, Moments, unknown_unit};
use crate::error::out_of_range;
use crate::functions::rows::{FromColumn, IntoColumn, column};
use crate::functions::scalar::{Arguments, Scalar};

pub(super) fn functions() -> Vec<Scalar> {
    vec![
        Scalar::new(
            "date_trunc",
            &["varchar, moment -> same"],
            "Truncates a date or timestamp to the precision of a unit",
            date_trunc,
        )
        .returning(|planned| Ok(Field::new("", planned.data_type(1).clone(), true))),
        Scalar::new(
            "date_add",
            &["varchar, bigint, moment -> same"],
            "Adds so many units to a date or timestamp",
            date_add,
        )
        .returning(|planned| Ok(Field::new("", planned.data_type(2).clone(), true))),
        Scalar::new(
            "date_diff",
            &["varchar, moment, moment -> bigint"],
            "The complete units between two dates or timestamps",
            date_diff,
        ),
        Scalar::new("last_day_of_month", &["moment -> date"], "The last day of the month", last_day_of_month),
    ]
}

/// A unit of time, as the functions name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// A fixed number of nanoseconds, shorter than a day.
    Nanos(i64),
    Day,
    Week,
    /// So many months: 1, 3 or 12.
    Months(u32),
}

impl Unit {
    fn parse(text: &str) -> Result<Self> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "millisecond" => Self::Nanos(1_000_000),
            "second" => Self::Nanos(1_000_000_000),
            "minute" => Self::Nanos(60_000_000_000),
            "hour" => Self::Nanos(3_600_000_000_000),
            "day" => Self::Day,
            "week" => Self::Week,
            "month" => Self::Months(1),
            "quarter" => Self::Months(3),
            "year" => Self::Months(12),
            _ => return Err(unknown_unit(text)),
        })
    }
}

/// Units of a column, parsed again only where the text changes.
struct Units<'a> {
    column: &'a <&'a str as FromColumn<'a>>::Column,
    last: Option<(&'a str, Unit)>,
}

impl<'a> Units<'a> {
    fn of(arguments: &'a Arguments) -> Result<Self> {
        Ok(Self { column: <&str>::column(column(arguments, 0)?)?, last: None })
    }

    fn at(&mut self, row: usize) -> Result<Option<Unit>> {
        if self.column.is_null(row) {
            return Ok(None);
        }
        let text = self.column.value(row);
        match self.last {
            Some((last, unit)) if last == text => Ok(Some(unit)),
            _ => {
                let unit = Unit::parse(text)?;
                self.last = Some((text, unit));
                Ok(Some(unit))
            }
        }
    }
}

fn date_trunc(arguments: &Arguments) -> Result<ArrayRef> {
    let mut units = Units::of(arguments)?;
    let moments = Moments::of(column(arguments, 1)?)?;
    let kind = moments.kind;
    moments.map(|row, value| {
        let Some(unit) = units.at(row)? else { return Ok(None) };
        check_unit_of_date(kind, unit)?;
        truncated(kind, unit, value).map(Some)
    })
}

fn truncated(kind: MomentKind, unit: Unit, value: i64) -> Result<i64> {
    let fixed = match unit {
        Unit::Nanos(nanos) => Some(i128::from(nanos)),
        Unit::Day => Some(86_400_000_000_000),
        Unit::Week | Unit::Months(_) => None,
    };
    if let Some(nanos) = fixed
        && kind.zone().is_utc()
    {
        let steps = i64::try_from(nanos / kind.step()).unwrap_or(i64::MAX).max(1);
        return Ok(value.div_euclid(steps).saturating_mul(steps));
    }
    let civil = kind.civil(value)?;
    let cut = match unit {
        Unit::Nanos(nanos) => {
            let of_day = civil.num_seconds_from_midnight();
            let nanos_of_day = i64::from(of_day) * 1_000_000_000 + i64::from(civil.nanosecond());
            if nanos < 3_600_000_000_000 {
                // Below the hour the instant itself is cut, so that an hour that a zone shows twice stays itself.
                let offset = kind.zone().offset_at(kind.utc(value)?);
                let local = i128::from(value) * kind.step() + i128::from(offset) * 1_000_000_000;
                let cut = local.div_euclid(i128::from(nanos)) * i128::from(nanos);
                return kind.value_of_nanos(cut - i128::from(offset) * 1_000_000_000);
            }
            civil - Duration::nanoseconds(nanos_of_day.rem_euclid(nanos))
        }
        Unit::Day => midnight(civil.date()),
        Unit::Week => midnight(civil.date() - Days::new(u64::from(civil.weekday().num_days_from_monday()))),
        Unit::Months(months) => {
            let month0 = civil.month0() - civil.month0() % months;
            midnight(NaiveDate::from_ymd_opt(civil.year(), month0 + 1, 1).ok_or_else(beyond)?)
        }
    };
    kind.value_of_civil(cut)
}

fn date_add(arguments: &Arguments) -> Result<ArrayRef> {
    let mut units = Units::of(arguments)?;
    let counts = i64::column(column(arguments, 1)?)?;
    let moments = Moments::of(column(arguments, 2)?)?;
    let kind = moments.kind;
    moments.map(|row, value| {
        let Some(unit) = units.at(row)? else { return Ok(None) };
        if counts.is_null(row) {
            return Ok(None);
        }
        check_unit_of_date(kind, unit)?;
        added(kind, unit, counts.value(row), value).map(Some)
    })
}

fn added(kind: MomentKind, unit: Unit, count: i64, value: i64) -> Result<i64> {
    let days = |count: i64| -> Result<i64> {
        let civil = kind.civil(value)?;
        let moved =
            Duration::try_days(count).and_then(|days| civil.checked_add_signed(days)).ok_or_else(beyond)?;
        kind.value_of_civil(moved)
    };
    match unit {
        Unit::Nanos(nanos) => {
            let moved = i128::from(value) * kind.step() + i128::from(nanos) * i128::from(count);
            utc_of_nanos(moved).ok_or_else(beyond)?;
            kind.value_of_nanos(moved)
        }
        Unit::Day => days(count),
        Unit::Week => days(count.checked_mul(7).ok_or_else(beyond)?),
        Unit::Months(months) => {
            let civil = kind.civil(value)?;
            let count = count.checked_mul(i64::from(months)).ok_or_else(beyond)?;
            let by = Months::new(u32::try_from(count.unsigned_abs()).map_err(|_| beyond())?);
            let moved = if count < 0 { civil.checked_sub_months(by) } else { civil.checked_add_months(by) };
            kind.value_of_civil(moved.ok_or_else(beyond)?)
        }
    }
}

fn date_diff(arguments: &Arguments) -> Result<ArrayRef> {
    let mut units = Units::of(arguments)?;
    let from = Moments::of(column(arguments, 1)?)?;
    let to = Moments::of(column(arguments, 2)?)?;
    let zone = from.kind.zone();
    i64::collect(
        arguments.rows,
        (0..arguments.rows).map(|row| {
            let (Some(unit), Some(from), Some(to)) = (units.at(row)?, from.nanos(row), to.nanos(row)) else {
                return Ok(None);
            };
            if let Unit::Nanos(nanos) = unit {
                return i64::try_from((to - from) / i128::from(nanos)).map(Some).map_err(|_| beyond());
            }
            let civil = |nanos| utc_of_nanos(nanos).map(|utc| zone.civil(utc)).ok_or_else(beyond);
            Ok(Some(complete_units(unit, civil(from)?, civil(to)?)))
        }),
    )
}

/// The complete units from one civil time to another, negative backwards.
fn complete_units(unit: Unit, from: NaiveDateTime, to: NaiveDateTime) -> i64 {
    if to < from {
        return -complete_units(unit, to, from);
    }
    match unit {
        Unit::Nanos(nanos) => {
            i64::try_from((nanos_of_utc(to) - nanos_of_utc(from)) / i128::from(nanos)).unwrap_or(i64::MAX)
        }
        Unit::Day => (to - from).num_days(),
        Unit::Week => (to - from).num_days() / 7,
        Unit::Months(months) => complete_months(from, to) / i64::from(months),
    }
}

/// A month is complete on the same day of the month at the same time, or on the month's last day where it has no such day.
fn complete_months(from: NaiveDateTime, to: NaiveDateTime) -> i64 {
    let months = i64::from(to.year() - from.year()) * 12 + i64::from(to.month()) - i64::from(from.month());
    let from_day = if last_day(to.date()) == to.date() { from.day().min(to.day()) } else { from.day() };
    let incomplete = (to.day(), to.time()) < (from_day, from.time());
    months - i64::from(incomplete)
}

fn last_day_of_month(arguments: &Arguments) -> Result<ArrayRef> {
    let moments = Moments::of(column(arguments, 0)?)?;
    let values = (0..arguments.rows).map(|row| {
        let Some(civil) = moments.civil(row)? else { return Ok(None) };
        MomentKind::Date.value_of_civil(midnight(last_day(civil.date()))).map(Some)
    });
    MomentKind::collect(&DataType::Date32, values)
}

fn last_day(date: NaiveDate) -> NaiveDate {
    let day = u32::from(date.num_days_in_month());
    date.with_day(day).unwrap_or(date)
}

fn midnight(date: NaiveDate) -> NaiveDateTime {
    date.and_time(NaiveTime::MIN)
}

fn check_unit_of_date(kind: MomentKind, unit: Unit) -> Result<()> {
    if kind == MomentKind::Date && matches!(unit, Unit::Nanos(_)) {
        return Err(crate::error::invalid_argument("a date has no unit shorter than a day"));
    }
    Ok(())
}

fn beyond() -> datafusion::error::DataFusionError {
    out_of_range("the time is beyond the calendar")
}

#[cfg(test)]
mod tests {
    use chrono::{LocalResult, TimeZone};
    use datafusion::arrow::datatypes::TimeUnit;
    use proptest::prelude::*;

    use super::*;

    const MILLIS: MomentKind = MomentKind::Timestamp(TimeUnit::Millisecond);
    /// From 1900 to 2100.
    const TIMES: std::ops::Range<i64> = -2_208_988_800_000..4_102_444_800_000;

    fn text(value: i64) -> String {
        MILLIS.civil(value).unwrap().format("%Y-%m-%d %H:%M:%S%.3f").to_string()
    }

    proptest! {
        /// The twin cuts the written time and puts the least digits behind it.
        #[test]
        fn a_cut_time_is_the_text_cut(value in TIMES) {
            let written = text(value);
            for (unit, kept, rest) in [
                ("second", 19, ".000"),
                ("minute", 16, ":00.000"),
                ("hour", 13, ":00:00.000"),
                ("day", 10, " 00:00:00.000"),
                ("month", 7, "-01 00:00:00.000"),
                ("year", 4, "-01-01 00:00:00.000"),
            ] {
                let cut = truncated(MILLIS, Unit::parse(unit).unwrap(), value).unwrap();
                prop_assert_eq!(text(cut), format!("{}{rest}", &written[..kept]));
            }
        }

        /// The twin goes back day by day to a Monday, and to the first day of a month that begins a quarter.
        #[test]
        fn weeks_begin_on_mondays_and_quarters_in_their_months(value in TIMES) {
            let mut day = MILLIS.civil(value).unwrap().date();
            let quarter = truncated(MILLIS, Unit::Months(3), value).unwrap();
            let week = truncated(MILLIS, Unit::Week, value).unwrap();
            while day.weekday() != chrono::Weekday::Mon {
                day = day.pred_opt().unwrap();
            }
            prop_assert_eq!(MILLIS.civil(week).unwrap(), midnight(day));
            let mut day = MILLIS.civil(value).unwrap().date();
            while day.day() != 1 || ![1, 4, 7, 10].contains(&day.month()) {
                day = day.pred_opt().unwrap();
            }
            prop_assert_eq!(MILLIS.civil(quarter).unwrap(), midnight(day));
        }

        /// The twin adds months until it is too late.
        #[test]
        fn complete_months_are_those_that_can_be_added(from in TIMES, length in 0_i64..200_000_000_000) {
            let to = from + length;
            let mut count = 0;
            while added(MILLIS, Unit::Months(1), count + 1, from).unwrap() <= to {
                count += 1;
            }
            let civil = |value| MILLIS.civil(value).unwrap();
            prop_assert_eq!(complete_units(Unit::Months(1), civil(from), civil(to)), count);
            prop_assert_eq!(complete_units(Unit::Months(1), civil(to), civil(from)), -count);
        }

        /// In a zone, a day more is the same clock time a day later, wherever that exists.
        #[test]
        fn days_keep_the_clock(value in TIMES, days in -400_i64..400) {
            let paris = MomentKind::Zoned(TimeUnit::Millisecond, crate::functions::time::Zone::parse("Europe/Paris").unwrap());
            let moved = added(paris, Unit::Day, days, value).unwrap();
            let (before, after) = (paris.civil(value).unwrap(), paris.civil(moved).unwrap());
            let expected = before + Duration::days(days);
            let exists = !matches!(chrono_tz::Europe::Paris.from_local_datetime(&expected), LocalResult::None);
            prop_assert!(after == expected || !exists && (after - expected).num_minutes().abs() <= 60, "{before} {after}");
        }
    }
}
