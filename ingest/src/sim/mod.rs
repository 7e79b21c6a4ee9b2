//! A simulated venue: a server that speaks Binance's market-data protocol, REST and WebSocket, on a real socket.
//!
//! Its data comes from generated markets (matching engines under seeded order flow) or from a recording; a client
//! cannot tell. It enforces the venue's limits, and shows faults by name when asked. Nothing in it knows the client.
//!
//! ```text
//! flow ► matching ► market ► generator ─┐
//! recording ───────────────► recorded ──┤ exchange ◄── rest ◄─┐
//!                                       ▼                     │ server ◄── clients
//!                        publisher (faults) ► hub ► connection ┘
//! ```
//!
//! Invariants: the venue's own book is always right, whatever fault is shown; depth diffs chain without a hole; frames
//! of one connection keep the order in which they were published; a client that is too slow is dropped, never waited
//! for, except when a recording is played at full speed.

mod admin;
mod bars;
mod clock;
mod config;
mod connection;
mod control;
mod depth;
mod exchange;
mod exchange_info;
mod fault;
mod fault_plan;
mod flow;
mod frames;
mod generator;
mod hub;
mod listing;
mod market;
mod matching;
mod numbers;
mod parcel;
mod publisher;
mod recorded;
mod rest;
mod server;
mod spec;
mod stop;
mod stream;
mod venue;
mod weight;

pub use config::{Limits, Source, Speed, VenueConfig, VenueError};
pub use fault::{Fault, FaultError, FaultKind, Trigger};
pub use fault_plan::FaultCount;
pub use hub::StreamCount;
pub use spec::{MarketSpec, default_markets, market_for};
pub use venue::{Venue, VenueBook, start};
