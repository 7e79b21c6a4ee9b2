//! depthlake: its book, its decoder with the book, and its path from a ring to the board.

use depthlake_bench::path::Path;
use depthlake_engine::latency::Latencies;
use depthlake_engine::shard::Inbound;
use depthlake_ingest::wire::Decoder;
use depthlake_orderbook::book::{Book, Side};
use depthlake_orderbook::event::{DepthUpdate, Level, Provenance};
use depthlake_orderbook::instrument::Instrument;
use depthlake_orderbook::symbol::Symbol;

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

    fn frame(&mut self, frame: &Inbound) {
        if let Ok(update) = self.decoder.depth(&frame.payload, &self.instrument, Provenance::default()) {
            self.book.apply(update);
        }
    }

    fn book(&self) -> &Book {
        &self.book
    }
}

/// What a shard does with a frame from its ring on: decode, sync, book, features, records, board, depth journal and
/// event ring. The peek is done by the socket's thread, and the ring towards the log is emptied by the log's.
pub struct FrameToBoard {
    symbol: Symbol,
    path: Path,
}

impl FramePath for FrameToBoard {
    type Book = Book;

    fn name() -> String {
        "depthlake: ring to board".to_owned()
    }

    fn loaded(track: &Track) -> Self {
        let path = Path::new(&track.recorded).unwrap_or_else(|error| panic!("{}: {error}", track.name));
        Self { symbol: track.instrument.symbol, path }
    }

    fn frame(&mut self, frame: &Inbound) {
        self.path.handle(frame);
    }

    fn book(&self) -> &Book {
        self.path.book(self.symbol).unwrap_or_else(|| panic!("{}: the book is not live", self.symbol))
    }

    /// Twenty levels a side are on the board.
    fn show(&self) {}

    fn clear(&mut self) {
        self.path.drain();
    }
}

impl FrameToBoard {
    /// How long each message took by the worker's own clock.
    #[must_use]
    pub fn finish(self) -> Latencies {
        self.path.finish()
    }
}
