//! orderbook-rs: a concurrent matching engine that keeps orders, fed levels as one order each.
//!
//! It is made for another task: a level's change is a modification of the one order at its price. Removals come first, so that no
//! order meets another on its way in.

use depthlake_orderbook::event::{DepthUpdate, Level};
use orderbook_rs::{DefaultOrderBook, Id, LevelInfo, Side, TimeInForce};
use pricelevel::{OrderUpdate, Quantity};

use crate::contest::{InUnits, PeerBook, TopFive, TopOfBook, first_five};
use crate::track::Track;

pub struct EngineBook {
    book: DefaultOrderBook,
}

/// An event as orders.
pub struct OrderEvent {
    removals: Vec<Id>,
    changes: Vec<Order>,
}

struct Order {
    id: Id,
    price: u128,
    quantity: u64,
    side: Side,
}

fn order(level: &Level, side: Side) -> Order {
    let price = level.price.0.unsigned_abs();
    let id = Id::Sequential(price * 2 + u64::from(side == Side::Sell));
    Order { id, price: price.into(), quantity: level.quantity.0.unsigned_abs(), side }
}

fn orders(bids: &[Level], asks: &[Level]) -> OrderEvent {
    let bids = bids.iter().map(|level| order(level, Side::Buy));
    let asks = asks.iter().map(|level| order(level, Side::Sell));
    let (removals, changes): (Vec<_>, Vec<_>) = bids.chain(asks).partition(|order| order.quantity == 0);
    OrderEvent { removals: removals.into_iter().map(|order| order.id).collect(), changes }
}

impl EngineBook {
    fn change(&self, order: &Order) {
        let update =
            OrderUpdate::UpdateQuantity { order_id: order.id, new_quantity: Quantity::new(order.quantity) };
        if !matches!(self.book.update_order(update), Ok(Some(_))) {
            let Order { id, price, quantity, side } = *order;
            let added = self.book.add_limit_order(id, price, quantity, side, TimeInForce::Gtc, None);
            debug_assert!(added.is_ok());
        }
    }
}

impl TopOfBook for EngineBook {
    type Level = (u128, u64);

    fn top_five(&self) -> TopFive<(u128, u64)> {
        let levels = |side| {
            let levels = self.book.levels_with_cumulative_depth(side).map_while(Result::ok);
            first_five(levels.map(|LevelInfo { price, quantity, .. }| (price, quantity)))
        };
        TopFive { bids: levels(Side::Buy), asks: levels(Side::Sell) }
    }

    fn in_units(&self, (price, quantity): (u128, u64)) -> InUnits {
        (i64::try_from(price).unwrap_or_default(), quantity.cast_signed())
    }
}

impl PeerBook for EngineBook {
    type Event = OrderEvent;

    fn name() -> String {
        "orderbook-rs OrderBook".to_owned()
    }

    fn loaded(track: &Track) -> Self {
        let book = Self { book: DefaultOrderBook::new(track.instrument.symbol.as_str()) };
        for order in orders(&track.snapshot.bids, &track.snapshot.asks).changes {
            book.change(&order);
        }
        book
    }

    fn event(_: &Track, update: &DepthUpdate) -> OrderEvent {
        orders(&update.bids, &update.asks)
    }

    fn apply(&mut self, event: &OrderEvent) {
        for &id in &event.removals {
            let cancelled = self.book.cancel_order(id);
            debug_assert!(cancelled.is_ok());
        }
        for order in &event.changes {
            self.change(order);
        }
    }
}
