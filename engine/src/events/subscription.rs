//! A subscriber's side of the rings.

use std::hint;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::event::Event;
use super::ring::Ring;
use super::words::decode;
use crate::broadcast::{Cursor, Met};

/// How often empty rings are polled at full speed before the core is offered to others; a few microseconds.
const SPINS: u32 = 200;

/// How often the core is offered to others before the thread sleeps.
const YIELDS: u32 = 200;

/// The delay that a subscriber accepts after a quiet time.
const SLEEP: Duration = Duration::from_micros(100);

/// What a subscriber gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    Event(Event),
    /// So many events of one shard were overwritten before this subscriber came to them.
    Missed(u64),
}

/// A subscriber's place in the events of all shards.
///
/// As an iterator it waits for each event: it spins, then yields, then sleeps for a tenth of a millisecond at a time. It ends
/// when the engine has.
#[derive(Debug)]
pub struct Subscription {
    places: Vec<(Arc<Ring>, Cursor)>,
    /// The ring that is asked first, in turn.
    first: usize,
}

impl Subscription {
    pub(super) fn new(rings: &[Arc<Ring>]) -> Self {
        Self { places: rings.iter().map(|ring| (Arc::clone(ring), ring.cursor())).collect(), first: 0 }
    }

    /// The next event, if there is one now. O(shards).
    #[inline]
    pub fn try_next(&mut self) -> Option<Received> {
        let count = self.places.len();
        for _ in 0..count {
            let place = self.places.get_mut(self.first);
            self.first = if self.first + 1 < count { self.first + 1 } else { 0 };
            if let Some(met) = place.and_then(|(ring, cursor)| ring.step(cursor)) {
                return Some(match met {
                    // What was copied whole is what a writer encoded, so it decodes.
                    Met::Copy(words) => decode(&words).map_or(Received::Missed(1), Received::Event),
                    Met::Missed(count) => Received::Missed(count),
                });
            }
        }
        None
    }

    /// Whether the engine has ended: what [`Subscription::try_next`] still gives is all there will be.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.places.iter().all(|(ring, _)| ring.is_closed())
    }
}

impl Iterator for Subscription {
    type Item = Received;

    fn next(&mut self) -> Option<Received> {
        let mut waits = 0;
        loop {
            // Asked first: what was published before the end is received after this answer.
            let is_ended = self.is_ended();
            if let Some(received) = self.try_next() {
                return Some(received);
            }
            if is_ended {
                return None;
            }
            wait(waits);
            waits = waits.saturating_add(1);
        }
    }
}

fn wait(waits: u32) {
    if waits < SPINS {
        hint::spin_loop();
    } else if waits < SPINS + YIELDS {
        thread::yield_now();
    } else {
        thread::sleep(SLEEP);
    }
}
