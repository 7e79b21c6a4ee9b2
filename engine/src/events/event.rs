//! What subscribers are told.

use depthlake_orderbook::bars::Bar;
use depthlake_orderbook::decimal::{Price, Quantity, Scale};
use depthlake_orderbook::event::{Level, Taker, Trade, TradeId, TradeKind, UpdateId};
use depthlake_orderbook::instrument::Instrument;
use depthlake_orderbook::record::{BarRecord, Derived, FeedEvent, FeedEventKind};
use depthlake_orderbook::symbol::SymbolId;
use depthlake_orderbook::time::Timestamp;

use crate::board::BookPart;

/// Something that happened to one symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Resolved by [`super::EventFeed::symbol`].
    pub symbol: SymbolId,
    /// The venue's time; the time of receipt where the venue gives none.
    pub event_time: Timestamp,
    /// When the message that brought it about was received.
    pub receive_time: Timestamp,
    /// When it was told.
    pub publish_time: Timestamp,
    pub what: Happening,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// A book changed, by an update or a snapshot. Each change is told, also where the touch stays.
    Book { scales: Scales, update_id: UpdateId, bid: Option<Level>, ask: Option<Level> },
    Trade {
        scales: Scales,
        id: TradeId,
        kind: TradeKind,
        price: Price,
        quantity: Quantity,
        taker: Taker,
        trade_time: Timestamp,
    },
    /// A minute was closed. Its event time is that of its last trade, its time of receipt that of the message that closed it.
    Bar { scales: Scales, bar: Bar },
    /// Updates are missing: the book stands still until a [`Happening::Resync`]. The ids are unknown where an event could not
    /// be used for another reason.
    Gap { expected: Option<UpdateId>, received: Option<UpdateId> },
    /// The book is live again, on a new snapshot.
    Resync { update_id: UpdateId },
}

/// What the prices and quantities of an event are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scales {
    pub price: Scale,
    pub quantity: Scale,
}

impl Scales {
    #[must_use]
    pub const fn of(instrument: &Instrument) -> Self {
        Self { price: instrument.price_scale, quantity: instrument.quantity_scale }
    }
}

impl Event {
    /// The event of a book that changed, as its board shows it.
    #[must_use]
    #[inline]
    pub fn of_book(symbol: SymbolId, instrument: &Instrument, book: &BookPart<'_>) -> Self {
        let what = Happening::Book {
            scales: Scales::of(instrument),
            update_id: book.update_id,
            bid: book.bids.first().copied(),
            ask: book.asks.first().copied(),
        };
        let BookPart { event_time, receive_time, publish_time, .. } = *book;
        Self { symbol, event_time, receive_time, publish_time, what }
    }

    /// The event of a trade.
    #[must_use]
    pub const fn of_trade(
        symbol: SymbolId,
        instrument: &Instrument,
        trade: &Trade,
        publish_time: Timestamp,
    ) -> Self {
        let &Trade { id, kind, price, quantity, taker, trade_time, event_time, provenance } = trade;
        let scales = Scales::of(instrument);
        let what = Happening::Trade { scales, id, kind, price, quantity, taker, trade_time };
        Self { symbol, event_time, receive_time: provenance.received, publish_time, what }
    }

    /// The event of a record of `symbol`; only bars, gaps and resyncs have one, for books and trades have their own.
    #[must_use]
    pub fn of_record(symbol: SymbolId, record: &Derived, publish_time: Timestamp) -> Option<Self> {
        match record {
            Derived::Bar(BarRecord { instrument, bar, provenance }) => Some(Self {
                symbol,
                event_time: bar.event_time,
                receive_time: provenance.received,
                publish_time,
                what: Happening::Bar { scales: Scales::of(instrument), bar: *bar },
            }),
            Derived::Feed(feed) => Self::of_feed(symbol, feed, publish_time),
            Derived::Book(_) | Derived::Trade(_) | Derived::DeadLetter(_) => None,
        }
    }

    fn of_feed(symbol: SymbolId, feed: &FeedEvent, publish_time: Timestamp) -> Option<Self> {
        let what = match feed.kind {
            FeedEventKind::Gap => Happening::Gap { expected: feed.expected, received: feed.received },
            FeedEventKind::Resync => Happening::Resync { update_id: feed.received? },
            _ => return None,
        };
        let receive_time = feed.provenance.received;
        let event_time = feed.event_time.unwrap_or(receive_time);
        Some(Self { symbol, event_time, receive_time, publish_time, what })
    }
}
