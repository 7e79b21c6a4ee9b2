//! What is looked at to tell how well it is.

use std::path::Path;
use std::time::Duration;

use depthlake_engine::board::{BoardState, Reader};
use depthlake_lake::model::Targets;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

/// What was seen at one moment. What a process has no part in is absent.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    pub now: Timestamp,
    /// Whether the engine lives; `None` where there is none to be watched.
    pub engine: Option<bool>,
    pub symbols: Vec<SymbolObservation>,
    pub last_commit: Option<Timestamp>,
    pub commit_age: Option<Duration>,
    pub waiting_records: Option<u64>,
    /// Why what comes cannot be kept at present, in words.
    pub troubles: Vec<String>,
    /// Gaps of a symbol in an hour, on average over all symbols.
    pub gaps_per_hour: Option<f64>,
    /// Of the requests of the last minutes that are answered from memory.
    pub api_p95: Option<Duration>,
}

/// One symbol's book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SymbolObservation {
    pub symbol: Symbol,
    pub state: BoardState,
    /// Since its last event was received; `None` before the first.
    pub age: Option<Duration>,
    /// Since the engine started.
    pub gaps: u64,
    /// Best prices that differed from those the venue told with the same update: since the engine started, or since the look
    /// that this one is compared with.
    pub disagreements: u64,
}

impl Observation {
    /// Nothing but the time.
    #[must_use]
    pub const fn at(now: Timestamp) -> Self {
        Self {
            now,
            engine: None,
            symbols: Vec::new(),
            last_commit: None,
            commit_age: None,
            waiting_records: None,
            troubles: Vec::new(),
            gaps_per_hour: None,
            api_p95: None,
        }
    }
}

/// Why nothing more can be written where a folder lies: its disk is full.
#[must_use]
pub fn observe_disk(folder: &Path) -> Option<String> {
    let system = rustix::fs::statvfs(folder).ok()?;
    // A file system without a size counts no bytes.
    let is_full = system.f_blocks > 0 && system.f_bavail == 0;
    is_full.then(|| format!("the disk of {} is full", folder.display()))
}

/// The engine and its books by the board alone: gaps and disagreements are those since it started.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a rate")]
pub fn observe_engine(reader: &Reader, now: Timestamp) -> Observation {
    let symbols = observe_board(reader, now);
    let since_start = Duration::from_nanos(u64::try_from(now - reader.started()).unwrap_or_default());
    let hours = since_start.max(Targets::GAP_WINDOW).as_secs_f64() / 3_600.0;
    let gaps: u64 = symbols.iter().map(|symbol| symbol.gaps).sum();
    let gaps_per_hour = (!symbols.is_empty()).then(|| gaps as f64 / hours / symbols.len() as f64);
    Observation { engine: Some(reader.is_writer_alive(now)), symbols, gaps_per_hour, ..Observation::at(now) }
}

/// All books of a board. One that is half-written by a dead writer is left out.
#[must_use]
pub(super) fn observe_board(reader: &Reader, now: Timestamp) -> Vec<SymbolObservation> {
    let observe = |(symbol, slot)| {
        let row = reader.read(slot).ok()?.value;
        let age = u64::try_from((now - row.receive_time).max(0)).ok().map(Duration::from_nanos);
        Some(SymbolObservation {
            symbol,
            state: row.state,
            age: age.filter(|_| row.receive_time.0 > 0),
            gaps: row.counters.gaps,
            disagreements: row.counters.ticker_disagreements,
        })
    };
    reader.iter().filter_map(observe).collect()
}
