//! The venue's HTTP server: who may come in, and through which door.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{ConnectInfo, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;

use super::config::Limits;
use super::connection::{self, Session};
use super::exchange::Exchange;
use super::fault_plan::FaultPlan;
use super::hub::Hub;
use super::numbers::TimeUnit;
use super::parcel::Envelope;
use super::publisher::Publisher;
use super::stop::Stop;
use super::weight::{SlidingWindow, WeightLimiter};
use super::{admin, rest};
use crate::product::Product;

/// The largest control message taken: 1,024 stream names fit many times.
const LARGEST_MESSAGE: usize = 1 << 20;

/// Bytes that are read at once. Clients say little, and the WebSocket writes zeros over so many before it looks for any.
const READ_AT_ONCE: usize = 4 << 10;

/// What all handlers share.
pub(super) struct App {
    pub product: Product,
    pub limits: Limits,
    pub exchange: Arc<dyn Exchange>,
    pub hub: Arc<Hub>,
    pub publisher: Arc<Publisher>,
    pub faults: Arc<FaultPlan>,
    pub markets: MarketOrigin,
    pub stop: Stop,
    started: Instant,
    weights: Mutex<WeightLimiter>,
    attempts: Mutex<HashMap<IpAddr, SlidingWindow>>,
}

/// Whether the markets can still be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MarketOrigin {
    Generated,
    Recorded,
}

impl App {
    pub(super) fn new(
        product: Product,
        limits: Limits,
        exchange: Arc<dyn Exchange>,
        markets: MarketOrigin,
        (hub, publisher, faults): (Arc<Hub>, Arc<Publisher>, Arc<FaultPlan>),
        stop: Stop,
    ) -> Self {
        let weights = Mutex::new(WeightLimiter::new(limits.clone()));
        let (started, attempts) = (Instant::now(), Mutex::default());
        Self { product, limits, exchange, hub, publisher, faults, markets, stop, started, weights, attempts }
    }

    pub(super) fn weights(&self) -> MutexGuard<'_, WeightLimiter> {
        self.weights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Time since the venue's start.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn may_connect(&self, address: IpAddr) -> bool {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let Limits { connection_attempts, connection_window, .. } = self.limits;
        let window = attempts
            .entry(address)
            .or_insert_with(|| SlidingWindow::new(connection_attempts, connection_window));
        window.allows(self.elapsed())
    }
}

/// All of the venue's routes.
pub(super) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/ws", get(bare))
        .route("/ws/{*streams}", get(raw))
        .route("/stream", get(combined))
        .nest(app.product.rest_prefix(), rest::router())
        .nest("/sim", admin::router())
        .with_state(app)
}

#[derive(Deserialize)]
struct Wishes {
    streams: Option<String>,
    #[serde(rename = "timeUnit")]
    time_unit: Option<String>,
}

type Peer = ConnectInfo<SocketAddr>;

async fn bare(
    State(app): State<Arc<App>>,
    peer: Peer,
    Query(wishes): Query<Wishes>,
    upgrade: WebSocketUpgrade,
) -> Response {
    open(app, peer, &wishes, None, Envelope::Raw, upgrade)
}

async fn raw(
    State(app): State<Arc<App>>,
    peer: Peer,
    Path(streams): Path<String>,
    Query(wishes): Query<Wishes>,
    upgrade: WebSocketUpgrade,
) -> Response {
    open(app, peer, &wishes, Some(&streams), Envelope::Raw, upgrade)
}

async fn combined(
    State(app): State<Arc<App>>,
    peer: Peer,
    Query(wishes): Query<Wishes>,
    upgrade: WebSocketUpgrade,
) -> Response {
    open(app, peer, &wishes, wishes.streams.as_deref(), Envelope::Combined, upgrade)
}

fn open(
    app: Arc<App>,
    ConnectInfo(peer): Peer,
    wishes: &Wishes,
    streams: Option<&str>,
    envelope: Envelope,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !app.may_connect(peer.ip()) {
        return (StatusCode::TOO_MANY_REQUESTS, "Too many connection attempts.").into_response();
    }
    let Some(unit) = TimeUnit::named(wishes.time_unit.as_deref()) else {
        return (StatusCode::BAD_REQUEST, "Invalid timeUnit.").into_response();
    };
    let streams = streams.unwrap_or_default().split('/').filter(|name| !name.is_empty());
    let session = Session { envelope, unit, streams: streams.map(str::to_owned).collect() };
    let upgrade = upgrade.max_message_size(LARGEST_MESSAGE).read_buffer_size(READ_AT_ONCE);
    upgrade.on_upgrade(move |socket| async move {
        let (hub, limits, stop) = (Arc::clone(&app.hub), app.limits.clone(), app.stop.clone());
        connection::serve(socket, session, hub, limits, stop).await;
    })
}
