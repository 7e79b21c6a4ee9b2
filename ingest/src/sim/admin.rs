//! Routes of our own under `/sim/`, for tests and people in other processes. They cost no weight.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::config::VenueError;
use super::fault::{Fault, FaultKind, Trigger};
use super::frames::Frames;
use super::numbers::TimeUnit;
use super::server::{App, MarketOrigin};

/// How long a pause waits for the frames under way to be written.
const DRAIN_PATIENCE: Duration = Duration::from_secs(5);
const DRAIN_STEP: Duration = Duration::from_millis(2);

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route(
            "/pause",
            post(async |State(app): State<Arc<App>>| Json(json!({ "drained": pause(&app).await }))),
        )
        .route("/resume", post(resume))
        .route("/counters", get(counters))
        .route("/book", get(book))
        .route("/fault", post(fault))
}

/// Stops the markets and waits until all they published is written to the sockets; false where a client does not take
/// it in time.
pub(super) async fn pause(app: &App) -> bool {
    app.exchange.pause();
    let drained = async {
        while !app.hub.is_drained() {
            tokio::time::sleep(DRAIN_STEP).await;
        }
    };
    tokio::time::timeout(DRAIN_PATIENCE, drained).await.is_ok()
}

/// Makes a fault happen, or arms it where it has a trigger of its own.
pub(super) fn inject(app: &App, fault: Fault) -> Result<(), VenueError> {
    check(&fault, app.markets, &app.exchange.symbols())?;
    if fault.trigger == Trigger::Next {
        let symbols = app.exchange.symbols();
        app.publisher.inject(fault, symbols.first().map_or("", String::as_str));
    } else {
        app.faults.arm(fault);
    }
    Ok(())
}

/// Whether a venue with these markets can show the fault.
pub(super) fn check(fault: &Fault, markets: MarketOrigin, symbols: &[String]) -> Result<(), VenueError> {
    let kind = fault.kind;
    if let Some(symbol) = fault.symbol.as_ref().filter(|symbol| !symbols.contains(symbol)) {
        return Err(VenueError::FaultOfUnknownSymbol { kind, symbol: symbol.clone() });
    }
    let of_market = matches!(kind, FaultKind::TickSizeChange | FaultKind::SymbolHalt);
    if of_market && markets == MarketOrigin::Recorded {
        return Err(VenueError::FaultNeedsGeneratedMarkets { kind });
    }
    Ok(())
}

async fn resume(State(app): State<Arc<App>>) -> Json<Value> {
    app.exchange.resume();
    Json(json!({}))
}

async fn counters(State(app): State<Arc<App>>) -> Json<Value> {
    let streams = app
        .hub
        .counts()
        .into_iter()
        .map(|count| json!({ "stream": count.stream, "published": count.published, "sent": count.sent }));
    let faults = app
        .faults
        .counts()
        .into_iter()
        .map(|count| json!({ "name": count.kind.name(), "symbol": count.symbol, "count": count.count }));
    Json(json!({
        "streams": streams.collect::<Vec<_>>(),
        "faults": faults.collect::<Vec<_>>(),
        "connections": app.hub.connection_count(),
    }))
}

async fn book(State(app): State<Arc<App>>, Query(parameters): Query<HashMap<String, String>>) -> Response {
    let symbol = parameters.get("symbol").map(|symbol| symbol.to_ascii_uppercase()).unwrap_or_default();
    let (Some(listing), Some(depth)) =
        (app.exchange.listing(&symbol), app.exchange.depth(&symbol, usize::MAX))
    else {
        return (StatusCode::NOT_FOUND, Json(json!({ "error": format!("no symbol {symbol:?}") })))
            .into_response();
    };
    let frames = Frames { product: app.product, listing: &listing, unit: TimeUnit::Milliseconds };
    ([("content-type", "application/json")], frames.snapshot(&depth)).into_response()
}

/// `name` is the fault's; all other parameters are its settings.
async fn fault(State(app): State<Arc<App>>, Query(parameters): Query<HashMap<String, String>>) -> Response {
    let name = parameters.get("name").map(String::as_str).unwrap_or_default();
    let settings = parameters.iter().filter(|(key, _)| *key != "name");
    let settings: Vec<_> = settings.map(|(key, value)| format!("{key}={value}")).collect();
    let done = match format!("{name}:{}", settings.join(",")).parse::<Fault>() {
        Ok(fault) => inject(&app, fault).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match done {
        Ok(()) => Json(json!({})).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response(),
    }
}
