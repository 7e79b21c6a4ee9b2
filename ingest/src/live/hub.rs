//! Where everything meets on its way to the sink: each message once, with what concerns the feed itself between them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use depthlake_orderbook::frame::{Envelope, FrameKind};
use depthlake_orderbook::symbol::Symbol;

use super::clock;
use super::continuity::Continuity;
use super::plan::{Cargo, ConnectionPlan};
use super::silence::{Silence, SilenceWatch};
use super::{FeedMetrics, FrameSink, SinkError, Timing};

/// The sink and what must be remembered to use it rightly.
pub(super) struct Hub<S> {
    sink: S,
    symbols: HashMap<Symbol, SymbolFeed>,
    metrics: Arc<FeedMetrics>,
}

#[derive(Default)]
struct SymbolFeed {
    continuity: Continuity,
    silence: SilenceWatch,
}

impl<S: FrameSink> Hub<S> {
    pub(super) fn new(sink: S, symbols: &[Symbol], metrics: Arc<FeedMetrics>) -> Self {
        let symbols = symbols.iter().map(|symbol| (*symbol, SymbolFeed::default())).collect();
        Self { sink, symbols, metrics }
    }

    /// Hands on a message of a stream, unless it was handed on already.
    pub(super) fn message(&mut self, envelope: &Envelope, payload: Bytes) -> Result<(), SinkError> {
        if let Some(feed) = envelope.symbol.and_then(|symbol| self.symbols.get_mut(&symbol)) {
            if envelope.kind == FrameKind::DepthUpdate {
                feed.silence.heard(Instant::now());
            }
            if !feed.continuity.is_new(envelope) {
                self.metrics.repetitions.add(1);
                return Ok(());
            }
        }
        self.hand_on(envelope, payload)
    }

    /// Hands on an answer of the REST interface.
    pub(super) fn answer(&mut self, envelope: &Envelope, body: Bytes) -> Result<(), SinkError> {
        self.metrics.answers.add(1);
        self.hand_on(envelope, body)
    }

    /// Messages are expected on a connection from now on.
    pub(super) fn expect(&mut self, plan: &ConnectionPlan, now: Instant) {
        if plan.cargo != Cargo::Trades {
            self.each_of(plan, |feed| feed.silence.start(now));
        }
    }

    /// A connection is lost: what it will bring next need not follow what it brought.
    pub(super) fn lost(&mut self, plan: &ConnectionPlan, why: &str) -> Result<(), SinkError> {
        self.each_of(plan, |feed| feed.continuity.break_off());
        if plan.cargo != Cargo::Trades {
            self.each_of(plan, |feed| feed.silence.stop());
        }
        self.announce_loss(plan, why)
    }

    /// As [`Hub::lost`], where another connection goes on in its place at once.
    pub(super) fn announce_loss(&mut self, plan: &ConnectionPlan, why: &str) -> Result<(), SinkError> {
        tracing::warn!(url = plan.url, symbols = plan.symbols.len(), why, "connection lost");
        self.metrics.disconnects.add(1);
        let what = match plan.cargo {
            Cargo::Everything => "all streams",
            Cargo::Books => "book streams",
            Cargo::Trades => "trade streams",
        };
        self.announce(plan, FrameKind::Disconnected, &format!("{what} lost: {why}"))
    }

    /// A connection stands again.
    pub(super) fn regained(&mut self, plan: &ConnectionPlan) -> Result<(), SinkError> {
        tracing::info!(url = plan.url, symbols = plan.symbols.len(), "connected again");
        self.metrics.reconnects.add(1);
        self.announce(plan, FrameKind::Reconnected, "connected again")
    }

    /// Whether nothing is missing between what was handed on and this message of a connection's successor.
    pub(super) fn reaches(&mut self, envelope: &Envelope) -> bool {
        let feed = envelope.symbol.and_then(|symbol| self.symbols.get_mut(&symbol));
        feed.is_none_or(|feed| feed.continuity.reaches(envelope))
    }

    /// A connection's successor goes on with these messages.
    pub(super) fn hand_over(
        &mut self,
        plan: &ConnectionPlan,
        held: Vec<(Envelope, Bytes)>,
    ) -> Result<(), SinkError> {
        self.metrics.renewals.add(1);
        self.each_of(plan, |feed| feed.continuity.hand_over());
        held.into_iter().try_for_each(|(envelope, payload)| self.message(&envelope, payload))
    }

    /// Tells of the symbols that have become silent.
    pub(super) fn check_silence(&mut self, now: Instant, timing: &Timing) -> Result<(), SinkError> {
        let mut silent = Vec::new();
        for (symbol, feed) in &mut self.symbols {
            let silence = feed.silence.check(now, timing.shortest_silence, timing.first_message);
            silent.extend(silence.map(|silence| (*symbol, describe(silence))));
        }
        for (symbol, text) in silent {
            self.metrics.silences.add(1);
            tracing::warn!(%symbol, text, "silent");
            let envelope = Envelope::own(FrameKind::Silent, Some(symbol), clock::now());
            self.hand_on(&envelope, Bytes::from(text))?;
        }
        Ok(())
    }

    pub(super) fn request_failed(&self) {
        self.metrics.failed_requests.add(1);
    }

    pub(super) fn request_refused(&self) {
        self.metrics.refused_requests.add(1);
    }

    /// One message a symbol: a connection's other symbols may be on another one, and those are not concerned.
    fn announce(&mut self, plan: &ConnectionPlan, kind: FrameKind, text: &str) -> Result<(), SinkError> {
        let text = Bytes::copy_from_slice(text.as_bytes());
        for symbol in &plan.symbols {
            self.hand_on(&Envelope::own(kind, Some(*symbol), clock::now()), text.clone())?;
        }
        Ok(())
    }

    fn hand_on(&mut self, envelope: &Envelope, payload: Bytes) -> Result<(), SinkError> {
        self.metrics.frames.add(1);
        self.sink.accept(envelope, payload)
    }

    fn each_of(&mut self, plan: &ConnectionPlan, mut act: impl FnMut(&mut SymbolFeed)) {
        for symbol in &plan.symbols {
            if let Some(feed) = self.symbols.get_mut(symbol) {
                act(feed);
            }
        }
    }
}

fn describe(silence: Silence) -> String {
    let lasts = silence.lasts.as_secs_f64();
    match silence.usual {
        Some(usual) => {
            format!("no depth update for {lasts:.1} s, usually one every {:.3} s", usual.as_secs_f64())
        }
        None => format!("no depth update for {lasts:.1} s since it was subscribed"),
    }
}
