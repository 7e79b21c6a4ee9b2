//! What was not received live: files of a venue's archive, answers of its REST interface, daily bars of stocks.
//!
//! A [`Chunk`] is kept as it came, and [`Records`] follow from it alone, as records follow from raw messages. Numbers are
//! counted at the scales of the lake's columns, for an archive tells no instrument's.

use crate::event::{Taker, TradeId, TradeKind};
use crate::record::DeadLetterReason;
use crate::symbol::Symbol;
use crate::time::Timestamp;

/// What a chunk holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChunkKind {
    /// Lines of a file of one-minute bars.
    Klines,
    /// Lines of a file of aggregated trades.
    AggregateTrades,
    /// Lines of a file of trades.
    Trades,
    /// An answer of the REST interface with one-minute bars.
    KlinesAnswer,
    /// Lines of a file of daily bars of a stock.
    DailyBars,
}

/// A part of a source, its bytes unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    pub kind: ChunkKind,
    pub symbol: Symbol,
    pub source: Source,
    /// The number of the first line within the source, from 1.
    pub first_line: u64,
    /// How many lines these are, the header counted.
    pub lines: u64,
    /// The names of the columns, in their order and separated by commas; empty for an answer, which names none.
    pub columns: String,
    /// When it was read or received, by our clock.
    pub received: Timestamp,
    pub payload: Vec<u8>,
}

/// Where a chunk comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    /// The name of the file, or the address of the request.
    pub name: String,
    /// The file inside the archive; empty where the source is none.
    pub member: String,
    /// SHA-256 of the file or the answer, in hexadecimal.
    pub sha256: String,
}

/// What a chunk gives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Records {
    pub trades: Vec<HistoricalTrade>,
    pub bars: Vec<VenueBar>,
    pub daily_bars: Vec<DailyBar>,
    /// Lines that could not be used.
    pub refused: Vec<RefusedLine>,
    /// Lines that are as they should be and tell of no trade: minutes and days without any.
    pub empty: u64,
}

/// A trade of an archive; price and quantity in units of 10⁻⁸.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoricalTrade {
    pub id: TradeId,
    pub kind: TradeKind,
    pub price: i128,
    pub quantity: i128,
    pub taker: Taker,
    pub trade_time: Timestamp,
}

/// A minute as the venue itself sums it up; prices and volumes in units of 10⁻⁸, quote volumes in 10⁻¹⁶.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VenueBar {
    pub open_time: Timestamp,
    pub open: i128,
    pub high: i128,
    pub low: i128,
    pub close: i128,
    pub volume: i128,
    pub quote_volume: i128,
    pub trades: u64,
    pub taker_buy_volume: i128,
    pub taker_buy_quote_volume: i128,
}

/// A trading day of a stock; prices in units of 10⁻¹⁸, the volume in 10⁻⁸.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyBar {
    /// Midnight UTC of the exchange's date.
    pub day: Timestamp,
    pub open: i128,
    pub high: i128,
    pub low: i128,
    pub close: i128,
    /// The close, adjusted for splits and dividends that came later.
    pub adjusted_close: Option<i128>,
    pub volume: i128,
}

/// A line, or a row of an answer, that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedLine {
    /// Its number within the source, from 1.
    pub line: u64,
    pub reason: DeadLetterReason,
    /// Where it is, what was found and what was expected.
    pub detail: String,
    pub bytes: Vec<u8>,
}

impl ChunkKind {
    pub const ALL: [Self; 5] =
        [Self::Klines, Self::AggregateTrades, Self::Trades, Self::KlinesAnswer, Self::DailyBars];

    /// The kind's name in the lake.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Klines => "klines",
            Self::AggregateTrades => "agg_trades",
            Self::Trades => "trades",
            Self::KlinesAnswer => "klines_answer",
            Self::DailyBars => "daily_bars",
        }
    }
}

impl Chunk {
    /// The number of the line after the last.
    #[must_use]
    pub const fn next_line(&self) -> u64 {
        self.first_line.saturating_add(self.lines)
    }
}
