//! Venues: their messages, their sockets, their recordings, and one that is simulated.
//!
//! Invariants:
//! - a message is handed on as it came, with the time at which it was read; decoding is a step of its own ([`wire`]);
//! - a decoder gives a whole event or none, and says why;
//! - what a venue limits is never exceeded ([`live`]);
//! - the simulated venue ([`sim`]) speaks the real protocol on a real socket, so that a client cannot tell.
//!
//! ```
//! use depthlake_ingest::wire::{self, Decoder};
//! use depthlake_orderbook::event::Provenance;
//! use depthlake_orderbook::frame::FrameKind;
//! use depthlake_orderbook::time::Timestamp;
//!
//! let entry = br#"{"symbol":"BTCUSDT","filters":[{"filterType":"PRICE_FILTER","tickSize":"0.01000000"},
//!     {"filterType":"LOT_SIZE","stepSize":"0.00001000"}]}"#;
//! let instrument = wire::decode_instrument(entry)?;
//!
//! let message = br#"{"stream":"btcusdt@depth","data":{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT",
//!     "U":5,"u":9,"b":[["61737.63000000","0.00000000"]],"a":[]}}"#;
//! let envelope = wire::peek(message, Timestamp(0));
//! assert_eq!((envelope.kind, envelope.last_id), (FrameKind::DepthUpdate, Some(9)));
//!
//! let mut decoder = Decoder::default();
//! let update = decoder.depth(message, &instrument, Provenance::default())?;
//! assert_eq!(update.bids[0].price.0, 6_173_763);
//! # Ok::<(), depthlake_ingest::wire::DecodeError>(())
//! ```

pub mod history;
pub mod live;
pub mod product;
pub mod recording;
pub mod sim;
pub mod wire;
