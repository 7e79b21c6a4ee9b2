//! The life of one connection's streams: opened, followed, renewed in time, regained when lost.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use depthlake_orderbook::frame::Envelope;
use tokio::select;
use tokio::time::{interval, sleep};

use super::backoff::Backoff;
use super::connection::{Connection, Event};
use super::handover::Handover;
use super::hub::Hub;
use super::plan::ConnectionPlan;
use super::{FrameSink, SinkError, Timing};

/// How often it is looked whether a handover is due.
const HANDOVER_CHECK: Duration = Duration::from_millis(50);
/// A successor that is itself told to go is renewed this long after it took over.
const RENEW_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Keeps the streams of one [`ConnectionPlan`] flowing.
pub(super) struct Shard<'a, S> {
    pub(super) plan: ConnectionPlan,
    pub(super) timing: &'a Timing,
    pub(super) hub: &'a RefCell<Hub<S>>,
}

/// How the time of two connections side by side ended.
enum Overlap {
    /// The successor has taken over.
    Done,
    /// The successor is lost; the old connection still stands.
    SuccessorLost(String),
}

impl<S: FrameSink> Shard<'_, S> {
    /// Runs until the sink wants no more.
    pub(super) async fn run(self) -> Result<(), SinkError> {
        let mut backoff = Backoff::default();
        let mut connection = self.open(Duration::ZERO, &mut backoff).await;
        tracing::info!(url = self.plan.url, streams = self.plan.streams.len(), "connected");
        self.hub.borrow_mut().expect(&self.plan, Instant::now());
        loop {
            let why = self.follow(&mut connection).await?;
            self.hub.borrow_mut().lost(&self.plan, &why)?;
            backoff.held_for(connection.age());
            let wait = backoff.delay(&mut rand::rng());
            connection = self.open(wait, &mut backoff).await;
            self.hub.borrow_mut().regained(&self.plan)?;
            self.hub.borrow_mut().expect(&self.plan, Instant::now());
        }
    }

    /// Opens a connection, however often that must be tried.
    async fn open(&self, first_wait: Duration, backoff: &mut Backoff) -> Connection {
        let mut wait = first_wait;
        loop {
            sleep(wait).await;
            match Connection::open(&self.plan, self.timing).await {
                Ok(connection) => return connection,
                Err(error) => {
                    wait = backoff.delay(&mut rand::rng()).max(error.wait.unwrap_or_default());
                    let retry_seconds = wait.as_secs_f64();
                    tracing::warn!(url = self.plan.url, error.reason, retry_seconds, "cannot connect");
                }
            }
        }
    }

    /// Hands on what a connection and its successors bring until one is lost; returns why.
    async fn follow(&self, connection: &mut Connection) -> Result<String, SinkError> {
        loop {
            match connection.next().await {
                Event::Message(envelope, payload) => {
                    self.hub.borrow_mut().message(&envelope, payload)?;
                }
                Event::Subscribed => tracing::info!(url = self.plan.url, "subscribed"),
                Event::Renew(why) => {
                    tracing::info!(url = self.plan.url, why, "renewing the connection");
                    if let Some(why) = self.renew(connection).await? {
                        return Ok(why);
                    }
                }
                Event::Lost(why) => return Ok(why),
            }
        }
    }

    /// Puts a successor in a connection's place; returns why it is lost where that came first.
    async fn renew(&self, old: &mut Connection) -> Result<Option<String>, SinkError> {
        let mut backoff = Backoff::default();
        let mut wait = Duration::ZERO;
        loop {
            let successor = select! {
                successor = self.open(wait, &mut backoff) => successor,
                why = self.follow_unrenewed(old) => return why.map(Some),
            };
            match self.overlap(old, successor).await? {
                Overlap::Done => return Ok(None),
                Overlap::SuccessorLost(why) => {
                    wait = backoff.delay(&mut rand::rng());
                    tracing::warn!(url = self.plan.url, why, "the new connection was lost at once");
                }
            }
        }
    }

    /// As [`Shard::follow`], while a successor is being opened already.
    async fn follow_unrenewed(&self, connection: &mut Connection) -> Result<String, SinkError> {
        loop {
            match connection.next().await {
                Event::Message(envelope, payload) => {
                    self.hub.borrow_mut().message(&envelope, payload)?;
                }
                Event::Subscribed | Event::Renew(_) => {}
                Event::Lost(why) => return Ok(why),
            }
        }
    }

    /// Follows both until the successor can go on alone.
    async fn overlap(&self, old: &mut Connection, mut successor: Connection) -> Result<Overlap, SinkError> {
        let mut handover = Handover::new(Instant::now());
        let mut check = interval(HANDOVER_CHECK);
        loop {
            select! {
                event = old.next() => match event {
                    Event::Message(envelope, payload) => {
                        self.hub.borrow_mut().message(&envelope, payload)?;
                    }
                    Event::Subscribed | Event::Renew(_) => {}
                    Event::Lost(why) => {
                        self.succeed_the_lost(handover, &why)?;
                        *old = successor;
                        return Ok(Overlap::Done);
                    }
                },
                event = successor.next() => match event {
                    Event::Message(envelope, payload) => handover.hold(envelope, payload),
                    Event::Subscribed => handover.subscribed(Instant::now()),
                    Event::Renew(_) => successor.renew_after(RENEW_AGAIN_AFTER),
                    Event::Lost(why) => return Ok(Overlap::SuccessorLost(why)),
                },
                _ = check.tick() => {
                    let reaches = |first: &Envelope| self.hub.borrow_mut().reaches(first);
                    if handover.is_due(Instant::now(), reaches) {
                        self.hub.borrow_mut().hand_over(&self.plan, handover.into_held())?;
                        std::mem::replace(old, successor).close().await;
                        return Ok(Overlap::Done);
                    }
                }
            }
        }
    }

    /// The old connection ended before the handover was due: what lies between the two may be lost.
    fn succeed_the_lost(&self, handover: Handover, why: &str) -> Result<(), SinkError> {
        let mut hub = self.hub.borrow_mut();
        if !handover.is_seamless(|first| hub.reaches(first)) {
            hub.announce_loss(&self.plan, why)?;
            hub.regained(&self.plan)?;
        }
        hub.hand_over(&self.plan, handover.into_held())
    }
}
