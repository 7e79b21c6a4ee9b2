//! Takes a partition's state piece by piece, so that no message waits for the whole of it.

use std::time::{Duration, Instant};

use depthlake_orderbook::symbol::Symbol;

use crate::pipeline::{BookCheckpoint, Checkpoint, CheckpointError, Pipeline};

/// How often the state of a partition is kept: a restart derives at most about this much again.
pub const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(30);

/// The state of one partition as it is being taken.
#[derive(Debug)]
pub(super) struct Checkpointer {
    begun: Instant,
    waiting: Vec<Symbol>,
    taken: Vec<BookCheckpoint>,
}

/// Offsets behind the last messages handled.
#[derive(Debug, Clone, Copy)]
pub(super) struct NextOffsets {
    pub orderbook: u64,
    pub trade: u64,
}

impl Checkpointer {
    pub(super) fn new() -> Self {
        Self { begun: Instant::now(), waiting: Vec::new(), taken: Vec::new() }
    }

    /// Takes the next piece, where one is due. Gives the checkpoint when it is whole.
    pub(super) fn step(
        &mut self,
        pipeline: &Pipeline,
        next: NextOffsets,
    ) -> Option<Result<Vec<u8>, CheckpointError>> {
        if let Some(symbol) = self.waiting.pop() {
            self.taken.extend(pipeline.book_checkpoint(symbol, next.orderbook));
            return self.waiting.is_empty().then(|| self.finish(pipeline, next));
        }
        if self.begun.elapsed() >= CHECKPOINT_INTERVAL {
            self.begun = Instant::now();
            self.waiting = pipeline.books().map(|(symbol, _)| symbol).collect();
        }
        None
    }

    /// The whole state at once.
    pub(super) fn at_once(
        &mut self,
        pipeline: &Pipeline,
        next: NextOffsets,
    ) -> Result<Vec<u8>, CheckpointError> {
        self.waiting.clear();
        self.taken = pipeline
            .books()
            .filter_map(|(symbol, _)| pipeline.book_checkpoint(symbol, next.orderbook))
            .collect();
        self.finish(pipeline, next)
    }

    fn finish(&mut self, pipeline: &Pipeline, next: NextOffsets) -> Result<Vec<u8>, CheckpointError> {
        let trades = pipeline.trade_checkpoint(next.trade);
        Checkpoint { books: std::mem::take(&mut self.taken), trades }.encode()
    }
}
