//! A message that repeats is told ten times a minute, then with how many were left out.
//!
//! Messages are told apart by the place in the code that tells them. Something that goes wrong with every frame must
//! neither fill a disk nor hide what else is said.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter};

const WINDOW: Duration = Duration::from_mins(1);
const MOST_A_WINDOW: u64 = 10;

/// Lets so many messages of one place through as are of use.
#[derive(Debug, Default)]
pub(super) struct RateLimit {
    places: Mutex<HashMap<Identifier, Window>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Window {
    begun: Instant,
    told: u64,
    left_out: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It is told; before it, so many were not.
    Told {
        left_out: u64,
    },
    LeftOut,
}

impl Window {
    fn at(&mut self, now: Instant) -> Verdict {
        let mut left_out = 0;
        if now.saturating_duration_since(self.begun) >= WINDOW {
            left_out = self.left_out;
            *self = Self { begun: now, told: 0, left_out: 0 };
        }
        if self.told < MOST_A_WINDOW {
            self.told += 1;
            Verdict::Told { left_out }
        } else {
            self.left_out += 1;
            Verdict::LeftOut
        }
    }
}

impl<S: Subscriber> Filter<S> for RateLimit {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let now = Instant::now();
        let verdict = {
            let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            let begun = Window { begun: now, told: 0, left_out: 0 };
            places.entry(event.metadata().callsite()).or_insert(begun).at(now)
        };
        if let Verdict::Told { left_out } = verdict
            && left_out > 0
        {
            let metadata = event.metadata();
            tracing::warn!(left_out, like = metadata.name(), "messages like the next were left out");
        }
        verdict != Verdict::LeftOut
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_of_a_place_are_told_a_minute() {
        let begun = Instant::now();
        let mut window = Window { begun, told: 0, left_out: 0 };
        for _ in 0..MOST_A_WINDOW {
            assert_eq!(window.at(begun), Verdict::Told { left_out: 0 });
        }
        for _ in 0..5 {
            assert_eq!(window.at(begun + WINDOW / 2), Verdict::LeftOut);
        }
        assert_eq!(window.at(begun + WINDOW), Verdict::Told { left_out: 5 });
        assert_eq!(window.at(begun + WINDOW), Verdict::Told { left_out: 0 });
    }
}
