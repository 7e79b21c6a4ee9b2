//! One WebSocket connection: its streams subscribed within the venue's limits, each message timed as it is read, and
//! the signs that it is dead or about to be.

use std::time::{Duration, Instant};

use bytes::Bytes;
use depthlake_orderbook::frame::{Envelope, FrameKind};
use depthlake_orderbook::time::Timestamp;
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::select;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::header::{HeaderValue, RETRY_AFTER, USER_AGENT};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use super::Timing;
use super::clock;
use super::control::{Control, Subscriptions};
use super::plan::ConnectionPlan;
use crate::wire;

/// How often what is due by time is looked for.
const TICK: Duration = Duration::from_millis(100);
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
/// A few kilobytes go out at once, or the other side is not reading.
const SEND_PATIENCE: Duration = Duration::from_millis(200);
/// Messages beyond [`wire::MAX_MESSAGE`] are handed on as unknown; beyond this the connection is given up.
const LARGEST_READ: usize = 12 << 20;
/// Bytes that are read at once. The WebSocket writes zeros over so many before each look for more; larger frames take several.
const READ_AT_ONCE: usize = 16 << 10;

/// An open connection.
pub(super) struct Connection {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    subscriptions: Subscriptions,
    tick: Interval,
    /// A message was written but may not have gone out.
    is_unflushed: bool,
    /// Something came since the last tick.
    is_heard: bool,
    last_heard: Instant,
    idle: Duration,
    opened: Instant,
    renew_at: Option<Instant>,
}

/// What happened on a connection.
pub(super) enum Event {
    Message(Envelope, Bytes),
    /// The venue has confirmed every stream.
    Subscribed,
    /// The connection will end soon; another should take its place.
    Renew(&'static str),
    /// The connection has ended.
    Lost(String),
}

/// Why a connection could not be opened.
#[derive(Debug)]
pub(super) struct OpenError {
    pub(super) reason: String,
    /// How long the venue wants to be left alone.
    pub(super) wait: Option<Duration>,
}

impl Connection {
    /// Connects; the streams are subscribed by [`Connection::next`].
    pub(super) async fn open(plan: &ConnectionPlan, timing: &Timing) -> Result<Self, OpenError> {
        let mut request = plan.url.as_str().into_client_request().map_err(OpenError::from)?;
        let agent = HeaderValue::from_static(concat!("depthlake/", env!("CARGO_PKG_VERSION")));
        request.headers_mut().insert(USER_AGENT, agent);
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_AT_ONCE)
            .max_message_size(Some(LARGEST_READ))
            .max_frame_size(Some(LARGEST_READ));
        let connecting = connect_async_with_config(request, Some(config), true);
        let (socket, _) = timeout(HANDSHAKE_PATIENCE, connecting).await.map_err(|_| OpenError {
            reason: format!("no answer within {} s", HANDSHAKE_PATIENCE.as_secs()),
            wait: None,
        })??;
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let now = Instant::now();
        Ok(Self {
            socket,
            subscriptions: Subscriptions::new(&plan.streams),
            tick,
            is_unflushed: false,
            is_heard: false,
            last_heard: now,
            idle: timing.idle,
            opened: now,
            renew_at: Some(now + timing.connection_age),
        })
    }

    /// The next event. Cancel-safe: what was not returned comes with the next call.
    pub(super) async fn next(&mut self) -> Event {
        loop {
            let event = select! {
                biased;
                _ = self.tick.tick() => self.on_tick(Instant::now()).await,
                message = self.socket.next() => self.on_message(message),
            };
            if let Some(event) = event {
                return event;
            }
        }
    }

    /// How long the connection has stood.
    pub(super) fn age(&self) -> Duration {
        self.opened.elapsed()
    }

    /// [`Event::Renew`] is to come again after this time.
    pub(super) fn renew_after(&mut self, wait: Duration) {
        self.renew_at = Some(Instant::now() + wait);
    }

    /// Ends the connection as the protocol wants it, as far as that can be done at once.
    pub(super) async fn close(mut self) {
        if let Ok(Err(error)) = timeout(SEND_PATIENCE, self.socket.close(None)).await {
            tracing::debug!(%error, "the old connection was gone already");
        }
    }

    async fn on_tick(&mut self, now: Instant) -> Option<Event> {
        if std::mem::take(&mut self.is_heard) {
            self.last_heard = now;
        }
        if now.saturating_duration_since(self.last_heard) >= self.idle {
            return Some(Event::Lost(format!("nothing came for {:.1} s", self.idle.as_secs_f64())));
        }
        if self.subscriptions.is_overdue(now) {
            return Some(Event::Lost("the venue does not answer SUBSCRIBE".to_owned()));
        }
        if self.renew_at.is_some_and(|at| at <= now) {
            self.renew_at = None;
            return Some(Event::Renew("it is as old as the venue lets connections become"));
        }
        self.subscribe(now).await.err().map(|error| Event::Lost(error.to_string()))
    }

    async fn subscribe(&mut self, now: Instant) -> Result<(), tungstenite::Error> {
        if let Some(text) = self.subscriptions.due(now) {
            let message = Message::text(text);
            match timeout(SEND_PATIENCE, self.socket.feed(message)).await {
                Ok(fed) => fed?,
                Err(_) => return Ok(()),
            }
            self.subscriptions.sent(now);
            self.is_unflushed = true;
        }
        if self.is_unflushed
            && let Ok(flushed) = timeout(SEND_PATIENCE, self.socket.flush()).await
        {
            flushed?;
            self.is_unflushed = false;
        }
        Ok(())
    }

    fn on_message(&mut self, message: Option<Result<Message, tungstenite::Error>>) -> Option<Event> {
        let received = clock::now();
        self.is_heard = true;
        match message {
            Some(Ok(Message::Text(text))) => self.on_text(text.into(), received),
            Some(Ok(Message::Binary(payload))) => Some(unknown(payload, received)),
            Some(Ok(Message::Ping(_))) => {
                self.subscriptions.pong(Instant::now());
                None
            }
            Some(Ok(Message::Pong(_) | Message::Frame(_))) => None,
            Some(Ok(Message::Close(Some(frame)))) => {
                Some(Event::Lost(format!("the venue closed it: {frame}")))
            }
            Some(Ok(Message::Close(None))) | None => Some(Event::Lost("the venue closed it".to_owned())),
            Some(Err(error)) => Some(Event::Lost(error.to_string())),
        }
    }

    fn on_text(&mut self, payload: Bytes, received: Timestamp) -> Option<Event> {
        if payload.len() > wire::MAX_MESSAGE {
            return Some(unknown(payload, received));
        }
        let envelope = wire::peek(&payload, received);
        if envelope.kind != FrameKind::Unknown {
            return Some(Event::Message(envelope, payload));
        }
        match Control::parse(&payload) {
            Some(Control::Accepted { id }) => self.subscriptions.accepted(id).then_some(Event::Subscribed),
            Some(Control::Refused { message }) => {
                Some(Event::Lost(format!("the venue refuses SUBSCRIBE: {message}")))
            }
            Some(Control::ServerShutdown) => Some(Event::Renew("the venue announced its shutdown")),
            None => Some(Event::Message(envelope, payload)),
        }
    }
}

impl From<tungstenite::Error> for OpenError {
    fn from(error: tungstenite::Error) -> Self {
        let wait = match &error {
            tungstenite::Error::Http(response) => response
                .headers()
                .get(RETRY_AFTER)
                .and_then(|wait| wait.to_str().ok()?.parse().ok())
                .map(Duration::from_secs),
            _ => None,
        };
        Self { reason: error.to_string(), wait }
    }
}

fn unknown(payload: Bytes, received: Timestamp) -> Event {
    Event::Message(Envelope::own(FrameKind::Unknown, None, received), payload)
}
