//! The change from an ageing connection to its successor, without a message lost, doubled or out of order.
//!
//! While both deliver, the successor's messages are held back. When the old connection has come to where the successor
//! began, it is dropped, and of the held messages those that it had not delivered are handed on.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use depthlake_orderbook::frame::{Envelope, FrameKind};
use depthlake_orderbook::symbol::Symbol;

/// How long both deliver at the least, so that what was under way on the old connection arrives.
const SETTLING: Duration = Duration::from_secs(1);
/// How long both deliver at the most: by then the old connection is too far behind to wait for.
const LONGEST: Duration = Duration::from_secs(6);
/// A few seconds of the busiest feeds.
const MOST_HELD: usize = 100_000;

/// A successor's messages while the old connection still delivers.
#[derive(Debug)]
pub(super) struct Handover {
    began: Instant,
    subscribed: Option<Instant>,
    held: Vec<(Envelope, Bytes)>,
    /// The successor's first message of each symbol and kind that is numbered without gaps.
    first: HashMap<(Symbol, FrameKind), Envelope>,
}

impl Handover {
    pub(super) fn new(now: Instant) -> Self {
        Self { began: now, subscribed: None, held: Vec::new(), first: HashMap::new() }
    }

    /// Holds a message of the successor back.
    pub(super) fn hold(&mut self, envelope: Envelope, payload: Bytes) {
        if let Some(symbol) = envelope.symbol
            && envelope.first_id.is_some()
        {
            self.first.entry((symbol, envelope.kind)).or_insert(envelope);
        }
        self.held.push((envelope, payload));
    }

    /// The venue has confirmed all of the successor's streams.
    pub(super) const fn subscribed(&mut self, now: Instant) {
        self.subscribed = Some(now);
    }

    /// Whether nothing is lost when the old connection ends now. `reaches` says whether what it delivered reaches a
    /// message of the successor.
    pub(super) fn is_seamless(&self, reaches: impl FnMut(&Envelope) -> bool) -> bool {
        self.subscribed.is_some() && !self.held.is_empty() && self.first.values().all(reaches)
    }

    /// Whether to change now.
    pub(super) fn is_due(&self, now: Instant, reaches: impl FnMut(&Envelope) -> bool) -> bool {
        let since = |start: Instant| now.saturating_duration_since(start);
        let is_settled = self.subscribed.is_some_and(|start| since(start) >= SETTLING);
        let is_out_of_patience =
            self.subscribed.is_some() && (since(self.began) >= LONGEST || self.held.len() >= MOST_HELD);
        is_out_of_patience || (is_settled && self.is_seamless(reaches))
    }

    /// What was held back, in order of receipt.
    pub(super) fn into_held(self) -> Vec<(Envelope, Bytes)> {
        self.held
    }
}

#[cfg(test)]
mod tests {
    use depthlake_orderbook::time::Timestamp;

    use super::*;

    fn trade(id: u64) -> Envelope {
        let symbol = Symbol::new("X").ok();
        Envelope { first_id: Some(id), ..Envelope::own(FrameKind::Trade, symbol, Timestamp(1)) }
    }

    #[test]
    fn it_is_due_once_settled_and_reached() {
        let now = Instant::now();
        let mut handover = Handover::new(now);
        assert!(!handover.is_due(now + LONGEST, |_| true), "nothing is subscribed");
        handover.subscribed(now);
        assert!(!handover.is_due(now + SETTLING, |_| true), "nothing was delivered");
        handover.hold(trade(7), Bytes::new());
        handover.hold(trade(8), Bytes::new());
        let reached_by = |newest: u64| move |first: &Envelope| first.first_id <= Some(newest + 1);
        assert!(!handover.is_due(now, reached_by(6)), "not settled");
        assert!(!handover.is_due(now + SETTLING, reached_by(5)), "not reached");
        assert!(handover.is_due(now + SETTLING, reached_by(6)));
        assert!(handover.is_due(now + LONGEST, reached_by(5)), "no patience left");
        assert_eq!(handover.into_held().len(), 2);
    }
}
