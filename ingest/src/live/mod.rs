//! The live client: keeps the streams of all symbols flowing from a venue and hands on every message as it came.
//!
//! Invariants:
//! - A message reaches the sink once, unchanged, with the time at which it was read. Nothing else happens to it here:
//!   decoding it, keeping a book in step and asking for snapshots are the engine's part.
//! - Everything runs on one thread. The sink is called from it alone, so that it needs neither locks nor `Sync`.
//! - What the venue limits (messages, streams, request weight, waits after 429 and 418) is never exceeded by us.
//! - No fault of one symbol, one request or one connection touches another.
//!
//! Whatever decides something (`backoff`, `budget`, `scheduler`, `silence`, `continuity`, `handover`, `control`, `plan`)
//! is a state machine that takes the time as an argument and does no I/O; `rest`, `connection`, `shard` and `requests`
//! are the shells around them.

mod backoff;
mod budget;
mod clock;
mod connection;
mod continuity;
mod control;
mod exchange_info;
mod handover;
mod hub;
mod klines;
mod metrics;
mod plan;
mod requests;
mod rest;
mod scheduler;
mod shard;
mod silence;
mod start;

use std::cell::RefCell;
use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use depthlake_orderbook::frame::{Envelope, FrameKind};
use depthlake_orderbook::symbol::Symbol;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use thiserror::Error;
use tokio::select;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use crate::product::Product;
use budget::WeightBudget;
use exchange_info::ExchangeInfo;
use hub::Hub;
use rest::Rest;
use scheduler::Scheduler;
use shard::Shard;

pub use clock::ClockOffset;
pub use klines::{KlineAnswer, KlineClient, KlinePage};
pub use metrics::FeedMetrics;
pub use rest::RequestError;

/// How often silent symbols are looked for.
const SILENCE_CHECK: Duration = Duration::from_millis(250);

/// Where a venue is found. Any address that speaks the venue's protocol will do: the venue, its testnet, a proxy, the
/// simulated venue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// What `/stream` is appended to, e.g. `wss://stream.binance.com:9443`.
    pub websocket: String,
    /// Where trades are served from, if not from `websocket`.
    pub trades_websocket: Option<String>,
    /// What `/api/v3/…` is appended to, e.g. `https://api.binance.com`.
    pub rest: String,
}

impl Endpoints {
    /// Binance's own addresses. USD-M futures serve books and trades from two, and send nothing for a stream that was
    /// subscribed at the wrong one.
    #[must_use]
    pub fn binance(product: Product) -> Self {
        let (websocket, trades_websocket, rest) = match product {
            Product::Spot => ("wss://stream.binance.com:9443", None, "https://api.binance.com"),
            Product::UsdM => (
                "wss://fstream.binance.com/public",
                Some("wss://fstream.binance.com/market"),
                "https://fapi.binance.com",
            ),
            Product::CoinM => ("wss://dstream.binance.com", None, "https://dapi.binance.com"),
        };
        Self {
            websocket: websocket.to_owned(),
            trades_websocket: trades_websocket.map(str::to_owned),
            rest: rest.to_owned(),
        }
    }

    /// Binance.US, a spot venue of its own with the same protocol.
    #[must_use]
    pub fn binance_us() -> Self {
        Self {
            websocket: "wss://stream.binance.us:9443".to_owned(),
            trades_websocket: None,
            rest: "https://api.binance.us".to_owned(),
        }
    }
}

/// What is to be fed, and from where.
#[derive(Debug, Clone)]
pub struct FeedConfig {
    pub endpoints: Endpoints,
    pub product: Product,
    pub symbols: Vec<Symbol>,
    /// Levels a side of a snapshot, raised to the next depth that the venue documents (5, 10, 20, 50, 100, 500, 1,000,
    /// on spot 5,000).
    pub snapshot_levels: u16,
    pub timing: Timing,
    /// Where the feed tells what it does.
    pub metrics: Arc<FeedMetrics>,
}

impl FeedConfig {
    /// Snapshots of 1,000 levels, of which 50 fit one minute's request weight, and the usual timing.
    #[must_use]
    pub fn new(endpoints: Endpoints, product: Product, symbols: Vec<Symbol>) -> Self {
        let (timing, metrics) = (Timing::default(), Arc::default());
        Self { endpoints, product, symbols, snapshot_levels: 1_000, timing, metrics }
    }
}

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// A connection on which nothing came for so long is dead: 45 s, more than two of the venue's pings.
    pub idle: Duration,
    /// A connection is renewed at this age: 23 h 50 min, for the venue ends it at 24 h.
    pub connection_age: Duration,
    /// A symbol that has not sent a depth update so long after it was subscribed is reported: 30 s.
    pub first_message: Duration,
    /// No silence shorter than this is reported: 10 s.
    pub shortest_silence: Duration,
    /// A REST request that takes longer has failed: 10 s.
    pub request: Duration,
    /// The venue's clock is compared with ours so often: every 20 s, by five of the cheapest requests.
    pub clock_check: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(45),
            connection_age: Duration::from_mins(23 * 60 + 50),
            first_message: Duration::from_secs(30),
            shortest_silence: Duration::from_secs(10),
            request: Duration::from_secs(10),
            clock_check: Duration::from_secs(20),
        }
    }
}

/// Takes what a feed brings.
pub trait FrameSink {
    /// Takes one message as it came, in order of receipt, and always from the same thread. Kinds of our own
    /// (`Disconnected`, `Reconnected`, `Silent`) come once a symbol concerned and carry a short text.
    ///
    /// After a connection was renewed, messages held back meanwhile may carry a slightly earlier time of receipt than
    /// the one before.
    ///
    /// # Errors
    /// An error ends the feed.
    fn accept(&mut self, envelope: &Envelope, payload: Bytes) -> Result<(), SinkError>;
}

impl<S: FrameSink + ?Sized> FrameSink for &mut S {
    fn accept(&mut self, envelope: &Envelope, payload: Bytes) -> Result<(), SinkError> {
        (**self).accept(envelope, payload)
    }
}

/// Why a sink takes no more.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct SinkError(#[from] pub Box<dyn Error + Send + Sync>);

/// What the engine asks of a feed. Answers come as frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// A book from the REST interface ([`FrameKind::Snapshot`]).
    Snapshot { symbol: Symbol, priority: SnapshotPriority },
    /// The symbol's entry of `exchangeInfo` ([`FrameKind::Instrument`]), for its tick or status may have changed.
    Instrument { symbol: Symbol },
}

/// How urgent a snapshot is, most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SnapshotPriority {
    /// A book that was live stands still.
    Gap,
    /// A book waits for its first snapshot.
    StartUp,
    /// A live book is to be compared with the venue's.
    Audit,
}

/// What a feed did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FeedReport {
    /// Frames handed to the sink, ours included.
    pub frames: u64,
    /// Messages dropped because they had been handed on before.
    pub repetitions: u64,
    /// Connections lost.
    pub disconnects: u64,
    /// Connections replaced by a successor.
    pub renewals: u64,
    /// Requests answered.
    pub answers: u64,
    /// Requests without a usable answer; each was tried again.
    pub failed_requests: u64,
    /// Requests the venue refused for their number (429, 418); each was tried again.
    pub refused_requests: u64,
    /// The venue's clock, where it could be measured.
    pub clock: Option<ClockOffset>,
}

/// A symbol that the venue does not list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownSymbol {
    pub symbol: Symbol,
    /// The listed one most like it.
    pub nearest: Option<Symbol>,
}

/// The symbols that the venue does not list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownSymbols(pub Vec<UnknownSymbol>);

impl fmt::Display for UnknownSymbols {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the venue does not list")?;
        for (index, UnknownSymbol { symbol, nearest }) in self.0.iter().enumerate() {
            write!(f, "{} {symbol}", if index == 0 { "" } else { "," })?;
            if let Some(nearest) = nearest {
                write!(f, " (nearest: {nearest})")?;
            }
        }
        Ok(())
    }
}

impl Error for UnknownSymbols {}

/// Why a feed could not start, or ended.
#[derive(Debug, Error)]
pub enum FeedError {
    #[error("no symbols to feed")]
    NoSymbols,
    #[error(transparent)]
    UnknownSymbols(#[from] UnknownSymbols),
    #[error("the venue's instruments cannot be had from {url}: {source}")]
    ExchangeInfo { url: String, source: RequestError },
    #[error("the HTTP client cannot be set up: {0}")]
    Client(RequestError),
    #[error("the feed's sink takes no more: {0}")]
    Sink(#[from] SinkError),
}

/// Feeds the sink until `stop` completes: first each symbol's [`FrameKind::Instrument`], then what the streams bring and
/// what is asked for through `requests`.
///
/// A lost connection, a failed request and a refusing venue are not errors: they are waited out. Runs wholly within the
/// future, which is not `Send`: block on it, on a current-thread runtime or on any other.
///
/// # Errors
/// [`FeedError`] where the configured symbols or the venue do not allow a start, or the sink refused a frame.
pub async fn run<S: FrameSink>(
    config: FeedConfig,
    sink: S,
    requests: mpsc::Receiver<Request>,
    stop: impl Future<Output = ()>,
) -> Result<FeedReport, FeedError> {
    let symbols = distinct(&config.symbols);
    if symbols.is_empty() {
        return Err(FeedError::NoSymbols);
    }
    choose_cryptography();
    let hub = RefCell::new(Hub::new(sink, &symbols, Arc::clone(&config.metrics)));
    select! {
        biased;
        () = stop => {}
        ended = feed(&config, &symbols, &hub, requests) => ended?,
    }
    Ok(config.metrics.report())
}

/// Ends only where something fails.
async fn feed<S: FrameSink>(
    config: &FeedConfig,
    symbols: &[Symbol],
    hub: &RefCell<Hub<S>>,
    requests: mpsc::Receiver<Request>,
) -> Result<(), FeedError> {
    let FeedConfig { endpoints, product, timing, .. } = config;
    let rest = Rest::new(&endpoints.rest, *product, config.snapshot_levels, timing.request)
        .map_err(FeedError::Client)?;
    let (info, received) = start::learn_instruments(&rest, symbols).await?;
    for symbol in symbols {
        if let Some(entry) = info.entry(*symbol) {
            let envelope = Envelope::own(FrameKind::Instrument, Some(*symbol), received);
            hub.borrow_mut().answer(&envelope, entry.clone())?;
        }
    }
    let mut parts = FuturesUnordered::<Pin<Box<dyn Future<Output = Result<(), SinkError>> + '_>>>::new();
    for plan in plan::plan(*product, endpoints, symbols) {
        parts.push(Box::pin(Shard { plan, timing, hub }.run()));
    }
    parts.push(Box::pin(requests::serve(&rest, scheduler(&info, *product), hub, requests)));
    parts.push(Box::pin(watch_silence(hub, timing)));
    parts.push(Box::pin(watch_clock(&rest, &config.metrics, timing)));
    drop(info);
    while let Some(ended) = parts.next().await {
        ended?;
    }
    Ok(())
}

/// A scheduler that knows what the start has used of the venue's weight.
fn scheduler(info: &ExchangeInfo, product: Product) -> Scheduler {
    let mut scheduler = Scheduler::new(WeightBudget::new(info.weight_limit));
    let used = rest::exchange_info_weight(product) + rest::TIME_WEIGHT * start::CLOCK_SAMPLES;
    scheduler.observe_weight(used, Instant::now());
    scheduler
}

async fn watch_silence<S: FrameSink>(hub: &RefCell<Hub<S>>, timing: &Timing) -> Result<(), SinkError> {
    let mut check = interval(SILENCE_CHECK);
    loop {
        check.tick().await;
        hub.borrow_mut().check_silence(Instant::now(), timing)?;
    }
}

/// Measures the venue's clock again and again: either may be put right, or drift.
async fn watch_clock(rest: &Rest, metrics: &FeedMetrics, timing: &Timing) -> Result<(), SinkError> {
    let mut check = interval(timing.clock_check);
    check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        check.tick().await;
        match start::measure_clock(rest).await {
            Ok(offset) => {
                let ClockOffset { nanoseconds, round_trip } = offset;
                tracing::info!(nanoseconds, ?round_trip, "the venue's clock is ahead of ours by");
                metrics.clock_measured(offset);
            }
            Err(error) => tracing::warn!(%error, "the venue's clock cannot be measured"),
        }
    }
}

fn distinct(symbols: &[Symbol]) -> Vec<Symbol> {
    let mut seen = HashSet::new();
    symbols.iter().copied().filter(|symbol| seen.insert(*symbol)).collect()
}

/// TLS needs one implementation of its cryptography for the whole process where several are compiled in.
fn choose_cryptography() {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::debug!("the process has chosen its cryptography already");
    }
}
