//! Streams: what changes, told to any number of clients as it changes.
//!
//! One thread, the [`Pump`], looks at the board every few milliseconds, takes in the engine's events, and writes each change
//! down once; its bytes are shared by all who asked for them (the [`Hub`]). Clients take them from a queue of their own, over
//! a WebSocket ([`socket`]) or as server-sent events ([`events`]).
//!
//! Invariants:
//! - no client holds up another, nor the pump: a queue that is full ends its client, with a reason;
//! - the messages of one channel, symbol, depth and pace are numbered without holes, and every newcomer begins with the whole;
//! - whole and changes together are what the board shows: applied in order they give the state of the last message.

mod books;
mod client;
mod events;
mod hub;
mod pump;
mod request;
mod running_bars;
mod socket;
mod tickers;
mod topic;
mod trades;

use depthlake_orderbook::time::Timestamp;

pub(crate) use events::{__path_events, events};
pub(crate) use hub::Hub;
pub use hub::StreamCounts;
pub(crate) use pump::{Pump, PumpSources};
pub(crate) use socket::{__path_stream, stream};

use crate::json_text::JsonText;
use topic::Topic;

/// Begins a message: `{"channel":…,"symbol":…,"seq":…,"time":…`. The caller adds what it is about and the closing brace.
fn begin_message(json: &mut JsonText, topic: &Topic, seq: u64, now: Timestamp) {
    json.clear();
    json.raw("{\"channel\":");
    json.plain(topic.channel.name());
    if let Some(symbol) = topic.symbol {
        json.raw(",\"symbol\":");
        json.plain(symbol.as_str());
    }
    json.raw(",\"seq\":");
    json.integer(seq);
    json.raw(",\"time\":");
    json.time(now);
}
