//! One shard's ring of events, and its writer.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};

use super::event::Event;
use super::words::{SLOT_WORDS, Words, encode, length};
use crate::broadcast::{Cursor, Met, Positions};

/// The events of one shard, in slots that are overwritten in turn.
#[derive(Debug)]
pub(super) struct Ring {
    state: State,
    slots: Box<[Slot]>,
}

/// Apart from everything else, so that nobody's writes take the cache line away from the writer.
#[repr(align(128))]
#[derive(Debug, Default)]
struct State {
    positions: Positions,
    is_closed: AtomicBool,
}

#[repr(align(64))]
#[derive(Debug, Default)]
struct Slot([AtomicU64; SLOT_WORDS]);

/// The only writer of a shard's events: it may move to another thread, but cannot be cloned. Dropping it ends the shard's
/// part of all subscriptions.
#[derive(Debug)]
pub struct EventWriter {
    ring: Arc<Ring>,
}

impl EventWriter {
    pub(super) const fn new(ring: Arc<Ring>) -> Self {
        Self { ring }
    }

    /// Tells all subscribers, and waits for none.
    #[inline]
    pub fn publish(&mut self, event: &Event) {
        let words = encode(event);
        let count = length(words[0]);
        self.ring.state.positions.append(1, |position| {
            let Some(Slot(slot)) = self.ring.slot(position) else { return };
            for (place, word) in slot.iter().zip(words).take(count) {
                place.store(word, Relaxed);
            }
        });
    }
}

impl Drop for EventWriter {
    fn drop(&mut self) {
        self.ring.state.is_closed.store(true, Release);
    }
}

impl Ring {
    /// `events` must be a power of two.
    pub(super) fn new(events: usize) -> Self {
        debug_assert!(events.is_power_of_two());
        Self { state: State::default(), slots: (0..events).map(|_| Slot::default()).collect() }
    }

    pub(super) fn cursor(&self) -> Cursor {
        Cursor::at_head(&self.state.positions)
    }

    /// What is next for `cursor`.
    #[inline]
    pub(super) fn step(&self, cursor: &mut Cursor) -> Option<Met<Words>> {
        cursor.step(&self.state.positions, self.slots.len() as u64, |position| self.load(position))
    }

    /// Whether nothing will be published any more; what was published before may still be received.
    pub(super) fn is_closed(&self) -> bool {
        self.state.is_closed.load(Acquire)
    }

    #[inline]
    fn load(&self, position: u64) -> Words {
        let mut words = [0; SLOT_WORDS];
        let Some(Slot(slot)) = self.slot(position) else { return words };
        let [first, ..] = slot;
        let count = length(first.load(Relaxed));
        for (word, place) in words.iter_mut().zip(slot).take(count) {
            *word = place.load(Relaxed);
        }
        words
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "below the number of slots")]
    fn slot(&self, position: u64) -> Option<&Slot> {
        self.slots.get((position & (self.slots.len() as u64 - 1)) as usize)
    }
}
