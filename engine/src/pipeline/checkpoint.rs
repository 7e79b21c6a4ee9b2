//! The state of a pipeline as bytes, so that a restart need not derive everything again from the start of the log.
//!
//! Books are large, so they need not all be taken at once: each carries its own place in the raw stream, and messages
//! before that place are passed over for it.

mod format;

use depthlake_orderbook::bars::{Bar, Bars, Watermark};
use depthlake_orderbook::decimal::{Price, Quantity, Scale};
use depthlake_orderbook::event::{Level, Snapshot, TradeId, UpdateId};
use depthlake_orderbook::instrument::{Instrument, TradingStatus};
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::sync::{Position, SyncState, SyncedBook};
use depthlake_orderbook::time::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::symbol_book::SymbolBook;

/// Why bytes are no checkpoint.
#[derive(Debug, Error)]
pub enum CheckpointError {
    #[error("a checkpoint does not decode: {0}")]
    Encoding(#[from] postcard::Error),
    #[error("a checkpoint has version {} of its format; up to {latest} is understood", .found.unwrap_or_default())]
    Version { found: Option<u8>, latest: u8 },
    #[error("a checkpoint holds the instrument {0:?}, which is none")]
    Instrument(String),
}

/// The state of one partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The offset of the order-book stream behind which everything is read again; books may be further.
    pub orderbook_offset: u64,
    pub books: Vec<BookCheckpoint>,
    pub trades: TradeCheckpoint,
}

/// A symbol's book and its place in the raw stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BookCheckpoint {
    instrument: InstrumentState,
    next_offset: u64,
    epoch: u32,
    /// `None` where the book was not live: the messages kept for it, from `next_offset` on, are read again.
    live: Option<LiveState>,
    /// When the message was received by which the book ceased to be live.
    not_live_since: Option<i64>,
}

/// The open bars of a partition and their place in the raw stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TradeCheckpoint {
    next_offset: u64,
    latest: i64,
    begins: bool,
    symbols: Vec<SymbolBars>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct SymbolBars {
    instrument: InstrumentState,
    open: Vec<BarState>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct InstrumentState {
    symbol: String,
    price_decimals: u8,
    quantity_decimals: u8,
    tick: i64,
    step: i64,
    is_trading: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct LiveState {
    is_fresh: bool,
    update_id: u64,
    bids: Vec<(i64, i64)>,
    asks: Vec<(i64, i64)>,
    bid_horizon: Option<i64>,
    ask_horizon: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct BarState {
    open_time: i64,
    prices: [i64; 4],
    volumes: [i128; 4],
    trades: u64,
    first_trade: u64,
    last_trade: u64,
    event_time: i64,
    received: i64,
}

impl Checkpoint {
    /// # Errors
    /// [`CheckpointError`] where memory does not suffice.
    pub fn encode(&self) -> Result<Vec<u8>, CheckpointError> {
        Ok(postcard::to_extend(self, format::header())?)
    }

    /// The inverse of [`Checkpoint::encode`], of this version of the format and those before.
    ///
    /// # Errors
    /// [`CheckpointError`] where the bytes are none of its results.
    pub fn decode(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let checkpoint = format::decode(bytes)?;
        let books = checkpoint.books.iter().map(|book| &book.instrument);
        let trades = checkpoint.trades.symbols.iter().map(|bars| &bars.instrument);
        match books.chain(trades).find(|state| state.instrument().is_none()) {
            Some(state) => Err(CheckpointError::Instrument(state.symbol.clone())),
            None => Ok(checkpoint),
        }
    }

    /// The first offset of the order-book stream that is not in the checkpoint whole.
    #[must_use]
    pub fn orderbook_offset(&self) -> u64 {
        let books = self.books.iter().map(|book| book.next_offset);
        books.fold(self.orderbook_offset, u64::min)
    }

    /// The first offset of the trade stream that is not in the checkpoint.
    #[must_use]
    pub const fn trade_offset(&self) -> u64 {
        self.trades.next_offset
    }
}

impl BookCheckpoint {
    pub(super) fn of(book: &SymbolBook, next_offset: u64) -> Self {
        let synced = &book.synced;
        let live = (synced.state() == SyncState::Live).then(|| LiveState::of(synced));
        let next_offset = match synced.first_kept() {
            Some(first) if live.is_none() => first.provenance.offset,
            _ => next_offset,
        };
        Self {
            instrument: InstrumentState::of(&book.instrument),
            next_offset,
            epoch: synced.epoch(),
            live,
            not_live_since: book.not_live_since.map(|time| time.0),
        }
    }

    pub(super) const fn next_offset(&self) -> u64 {
        self.next_offset
    }

    pub(super) fn not_live_since(&self) -> Option<Timestamp> {
        self.not_live_since.map(Timestamp)
    }

    pub(super) fn instrument(&self) -> Option<Instrument> {
        self.instrument.instrument()
    }

    pub(super) fn synced_book(&self) -> SyncedBook {
        match &self.live {
            Some(live) => {
                let position = Position { epoch: self.epoch, fresh: live.is_fresh };
                SyncedBook::restored(&live.snapshot(), position)
            }
            None => SyncedBook::lost(self.epoch),
        }
    }
}

impl TradeCheckpoint {
    pub(super) const fn new(
        next_offset: u64,
        watermark: Watermark,
        begins: bool,
        symbols: Vec<SymbolBars>,
    ) -> Self {
        Self { next_offset, latest: watermark.latest().0, begins, symbols }
    }

    /// Whether a session began of which no trade was seen yet.
    pub(super) const fn begins(&self) -> bool {
        self.begins
    }

    pub(super) const fn next_offset(&self) -> u64 {
        self.next_offset
    }

    pub(super) const fn watermark(&self) -> Watermark {
        Watermark::at(Timestamp(self.latest))
    }

    pub(super) fn symbols(&self) -> impl Iterator<Item = (Instrument, Bars)> {
        self.symbols.iter().filter_map(|symbol| {
            let bars = Bars::restored(symbol.open.iter().map(BarState::bar));
            Some((symbol.instrument.instrument()?, bars))
        })
    }
}

impl SymbolBars {
    pub(super) fn of(instrument: &Instrument, bars: &Bars) -> Self {
        Self { instrument: InstrumentState::of(instrument), open: bars.open().map(BarState::of).collect() }
    }
}

impl InstrumentState {
    fn of(instrument: &Instrument) -> Self {
        Self {
            symbol: instrument.symbol.to_string(),
            price_decimals: instrument.price_scale.decimals(),
            quantity_decimals: instrument.quantity_scale.decimals(),
            tick: instrument.tick.0,
            step: instrument.step.0,
            is_trading: instrument.status == TradingStatus::Trading,
        }
    }

    fn instrument(&self) -> Option<Instrument> {
        Some(Instrument {
            symbol: Symbol::new(&self.symbol).ok()?,
            price_scale: Scale::new(self.price_decimals)?,
            quantity_scale: Scale::new(self.quantity_decimals)?,
            tick: Price(self.tick),
            step: Quantity(self.step),
            status: if self.is_trading { TradingStatus::Trading } else { TradingStatus::Halted },
        })
    }
}

impl LiveState {
    fn of(synced: &SyncedBook) -> Self {
        let snapshot = synced.book().to_snapshot();
        let pairs = |levels: &[Level]| levels.iter().map(|level| (level.price.0, level.quantity.0)).collect();
        Self {
            is_fresh: synced.position().fresh,
            update_id: snapshot.last_update_id.0,
            bids: pairs(&snapshot.bids),
            asks: pairs(&snapshot.asks),
            bid_horizon: snapshot.bid_horizon.map(|price| price.0),
            ask_horizon: snapshot.ask_horizon.map(|price| price.0),
        }
    }

    fn snapshot(&self) -> Snapshot {
        let levels = |pairs: &[(i64, i64)]| {
            pairs
                .iter()
                .map(|&(price, quantity)| Level { price: Price(price), quantity: Quantity(quantity) })
                .collect()
        };
        Snapshot {
            last_update_id: UpdateId(self.update_id),
            bids: levels(&self.bids),
            asks: levels(&self.asks),
            bid_horizon: self.bid_horizon.map(Price),
            ask_horizon: self.ask_horizon.map(Price),
        }
    }
}

impl BarState {
    fn of(bar: &Bar) -> Self {
        Self {
            open_time: bar.open_time.0,
            prices: [bar.open, bar.high, bar.low, bar.close].map(|price| price.0),
            volumes: [bar.volume, bar.quote_volume, bar.taker_buy_volume, bar.taker_buy_quote_volume],
            trades: bar.trades,
            first_trade: bar.first_trade.0,
            last_trade: bar.last_trade.0,
            event_time: bar.event_time.0,
            received: bar.received.0,
        }
    }

    fn bar(&self) -> Bar {
        let [open, high, low, close] = self.prices.map(Price);
        let [volume, quote_volume, taker_buy_volume, taker_buy_quote_volume] = self.volumes;
        Bar {
            open_time: Timestamp(self.open_time),
            open,
            high,
            low,
            close,
            volume,
            quote_volume,
            trades: self.trades,
            taker_buy_volume,
            taker_buy_quote_volume,
            first_trade: TradeId(self.first_trade),
            last_trade: TradeId(self.last_trade),
            event_time: Timestamp(self.event_time),
            received: Timestamp(self.received),
        }
    }
}
