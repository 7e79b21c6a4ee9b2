//! What of a symbol was handed on already, so that nothing is handed on twice when one connection takes over from
//! another.
//!
//! Source: on the 2024 recordings trades are numbered without gaps, and each book ticker's `u` is above the one before.

use depthlake_orderbook::frame::{Envelope, FrameKind};

/// The newest ids handed on of one symbol.
#[derive(Debug, Clone, Default)]
pub(super) struct Continuity {
    newest: Ids,
    /// Ids that an earlier connection handed on; at or below them a message is a repetition.
    floor: Ids,
}

/// One id a kind of message: `u` of depth and ticker, the trade's number.
#[derive(Debug, Clone, Copy, Default)]
struct Ids {
    depth: Option<u64>,
    ticker: Option<u64>,
    trade: Option<u64>,
}

impl Continuity {
    /// Notes a message; `false` where it was handed on before. A trade is checked against every one before it; depth
    /// and tickers only against what another connection brought, for their repetitions are the book's to judge.
    pub(super) fn is_new(&mut self, envelope: &Envelope) -> bool {
        let Some(id) = last_id(envelope) else { return true };
        let floor = match envelope.kind {
            FrameKind::Trade | FrameKind::AggregateTrade => self.newest.trade,
            kind => self.floor.of(kind).and_then(|id| *id),
        };
        if floor.is_some_and(|floor| id <= floor) {
            return false;
        }
        if let Some(newest) = self.newest.of(envelope.kind) {
            *newest = (*newest).max(Some(id));
        }
        true
    }

    /// Whether nothing is missing between what was handed on and this message of another connection.
    pub(super) fn reaches(&mut self, envelope: &Envelope) -> bool {
        let Some(newest) = self.newest.of(envelope.kind) else { return true };
        match (*newest, envelope.first_id) {
            (Some(newest), Some(first)) => newest.saturating_add(1) >= first,
            (None, Some(_)) => false,
            (_, None) => true,
        }
    }

    /// Another connection goes on from here.
    pub(super) const fn hand_over(&mut self) {
        self.floor = self.newest;
    }

    /// The connection is lost: what comes next stands for itself, even if the venue counts anew.
    pub(super) fn break_off(&mut self) {
        *self = Self::default();
    }
}

impl Ids {
    const fn of(&mut self, kind: FrameKind) -> Option<&mut Option<u64>> {
        match kind {
            FrameKind::DepthUpdate => Some(&mut self.depth),
            FrameKind::BookTicker => Some(&mut self.ticker),
            FrameKind::Trade | FrameKind::AggregateTrade => Some(&mut self.trade),
            _ => None,
        }
    }
}

const fn last_id(envelope: &Envelope) -> Option<u64> {
    match envelope.kind {
        FrameKind::Trade | FrameKind::AggregateTrade => envelope.first_id,
        _ => envelope.last_id,
    }
}

#[cfg(test)]
mod tests {
    use depthlake_orderbook::time::Timestamp;

    use super::*;

    fn message(kind: FrameKind, first: Option<u64>, last: Option<u64>) -> Envelope {
        Envelope { first_id: first, last_id: last, ..Envelope::own(kind, None, Timestamp(1)) }
    }

    fn trade(id: u64) -> Envelope {
        message(FrameKind::Trade, Some(id), None)
    }

    fn depth(first: u64, last: u64) -> Envelope {
        message(FrameKind::DepthUpdate, Some(first), Some(last))
    }

    fn ticker(id: u64) -> Envelope {
        message(FrameKind::BookTicker, None, Some(id))
    }

    #[test]
    fn a_trade_is_handed_on_once() {
        let mut continuity = Continuity::default();
        let new = [5, 6, 6, 5, 7, 9].map(|id| continuity.is_new(&trade(id)));
        assert_eq!(new, [true, true, false, false, true, true]);
    }

    #[test]
    fn repeated_depth_is_the_books_to_judge_except_after_a_handover() {
        let mut continuity = Continuity::default();
        assert!(continuity.is_new(&depth(1, 5)) && continuity.is_new(&depth(1, 5)));
        assert!(continuity.is_new(&ticker(5)) && continuity.is_new(&ticker(5)));
        continuity.hand_over();
        assert!(!continuity.is_new(&depth(1, 5)) && !continuity.is_new(&ticker(5)));
        assert!(continuity.is_new(&depth(4, 8)) && continuity.is_new(&ticker(6)));
        assert!(continuity.is_new(&depth(6, 8)));
    }

    #[test]
    fn a_message_is_reached_when_nothing_lies_between() {
        let mut continuity = Continuity::default();
        assert!(!continuity.reaches(&trade(5)) && continuity.reaches(&ticker(5)));
        continuity.is_new(&trade(3));
        continuity.is_new(&depth(10, 20));
        assert!(!continuity.reaches(&trade(5)) && continuity.reaches(&trade(4)));
        assert!(!continuity.reaches(&depth(22, 30)) && continuity.reaches(&depth(21, 30)));
    }

    #[test]
    fn after_a_loss_ids_may_begin_anew() {
        let mut continuity = Continuity::default();
        continuity.is_new(&trade(100));
        continuity.break_off();
        assert!(continuity.is_new(&trade(1)));
    }
}
