//! How long depthlake's worker takes for a frame by its own clock, which is what its users see.

use std::fmt;
use std::iter;

use depthlake_engine::latency::{Latencies, Stage};

use crate::contest::{FramePath, play_path};
use crate::depthlake::FrameToBoard;
use crate::table::write_header;
use crate::track::Match;

/// Processing times by match.
pub struct ProcessingTimes {
    by_match: Vec<(String, Latencies)>,
}

impl ProcessingTimes {
    /// Plays every match `rounds` times. The instrument and the snapshot of a symbol are handled by the worker too and are
    /// counted, so matches of many symbols with few frames are left out.
    #[must_use]
    pub fn of(matches: &[Match], rounds: usize) -> Self {
        let of_one_symbol = matches.iter().filter(|played| played.tracks.len() == 1);
        let times = |played: &Match| (played.name.clone(), processing_times(played, rounds));
        Self { by_match: of_one_symbol.map(times).collect() }
    }

    /// The 50th and the 99th percentile in one match, in nanoseconds.
    #[must_use]
    pub fn of_match(&self, name: &str) -> Option<(u64, u64)> {
        self.by_match.iter().find(|(known, _)| known == name).map(|(_, latencies)| percentiles(latencies))
    }

    /// The same in all matches together.
    #[must_use]
    pub fn together(&self) -> (u64, u64) {
        let mut all = Latencies::default();
        self.by_match.iter().for_each(|(_, latencies)| all.add(latencies));
        percentiles(&all)
    }
}

fn processing_times(played: &Match, rounds: usize) -> Latencies {
    let mut all = Latencies::default();
    for track in iter::repeat_n(&played.tracks, rounds).flatten() {
        let mut path = FrameToBoard::loaded(track);
        play_path(&mut path, &track.frames);
        all.add(&path.finish());
    }
    all
}

fn percentiles(latencies: &Latencies) -> (u64, u64) {
    (latencies.percentile(Stage::Process, 50.0), latencies.percentile(Stage::Process, 99.0))
}

impl fmt::Display for ProcessingTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nThe same by the worker's own clock, nanoseconds a frame, all rounds:\n")?;
        let names = self.by_match.iter().map(|(name, _)| name.as_str());
        write_header(f, iter::once("").chain(names).chain(["together"]))?;
        let all = || self.by_match.iter().map(|(_, latencies)| percentiles(latencies));
        write!(f, "| p50 |")?;
        all().chain([self.together()]).try_for_each(|(p50, _)| write!(f, " {p50} |"))?;
        write!(f, "\n| p99 |")?;
        all().chain([self.together()]).try_for_each(|(_, p99)| write!(f, " {p99} |"))?;
        writeln!(f)
    }
}
