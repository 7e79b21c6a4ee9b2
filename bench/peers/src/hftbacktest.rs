//! hftbacktest: the book of its backtester on a hash map, and the one on vectors over a fixed range of prices.
//!
//! Both count quantities in doubles. Beyond the best price they are read as their users read them: tick by tick.

use depthlake_engine::shard::Inbound;
use depthlake_orderbook::event::{DepthUpdate, Level};
use depthlake_orderbook::instrument::Instrument;
use hftbacktest::depth::{HashMapMarketDepth, L2MarketDepth, MarketDepth, ROIVectorMarketDepth};
use serde::Deserialize;

use crate::contest::{FramePath, InUnits, PeerBook, TopFive, TopOfBook, first_five};
use crate::track::Track;

/// Prices and quantities as doubles.
pub struct FloatEvent {
    bids: Vec<(f64, f64)>,
    asks: Vec<(f64, f64)>,
}

/// The sizes of an instrument's steps.
#[derive(Clone, Copy)]
struct Steps {
    tick_units: i64,
    tick_size: f64,
    lot_size: f64,
    units_per_one: f64,
}

impl Steps {
    #[expect(clippy::cast_precision_loss, reason = "at most 10⁸")]
    fn of(instrument: &Instrument) -> Self {
        let Instrument { price_scale, quantity_scale, tick, step, .. } = instrument;
        Self {
            tick_units: tick.0,
            tick_size: price_scale.to_f64(tick.0),
            lot_size: quantity_scale.to_f64(step.0),
            units_per_one: quantity_scale.units_per_one() as f64,
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "quantities of real markets fit")]
    fn in_units(self, (tick, quantity): (i64, f64)) -> InUnits {
        (tick * self.tick_units, (quantity * self.units_per_one).round() as i64)
    }
}

fn floats(instrument: &Instrument, levels: &[Level]) -> Vec<(f64, f64)> {
    let Instrument { price_scale, quantity_scale, .. } = instrument;
    let floats = |level: &Level| (price_scale.to_f64(level.price.0), quantity_scale.to_f64(level.quantity.0));
    levels.iter().map(floats).collect()
}

fn apply(depth: &mut impl L2MarketDepth, bids: &[(f64, f64)], asks: &[(f64, f64)]) {
    for &(price, quantity) in bids {
        depth.update_bid_depth(price, quantity, 0);
    }
    for &(price, quantity) in asks {
        depth.update_ask_depth(price, quantity, 0);
    }
}

fn top_five(depth: &impl MarketDepth, lowest_bid: i64, highest_ask: i64) -> TopFive<(i64, f64)> {
    let has_quantity = |level: &(i64, f64)| level.1 > 0.0;
    let bids = (lowest_bid..=depth.best_bid_tick()).rev().map(|tick| (tick, depth.bid_qty_at_tick(tick)));
    let asks = (depth.best_ask_tick()..=highest_ask).map(|tick| (tick, depth.ask_qty_at_tick(tick)));
    TopFive { bids: first_five(bids.filter(has_quantity)), asks: first_five(asks.filter(has_quantity)) }
}

fn load(depth: &mut impl L2MarketDepth, track: &Track) {
    let bids = floats(&track.instrument, &track.snapshot.bids);
    apply(depth, &bids, &floats(&track.instrument, &track.snapshot.asks));
}

fn float_event(track: &Track, update: &DepthUpdate) -> FloatEvent {
    FloatEvent {
        bids: floats(&track.instrument, &update.bids),
        asks: floats(&track.instrument, &update.asks),
    }
}

/// `HashMapMarketDepth`, which keeps every level.
pub struct HashMapBook {
    steps: Steps,
    depth: HashMapMarketDepth,
}

impl TopOfBook for HashMapBook {
    type Level = (i64, f64);

    fn top_five(&self) -> TopFive<(i64, f64)> {
        top_five(&self.depth, self.depth.low_bid_tick, self.depth.high_ask_tick)
    }

    fn in_units(&self, level: (i64, f64)) -> InUnits {
        self.steps.in_units(level)
    }
}

impl PeerBook for HashMapBook {
    type Event = FloatEvent;

    fn name() -> String {
        "hftbacktest HashMapMarketDepth".to_owned()
    }

    fn loaded(track: &Track) -> Self {
        let steps = Steps::of(&track.instrument);
        let mut depth = HashMapMarketDepth::new(steps.tick_size, steps.lot_size);
        load(&mut depth, track);
        Self { steps, depth }
    }

    fn event(track: &Track, update: &DepthUpdate) -> FloatEvent {
        float_event(track, update)
    }

    fn apply(&mut self, event: &FloatEvent) {
        apply(&mut self.depth, &event.bids, &event.asks);
    }
}

/// `ROIVectorMarketDepth` over a range that reaches `PERMILLE` of the price below the lowest and above the highest best
/// price of the recording. A real user does not know these beforehand, and takes a wider range.
pub struct RangeBook<const PERMILLE: i64> {
    steps: Steps,
    depth: ROIVectorMarketDepth,
}

/// The range of prices, in units, that [`RangeBook`] keeps.
#[must_use]
pub fn range(track: &Track, permille: i64) -> (i64, i64) {
    let (low, high) = track.touched;
    (low - low / 1_000 * permille, high + high / 1_000 * permille)
}

/// The share of the tracks' levels that [`RangeBook`] forgets, in percent.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a share to print")]
pub fn forgotten(tracks: &[Track], permille: i64) -> f64 {
    let (mut forgotten, mut all) = (0_u64, 0_u64);
    for track in tracks {
        let (low, high) = range(track, permille);
        for level in track.updates.iter().flat_map(|update| update.bids.iter().chain(&update.asks)) {
            all += 1;
            forgotten += u64::from(!(low..=high).contains(&level.price.0));
        }
    }
    100.0 * forgotten as f64 / all as f64
}

impl<const PERMILLE: i64> TopOfBook for RangeBook<PERMILLE> {
    type Level = (i64, f64);

    fn top_five(&self) -> TopFive<(i64, f64)> {
        top_five(&self.depth, self.depth.low_bid_tick, self.depth.high_ask_tick)
    }

    fn in_units(&self, level: (i64, f64)) -> InUnits {
        self.steps.in_units(level)
    }
}

impl<const PERMILLE: i64> PeerBook for RangeBook<PERMILLE> {
    type Event = FloatEvent;

    #[expect(clippy::cast_precision_loss, reason = "a small number to print")]
    fn name() -> String {
        format!("hftbacktest ROIVectorMarketDepth ±{} %", PERMILLE as f64 / 10.0)
    }

    fn loaded(track: &Track) -> Self {
        let steps = Steps::of(&track.instrument);
        let (low, high) = range(track, PERMILLE);
        let price = |units| track.instrument.price_scale.to_f64(units);
        let mut depth = ROIVectorMarketDepth::new(steps.tick_size, steps.lot_size, price(low), price(high));
        load(&mut depth, track);
        Self { steps, depth }
    }

    fn event(track: &Track, update: &DepthUpdate) -> FloatEvent {
        float_event(track, update)
    }

    fn apply(&mut self, event: &FloatEvent) {
        apply(&mut self.depth, &event.bids, &event.asks);
    }
}

#[derive(Deserialize)]
struct WireDepth<'a> {
    #[serde(rename = "b", borrow)]
    bids: Vec<(&'a str, &'a str)>,
    #[serde(rename = "a", borrow)]
    asks: Vec<(&'a str, &'a str)>,
}

/// The published crate decodes no venue, so this is the shortest way there: `serde_json`, doubles, its hash-map book.
pub struct HashMapPath {
    bids: Vec<(f64, f64)>,
    asks: Vec<(f64, f64)>,
    book: HashMapBook,
}

impl FramePath for HashMapPath {
    type Book = HashMapBook;

    fn name() -> String {
        "serde_json, f64, hftbacktest HashMapMarketDepth".to_owned()
    }

    fn loaded(track: &Track) -> Self {
        Self { bids: Vec::new(), asks: Vec::new(), book: HashMapBook::loaded(track) }
    }

    fn frame(&mut self, frame: &Inbound) {
        let Ok(depth) = serde_json::from_slice::<WireDepth>(&frame.payload) else { return };
        parse(&depth.bids, &mut self.bids);
        parse(&depth.asks, &mut self.asks);
        apply(&mut self.book.depth, &self.bids, &self.asks);
    }

    fn book(&self) -> &HashMapBook {
        &self.book
    }
}

fn parse(levels: &[(&str, &str)], parsed: &mut Vec<(f64, f64)>) {
    parsed.clear();
    let level = |(price, quantity): &(&str, &str)| Some((price.parse().ok()?, quantity.parse().ok()?));
    parsed.extend(levels.iter().filter_map(level));
}
