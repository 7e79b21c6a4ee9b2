//! What was to be reached, beside what was.

use std::fmt;
use std::time::Duration;

use depthlake_ingest::wire::GeneralDecoder;

use crate::barter::BarterPath;
use crate::contest::{FramePath, PeerBook, Times};
use crate::decoding::DepthDecoder;
use crate::hftbacktest::{HashMapBook, RangeBook};
use crate::nautilus::NautilusPath;
use crate::ordered_maps::{OrderedMaps, StraightforwardPath};
use crate::processing::ProcessingTimes;
use crate::table::{Amount, Table, ratio, write_header};

/// The tables of all comparisons, and what depthlake's worker says of itself.
pub struct Results {
    pub books: Table,
    pub decoders: Table,
    pub paths: Table,
    pub processing: ProcessingTimes,
}

/// A table of targets: a column a match, and one of all together.
pub struct Targets {
    columns: Vec<String>,
    rows: Vec<Target>,
}

struct Target {
    figure: String,
    wanted: Wanted,
    /// By column.
    reached: Vec<Option<Reached>>,
}

#[derive(Debug, Clone, Copy)]
enum Wanted {
    AtLeast(f64),
    AtMost(f64),
}

/// By the median times, which decide, and by the shortest.
#[derive(Debug, Clone, Copy)]
struct Reached {
    median: f64,
    shortest: f64,
}

impl Results {
    #[must_use]
    pub fn targets(&self) -> Targets {
        let names = self.books.columns.iter().map(|(name, _)| name.clone());
        let mut rows = ratios(
            &self.books,
            "book",
            &[
                (OrderedMaps::name(), 4.0),
                (HashMapBook::name(), 3.0),
                (RangeBook::<5>::name(), 1.0),
                (RangeBook::<50>::name(), 1.0),
            ],
        );
        rows.extend(ratios(&self.decoders, "decoder", &[(GeneralDecoder::NAME.to_owned(), 3.0)]));
        rows.push(rate(&self.decoders, "decoder: gigabytes a second", 1.8, Amount::gigabytes_per_second));
        let levels = "ring to board: million levels a second";
        rows.push(rate(&self.paths, levels, 35.0, Amount::million_levels_per_second));
        rows.extend(ratios(
            &self.paths,
            "ring to board",
            &[
                (StraightforwardPath::name(), 4.0),
                (BarterPath::name(), 8.0),
                (NautilusPath::<false>::name(), 8.0),
                (NautilusPath::<true>::name(), 8.0),
            ],
        ));
        rows.push(self.spread());
        Targets { columns: names.chain(["together".to_owned()]).collect(), rows }
    }

    /// What all recordings together gave, in a line.
    #[must_use]
    pub fn together(&self) -> String {
        let amount: Amount = self.paths.columns.iter().map(|(_, amount)| *amount).sum();
        let Times { median, shortest } = self.paths.ours().iter().copied().sum();
        let rate = |time| amount.million_levels_per_second(time);
        let Amount { events, levels, .. } = amount;
        format!(
            "All recordings together, ring to board: {events} frames with {levels} levels in {median:.1?}, {:.1} million \
             levels a second ({shortest:.1?}, {:.1}).",
            rate(median),
            rate(shortest)
        )
    }

    fn spread(&self) -> Target {
        let of_match = |(name, _): &(String, Amount)| self.processing.of_match(name);
        let percentiles = self.paths.columns.iter().map(of_match).chain([Some(self.processing.together())]);
        let spread = |(p50, p99): (u64, u64)| {
            let spread = ratio(Duration::from_nanos(p99), Duration::from_nanos(p50));
            Reached { median: spread, shortest: spread }
        };
        Target {
            figure: "ring to board: p99 over p50".to_owned(),
            wanted: Wanted::AtMost(4.0),
            reached: percentiles.map(|percentiles| percentiles.map(spread)).collect(),
        }
    }
}

/// How many times depthlake's time each of some others takes, who are known by their names in the table.
fn ratios(table: &Table, what: &str, wanted: &[(String, f64)]) -> Vec<Target> {
    let target = |(name, times): (&str, &[Times])| {
        let (_, wanted) = wanted.iter().find(|(wanted, _)| wanted == name)?;
        let reached = with_sum(times).zip(with_sum(table.ours())).map(|(theirs, ours)| Reached {
            median: ratio(theirs.median, ours.median),
            shortest: ratio(theirs.shortest, ours.shortest),
        });
        Some(Target {
            figure: format!("{what}: times as fast as {name}"),
            wanted: Wanted::AtLeast(*wanted),
            reached: reached.map(Some).collect(),
        })
    };
    table.theirs().filter_map(target).collect()
}

fn rate(table: &Table, figure: &str, wanted: f64, rate: fn(Amount, Duration) -> f64) -> Target {
    let amounts = || table.columns.iter().map(|(_, amount)| *amount);
    let reached = with_sum(table.ours()).zip(amounts().chain([amounts().sum()])).map(|(times, amount)| {
        Some(Reached { median: rate(amount, times.median), shortest: rate(amount, times.shortest) })
    });
    Target { figure: figure.to_owned(), wanted: Wanted::AtLeast(wanted), reached: reached.collect() }
}

fn with_sum(times: &[Times]) -> impl Iterator<Item = Times> {
    times.iter().copied().chain([times.iter().copied().sum()])
}

impl Wanted {
    fn is_met_by(self, reached: f64) -> bool {
        match self {
            Self::AtLeast(least) => reached >= least,
            Self::AtMost(most) => reached <= most,
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, "≥ {least}"),
            Self::AtMost(most) => write!(f, "≤ {most}"),
        }
    }
}

impl fmt::Display for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n## Targets\n")?;
        writeln!(f, "By the medians, which decide (by the shortest times).\n")?;
        let columns = self.columns.iter().map(String::as_str);
        write_header(f, ["figure", "target"].into_iter().chain(columns))?;
        self.rows.iter().try_for_each(|row| row.fmt(f))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "| {} | {} |", self.figure, self.wanted)?;
        for reached in &self.reached {
            match reached {
                Some(Reached { median, shortest }) => {
                    let verdict = if self.wanted.is_met_by(*median) { "met" } else { "**missed**" };
                    write!(f, " {median:.2} ({shortest:.2}) {verdict} |")?;
                }
                None => write!(f, " – |")?,
            }
        }
        writeln!(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_tells_met_from_missed() {
        let reached = |median| Some(Reached { median, shortest: 5.0 });
        let target = |wanted| Target {
            figure: "speed".to_owned(),
            wanted,
            reached: vec![reached(4.0), reached(3.9), reached(4.1), None],
        };
        assert_eq!(
            target(Wanted::AtLeast(4.0)).to_string(),
            "| speed | ≥ 4 | 4.00 (5.00) met | 3.90 (5.00) **missed** | 4.10 (5.00) met | – |\n"
        );
        assert_eq!(
            target(Wanted::AtMost(4.0)).to_string(),
            "| speed | ≤ 4 | 4.00 (5.00) met | 3.90 (5.00) met | 4.10 (5.00) **missed** | – |\n"
        );
    }

    #[test]
    fn sums_stand_behind_the_matches() {
        let times = [1, 2].map(Duration::from_secs).map(|time| Times { median: time, shortest: time / 2 });
        let sums: Vec<_> = with_sum(&times).map(|times| (times.median, times.shortest)).collect();
        assert_eq!(sums.last(), Some(&(Duration::from_secs(3), Duration::from_millis(1_500))));
        assert_eq!(sums.len(), 3);
    }
}
