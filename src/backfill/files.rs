//! Files, several side by side.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Error, Result, bail};
use depthlake_engine::clock;
use depthlake_ingest::history::{Content, HistoryFile, derive, files_below};
use depthlake_lake::history::{DerivedChunk, Historian};
use depthlake_orderbook::symbol::Symbol;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::landing::{self, Brought};
use super::progress::Progress;
use super::summary::Summary;

/// Chunks that wait for a commit, for each reader: more would only hold memory.
const WAITING: usize = 4;

/// Lands the files among `paths`, several side by side. One that cannot be used is told of and counted.
pub async fn land(
    historian: Historian,
    paths: &[PathBuf],
    content: Content,
    symbol: Option<Symbol>,
    jobs: Option<NonZeroUsize>,
) -> Result<Summary> {
    let paths = files_below(paths)?;
    if paths.is_empty() {
        bail!("there are no .zip or .csv files");
    }
    if symbol.is_some() && paths.len() > 1 {
        bail!("--symbol says whose file it is, but there are {} files", paths.len());
    }
    let whole = paths.iter().map(|path| size(path)).sum();
    let jobs = jobs.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let jobs = jobs.min(paths.len());
    let (sender, receiver) = mpsc::channel(jobs * WAITING);
    let reading =
        Arc::new(Reading { paths, next: AtomicUsize::new(0), content, symbol, landed: historian.clone() });
    let mut readers = JoinSet::new();
    for _ in 0..jobs {
        let (reading, sender) = (Arc::clone(&reading), sender.clone());
        readers.spawn_blocking(move || reading.run(&sender));
    }
    drop(sender);
    let summary = landing::land(historian, receiver, Progress::new(whole)).await?;
    while let Some(ended) = readers.join_next().await {
        ended.context("a reader has ended in the midst of a file")?;
    }
    Ok(summary)
}

/// What the readers share.
struct Reading {
    paths: Vec<PathBuf>,
    next: AtomicUsize,
    content: Content,
    symbol: Option<Symbol>,
    /// As the lake was when the readers began.
    landed: Historian,
}

/// Nobody lands any more what is read.
struct Ended;

/// Why a file is not read on.
enum Stop {
    Ended,
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Reading {
    fn run(&self, to: &mpsc::Sender<Brought>) {
        while let Some(path) = self.paths.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            let mut left = size(path);
            let brought = match self.file(path, &mut left, to) {
                Ok(()) => [Some(Brought::Skipped { amount: left }), Some(Brought::Used)],
                Err(Stop::Failed(error)) => [Some(Brought::Failed { error, amount: left }), None],
                Err(Stop::Ended) => return,
            };
            if brought.into_iter().flatten().any(|brought| send(to, brought).is_err()) {
                return;
            }
        }
    }

    /// Reads a file, and takes off `left` what was brought of it.
    fn file(&self, path: &Path, left: &mut u64, to: &mpsc::Sender<Brought>) -> Result<(), Stop> {
        let file = HistoryFile::open(path, self.content, self.symbol)?;
        let unpacked: u64 = file.members().iter().map(|member| member.bytes).sum();
        let packed = *left;
        for member in file.members() {
            let from_line = self.landed.next_line(&member.source);
            file.read(member, from_line, clock::now, |chunk| {
                let share = u128::from(packed) * chunk.payload.len() as u128 / u128::from(unpacked.max(1));
                let amount = u64::try_from(share).unwrap_or(u64::MAX).min(*left);
                *left -= amount;
                let records = derive(&chunk);
                send(to, Brought::Chunk { derived: DerivedChunk { chunk, records }, amount })
                    .map_err(|Ended| Stop::Ended)
            })?;
        }
        Ok(())
    }
}

fn send(to: &mpsc::Sender<Brought>, brought: Brought) -> Result<(), Ended> {
    to.blocking_send(brought).map_err(|_| Ended)
}

fn size(path: &Path) -> u64 {
    path.metadata().map_or(0, |metadata| metadata.len())
}
