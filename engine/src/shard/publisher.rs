//! Takes what a shard's pipelines give: books to those who look, records to the ring towards the log, needs to the venue.

use std::collections::VecDeque;

use depthlake_orderbook::book::Side;
use depthlake_orderbook::decimal::{Price, Quantity, Scale};
use depthlake_orderbook::event::Trade;
use depthlake_orderbook::instrument::{Instrument, TradingStatus};
use depthlake_orderbook::record::{Derived, Trigger};
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::sync::SyncState;
use rtrb::{Producer, PushError};

use super::metrics::PublisherCells;
use super::worker::OUTBOUND_CAPACITY;
use super::{NeedSink, Outbound};
use crate::board::{BoardRow, BoardState, BookPart, FeedCounters, FeedPart, LastTrade};
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
    pub(super) cells: PublisherCells,
    /// Whether records go to the log; those of a message that is not kept there do not.
    pub(super) keeps_records: bool,
    needs: NeedSink,
}

struct ShownBook {
    outlet: Outlet,
    scales: (Scale, Scale),
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
            cells: PublisherCells::default(),
            keeps_records: true,
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

    /// Shows how full the ring is.
    pub(super) fn show_ring(&self) {
        let records = OUTBOUND_CAPACITY.saturating_sub(self.outbound.slots());
        self.cells.saw_ring(records, self.spilled.len());
    }

    /// Whether nobody takes records any more.
    pub(super) fn is_abandoned(&self) -> bool {
        self.outbound.is_abandoned()
    }

    fn spill(&mut self, outbound: Outbound) {
        self.cells.spill();
        self.spilled.push_back(outbound);
    }
}

impl Output for Publisher {
    fn derived(&mut self, trigger: Trigger, record: Derived) {
        self.cells.derived(&record);
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
        if self.keeps_records {
            self.send(Outbound::Record(trigger, record));
        }
    }

    fn book(&mut self, changed: Changed<'_>) {
        if let Some(book) = self.books.get_mut(changed.instrument.symbol) {
            book.change(&changed, &mut self.events);
        }
    }

    fn status(&mut self, instrument: &Instrument, status: &BookStatus) {
        if let Some(book) = self.books.get_mut(instrument.symbol) {
            book.tell(instrument, status);
        }
    }

    fn trade(&mut self, instrument: &Instrument, trade: &Trade) {
        let Some(book) = self.books.get_mut(instrument.symbol) else { return };
        let now = clock::now();
        if let Some(last) = book.in_its_units(instrument, trade) {
            book.outlet.slot.write_trade(&last);
        }
        self.events.publish(&Event::of_trade(book.outlet.id, instrument, trade, now));
    }

    fn need(&mut self, symbol: Symbol, need: Need) {
        (self.needs)(symbol, need);
    }
}

impl ShownBook {
    fn new(outlet: Outlet) -> Self {
        Self { outlet, scales: (Scale::default(), Scale::default()) }
    }

    /// The board first, so that who is told of the change finds it there.
    fn change(&mut self, changed: &Changed<'_>, events: &mut EventWriter) {
        let &Changed { instrument, book, top, update, features, event_time, received } = changed;
        self.count_in_units_of(instrument);
        let part = BookPart {
            update_id: book.update_id(),
            event_time,
            receive_time: received,
            publish_time: clock::now(),
            bids: &top.bids,
            asks: &top.asks,
            bid_horizon: book.horizon(Side::Bid),
            ask_horizon: book.horizon(Side::Ask),
            features,
        };
        self.outlet.slot.write_book(&part);
        events.publish(&Event::of_book(self.outlet.id, instrument, &part));
        match update {
            Some(update) => self.outlet.journal.apply(instrument, book, update),
            None => self.outlet.journal.load(instrument, book, event_time, received),
        }
    }

    fn tell(&mut self, instrument: &Instrument, status: &BookStatus) {
        self.count_in_units_of(instrument);
        let state = board_state(status);
        self.outlet.slot.write_feed(&FeedPart {
            state,
            epoch: u64::from(status.epoch),
            order_flow_imbalance: instrument.quantity_scale.to_f64(status.order_flow),
            counters: FeedCounters {
                events_applied: status.applied,
                gaps: status.gaps,
                resyncs: u64::from(status.epoch.saturating_sub(1)),
                dead_letters: status.dead_letters,
                ticker_agreements: status.tickers.agreed,
                ticker_disagreements: status.tickers.disagreed,
            },
        });
        self.outlet.journal.state(state);
    }

    /// A trade as the board counts, which may be in finer units; `None` where it cannot be counted so.
    fn in_its_units(&self, instrument: &Instrument, trade: &Trade) -> Option<LastTrade> {
        Some(LastTrade {
            price: Price(instrument.price_scale.rescale(trade.price.0, self.scales.0)?),
            quantity: Quantity(instrument.quantity_scale.rescale(trade.quantity.0, self.scales.1)?),
            taker: trade.taker,
            time: trade.trade_time,
        })
    }

    /// Forgets what was shown so far where it counts in other units.
    fn count_in_units_of(&mut self, instrument: &Instrument) {
        let scales = (instrument.price_scale, instrument.quantity_scale);
        if self.scales != scales {
            self.scales = scales;
            self.outlet.slot.write(&BoardRow::waiting(scales.0, scales.1));
        }
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
