//! One message on its way through a lane, and what can be said about it.

use depthlake_ingest::wire::{DecodeError, MAX_MESSAGE};
use depthlake_orderbook::event::Provenance;
use depthlake_orderbook::frame::{Envelope, FrameKind};
use depthlake_orderbook::record::{DeadLetter, DeadLetterReason, Derived, FeedEvent, FeedEventKind, Trigger};
use depthlake_orderbook::symbol::Symbol;

use super::Output;

/// One message on its way through a lane.
pub(super) struct Context<'a, O> {
    pub envelope: &'a Envelope,
    pub payload: &'a [u8],
    pub provenance: Provenance,
    pub trigger: Trigger,
    pub output: &'a mut O,
}

impl<O: Output> Context<'_, O> {
    pub(super) fn emit(&mut self, record: Derived) {
        self.output.derived(self.trigger, record);
        self.trigger.ordinal += 1;
    }

    pub(super) fn dead_letter(&mut self, error: DecodeError) {
        let letter = DeadLetter {
            reason: error.reason,
            detail: error.detail,
            symbol: self.envelope.symbol,
            stream: self.trigger.stream,
            payload: self.payload.get(..MAX_MESSAGE).unwrap_or(self.payload).to_vec(),
            event_time: self.envelope.event_time,
            provenance: self.provenance,
        };
        self.emit(Derived::DeadLetter(letter));
    }

    pub(super) fn unknown_symbol(&mut self) {
        let detail = match self.envelope.symbol {
            Some(symbol) => format!("{symbol} is not one of the instruments of this partition"),
            None => "the message names no symbol".to_owned(),
        };
        self.dead_letter(DecodeError { reason: DeadLetterReason::UnknownSymbol, detail });
    }

    /// A message of a kind that this stream has no use for.
    pub(super) fn unexpected(&mut self) {
        let error = match serde_json::from_slice::<serde::de::IgnoredAny>(self.payload) {
            Err(error) => DecodeError { reason: DeadLetterReason::Malformed, detail: error.to_string() },
            Ok(_) => DecodeError {
                reason: DeadLetterReason::UnknownMessage,
                detail: format!("a message of kind {} is not expected here", self.envelope.kind.name()),
            },
        };
        self.dead_letter(error);
    }

    pub(super) fn kind(&self) -> FrameKind {
        self.envelope.kind
    }

    /// A feed event about nothing but its kind; the message's text is its detail.
    pub(super) fn feed_note(&mut self, kind: FeedEventKind, symbol: Option<Symbol>) {
        let detail = String::from_utf8_lossy(self.payload).into_owned();
        let note = FeedEvent { detail, ..self.feed_event(kind, symbol) };
        self.emit(Derived::Feed(note));
    }

    /// A feed event of this message, to be filled in.
    pub(super) fn feed_event(&self, kind: FeedEventKind, symbol: Option<Symbol>) -> FeedEvent {
        FeedEvent {
            kind,
            symbol,
            detail: String::new(),
            expected: None,
            received: None,
            event_time: self.envelope.event_time,
            not_live: None,
            provenance: self.provenance,
        }
    }
}
