//! What is derived from raw messages and kept: one type a normalized table.
//!
//! Every record names its [`Trigger`], the raw message whose processing gave it, so that a range can be derived again
//! and continued exactly where it broke off.

use crate::bars::Bar;
use crate::book::DEPTH_BPS;
use crate::event::{Provenance, Touch, Trade, UpdateId};
use crate::frame::RawStream;
use crate::instrument::Instrument;
use crate::symbol::Symbol;
use crate::time::Timestamp;

/// The raw message that gave a record, and the record's place among those it gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Trigger {
    pub stream: RawStream,
    pub partition: u16,
    pub offset: u64,
    pub ordinal: u32,
}

/// A record derived from a raw message.
#[derive(Debug, Clone, PartialEq)]
pub enum Derived {
    Book(BookRecord),
    Trade(TradeRecord),
    Bar(BarRecord),
    DeadLetter(DeadLetter),
    Feed(FeedEvent),
}

/// The kinds of [`Derived`] records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKind {
    Book,
    Trade,
    Bar,
    DeadLetter,
    Feed,
}

impl RecordKind {
    pub const ALL: [Self; 5] = [Self::Book, Self::Trade, Self::Bar, Self::DeadLetter, Self::Feed];
}

impl Derived {
    #[must_use]
    pub const fn kind(&self) -> RecordKind {
        match self {
            Self::Book(_) => RecordKind::Book,
            Self::Trade(_) => RecordKind::Trade,
            Self::Bar(_) => RecordKind::Bar,
            Self::DeadLetter(_) => RecordKind::DeadLetter,
            Self::Feed(_) => RecordKind::Feed,
        }
    }
}

/// The touch and its features after one depth event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BookRecord {
    pub instrument: Instrument,
    pub update_id: UpdateId,
    pub touch: Touch,
    pub mid: f64,
    pub spread_bps: f64,
    pub microprice: f64,
    pub imbalance_5: Option<f64>,
    /// As in [`Features::bid_depth`](crate::features::Features).
    pub bid_depth: [Option<f64>; DEPTH_BPS.len()],
    /// As in [`Features::ask_depth`](crate::features::Features).
    pub ask_depth: [Option<f64>; DEPTH_BPS.len()],
    pub event_time: Timestamp,
    pub provenance: Provenance,
}

/// A trade with the scales of its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TradeRecord {
    pub instrument: Instrument,
    pub trade: Trade,
}

/// A closed bar with the scales of its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BarRecord {
    pub instrument: Instrument,
    pub bar: Bar,
    /// Of the message that closed the bar.
    pub provenance: Provenance,
}

/// A message, or a part of it, that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    pub reason: DeadLetterReason,
    /// What was found and what was expected.
    pub detail: String,
    pub symbol: Option<Symbol>,
    pub stream: RawStream,
    pub payload: Vec<u8>,
    /// When the venue sent the message, where it tells.
    pub event_time: Option<Timestamp>,
    pub provenance: Provenance,
}

/// Why a message became a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeadLetterReason {
    /// Not JSON, or cut off.
    Malformed,
    /// JSON of another shape than the venue documents.
    WrongType,
    /// Larger than any message of the venue.
    Oversized,
    /// A price or quantity that is not exact at the instrument's scale.
    Inexact,
    UnknownSymbol,
    UnknownMessage,
    /// A trade that came after its bar was closed.
    LateTrade,
}

/// Something that happened to the feed of one symbol, or of all of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedEvent {
    pub kind: FeedEventKind,
    pub symbol: Option<Symbol>,
    pub detail: String,
    pub expected: Option<UpdateId>,
    pub received: Option<UpdateId>,
    pub event_time: Option<Timestamp>,
    /// Of a resync: how long the book had not been live, from receipt to receipt, in nanoseconds. `None` where the loss was
    /// before what is remembered.
    pub not_live: Option<i64>,
    pub provenance: Provenance,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FeedEventKind {
    /// The engine started: books begin anew.
    SessionStart,
    /// Events are missing; the book is resyncing from here.
    Gap,
    /// A book is live on a new snapshot after it was not.
    Resync,
    Disconnect,
    Reconnect,
    /// A symbol was silent for longer than is usual for it.
    Stale,
    /// A pair's tick, lot or status changed.
    InstrumentChange,
    /// Best bid or ask differ from the venue's own at the same update id.
    TickerDisagreement,
}

impl DeadLetterReason {
    pub const ALL: [Self; 7] = [
        Self::Malformed,
        Self::WrongType,
        Self::Oversized,
        Self::Inexact,
        Self::UnknownSymbol,
        Self::UnknownMessage,
        Self::LateTrade,
    ];

    /// The reason's name in the lake.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::WrongType => "wrong_type",
            Self::Oversized => "oversized",
            Self::Inexact => "inexact",
            Self::UnknownSymbol => "unknown_symbol",
            Self::UnknownMessage => "unknown_message",
            Self::LateTrade => "late_trade",
        }
    }
}

impl FeedEvent {
    /// How many update ids are missing, where the venue numbers them without holes (spot).
    #[must_use]
    pub fn lost_updates(&self) -> Option<u64> {
        match (self.kind, self.expected, self.received) {
            (FeedEventKind::Gap, Some(expected), Some(received)) => received.0.checked_sub(expected.0),
            _ => None,
        }
    }
}

impl FeedEventKind {
    /// The kind's name in the lake.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SessionStart => "session_start",
            Self::Gap => "gap",
            Self::Resync => "resync",
            Self::Disconnect => "disconnect",
            Self::Reconnect => "reconnect",
            Self::Stale => "stale",
            Self::InstrumentChange => "instrument_change",
            Self::TickerDisagreement => "ticker_disagreement",
        }
    }
}
