//! The bounded queue between the threads that append and the one that writes.
//!
//! Offsets are given out here, under one lock, and records are encoded into their batch at once: what waits is bytes,
//! not objects. The bound counts what waits and what is being written.

use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use depthlake_orderbook::time::Timestamp;

use super::batch::{self, OpenBatch};
use crate::log::{LogError, Offset, Progress, Record, TopicPartition};

/// What an append does when the queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WhenFull {
    Wait,
    Refuse,
}

/// What the writer takes at once: the batches of each slot, in the slots' order.
#[derive(Debug)]
pub(super) struct Group {
    pub batches: Vec<(usize, OpenBatch)>,
    /// Records in all batches together.
    pub records: u64,
    /// When the first of them was appended.
    pub oldest: Instant,
}

/// How a queue stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::log) struct Standing {
    /// Records appended and made durable since the log was opened.
    pub appended: u64,
    pub durable: u64,
    /// Bytes that wait or are being written.
    pub held_bytes: usize,
    pub is_stalled: bool,
    pub has_failed: bool,
}

#[derive(Debug)]
pub(super) struct Queue {
    limit: usize,
    state: Mutex<State>,
    /// There is something to write, or no reason to wait for more of it.
    work: Condvar,
    /// There is room again.
    room: Condvar,
    /// A group is durable, or the log has stalled or failed.
    settled: Condvar,
}

#[derive(Debug)]
struct State {
    slots: Vec<SlotState>,
    waiting_records: u64,
    /// When the first record that waits was appended; of no account while none does.
    oldest: Instant,
    waiting_bytes: usize,
    writing_bytes: usize,
    /// Records appended since the log was opened.
    appended: u64,
    /// Records made durable since the log was opened.
    durable: u64,
    /// Somebody waits for what is in the queue.
    urgent: bool,
    closing: bool,
    /// Why the group being written is not yet durable, where an attempt has failed.
    stall: Option<LogError>,
    failure: Option<LogError>,
}

#[derive(Debug)]
struct SlotState {
    next: Offset,
    waiting: Vec<OpenBatch>,
}

impl Queue {
    /// A queue that goes on at these offsets and holds up to `limit` bytes.
    pub(super) fn new(next: &[Offset], limit: usize) -> Self {
        let state = State {
            slots: next.iter().map(|next| SlotState { next: *next, waiting: Vec::new() }).collect(),
            waiting_records: 0,
            oldest: Instant::now(),
            waiting_bytes: 0,
            writing_bytes: 0,
            appended: 0,
            durable: 0,
            urgent: false,
            closing: false,
            stall: None,
            failure: None,
        };
        Self {
            limit,
            state: Mutex::new(state),
            work: Condvar::new(),
            room: Condvar::new(),
            settled: Condvar::new(),
        }
    }

    /// Takes a record of permitted size for a slot of the log, and gives it its offset.
    pub(super) fn append(
        &self,
        slot: usize,
        at: TopicPartition,
        record: &Record,
        when_full: WhenFull,
    ) -> Result<Offset, LogError> {
        let size = batch::encoded_size(record);
        let mut state = self.lock();
        loop {
            state.check()?;
            if state.has_room(size, self.limit) {
                break;
            }
            state.check_stall()?;
            if when_full == WhenFull::Refuse {
                return Err(LogError::Full { at, limit: self.limit });
            }
            state.urgent = true;
            self.work.notify_one();
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let was_idle = state.waiting_records == 0;
        let was_enough = self.is_enough(&state);
        let offset = state.push(slot, size, record);
        if was_idle || was_enough != self.is_enough(&state) {
            self.work.notify_one();
        }
        Ok(offset)
    }

    /// Waits until everything appended so far is durable.
    pub(super) fn sync(&self) -> Result<(), LogError> {
        let mut state = self.lock();
        let target = state.appended;
        if state.durable < target {
            state.urgent = true;
            self.work.notify_one();
        }
        while state.durable < target {
            state.check()?;
            state.check_stall()?;
            state = self.settled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    /// Waits until more than `seen` is durable, or for `timeout`.
    pub(super) fn wait(&self, seen: Progress, timeout: Duration) -> Progress {
        let state = self.lock();
        let waited = self.settled.wait_timeout_while(state, timeout, |state| state.durable <= seen.0);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        Progress(state.durable)
    }

    pub(super) fn standing(&self) -> Standing {
        let state = self.lock();
        Standing {
            appended: state.appended,
            durable: state.durable,
            held_bytes: state.waiting_bytes + state.writing_bytes,
            is_stalled: state.stall.is_some(),
            has_failed: state.failure.is_some(),
        }
    }

    /// Why it cannot be written, or never will be again.
    pub(super) fn trouble(&self) -> Option<LogError> {
        let state = self.lock();
        state.failure.as_ref().or(state.stall.as_ref()).cloned()
    }

    /// The most bytes it holds.
    pub(super) const fn limit(&self) -> usize {
        self.limit
    }

    /// Waits for something to write and then, unless there is reason to hurry, for more until `due`. None when the
    /// queue is closed and empty.
    pub(super) fn take(&self, due: Instant) -> Option<Group> {
        let mut state = self.lock();
        while state.waiting_records == 0 {
            if state.closing {
                return None;
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let longer = due.saturating_duration_since(Instant::now());
        let waits = |state: &mut State| !(state.urgent || state.closing || self.is_enough(state));
        let waited = self.work.wait_timeout_while(state, longer, waits);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        Some(state.take())
    }

    /// Says that a group is durable.
    pub(super) fn complete(&self, records: u64) {
        let mut state = self.lock();
        state.durable += records;
        state.writing_bytes = 0;
        state.stall = None;
        drop(state);
        self.room.notify_all();
        self.settled.notify_all();
    }

    /// Says that an attempt to write failed, and waits for `delay` before the next. `false`: the queue is being closed, so
    /// there is no next.
    pub(super) fn stall(&self, cause: LogError, delay: Duration) -> bool {
        let mut state = self.lock();
        state.stall = Some(LogError::Stalled(Arc::new(cause)));
        self.room.notify_all();
        self.settled.notify_all();
        let waited = self.work.wait_timeout_while(state, delay, |state| !state.closing);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !state.closing
    }

    /// Says that the writer can go on no more: from now on everything is refused, and what waited is dropped.
    pub(super) fn fail(&self, cause: LogError) {
        let mut state = self.lock();
        state.failure = Some(LogError::Failed(Arc::new(cause)));
        state.slots.iter_mut().for_each(|slot| slot.waiting.clear());
        drop(state);
        self.room.notify_all();
        self.settled.notify_all();
    }

    /// Lets the writer end when it has written what waits.
    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.work.notify_one();
    }

    /// So much waits that waiting for more would not make the writing cheaper.
    fn is_enough(&self, state: &State) -> bool {
        state.waiting_bytes >= self.limit / 4
    }

    /// Nothing panics while it holds the lock, so the state is whole even if the lock says otherwise.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn check(&self) -> Result<(), LogError> {
        self.failure.clone().map_or(Ok(()), Err)
    }

    fn check_stall(&self) -> Result<(), LogError> {
        self.stall.clone().map_or(Ok(()), Err)
    }

    /// An empty queue takes any permitted record, however small the bound is.
    fn has_room(&self, size: usize, limit: usize) -> bool {
        let held = self.waiting_bytes + self.writing_bytes;
        held == 0 || held + size <= limit
    }

    fn push(&mut self, slot: usize, size: usize, record: &Record) -> Offset {
        let slot = &mut self.slots[slot];
        let offset = slot.next;
        if slot.waiting.last().is_none_or(OpenBatch::is_full) {
            slot.waiting.push(OpenBatch::new(offset));
        }
        if let Some(open) = slot.waiting.last_mut() {
            open.push(now(), record);
        }
        slot.next = Offset(offset.0 + 1);
        if self.waiting_records == 0 {
            self.oldest = Instant::now();
        }
        self.waiting_records += 1;
        self.waiting_bytes += size;
        self.appended += 1;
        offset
    }

    fn take(&mut self) -> Group {
        let mut batches = Vec::new();
        for (number, slot) in self.slots.iter_mut().enumerate() {
            batches.extend(mem::take(&mut slot.waiting).into_iter().map(|batch| (number, batch)));
        }
        self.urgent = false;
        self.writing_bytes = mem::take(&mut self.waiting_bytes);
        Group { batches, records: mem::take(&mut self.waiting_records), oldest: self.oldest }
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
