//! Where the writer of a ring stands, and how a reader knows that it was not overtaken.
//!
//! Positions count what was ever appended; the place of position *p* in a ring of *n* places is *p* mod *n*. The writer
//! first claims the positions it is about to fill, then fills them, then moves the head over them. All three steps
//! happen whether anybody reads or not.
//!
//! - Below the head everything is complete: the head is stored with release ordering after the data, and readers load
//!   it with acquire ordering.
//! - What a reader copied from position *p* on is what was written there, if afterwards the claim is not beyond
//!   *p* + *n*. For to overwrite *p* the writer must have claimed beyond *p* + *n* before it stored any of the new data,
//!   and the two fences make a reader that saw such data see such a claim.
//!
//! This file is compiled twice: for use, and against loom's atomics into the model check.

use super::atomic::{AtomicU64, Ordering, fence};

/// The two positions of a ring. All zeros is a valid value: nothing was appended yet.
#[repr(C)]
#[derive(Debug, Default)]
pub struct Positions {
    /// Up to here the writer may be storing.
    claimed: AtomicU64,
    /// Up to here everything is stored.
    head: AtomicU64,
}

/// A position worth remembering, behind the head.
#[repr(transparent)]
#[derive(Debug, Default)]
pub struct Mark(AtomicU64);

impl Positions {
    /// Appends `length` places as one: readers see none of them or all. `stores` is given the first position.
    ///
    /// There must be one writer at a time, and `length` must not exceed the size of the ring.
    #[inline]
    pub fn append(&self, length: u64, stores: impl FnOnce(u64)) {
        let first = self.head.load(Ordering::Relaxed);
        let end = first.wrapping_add(length);
        self.claimed.store(end, Ordering::Relaxed);
        // Pairs with the fence in `is_intact`: who sees any of the stores below sees the claim as well.
        fence(Ordering::Release);
        stores(first);
        // Pairs with the load in `head`: who sees this head sees all of the stores above.
        self.head.store(end, Ordering::Release);
    }

    /// The position after the last one that is complete.
    #[inline]
    pub fn head(&self) -> u64 {
        self.head.load(Ordering::Acquire)
    }

    /// Whether what was loaded before this call, from positions not below `first` and below a head seen before, is what
    /// was appended there, in a ring of `size` places.
    #[inline]
    pub fn is_intact(&self, first: u64, size: u64) -> bool {
        fence(Ordering::Acquire);
        self.claimed.load(Ordering::Relaxed).wrapping_sub(first) <= size
    }
}

impl Mark {
    /// To be called by the writer after the head was moved beyond `position`.
    pub fn set(&self, position: u64) {
        self.0.store(position, Ordering::Release);
    }

    /// The position set last. A head loaded afterwards is beyond it.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}
