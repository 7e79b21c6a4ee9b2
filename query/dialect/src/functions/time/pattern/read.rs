//! Times read by a pattern.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use datafusion::common::Result;

use super::{MONTHS, Part, Pattern, Piece, WEEKDAYS};
use crate::error::invalid_argument;
use crate::functions::time::Zone;

impl Pattern {
    /// Reads a time written so, and its zone where the pattern has one.
    pub fn read(&self, text: &str) -> Result<(NaiveDateTime, Option<Zone>)> {
        let invalid = || invalid_argument(format!("Invalid format: \"{text}\""));
        let mut read = Reading::default();
        let mut rest = text;
        for (index, piece) in self.0.iter().enumerate() {
            rest = match piece {
                Piece::Literal(literal) => rest.strip_prefix(literal.as_str()).ok_or_else(invalid)?,
                Piece::Part(part, width) => {
                    let followed_by_digits =
                        matches!(self.0.get(index + 1), Some(Piece::Part(next, _)) if next.is_number());
                    let most = if followed_by_digits { *width } else { part.most_digits(*width) };
                    read.part(*part, *width, most, rest).ok_or_else(invalid)?
                }
            };
        }
        if !rest.is_empty() {
            return Err(invalid_argument(format!("Invalid format: \"{text}\" is malformed at \"{rest}\"")));
        }
        let civil = read.civil().ok_or_else(invalid)?;
        Ok((civil, read.zone))
    }
}

impl Part {
    fn is_number(self) -> bool {
        !matches!(
            self,
            Self::Era
                | Self::MonthShort
                | Self::MonthLong
                | Self::WeekdayShort
                | Self::WeekdayLong
                | Self::HalfDay
                | Self::Offset
                | Self::ZoneName
        )
    }

    /// How many digits are read where no digits follow.
    fn most_digits(self, width: usize) -> usize {
        match self {
            Self::Year | Self::WeekYear | Self::Fraction => width.max(9),
            Self::DayOfYear => width.max(3),
            _ => width.max(2),
        }
    }
}

/// What was read so far; what was not is that of 1970-01-01 00:00.
#[derive(Default)]
struct Reading {
    year: Option<i32>,
    week_year: Option<i32>,
    month: Option<u32>,
    week: Option<u32>,
    day: Option<u32>,
    day_of_year: Option<u32>,
    weekday: Option<u32>,
    hour: Option<u32>,
    hour_of_half: Option<u32>,
    afternoon: bool,
    minute: u32,
    second: u32,
    nanos: u32,
    zone: Option<Zone>,
}

impl Reading {
    /// Reads one part at the begin of a text and gives what follows.
    fn part<'a>(&mut self, part: Part, width: usize, most: usize, text: &'a str) -> Option<&'a str> {
        match part {
            Part::Era => return text.strip_prefix("AD"),
            Part::MonthShort | Part::MonthLong => {
                let (index, rest) = name(&MONTHS, text)?;
                self.month = Some(index + 1);
                return Some(rest);
            }
            Part::WeekdayShort | Part::WeekdayLong => return name(&WEEKDAYS, text).map(|(_, rest)| rest),
            Part::HalfDay => {
                let (half, rest) = text.split_at_checked(2)?;
                self.afternoon = half.eq_ignore_ascii_case("pm");
                return (self.afternoon || half.eq_ignore_ascii_case("am")).then_some(rest);
            }
            Part::Offset | Part::ZoneName => {
                let end = text
                    .find(|c: char| !(c.is_ascii_alphanumeric() || "+-:/_".contains(c)))
                    .unwrap_or(text.len());
                let (zone, rest) = text.split_at_checked(end)?;
                self.zone = Some(Zone::parse(zone).ok()?);
                return Some(rest);
            }
            _ => {}
        }
        let end = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
        let (digits, rest) = text.split_at_checked(end)?;
        let number: u32 = digits.parse().ok()?;
        match part {
            Part::Year => self.year = i32::try_from(number).ok(),
            Part::YearOfCentury => {
                self.year = i32::try_from(if number < 70 { 2000 + number } else { 1900 + number }).ok()
            }
            Part::WeekYear => self.week_year = i32::try_from(number).ok(),
            Part::Month => self.month = Some(number),
            Part::Week => self.week = Some(number),
            Part::Day => self.day = Some(number),
            Part::DayOfYear => self.day_of_year = Some(number),
            Part::Weekday => self.weekday = Some(number),
            Part::Hour if number < 24 => self.hour = Some(number),
            Part::HourFrom1 if (1..=24).contains(&number) => self.hour = Some(number % 24),
            Part::HourOfHalf if (1..=12).contains(&number) => self.hour_of_half = Some(number % 12),
            Part::HourOfHalfFrom0 if number < 12 => self.hour_of_half = Some(number),
            Part::Minute => self.minute = number,
            Part::Second => self.second = number,
            Part::Fraction => self.nanos = format!("{digits:0<9}").get(..9)?.parse().ok()?,
            _ => return None,
        }
        (end >= width.min(1)).then_some(rest)
    }

    fn civil(&self) -> Option<NaiveDateTime> {
        let year = self.year.unwrap_or(1970);
        let date = match (self.week, self.day_of_year) {
            (Some(week), _) if self.day.is_none() => {
                let weekday =
                    chrono::Weekday::try_from(u8::try_from(self.weekday.unwrap_or(1).checked_sub(1)?).ok()?)
                        .ok()?;
                NaiveDate::from_isoywd_opt(self.week_year.unwrap_or(year), week, weekday)?
            }
            (_, Some(day_of_year)) => NaiveDate::from_yo_opt(year, day_of_year)?,
            _ => NaiveDate::from_ymd_opt(
                self.year.or(self.week_year).unwrap_or(1970),
                self.month.unwrap_or(1),
                self.day.unwrap_or(1),
            )?,
        };
        let hour = match (self.hour, self.hour_of_half) {
            (Some(hour), _) => hour,
            (None, Some(hour)) => hour + if self.afternoon { 12 } else { 0 },
            (None, None) => 0,
        };
        Some(date.and_time(NaiveTime::from_hms_nano_opt(hour, self.minute, self.second, self.nanos)?))
    }
}

/// The name, long or of three letters, at the begin of a text: its index, and what follows.
fn name<'a>(names: &[&str], text: &'a str) -> Option<(u32, &'a str)> {
    let starts = |name: &str| {
        let (start, rest) = text.split_at_checked(name.len())?;
        start.eq_ignore_ascii_case(name).then_some(rest)
    };
    (0..)
        .zip(names)
        .find_map(|(index, name)| starts(name).or_else(|| starts(name.get(..3)?)).map(|rest| (index, rest)))
}
