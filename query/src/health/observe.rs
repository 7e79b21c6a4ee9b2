//! What is looked at to tell how well it is.

use std::path::Path;
use std::time::Duration;

use depthlake_engine::board::{BoardState, Reader};
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

/// All books of a board. One that is half-written by a dead writer is left out.
#[must_use]
pub fn observe_board(reader: &Reader, now: Timestamp) -> Vec<SymbolObservation> {
    let observe = |(symbol, slot)| {
        let row = reader.read(slot).ok()?.value;
        let age = u64::try_from((now - row.receive_time).max(0)).ok().map(Duration::from_nanos);
        Some(SymbolObservation {
            symbol,
            state: row.state,
            age: age.filter(|_| row.receive_time.0 > 0),
            gaps: row.counters.gaps,
        })
    };
    reader.iter().filter_map(observe).collect()
}
