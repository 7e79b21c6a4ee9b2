//! History: what was not received live, landed beside what was.
//!
//! A [`Chunk`] becomes a row of `raw.history`, and its [`Records`] become rows of the normalized tables and of
//! `ops.dead_letters`, all in one commit. It does not go through the log, for an embedded log belongs to one process and
//! history may be landed while that one runs. The rows of `raw.history` are numbered all the same, as offsets of
//! [`HISTORY_TOPIC`], by the position that table has in it. Invariants:
//!
//! - a part of a source is landed once, whatever was killed, repeated or run twice at a time: a commit that does not begin
//!   where the position stands is refused, and then what the table holds decides what is left to do;
//! - a source is landed from its first line on, without holes, so what is done of it is told by one number;
//! - a trade that is there, live or from another file, does not come again: its key is symbol, kind and number;
//! - a bar that is there and says the same is left alone; one that says otherwise is closed, and the historical one opened
//!   as a new version, for the venue's own bar has every trade, and ours those we received;
//! - rows name the row of `raw.history` that they come from and follow from it, their times too.
//!
//! A live sink that brings the same trade or minute at the very moment of a commit is not seen. So history is for what is
//! past: of minutes that are still on their way through the log, nothing should be landed.

mod bars;
mod error;
mod expected;
mod known_trades;
mod progress;
mod rows;
mod versions;

#[cfg(test)]
mod tests;

use std::time::Duration;

use depthlake_orderbook::history::{Chunk, Records, Source};
use tracing::{debug, warn};

pub use error::HistoryError;
pub use expected::{DERIVED_TABLES, Given, given};

use crate::commit::{Changed, CommitError, Lake, OffsetRange, TableChange};
use crate::table::Table;
use progress::Progress;

/// What the offsets of `raw.history` count in. It is no topic of the log.
pub const HISTORY_TOPIC: &str = "market.raw.history";
const PARTITION: u32 = 0;
/// How often a commit that others came before is made anew.
const ATTEMPTS: u32 = 100;
/// How often a commit is repeated that the storage or the catalog did not take.
const FAILURES: u32 = 8;
const FIRST_DELAY: Duration = Duration::from_millis(200);

/// Lands history in a lake. Several may be at work on one lake, in one process or in many.
#[derive(Debug, Clone)]
pub struct Historian {
    lake: Lake,
    progress: Progress,
}

/// A chunk with what follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DerivedChunk {
    pub chunk: Chunk,
    pub records: Records,
}

/// What became of chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Landed {
    /// Rows of `raw.history`.
    pub chunks: u64,
    /// Chunks that were in the lake before.
    pub chunks_known: u64,
    pub trades: u64,
    /// Trades that were there before.
    pub trades_known: u64,
    /// Bars of minutes and days that had none.
    pub bars: u64,
    /// Bars that closed one that said otherwise.
    pub bars_corrected: u64,
    /// Bars that say what is there.
    pub bars_known: u64,
    /// Lines that became dead letters.
    pub refused: u64,
    /// Lines that tell of no trade.
    pub empty: u64,
}

impl Historian {
    /// Looks what of which source is in the lake.
    ///
    /// # Errors
    /// [`HistoryError::Lake`] where the lake cannot be read.
    pub async fn open(lake: Lake) -> Result<Self, HistoryError> {
        let mut historian = Self { lake, progress: Progress::default() };
        historian.progress.refresh(&historian.lake).await?;
        Ok(historian)
    }

    /// The first line of a source that is not in the lake; 1 where nothing of it is.
    #[must_use]
    pub fn next_line(&self, source: &Source) -> u64 {
        self.progress.next_line(source)
    }

    /// Lands chunks in one commit, those that are not there yet. Chunks of one source come in the order of their lines.
    ///
    /// # Errors
    /// [`HistoryError::Hole`] where lines before a chunk are missing; [`HistoryError::Commit`] and [`HistoryError::Lake`]
    /// where storage or catalog fail again and again; nothing has been landed then, or all, which the next run finds out.
    pub async fn land(&mut self, mut chunks: Vec<DerivedChunk>) -> Result<Landed, HistoryError> {
        let given = chunks.len() as u64;
        let (mut attempts, mut failures, mut delay) = (0, 0, FIRST_DELAY);
        loop {
            self.progress.refresh(&self.lake).await?;
            self.progress.drop_known(&mut chunks)?;
            if chunks.is_empty() {
                return Ok(Landed { chunks_known: given, ..Landed::default() });
            }
            let (changes, mut landed) = self.prepare(&chunks).await?;
            match self.lake.change(changes).await {
                Ok(Changed::Committed(_)) => {
                    self.progress.note(&chunks);
                    landed.chunks_known = given - landed.chunks;
                    debug!(?landed, "history landed");
                    return Ok(landed);
                }
                Ok(Changed::AlreadyCommitted) => {}
                Err(error) if is_late(&error) && attempts < ATTEMPTS => {
                    debug!(%error, "another has landed history meanwhile");
                }
                Err(error) if is_transient(&error) && failures < FAILURES => {
                    warn!(%error, retry_seconds = delay.as_secs_f64(), "history cannot be landed yet");
                    tokio::time::sleep(delay).await;
                    failures += 1;
                    delay *= 2;
                }
                Err(error) => return Err(error.into()),
            }
            attempts += 1;
        }
    }

    /// What a commit of these chunks changes, as the lake is now.
    async fn prepare(&self, chunks: &[DerivedChunk]) -> Result<(Vec<TableChange>, Landed), HistoryError> {
        let start = self.progress.next_offset();
        let range = OffsetRange {
            topic: HISTORY_TOPIC.to_owned(),
            partition: PARTITION,
            start,
            end: start + chunks.len() as u64,
        };
        let numbered: Vec<_> = (start..).zip(chunks).collect();
        let records = || chunks.iter().map(|chunk| &chunk.records);
        let mut landed = Landed {
            chunks: chunks.len() as u64,
            refused: records().map(|records| records.refused.len() as u64).sum(),
            empty: records().map(|records| records.empty).sum(),
            ..Landed::default()
        };
        let mut changes =
            vec![TableChange::append(Table::RawHistory, vec![rows::raw_history(&numbered)?], vec![range])];
        if landed.refused > 0 {
            changes.push(TableChange::append(
                Table::DeadLetters,
                vec![rows::dead_letters(&numbered)?],
                Vec::new(),
            ));
        }
        changes.extend(known_trades::new_trades(&self.lake, &numbered, &mut landed).await?);
        changes.extend(bars::revised_minutes(&self.lake, &numbered, &mut landed).await?);
        changes.extend(bars::revised_days(&self.lake, &numbered, &mut landed).await?);
        Ok((changes, landed))
    }
}

/// Whether another commit has come before this one, so that what is left to do must be looked up.
const fn is_late(error: &CommitError) -> bool {
    matches!(
        error,
        CommitError::Superseded { .. }
            | CommitError::PartialOverlap { .. }
            | CommitError::PartlyDone { .. }
            | CommitError::FilesGone { .. }
    )
}

const fn is_transient(error: &CommitError) -> bool {
    matches!(error, CommitError::Contended { .. } | CommitError::Doubtful(_) | CommitError::Lake(_))
}
