//! Patterns of dates and times, in MySQL's codes (`%Y-%m-%d`) and in Joda's letters (`yyyy-MM-dd`).

mod read;
mod write;

use datafusion::common::Result;

pub(super) use write::written_offset;

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
