//! Events in process: book changes, trades, bars and gaps, for any thread that subscribes, without slowing the engine.
//!
//! Each shard publishes into a ring of its own ([`EventWriter`]); any number of [`Subscription`]s go through the rings of
//! all shards, each at its own pace. Of one shard, and so of one symbol, events come in their order.
//!
//! Invariants:
//! - Publishing neither allocates, nor locks, nor waits, nor makes a system call: at most two dozen plain stores, whether
//!   anybody listens or not.
//! - A subscription is told of every event since it began, or by [`Received::Missed`] how many it was too slow for:
//!   the two add up to what was published.
//! - An event is received as it was published. It is a fixed number of atomic words, copied and then checked as
//!   [`crate::broadcast`] explains.
//! - When all writers are gone and everything was received, a subscription ends.
//!
//! ```
//! use depthlake_engine::events::{self, Event, Happening, Received};
//! use depthlake_orderbook::event::UpdateId;
//! use depthlake_orderbook::symbol::Symbol;
//! use depthlake_orderbook::time::Timestamp;
//!
//! let (feed, mut writers) = events::feed(vec![Symbol::new("BTCUSDT")?], 1);
//! let subscription = feed.subscribe();
//! let symbol = feed.find(Symbol::new("BTCUSDT")?).ok_or("no such symbol")?;
//! let what = Happening::Resync { update_id: UpdateId(7) };
//! let now = Timestamp(0);
//! for writer in &mut writers {
//!     writer.publish(&Event { symbol, event_time: now, receive_time: now, publish_time: now, what });
//! }
//! drop(writers);
//! let received: Vec<Received> = subscription.collect();
//! assert!(matches!(received[..], [Received::Event(Event { what: Happening::Resync { .. }, .. })]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod event;
mod ring;
mod subscription;
#[cfg(test)]
mod tests;
mod words;

use std::sync::Arc;

use depthlake_orderbook::symbol::{Symbol, SymbolId};

pub use event::{Event, Happening, Scales};
pub use ring::EventWriter;
pub use subscription::{Received, Subscription};

use ring::Ring;

/// The events that a shard's ring holds: 3 MiB.
const RING_EVENTS: usize = 1 << 14;

/// Where to subscribe to the events of all shards.
#[derive(Debug, Clone)]
pub struct EventFeed {
    symbols: Arc<[Symbol]>,
    rings: Arc<[Arc<Ring>]>,
}

/// A feed of `shards` shards that handle `symbols` between them, and the writers, one for each shard.
#[must_use]
pub fn feed(symbols: Vec<Symbol>, shards: usize) -> (EventFeed, Vec<EventWriter>) {
    feed_of_size(symbols, shards, RING_EVENTS)
}

fn feed_of_size(symbols: Vec<Symbol>, shards: usize, events: usize) -> (EventFeed, Vec<EventWriter>) {
    let rings: Vec<_> = (0..shards).map(|_| Arc::new(Ring::new(events))).collect();
    let writers = rings.iter().map(|ring| EventWriter::new(Arc::clone(ring))).collect();
    (EventFeed { symbols: symbols.into(), rings: rings.into() }, writers)
}

impl EventFeed {
    /// Receives every event published from now on. Any number of subscriptions may be open at a time.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        Subscription::new(&self.rings)
    }

    /// The number under which events name `symbol`. O(symbols): to be asked once.
    #[must_use]
    pub fn find(&self, symbol: Symbol) -> Option<SymbolId> {
        let index = self.symbols.iter().position(|known| *known == symbol)?;
        u32::try_from(index).ok().map(SymbolId)
    }

    /// The symbol that an event names.
    #[must_use]
    pub fn symbol(&self, id: SymbolId) -> Option<Symbol> {
        self.symbols.get(id.index()).copied()
    }
}
