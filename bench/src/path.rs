//! The whole way from a frame on a shard's ring to the published board, without the thread.

use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::io;
use std::time::{Duration, Instant};

use depthlake_engine::clock;
use depthlake_engine::latency::Latencies;
use depthlake_engine::live_books::LiveBooks;
use depthlake_engine::recovery::Restored;
use depthlake_engine::shard::{Inbound, Outbound, ShardMetrics, Worker, WorkerConfig};
use depthlake_orderbook::book::Book;
use depthlake_orderbook::symbol::Symbol;
use rtrb::Consumer;
use tempfile::TempDir;

use crate::Recorded;

/// How many messages are handled between two emptyings of the ring towards the log.
const MESSAGES_A_TURN: usize = 64;

/// A shard's worker with a board of its own, whose book is live.
pub struct Path {
    worker: Worker,
    outbound: Consumer<Outbound>,
    latencies: ShardMetrics,
    _live_books: LiveBooks,
    _folder: TempDir,
}

impl Path {
    /// A path that has seen the instrument and the snapshot of a recording.
    ///
    /// # Errors
    /// Where the board cannot be made.
    pub fn new(recorded: &Recorded) -> Result<Self, Box<dyn Error>> {
        let folder = board_folder()?;
        let board = folder.path().join("board");
        let (live_books, outlets, mut events) =
            LiveBooks::create(&board, &[recorded.instrument.symbol], 1, clock::now())?;
        let (worker, outbound, latencies) = Worker::new(WorkerConfig {
            partitions: BTreeMap::from([(0, Restored::new(0))]),
            outlets,
            events: events.remove(0),
            needs: Box::new(|_, _| {}),
        });
        let mut path = Self { worker, outbound, latencies, _live_books: live_books, _folder: folder };
        path.play(&recorded.preparation);
        Ok(path)
    }

    /// Handles messages as a shard does, and returns how long that took.
    ///
    /// A frame on a shard's ring was written by the socket's thread a moment ago. So each turn's payloads are read once
    /// before its clock starts, and what the worker hands to the log is thrown away after it has stopped.
    pub fn play(&mut self, messages: &[Inbound]) -> Duration {
        let mut turn = |turn: &[Inbound]| {
            for message in turn {
                read(&message.payload);
            }
            let begun = Instant::now();
            for message in turn {
                self.worker.handle(message);
            }
            let took = begun.elapsed();
            self.drain();
            took
        };
        messages.chunks(MESSAGES_A_TURN).map(&mut turn).sum()
    }

    /// Handles one message; the caller empties the ring towards the log by [`Path::play`] or [`Path::drain`].
    pub fn handle(&mut self, message: &Inbound) {
        self.worker.handle(message);
    }

    /// Throws away what the log would be handed.
    pub fn drain(&mut self) {
        while self.outbound.pop().is_ok() {}
    }

    /// The book on the path.
    #[must_use]
    pub fn book(&self, symbol: Symbol) -> Option<&Book> {
        self.worker.book(symbol).map(|(_, book)| book)
    }

    /// How long each message took.
    #[must_use]
    pub fn finish(self) -> Latencies {
        let Self { worker, outbound, latencies, .. } = self;
        drop(outbound);
        drop(worker.finish());
        latencies.latencies()
    }
}

/// Brings a payload into the cache.
pub fn read(payload: &[u8]) {
    black_box(payload.iter().fold(0, |read: u8, byte| read.wrapping_add(*byte)));
}

/// In memory where the system has a place for that, as a real board should be.
fn board_folder() -> io::Result<TempDir> {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())
}
