//! A running venue.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::admin;
use super::config::{Source, Speed, VenueConfig, VenueError};
use super::exchange::Exchange;
use super::fault::Fault;
use super::fault_plan::{FaultCount, FaultPlan};
use super::generator::GeneratedExchange;
use super::hub::{Hub, StreamCount};
use super::numbers::decimal;
use super::publisher::Publisher;
use super::recorded::RecordedExchange;
use super::server::{App, MarketOrigin, router};
use super::stop::Stop;

/// A venue that listens. Dropping it ends it without waiting; [`Venue::shutdown`] waits.
pub struct Venue {
    app: Arc<App>,
    address: SocketAddr,
    played_out: watch::Receiver<bool>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

/// The venue's own book of a symbol, in the venue's decimal text, best prices first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VenueBook {
    pub last_update_id: u64,
    /// Price and quantity.
    pub bids: Vec<(String, String)>,
    pub asks: Vec<(String, String)>,
}

/// Opens the markets and listens. Call it inside a tokio runtime with time and I/O enabled.
///
/// # Errors
/// [`VenueError`] where the address cannot be had, or the markets, the recording or the faults are impossible.
pub async fn start(config: VenueConfig) -> Result<Venue, VenueError> {
    let VenueConfig { listen, product, source, limits, faults, seed } = config;
    let listener = |source| VenueError::Listen { address: listen, source };
    let socket = TcpListener::bind(listen).await.map_err(listener)?;
    let address = socket.local_addr().map_err(listener)?;

    let (stop, stopped) = Stop::new();
    let hub = Hub::new(limits.waiting_frames);
    let plan = Arc::new(FaultPlan::new(faults.clone(), seed));
    let publisher = Arc::new(Publisher::new(Arc::clone(&hub), Arc::clone(&plan)));
    let opening = Opening { product, seed, hub: &hub, publisher: &publisher, stop: &stopped };
    let opened = opening.open(source)?;

    let symbols = opened.exchange.symbols();
    if symbols.is_empty() {
        stop.send_replace(true);
        return Err(VenueError::NoMarkets);
    }
    for fault in &faults {
        if let Err(error) = admin::check(fault, opened.origin, &symbols) {
            stop.send_replace(true);
            return Err(error);
        }
    }
    let parts = (hub, publisher, plan);
    let app = Arc::new(App::new(product, limits, opened.exchange, opened.origin, parts, stopped.clone()));
    let server = tokio::spawn(serve(socket, Arc::clone(&app), stopped));
    let tasks = vec![opened.task, server];
    Ok(Venue { app, address, played_out: opened.played_out, stop, tasks })
}

/// What a source needs to open.
struct Opening<'a> {
    product: crate::product::Product,
    seed: u64,
    hub: &'a Arc<Hub>,
    publisher: &'a Arc<Publisher>,
    stop: &'a Stop,
}

/// A source at work.
struct Opened {
    exchange: Arc<dyn Exchange>,
    origin: MarketOrigin,
    task: JoinHandle<()>,
    played_out: watch::Receiver<bool>,
}

impl Opening<'_> {
    fn open(&self, source: Source) -> Result<Opened, VenueError> {
        let publisher = Arc::clone(self.publisher);
        match source {
            Source::Generated { markets, rate } => {
                positive(rate)?;
                let exchange = GeneratedExchange::open(&markets, self.product, rate, self.seed, publisher)?;
                let task = tokio::spawn(Arc::clone(&exchange).run(self.stop.clone()));
                // Generated markets never end.
                let (_, played_out) = watch::channel(false);
                Ok(Opened { exchange, origin: MarketOrigin::Generated, task, played_out })
            }
            Source::Recording { recording, speed } => {
                if let Speed::Times(times) = speed {
                    positive(times)?;
                }
                let (exchange, frames) = RecordedExchange::open(&recording, self.product, publisher)?;
                let played_out = exchange.played_out();
                let run = Arc::clone(&exchange).run(frames, speed, Arc::clone(self.hub), self.stop.clone());
                let task = tokio::spawn(run);
                Ok(Opened { exchange, origin: MarketOrigin::Recorded, task, played_out })
            }
        }
    }
}

fn positive(rate: f64) -> Result<(), VenueError> {
    if rate > 0.0 && rate.is_finite() { Ok(()) } else { Err(VenueError::Rate(rate)) }
}

async fn serve(socket: TcpListener, app: Arc<App>, mut stop: Stop) {
    let socket = socket.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection of the simulated venue keeps Nagle's algorithm");
        }
    });
    let service = router(app).into_make_service_with_connect_info::<SocketAddr>();
    let stopped = async move {
        stop.requested().await;
    };
    if let Err(error) = axum::serve(socket, service).with_graceful_shutdown(stopped).await {
        tracing::error!(%error, "the simulated venue's server ended");
    }
}

impl Venue {
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What REST paths like `/api/v3/depth` are appended to.
    #[must_use]
    pub fn rest_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What WebSocket paths like `/stream` are appended to.
    #[must_use]
    pub fn websocket_url(&self) -> String {
        format!("ws://{}", self.address)
    }

    #[must_use]
    pub fn symbols(&self) -> Vec<String> {
        self.app.exchange.symbols()
    }

    /// Stops the markets, sends what is pending and waits until it is written to the sockets, so that clients can reach
    /// exactly the venue's books. False where a client did not take it within five seconds.
    pub async fn pause(&self) -> bool {
        admin::pause(&self.app).await
    }

    pub fn resume(&self) {
        self.app.exchange.resume();
    }

    /// Frames by stream, of all connections so far.
    #[must_use]
    pub fn counters(&self) -> Vec<StreamCount> {
        self.app.hub.counts()
    }

    /// Faults that happened so far.
    #[must_use]
    pub fn fault_counters(&self) -> Vec<FaultCount> {
        self.app.faults.counts()
    }

    /// WebSocket connections now open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.app.hub.connection_count()
    }

    /// The whole book of a symbol (upper case), as of now; `None` where it is not listed.
    #[must_use]
    pub fn book(&self, symbol: &str) -> Option<VenueBook> {
        let listing = self.app.exchange.listing(symbol)?;
        let depth = self.app.exchange.depth(symbol, usize::MAX)?;
        let level = |(price, quantity): (i64, i64)| {
            let price = decimal(i128::from(price), listing.price_scale, listing.price_decimals);
            (price, decimal(i128::from(quantity), listing.quantity_scale, listing.quantity_decimals))
        };
        Some(VenueBook {
            last_update_id: depth.last_update_id,
            bids: depth.bids.into_iter().map(level).collect(),
            asks: depth.asks.into_iter().map(level).collect(),
        })
    }

    /// Makes a fault happen: at once where it can, else at its next opportunity, or as its trigger says.
    ///
    /// # Errors
    /// [`VenueError`] where the venue does not list the fault's symbol, or cannot show the fault.
    pub fn inject(&self, fault: Fault) -> Result<(), VenueError> {
        admin::inject(&self.app, fault)
    }

    /// Waits until a recording is played to its end; for ever on generated markets.
    pub async fn played_out(&self) {
        let mut played_out = self.played_out.clone();
        if played_out.wait_for(|played_out| *played_out).await.is_err() && !*self.played_out.borrow() {
            std::future::pending::<()>().await;
        }
    }

    /// Closes all connections and stops listening.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        for task in std::mem::take(&mut self.tasks) {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task of the simulated venue failed");
            }
        }
    }
}

impl Drop for Venue {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}
