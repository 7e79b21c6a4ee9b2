//! Streams as server-sent events, for clients that only listen.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::extract::ws::Utf8Bytes;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::{BufMut, Bytes, BytesMut};
use futures::Stream;
use serde::Deserialize;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::client::{Client, QUEUE};
use super::hub::{MOST_TOPICS, Seat};
use super::request::Wish;
use super::socket::too_many;
use super::topic::{Channel, Topic};
use crate::api::TAG_STREAM;
use crate::api::authentication::Asker;
use crate::api::extract::Parameters;
use crate::api::problem::Problem;
use crate::api::schema::ProblemAnswer;
use crate::api::state::ApiState;

/// How often a comment says that the connection lives.
const HEARTBEAT: Duration = Duration::from_secs(5);

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventParameters {
    /// tickers, book, trades, bars or health.
    #[param(value_type = String)]
    channel: Channel,
    /// Names with commas between them; all if not given.
    symbols: Option<String>,
    /// Levels of each side, of books.
    depth: Option<usize>,
    /// The least time between two messages about the same, in milliseconds.
    conflate_ms: Option<u64>,
}

/// Opens a stream of server-sent events: the messages of the WebSocket, one an event.
#[utoipa::path(get, path = "/api/v1/events", tag = TAG_STREAM, params(EventParameters),
    responses((status = 200, description = "Events of JSON messages", content_type = "text/event-stream", body = String),
        (status = 400, body = ProblemAnswer), (status = 403, body = ProblemAnswer),
        (status = 503, body = ProblemAnswer)))]
pub(crate) async fn events(
    State(state): State<ApiState>,
    Asker(principal): Asker,
    Parameters(parameters): Parameters<EventParameters>,
) -> Result<Response, Problem> {
    let EventParameters { channel, symbols, depth, conflate_ms } = parameters;
    let names = symbols.iter().flat_map(|names| names.split(',')).map(str::trim);
    let symbols = names.filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let wish = Wish { channel, symbols, depth, conflate_ms };
    wish.check(&principal).map_err(Problem::forbidden)?;
    let topics = wish.topics(&state).map_err(Problem::bad_request)?;
    if topics.len() > MOST_TOPICS {
        return Err(Problem::bad_request(format!("a stream may be about {MOST_TOPICS} things at most")));
    }
    let seat = state.hub.seat().ok_or_else(too_many)?;
    let (client, queue) = Client::new();
    let client = Arc::new(client);
    for topic in &topics {
        state.hub.join(*topic, &client);
    }
    let mut heartbeat = interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let listening = Listening { state, client, queue, topics, heartbeat, has_ended: false, _seat: seat };
    let mut response = Response::new(Body::from_stream(listening));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The body of a response that lasts.
struct Listening {
    state: ApiState,
    client: Arc<Client>,
    queue: Receiver<Utf8Bytes>,
    topics: Vec<Topic>,
    heartbeat: Interval,
    has_ended: bool,
    _seat: Seat,
}

impl Stream for Listening {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        if self.client.is_slow() {
            self.has_ended = true;
            self.state.hub.count_dropped();
            let text = format!(
                "event: error\ndata: {{\"channel\":\"error\",\"message\":\"too slow: more than {QUEUE} messages waited\"}}\n\n"
            );
            return Poll::Ready(Some(Ok(text.into())));
        }
        if let Poll::Ready(Some(message)) = self.queue.poll_recv(context) {
            return Poll::Ready(Some(Ok(event_of(&message))));
        }
        match self.heartbeat.poll_tick(context) {
            Poll::Ready(_) => Poll::Ready(Some(Ok(Bytes::from_static(b": heartbeat\n\n")))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        for topic in &self.topics {
            self.state.hub.leave(topic, &self.client);
        }
    }
}

fn event_of(message: &str) -> Bytes {
    let mut event = BytesMut::with_capacity(message.len() + 8);
    event.put_slice(b"data: ");
    event.put_slice(message.as_bytes());
    event.put_slice(b"\n\n");
    event.freeze()
}
