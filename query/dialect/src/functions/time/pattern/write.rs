//! Times written by a pattern.

use chrono::{Datelike, NaiveDateTime, Timelike};

use super::{MONTHS, Part, Pattern, Piece, WEEKDAYS};
use crate::functions::time::Zone;

impl Pattern {
    /// Writes a civil time; the zone is that of its clocks, `offset` their distance from UTC in seconds.
    pub fn write(&self, civil: NaiveDateTime, zone: Zone, offset: i32) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Part(part, width) => text.push_str(&part.write(*width, civil, zone, offset)),
            }
        }
        text
    }
}

impl Part {
    fn write(self, width: usize, civil: NaiveDateTime, zone: Zone, offset: i32) -> String {
        let number = |value: i64| format!("{value:0width$}");
        let named =
            |names: &[&str], index: u32| names.get(index as usize).copied().unwrap_or_default().to_owned();
        let short = |name: String| name.chars().take(3).collect::<String>();
        let half = civil.hour() % 12;
        match self {
            Self::Era => if civil.year() > 0 { "AD" } else { "BC" }.to_owned(),
            Self::Year => number(civil.year().into()),
            Self::YearOfCentury => format!("{:02}", civil.year().rem_euclid(100)),
            Self::WeekYear => number(civil.iso_week().year().into()),
            Self::Month => number(civil.month().into()),
            Self::MonthShort => short(named(&MONTHS, civil.month0())),
            Self::MonthLong => named(&MONTHS, civil.month0()),
            Self::Week => number(civil.iso_week().week().into()),
            Self::Day => number(civil.day().into()),
            Self::DayOfYear => number(civil.ordinal().into()),
            Self::Weekday => number(civil.weekday().number_from_monday().into()),
            Self::WeekdayShort => short(named(&WEEKDAYS, civil.weekday().num_days_from_monday())),
            Self::WeekdayLong => named(&WEEKDAYS, civil.weekday().num_days_from_monday()),
            Self::HalfDay => if civil.hour() < 12 { "AM" } else { "PM" }.to_owned(),
            Self::Hour => number(civil.hour().into()),
            Self::HourFrom1 => number(if civil.hour() == 0 { 24 } else { civil.hour().into() }),
            Self::HourOfHalf => number(if half == 0 { 12 } else { half.into() }),
            Self::HourOfHalfFrom0 => number(half.into()),
            Self::Minute => number(civil.minute().into()),
            Self::Second => number(civil.second().into()),
            Self::Fraction => {
                let digits = format!("{:09}", civil.nanosecond());
                format!("{:0<width$}", &digits[..width.min(9)])
            }
            Self::Offset if width >= 3 => zone.name(),
            Self::Offset => written_offset(offset, width == 2),
            Self::ZoneName => zone.name(),
        }
    }
}

/// `+0200`, or `+02:00`.
pub(in crate::functions::time) fn written_offset(seconds: i32, colon: bool) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    let between = if colon { ":" } else { "" };
    format!("{sign}{:02}{between}{:02}", minutes / 60, minutes % 60)
}
