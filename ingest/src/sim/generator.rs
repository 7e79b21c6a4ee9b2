//! The generated source: one task that moves all markets on by a step every ten milliseconds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use depthlake_orderbook::time::Timestamp;
use serde_json::Value;
use tokio::time::{MissedTickBehavior, interval};

use super::bars::{Bar, Trade};
use super::clock::now;
use super::config::VenueError;
use super::depth::Depth;
use super::exchange::Exchange;
use super::exchange_info;
use super::flow::STEP_NANOSECONDS;
use super::frames::Frames;
use super::listing::Listing;
use super::market::{AggregateTrade, Market, MarketEvent};
use super::publisher::{MarketFault, Publication, PublicationKind, Publisher};
use super::spec::MarketSpec;
use super::stop::Stop;
use super::stream::{Channel, PARTIAL_DEPTHS, depth_intervals};
use crate::product::Product;

const STEP: Duration = Duration::from_nanos(STEP_NANOSECONDS.unsigned_abs());
const STEP_MILLISECONDS: u64 = 10;
/// A running kline is sent at most every two seconds.
const STEPS_PER_KLINE: u64 = 200;
/// Behind its clock by more than this, the simulation drops the lost time instead of catching up.
const MOST_BEHIND_NANOSECONDS: i64 = 2_000_000_000;

/// All generated markets of a venue.
pub(super) struct GeneratedExchange {
    product: Product,
    publisher: Arc<Publisher>,
    markets: Vec<Mutex<Market>>,
    index: HashMap<String, usize>,
    pace: Mutex<Pace>,
}

/// Where the simulation stands.
struct Pace {
    step: u64,
    /// The time up to which the markets have run.
    time: Timestamp,
    paused: bool,
}

impl GeneratedExchange {
    /// Opens the markets with full books.
    pub(super) fn open(
        specs: &[MarketSpec],
        product: Product,
        rate: f64,
        seed: u64,
        publisher: Arc<Publisher>,
    ) -> Result<Arc<Self>, VenueError> {
        let start = now();
        let first_id = first_id(start);
        let mut markets = Vec::with_capacity(specs.len());
        let mut index = HashMap::with_capacity(specs.len());
        for spec in specs {
            let market = Market::open(spec, product, rate, seed, start, first_id);
            let market = market.map_err(|_| VenueError::ImpossibleMarket {
                symbol: spec.symbol.clone(),
                reason: "its events a second must be above 0 and finite",
            })?;
            if index.insert(spec.symbol.clone(), markets.len()).is_some() {
                return Err(VenueError::DuplicateMarket { symbol: spec.symbol.clone() });
            }
            markets.push(Mutex::new(market));
        }
        let pace = Mutex::new(Pace { step: 0, time: start, paused: false });
        Ok(Arc::new(Self { product, publisher, markets, index, pace }))
    }

    /// Moves the markets on until the venue closes.
    pub(super) async fn run(self: Arc<Self>, mut stop: Stop) {
        let mut steps = interval(STEP);
        steps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = steps.tick() => self.catch_up(now()),
                () = stop.requested() => return,
            }
        }
    }

    fn catch_up(&self, now: Timestamp) {
        let mut pace = lock(&self.pace);
        if pace.paused {
            return;
        }
        if now - pace.time > MOST_BEHIND_NANOSECONDS {
            tracing::warn!(behind_ms = (now - pace.time) / 1_000_000, "the simulated venue lost time");
            pace.time = Timestamp(now.0 - STEP_NANOSECONDS);
        }
        while now - pace.time >= STEP_NANOSECONDS {
            self.step(pace.step, pace.time);
            pace.step += 1;
            pace.time = Timestamp(pace.time.0 + STEP_NANOSECONDS);
        }
    }

    fn step(&self, step: u64, time: Timestamp) {
        let mut events = Vec::new();
        for (offset, market) in (0_u64..).zip(&self.markets) {
            let mut market = lock(market);
            market.step(time, &mut events);
            self.publish_events(&market, &events);
            events.clear();
            // Markets take turns, so that not all diffs leave at the same moment.
            self.publish_due(&mut market, step + offset);
        }
        for (symbol, fault) in self.publisher.take_market_faults() {
            if let Some(market) = self.market(&symbol) {
                self.happen(&mut lock(market), &fault);
            }
        }
    }

    fn publish_events(&self, market: &Market, events: &[MarketEvent]) {
        let listing = &market.listing;
        let frames = |unit| Frames { product: self.product, listing, unit };
        for event in events {
            match event {
                MarketEvent::Trade(trade) => {
                    let other = self.publication(listing, Channel::Trade);
                    self.publisher.publish(other, |unit| frames(unit).trade(trade));
                }
                MarketEvent::Aggregate(trade) => {
                    let other = self.publication(listing, Channel::AggregateTrade);
                    self.publisher.publish(other, |unit| frames(unit).aggregate_trade(trade));
                }
                MarketEvent::Ticker { update_id, touch, time } => {
                    let other = self.publication(listing, Channel::BookTicker);
                    self.publisher.publish(other, |unit| frames(unit).book_ticker(*update_id, touch, *time));
                }
                MarketEvent::ClosedBar { bar, time } => {
                    let other = self.publication(listing, Channel::Kline);
                    self.publisher.publish(other, |unit| frames(unit).kline(bar, true, *time));
                }
            }
        }
    }

    /// Publishes what has its own rhythm: diffs, partial depth and running klines.
    fn publish_due(&self, market: &mut Market, step: u64) {
        if market.is_halted() {
            return;
        }
        for interval in depth_intervals(self.product) {
            let steps = (u64::from(*interval) / STEP_MILLISECONDS).max(1);
            if step.is_multiple_of(steps) {
                self.publish_diff(market, *interval);
            }
        }
        if step.is_multiple_of(STEPS_PER_KLINE)
            && let Some(bar) = market.take_running_bar()
        {
            let publication = self.publication(&market.listing, Channel::Kline);
            let (product, listing, time) = (self.product, &market.listing, market.now());
            self.publisher
                .publish(publication, |unit| Frames { product, listing, unit }.kline(&bar, false, time));
        }
    }

    fn publish_diff(&self, market: &mut Market, interval: u16) {
        let Some(diff) = market.take_diff(interval) else { return };
        let (product, listing) = (self.product, &market.listing);
        let publication = self.publication(listing, Channel::Depth { interval });
        self.publisher.publish(publication, |unit| Frames { product, listing, unit }.depth_diff(&diff));
        for levels in PARTIAL_DEPTHS {
            let publication = self.publication(listing, Channel::PartialDepth { levels, interval });
            self.publisher.publish(publication, |unit| {
                let depth = market.depth(usize::from(levels));
                Frames { product, listing, unit }.partial_depth(&depth, diff.previous_update_id)
            });
        }
    }

    fn publish_pending(&self, market: &mut Market) {
        for interval in depth_intervals(self.product) {
            self.publish_diff(market, *interval);
        }
    }

    fn happen(&self, market: &mut Market, fault: &MarketFault) {
        self.publish_pending(market);
        match fault {
            MarketFault::FinerTick => {
                if !market.refine_tick() {
                    let symbol = &market.listing.symbol;
                    tracing::warn!(symbol, "the tick cannot be finer: the venue prints eight decimals");
                }
            }
            MarketFault::Halt(length) => {
                let nanoseconds = i64::try_from(length.as_nanos()).unwrap_or(i64::MAX);
                market.halt(Timestamp(market.now().0.saturating_add(nanoseconds)));
            }
        }
    }

    fn publication<'a>(&self, listing: &'a Listing, channel: Channel) -> Publication<'a> {
        Publication {
            symbol: &listing.symbol,
            stream: channel.stream_of(&listing.stream_symbol, self.product),
            kind: match channel {
                Channel::Depth { .. } => PublicationKind::DepthDiff,
                Channel::BookTicker => PublicationKind::Ticker,
                _ => PublicationKind::Other,
            },
        }
    }

    fn market(&self, symbol: &str) -> Option<&Mutex<Market>> {
        self.markets.get(*self.index.get(symbol)?)
    }

    fn of<T>(&self, symbol: &str, view: impl FnOnce(&Market) -> T) -> Option<T> {
        self.market(symbol).map(|market| view(&lock(market)))
    }
}

impl Exchange for GeneratedExchange {
    fn symbols(&self) -> Vec<String> {
        self.markets.iter().map(|market| lock(market).listing.symbol.clone()).collect()
    }

    fn listing(&self, symbol: &str) -> Option<Listing> {
        self.of(symbol, |market| market.listing.clone())
    }

    fn exchange_info_entry(&self, symbol: &str) -> Option<Value> {
        self.of(symbol, |market| exchange_info::entry(self.product, &market.listing))
    }

    fn depth(&self, symbol: &str, levels: usize) -> Option<Depth> {
        self.of(symbol, |market| market.depth(levels))
    }

    fn stale_depth(&self, symbol: &str) -> Option<Depth> {
        self.of(symbol, |market| market.opening().clone())
    }

    fn bars(&self, symbol: &str, limit: usize) -> Option<Vec<Bar>> {
        self.of(symbol, |market| market.latest_bars(limit))
    }

    fn trades(&self, symbol: &str, limit: usize) -> Option<Vec<Trade>> {
        self.of(symbol, |market| market.latest_trades(limit))
    }

    fn aggregates(&self, symbol: &str, limit: usize) -> Option<Vec<AggregateTrade>> {
        self.of(symbol, |market| market.latest_aggregates(limit))
    }

    fn pause(&self) {
        // Holding the pace keeps the generator out: after this nothing more is published.
        let mut pace = lock(&self.pace);
        if pace.paused {
            return;
        }
        pace.paused = true;
        for market in &self.markets {
            self.publish_pending(&mut lock(market));
        }
        self.publisher.release_held();
    }

    fn resume(&self) {
        let mut pace = lock(&self.pace);
        if pace.paused {
            pace.paused = false;
            pace.time = now();
        }
    }
}

/// Ids begin with the time, so that a venue started again does not go back behind the ids it gave before.
fn first_id(start: Timestamp) -> u64 {
    start.microseconds().unsigned_abs() / 10
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
