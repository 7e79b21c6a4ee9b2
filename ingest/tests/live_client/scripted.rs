//! A venue whose every message the test writes.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use depthlake_ingest::live::FeedConfig;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::feed;

const PATIENCE: Duration = Duration::from_secs(20);

pub struct Venue {
    address: SocketAddr,
    connections: mpsc::UnboundedReceiver<WebSocket>,
    rest: Arc<Rest>,
}

/// What the REST side answers, and what it was asked.
#[derive(Default)]
struct Rest {
    depth: Mutex<VecDeque<Answer>>,
    asked: Mutex<Vec<Asked>>,
}

/// An answer to a depth request. When none is left, a good one is given.
pub struct Answer {
    pub status: u16,
    pub retry_after: Option<u32>,
    pub delay: Duration,
    pub body: &'static str,
}

impl Answer {
    pub fn new(status: u16, body: &'static str) -> Self {
        Self { status, retry_after: None, delay: Duration::ZERO, body }
    }
}

/// A depth request.
#[derive(Clone)]
pub struct Asked {
    pub at: Instant,
    pub query: String,
}

/// One connection of the client.
pub struct Connection(WebSocket);

#[derive(Clone)]
struct Shared {
    connections: mpsc::UnboundedSender<WebSocket>,
    rest: Arc<Rest>,
}

pub const LISTED: [&str; 3] = ["BTCUSDT", "ETHUSDT", "SOLUSDT"];

impl Venue {
    pub async fn start() -> Self {
        let (opened, connections) = mpsc::unbounded_channel();
        let rest = Arc::new(Rest::default());
        let shared = Shared { connections: opened, rest: Arc::clone(&rest) };
        let router = Router::new()
            .route("/stream", get(connect))
            .route("/api/v3/exchangeInfo", get(exchange_info))
            .route("/api/v3/time", get(async || r#"{"serverTime":1723161255208}"#))
            .route("/api/v3/depth", get(depth))
            .with_state(shared);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
        Self { address, connections, rest }
    }

    pub fn config(&self, symbols: &[&str]) -> FeedConfig {
        feed::config(format!("ws://{}", self.address), format!("http://{}", self.address), symbols)
    }

    /// The client's next connection.
    pub async fn connection(&mut self) -> Connection {
        let opened = timeout(PATIENCE, self.connections.recv()).await;
        Connection(opened.expect("the client did not connect").unwrap())
    }

    /// The client's next connection, its streams confirmed.
    pub async fn subscribed(&mut self) -> Connection {
        let mut connection = self.connection().await;
        connection.confirm().await;
        connection
    }

    pub fn answer_depth(&self, answers: impl IntoIterator<Item = Answer>) {
        self.rest.depth.lock().unwrap().extend(answers);
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.rest.asked.lock().unwrap().clone()
    }
}

impl Connection {
    /// Reads the SUBSCRIBE and says what it names.
    pub async fn subscribe_request(&mut self) -> (u64, Vec<String>) {
        let message = timeout(PATIENCE, self.0.recv()).await.expect("no SUBSCRIBE came");
        let text = message.unwrap().unwrap().into_text().unwrap();
        let request: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(request["method"], "SUBSCRIBE");
        let streams = serde_json::from_value(request["params"].clone()).unwrap();
        (request["id"].as_u64().unwrap(), streams)
    }

    pub async fn confirm(&mut self) -> Vec<String> {
        let (id, streams) = self.subscribe_request().await;
        self.send(&format!(r#"{{"result":null,"id":{id}}}"#)).await;
        streams
    }

    pub async fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    pub async fn send_binary(&mut self, bytes: &'static [u8]) {
        self.0.send(Message::binary(bytes)).await.unwrap();
    }

    pub async fn ping(&mut self) -> Message {
        self.0.send(Message::Ping("still there?".into())).await.unwrap();
        timeout(PATIENCE, self.0.recv()).await.expect("no pong came").unwrap().unwrap()
    }

    /// Waits until the client ends the connection.
    pub async fn ended(mut self) {
        let ended = async { while let Some(Ok(_)) = self.0.recv().await {} };
        timeout(PATIENCE, ended).await.expect("the client keeps the connection open");
    }
}

pub fn depth_update(symbol: &str, first: u64, last: u64) -> String {
    let stream = symbol.to_ascii_lowercase();
    format!(
        r#"{{"stream":"{stream}@depth@100ms","data":{{"e":"depthUpdate","E":1723161255208,"s":"{symbol}","U":{first},"u":{last},"b":[["1.00","2.0"]],"a":[]}}}}"#
    )
}

pub fn trade(symbol: &str, id: u64) -> String {
    let stream = symbol.to_ascii_lowercase();
    format!(
        r#"{{"stream":"{stream}@trade","data":{{"e":"trade","E":1723161255343,"s":"{symbol}","t":{id},"p":"1.00","q":"0.02","T":1723161255342,"m":true,"M":true}}}}"#
    )
}

pub fn book_ticker(symbol: &str, id: u64) -> String {
    let stream = symbol.to_ascii_lowercase();
    format!(
        r#"{{"stream":"{stream}@bookTicker","data":{{"u":{id},"s":"{symbol}","b":"1.00","B":"2.0","a":"1.01","A":"3.0"}}}}"#
    )
}

pub const SERVER_SHUTDOWN: &str =
    r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1723161255208}}"#;

async fn connect(State(shared): State<Shared>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async move |socket| shared.connections.send(socket).unwrap_or_default())
}

async fn exchange_info(RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default().replace("%22", "");
    let list = query.trim_start_matches("symbols=%5B").trim_end_matches("%5D");
    let wanted: Vec<_> = list.split(',').filter(|name| !name.is_empty()).collect();
    if !wanted.iter().all(|name| LISTED.contains(name)) {
        return (StatusCode::BAD_REQUEST, r#"{"code":-1121,"msg":"Invalid symbol."}"#).into_response();
    }
    let entries: Vec<_> = LISTED
        .iter()
        .filter(|name| wanted.is_empty() || wanted.contains(name))
        .map(|name| format!(r#"{{"symbol":"{name}","status":"TRADING"}}"#))
        .collect();
    let limits = r#"{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":6000}"#;
    format!(r#"{{"rateLimits":[{limits}],"symbols":[{}]}}"#, entries.join(",")).into_response()
}

async fn depth(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    shared.rest.asked.lock().unwrap().push(Asked { at: Instant::now(), query });
    let scripted = shared.rest.depth.lock().unwrap().pop_front();
    match scripted {
        None => r#"{"lastUpdateId":7,"bids":[["1.00","2.0"]],"asks":[]}"#.into_response(),
        Some(answer) => {
            sleep(answer.delay).await;
            let status = StatusCode::from_u16(answer.status).unwrap();
            let mut response = (status, answer.body).into_response();
            if let Some(wait) = answer.retry_after {
                response.headers_mut().insert("retry-after", wait.into());
            }
            response
        }
    }
}
