//! A reader's place in a ring that it goes through one position at a time.
//!
//! This file is compiled twice, as `positions.rs` is.

use super::positions::Positions;

/// Where a reader stands. Each position is either copied or counted as missed, once.
#[derive(Debug, Clone, Copy)]
pub struct Cursor {
    next: u64,
}

/// What a reader met at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Met<T> {
    Copy(T),
    /// The writer overwrote so many positions before they were read.
    Missed(u64),
}

impl Cursor {
    /// A cursor before the next position that will be appended.
    pub fn at_head(positions: &Positions) -> Self {
        Self { next: positions.head() }
    }

    /// What is next, in a ring of `size` places; `None` where nothing was appended since. `copy` may see a mixture of what
    /// was written at its position, and must cope with that; its result is discarded then.
    ///
    /// A reader that was overtaken goes on in the middle of what the ring holds, so that it is not overtaken again at once.
    #[inline]
    pub fn step<T>(
        &mut self,
        positions: &Positions,
        size: u64,
        copy: impl FnOnce(u64) -> T,
    ) -> Option<Met<T>> {
        let head = positions.head();
        if head == self.next {
            return None;
        }
        if head - self.next <= size {
            let copied = copy(self.next);
            if positions.is_intact(self.next, size) {
                self.next += 1;
                return Some(Met::Copy(copied));
            }
        }
        // Overtaken. The head seen here may still be an older one, so the way back is not taken for granted.
        let resume = positions.head().saturating_sub(size / 2).max(self.next + 1);
        let missed = resume - self.next;
        self.next = resume;
        Some(Met::Missed(missed))
    }
}
