//! Serves the engine's requests for snapshots and instruments from the REST interface.

use std::cell::RefCell;
use std::time::Instant;

use bytes::Bytes;
use depthlake_orderbook::frame::{Envelope, FrameKind};
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde::Deserialize;
use tokio::select;
use tokio::sync::mpsc;
use tokio::time::sleep_until;

use super::exchange_info::ExchangeInfo;
use super::hub::Hub;
use super::rest::{Body, Reply, RequestError, Rest};
use super::scheduler::{Job, Next, Outcome, Scheduler, Task};
use super::{FrameSink, Request, SinkError, SnapshotPriority};

/// Serves requests until nobody can ask any more, or the sink wants no more.
pub(super) async fn serve<S: FrameSink>(
    rest: &Rest,
    mut scheduler: Scheduler,
    hub: &RefCell<Hub<S>>,
    mut requests: mpsc::Receiver<Request>,
) -> Result<(), SinkError> {
    let mut under_way = FuturesUnordered::new();
    let mut is_open = true;
    loop {
        let wake = loop {
            match scheduler.next(Instant::now(), |job| rest.weight(job)) {
                Next::Send(task) => under_way.push(carry_out(rest, task)),
                Next::Wait(at) => break Some(at),
                Next::Idle => break None,
            }
        };
        if !is_open && wake.is_none() && under_way.is_empty() {
            return Ok(());
        }
        select! {
            request = requests.recv(), if is_open => match request {
                Some(request) => ask(&mut scheduler, request),
                None => is_open = false,
            },
            Some((task, reply)) = under_way.next(), if !under_way.is_empty() => {
                let now = Instant::now();
                // A refusal's weight is that of a minute that ends with the wait it asks for.
                if let (Some(used), false) = (reply.used_weight, reply.is_refusal()) {
                    scheduler.observe_weight(used, now);
                }
                let outcome = settle(task.job, reply.result, &mut hub.borrow_mut())?;
                scheduler.done(task, outcome, now, &mut rand::rng());
            }
            () = sleep_until(wake.unwrap_or_else(Instant::now).into()), if wake.is_some() => {}
        }
    }
}

async fn carry_out(rest: &Rest, task: Task) -> (Task, Reply) {
    let reply = rest.get(task.job).await;
    (task, reply)
}

fn ask(scheduler: &mut Scheduler, request: Request) {
    match request {
        Request::Snapshot { symbol, priority } => scheduler.ask(Job::Snapshot(symbol), priority),
        // A book whose scale changed stands still until it is known, as after a gap.
        Request::Instrument { symbol } => scheduler.ask(Job::Instrument(symbol), SnapshotPriority::Gap),
    }
}

/// Hands a good answer on; says what is to become of the job.
fn settle<S: FrameSink>(
    job: Job,
    result: Result<Body, RequestError>,
    hub: &mut Hub<S>,
) -> Result<Outcome, SinkError> {
    let frame = match job {
        Job::Snapshot(symbol) => result.and_then(|body| snapshot(symbol, body).map(Some)),
        Job::Instrument(symbol) => result.and_then(|body| instrument(symbol, &body)),
    };
    match frame {
        Ok(Some((envelope, body))) => {
            hub.answer(&envelope, body)?;
            Ok(Outcome::Finished)
        }
        Ok(None) => {
            tracing::warn!(?job, "the venue does not list the symbol any more");
            Ok(Outcome::Finished)
        }
        Err(RequestError::Limited { status, wait }) => {
            tracing::warn!(status, wait_seconds = wait.as_secs(), "the venue refuses requests");
            hub.request_refused();
            Ok(Outcome::Refused { wait })
        }
        Err(error) => {
            tracing::warn!(?job, %error, "request failed");
            hub.request_failed();
            Ok(Outcome::Failed)
        }
    }
}

#[derive(Deserialize)]
struct SnapshotHead {
    #[serde(rename = "lastUpdateId")]
    last_update_id: u64,
    /// Futures only.
    #[serde(rename = "E")]
    event_time: Option<i64>,
}

fn snapshot(symbol: Symbol, body: Body) -> Result<(Envelope, Bytes), RequestError> {
    let head: SnapshotHead =
        serde_json::from_slice(&body.bytes).map_err(|error| RequestError::Malformed(error.to_string()))?;
    let envelope = Envelope {
        last_id: Some(head.last_update_id),
        event_time: head.event_time.map(Timestamp::from_venue),
        ..Envelope::own(FrameKind::Snapshot, Some(symbol), body.received)
    };
    Ok((envelope, body.bytes))
}

fn instrument(symbol: Symbol, body: &Body) -> Result<Option<(Envelope, Bytes)>, RequestError> {
    let info = ExchangeInfo::parse(&body.bytes)?;
    let envelope = Envelope::own(FrameKind::Instrument, Some(symbol), body.received);
    Ok(info.entry(symbol).map(|entry| (envelope, entry.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &'static str) -> Body {
        Body { bytes: Bytes::from_static(text.as_bytes()), received: Timestamp(5) }
    }

    #[test]
    fn a_snapshot_is_handed_on_unchanged_with_its_id() {
        let text = r#"{"lastUpdateId":7,"E":1723161256501,"T":1,"bids":[["1","2"]],"asks":[]}"#;
        let symbol = Symbol::new("X").unwrap();
        let (envelope, bytes) = snapshot(symbol, body(text)).unwrap();
        assert_eq!(
            (envelope.kind, envelope.symbol, envelope.last_id),
            (FrameKind::Snapshot, Some(symbol), Some(7))
        );
        assert_eq!(envelope.event_time, Some(Timestamp::from_milliseconds(1_723_161_256_501)));
        assert_eq!((envelope.received, bytes.as_ref()), (Timestamp(5), text.as_bytes()));
    }

    #[test]
    fn a_body_that_was_cut_or_is_no_snapshot_is_malformed() {
        let symbol = Symbol::new("X").unwrap();
        for text in [r#"{"lastUpdateId":7,"bids":[["1","#, r#"{"code":-1000,"msg":"x"}"#, ""] {
            assert!(matches!(snapshot(symbol, body(text)), Err(RequestError::Malformed(_))), "{text}");
        }
    }
}
