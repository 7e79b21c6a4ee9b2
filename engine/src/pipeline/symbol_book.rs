//! One symbol's book on its way through the messages about it.

use depthlake_ingest::wire::{self, DecodeError, Decoder, NeededScales};
use depthlake_orderbook::book::Book;
use depthlake_orderbook::event::{DepthUpdate, Snapshot, UpdateId};
use depthlake_orderbook::features::{Features, IMBALANCE_LEVELS, OrderFlow, Top};
use depthlake_orderbook::frame::FrameKind;
use depthlake_orderbook::instrument::{Instrument, TradingStatus};
use depthlake_orderbook::record::{BookRecord, DeadLetterReason, Derived, FeedEvent, FeedEventKind};
use depthlake_orderbook::sync::{DepthOutcome, SnapshotOutcome, SyncState, SyncedBook};
use depthlake_orderbook::time::Timestamp;

use super::context::Context;
use super::ticker_check::{Disagreement, TickerCheck};
use super::{Agreement, Changed, Need, Output};

/// The place of five levels among [`IMBALANCE_LEVELS`].
const IMBALANCE_5: usize = 1;
const _: () = assert!(IMBALANCE_LEVELS[IMBALANCE_5] == 5);

/// A second in nanoseconds.
const ASK_AGAIN_AFTER: i64 = 1_000_000_000;

/// Where a symbol's book stands, and what happened to it so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookStatus {
    pub sync: SyncState,
    pub trading: TradingStatus,
    /// No message came for longer than is usual for the symbol.
    pub is_silent: bool,
    pub epoch: u32,
    pub order_flow: i64,
    pub applied: u64,
    pub stale: u64,
    pub gaps: u64,
    pub snapshots: u64,
    pub dead_letters: u64,
    /// Best bid and ask against the venue's own.
    pub tickers: Agreement,
}

/// What was asked of the venue and has not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Nothing,
    Snapshot,
    /// The instrument's entry; a snapshot is of use only after it.
    Instrument,
}

#[derive(Debug, Clone)]
pub(super) struct SymbolBook {
    pub instrument: Instrument,
    pub synced: SyncedBook,
    /// Of the book after its last change.
    top: Top,
    flow: OrderFlow,
    check: TickerCheck,
    pub status: BookStatus,
    awaited: Awaited,
    /// When the venue may be asked again, after an answer that was of no use.
    ask_from: Timestamp,
    /// When the message was received by which the book ceased to be live; `None` while it is, or never was.
    pub not_live_since: Option<Timestamp>,
    /// Messages before this offset are in a checkpoint already.
    pub from_offset: u64,
}

impl SymbolBook {
    pub(super) fn new(instrument: Instrument) -> Self {
        Self {
            instrument,
            synced: SyncedBook::new(),
            top: Top::EMPTY,
            flow: OrderFlow::default(),
            check: TickerCheck::new(),
            status: BookStatus {
                sync: SyncState::Buffering,
                trading: instrument.status,
                is_silent: false,
                epoch: 0,
                order_flow: 0,
                applied: 0,
                stale: 0,
                gaps: 0,
                snapshots: 0,
                dead_letters: 0,
                tickers: Agreement::default(),
            },
            awaited: Awaited::Nothing,
            ask_from: Timestamp::default(),
            not_live_since: None,
            from_offset: 0,
        }
    }

    pub(super) fn restart(&mut self) {
        self.synced = SyncedBook::new();
        self.flow.restart();
        self.check.restart();
        self.awaited = Awaited::Nothing;
        self.not_live_since = None;
    }

    pub(super) fn frame<O: Output>(&mut self, decoder: &mut Decoder, context: &mut Context<'_, O>) {
        match context.kind() {
            FrameKind::DepthUpdate => self.depth(decoder, context),
            FrameKind::BookTicker => self.ticker(decoder, context),
            FrameKind::Snapshot => self.snapshot(context),
            FrameKind::Silent => {
                self.status.is_silent = true;
                context.feed_note(FeedEventKind::Stale, Some(self.instrument.symbol));
            }
            _ => context.unexpected(),
        }
        self.report(context);
    }

    fn depth<O: Output>(&mut self, decoder: &mut Decoder, context: &mut Context<'_, O>) {
        self.status.is_silent = false;
        let update = match decoder.depth(context.payload, &self.instrument, context.provenance) {
            Ok(update) => update,
            Err(error) => return self.refuse(error, context),
        };
        let (mut applier, synced) = self.applier(context);
        let outcome = synced.depth(update, |book, update| applier.applied(book, update));
        match outcome {
            DepthOutcome::Applied | DepthOutcome::Buffered | DepthOutcome::Stale => {}
            DepthOutcome::Gap(gap) => {
                self.gap(context, Some((gap.expected, gap.received)), "events are missing");
            }
            DepthOutcome::Crossed => self.gap(context, None, "the event left bid ≥ ask"),
            DepthOutcome::BufferOverflow => {
                self.gap(context, None, "no snapshot came in time for the events kept");
            }
        }
        let is_due = self.awaited == Awaited::Nothing && context.envelope.received >= self.ask_from;
        if self.synced.state() != SyncState::Live && is_due {
            let is_first = self.synced.epoch() == 0;
            self.ask(context, if is_first { Need::FirstSnapshot } else { Need::NewSnapshot });
        }
    }

    fn snapshot<O: Output>(&mut self, context: &mut Context<'_, O>) {
        self.awaited = Awaited::Nothing;
        let snapshot = match self.decode_snapshot(context) {
            Ok(snapshot) => snapshot,
            Err(error) => {
                self.status.dead_letters += 1;
                context.dead_letter(error);
                return self.ask_later(context);
            }
        };
        let is_resync = self.synced.epoch() > 0;
        let (mut applier, synced) = self.applier(context);
        let outcome = synced.snapshot(&snapshot, |book, update| applier.applied(book, update));
        match outcome {
            SnapshotOutcome::NotNeeded => {}
            SnapshotOutcome::TooOld => self.ask_later(context),
            SnapshotOutcome::Gap(gap) => {
                self.status.snapshots += 1;
                self.gap(
                    context,
                    Some((gap.expected, gap.received)),
                    "events are missing after the snapshot",
                );
            }
            SnapshotOutcome::Crossed => self.gap(context, None, "the snapshot gave bid ≥ ask"),
            SnapshotOutcome::Loaded => {
                self.status.snapshots += 1;
                self.show(context);
                let not_live = self.not_live_since.take().map(|since| elapsed(since, context));
                if is_resync {
                    let symbol = Some(self.instrument.symbol);
                    let resync = FeedEvent {
                        received: Some(self.synced.book().update_id()),
                        not_live,
                        ..context.feed_event(FeedEventKind::Resync, symbol)
                    };
                    context.emit(Derived::Feed(resync));
                }
            }
        }
    }

    /// Decodes a book. Orders older than a coarser tick may rest at finer prices: a book that has them is taken at the
    /// scales it needs.
    fn decode_snapshot<O: Output>(&mut self, context: &Context<'_, O>) -> Result<Snapshot, DecodeError> {
        let decoded = wire::decode_snapshot(context.payload, &self.instrument);
        let Err(DecodeError { reason: DeadLetterReason::Inexact, .. }) = decoded else { return decoded };
        let mut needed = NeededScales::default();
        needed.observe(FrameKind::Snapshot, context.payload, &mut Vec::new())?;
        let as_needed = Instrument::with_scales(self.instrument.symbol, needed.price, needed.quantity);
        let Some(widened) = self.instrument.widened_to(&as_needed) else { return decoded };
        let snapshot = wire::decode_snapshot(context.payload, &widened)?;
        if self.synced.state() == SyncState::Live {
            return Ok(snapshot);
        }
        // What is kept counts in the old units.
        self.synced.lose();
        self.instrument = widened;
        Ok(snapshot)
    }

    /// Shows a book that a snapshot has just made, unless events on top of it did.
    fn show<O: Output>(&self, context: &mut Context<'_, O>) {
        let received = context.provenance.received;
        let event_time = context.envelope.event_time.unwrap_or(received);
        let book = self.synced.book();
        if self.synced.position().fresh {
            let top = Top::of(book);
            let features = features_of(&self.instrument, book, &top);
            context.output.book(Changed {
                instrument: &self.instrument,
                book,
                top: &top,
                update: None,
                features: features.as_ref(),
                event_time,
                received,
            });
        }
    }

    fn ticker<O: Output>(&mut self, decoder: &mut Decoder, context: &mut Context<'_, O>) {
        match decoder.book_ticker(context.payload, &self.instrument) {
            Ok(ticker) => {
                if let Some(found) = self.check.ticker(&ticker) {
                    disagree(context, self.instrument, found);
                }
            }
            Err(error) => {
                self.status.dead_letters += 1;
                let need = need_after(&error);
                context.dead_letter(error);
                if need == Need::Instrument && self.awaited != Awaited::Instrument {
                    self.ask(context, need);
                }
            }
        }
    }

    /// The entry asked for came: now a snapshot can be made sense of.
    pub(super) fn resume_with_instrument<O: Output>(&mut self, context: &mut Context<'_, O>) {
        if self.awaited == Awaited::Instrument {
            self.ask(context, Need::NewSnapshot);
        }
    }

    /// A depth event that cannot be decoded is missing from the book from now on.
    fn refuse<O: Output>(&mut self, error: DecodeError, context: &mut Context<'_, O>) {
        let need = need_after(&error);
        let detail = error.to_string();
        self.status.dead_letters += 1;
        context.dead_letter(error);
        if self.synced.state() == SyncState::Live {
            self.status.gaps += 1;
            let event =
                FeedEvent { detail, ..context.feed_event(FeedEventKind::Gap, Some(self.instrument.symbol)) };
            context.emit(Derived::Feed(event));
            self.lose(context, need);
        } else if need == Need::Instrument && self.awaited != Awaited::Instrument {
            self.ask(context, need);
        }
    }

    fn gap<O: Output>(
        &mut self,
        context: &mut Context<'_, O>,
        ids: Option<(UpdateId, UpdateId)>,
        detail: &str,
    ) {
        self.status.gaps += 1;
        let event = FeedEvent {
            detail: detail.to_owned(),
            expected: ids.map(|(expected, _)| expected),
            received: ids.map(|(_, received)| received),
            ..context.feed_event(FeedEventKind::Gap, Some(self.instrument.symbol))
        };
        context.emit(Derived::Feed(event));
        self.stop(context, Need::NewSnapshot);
    }

    pub(super) fn lose<O: Output>(&mut self, context: &mut Context<'_, O>, need: Need) {
        self.synced.lose();
        self.stop(context, need);
    }

    /// What follows when the book is not to be relied on any more.
    fn stop<O: Output>(&mut self, context: &mut Context<'_, O>, need: Need) {
        self.not_live_since.get_or_insert(context.provenance.received);
        self.flow.restart();
        self.check.restart();
        self.ask(context, need);
    }

    /// Leaves a venue whose answer was of no use a moment before it is asked again.
    fn ask_later<O: Output>(&mut self, context: &Context<'_, O>) {
        self.ask_from = Timestamp(context.provenance.received.0.saturating_add(ASK_AGAIN_AFTER));
    }

    fn ask<O: Output>(&mut self, context: &mut Context<'_, O>, need: Need) {
        self.awaited = match need {
            Need::Instrument => Awaited::Instrument,
            Need::FirstSnapshot | Need::NewSnapshot => Awaited::Snapshot,
        };
        context.output.need(self.instrument.symbol, need);
    }

    /// What is done with the book after each event applied to it, apart from the book itself.
    fn applier<'a, 'b, O: Output>(
        &'a mut self,
        context: &'a mut Context<'b, O>,
    ) -> (Applier<'a, 'b, O>, &'a mut SyncedBook) {
        let applier = Applier {
            instrument: &self.instrument,
            top: &mut self.top,
            flow: &mut self.flow,
            check: &mut self.check,
            count: &mut self.status.applied,
            context,
        };
        (applier, &mut self.synced)
    }

    pub(super) fn report<O: Output>(&mut self, context: &mut Context<'_, O>) {
        self.status.sync = self.synced.state();
        self.status.epoch = self.synced.epoch();
        self.status.stale = self.synced.stale();
        self.status.order_flow = self.flow.sum();
        self.status.tickers = self.check.agreement();
        context.output.status(&self.instrument, &self.status);
    }
}

struct Applier<'a, 'b, O> {
    instrument: &'a Instrument,
    top: &'a mut Top,
    flow: &'a mut OrderFlow,
    check: &'a mut TickerCheck,
    count: &'a mut u64,
    context: &'a mut Context<'b, O>,
}

impl<O: Output> Applier<'_, '_, O> {
    fn applied(&mut self, book: &Book, update: &DepthUpdate) {
        *self.count += 1;
        self.top.take(book);
        let features = features_of(self.instrument, book, self.top);
        self.context.output.book(Changed {
            instrument: self.instrument,
            book,
            top: self.top,
            update: Some(update),
            features: features.as_ref(),
            event_time: update.event_time,
            received: update.provenance.received,
        });
        let Some(features) = features else { return };
        let touch = features.touch;
        self.flow.observe(touch);
        self.context.emit(Derived::Book(BookRecord {
            instrument: *self.instrument,
            update_id: update.last,
            touch,
            mid: features.mid,
            spread_bps: features.spread_bps,
            microprice: features.microprice,
            imbalance_5: features.imbalance[IMBALANCE_5],
            bid_depth: features.bid_depth,
            ask_depth: features.ask_depth,
            event_time: update.event_time,
            provenance: update.provenance,
        }));
        if let Some(found) = self.check.touch(update.last, touch) {
            disagree(self.context, *self.instrument, found);
        }
    }
}

fn features_of(instrument: &Instrument, book: &Book, top: &Top) -> Option<Features> {
    Features::of(book, top, instrument.price_scale, instrument.quantity_scale)
}

/// From one receipt to that of the message in hand; a clock that was put back counts as no time.
fn elapsed<O>(since: Timestamp, context: &Context<'_, O>) -> i64 {
    context.provenance.received.0.saturating_sub(since.0).max(0)
}

fn need_after(error: &DecodeError) -> Need {
    if error.reason == DeadLetterReason::Inexact { Need::Instrument } else { Need::NewSnapshot }
}

fn disagree<O: Output>(context: &mut Context<'_, O>, instrument: Instrument, found: Disagreement) {
    let record = FeedEvent {
        detail: format!("ours {:?}, the venue's {:?}", found.ours, found.venue),
        received: Some(found.update_id),
        ..context.feed_event(FeedEventKind::TickerDisagreement, Some(instrument.symbol))
    };
    context.emit(Derived::Feed(record));
}
