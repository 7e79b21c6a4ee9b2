//! depthlake: its book, its decoder with the book, and its whole path.

use depthlake_engine::pipeline::{Output, Pipeline};
use depthlake_ingest::wire::{self, Decoder};
use depthlake_orderbook::book::{Book, Side};
use depthlake_orderbook::event::{DepthUpdate, Level, Provenance};
use depthlake_orderbook::frame::{Envelope, FrameKind, RawStream};
use depthlake_orderbook::instrument::Instrument;
use depthlake_orderbook::record::{Derived, Trigger};
use depthlake_orderbook::time::Timestamp;

use crate::contest::{FramePath, InUnits, PeerBook, TopFive, TopOfBook, first_five};
use crate::track::Track;

impl TopOfBook for Book {
    type Level = Level;

    fn top_five(&self) -> TopFive<Level> {
        TopFive { bids: first_five(self.levels(Side::Bid)), asks: first_five(self.levels(Side::Ask)) }
    }

    fn in_units(&self, level: Level) -> InUnits {
        (level.price.0, level.quantity.0)
    }
}

impl PeerBook for Book {
    type Event = DepthUpdate;

    fn name() -> String {
        "depthlake".to_owned()
    }

    fn loaded(track: &Track) -> Self {
        let mut book = Self::new();
        book.load(&track.snapshot);
        book
    }

    fn event(_: &Track, update: &DepthUpdate) -> DepthUpdate {
        update.clone()
    }

    fn apply(&mut self, event: &DepthUpdate) {
        Self::apply(self, event);
    }
}

/// Decoder and book, nothing between them.
pub struct DecoderAndBook {
    instrument: Instrument,
    decoder: Decoder,
    book: Book,
}

impl FramePath for DecoderAndBook {
    type Book = Book;

    fn name() -> String {
        "depthlake: decoder, book".to_owned()
    }

    fn loaded(track: &Track) -> Self {
        Self { instrument: track.instrument, decoder: Decoder::default(), book: Book::loaded(track) }
    }

    fn frame(&mut self, frame: &[u8]) {
        if let Ok(update) = self.decoder.depth(frame, &self.instrument, Provenance::default()) {
            self.book.apply(update);
        }
    }

    fn book(&self) -> &Book {
        &self.book
    }
}

/// Everything a shard does with a frame: decode, sync, book, features, records, and what [`publication`] does.
pub struct WholePath {
    instrument: Instrument,
    pipeline: Pipeline,
    publication: Publication,
    offset: u64,
}

impl WholePath {
    fn handle(&mut self, envelope: &Envelope, payload: &[u8]) {
        self.pipeline.frame(RawStream::Orderbook, self.offset, envelope, payload, &mut self.publication);
        self.offset += 1;
    }
}

impl FramePath for WholePath {
    type Book = Book;

    fn name() -> String {
        "depthlake: peek, whole pipeline".to_owned()
    }

    fn loaded(track: &Track) -> Self {
        let symbol = Some(track.instrument.symbol);
        let mut path = Self {
            instrument: track.instrument,
            pipeline: Pipeline::new(0),
            publication: publication(&track.instrument),
            offset: 0,
        };
        let instrument = Envelope::own(FrameKind::Instrument, symbol, Timestamp::default());
        path.handle(&instrument, track.entry.as_bytes());
        if let Some(snapshot) = wire::peek_snapshot(&track.snapshot_text, symbol, Timestamp::default()) {
            path.handle(&snapshot, &track.snapshot_text);
        }
        path
    }

    fn frame(&mut self, frame: &[u8]) {
        self.handle(&wire::peek(frame, Timestamp::default()), frame);
    }

    fn book(&self) -> &Book {
        let Some((_, book)) = self.pipeline.book(self.instrument.symbol) else {
            panic!("{}: the book is not live", self.instrument.symbol)
        };
        book
    }
}

/// What the whole path ends in. The one place to change when the board's publisher can be had from outside the engine.
type Publication = Discard;

fn publication(_: &Instrument) -> Publication {
    Discard
}

struct Discard;

impl Output for Discard {
    fn derived(&mut self, trigger: Trigger, record: Derived) {
        std::hint::black_box((trigger, record));
    }
}
