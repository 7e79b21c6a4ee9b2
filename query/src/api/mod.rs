//! The HTTP API: JSON over REST, a WebSocket and server-sent events.
//!
//! [`router`] serves, under `/api/v1`, the live books from the board, the last bars from memory, everything else from the
//! lake; and `/healthz`, `/readyz` and `/openapi.json`.
//!
//! Invariants:
//! - prices and quantities are exact decimals in strings; no float comes near them;
//! - answers about live books and last bars take no lock, ask no SQL engine and wait for nobody;
//! - every error is a [`problem`](self) of `application/problem+json`, whoever refuses;
//! - `/openapi.json` describes what is really sent, which a test compares.

mod answer;
mod authentication;
mod bars;
mod cursor;
mod encode;
mod extract;
mod full_depth;
mod health;
mod jobs;
mod lake;
mod market;
mod problem;
mod reference;
mod replay;
mod router;
mod rows;
mod schema;
mod sql;
mod state;
mod stream;
mod tickets;
mod trades;

#[cfg(test)]
mod tests;

pub use router::router;
pub use state::{ApiParts, ApiState};
pub use stream::StreamCounts;

const TAG_MARKET: &str = "market";
const TAG_STREAM: &str = "streams";
const TAG_LAKE: &str = "lake";
const TAG_OPERATION: &str = "operation";
