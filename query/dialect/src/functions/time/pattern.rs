//! Patterns of dates and times, in MySQL's codes (`%Y-%m-%d`) and in Joda's letters (`yyyy-MM-dd`), written and read.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use datafusion::common::Result;

use super::civil::Zone;
use crate::error::invalid_argument;

/// A pattern, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    /// A part of the time, in at least so many digits.
    Part(Part, usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Era,
    Year,
    YearOfCentury,
    WeekYear,
    Month,
    MonthShort,
    MonthLong,
    Week,
    Day,
    DayOfYear,
    Weekday,
    WeekdayShort,
    WeekdayLong,
    HalfDay,
    /// 0 to 23.
    Hour,
    /// 1 to 24.
    HourFrom1,
    /// 1 to 12.
    HourOfHalf,
    /// 0 to 11.
    HourOfHalfFrom0,
    Minute,
    Second,
    Fraction,
    /// `+0200`, with two letters `+02:00`, with three the zone's name.
    Offset,
    ZoneName,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

impl Pattern {
    /// Reads a pattern of MySQL's codes.
    pub fn mysql(text: &str) -> Result<Self> {
        let mut pieces = Pieces::default();
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            if letter != '%' {
                pieces.literal(letter);
                continue;
            }
            let code = letters.next().ok_or_else(|| invalid_argument("Invalid date format string"))?;
            match code {
                'a' => pieces.part(Part::WeekdayShort, 0),
                'b' => pieces.part(Part::MonthShort, 0),
                'c' => pieces.part(Part::Month, 1),
                'd' => pieces.part(Part::Day, 2),
                'e' => pieces.part(Part::Day, 1),
                'f' => pieces.part(Part::Fraction, 6),
                'H' => pieces.part(Part::Hour, 2),
                'h' | 'I' => pieces.part(Part::HourOfHalf, 2),
                'i' => pieces.part(Part::Minute, 2),
                'j' => pieces.part(Part::DayOfYear, 3),
                'k' => pieces.part(Part::Hour, 1),
                'l' => pieces.part(Part::HourOfHalf, 1),
                'M' => pieces.part(Part::MonthLong, 0),
                'm' => pieces.part(Part::Month, 2),
                'p' => pieces.part(Part::HalfDay, 0),
                'r' => {
                    pieces.clock(Part::HourOfHalf);
                    pieces.literal(' ');
                    pieces.part(Part::HalfDay, 0);
                }
                'S' | 's' => pieces.part(Part::Second, 2),
                'T' => pieces.clock(Part::Hour),
                'v' => pieces.part(Part::Week, 2),
                'W' => pieces.part(Part::WeekdayLong, 0),
                'x' => pieces.part(Part::WeekYear, 4),
                'Y' => pieces.part(Part::Year, 4),
                'y' => pieces.part(Part::YearOfCentury, 2),
                'D' | 'U' | 'u' | 'V' | 'w' | 'X' => {
                    return Err(invalid_argument(format!("%{code} not supported in date format string")));
                }
                other => pieces.literal(other),
            }
        }
        Ok(Self(pieces.0))
    }

    /// Reads a pattern of Joda's letters.
    pub fn joda(text: &str) -> Result<Self> {
        let mut pieces = Pieces::default();
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            if letter == '\'' {
                rest = pieces.quoted(&rest[1..])?;
                continue;
            }
            let count = rest.chars().take_while(|&other| other == letter).count();
            rest = &rest[count * letter.len_utf8()..];
            if !letter.is_ascii_alphabetic() {
                (0..count).for_each(|_| pieces.literal(letter));
                continue;
            }
            let part = match letter {
                'G' => Part::Era,
                'C' => return Err(invalid_argument("the century is not supported in a pattern")),
                'Y' | 'y' if count == 2 => Part::YearOfCentury,
                'Y' | 'y' => Part::Year,
                'x' => Part::WeekYear,
                'w' => Part::Week,
                'e' => Part::Weekday,
                'E' if count >= 4 => Part::WeekdayLong,
                'E' => Part::WeekdayShort,
                'D' => Part::DayOfYear,
                'M' if count >= 4 => Part::MonthLong,
                'M' if count == 3 => Part::MonthShort,
                'M' => Part::Month,
                'd' => Part::Day,
                'a' => Part::HalfDay,
                'K' => Part::HourOfHalfFrom0,
                'h' => Part::HourOfHalf,
                'H' => Part::Hour,
                'k' => Part::HourFrom1,
                'm' => Part::Minute,
                's' => Part::Second,
                'S' => Part::Fraction,
                'z' => Part::ZoneName,
                'Z' => Part::Offset,
                other => return Err(invalid_argument(format!("Illegal pattern component: {other}"))),
            };
            pieces.part(part, count);
        }
        Ok(Self(pieces.0))
    }

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

#[derive(Default)]
struct Pieces(Vec<Piece>);

impl Pieces {
    fn literal(&mut self, letter: char) {
        match self.0.last_mut() {
            Some(Piece::Literal(text)) => text.push(letter),
            _ => self.0.push(Piece::Literal(letter.to_string())),
        }
    }

    fn part(&mut self, part: Part, width: usize) {
        self.0.push(Piece::Part(part, width));
    }

    fn clock(&mut self, hour: Part) {
        self.part(hour, 2);
        self.literal(':');
        self.part(Part::Minute, 2);
        self.literal(':');
        self.part(Part::Second, 2);
    }

    /// Takes a quoted literal behind its first quote; two quotes stand for one. Gives what follows.
    fn quoted<'a>(&mut self, text: &'a str) -> Result<&'a str> {
        if let Some(rest) = text.strip_prefix('\'') {
            self.literal('\'');
            return Ok(rest);
        }
        let mut rest = text;
        loop {
            let end =
                rest.find('\'').ok_or_else(|| invalid_argument("a quote in a pattern is not closed"))?;
            rest[..end].chars().for_each(|letter| self.literal(letter));
            rest = &rest[end + 1..];
            match rest.strip_prefix('\'') {
                Some(behind) => {
                    self.literal('\'');
                    rest = behind;
                }
                None => return Ok(rest),
            }
        }
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
pub(super) fn written_offset(seconds: i32, colon: bool) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    let between = if colon { ":" } else { "" };
    format!("{sign}{:02}{between}{:02}", minutes / 60, minutes % 60)
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
