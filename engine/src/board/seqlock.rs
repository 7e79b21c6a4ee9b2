//! The seqlock: one writer publishes data that any number of readers copy, and nobody ever waits for a lock.
//!
//! The sequence is odd while a write is under way and grows by two with each write. A reader whose copy lies between
//! two equal, even sequences has a copy of exactly one write. The data are atomics as well, accessed with relaxed
//! ordering inside the closures, so that a reader racing a write is no data race; the two fences keep those accesses
//! inside the bracket of the sequence.
//!
//! This file is compiled twice: into the board, and against loom's atomics into the model check.

use std::ops::Deref;

use super::atomic::{AtomicU64, Ordering, fence};

/// Which write a copy was made of. Versions of one slot differ exactly where the writes do; those of two slots, or of a
/// slot and of its namesake on the board of a restarted writer, have nothing to do with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u64);

/// A copy of one write, with the version to tell it by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versioned<T> {
    pub version: Version,
    pub value: T,
}

/// The sequence word that brackets a slot's data. All zeros is a valid sequence: nothing written yet.
#[repr(transparent)]
#[derive(Debug, Default)]
pub struct Sequence(AtomicU64);

impl Sequence {
    /// Publishes the data that `stores` stores, as one.
    ///
    /// There must be one writer at a time; with two, readers may take a mixture for a whole.
    pub fn write(&self, stores: impl FnOnce()) {
        let before = self.0.load(Ordering::Relaxed);
        self.0.store(before.wrapping_add(1), Ordering::Relaxed);
        // Pairs with the reader's fence: who sees any of the stores below sees the odd sequence as well.
        fence(Ordering::Release);
        stores();
        // Pairs with the reader's first load: who sees this sequence sees all of the stores above.
        self.0.store(before.wrapping_add(2), Ordering::Release);
    }

    /// The version of the last write that ended.
    pub fn version(&self) -> Version {
        Version(self.0.load(Ordering::Acquire) & !1)
    }

    /// What `loads` returns, if no write was under way meanwhile. On `None`, try again.
    ///
    /// `loads` may see data from several writes, and must cope with that; its result is then discarded.
    #[inline]
    pub fn try_read<T>(&self, loads: impl FnOnce() -> T) -> Option<Versioned<T>> {
        let before = self.0.load(Ordering::Acquire);
        if before % 2 == 1 {
            return None;
        }
        let value = loads();
        fence(Ordering::Acquire);
        (self.0.load(Ordering::Relaxed) == before).then_some(Versioned { version: Version(before), value })
    }
}

impl<T> Deref for Versioned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
