//! The engine: from raw messages to live books, on pinned threads that nothing downstream can stop.
//!
//! Invariants:
//! - what a [`pipeline::Pipeline`] gives is a function of the raw messages alone: live, in [`replay`] and in
//!   [`recovery`] the same code gives the same records;
//! - a [`shard`] waits for nobody: what the ring towards the log has no room for waits in memory;
//! - readers of the [`board`] and of [`depth`] never write to them and never hold their writers up, and neither do
//!   subscribers to [`events`].
//!
//! ```
//! use depthlake_engine::pipeline::{Output, Pipeline};
//! use depthlake_ingest::wire;
//! use depthlake_orderbook::frame::{Envelope, FrameKind, RawStream};
//! use depthlake_orderbook::record::{Derived, Trigger};
//! use depthlake_orderbook::symbol::Symbol;
//! use depthlake_orderbook::time::Timestamp;
//!
//! struct Spreads(Vec<f64>);
//!
//! impl Output for Spreads {
//!     fn derived(&mut self, _: Trigger, record: Derived) {
//!         if let Derived::Book(book) = record {
//!             self.0.push(book.spread_bps);
//!         }
//!     }
//! }
//!
//! let symbol = Symbol::new("BTCUSDT")?;
//! let now = Timestamp(0);
//! let entry = br#"{"symbol":"BTCUSDT","filters":[{"filterType":"PRICE_FILTER","tickSize":"0.01"},
//!     {"filterType":"LOT_SIZE","stepSize":"0.00001"}]}"#;
//! let snapshot = br#"{"lastUpdateId":1,"bids":[["99.99","1"]],"asks":[["100.02","1"]]}"#;
//! let diff = br#"{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":2,"u":2,"b":[],"a":[["100.01","2"]]}"#;
//!
//! let (mut pipeline, mut spreads) = (Pipeline::new(0), Spreads(Vec::new()));
//! let instrument = Envelope::own(FrameKind::Instrument, Some(symbol), now);
//! pipeline.frame(RawStream::Orderbook, 0, &instrument, entry, &mut spreads);
//! let book = wire::peek_snapshot(snapshot, Some(symbol), now).ok_or("no book")?;
//! pipeline.frame(RawStream::Orderbook, 1, &book, snapshot, &mut spreads);
//! pipeline.frame(RawStream::Orderbook, 2, &wire::peek(diff, now), diff, &mut spreads);
//! assert_eq!(spreads.0, [2.0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod board;
pub mod broadcast;
pub mod clock;
pub mod depth;
pub mod events;
pub mod latency;
pub mod live_books;
pub mod pipeline;
pub mod priority;
pub mod recovery;
pub mod replay;
pub mod shard;
mod symbol_map;
