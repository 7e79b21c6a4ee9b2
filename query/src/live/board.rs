//! One open board with its full depth and its rates.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use depthlake_engine::board::{BoardError, BoardRow, Reader, SlotIndex};
use depthlake_engine::depth::DepthReader;
use depthlake_engine::live_books::depth_path;
use depthlake_orderbook::decimal::Scale;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

use super::quote::Quote;

/// Rates are measured over at least this long, however often the board is looked at.
pub const SHORTEST_RATE_WINDOW: Duration = Duration::from_secs(1);

/// The board of one writer. Another writer's is another board.
#[derive(Debug)]
pub struct Board {
    reader: Reader,
    depth: Option<DepthReader>,
    places: HashMap<Symbol, Place>,
    /// Bits of the events a second of each slot, not a number until measured.
    rates: Vec<AtomicU64>,
}

/// Whether a board is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    Alive { pid: u32 },
    Dead { pid: u32, last_heartbeat: Timestamp },
}

/// Where a symbol stands on its board.
#[derive(Debug, Clone, Copy)]
struct Place {
    slot: SlotIndex,
    /// Its number in the order of the board.
    index: usize,
}

/// Where a measurement of rates began.
#[derive(Debug)]
pub(super) struct RateWindow {
    begun: Instant,
    events: Vec<u64>,
}

impl Board {
    /// Takes a board that was opened, with the full depth that lies beside it, if any.
    pub(super) fn of(reader: Reader) -> Self {
        let depth = DepthReader::open(&depth_path(reader.path())).ok();
        let places = reader.iter().enumerate().map(|(index, (symbol, slot))| (symbol, Place { slot, index }));
        let places = places.collect();
        let rates = reader.slots().map(|_| AtomicU64::new(f64::NAN.to_bits())).collect();
        Self { reader, depth, places, rates }
    }

    /// All symbols, in the order of the board.
    #[must_use]
    pub fn symbols(&self) -> &[Symbol] {
        self.reader.symbols()
    }

    /// The slot of a symbol. O(1).
    #[must_use]
    pub fn find(&self, symbol: Symbol) -> Option<SlotIndex> {
        self.places.get(&symbol).map(|place| place.slot)
    }

    /// What the slot of a symbol shows now; `None` where the board has no such symbol. A book that its writer left
    /// half-written shows as waiting. O(1).
    ///
    /// # Errors
    /// As [`Reader::read`], but for [`BoardError::HalfWritten`].
    pub fn quote(&self, symbol: Symbol) -> Result<Option<Quote>, BoardError> {
        let Some(&Place { slot, index }) = self.places.get(&symbol) else { return Ok(None) };
        self.quote_at(symbol, slot, index).map(Some)
    }

    /// All books, in the order of the board; those whose slots are damaged are left out.
    pub fn quotes(&self) -> impl Iterator<Item = Quote> + '_ {
        let places = self.reader.iter().enumerate();
        places.filter_map(|(index, (symbol, slot))| self.quote_at(symbol, slot, index).ok())
    }

    #[must_use]
    pub const fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Full depth of the same writer; `None` where it shows none.
    #[must_use]
    pub const fn depth(&self) -> Option<&DepthReader> {
        self.depth.as_ref()
    }

    /// Whether somebody writes this board.
    #[must_use]
    pub fn writer(&self, now: Timestamp) -> Writer {
        let pid = self.reader.writer_pid();
        if self.reader.is_writer_alive(now) {
            Writer::Alive { pid }
        } else {
            Writer::Dead { pid, last_heartbeat: self.reader.heartbeat() }
        }
    }

    fn quote_at(&self, symbol: Symbol, slot: SlotIndex, index: usize) -> Result<Quote, BoardError> {
        let row = match self.reader.read(slot) {
            Ok(copy) => copy.value,
            Err(BoardError::HalfWritten { .. }) => BoardRow::waiting(Scale::MAX, Scale::MAX),
            Err(error) => return Err(error),
        };
        let rate =
            self.rates.get(index).map_or(f64::NAN, |bits| f64::from_bits(bits.load(Ordering::Relaxed)));
        Ok(Quote { symbol, row, events_per_second: rate.is_finite().then_some(rate) })
    }

    /// Begins to count events.
    pub(super) fn begin_rates(&self) -> RateWindow {
        RateWindow { begun: Instant::now(), events: self.events().collect() }
    }

    /// Sets the rates since the window began, and begins another; does nothing while it is too short.
    pub(super) fn measure_rates(&self, window: &mut RateWindow) {
        let elapsed = window.begun.elapsed();
        if elapsed < SHORTEST_RATE_WINDOW {
            return;
        }
        let now: Vec<u64> = self.events().collect();
        for ((rate, before), after) in self.rates.iter().zip(&window.events).zip(&now) {
            let events = after.saturating_sub(*before);
            rate.store(per_second(events, elapsed).to_bits(), Ordering::Relaxed);
        }
        *window = RateWindow { begun: Instant::now(), events: now };
    }

    fn events(&self) -> impl Iterator<Item = u64> + '_ {
        let applied = |slot| self.reader.read(slot).map_or(0, |row| row.counters.events_applied);
        self.reader.slots().map(applied)
    }
}

impl RateWindow {
    /// Lets the window have begun earlier.
    #[cfg(test)]
    pub(super) fn age(&mut self, by: Duration) {
        self.begun = self.begun.checked_sub(by).unwrap_or(self.begun);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for display")]
fn per_second(events: u64, elapsed: Duration) -> f64 {
    events as f64 / elapsed.as_secs_f64()
}
