//! Exact order books, their features and bars: the core of depthlake.
//!
//! Invariants:
//! - no I/O, no threads, no async, no clock: time comes in as an argument;
//! - a price or a quantity is an integer at its instrument's scale ([`decimal`]); no float ever touches one;
//! - an event is applied as a whole or not at all, and only where it follows ([`sync`]);
//! - what a snapshot did not show is *unknown*, never empty ([`book::Book::horizon`]);
//! - a trade is in exactly one bar, or handed back as late ([`bars`]).
//!
//! ```
//! use depthlake_orderbook::decimal::Scale;
//! use depthlake_orderbook::event::{DepthUpdate, Level, Snapshot, UpdateId};
//! use depthlake_orderbook::sync::{DepthOutcome, SyncedBook};
//!
//! let cents = Scale::of("0.01000000")?;
//! let lots = Scale::of("0.00001000")?;
//! let level = |price: &str, quantity: &str| -> Result<Level, Box<dyn std::error::Error>> {
//!     Ok(Level { price: cents.price(price.as_bytes())?, quantity: lots.quantity(quantity.as_bytes())? })
//! };
//!
//! let mut book = SyncedBook::new();
//! let snapshot = Snapshot {
//!     last_update_id: UpdateId(100),
//!     bids: vec![level("61837.63", "3.78826")?],
//!     asks: vec![level("61837.64", "1.54698")?],
//!     ..Snapshot::default()
//! };
//! book.snapshot(&snapshot, |_, _| {});
//!
//! let update = DepthUpdate {
//!     first: UpdateId(101),
//!     last: UpdateId(104),
//!     bids: vec![level("61837.63", "0")?, level("61837.60", "0.5")?],
//!     ..DepthUpdate::default()
//! };
//! assert_eq!(book.depth(&update, |_, _| {}), DepthOutcome::Applied);
//! let touch = book.book().touch().unwrap();
//! assert_eq!(cents.text(touch.bid.price.0).to_string(), "61837.6");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod bars;
pub mod book;
pub mod decimal;
pub mod event;
pub mod features;
pub mod frame;
pub mod history;
pub mod instrument;
pub mod metrics;
pub mod partition;
pub mod record;
pub mod symbol;
pub mod sync;
pub mod time;
