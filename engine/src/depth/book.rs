//! A reader's own copy of a whole book.

use std::thread;

use depthlake_orderbook::book::Book;
use depthlake_orderbook::decimal::Scale;
use depthlake_orderbook::event::{DepthUpdate, Level, Snapshot};
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

use super::error::DepthError;
use super::record::{self, Damage, Ground, Moment, Record, Words};
use super::region::Region;
use crate::board::BoardState;

/// How often a copy is begun again before the reader is told that it was overtaken.
const ATTEMPTS: u32 = 16;

/// A copy of one symbol's book, every level, as it was after one event; brought forward by [`DepthBook::refresh`].
#[derive(Debug)]
pub struct DepthBook {
    region: Region,
    symbol: Symbol,
    book: Book,
    moment: Moment,
    ground: Ground,
    /// The journal's position that the copy reaches to; `None` where it has to be begun anew.
    position: Option<u64>,
    copied: Vec<Words>,
    update: DepthUpdate,
}

/// What a refresh did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refreshed {
    /// Nothing has happened since.
    Unchanged,
    /// Everything that happened since was replayed: so many events.
    Advanced { events: u64 },
    /// More happened since than the journal holds, so the book was copied anew.
    Anew,
}

/// Where a copy that was made reaches to.
struct Copied {
    end: u64,
}

impl DepthBook {
    /// A book that holds nothing yet.
    pub(super) fn new(region: Region, symbol: Symbol) -> Self {
        Self {
            region,
            symbol,
            book: Book::new(),
            moment: Moment::default(),
            ground: Ground::default(),
            position: None,
            copied: Vec::new(),
            update: DepthUpdate::default(),
        }
    }

    /// Brings the copy forward to the last event that is complete now. O(levels changed since), and O(levels of the book)
    /// where it has to be copied anew.
    ///
    /// # Errors
    /// [`DepthError::Overtaken`] where the writer overwrote each copy while it was made; the book is as it was before then.
    /// [`DepthError::DamagedRegion`] where something else wrote to the file; the next refresh copies anew.
    pub fn refresh(&mut self) -> Result<Refreshed, DepthError> {
        let Some(position) = self.position else { return self.begin() };
        let end = self.region.head();
        if end == position {
            return Ok(Refreshed::Unchanged);
        }
        self.copied.clear();
        if !self.region.copy_journal(position, end, &mut self.copied) {
            return self.begin();
        }
        let events = self.replay(end)?;
        Ok(Refreshed::Advanced { events })
    }

    #[must_use]
    pub const fn symbol(&self) -> Symbol {
        self.symbol
    }

    /// The book after the last event seen. Its horizons say beyond which prices it is unknown.
    #[must_use]
    pub const fn book(&self) -> &Book {
        &self.book
    }

    /// Whether the book may be relied on.
    #[must_use]
    pub const fn state(&self) -> BoardState {
        self.moment.state
    }

    /// Counts the snapshots the book was built on since the file was created; 0 before the first.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.ground.epoch
    }

    /// When the venue made the last update.
    #[must_use]
    pub const fn event_time(&self) -> Timestamp {
        self.moment.event_time
    }

    /// When its frame was received.
    #[must_use]
    pub const fn receive_time(&self) -> Timestamp {
        self.moment.receive_time
    }

    /// What prices are counted in.
    #[must_use]
    pub const fn price_scale(&self) -> Scale {
        self.ground.price_scale
    }

    /// What quantities are counted in.
    #[must_use]
    pub const fn quantity_scale(&self) -> Scale {
        self.ground.quantity_scale
    }

    pub(super) const fn region(&self) -> &Region {
        &self.region
    }

    pub(super) const fn position(&self) -> Option<u64> {
        self.position
    }

    pub(super) const fn moment(&self) -> Moment {
        self.moment
    }

    pub(super) const fn ground(&self) -> Ground {
        self.ground
    }

    /// Copies the whole book.
    fn begin(&mut self) -> Result<Refreshed, DepthError> {
        for _ in 0..ATTEMPTS {
            if let Some(Copied { end }) = self.copy_whole() {
                self.replay(end)?;
                return Ok(Refreshed::Anew);
            }
            // The keeper may be waiting for this core.
            thread::yield_now();
        }
        Err(DepthError::Overtaken { symbol: self.symbol, attempts: ATTEMPTS })
    }

    /// Copies a whole book and what came after it: from the journal alone if the last whole book there is newer than every
    /// base, else from a base on. `None` where the writers overwrote some of it meanwhile.
    fn copy_whole(&mut self) -> Option<Copied> {
        self.copied.clear();
        let in_journal = self.region.last_whole();
        let first = match self.region.newest_base() {
            Some(base) if base.position > in_journal => self.region.copy_base(base, &mut self.copied)?,
            _ => in_journal,
        };
        let end = self.region.head();
        self.region.copy_journal(first, end, &mut self.copied).then_some(Copied { end })
    }

    /// Applies the records copied, which reach to `end`, and counts them.
    fn replay(&mut self, end: u64) -> Result<u64, DepthError> {
        self.position = None;
        let copied = std::mem::take(&mut self.copied);
        let applied = self.apply_all(&copied);
        self.copied = copied;
        let events = applied.map_err(|Damage { field, found }| DepthError::DamagedRegion {
            symbol: self.symbol,
            field,
            found,
        })?;
        self.position = Some(end);
        Ok(events)
    }

    fn apply_all(&mut self, mut entries: &[Words]) -> Result<u64, Damage> {
        let mut events = 0;
        while !entries.is_empty() {
            let (record, rest) = record::split(entries)?;
            self.apply(&record);
            entries = rest;
            events += 1;
        }
        Ok(events)
    }

    fn apply(&mut self, record: &Record<'_>) {
        self.moment = record.moment;
        self.update.last = record.moment.update_id;
        fill(&mut self.update.bids, record.bids);
        fill(&mut self.update.asks, record.asks);
        let Some(ground) = record.ground else { return self.book.apply(&self.update) };
        self.ground = ground;
        let snapshot = Snapshot {
            last_update_id: record.moment.update_id,
            bids: std::mem::take(&mut self.update.bids),
            asks: std::mem::take(&mut self.update.asks),
            bid_horizon: ground.bid_horizon,
            ask_horizon: ground.ask_horizon,
        };
        self.book.load(&snapshot);
        (self.update.bids, self.update.asks) = (snapshot.bids, snapshot.asks);
    }
}

fn fill(levels: &mut Vec<Level>, words: &[Words]) {
    levels.clear();
    levels.extend(words.iter().copied().map(record::level));
}
