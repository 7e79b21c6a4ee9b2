//! Between a [`BoardRow`] and the atomics of a [`Slot`].

use std::sync::atomic::{AtomicI64, AtomicU8, Ordering::Relaxed};

use depthlake_orderbook::decimal::{Price, Quantity, Scale};
use depthlake_orderbook::event::{Level, Taker, Touch, UpdateId};
use depthlake_orderbook::features::Features;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

use super::layout::{AtomicF64, AtomicLevel, NO_PRICE, Rung, SYMBOL_SIZE, Slot};
use super::row::{
    BoardLadder, BoardRow, BoardState, BoardTouch, BookPart, FeedCounters, FeedPart, LADDER_LEVELS, Ladder,
    LastTrade,
};
use super::seqlock::Versioned;

/// A value that no writer of this layout writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DamagedField {
    pub field: &'static str,
    pub found: u64,
}

impl Slot {
    /// Publishes `row`. Only the slot's one writer may call this.
    pub(super) fn write(&self, row: &BoardRow) {
        self.sequence.write(|| self.store(row));
    }

    /// Publishes a change of the book alone. Only the slot's one writer may call this.
    pub(super) fn write_book(&self, book: &BookPart<'_>) {
        self.sequence.write(|| self.store_book(book));
    }

    /// Publishes how the feed stands, alone. Only the slot's one writer may call this.
    pub(super) fn write_feed(&self, feed: &FeedPart) {
        self.sequence.write(|| self.store_feed(feed));
    }

    /// Publishes a trade alone. Only the slot's one writer may call this.
    pub(super) fn write_trade(&self, trade: &LastTrade) {
        self.sequence.write(|| self.store_trade(Some(*trade)));
    }

    /// Copies the whole slot into `row`, in place: moving a copy costs as much as making it. `None` if a write got in
    /// between.
    #[inline]
    pub(super) fn try_read(&self, row: &mut BoardRow) -> Option<Versioned<Result<(), DamagedField>>> {
        self.sequence.try_read(|| self.load(row))
    }

    /// Copies the slot's levels into `ladder`, in place, or gives `None` if a write got in between.
    #[inline]
    pub(super) fn try_ladder(&self, ladder: &mut BoardLadder) -> Option<Versioned<Result<(), DamagedField>>> {
        self.sequence.try_read(|| self.load_ladder(ladder))
    }

    /// A copy of the slot's first cache line, or `None` if a write got in between.
    #[inline]
    pub(super) fn try_touch(&self) -> Option<Versioned<Result<BoardTouch, DamagedField>>> {
        self.sequence.try_read(|| self.load_touch())
    }

    /// Names the slot; before the board is visible to anybody.
    pub(super) fn set_symbol(&self, symbol: Symbol) {
        for (place, byte) in self.symbol.iter().zip(symbol.as_str().bytes()) {
            place.store(byte, Relaxed);
        }
    }

    /// The bytes of the symbol, without the zeros that fill it up.
    pub(super) fn symbol_text(&self) -> String {
        let bytes: [u8; SYMBOL_SIZE] = self.symbol.each_ref().map(|byte| byte.load(Relaxed));
        String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_owned()
    }

    fn store(&self, row: &BoardRow) {
        self.price_scale.store(row.price_scale.decimals(), Relaxed);
        self.quantity_scale.store(row.quantity_scale.decimals(), Relaxed);
        self.store_book(&row.book());
        self.store_feed(&row.feed());
        self.store_trade(row.last_trade);
    }

    fn store_book(&self, book: &BookPart<'_>) {
        self.update_id.store(book.update_id.0, Relaxed);
        self.publish_time.store(book.publish_time.0, Relaxed);
        store_side(&self.bid_levels, self.rungs.iter().map(|rung| &rung.bid), book.bids);
        store_side(&self.ask_levels, self.rungs.iter().map(|rung| &rung.ask), book.asks);
        self.event_time.store(book.event_time.0, Relaxed);
        self.receive_time.store(book.receive_time.0, Relaxed);
        store_horizon(&self.bid_horizon, book.bid_horizon);
        store_horizon(&self.ask_horizon, book.ask_horizon);
        self.store_features(book.features);
    }

    fn store_feed(&self, feed: &FeedPart) {
        self.state.store(state_code(feed.state), Relaxed);
        self.epoch.store(feed.epoch, Relaxed);
        self.order_flow_imbalance.store(feed.order_flow_imbalance, Relaxed);
        self.store_counters(&feed.counters);
    }

    fn store_features(&self, features: Option<&Features>) {
        let Some(features) = features else {
            return self.clear_features();
        };
        self.mid.store(features.mid, Relaxed);
        self.spread_bps.store(features.spread_bps, Relaxed);
        self.microprice.store(features.microprice, Relaxed);
        store_all(&self.imbalance, &features.imbalance);
        store_all(&self.bid_depth, &features.bid_depth);
        store_all(&self.ask_depth, &features.ask_depth);
    }

    fn clear_features(&self) {
        for word in [&self.mid, &self.spread_bps, &self.microprice] {
            word.store(f64::NAN, Relaxed);
        }
        store_all(&self.imbalance, &[None; 4]);
        store_all(&self.bid_depth, &[None; 3]);
        store_all(&self.ask_depth, &[None; 3]);
    }

    fn store_trade(&self, trade: Option<LastTrade>) {
        self.trade_taker.store(taker_code(trade.map(|trade| trade.taker)), Relaxed);
        if let Some(trade) = trade {
            self.trade_price.store(trade.price.0, Relaxed);
            self.trade_quantity.store(trade.quantity.0, Relaxed);
            self.trade_time.store(trade.time.0, Relaxed);
        }
    }

    fn store_counters(&self, counters: &FeedCounters) {
        self.events_applied.store(counters.events_applied, Relaxed);
        self.gaps.store(counters.gaps, Relaxed);
        self.resyncs.store(counters.resyncs, Relaxed);
        self.dead_letters.store(counters.dead_letters, Relaxed);
        self.ticker_agreements.store(counters.ticker_agreements, Relaxed);
        self.ticker_disagreements.store(counters.ticker_disagreements, Relaxed);
    }

    fn load(&self, row: &mut BoardRow) -> Result<(), DamagedField> {
        row.state = load_state(&self.state)?;
        row.epoch = self.epoch.load(Relaxed);
        row.price_scale = load_scale("price_scale", &self.price_scale)?;
        row.quantity_scale = load_scale("quantity_scale", &self.quantity_scale)?;
        row.update_id = UpdateId(self.update_id.load(Relaxed));
        row.event_time = Timestamp(self.event_time.load(Relaxed));
        row.receive_time = Timestamp(self.receive_time.load(Relaxed));
        row.publish_time = Timestamp(self.publish_time.load(Relaxed));
        self.load_side("bid_levels", &self.bid_levels, |rung| &rung.bid, &mut row.bids)?;
        self.load_side("ask_levels", &self.ask_levels, |rung| &rung.ask, &mut row.asks)?;
        row.bid_horizon = load_horizon(&self.bid_horizon);
        row.ask_horizon = load_horizon(&self.ask_horizon);
        row.features = self.load_features(&row.bids, &row.asks);
        row.order_flow_imbalance = self.order_flow_imbalance.load(Relaxed);
        row.last_trade = self.load_trade()?;
        row.counters = self.load_counters();
        Ok(())
    }

    fn load_ladder(&self, ladder: &mut BoardLadder) -> Result<(), DamagedField> {
        ladder.state = load_state(&self.state)?;
        ladder.price_scale = load_scale("price_scale", &self.price_scale)?;
        ladder.quantity_scale = load_scale("quantity_scale", &self.quantity_scale)?;
        ladder.update_id = UpdateId(self.update_id.load(Relaxed));
        ladder.publish_time = Timestamp(self.publish_time.load(Relaxed));
        self.load_side("bid_levels", &self.bid_levels, |rung| &rung.bid, &mut ladder.bids)?;
        self.load_side("ask_levels", &self.ask_levels, |rung| &rung.ask, &mut ladder.asks)
    }

    fn load_touch(&self) -> Result<BoardTouch, DamagedField> {
        let [best, ..] = &self.rungs;
        Ok(BoardTouch {
            state: load_state(&self.state)?,
            price_scale: load_scale("price_scale", &self.price_scale)?,
            quantity_scale: load_scale("quantity_scale", &self.quantity_scale)?,
            update_id: UpdateId(self.update_id.load(Relaxed)),
            publish_time: Timestamp(self.publish_time.load(Relaxed)),
            bid: (self.bid_levels.load(Relaxed) > 0).then(|| load_level(&best.bid)),
            ask: (self.ask_levels.load(Relaxed) > 0).then(|| load_level(&best.ask)),
        })
    }

    /// All levels are loaded, however many there are: nearly always that is all of them, and a loop of fixed length has no
    /// branches.
    #[inline]
    fn load_side(
        &self,
        field: &'static str,
        count: &AtomicU8,
        side: fn(&Rung) -> &AtomicLevel,
        ladder: &mut Ladder,
    ) -> Result<(), DamagedField> {
        let count = usize::from(count.load(Relaxed));
        if count > LADDER_LEVELS {
            return Err(DamagedField { field, found: count as u64 });
        }
        ladder.refill(|places| {
            for (level, rung) in places.iter_mut().zip(&self.rungs) {
                *level = load_level(side(rung));
            }
            count
        });
        Ok(())
    }

    fn load_features(&self, bids: &Ladder, asks: &Ladder) -> Option<Features> {
        let touch = Touch { bid: *bids.first()?, ask: *asks.first()? };
        let mid = self.mid.load(Relaxed);
        (!mid.is_nan()).then(|| Features {
            touch,
            mid,
            // Wrapping, for levels of two writes may meet here, in a copy that is then discarded.
            spread: Price(touch.ask.price.0.wrapping_sub(touch.bid.price.0)),
            spread_bps: self.spread_bps.load(Relaxed),
            microprice: self.microprice.load(Relaxed),
            imbalance: load_all(&self.imbalance),
            bid_depth: load_all(&self.bid_depth),
            ask_depth: load_all(&self.ask_depth),
        })
    }

    fn load_trade(&self) -> Result<Option<LastTrade>, DamagedField> {
        let taker = match self.trade_taker.load(Relaxed) {
            0 => return Ok(None),
            1 => Taker::Buyer,
            2 => Taker::Seller,
            other => return Err(DamagedField { field: "trade_taker", found: u64::from(other) }),
        };
        Ok(Some(LastTrade {
            price: Price(self.trade_price.load(Relaxed)),
            quantity: Quantity(self.trade_quantity.load(Relaxed)),
            taker,
            time: Timestamp(self.trade_time.load(Relaxed)),
        }))
    }

    fn load_counters(&self) -> FeedCounters {
        FeedCounters {
            events_applied: self.events_applied.load(Relaxed),
            gaps: self.gaps.load(Relaxed),
            resyncs: self.resyncs.load(Relaxed),
            dead_letters: self.dead_letters.load(Relaxed),
            ticker_agreements: self.ticker_agreements.load(Relaxed),
            ticker_disagreements: self.ticker_disagreements.load(Relaxed),
        }
    }
}

const fn state_code(state: BoardState) -> u8 {
    match state {
        BoardState::Waiting => 0,
        BoardState::Live => 1,
        BoardState::Resyncing => 2,
        BoardState::Stale => 3,
        BoardState::Halted => 4,
    }
}

fn load_state(word: &AtomicU8) -> Result<BoardState, DamagedField> {
    match word.load(Relaxed) {
        0 => Ok(BoardState::Waiting),
        1 => Ok(BoardState::Live),
        2 => Ok(BoardState::Resyncing),
        3 => Ok(BoardState::Stale),
        4 => Ok(BoardState::Halted),
        other => Err(DamagedField { field: "state", found: u64::from(other) }),
    }
}

const fn taker_code(taker: Option<Taker>) -> u8 {
    match taker {
        None => 0,
        Some(Taker::Buyer) => 1,
        Some(Taker::Seller) => 2,
    }
}

fn load_scale(field: &'static str, word: &AtomicU8) -> Result<Scale, DamagedField> {
    let decimals = word.load(Relaxed);
    Scale::new(decimals).ok_or(DamagedField { field, found: u64::from(decimals) })
}

fn store_side<'a>(count: &AtomicU8, places: impl Iterator<Item = &'a AtomicLevel>, levels: &[Level]) {
    let mut stored = 0;
    for (place, level) in places.zip(levels) {
        place.price.store(level.price.0, Relaxed);
        place.quantity.store(level.quantity.0, Relaxed);
        stored += 1;
    }
    count.store(stored, Relaxed);
}

fn load_level(place: &AtomicLevel) -> Level {
    Level { price: Price(place.price.load(Relaxed)), quantity: Quantity(place.quantity.load(Relaxed)) }
}

fn store_horizon(word: &AtomicI64, horizon: Option<Price>) {
    word.store(horizon.map_or(NO_PRICE, |price| price.0), Relaxed);
}

fn load_horizon(word: &AtomicI64) -> Option<Price> {
    let price = word.load(Relaxed);
    (price != NO_PRICE).then_some(Price(price))
}

fn store_all<const N: usize>(words: &[AtomicF64; N], values: &[Option<f64>; N]) {
    for (word, value) in words.iter().zip(values) {
        word.store(value.unwrap_or(f64::NAN), Relaxed);
    }
}

fn load_all<const N: usize>(words: &[AtomicF64; N]) -> [Option<f64>; N] {
    words.each_ref().map(|word| Some(word.load(Relaxed)).filter(|value| !value.is_nan()))
}
