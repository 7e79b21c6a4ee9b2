//! How readers sleep until a slot changes, although neither they nor the slot's writer may tell each other of it.
//!
//! A third party does: the *notifier*, a thread of the writer's process, looks at each slot's sequence from time to time.
//! When one has changed, it changes the slot's wake word and then wakes all who sleep on it. A reader loads the wake word
//! *before* it looks at the sequence, and sleeps only while the wake word is what it loaded.
//!
//! Why no change is slept through: say a reader finds the old sequence and goes to sleep. Had it loaded the wake word after
//! the notifier's change, it would have seen all the notifier had seen, so the new sequence. So it loaded the word before,
//! and either the kernel finds it changed and does not let the reader sleep, or the reader sleeps already when the
//! notifier, after its change, wakes the sleepers.
//!
//! This file is compiled twice: into the board, and against loom's atomics and a futex made of loom's parts into the model
//! check.

use std::time::Duration;

use super::atomic::{AtomicU32, Ordering};
use super::futex;

/// The word that readers of a slot sleep on. All zeros is valid.
#[repr(transparent)]
#[derive(Debug, Default)]
pub struct WakeWord(AtomicU32);

impl WakeWord {
    /// Wakes all who sleep on this word, after its slot was seen changed. Returns how many there were.
    pub fn wake_all(&self) -> usize {
        // Pairs with the load in `sleep_unless`: who sees this sees all that the caller has seen of the slot.
        self.0.fetch_add(1, Ordering::Release);
        futex::wake_all(&self.0)
    }

    /// Sleeps until the next [`WakeWord::wake_all`], for `timeout` at most, and not at all where `has_changed` says that
    /// there is news. May also return for no reason.
    pub fn sleep_unless(&self, has_changed: impl FnOnce() -> bool, timeout: Duration) {
        let seen = self.0.load(Ordering::Acquire);
        if !has_changed() {
            futex::wait(&self.0, seen, timeout);
        }
    }
}
