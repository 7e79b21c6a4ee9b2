//! Streams over a WebSocket.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{
    CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection,
};
use axum::response::Response;
use depthlake_engine::clock;
use futures::SinkExt;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::client::{Client, QUEUE};
use super::hub::{MOST_CLIENTS, MOST_TOPICS, Seat};
use super::request::{ClientMessage, Wish};
use super::topic::{Channel, Topic};
use crate::access::Principal;
use crate::api::TAG_STREAM;
use crate::api::authentication::Asker;
use crate::api::problem::Problem;
use crate::api::schema::ProblemAnswer;
use crate::api::state::ApiState;
use crate::catalog::CATALOG;
use crate::json_text::JsonText;
use crate::table::LIVE;

/// The largest message a client may send.
const MOST_BYTES: usize = 64 << 10;

/// Bytes that are read at once. Clients say little, and the WebSocket writes zeros over so many before it looks for any.
const READ_AT_ONCE: usize = 4 << 10;

/// How often a client is told that the connection lives.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// A client from which nothing was heard for so long, not even the answer to a ping, is gone.
const SILENCE: Duration = Duration::from_mins(1);

/// How long a client that is let go is given to take the reason.
const FAREWELL: Duration = Duration::from_secs(5);

/// A close code of ours: the client did not keep up.
const SLOW: u16 = 4008;

/// A close code of ours: the client was silent.
const SILENT: u16 = 4009;

/// Messages handed over before the connection is flushed.
const MOST_AT_ONCE: usize = 64;

/// Opens a stream. The client then sends `{"op":"subscribe","channel":"book","symbols":["BTCUSDT"],"depth":20}` and the like.
#[utoipa::path(get, path = "/api/v1/stream", tag = TAG_STREAM,
    responses((status = 101, description = "A WebSocket of JSON messages"),
        (status = 400, body = ProblemAnswer), (status = 403, body = ProblemAnswer), (status = 426, body = ProblemAnswer),
        (status = 503, body = ProblemAnswer)))]
pub(crate) async fn stream(
    State(state): State<ApiState>,
    Asker(principal): Asker,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade =
        upgrade.map_err(|rejection| Problem::of_status(rejection.status(), rejection.body_text()))?;
    let schemas = [Channel::Tickers, Channel::Trades].map(Channel::schema);
    if !schemas.into_iter().flatten().any(|schema| principal.grants.reads(CATALOG, schema)) {
        return Err(Problem::forbidden(LIVE));
    }
    let seat = state.hub.seat().ok_or_else(too_many)?;
    let upgrade = upgrade
        .max_message_size(MOST_BYTES)
        .max_frame_size(MOST_BYTES)
        .read_buffer_size(READ_AT_ONCE)
        .write_buffer_size(0);
    Ok(upgrade.on_upgrade(move |socket| async move {
        Connection::new(state, principal, seat, socket).serve().await;
    }))
}

pub(super) fn too_many() -> Problem {
    Problem::unavailable(format!("{MOST_CLIENTS} streams are open already"))
}

/// One client for as long as it is connected.
struct Connection {
    state: ApiState,
    principal: Principal,
    socket: WebSocket,
    client: Arc<Client>,
    queue: Receiver<Utf8Bytes>,
    topics: HashSet<Topic>,
    heard: Instant,
    _seat: Seat,
}

/// Why a connection ends.
enum End {
    /// The client has closed it, or it broke.
    Gone,
    /// We close it, with a code and a reason.
    LetGo { code: u16, reason: String },
}

impl Connection {
    fn new(state: ApiState, principal: Principal, seat: Seat, socket: WebSocket) -> Self {
        let (client, queue) = Client::new();
        let client = Arc::new(client);
        Self {
            state,
            principal,
            socket,
            client,
            queue,
            topics: HashSet::new(),
            heard: Instant::now(),
            _seat: seat,
        }
    }

    async fn serve(mut self) {
        let client = Arc::clone(&self.client);
        let end = tokio::select! {
            end = self.converse() => end,
            () = client.fell_behind() => {
                self.state.hub.count_dropped();
                let reason = format!("too slow: more than {QUEUE} messages waited");
                End::LetGo { code: SLOW, reason }
            }
        };
        for topic in &self.topics {
            self.state.hub.leave(topic, &self.client);
        }
        if let End::LetGo { code, reason } = end {
            let frame = CloseFrame { code, reason: reason.into() };
            // Who does not even take this is cut off.
            let _ = timeout(FAREWELL, self.socket.send(Message::Close(Some(frame)))).await;
        }
    }

    async fn converse(&mut self) -> End {
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat.reset();
        loop {
            let sent = tokio::select! {
                message = self.socket.recv() => match message {
                    Some(Ok(message)) => self.answer(message).await,
                    Some(Err(_)) | None => return End::Gone,
                },
                Some(message) = self.queue.recv() => self.pass_on(message).await,
                _ = heartbeat.tick() => {
                    if self.heard.elapsed() > SILENCE {
                        let reason = format!("nothing heard for {} s", SILENCE.as_secs());
                        return End::LetGo { code: SILENT, reason };
                    }
                    self.beat().await
                }
            };
            if sent.is_err() {
                return End::Gone;
            }
        }
    }

    /// Hands on what waits, and flushes once.
    async fn pass_on(&mut self, first: Utf8Bytes) -> Result<(), axum::Error> {
        self.socket.feed(Message::Text(first)).await?;
        for _ in 1..MOST_AT_ONCE {
            let Ok(next) = self.queue.try_recv() else { break };
            self.socket.feed(Message::Text(next)).await?;
        }
        self.socket.flush().await
    }

    async fn beat(&mut self) -> Result<(), axum::Error> {
        let mut json = JsonText::with_capacity(64);
        json.raw("{\"channel\":\"heartbeat\",\"time\":");
        json.time(clock::now());
        json.raw("}");
        self.say(json).await?;
        self.socket.send(Message::Ping(bytes::Bytes::new())).await
    }

    async fn answer(&mut self, message: Message) -> Result<(), axum::Error> {
        self.heard = Instant::now();
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => {
                return self.refuse("binary messages are not understood: send JSON as text").await;
            }
            // A close is answered by the WebSocket itself, as a ping is; after it there is nothing more to receive.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => return Ok(()),
        };
        match ClientMessage::parse(&text) {
            Ok(ClientMessage::Subscribe(wish)) => match self.subscribe(&wish) {
                Ok(()) => self.confirm("subscribed", &wish).await,
                Err(why) => self.refuse(&why).await,
            },
            Ok(ClientMessage::Unsubscribe(wish)) => match wish.topics(&self.state) {
                Ok(topics) => {
                    self.leave(&topics);
                    self.confirm("unsubscribed", &wish).await
                }
                Err(why) => self.refuse(&why).await,
            },
            Ok(ClientMessage::Ping {}) => {
                let mut json = JsonText::with_capacity(64);
                json.raw("{\"op\":\"pong\",\"time\":");
                json.time(clock::now());
                json.raw("}");
                self.say(json).await
            }
            Ok(ClientMessage::Pong {}) => Ok(()),
            Err(why) => self.refuse(&why).await,
        }
    }

    fn subscribe(&mut self, wish: &Wish) -> Result<(), String> {
        wish.check(&self.principal)
            .map_err(|schema| format!("Access Denied: the schema {schema} is not granted"))?;
        let topics = wish.topics(&self.state)?;
        let more = topics.iter().filter(|topic| !self.topics.contains(topic)).count();
        if self.topics.len() + more > MOST_TOPICS {
            return Err(format!("a connection may have {MOST_TOPICS} subscriptions at most"));
        }
        for topic in topics {
            if self.topics.insert(topic) {
                self.state.hub.join(topic, &self.client);
            }
        }
        Ok(())
    }

    fn leave(&mut self, topics: &[Topic]) {
        for topic in topics {
            if self.topics.remove(topic) {
                self.state.hub.leave(topic, &self.client);
            }
        }
    }

    async fn confirm(&mut self, what: &str, wish: &Wish) -> Result<(), axum::Error> {
        let mut json = JsonText::with_capacity(128);
        json.raw("{\"channel\":\"control\",\"type\":");
        json.plain(what);
        json.raw(",\"to\":");
        json.plain(wish.channel.name());
        json.raw(",\"subscriptions\":");
        json.integer(self.topics.len() as u64);
        json.raw("}");
        self.say(json).await
    }

    async fn refuse(&mut self, why: &str) -> Result<(), axum::Error> {
        let mut json = JsonText::with_capacity(128);
        json.raw("{\"channel\":\"error\",\"message\":");
        json.string(why);
        json.raw("}");
        self.say(json).await
    }

    async fn say(&mut self, json: JsonText) -> Result<(), axum::Error> {
        // JSON is UTF-8.
        let text = Utf8Bytes::try_from(json.into_bytes()).unwrap_or_default();
        self.socket.send(Message::Text(text)).await
    }
}
