//! barter-data: its `OrderBook` of sorted vectors of decimals, and its own Binance messages and sequencers.

use barter_data::books::{Level, OrderBook};
use barter_data::event::MarketIter;
use barter_data::exchange::binance::futures::l2::{
    BinanceFuturesOrderBookL2Update, BinanceFuturesUsdOrderBookL2Sequencer,
};
use barter_data::exchange::binance::spot::l2::{
    BinanceSpotOrderBookL2Sequencer, BinanceSpotOrderBookL2Update,
};
use barter_data::subscription::book::OrderBookEvent;
use barter_instrument::exchange::ExchangeId;
use depthlake_engine::shard::Inbound;
use depthlake_orderbook::event::{DepthUpdate, Level as OurLevel};
use depthlake_orderbook::instrument::Instrument;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::contest::{FramePath, InUnits, PeerBook, TopFive, TopOfBook, first_five};
use crate::track::Track;

pub struct BarterBook {
    instrument: Instrument,
    book: OrderBook,
}

fn book(instrument: &Instrument, sequence: u64, bids: &[OurLevel], asks: &[OurLevel]) -> OrderBook {
    let level = |level: &OurLevel| {
        let price = Decimal::new(level.price.0, instrument.price_scale.decimals().into());
        (price, Decimal::new(level.quantity.0, instrument.quantity_scale.decimals().into()))
    };
    OrderBook::new(sequence, None, bids.iter().map(level), asks.iter().map(level))
}

impl TopOfBook for BarterBook {
    type Level = Level;

    fn top_five(&self) -> TopFive<Level> {
        TopFive {
            bids: first_five(self.book.bids().levels().iter().copied()),
            asks: first_five(self.book.asks().levels().iter().copied()),
        }
    }

    fn in_units(&self, level: Level) -> InUnits {
        let units = |value: Decimal, units: i64| (value * Decimal::from(units)).to_i64().unwrap_or_default();
        let Instrument { price_scale, quantity_scale, .. } = self.instrument;
        (units(level.price, price_scale.units_per_one()), units(level.amount, quantity_scale.units_per_one()))
    }
}

impl PeerBook for BarterBook {
    type Event = OrderBookEvent;

    fn name() -> String {
        "barter-data OrderBook".to_owned()
    }

    fn loaded(track: &Track) -> Self {
        let Track { instrument, snapshot, .. } = track;
        let sequence = snapshot.last_update_id.0;
        Self { instrument: *instrument, book: book(instrument, sequence, &snapshot.bids, &snapshot.asks) }
    }

    fn event(track: &Track, update: &DepthUpdate) -> OrderBookEvent {
        OrderBookEvent::Update(book(&track.instrument, update.last.0, &update.bids, &update.asks))
    }

    fn apply(&mut self, event: &OrderBookEvent) {
        self.book.update(event);
    }
}

/// Its deserialiser, its sequencer, its event, its book. Left out: finding the instrument by the subscription's name.
pub struct BarterPath {
    sequencer: Sequencer,
    book: BarterBook,
}

enum Sequencer {
    Spot(BinanceSpotOrderBookL2Sequencer),
    Futures(BinanceFuturesUsdOrderBookL2Sequencer),
}

impl FramePath for BarterPath {
    type Book = BarterBook;

    fn name() -> String {
        "barter-data".to_owned()
    }

    fn loaded(track: &Track) -> Self {
        let last = track.snapshot.last_update_id.0;
        let is_futures = track.updates.iter().any(|update| update.previous.is_some());
        let sequencer = if is_futures {
            Sequencer::Futures(BinanceFuturesUsdOrderBookL2Sequencer::new(last))
        } else {
            Sequencer::Spot(BinanceSpotOrderBookL2Sequencer::new(last))
        };
        Self { sequencer, book: BarterBook::loaded(track) }
    }

    fn frame(&mut self, frame: &Inbound) {
        let events = match &mut self.sequencer {
            Sequencer::Spot(sequencer) => {
                let update = serde_json::from_slice::<BinanceSpotOrderBookL2Update>(&frame.payload);
                let valid = update.ok().and_then(|update| sequencer.validate_sequence(update).ok().flatten());
                valid.map(|update| MarketIter::from((ExchangeId::BinanceSpot, (), update)))
            }
            Sequencer::Futures(sequencer) => {
                let update = serde_json::from_slice::<BinanceFuturesOrderBookL2Update>(&frame.payload);
                let valid = update.ok().and_then(|update| sequencer.validate_sequence(update).ok().flatten());
                valid.map(|update| MarketIter::from((ExchangeId::BinanceFuturesUsd, (), update)))
            }
        };
        for event in events.into_iter().flat_map(|events| events.0).flatten() {
            self.book.book.update(&event.kind);
        }
    }

    fn book(&self) -> &BarterBook {
        &self.book
    }
}
