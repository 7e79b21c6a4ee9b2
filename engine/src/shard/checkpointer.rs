//! Takes a partition's state piece by piece, so that no message waits for the whole of it.

use std::time::{Duration, Instant};

use depthlake_orderbook::symbol::Symbol;

use crate::pipeline::{BookCheckpoint, Checkpoint, CheckpointError, Pipeline};

/// How often the state of a partition is kept: a restart derives at most about this much again.
pub const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(30);

/// The state of one partition as it is being taken. The first is due at once, for the last run may have kept none.
#[derive(Debug)]
pub(super) struct Checkpointer {
    due: Instant,
    round: Option<Round>,
}

/// A checkpoint under way.
#[derive(Debug)]
struct Round {
    /// Where the order-book stream stood when it began: a symbol that appears meanwhile is read again from there.
    orderbook_offset: u64,
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
        Self { due: Instant::now(), round: None }
    }

    /// Takes the next piece, where one is due. Gives the checkpoint when it is whole.
    pub(super) fn step(
        &mut self,
        pipeline: &Pipeline,
        next: NextOffsets,
    ) -> Option<Result<Vec<u8>, CheckpointError>> {
        let mut round = match self.round.take() {
            Some(round) => round,
            None if Instant::now() < self.due => return None,
            None => {
                self.due = Instant::now() + CHECKPOINT_INTERVAL;
                Round::begin(pipeline, next)
            }
        };
        round.take_one(pipeline, next);
        if round.waiting.is_empty() {
            return Some(round.finish(pipeline, next));
        }
        self.round = Some(round);
        None
    }

    /// The whole state at once.
    pub(super) fn at_once(pipeline: &Pipeline, next: NextOffsets) -> Result<Vec<u8>, CheckpointError> {
        let mut round = Round::begin(pipeline, next);
        while !round.waiting.is_empty() {
            round.take_one(pipeline, next);
        }
        round.finish(pipeline, next)
    }
}

impl Round {
    fn begin(pipeline: &Pipeline, next: NextOffsets) -> Self {
        let waiting = pipeline.books().map(|(symbol, _)| symbol).collect();
        Self { orderbook_offset: next.orderbook, waiting, taken: Vec::new() }
    }

    fn take_one(&mut self, pipeline: &Pipeline, next: NextOffsets) {
        if let Some(symbol) = self.waiting.pop() {
            self.taken.extend(pipeline.book_checkpoint(symbol, next.orderbook));
        }
    }

    fn finish(self, pipeline: &Pipeline, next: NextOffsets) -> Result<Vec<u8>, CheckpointError> {
        let trades = pipeline.trade_checkpoint(next.trade);
        Checkpoint { orderbook_offset: self.orderbook_offset, books: self.taken, trades }.encode()
    }
}
