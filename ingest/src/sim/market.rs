//! One generated market: order flow into a matching engine, and all that the venue publishes about it.
//!
//! Invariants: every change of a level has an update id of its own; a book ticker's id is that of the last change
//! behind it; trades, aggregate trades and bars tell of the same fills.

use std::collections::VecDeque;

use depthlake_orderbook::time::Timestamp;
use rand_distr::PoissonError;

use super::bars::{Bar, Bars, Trade};
use super::depth::{Depth, DepthDiff, PendingDiff, PriceLevel, Touch};
use super::flow::{Activity, OrderFlow, STEP_NANOSECONDS};
use super::listing::{Listing, Status};
use super::matching::{MatchingEngine, Side};
use super::spec::{MarketSpec, hash_of};
use super::stream::depth_intervals;
use crate::product::Product;

/// Trades the venue still answers from.
const TRADES_KEPT: usize = 1_000;
const SNAPSHOT_LEVELS: usize = 5_000;
const REFINEMENT: i64 = 10;

/// What a market publishes as it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MarketEvent {
    Trade(Trade),
    Aggregate(AggregateTrade),
    Ticker { update_id: u64, touch: Touch, time: Timestamp },
    ClosedBar { bar: Bar, time: Timestamp },
}

/// The fills of one order at one price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AggregateTrade {
    pub id: u64,
    pub price: i64,
    pub quantity: i64,
    pub first_trade: u64,
    pub last_trade: u64,
    pub time: Timestamp,
    pub buyer_is_maker: bool,
}

pub(super) struct Market {
    pub listing: Listing,
    product: Product,
    engine: MatchingEngine,
    flow: OrderFlow,
    last_update_id: u64,
    touch: Option<Touch>,
    pending: Vec<PendingDiff>,
    bars: Bars,
    bar_shown: Bar,
    trades: VecDeque<Trade>,
    last_trade_id: u64,
    aggregates: VecDeque<AggregateTrade>,
    last_aggregate_id: u64,
    halted_until: Option<Timestamp>,
    now: Timestamp,
    opening: Depth,
}

impl Market {
    /// A market with a full book, whose ids begin after `first_id`.
    ///
    /// # Errors
    /// As [`OrderFlow::new`].
    pub(super) fn open(
        spec: &MarketSpec,
        product: Product,
        rate: f64,
        seed: u64,
        start: Timestamp,
        first_id: u64,
    ) -> Result<Self, PoissonError> {
        let mut flow = OrderFlow::new(spec, rate, seed ^ hash_of(&spec.symbol))?;
        let mut engine = MatchingEngine::default();
        flow.open(&mut engine);
        let bars = Bars::new(start, spec.start_ticks * spec.tick_units);
        let mut market = Self {
            listing: Listing::of(spec, product),
            product,
            engine,
            flow,
            last_update_id: first_id,
            touch: None,
            pending: depth_intervals(product).iter().map(|ms| PendingDiff::new(*ms, first_id)).collect(),
            bar_shown: *bars.current(),
            bars,
            trades: VecDeque::new(),
            last_trade_id: first_id,
            aggregates: VecDeque::new(),
            last_aggregate_id: first_id,
            halted_until: None,
            now: start,
            opening: Depth { last_update_id: first_id, time: start, bids: Vec::new(), asks: Vec::new() },
        };
        market.opening = market.depth(SNAPSHOT_LEVELS);
        market.touch = market.current_touch();
        Ok(market)
    }

    /// Lets the step that begins at `start` happen and appends what it publishes to `events`.
    pub(super) fn step(&mut self, start: Timestamp, events: &mut Vec<MarketEvent>) {
        let end = Timestamp(start.0 + STEP_NANOSECONDS);
        self.now = end;
        if self.halted_until.is_some_and(|until| end < until) {
            return;
        }
        self.halted_until = None;
        self.listing.status = Status::Trading;
        let count = self.flow.step();
        let spacing = STEP_NANOSECONDS / (i64::try_from(count).unwrap_or(i64::MAX - 1) + 1);
        let mut time = start;
        for _ in 0..count {
            time = Timestamp(time.0 + spacing);
            let activity = self.flow.act(&mut self.engine);
            self.publish(&activity, time, events);
        }
        self.close_bars(end, events);
    }

    /// The diff of the depth stream of `interval` milliseconds, unless nothing happened since its last.
    pub(super) fn take_diff(&mut self, interval: u16) -> Option<DepthDiff> {
        let pending = self.pending.iter_mut().find(|pending| pending.interval == interval)?;
        let engine = &self.engine;
        let mut diff =
            pending.take(self.last_update_id, self.now, |side, tick| engine.lots_at(side, tick))?;
        if self.product == Product::Spot {
            diff.bids.reverse();
        }
        diff.bids = self.in_units(diff.bids);
        diff.asks = self.in_units(diff.asks);
        Some(diff)
    }

    /// The running bar, unless it is the same as when last asked.
    pub(super) fn take_running_bar(&mut self) -> Option<Bar> {
        let bar = *self.bars.current();
        (std::mem::replace(&mut self.bar_shown, bar) != bar).then_some(bar)
    }

    pub(super) fn depth(&self, levels: usize) -> Depth {
        Depth {
            last_update_id: self.last_update_id,
            time: self.now,
            bids: self.in_units(self.engine.depth(Side::Bid, levels)),
            asks: self.in_units(self.engine.depth(Side::Ask, levels)),
        }
    }

    /// The book the market opened with.
    pub(super) const fn opening(&self) -> &Depth {
        &self.opening
    }

    pub(super) const fn now(&self) -> Timestamp {
        self.now
    }

    pub(super) const fn is_halted(&self) -> bool {
        self.halted_until.is_some()
    }

    pub(super) fn latest_bars(&self, limit: usize) -> Vec<Bar> {
        self.bars.latest(limit)
    }

    pub(super) fn latest_trades(&self, limit: usize) -> Vec<Trade> {
        self.trades.iter().skip(self.trades.len().saturating_sub(limit)).copied().collect()
    }

    pub(super) fn latest_aggregates(&self, limit: usize) -> Vec<AggregateTrade> {
        self.aggregates.iter().skip(self.aggregates.len().saturating_sub(limit)).copied().collect()
    }

    /// Stops trading until `until`.
    pub(super) const fn halt(&mut self, until: Timestamp) {
        self.halted_until = Some(until);
        self.listing.status = Status::Halt;
    }

    /// Makes the tick ten times finer; false where the venue could not print it. Take the pending diffs first.
    pub(super) fn refine_tick(&mut self) -> bool {
        if !self.listing.refine(REFINEMENT) {
            return false;
        }
        self.engine.refine(REFINEMENT);
        self.flow.refine(REFINEMENT);
        true
    }

    fn publish(&mut self, activity: &Activity, time: Timestamp, events: &mut Vec<MarketEvent>) {
        for change in &activity.outcome.changes {
            self.last_update_id += self.id_step();
            for pending in &mut self.pending {
                pending.note(change, self.last_update_id);
            }
        }
        if !activity.outcome.fills.is_empty() {
            self.close_bars(time, events);
            self.publish_trades(activity, time, events);
        }
        let touch = self.current_touch();
        if touch != self.touch {
            self.touch = touch;
            let update_id = self.last_update_id;
            events.extend(touch.map(|touch| MarketEvent::Ticker { update_id, touch, time }));
        }
    }

    fn publish_trades(&mut self, activity: &Activity, time: Timestamp, events: &mut Vec<MarketEvent>) {
        let buyer_is_maker = activity.taker == Side::Ask;
        let mut aggregates: Vec<AggregateTrade> = Vec::new();
        for fill in &activity.outcome.fills {
            self.last_trade_id += 1;
            let trade = Trade {
                id: self.last_trade_id,
                price: fill.tick * self.listing.tick_units,
                quantity: fill.lots * self.listing.lot_units,
                time,
                buyer_is_maker,
            };
            self.bars.add(&trade);
            keep(&mut self.trades, trade);
            events.push(MarketEvent::Trade(trade));
            if let Some(aggregate) = aggregates.last_mut().filter(|last| last.price == trade.price) {
                aggregate.quantity += trade.quantity;
                aggregate.last_trade = trade.id;
                continue;
            }
            self.last_aggregate_id += 1;
            aggregates.push(AggregateTrade {
                id: self.last_aggregate_id,
                price: trade.price,
                quantity: trade.quantity,
                first_trade: trade.id,
                last_trade: trade.id,
                time,
                buyer_is_maker,
            });
        }
        for aggregate in aggregates {
            keep(&mut self.aggregates, aggregate);
            events.push(MarketEvent::Aggregate(aggregate));
        }
    }

    fn close_bars(&mut self, time: Timestamp, events: &mut Vec<MarketEvent>) {
        events.extend(self.bars.advance(time).into_iter().map(|bar| MarketEvent::ClosedBar { bar, time }));
    }

    /// Spot counts the updates of one book; the ids of futures count those of all books together.
    fn id_step(&self) -> u64 {
        match self.product {
            Product::Spot => 1,
            Product::UsdM | Product::CoinM => {
                1 + self.last_update_id.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 97
            }
        }
    }

    fn current_touch(&self) -> Option<Touch> {
        let unit = |(tick, lots)| (tick * self.listing.tick_units, lots * self.listing.lot_units);
        let (bid, ask) = (self.engine.best(Side::Bid)?, self.engine.best(Side::Ask)?);
        Some(Touch { bid: unit(bid), ask: unit(ask) })
    }

    fn in_units(&self, levels: Vec<PriceLevel>) -> Vec<PriceLevel> {
        let Listing { tick_units, lot_units, .. } = self.listing;
        levels.into_iter().map(|(tick, lots)| (tick * tick_units, lots * lot_units)).collect()
    }
}

fn keep<T>(latest: &mut VecDeque<T>, item: T) {
    if latest.len() == TRADES_KEPT {
        latest.pop_front();
    }
    latest.push_back(item);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::sim::spec::market_for;

    fn open(symbol: &str, product: Product) -> Market {
        Market::open(&market_for(symbol).unwrap(), product, 1.0, 5, Timestamp(0), 1_000).unwrap()
    }

    fn run(market: &mut Market, steps: std::ops::Range<i64>) -> Vec<MarketEvent> {
        let mut events = Vec::new();
        for step in steps {
            market.step(Timestamp(step * STEP_NANOSECONDS), &mut events);
        }
        events
    }

    #[test]
    fn diffs_chain_and_lead_from_one_book_to_the_next() {
        for product in [Product::Spot, Product::UsdM] {
            let mut market = open("BTCUSDT", product);
            let before = market.depth(usize::MAX);
            let mut bids: BTreeMap<i64, i64> = before.bids.into_iter().collect();
            let mut asks: BTreeMap<i64, i64> = before.asks.into_iter().collect();
            let mut id = before.last_update_id;
            let mut first_step = 0;
            for _ in 0..50 {
                let tickers = run(&mut market, first_step..first_step + 10);
                first_step += 10;
                let Some(diff) = market.take_diff(100) else { continue };
                assert_eq!(diff.previous_update_id, id);
                if product == Product::Spot {
                    assert_eq!(diff.first_update_id, id + 1);
                }
                id = diff.last_update_id;
                for (side, levels) in [(&mut bids, &diff.bids), (&mut asks, &diff.asks)] {
                    for (price, quantity) in levels {
                        set(side, *price, *quantity);
                    }
                }
                let touch = Touch {
                    bid: bids.last_key_value().map(|(p, q)| (*p, *q)).unwrap(),
                    ask: asks.first_key_value().map(|(p, q)| (*p, *q)).unwrap(),
                };
                for event in tickers {
                    if let MarketEvent::Ticker { update_id, touch: shown, .. } = event
                        && update_id == id
                    {
                        assert_eq!(shown, touch);
                    }
                }
            }
            let now = market.depth(usize::MAX);
            assert_eq!(now.last_update_id, id);
            assert_eq!(now.bids, bids.into_iter().rev().collect::<Vec<_>>());
            assert_eq!(now.asks, asks.into_iter().collect::<Vec<_>>());
        }
    }

    fn set(side: &mut BTreeMap<i64, i64>, price: i64, quantity: i64) {
        if quantity == 0 {
            side.remove(&price);
        } else {
            side.insert(price, quantity);
        }
    }

    /// A level that comes and goes between two diffs must be in the diff, or a snapshot taken meanwhile would keep it.
    #[test]
    fn a_diff_leads_on_from_any_book_taken_since_the_one_before() {
        let mut market = open("BTCUSDT", Product::Spot);
        for round in 0..50 {
            run(&mut market, round * 10..round * 10 + 5);
            let meanwhile = market.depth(usize::MAX);
            run(&mut market, round * 10 + 5..round * 10 + 10);
            let Some(diff) = market.take_diff(100) else { continue };
            let now = market.depth(usize::MAX);
            for (then, changes, now) in
                [(meanwhile.bids, diff.bids, now.bids), (meanwhile.asks, diff.asks, now.asks)]
            {
                let mut side: BTreeMap<i64, i64> = then.into_iter().collect();
                for (price, quantity) in changes {
                    set(&mut side, price, quantity);
                }
                assert_eq!(side, now.into_iter().collect());
            }
        }
    }

    #[test]
    fn aggregates_and_bars_tell_of_the_same_trades() {
        let mut market = open("ETHUSDT", Product::Spot);
        let events = run(&mut market, 0..6_100);
        let (mut traded, mut aggregated, mut barred) = (0_i128, 0_i128, 0_i128);
        let mut next_id = 1_001;
        for event in &events {
            match event {
                MarketEvent::Trade(trade) => {
                    assert_eq!(trade.id, next_id);
                    next_id += 1;
                    traded += i128::from(trade.quantity);
                }
                MarketEvent::Aggregate(aggregate) => aggregated += i128::from(aggregate.quantity),
                MarketEvent::ClosedBar { bar, .. } => barred += bar.volume,
                MarketEvent::Ticker { .. } => {}
            }
        }
        assert!(traded > 0);
        assert_eq!(traded, aggregated);
        assert_eq!(traded, barred + market.bars.current().volume);
        assert_eq!(market.latest_bars(5).len(), 2);
    }

    #[test]
    fn a_halted_market_is_silent_and_then_resumes() {
        let mut market = open("SOLUSDT", Product::Spot);
        market.halt(Timestamp(100 * STEP_NANOSECONDS));
        assert!(run(&mut market, 0..99).is_empty());
        assert_eq!(market.listing.status, Status::Halt);
        assert!(!run(&mut market, 99..200).is_empty());
        assert_eq!(market.listing.status, Status::Trading);
    }

    #[test]
    fn a_finer_tick_keeps_the_book_and_is_used() {
        let mut market = open("XRPUSDT", Product::Spot);
        let before = market.depth(usize::MAX);
        assert!(market.refine_tick());
        assert_eq!(market.depth(usize::MAX), before);
        run(&mut market, 0..200);
        let fine = market.depth(usize::MAX).bids.iter().filter(|(price, _)| price % 10_000 != 0).count();
        assert!(fine > 0);
    }
}
