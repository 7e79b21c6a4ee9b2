//! Waiting for a slot to change.

use std::hint;
use std::time::{Duration, Instant};

use super::error::BoardError;
use super::reader::{Reader, SlotIndex};
use super::seqlock::Version;
use crate::clock;

/// How to pass the time until a slot changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum WaitBy {
    /// Leave the core to others, and be woken within a fraction of a millisecond; within two for the first change after
    /// nobody slept for long.
    #[default]
    Sleeping,
    /// Look all the time: see a change as soon as the writer's core hands the cache line over, for a whole core.
    Spinning,
}

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Waited {
    /// There is another version than the one seen.
    Changed,
    TimedOut,
    /// Nobody writes this board any more; look for its [`Reader::replacement`].
    WriterDead,
}

/// How long a wait goes on before it looks whether the writer is still alive.
const TRUST_IN_THE_WRITER: Duration = Duration::from_millis(100);

/// Looks at the slot between looks at the clock.
const SPINS: u32 = 256;

impl Reader {
    /// Waits until `slot` has another version than `seen`, which is that of the last copy; for `timeout` at most.
    ///
    /// # Errors
    /// [`BoardError::ForeignSlot`] for a slot of another reader.
    pub fn wait(
        &self,
        slot: SlotIndex,
        seen: Version,
        by: WaitBy,
        timeout: Duration,
    ) -> Result<Waited, BoardError> {
        // Without a deadline where it lies beyond what the clock can count.
        let deadline = Instant::now().checked_add(timeout);
        loop {
            if self.version(slot)? != seen {
                return Ok(Waited::Changed);
            }
            if !self.is_writer_alive(clock::now()) {
                return Ok(Waited::WriterDead);
            }
            let left = deadline.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Ok(Waited::TimedOut);
            }
            let pause = left.min(TRUST_IN_THE_WRITER);
            match by {
                WaitBy::Sleeping => self.sleep(slot, seen, pause)?,
                WaitBy::Spinning => self.spin(slot, seen, pause)?,
            }
        }
    }

    fn sleep(&self, slot: SlotIndex, seen: Version, pause: Duration) -> Result<(), BoardError> {
        let (slot, _) = self.slot(slot)?;
        slot.wake.sleep_unless(|| slot.sequence.version() != seen, pause);
        Ok(())
    }

    fn spin(&self, slot: SlotIndex, seen: Version, pause: Duration) -> Result<(), BoardError> {
        let (slot, _) = self.slot(slot)?;
        let begun = Instant::now();
        while begun.elapsed() < pause {
            for _ in 0..SPINS {
                if slot.sequence.version() != seen {
                    return Ok(());
                }
                hint::spin_loop();
            }
        }
        Ok(())
    }
}
