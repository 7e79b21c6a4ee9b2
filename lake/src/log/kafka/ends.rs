//! How far each topic partition is: what producers, consumers and the sender tell each other.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::log::{LogError, Offset, Progress};

#[derive(Debug)]
pub(super) struct Ends {
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Debug)]
struct State {
    slots: Vec<SlotEnd>,
    progress: u64,
    failure: Option<LogError>,
    /// Since when the broker has owed an answer for too long.
    silent_since: Option<Instant>,
}

#[derive(Debug, Clone, Copy, Default)]
struct SlotEnd {
    /// The end that the broker has acknowledged to this process.
    acknowledged: Offset,
    /// The end that the broker was seen to have, for partitions that another process writes.
    seen: Offset,
    /// Whether this process writes it.
    is_ours: bool,
}

/// What a wait for acknowledgements came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Acknowledged {
    All,
    /// The broker has been silent for so long.
    Silent(Duration),
}

impl Ends {
    pub(super) fn new(acknowledged: impl IntoIterator<Item = Offset>) -> Self {
        let slots = acknowledged
            .into_iter()
            .map(|end| SlotEnd { acknowledged: end, seen: end, is_ours: false })
            .collect();
        let state = State { slots, progress: 0, failure: None, silent_since: None };
        Self { state: Mutex::new(state), moved: Condvar::new() }
    }

    /// The offset after the last acknowledged record.
    pub(super) fn end(&self, slot: usize) -> Offset {
        self.lock().slots.get(slot).map(SlotEnd::end).unwrap_or_default()
    }

    /// Refuses what comes after the log has failed, and notes that this process writes the partition.
    pub(super) fn claim(&self, slot: usize) -> Result<(), LogError> {
        let mut state = self.lock();
        if let Some(failure) = &state.failure {
            return Err(failure.clone());
        }
        if let Some(slot) = state.slots.get_mut(slot) {
            slot.is_ours = true;
        }
        Ok(())
    }

    pub(super) fn is_ours(&self, slot: usize) -> bool {
        self.lock().slots.get(slot).is_some_and(|slot| slot.is_ours)
    }

    /// Notes what the broker has acknowledged: the end of each slot.
    pub(super) fn acknowledge(&self, ends: impl IntoIterator<Item = Offset>) {
        self.change(|state| {
            for (slot, end) in state.slots.iter_mut().zip(ends) {
                slot.acknowledged = end;
            }
            state.silent_since = None;
        });
    }

    /// Notes where the broker's partition was seen to end.
    pub(super) fn see(&self, slot: usize, end: Offset) {
        self.change(|state| {
            if let Some(slot) = state.slots.get_mut(slot) {
                slot.seen = end;
            }
        });
    }

    /// The broker owes an answer since then.
    pub(super) fn silent(&self, since: Instant) {
        self.lock().silent_since = Some(since);
        self.moved.notify_all();
    }

    /// Why everything is refused; `None` while it is not.
    pub(super) fn failure(&self) -> Option<LogError> {
        self.lock().failure.clone()
    }

    /// For how long the broker has owed an answer; `None` while it has not for too long.
    pub(super) fn silence(&self) -> Option<Duration> {
        self.lock().silent_since.map(|since| since.elapsed())
    }

    /// From now on everything is refused.
    pub(super) fn fail(&self, failure: LogError) {
        let mut state = self.lock();
        state.failure.get_or_insert(LogError::Failed(failure.into()));
        drop(state);
        self.moved.notify_all();
    }

    /// Waits until the log has come further than `seen`, or for `timeout`.
    pub(super) fn wait(&self, seen: Progress, timeout: Duration) -> Progress {
        let waited = self.moved.wait_timeout_while(self.lock(), timeout, |state| state.progress <= seen.0);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        Progress(state.progress)
    }

    /// Waits until the slots are acknowledged up to these ends, or the broker has been silent for as long as `patience`.
    pub(super) fn wait_for(&self, ends: &[Offset], patience: Duration) -> Result<Acknowledged, LogError> {
        const LOOK_AGAIN: Duration = Duration::from_millis(500);
        let mut state = self.lock();
        loop {
            if state.slots.iter().zip(ends).all(|(slot, end)| slot.acknowledged >= *end) {
                return Ok(Acknowledged::All);
            }
            if let Some(failure) = &state.failure {
                return Err(failure.clone());
            }
            let silence = state.silent_since.map(|since| since.elapsed()).unwrap_or_default();
            if silence > patience {
                return Ok(Acknowledged::Silent(silence));
            }
            let waited = self.moved.wait_timeout(state, LOOK_AGAIN);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Makes a change; whoever waits is told where it has moved an end.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        let before: Vec<Offset> = state.slots.iter().map(SlotEnd::end).collect();
        change(&mut state);
        if state.slots.iter().zip(before).any(|(slot, before)| slot.end() > before) {
            state.progress += 1;
        }
        drop(state);
        self.moved.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SlotEnd {
    fn end(&self) -> Offset {
        if self.is_ours { self.acknowledged } else { self.acknowledged.max(self.seen) }
    }
}
