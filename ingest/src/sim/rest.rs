//! The REST side: market data requests, their weights and the venue's errors.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use depthlake_orderbook::time::Timestamp;
use serde_json::json;

use super::clock::now;
use super::exchange_info;
use super::fault::{FaultKind, Opportunity};
use super::frames::Frames;
use super::listing::Listing;
use super::numbers::TimeUnit;
use super::server::App;
use super::weight::{Verdict, depth_weight};
use crate::product::Product;

const MOST_ROWS: usize = 1_000;
const USUAL_ROWS: usize = 500;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/ping", get(ping))
        .route("/time", get(time))
        .route("/exchangeInfo", get(exchange_info))
        .route("/depth", get(depth))
        .route("/klines", get(klines))
        .route("/trades", get(trades))
        .route("/aggTrades", get(aggregate_trades))
}

type Parameters = Query<HashMap<String, String>>;

/// An error as the venue words it.
struct ApiError {
    code: i32,
    message: String,
}

type Body = Result<String, ApiError>;

async fn ping(State(app): State<Arc<App>>, ConnectInfo(peer): ConnectInfo<SocketAddr>) -> Response {
    let request = Request::new(&app, peer, HashMap::new(), &HeaderMap::new());
    request.answer(1, |_| Ok("{}".to_owned()))
}

async fn time(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Response {
    let request = Request::new(&app, peer, HashMap::new(), &headers);
    let faults = app.faults.at(Opportunity::TimeRequest, None);
    let ahead = faults.iter().map(|fault| i64::try_from(fault.length.as_nanos()).unwrap_or(i64::MAX)).max();
    let time = Timestamp(now().0.saturating_add(ahead.unwrap_or_default()));
    request.answer(1, |request| Ok(json!({ "serverTime": request.unit.of(time) }).to_string()))
}

async fn exchange_info(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Query(parameters): Parameters,
) -> Response {
    let weight = if app.product == Product::Spot { 20 } else { 1 };
    Request::new(&app, peer, parameters, &headers).answer(weight, |request| {
        let exchange = &request.app.exchange;
        let entries: Option<Vec<_>> =
            request.named_symbols()?.iter().map(|symbol| exchange.exchange_info_entry(symbol)).collect();
        let entries = entries.ok_or_else(invalid_symbol)?;
        let app = request.app;
        Ok(exchange_info::whole(app.product, &app.limits, &entries, request.unit.of(now())).to_string())
    })
}

async fn depth(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Query(parameters): Parameters,
) -> Response {
    let request = Request::new(&app, peer, parameters, &headers);
    let limit = request.limit().ok().flatten();
    let (weight, levels) = depth_weight(app.product, limit).unwrap_or((1, 0));
    let mut stale = false;
    for fault in app.faults.at(Opportunity::DepthRequest, request.symbol.as_deref()) {
        match fault.kind {
            FaultKind::SlowSnapshot => tokio::time::sleep(fault.length).await,
            _ => stale = true,
        }
    }
    request.answer(weight, |request| {
        let listing = request.listing()?;
        if depth_weight(request.app.product, request.limit()?).is_none() {
            return Err(illegal("limit"));
        }
        let exchange = &request.app.exchange;
        let found = if stale {
            exchange.stale_depth(&listing.symbol)
        } else {
            exchange.depth(&listing.symbol, levels)
        };
        let mut depth = found.ok_or_else(invalid_symbol)?;
        depth.truncate(levels);
        Ok(request.frames(&listing).snapshot(&depth))
    })
}

async fn klines(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Query(parameters): Parameters,
) -> Response {
    Request::new(&app, peer, parameters, &headers).answer(2, |request| {
        let listing = request.listing()?;
        match request.parameters.get("interval").map(String::as_str) {
            Some("1m") => {}
            Some(_) => return Err(error(-1120, "Invalid interval.")),
            None => return Err(missing("interval")),
        }
        let (from, to) = (request.number("startTime")?, request.number("endTime")?);
        let bars = request.app.exchange.bars(&listing.symbol, MOST_ROWS).ok_or_else(invalid_symbol)?;
        let wanted = |open: u64| from.is_none_or(|from| open >= from) && to.is_none_or(|to| open <= to);
        let mut bars: Vec<_> =
            bars.into_iter().filter(|bar| wanted(request.unit.of(bar.open_time).unsigned_abs())).collect();
        let rows = request.rows()?;
        if from.is_none() {
            bars.drain(..bars.len().saturating_sub(rows));
        }
        let frames = request.frames(&listing);
        Ok(array(bars.iter().take(rows).map(|bar| frames.kline_row(bar))))
    })
}

async fn trades(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Query(parameters): Parameters,
) -> Response {
    let weight = if app.product == Product::Spot { 25 } else { 5 };
    Request::new(&app, peer, parameters, &headers).answer(weight, |request| {
        let listing = request.listing()?;
        let trades =
            request.app.exchange.trades(&listing.symbol, request.rows()?).ok_or_else(invalid_symbol)?;
        let frames = request.frames(&listing);
        Ok(array(trades.iter().map(|trade| frames.trade_row(trade))))
    })
}

async fn aggregate_trades(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Query(parameters): Parameters,
) -> Response {
    let weight = if app.product == Product::Spot { 4 } else { 20 };
    Request::new(&app, peer, parameters, &headers).answer(weight, |request| {
        let listing = request.listing()?;
        let rows = request.rows()?;
        let trades = request.app.exchange.aggregates(&listing.symbol, rows).ok_or_else(invalid_symbol)?;
        let frames = request.frames(&listing);
        Ok(array(trades.iter().map(|trade| frames.aggregate_row(trade))))
    })
}

/// A request with what all of them have.
struct Request<'a> {
    app: &'a App,
    peer: SocketAddr,
    parameters: HashMap<String, String>,
    symbol: Option<String>,
    unit: TimeUnit,
}

impl<'a> Request<'a> {
    fn new(app: &'a App, peer: SocketAddr, parameters: HashMap<String, String>, headers: &HeaderMap) -> Self {
        let symbol = parameters.get("symbol").cloned();
        let named = headers.get("x-mbx-time-unit").and_then(|value| value.to_str().ok());
        let unit = TimeUnit::named(named).unwrap_or(TimeUnit::Milliseconds);
        Self { app, peer, parameters, symbol, unit }
    }

    /// Answers with `body`, if the limits and the faults let it.
    fn answer(&self, weight: u32, body: impl FnOnce(&Self) -> Body) -> Response {
        let used = match self.admit(weight) {
            Verdict::Allowed { used } => used,
            refused => return refusal(self.app, refused),
        };
        let (status, text) = match body(self) {
            Ok(text) => (StatusCode::OK, text),
            Err(ApiError { code, message }) => {
                (StatusCode::BAD_REQUEST, json!({ "code": code, "msg": message }).to_string())
            }
        };
        response(status, used, text)
    }

    fn admit(&self, weight: u32) -> Verdict {
        let (address, now) = (self.peer.ip(), self.app.elapsed());
        let mut verdict = self.app.weights().request(address, weight, now);
        for fault in self.app.faults.at(Opportunity::Request, self.symbol.as_deref()) {
            verdict = match (fault.kind, verdict) {
                (FaultKind::Banned, _) => self.app.weights().ban(address, fault.length, now),
                (_, Verdict::Allowed { used }) => Verdict::TooMany { used, retry_after: fault.length },
                (_, refused) => refused,
            };
        }
        verdict
    }

    fn frames<'b>(&self, listing: &'b Listing) -> Frames<'b> {
        Frames { product: self.app.product, listing, unit: self.unit }
    }

    fn listing(&self) -> Result<Listing, ApiError> {
        let symbol = self.symbol.as_deref().filter(|symbol| !symbol.is_empty());
        let symbol = symbol.ok_or_else(|| missing("symbol"))?;
        self.app.exchange.listing(symbol).ok_or_else(invalid_symbol)
    }

    /// The symbols an `exchangeInfo` is asked for: one, a list, or all.
    fn named_symbols(&self) -> Result<Vec<String>, ApiError> {
        match (&self.symbol, self.parameters.get("symbols")) {
            (Some(symbol), None) => Ok(vec![symbol.clone()]),
            (None, Some(symbols)) => serde_json::from_str(symbols).map_err(|_| illegal("symbols")),
            (None, None) => Ok(self.app.exchange.symbols()),
            (Some(_), Some(_)) => Err(error(-1128, "Combination of optional parameters invalid.")),
        }
    }

    fn number(&self, name: &'static str) -> Result<Option<u64>, ApiError> {
        self.parameters.get(name).map(|text| text.parse().map_err(|_| illegal(name))).transpose()
    }

    fn limit(&self) -> Result<Option<u32>, ApiError> {
        self.number("limit").map(|limit| limit.map(|limit| u32::try_from(limit).unwrap_or(u32::MAX)))
    }

    fn rows(&self) -> Result<usize, ApiError> {
        let limit = self.limit()?.map_or(USUAL_ROWS, |limit| limit as usize);
        if limit == 0 { Err(illegal("limit")) } else { Ok(limit.min(MOST_ROWS)) }
    }
}

fn refusal(app: &App, verdict: Verdict) -> Response {
    let (status, used, retry_after, message) = match verdict {
        Verdict::Banned { until, retry_after } => {
            let until = now().milliseconds() + milliseconds(until) - milliseconds(app.elapsed());
            let message = format!(
                "Way too much request weight used; IP banned until {until}. Please use WebSocket Streams for live updates to avoid bans."
            );
            (StatusCode::IM_A_TEAPOT, app.limits.request_weight, retry_after, message)
        }
        Verdict::TooMany { used, retry_after } => {
            let limit = app.limits.request_weight;
            let message = format!(
                "Too much request weight used; current limit is {limit} request weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API."
            );
            (StatusCode::TOO_MANY_REQUESTS, used, retry_after, message)
        }
        Verdict::Allowed { used } => (StatusCode::OK, used, std::time::Duration::ZERO, String::new()),
    };
    let mut response = response(status, used, json!({ "code": -1003, "msg": message }).to_string());
    let seconds = retry_after.as_millis().div_ceil(1_000).max(1);
    if let Ok(value) = seconds.to_string().parse() {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    response
}

fn response(status: StatusCode, used: u32, body: String) -> Response {
    let used = used.to_string();
    let headers = [
        ("content-type", "application/json;charset=UTF-8"),
        ("x-mbx-used-weight", used.as_str()),
        ("x-mbx-used-weight-1m", used.as_str()),
    ];
    (status, headers, body).into_response()
}

fn array(rows: impl Iterator<Item = String>) -> String {
    format!("[{}]", rows.collect::<Vec<_>>().join(","))
}

fn error(code: i32, message: &str) -> ApiError {
    ApiError { code, message: message.to_owned() }
}

fn invalid_symbol() -> ApiError {
    error(-1121, "Invalid symbol.")
}

fn missing(name: &str) -> ApiError {
    let message = format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed.");
    error(-1102, &message)
}

fn illegal(name: &str) -> ApiError {
    error(-1100, &format!("Illegal characters found in parameter '{name}'."))
}

fn milliseconds(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}
