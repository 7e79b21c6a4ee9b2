//! The thread that reads the log.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use tracing::{debug, error, warn};

use super::arrivals::Arrival;
use super::held::Segment;
use super::{Shared, TailError, lock};
use crate::log::{LogError, Offset, Progress, TopicPartition};
use crate::record::table_of;
use crate::sink::SinkError;
use crate::sink::piece::{MadeRows, Piece};

/// Bytes of a partition that are read at a time.
const PIECE_BYTES: usize = 1024 * 1024;
/// How long a log that brings nothing is waited for before it is looked whether to stop.
const IDLE: Duration = Duration::from_millis(50);
/// What arrives within this time becomes one batch: a row is seen that much later, and costs that much less.
const GATHERED: Duration = Duration::from_millis(5);
/// How long nothing is read after a failure.
const PAUSE: Duration = Duration::from_millis(200);

pub(super) struct Follower {
    shared: Arc<Shared>,
    partitions: Vec<TopicPartition>,
}

impl Follower {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let partitions = shared.state().partitions.keys().copied().collect();
        Self { shared, partitions }
    }

    /// Reads until the tail is dropped.
    pub(super) fn run(self) {
        let mut seen = Progress::default();
        while !self.is_stopped() {
            match self.read_all() {
                Ok(()) => {
                    *lock(&self.shared.failing) = None;
                    self.shared.caught_up.send_if_modified(|caught_up| !std::mem::replace(caught_up, true));
                    seen = self.shared.log.wait(seen, IDLE);
                    thread::sleep(GATHERED);
                }
                Err(failure) => {
                    self.note_failure(&failure);
                    thread::sleep(PAUSE);
                }
            }
        }
    }

    /// Reads every partition up to its end of now. One that cannot be read keeps no other waiting.
    fn read_all(&self) -> Result<(), TailError> {
        let mut outcome = Ok(());
        for at in &self.partitions {
            outcome = outcome.and(self.read(*at));
        }
        outcome
    }

    fn read(&self, at: TopicPartition) -> Result<(), TailError> {
        let Shared { log, contracts, .. } = &*self.shared;
        let goal = log.durable_end(at)?;
        while let Some(from) = self.next_read(at, goal) {
            if self.is_stopped() {
                return Ok(());
            }
            match Piece::read(&**log, contracts, at, from, PIECE_BYTES) {
                Ok(Some(piece)) => self.take(at, from, piece),
                Ok(None) => break,
                Err(SinkError::Log(LogError::Released { start, .. })) => self.pass_over(at, start),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Lets go of what is committed, and says where to read on. What has no room and nobody waits for is not read: a query that
    /// needs it will.
    fn next_read(&self, at: TopicPartition, goal: Offset) -> Option<Offset> {
        let committed = self.shared.committed(at);
        let is_awaited = self.is_awaited(at);
        let mut state = self.shared.state();
        state.partitions.get_mut(&at)?.let_go(committed);
        let has_room = state.bytes() < self.shared.memory_bytes;
        let held = state.partitions.get_mut(&at)?;
        if !has_room && !is_awaited {
            held.tell(goal);
        }
        held.next_read(goal, has_room)
    }

    fn is_awaited(&self, at: TopicPartition) -> bool {
        table_of(at.topic).is_some_and(|table| self.shared.arrivals.are_awaited(table))
    }

    fn take(&self, at: TopicPartition, from: Offset, piece: Piece) {
        let (end, told, has_room) = {
            let state = self.shared.state();
            let Some(held) = state.partitions.get(&at) else { return };
            (held.end(), held.told(), state.bytes() < self.shared.memory_bytes)
        };
        let next = piece.next;
        if next > told {
            self.tell(at, &piece, told);
        }
        let segment = (has_room && from <= end && end < next).then(|| Segment::of(piece, end));
        let mut state = self.shared.state();
        let Some(held) = state.partitions.get_mut(&at) else { return };
        held.tell(next);
        if let Some(segment) = segment {
            held.hold(segment);
            drop(state);
            self.merge(at);
        }
    }

    fn tell(&self, at: TopicPartition, piece: &Piece, told: Offset) {
        let Some(table) = table_of(at.topic).filter(|table| self.shared.arrivals.are_awaited(*table)) else {
            return;
        };
        let Some(MadeRows { batch, offsets }) = &piece.rows else { return };
        let before = offsets.partition_point(|offset| *offset < told);
        let rows = batch.slice(before, batch.num_rows() - before);
        if rows.num_rows() > 0 {
            self.shared.arrivals.tell(table, Arrival { at, rows });
        }
    }

    /// Merges the newest segments. Nobody else changes them, so this is done without keeping queries waiting.
    fn merge(&self, at: TopicPartition) {
        let two = || self.shared.state().partitions.get(&at).and_then(|held| held.to_be_merged());
        while let Some((first, second)) = two() {
            match Segment::merged(&first, &second) {
                Ok(merged) => {
                    if let Some(held) = self.shared.state().partitions.get_mut(&at) {
                        held.replace_last_two(merged);
                    }
                }
                Err(failure) => {
                    error!(%failure, %at, "rows of one table do not go together");
                    return;
                }
            }
        }
    }

    /// The log has let go of what is before `start`: the tables have it, or it is gone.
    fn pass_over(&self, at: TopicPartition, start: Offset) {
        debug!(%at, %start, "the log has let go of records before they were read");
        let to = start.max(self.shared.committed(at));
        let mut state = self.shared.state();
        if let Some(held) = state.partitions.get_mut(&at) {
            held.tell(start);
            if held.end() < start {
                held.jump(to);
            }
        }
    }

    fn note_failure(&self, failure: &TailError) {
        let reason = reason_of(failure);
        let mut failing = lock(&self.shared.failing);
        if failing.as_ref() != Some(&reason) {
            warn!(%reason, "the tail of the log cannot be read");
        }
        *failing = Some(reason);
    }

    fn is_stopped(&self) -> bool {
        self.shared.stop.load(Ordering::Relaxed)
    }
}

/// An error with what it comes from.
fn reason_of(error: &TailError) -> String {
    let mut reason = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        reason = format!("{reason}: {source}");
        cause = source.source();
    }
    reason
}
