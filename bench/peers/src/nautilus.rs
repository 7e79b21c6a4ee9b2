//! nautilus-model: the order book of `NautilusTrader`'s core, by price (`L2_MBP`).

use depthlake_engine::shard::Inbound;
use depthlake_orderbook::decimal::Scale;
use depthlake_orderbook::event::{DepthUpdate, Level};
use depthlake_orderbook::instrument::Instrument;
use nautilus_core::UnixNanos;
use nautilus_model::data::{BookOrder, OrderBookDelta, OrderBookDeltas};
use nautilus_model::enums::{BookAction, BookType, OrderSide};
use nautilus_model::identifiers::InstrumentId;
use nautilus_model::orderbook::{BookLevel, OrderBook};
use nautilus_model::types::fixed::FIXED_PRECISION;
use nautilus_model::types::price::PriceRaw;
use nautilus_model::types::quantity::QuantityRaw;
use nautilus_model::types::{Price, Quantity};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;

use crate::contest::{FramePath, InUnits, PeerBook, TopFive, TopOfBook, first_five};
use crate::track::Track;

pub struct NautilusBook {
    instrument: Instrument,
    book: OrderBook,
}

fn instrument_id(instrument: &Instrument) -> InstrumentId {
    InstrumentId::from(format!("{}.BINANCE", instrument.symbol).as_str())
}

fn price(units: i64, scale: Scale) -> Price {
    let decimals = scale.decimals();
    let price = Price::from_decimal_dp(Decimal::new(units, decimals.into()), decimals);
    price.expect("prices of real markets fit")
}

fn quantity(units: i64, scale: Scale) -> Quantity {
    let decimals = scale.decimals();
    let quantity = Quantity::from_decimal_dp(Decimal::new(units, decimals.into()), decimals);
    quantity.expect("quantities of real markets fit")
}

fn delta(
    instrument: InstrumentId,
    side: OrderSide,
    price: Price,
    size: Quantity,
    sequence: u64,
) -> OrderBookDelta {
    let action = if size.is_zero() { BookAction::Delete } else { BookAction::Update };
    let order = BookOrder::new(side, price, size, 0);
    OrderBookDelta::new(instrument, action, order, 0, sequence, UnixNanos::default(), UnixNanos::default())
}

fn deltas(instrument: &Instrument, bids: &[Level], asks: &[Level], sequence: u64) -> OrderBookDeltas {
    let id = instrument_id(instrument);
    let side = |side, levels: &[Level]| {
        let delta = |level: &Level| {
            let price = price(level.price.0, instrument.price_scale);
            delta(id, side, price, quantity(level.quantity.0, instrument.quantity_scale), sequence)
        };
        levels.iter().map(delta).collect::<Vec<_>>()
    };
    OrderBookDeltas::new(id, [side(OrderSide::Buy, bids), side(OrderSide::Sell, asks)].concat())
}

impl TopOfBook for NautilusBook {
    type Level = (PriceRaw, QuantityRaw);

    fn top_five(&self) -> TopFive<Self::Level> {
        let level = |level: &BookLevel| (level.price.value.raw, level.size_raw());
        TopFive {
            bids: first_five(self.book.bids(Some(5)).map(level)),
            asks: first_five(self.book.asks(Some(5)).map(level)),
        }
    }

    fn in_units(&self, (price, quantity): Self::Level) -> InUnits {
        let per_unit = |scale: Scale| 10_i64.pow(u32::from(FIXED_PRECISION - scale.decimals()));
        let Instrument { price_scale, quantity_scale, .. } = self.instrument;
        (price / per_unit(price_scale), quantity.cast_signed() / per_unit(quantity_scale))
    }
}

impl PeerBook for NautilusBook {
    type Event = Option<OrderBookDeltas>;

    fn name() -> String {
        "nautilus-model OrderBook".to_owned()
    }

    fn loaded(track: &Track) -> Self {
        let Track { instrument, snapshot, .. } = track;
        let mut book = OrderBook::new(instrument_id(instrument), BookType::L2_MBP);
        let all = deltas(instrument, &snapshot.bids, &snapshot.asks, snapshot.last_update_id.0);
        book.apply_deltas(&all).expect("a snapshot has sides");
        Self { instrument: *instrument, book }
    }

    /// An event without levels cannot be expressed.
    fn event(track: &Track, update: &DepthUpdate) -> Self::Event {
        let is_empty = update.bids.is_empty() && update.asks.is_empty();
        (!is_empty).then(|| deltas(&track.instrument, &update.bids, &update.asks, update.last.0))
    }

    fn apply(&mut self, event: &Self::Event) {
        if let Some(deltas) = event {
            let applied = self.book.apply_deltas(deltas);
            debug_assert!(applied.is_ok());
        }
    }
}

#[derive(Deserialize)]
struct WireDepth {
    u: u64,
    b: Vec<[String; 2]>,
    a: Vec<[String; 2]>,
}

/// Text to deltas to book. With `VIA_VALUE` the text becomes a message as in the project's own Binance adapter
/// (nautilus-binance 0.54): a `serde_json::Value` first, and a clone of it into the message. Without, the message is
/// read from the text at once, which is the least that can be done. Either way texts become doubles and doubles become
/// prices, as the adapter does it.
pub struct NautilusPath<const VIA_VALUE: bool> {
    book: NautilusBook,
}

impl<const VIA_VALUE: bool> FramePath for NautilusPath<VIA_VALUE> {
    type Book = NautilusBook;

    fn name() -> String {
        let way = if VIA_VALUE { "as its Binance adapter" } else { "serde_json" };
        format!("nautilus-model, {way}")
    }

    fn loaded(track: &Track) -> Self {
        Self { book: NautilusBook::loaded(track) }
    }

    fn frame(&mut self, frame: &Inbound) {
        let depth = if VIA_VALUE {
            serde_json::from_slice::<Value>(&frame.payload)
                .and_then(|value| serde_json::from_value(value.clone()))
        } else {
            serde_json::from_slice::<WireDepth>(&frame.payload)
        };
        let Ok(depth) = depth else { return };
        let Instrument { price_scale, quantity_scale, .. } = self.book.instrument;
        let id = self.book.book.instrument_id;
        let mut deltas = Vec::with_capacity(depth.b.len() + depth.a.len());
        for (side, levels) in [(OrderSide::Buy, &depth.b), (OrderSide::Sell, &depth.a)] {
            for [price, size] in levels {
                let (Ok(price), Ok(size)) = (price.parse::<f64>(), size.parse::<f64>()) else { return };
                let price = Price::new(price, price_scale.decimals());
                deltas.push(delta(id, side, price, Quantity::new(size, quantity_scale.decimals()), depth.u));
            }
        }
        if !deltas.is_empty() {
            let applied = self.book.book.apply_deltas(&OrderBookDeltas::new(id, deltas));
            debug_assert!(applied.is_ok());
        }
    }

    fn book(&self) -> &NautilusBook {
        &self.book
    }
}
