//! How long the stages of the way from socket to board take.

use std::fmt;

use depthlake_orderbook::time::Timestamp;
use hdrhistogram::Histogram;

/// The longest time told apart: a minute, in nanoseconds.
const LONGEST: u64 = 60_000_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;

/// A part of the way of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// From receipt until the shard takes the message off its ring.
    Queue,
    /// Decode, sync, book, features, records and board.
    Process,
    /// From receipt until the board shows it.
    Total,
    /// From the venue's event time until receipt; negative where the clocks differ, and then not counted.
    Venue,
    /// From the venue's event time until the board shows it; not counted where negative.
    Whole,
}

impl Stage {
    pub const ALL: [Self; 5] = [Self::Queue, Self::Process, Self::Total, Self::Venue, Self::Whole];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Process => "process",
            Self::Total => "total",
            Self::Venue => "venue",
            Self::Whole => "whole",
        }
    }
}

/// Histograms of all stages, in nanoseconds.
#[derive(Debug, Clone)]
pub struct Latencies {
    stages: [Histogram<u64>; Stage::ALL.len()],
}

impl Default for Latencies {
    fn default() -> Self {
        let histogram = || {
            Histogram::new_with_bounds(1, LONGEST, SIGNIFICANT_DIGITS)
                .unwrap_or_else(|error| unreachable!("constant bounds are valid: {error}"))
        };
        Self { stages: std::array::from_fn(|_| histogram()) }
    }
}

impl Latencies {
    /// Records the time from `from` to `to`; nothing where `to` is earlier.
    pub fn record(&mut self, stage: Stage, from: Timestamp, to: Timestamp) {
        if let Ok(nanoseconds) = u64::try_from(to - from) {
            self.stages[stage as usize].saturating_record(nanoseconds);
        }
    }

    /// Becomes a copy of `other`, without allocating.
    pub fn take(&mut self, other: &Self) {
        for stage in &mut self.stages {
            stage.reset();
        }
        self.add(other);
    }

    /// Adds what another thread measured.
    pub fn add(&mut self, other: &Self) {
        for (ours, theirs) in self.stages.iter_mut().zip(&other.stages) {
            // All histograms have the same bounds, so nothing is out of range.
            ours.add(theirs).unwrap_or_default();
        }
    }

    /// What was measured after `earlier` was taken of the same histograms.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut since = self.clone();
        for (ours, theirs) in since.stages.iter_mut().zip(&earlier.stages) {
            // `earlier` holds nothing that we do not.
            ours.subtract(theirs).unwrap_or_default();
        }
        since
    }

    /// The time that `percent` of the messages did not exceed, in nanoseconds.
    #[must_use]
    pub fn percentile(&self, stage: Stage, percent: f64) -> u64 {
        self.stages[stage as usize].value_at_percentile(percent)
    }

    #[must_use]
    pub fn count(&self, stage: Stage) -> u64 {
        self.stages[stage as usize].len()
    }
}

/// A line a stage: count, median, 99th percentile and longest, in microseconds.
impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let microseconds = |nanoseconds: u64| Microseconds(nanoseconds);
        for stage in Stage::ALL {
            writeln!(
                f,
                "{:<8} {:>10} p50 {:>9} p99 {:>9} max {:>9}",
                stage.name(),
                self.count(stage),
                microseconds(self.percentile(stage, 50.0)),
                microseconds(self.percentile(stage, 99.0)),
                microseconds(self.percentile(stage, 100.0)),
            )?;
        }
        Ok(())
    }
}

struct Microseconds(u64);

impl fmt::Display for Microseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{} µs", self.0 / 1_000, self.0 % 1_000 / 100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_measured_and_merged() {
        let (mut ours, mut theirs) = (Latencies::default(), Latencies::default());
        ours.record(Stage::Queue, Timestamp(0), Timestamp(1_000));
        theirs.record(Stage::Queue, Timestamp(0), Timestamp(3_000));
        theirs.record(Stage::Queue, Timestamp(10), Timestamp(0));
        ours.add(&theirs);
        assert_eq!((ours.count(Stage::Queue), ours.count(Stage::Total)), (2, 0));
        assert_eq!(ours.percentile(Stage::Queue, 50.0), 1_000);
        assert!(ours.to_string().contains("queue             2 p50    1.0 µs"), "{ours}");
    }

    #[test]
    fn what_was_measured_before_is_left_out() {
        let mut latencies = Latencies::default();
        latencies.record(Stage::Whole, Timestamp(0), Timestamp(9_000));
        let earlier = latencies.clone();
        latencies.record(Stage::Whole, Timestamp(0), Timestamp(2_000));
        let since = latencies.since(&earlier);
        assert_eq!((since.count(Stage::Whole), since.percentile(Stage::Whole, 100.0)), (1, 2_000));
    }
}
