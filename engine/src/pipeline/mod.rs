//! From raw messages to books, records and requests: the one piece of code that runs live, in replay and when a range
//! is derived again.
//!
//! A [`Pipeline`] handles one partition. It is a pure function of the partition's two raw streams: what it hands to its
//! [`Output`] depends on the messages and their order within each stream alone, never on a clock or on how the two
//! interleave. That is what makes a replay give the same records.

mod book_lane;
mod checkpoint;
mod context;
mod kline_check;
mod symbol_book;
mod ticker_check;
mod trade_lane;

use depthlake_orderbook::book::Book;
use depthlake_orderbook::event::{DepthUpdate, Provenance, Trade};
use depthlake_orderbook::features::{Features, Top};
use depthlake_orderbook::frame::{Envelope, RawStream};
use depthlake_orderbook::instrument::Instrument;
use depthlake_orderbook::record::{Derived, Trigger};
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

pub use checkpoint::{BookCheckpoint, Checkpoint, CheckpointError, TradeCheckpoint};
pub use symbol_book::BookStatus;

use book_lane::BookLane;
use context::Context;
use depthlake_ingest::wire::Decoder;
use trade_lane::TradeLane;

/// What a book needs from the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// A first snapshot.
    FirstSnapshot,
    /// A new snapshot: events were lost.
    NewSnapshot,
    /// The instrument's entry anew: numbers no longer fit its scales.
    Instrument,
}

/// A book after a snapshot was loaded or an event was applied.
#[derive(Debug, Clone, Copy)]
pub struct Changed<'a> {
    pub instrument: &'a Instrument,
    pub book: &'a Book,
    pub top: &'a Top,
    /// The event that was applied; `None` for a snapshot.
    pub update: Option<&'a DepthUpdate>,
    /// `None` while a side is empty.
    pub features: Option<&'a Features>,
    /// The venue's time of the change; the time of receipt for a snapshot, which has none.
    pub event_time: Timestamp,
    pub received: Timestamp,
}

/// Takes what a pipeline gives. Called while a message is handled, in order.
pub trait Output {
    /// A record to keep.
    fn derived(&mut self, trigger: Trigger, record: Derived);

    /// A book after each change.
    fn book(&mut self, _changed: Changed<'_>) {}

    /// Where an instrument's book stands, after each message that bears on it.
    fn status(&mut self, _instrument: &Instrument, _status: &BookStatus) {}

    /// A trade on the market.
    fn trade(&mut self, _instrument: &Instrument, _trade: &Trade) {}

    /// Something only the venue can give.
    fn need(&mut self, _symbol: Symbol, _need: Need) {}
}

/// How often figures of ours were compared with the venue's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Agreement {
    pub agreed: u64,
    pub disagreed: u64,
}

/// Everything that happens to the messages of one partition.
#[derive(Debug)]
pub struct Pipeline {
    partition: u16,
    decoder: Decoder,
    books: BookLane,
    trades: TradeLane,
}

impl Pipeline {
    #[must_use]
    pub fn new(partition: u16) -> Self {
        Self {
            partition,
            decoder: Decoder::default(),
            books: BookLane::default(),
            trades: TradeLane::default(),
        }
    }

    /// Handles one message of `stream`, kept there at `offset`.
    pub fn frame<O: Output>(
        &mut self,
        stream: RawStream,
        offset: u64,
        envelope: &Envelope,
        payload: &[u8],
        output: &mut O,
    ) {
        let mut context = Context {
            envelope,
            payload,
            provenance: Provenance { received: envelope.received, offset },
            trigger: Trigger { stream, partition: self.partition, offset, ordinal: 0 },
            output,
        };
        match stream {
            RawStream::Orderbook => self.books.frame(&mut self.decoder, &mut context),
            RawStream::Trade => self.trades.frame(&mut self.decoder, &mut context),
        }
    }

    /// A second pipeline in the same state. O(levels of all books).
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            partition: self.partition,
            decoder: Decoder::default(),
            books: self.books.clone(),
            trades: self.trades.clone(),
        }
    }

    /// The symbols seen so far, with where their books stand.
    pub fn books(&self) -> impl Iterator<Item = (Symbol, &BookStatus)> {
        self.books.statuses()
    }

    /// The live book of a symbol, if it has one.
    #[must_use]
    pub fn book(&self, symbol: Symbol) -> Option<(&Instrument, &Book)> {
        self.books.live(symbol)
    }

    /// The latest trade time seen in the partition.
    #[must_use]
    pub const fn watermark(&self) -> Timestamp {
        self.trades.watermark()
    }

    /// The book of a symbol as it was last known, live or not, with where it stands.
    #[must_use]
    pub fn last_book(&self, symbol: Symbol) -> Option<(&Instrument, &Book, &BookStatus)> {
        self.books.last(symbol)
    }

    /// How the bars of `symbol` compare with the venue's own.
    #[must_use]
    pub fn kline_agreement(&self, symbol: Symbol) -> Agreement {
        self.trades.agreement(symbol)
    }

    /// What is needed to go on with a symbol's book from here; `next_offset` is the offset after the last message
    /// handled.
    #[must_use]
    pub fn book_checkpoint(&self, symbol: Symbol, next_offset: u64) -> Option<BookCheckpoint> {
        self.books.checkpoint(symbol, next_offset)
    }

    /// What is needed to go on with the partition's bars from here.
    #[must_use]
    pub fn trade_checkpoint(&self, next_offset: u64) -> TradeCheckpoint {
        self.trades.checkpoint(next_offset)
    }

    /// Takes up everything where a checkpoint left it. Messages that are in the checkpoint are passed over from now on.
    pub fn restore(&mut self, checkpoint: &Checkpoint) {
        for book in &checkpoint.books {
            self.books.restore(book);
        }
        self.trades.restore(&checkpoint.trades);
    }
}
