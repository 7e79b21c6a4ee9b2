//! Takes what a shard's pipelines give: books to those who look, records to the ring towards the log, needs to the venue.

use std::collections::VecDeque;

use depthlake_orderbook::book::Side;
use depthlake_orderbook::decimal::Scale;
use depthlake_orderbook::event::Trade;
use depthlake_orderbook::instrument::{Instrument, TradingStatus};
use depthlake_orderbook::record::{Derived, Trigger};
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::sync::SyncState;
use rtrb::{Producer, PushError};

use super::{NeedSink, Outbound};
use crate::board::{BoardRow, BoardState, FeedCounters, LastTrade};
use crate::clock;
use crate::events::{Event, EventWriter};
use crate::live_books::Outlet;
use crate::pipeline::{BookStatus, Changed, Need, Output};
use crate::symbol_map::SymbolMap;

/// Everything downstream of a shard. Nothing here waits: what the ring has no room for waits in memory, in order.
pub(super) struct Publisher {
    books: SymbolMap<ShownBook>,
    events: EventWriter,
    outbound: Producer<Outbound>,
    spilled: VecDeque<Outbound>,
    /// How many records the ring had no room for at once.
    pub(super) spill_count: u64,
    needs: NeedSink,
}

struct ShownBook {
    outlet: Outlet,
    row: BoardRow,
    /// The book has changed since the row was published.
    is_changed: bool,
}

impl Publisher {
    pub(super) fn new(
        outlets: Vec<Outlet>,
        events: EventWriter,
        outbound: Producer<Outbound>,
        needs: NeedSink,
    ) -> Self {
        let shown = |outlet: Outlet| (outlet.slot.symbol(), ShownBook::new(outlet));
        Self {
            books: outlets.into_iter().map(shown).collect(),
            events,
            outbound,
            spilled: VecDeque::new(),
            spill_count: 0,
            needs,
        }
    }

    pub(super) fn send(&mut self, outbound: Outbound) {
        if self.spilled.is_empty() {
            if let Err(PushError::Full(outbound)) = self.outbound.push(outbound) {
                self.spill(outbound);
            }
        } else {
            self.spill(outbound);
        }
    }

    /// Moves what waits in memory to the ring, as far as there is room. `true` when nothing waits any more.
    pub(super) fn drain_spilled(&mut self) -> bool {
        while let Some(outbound) = self.spilled.pop_front() {
            if let Err(PushError::Full(outbound)) = self.outbound.push(outbound) {
                self.spilled.push_front(outbound);
                return false;
            }
        }
        true
    }

    /// Whether nobody takes records any more.
    pub(super) fn is_abandoned(&self) -> bool {
        self.outbound.is_abandoned()
    }

    fn spill(&mut self, outbound: Outbound) {
        self.spill_count += 1;
        self.spilled.push_back(outbound);
    }
}

impl Output for Publisher {
    fn derived(&mut self, trigger: Trigger, record: Derived) {
        let symbol = match &record {
            Derived::Bar(bar) => Some(bar.instrument.symbol),
            Derived::Feed(event) => event.symbol,
            Derived::Book(_) | Derived::Trade(_) | Derived::DeadLetter(_) => None,
        };
        if let Some(book) = symbol.and_then(|symbol| self.books.get(symbol))
            && let Some(event) = Event::of_record(book.outlet.id, &record, clock::now())
        {
            self.events.publish(&event);
        }
        self.send(Outbound::Record(trigger, record));
    }

    fn book(&mut self, changed: Changed<'_>) {
        if let Some(book) = self.books.get_mut(changed.instrument.symbol) {
            book.change(&changed);
        }
    }

    fn status(&mut self, instrument: &Instrument, status: &BookStatus) {
        let Some(book) = self.books.get_mut(instrument.symbol) else { return };
        book.tell(instrument, status);
        book.publish();
        if std::mem::take(&mut book.is_changed) {
            self.events.publish(&Event::of_book(book.outlet.id, &book.row));
        }
    }

    fn trade(&mut self, instrument: &Instrument, trade: &Trade) {
        let Some(book) = self.books.get_mut(instrument.symbol) else { return };
        book.row.last_trade = Some(LastTrade {
            price: trade.price,
            quantity: trade.quantity,
            taker: trade.taker,
            time: trade.trade_time,
        });
        book.publish();
        self.events.publish(&Event::of_trade(book.outlet.id, instrument, trade, book.row.publish_time));
    }

    fn need(&mut self, symbol: Symbol, need: Need) {
        (self.needs)(symbol, need);
    }
}

impl ShownBook {
    fn new(outlet: Outlet) -> Self {
        Self { outlet, row: BoardRow::waiting(Scale::default(), Scale::default()), is_changed: false }
    }

    fn change(&mut self, changed: &Changed<'_>) {
        let &Changed { instrument, book, top, update, features, event_time, received } = changed;
        match update {
            Some(update) => self.outlet.journal.apply(instrument, book, update),
            None => self.outlet.journal.load(instrument, book, event_time, received),
        }
        self.count_in_units_of(instrument);
        let row = &mut self.row;
        row.update_id = book.update_id();
        row.event_time = event_time;
        row.receive_time = received;
        row.bids = top.bids;
        row.asks = top.asks;
        row.bid_horizon = book.horizon(Side::Bid);
        row.ask_horizon = book.horizon(Side::Ask);
        row.features = features.copied();
        self.is_changed = true;
    }

    fn tell(&mut self, instrument: &Instrument, status: &BookStatus) {
        self.count_in_units_of(instrument);
        let row = &mut self.row;
        row.state = board_state(status);
        row.epoch = u64::from(status.epoch);
        row.order_flow_imbalance = instrument.quantity_scale.to_f64(status.order_flow);
        row.counters = FeedCounters {
            events_applied: status.applied,
            gaps: status.gaps,
            resyncs: u64::from(status.epoch.saturating_sub(1)),
            dead_letters: status.dead_letters,
            ticker_agreements: status.tickers.agreed,
            ticker_disagreements: status.tickers.disagreed,
        };
        self.outlet.journal.state(row.state);
    }

    /// Forgets what was shown so far where it counts in other units.
    fn count_in_units_of(&mut self, instrument: &Instrument) {
        let scales = (instrument.price_scale, instrument.quantity_scale);
        if (self.row.price_scale, self.row.quantity_scale) != scales {
            self.row = BoardRow::waiting(scales.0, scales.1);
        }
    }

    fn publish(&mut self) {
        self.row.publish_time = clock::now();
        self.outlet.slot.write(&self.row);
    }
}

fn board_state(status: &BookStatus) -> BoardState {
    match (status.sync, status.trading, status.is_silent) {
        (SyncState::Buffering, ..) => BoardState::Waiting,
        (SyncState::Resyncing, ..) => BoardState::Resyncing,
        (SyncState::Live, TradingStatus::Halted, _) => BoardState::Halted,
        (SyncState::Live, TradingStatus::Trading, true) => BoardState::Stale,
        (SyncState::Live, TradingStatus::Trading, false) => BoardState::Live,
    }
}
