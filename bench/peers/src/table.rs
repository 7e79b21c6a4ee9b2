//! A table of one comparison, in Markdown.

use std::fmt;
use std::iter::Sum;
use std::time::Duration;

use crate::contest::{Times, compete};
use crate::roster::{self, Entry, Semantics};
use crate::track::Match;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Books,
    Decoders,
    Paths,
}

/// What was played.
#[derive(Debug, Clone, Copy, Default)]
pub struct Amount {
    pub events: u64,
    pub levels: u64,
    pub bytes: u64,
}

/// One comparison: a row a contestant, the first of which is depthlake; a column a match.
pub struct Table {
    pub comparison: Comparison,
    pub columns: Vec<(String, Amount)>,
    rows: Vec<Row>,
}

struct Row {
    name: String,
    semantics: Semantics,
    /// By match.
    times: Vec<Times>,
    /// How often what it showed was what depthlake showed, and how often that was compared.
    agreed: usize,
    compared: usize,
}

impl Comparison {
    fn entries(self, played: &Match) -> Vec<Entry<'_>> {
        match self {
            Self::Books => roster::books(played),
            Self::Decoders => roster::decoders(played),
            Self::Paths => roster::frames(played),
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Books => "Book alone: apply an event, read the best five of both sides",
            Self::Decoders => "Decoder alone: the text of an event to exact numbers",
            Self::Paths => {
                "Frame to board: depthlake from its ring to the published board, the others up to the book"
            }
        }
    }

    const fn legend(self) -> &'static str {
        match self {
            Self::Books => "Nanoseconds a level",
            Self::Decoders => "Nanoseconds a frame, gigabytes a second",
            Self::Paths => "Nanoseconds a frame, millions of levels a second",
        }
    }

    /// The figures that a time stands for.
    fn figures(self, time: Duration, amount: Amount) -> String {
        match self {
            Self::Books => format!("{:.1}", nanoseconds_each(time, amount.levels)),
            Self::Decoders => {
                let rate = amount.gigabytes_per_second(time);
                format!("{:.0}, {rate:.2} GB/s", nanoseconds_each(time, amount.events))
            }
            Self::Paths => {
                let rate = amount.million_levels_per_second(time);
                format!("{:.0}, {rate:.1} M/s", nanoseconds_each(time, amount.events))
            }
        }
    }
}

impl Amount {
    #[must_use]
    pub fn of(played: &Match) -> Self {
        Self { events: played.events(), levels: played.levels(), bytes: played.bytes() }
    }

    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a figure to print")]
    pub fn million_levels_per_second(self, time: Duration) -> f64 {
        self.levels as f64 / time.as_secs_f64() / 1e6
    }

    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a figure to print")]
    pub fn gigabytes_per_second(self, time: Duration) -> f64 {
        self.bytes as f64 / time.as_secs_f64() / 1e9
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), |sum, amount| Self {
            events: sum.events + amount.events,
            levels: sum.levels + amount.levels,
            bytes: sum.bytes + amount.bytes,
        })
    }
}

impl Table {
    /// Has everyone play every match.
    #[must_use]
    pub fn of(comparison: Comparison, matches: &[Match], rounds: usize) -> Self {
        let columns = matches.iter().map(|played| (played.name.clone(), Amount::of(played))).collect();
        let mut table = Self { comparison, columns, rows: Vec::new() };
        for played in matches {
            table.add(comparison.entries(played), rounds);
        }
        table
    }

    fn add(&mut self, entries: Vec<Entry<'_>>, rounds: usize) {
        if self.rows.is_empty() {
            self.rows = entries.iter().map(Row::of).collect();
        }
        let contestants: Vec<_> = entries.into_iter().map(|entry| entry.contestant).collect();
        let shown: Vec<_> = contestants.iter().map(|contestant| contestant.shown()).collect();
        let times = compete(&contestants, rounds);
        for ((row, times), theirs) in self.rows.iter_mut().zip(times).zip(&shown) {
            row.times.push(times);
            row.agreed += theirs.iter().zip(&shown[0]).filter(|(theirs, ours)| theirs == ours).count();
            row.compared += shown[0].len();
        }
    }

    /// Whether everyone who must showed what depthlake showed.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.rows.iter().all(|row| row.agreed == row.compared || row.semantics == Semantics::Forgets)
    }

    /// The times of depthlake, by match.
    #[must_use]
    pub fn ours(&self) -> &[Times] {
        self.rows.first().map_or(&[], |row| &row.times)
    }

    /// The times of everyone else, by match.
    pub fn theirs(&self) -> impl Iterator<Item = (&str, &[Times])> {
        self.rows.iter().skip(1).map(|row| (row.name.as_str(), row.times.as_slice()))
    }
}

impl Row {
    fn of(entry: &Entry<'_>) -> Self {
        let name = entry.contestant.name();
        Self { name, semantics: entry.semantics, times: Vec::new(), agreed: 0, compared: 0 }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n## {}\n", self.comparison.title())?;
        let legend = self.comparison.legend();
        writeln!(f, "{legend}: median of the rounds (shortest), and how many times depthlake's median.\n")?;
        let names = self.columns.iter().map(|(name, _)| name.as_str());
        write_header(f, [""].into_iter().chain(names).chain(["levels as ours"]))?;
        for Row { name, times, agreed, compared, .. } in &self.rows {
            write!(f, "| {name} |")?;
            for (((_, amount), times), ours) in self.columns.iter().zip(times).zip(self.ours()) {
                let figures = |time| self.comparison.figures(time, *amount);
                write!(f, " {} ({})", figures(times.median), figures(times.shortest))?;
                write!(f, " **{:.2}×** |", ratio(times.median, ours.median))?;
            }
            writeln!(f, " {agreed} of {compared} |")?;
        }
        Ok(())
    }
}

/// The names of a table's columns; all but the first are of numbers.
pub(crate) fn write_header<'a>(
    f: &mut fmt::Formatter<'_>,
    names: impl Iterator<Item = &'a str>,
) -> fmt::Result {
    let names: Vec<_> = names.collect();
    writeln!(f, "| {} |\n| ---{} |", names.join(" | "), " | ---:".repeat(names.len() - 1))
}

pub(crate) fn ratio(theirs: Duration, ours: Duration) -> f64 {
    theirs.as_secs_f64() / ours.as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "a figure to print")]
fn nanoseconds_each(time: Duration, count: u64) -> f64 {
    time.as_secs_f64() * 1e9 / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_a_time() {
        let amount = Amount { events: 2, levels: 4, bytes: 16 };
        let time = Duration::from_nanos(8);
        assert_eq!(Comparison::Books.figures(time, amount), "2.0");
        assert_eq!(Comparison::Decoders.figures(time, amount), "4, 2.00 GB/s");
        assert_eq!(Comparison::Paths.figures(time, amount), "4, 500.0 M/s");
    }
}
