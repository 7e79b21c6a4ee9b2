//! The order books of a partition.

use depthlake_ingest::wire::{self, DecodeError, Decoder};
use depthlake_orderbook::book::Book;
use depthlake_orderbook::frame::FrameKind;
use depthlake_orderbook::instrument::Instrument;
use depthlake_orderbook::record::{DeadLetterReason, Derived, FeedEvent, FeedEventKind};
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::sync::SyncState;

use super::checkpoint::BookCheckpoint;
use super::context::Context;
use super::symbol_book::{BookStatus, SymbolBook};
use super::{Need, Output};
use crate::symbol_map::SymbolMap;

#[derive(Debug, Clone, Default)]
pub(super) struct BookLane {
    books: SymbolMap<SymbolBook>,
}

impl BookLane {
    pub(super) fn frame<O: Output>(&mut self, decoder: &mut Decoder, context: &mut Context<'_, O>) {
        match (context.kind(), context.envelope.symbol) {
            (FrameKind::SessionStart, _) => self.start_session(context),
            (FrameKind::Instrument, _) => self.instrument(context),
            (FrameKind::Disconnected, _) => self.disconnect(context),
            (FrameKind::Reconnected, symbol) => context.feed_note(FeedEventKind::Reconnect, symbol),
            (FrameKind::Unknown, _) => context.unexpected(),
            (_, symbol) => match symbol.and_then(|symbol| self.books.get_mut(symbol)) {
                Some(book) if context.provenance.offset < book.from_offset => {}
                Some(book) => book.frame(decoder, context),
                None => context.unknown_symbol(),
            },
        }
    }

    pub(super) fn statuses(&self) -> impl Iterator<Item = (Symbol, &BookStatus)> {
        self.books.iter().map(|(symbol, book)| (symbol, &book.status))
    }

    pub(super) fn live(&self, symbol: Symbol) -> Option<(&Instrument, &Book)> {
        let found = self.books.get(symbol)?;
        (found.synced.state() == SyncState::Live).then(|| (&found.instrument, found.synced.book()))
    }

    pub(super) fn last(&self, symbol: Symbol) -> Option<(&Instrument, &Book, &BookStatus)> {
        self.books.get(symbol).map(|found| (&found.instrument, found.synced.book(), &found.status))
    }

    pub(super) fn checkpoint(&self, symbol: Symbol, next_offset: u64) -> Option<BookCheckpoint> {
        let book = self.books.get(symbol)?;
        Some(BookCheckpoint::of(book, next_offset.max(book.from_offset)))
    }

    pub(super) fn restore(&mut self, checkpoint: &BookCheckpoint) {
        let Some(instrument) = checkpoint.instrument() else { return };
        let mut book = SymbolBook::new(instrument);
        book.synced = checkpoint.synced_book();
        book.not_live_since = checkpoint.not_live_since();
        book.from_offset = checkpoint.next_offset();
        self.books.insert(instrument.symbol, book);
    }

    fn start_session<O: Output>(&mut self, context: &mut Context<'_, O>) {
        for book in self.books.values_mut().filter(|book| context.provenance.offset >= book.from_offset) {
            book.restart();
        }
        context.feed_note(FeedEventKind::SessionStart, None);
    }

    fn instrument<O: Output>(&mut self, context: &mut Context<'_, O>) {
        let instrument = match wire::decode_instrument(context.payload) {
            Ok(instrument) => instrument,
            Err(error) => return context.dead_letter(error),
        };
        let Some(book) = self.books.get_mut(instrument.symbol) else {
            let mut book = SymbolBook::new(instrument);
            book.report(context);
            self.books.insert(instrument.symbol, book);
            return;
        };
        if context.provenance.offset < book.from_offset {
            return;
        }
        let Some(instrument) = instrument.widened_to(&book.instrument) else {
            let detail = format!("the new steps of {} do not fit the numbers kept so far", instrument.symbol);
            return context.dead_letter(DecodeError { reason: DeadLetterReason::Inexact, detail });
        };
        if book.instrument == instrument {
            return book.resume_with_instrument(context);
        }
        let before = std::mem::replace(&mut book.instrument, instrument);
        let event = FeedEvent {
            detail: describe_change(&before, &instrument),
            ..context.feed_event(FeedEventKind::InstrumentChange, Some(instrument.symbol))
        };
        context.emit(Derived::Feed(event));
        book.status.trading = instrument.status;
        if before.same_scales(&instrument) {
            book.resume_with_instrument(context);
        } else {
            book.lose(context, Need::NewSnapshot);
        }
        book.report(context);
    }

    /// What the streams carry stops for now, so the books are not to be relied on.
    fn disconnect<O: Output>(&mut self, context: &mut Context<'_, O>) {
        let symbol = context.envelope.symbol;
        context.feed_note(FeedEventKind::Disconnect, symbol);
        let known = symbol.and_then(|symbol| self.books.get_mut(symbol));
        if let Some(book) = known.filter(|book| context.provenance.offset >= book.from_offset) {
            book.status.is_silent = true;
            book.report(context);
        }
    }
}

fn describe_change(before: &Instrument, after: &Instrument) -> String {
    let tick = |of: &Instrument| of.price_scale.text(of.tick.0).to_string();
    let step = |of: &Instrument| of.quantity_scale.text(of.step.0).to_string();
    format!(
        "tick {} to {}, step {} to {}, {:?} to {:?}",
        tick(before),
        tick(after),
        step(before),
        step(after),
        before.status,
        after.status
    )
}
