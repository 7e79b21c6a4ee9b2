//! What a simulated venue is told at its start.

use std::net::SocketAddr;
use std::time::Duration;

use thiserror::Error;

use super::fault::{Fault, FaultKind};
use super::spec::MarketSpec;
use crate::product::Product;
use crate::recording::{Recording, RecordingError};

/// Everything the venue needs to know before it listens.
#[derive(Debug)]
pub struct VenueConfig {
    /// Port 0 takes any free port; see [`super::Venue::local_addr`].
    pub listen: SocketAddr,
    pub product: Product,
    pub source: Source,
    pub limits: Limits,
    /// Faults armed from the start.
    pub faults: Vec<Fault>,
    /// Decides every random choice: two venues of one seed generate the same sequence of events.
    pub seed: u64,
}

impl VenueConfig {
    /// A venue of generated markets on any free port of this machine, with the product's own limits and no faults.
    #[must_use]
    pub fn generated(product: Product, markets: Vec<MarketSpec>, seed: u64) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            product,
            source: Source::Generated { markets, rate: 1.0 },
            limits: Limits::of(product),
            faults: Vec::new(),
            seed,
        }
    }
}

/// Where the market data comes from.
#[derive(Debug)]
pub enum Source {
    /// Matching engines under seeded order flow; `rate` multiplies the activity of every market.
    Generated { markets: Vec<MarketSpec>, rate: f64 },
    /// Recorded frames, from the first subscription on.
    Recording { recording: Recording, speed: Speed },
}

/// How fast a recording is played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// This many times as fast as it was received.
    Times(f64),
    /// As fast as the clients read; nothing is lost.
    Max,
}

/// The venue's limits. The defaults are the real ones; tests compress them.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Request weight an address may use in one `weight_window`.
    pub request_weight: u32,
    pub weight_window: Duration,
    /// Requests beyond the weight limit, each answered 429, after which the address is banned (418).
    pub requests_before_ban: u32,
    /// Length of the first ban; each further one is twice as long, up to three days.
    pub ban: Duration,
    /// Messages of any kind a client may send over one connection within a second.
    pub messages_per_second: usize,
    pub streams_per_connection: usize,
    /// Connections an address may attempt within `connection_window`.
    pub connection_attempts: usize,
    pub connection_window: Duration,
    pub ping_interval: Duration,
    /// A connection that leaves a ping unanswered for so long is closed.
    pub pong_timeout: Duration,
    pub connection_lifetime: Duration,
    /// Time between the `serverShutdown` event and the end of the connection.
    pub shutdown_notice: Duration,
    /// Frames that may wait for a slow client before it is dropped.
    pub waiting_frames: usize,
}

impl Limits {
    /// The limits Binance enforces for `product`.
    #[must_use]
    pub const fn of(product: Product) -> Self {
        Self {
            request_weight: match product {
                Product::Spot => 6000,
                Product::UsdM | Product::CoinM => 2400,
            },
            weight_window: Duration::from_mins(1),
            requests_before_ban: 20,
            ban: Duration::from_mins(2),
            messages_per_second: match product {
                Product::Spot => 5,
                Product::UsdM | Product::CoinM => 10,
            },
            streams_per_connection: 1024,
            connection_attempts: 300,
            connection_window: Duration::from_mins(5),
            ping_interval: Duration::from_secs(20),
            pong_timeout: Duration::from_mins(1),
            connection_lifetime: Duration::from_hours(24),
            shutdown_notice: Duration::from_secs(10),
            waiting_frames: 16_384,
        }
    }
}

/// Why a venue could not start.
#[derive(Debug, Error)]
pub enum VenueError {
    #[error("the simulated venue cannot listen on {address}: {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("the simulated venue has no market to offer")]
    NoMarkets,
    #[error("market {symbol} is listed twice")]
    DuplicateMarket { symbol: String },
    #[error("market {symbol}: {reason}")]
    ImpossibleMarket { symbol: String, reason: &'static str },
    #[error("the recording cannot be read: {0}")]
    Recording(#[from] RecordingError),
    #[error("a recording cannot show the fault {kind}: its frames are fixed")]
    FaultNeedsGeneratedMarkets { kind: FaultKind },
    #[error("fault {kind} names {symbol}, which this venue does not list")]
    FaultOfUnknownSymbol { kind: FaultKind, symbol: String },
    #[error("the activity rate and the replay speed must be above 0 and finite, not {0}")]
    Rate(f64),
}
