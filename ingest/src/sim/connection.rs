//! One WebSocket connection: its control messages, its pings, its limits and its end.

use std::collections::VecDeque;
use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until, timeout};

use super::clock::now;
use super::config::Limits;
use super::control::{self, Refusal, Request};
use super::hub::{Hub, Line, Order, Outgoing};
use super::numbers::TimeUnit;
use super::parcel::{Envelope, Frame};
use super::stop::Stop;
use super::weight::SlidingWindow;

/// Frames written to the socket between two flushes, at most.
const BATCH: usize = 64;
/// How long a close frame may take.
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);

const GOING_AWAY: u16 = 1001;
const POLICY_VIOLATION: u16 = 1008;

/// How a client asked for its connection.
pub(super) struct Session {
    pub envelope: Envelope,
    pub unit: TimeUnit,
    pub streams: Vec<String>,
}

/// How a connection ends.
enum End {
    /// Without a word.
    Cut,
    Close {
        code: u16,
        reason: &'static str,
    },
    /// Not at all: it stays open and silent.
    Silent,
}

const fn close(code: u16, reason: &'static str) -> End {
    End::Close { code, reason }
}

/// Serves a connection to its end.
pub(super) async fn serve(
    socket: WebSocket,
    session: Session,
    hub: Arc<Hub>,
    limits: Limits,
    mut stop: Stop,
) {
    let line = hub.connect(session.unit);
    let (sink, messages) = socket.split();
    let begin = Instant::now();
    let mut connection = Connection {
        sink,
        cut: Arc::clone(&line.cut),
        line,
        envelope: session.envelope,
        unit: session.unit,
        received: SlidingWindow::new(limits.messages_per_second, Duration::from_secs(1)),
        begin,
        pings: Pings::new(begin, &limits),
        expires: begin + limits.connection_lifetime,
        closes: None,
        limits,
    };
    let mut messages = messages;
    let end = if connection.line.subscribe(&session.streams, connection.limits.streams_per_connection) {
        connection.run(&mut messages, &mut stop).await
    } else {
        close(POLICY_VIOLATION, "Too many streams")
    };
    connection.finish(end, messages, stop).await;
}

struct Connection {
    sink: SplitSink<WebSocket, Message>,
    line: Line,
    cut: Arc<Notify>,
    envelope: Envelope,
    unit: TimeUnit,
    limits: Limits,
    received: SlidingWindow,
    begin: Instant,
    pings: Pings,
    expires: Instant,
    /// When the announced shutdown comes.
    closes: Option<Instant>,
}

impl Connection {
    async fn run(&mut self, messages: &mut SplitStream<WebSocket>, stop: &mut Stop) -> End {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let closes = self.closes;
            let done = tokio::select! {
                () = self.cut.notified() => Err(End::Cut),
                () = sleep_until(self.expires) => Err(close(GOING_AWAY, "Connection lifetime is over")),
                () = at(closes) => Err(close(GOING_AWAY, "Server shutdown")),
                () = stop.requested() => Err(close(GOING_AWAY, "Venue closed")),
                Some(order) = self.line.orders.recv() => self.obey(order).await,
                _ = self.pings.interval.tick() => self.ping().await,
                message = messages.next() => match message {
                    Some(Ok(message)) => self.answer(message).await,
                    Some(Err(_)) | None => Err(End::Cut),
                },
                count = self.line.outbox.recv_many(&mut batch, BATCH) => {
                    if count == 0 { Err(End::Cut) } else { self.write(&mut batch).await }
                }
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    async fn finish(mut self, end: End, messages: SplitStream<WebSocket>, mut stop: Stop) {
        match end {
            End::Cut => {}
            End::Close { code, reason } => {
                let frame = CloseFrame { code, reason: reason.into() };
                let _ = timeout(CLOSE_PATIENCE, self.sink.send(Message::Close(Some(frame)))).await;
            }
            End::Silent => {
                self.line.disconnect();
                tokio::select! {
                    () = sleep_until(self.expires) => {}
                    () = stop.requested() => {}
                }
                // Both halves have to live until here: the connection ends with the last of them.
                drop(messages);
            }
        }
    }

    async fn obey(&mut self, order: Order) -> Result<(), End> {
        match order {
            Order::GoSilent => Err(End::Silent),
            Order::AnnounceShutdown => {
                let data = format!(r#"{{"e":"serverShutdown","E":{}}}"#, self.unit.of(now()));
                let frame = Frame::new("!serverShutdown", &data);
                self.closes.get_or_insert(Instant::now() + self.limits.shutdown_notice);
                self.send(Message::Text(frame.text(self.envelope))).await
            }
        }
    }

    async fn ping(&mut self) -> Result<(), End> {
        let now = Instant::now();
        if self.pings.is_overdue(now) {
            return Err(close(POLICY_VIOLATION, "Pong timeout"));
        }
        let payload = self.pings.next_payload(now);
        self.send(Message::Ping(payload)).await
    }

    async fn answer(&mut self, message: Message) -> Result<(), End> {
        if matches!(message, Message::Close(_)) {
            return Err(close(1000, ""));
        }
        if !self.received.allows(self.begin.elapsed()) {
            return Err(close(POLICY_VIOLATION, "Too many requests"));
        }
        match message {
            Message::Text(text) => {
                let reply = self.control(&text);
                self.send(Message::Text(reply.into())).await
            }
            Message::Pong(payload) => {
                self.pings.answered(&payload);
                Ok(())
            }
            // The socket itself answers pings; binary messages mean nothing to the venue.
            Message::Ping(_) | Message::Binary(_) | Message::Close(_) => Ok(()),
        }
    }

    fn control(&mut self, text: &str) -> String {
        let (request, id) = match control::parse(text) {
            Ok(parsed) => parsed,
            Err(refusal) => return refusal.text(),
        };
        let result = match request {
            Request::Subscribe(streams) => {
                if !self.line.subscribe(&streams, self.limits.streams_per_connection) {
                    return Refusal::too_many_streams(&id).text();
                }
                Value::Null
            }
            Request::Unsubscribe(streams) => {
                self.line.unsubscribe(&streams);
                Value::Null
            }
            Request::ListSubscriptions => Value::from(self.line.streams()),
            Request::SetCombined(combined) => {
                self.envelope = if combined { Envelope::Combined } else { Envelope::Raw };
                Value::Null
            }
            Request::GetCombined => Value::from(self.envelope == Envelope::Combined),
        };
        control::result(&result, &id)
    }

    async fn write(&mut self, batch: &mut Vec<Outgoing>) -> Result<(), End> {
        let envelope = self.envelope;
        let sink = &mut self.sink;
        let texts: Vec<_> = batch.iter().map(|outgoing| outgoing.text(envelope)).collect();
        let writing = async {
            for text in texts {
                sink.feed(Message::Text(text)).await?;
            }
            sink.flush().await
        };
        unless_cut(&self.cut, self.limits.pong_timeout, writing).await?;
        batch.drain(..).for_each(Outgoing::settle);
        Ok(())
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        unless_cut(&self.cut, self.limits.pong_timeout, self.sink.send(message)).await
    }
}

/// Finishes `writing`, unless the connection is cut or the client takes nothing for too long.
async fn unless_cut<E>(
    cut: &Notify,
    patience: Duration,
    writing: impl Future<Output = Result<(), E>>,
) -> Result<(), End> {
    tokio::select! {
        () = cut.notified() => Err(End::Cut),
        written = timeout(patience, writing) => match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Cut),
        },
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}

/// The pings a client has yet to answer.
struct Pings {
    interval: Interval,
    timeout: Duration,
    unanswered: VecDeque<(Instant, Bytes)>,
}

impl Pings {
    fn new(begin: Instant, limits: &Limits) -> Self {
        let mut interval = interval_at(begin + limits.ping_interval, limits.ping_interval);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { interval, timeout: limits.pong_timeout, unanswered: VecDeque::new() }
    }

    fn next_payload(&mut self, sent: Instant) -> Bytes {
        let payload = Bytes::from(now().milliseconds().to_string());
        self.unanswered.push_back((sent, payload.clone()));
        payload
    }

    /// A pong counts only with the payload of a ping; it answers that ping and all before it.
    fn answered(&mut self, payload: &Bytes) {
        if let Some(position) = self.unanswered.iter().position(|(_, sent)| sent == payload) {
            self.unanswered.drain(..=position);
        }
    }

    fn is_overdue(&self, now: Instant) -> bool {
        self.unanswered.front().is_some_and(|(sent, _)| now - *sent >= self.timeout)
    }
}
