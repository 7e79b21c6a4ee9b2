//! How long the stages of the way from socket to board take.

use std::fmt;

use depthlake_orderbook::metrics::{Distribution, HistogramReader, SoleHistogram};
use depthlake_orderbook::time::Timestamp;

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

/// How long the stages of some messages took, in nanoseconds, as it was at one moment.
#[derive(Debug, Clone, Default)]
pub struct Latencies {
    stages: [Distribution; Stage::ALL.len()],
}

/// Measures the stages of the messages of one thread.
#[derive(Debug, Default)]
pub struct LatencyRecorder {
    stages: [SoleHistogram; Stage::ALL.len()],
}

/// Shows what a [`LatencyRecorder`] measures, without holding its thread up.
#[derive(Debug, Clone)]
pub struct LatencyProbe {
    stages: [HistogramReader; Stage::ALL.len()],
}

impl LatencyRecorder {
    /// Records the time from `from` to `to`; nothing where `to` is earlier.
    #[inline]
    pub fn record(&mut self, stage: Stage, from: Timestamp, to: Timestamp) {
        if let Ok(nanoseconds) = u64::try_from(to - from) {
            self.stages[stage as usize].record(nanoseconds);
        }
    }

    #[must_use]
    pub fn probe(&self) -> LatencyProbe {
        LatencyProbe { stages: self.stages.each_ref().map(SoleHistogram::reader) }
    }
}

impl LatencyProbe {
    /// What was measured up to now.
    #[must_use]
    pub fn latencies(&self) -> Latencies {
        Latencies { stages: self.stages.each_ref().map(HistogramReader::snapshot) }
    }
}

impl Latencies {
    /// Adds what another thread measured.
    pub fn add(&mut self, other: &Self) {
        for (ours, theirs) in self.stages.iter_mut().zip(&other.stages) {
            ours.add(theirs);
        }
    }

    /// What was measured after `earlier` was taken of the same histograms.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut since = self.clone();
        for (ours, theirs) in since.stages.iter_mut().zip(&earlier.stages) {
            *ours = ours.since(theirs);
        }
        since
    }

    /// The time that `percent` of the messages did not exceed, in nanoseconds, to within 0.8 %.
    #[must_use]
    pub fn percentile(&self, stage: Stage, percent: f64) -> u64 {
        self.of(stage).percentile(percent)
    }

    #[must_use]
    pub const fn count(&self, stage: Stage) -> u64 {
        self.of(stage).count()
    }

    /// All times of a stage.
    #[must_use]
    pub const fn of(&self, stage: Stage) -> &Distribution {
        &self.stages[stage as usize]
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
        let (mut ours, mut theirs) = (LatencyRecorder::default(), LatencyRecorder::default());
        ours.record(Stage::Queue, Timestamp(0), Timestamp(1_000));
        theirs.record(Stage::Queue, Timestamp(0), Timestamp(3_000));
        theirs.record(Stage::Queue, Timestamp(10), Timestamp(0));
        let mut both = ours.probe().latencies();
        both.add(&theirs.probe().latencies());
        assert_eq!((both.count(Stage::Queue), both.count(Stage::Total)), (2, 0));
        assert_eq!(both.percentile(Stage::Queue, 50.0) / 10, 100);
        assert!(both.to_string().contains("queue             2 p50    1.0 µs"), "{both}");
    }

    #[test]
    fn what_was_measured_before_is_left_out() {
        let mut recorder = LatencyRecorder::default();
        recorder.record(Stage::Whole, Timestamp(0), Timestamp(9_000));
        let earlier = recorder.probe().latencies();
        recorder.record(Stage::Whole, Timestamp(0), Timestamp(100));
        let since = recorder.probe().latencies().since(&earlier);
        assert_eq!((since.count(Stage::Whole), since.percentile(Stage::Whole, 100.0)), (1, 100));
    }
}
