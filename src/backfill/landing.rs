//! Commits of what readers bring: as much as a commit takes, or what has come within a second.

use std::time::Duration;

use anyhow::Result;
use depthlake_lake::history::{DerivedChunk, Historian};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::progress::Progress;
use super::summary::Summary;

use crate::messages::complain;

/// Bytes of lines that one commit takes, about.
const COMMIT_BYTES: usize = 64 * 1024 * 1024;
/// How long a commit waits for more.
const COMMIT_WAIT: Duration = Duration::from_secs(1);

/// What a reader brings.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "nearly all are chunks")]
pub enum Brought {
    /// A chunk, and how much of the work it is.
    Chunk { derived: DerivedChunk, amount: u64 },
    /// A part that was landed before.
    Skipped { amount: u64 },
    /// A source that was used to its end.
    Used,
    /// A source that could not be used, and how much of the work it would have been.
    Failed { error: anyhow::Error, amount: u64 },
}

/// Lands what comes until all senders are gone.
pub async fn land(
    mut historian: Historian,
    mut brought: mpsc::Receiver<Brought>,
    mut progress: Progress,
) -> Result<Summary> {
    let mut summary = Summary::default();
    let mut is_open = true;
    while is_open {
        let mut batch = Batch::default();
        let mut deadline = None;
        while batch.bytes < COMMIT_BYTES {
            let next = match deadline {
                None => Ok(brought.recv().await),
                Some(deadline) => timeout_at(deadline, brought.recv()).await,
            };
            match next {
                Ok(Some(Brought::Chunk { derived, amount })) => {
                    batch.add(derived, amount);
                    deadline.get_or_insert_with(|| Instant::now() + COMMIT_WAIT);
                }
                Ok(Some(Brought::Skipped { amount })) => progress.skip(amount),
                Ok(Some(Brought::Used)) => summary.sources += 1,
                Ok(Some(Brought::Failed { error, amount })) => {
                    complain!("{error:#}");
                    summary.failures += 1;
                    progress.skip(amount);
                }
                Ok(None) => {
                    is_open = false;
                    break;
                }
                Err(_) => break,
            }
        }
        if !batch.chunks.is_empty() {
            summary.add(&historian.land(batch.chunks).await?);
            summary.lines += batch.lines;
            progress.advance(batch.amount, batch.lines);
        }
    }
    progress.finish();
    summary.elapsed = progress.elapsed();
    Ok(summary)
}

/// What one commit lands.
#[derive(Debug, Default)]
struct Batch {
    chunks: Vec<DerivedChunk>,
    bytes: usize,
    lines: u64,
    amount: u64,
}

impl Batch {
    fn add(&mut self, derived: DerivedChunk, amount: u64) {
        self.bytes += derived.chunk.payload.len();
        self.lines += derived.chunk.lines;
        self.amount += amount;
        self.chunks.push(derived);
    }
}
