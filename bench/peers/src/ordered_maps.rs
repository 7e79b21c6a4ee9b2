//! What a person would write first: two ordered maps, fed by simd-json with serde.

use std::collections::BTreeMap;

use depthlake_engine::shard::Inbound;
use depthlake_orderbook::event::{DepthUpdate, Level};
use depthlake_orderbook::instrument::Instrument;
use serde::Deserialize;

use crate::contest::{FramePath, InUnits, PeerBook, TopFive, TopOfBook, first_five};
use crate::track::Track;

/// Integers at the instrument's scales, as ours.
#[derive(Default)]
pub struct OrderedMaps {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
}

fn set(side: &mut BTreeMap<i64, i64>, price: i64, quantity: i64) {
    if quantity == 0 {
        side.remove(&price);
    } else {
        side.insert(price, quantity);
    }
}

fn set_all(side: &mut BTreeMap<i64, i64>, levels: &[Level]) {
    for level in levels {
        set(side, level.price.0, level.quantity.0);
    }
}

impl TopOfBook for OrderedMaps {
    type Level = InUnits;

    fn top_five(&self) -> TopFive<InUnits> {
        let level = |(&price, &quantity): (&i64, &i64)| (price, quantity);
        TopFive {
            bids: first_five(self.bids.iter().rev().map(level)),
            asks: first_five(self.asks.iter().map(level)),
        }
    }

    fn in_units(&self, level: InUnits) -> InUnits {
        level
    }
}

impl PeerBook for OrderedMaps {
    type Event = DepthUpdate;

    fn name() -> String {
        "two BTreeMaps".to_owned()
    }

    fn loaded(track: &Track) -> Self {
        let mut book = Self::default();
        set_all(&mut book.bids, &track.snapshot.bids);
        set_all(&mut book.asks, &track.snapshot.asks);
        book
    }

    fn event(_: &Track, update: &DepthUpdate) -> DepthUpdate {
        update.clone()
    }

    fn apply(&mut self, event: &DepthUpdate) {
        set_all(&mut self.bids, &event.bids);
        set_all(&mut self.asks, &event.asks);
    }
}

#[derive(Deserialize)]
struct WireDepth<'a> {
    #[serde(rename = "b", borrow)]
    bids: Vec<(&'a str, &'a str)>,
    #[serde(rename = "a", borrow)]
    asks: Vec<(&'a str, &'a str)>,
}

/// simd-json with serde, numbers parsed exactly by depthlake's own parser, two ordered maps.
pub struct StraightforwardPath {
    instrument: Instrument,
    /// simd-json writes into its input, so a frame is copied here first, as it must be where it came in a shared buffer.
    text: Vec<u8>,
    book: OrderedMaps,
}

impl FramePath for StraightforwardPath {
    type Book = OrderedMaps;

    fn name() -> String {
        "simd-json, serde, two BTreeMaps".to_owned()
    }

    fn loaded(track: &Track) -> Self {
        Self { instrument: track.instrument, text: Vec::new(), book: OrderedMaps::loaded(track) }
    }

    fn frame(&mut self, frame: &Inbound) {
        self.text.clear();
        self.text.extend_from_slice(&frame.payload);
        let Ok(depth) = simd_json::from_slice::<WireDepth>(&mut self.text) else { return };
        let Instrument { price_scale, quantity_scale, .. } = self.instrument;
        let sides = [(&mut self.book.bids, depth.bids), (&mut self.book.asks, depth.asks)];
        for (side, levels) in sides {
            for (price, quantity) in levels {
                let price = price_scale.parse(price.as_bytes());
                if let (Ok(price), Ok(quantity)) = (price, quantity_scale.parse(quantity.as_bytes())) {
                    set(side, price, quantity);
                }
            }
        }
    }

    fn book(&self) -> &OrderedMaps {
        &self.book
    }
}
