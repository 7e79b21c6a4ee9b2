//! What a backfill did, as it is told at the end.

use std::fmt;
use std::time::Duration;

use depthlake_lake::history::Landed;

/// Counts of one backfill.
#[derive(Debug, Clone, Copy, Default)]
pub struct Summary {
    /// Files or answers that were used.
    pub sources: u64,
    /// Files or answers that could not be used.
    pub failures: u64,
    /// Lines landed, without those that were there before.
    pub lines: u64,
    pub landed: Landed,
    pub elapsed: Duration,
}

impl Summary {
    /// Adds what a commit did.
    pub fn add(&mut self, landed: &Landed) {
        let ours = &mut self.landed;
        ours.chunks += landed.chunks;
        ours.chunks_known += landed.chunks_known;
        ours.trades += landed.trades;
        ours.trades_known += landed.trades_known;
        ours.bars += landed.bars;
        ours.bars_corrected += landed.bars_corrected;
        ours.bars_known += landed.bars_known;
        ours.refused += landed.refused;
        ours.empty += landed.empty;
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sources, failures, lines, landed, elapsed } = self;
        writeln!(
            f,
            "{sources} sources used, {failures} not, {lines} lines in {:.1} s",
            elapsed.as_secs_f64()
        )?;
        writeln!(f, "trades: {} new, {} there before", landed.trades, landed.trades_known)?;
        writeln!(
            f,
            "bars: {} new, {} corrected, {} there before",
            landed.bars, landed.bars_corrected, landed.bars_known
        )?;
        write!(f, "lines without trades: {}, dead letters: {}", landed.empty, landed.refused)
    }
}
