//! How long to wait before trying again: exponential, with full jitter, so that many clients do not return as one.

use std::time::Duration;

use rand::Rng;

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(30);
/// What lasted so long was sound: the next failure is a first one again.
const STABLE: Duration = Duration::from_mins(1);

/// The failures in a row of one thing that is tried again and again.
#[derive(Debug, Clone, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Notes a failure; the wait before the next attempt is anything up to 250 ms · 2ⁿ, at most 30 s.
    pub(super) fn delay(&mut self, rng: &mut impl Rng) -> Duration {
        let ceiling = FIRST.saturating_mul(2_u32.saturating_pow(self.failures)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        rng.random_range(Duration::ZERO..=ceiling)
    }

    /// Notes that an attempt succeeded, and for how long it held.
    pub(super) fn held_for(&mut self, length: Duration) {
        if length >= STABLE {
            self.failures = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn delays_spread_over_a_range_that_doubles_up_to_the_longest() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for (failures, ceiling) in [(0, 250), (1, 500), (3, 2_000), (7, 30_000), (40, 30_000)] {
            let ceiling = Duration::from_millis(ceiling);
            let delays: Vec<_> = (0..500).map(|_| Backoff { failures }.delay(&mut rng)).collect();
            assert!(delays.iter().all(|delay| *delay <= ceiling), "{failures}");
            assert!(delays.iter().any(|delay| *delay < ceiling / 10), "{failures}");
            assert!(delays.iter().any(|delay| *delay > ceiling / 10 * 9), "{failures}");
        }
    }

    #[test]
    fn only_a_minute_of_peace_makes_failures_forgotten() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut backoff = Backoff::default();
        for _ in 0..5 {
            backoff.delay(&mut rng);
        }
        backoff.held_for(Duration::from_secs(59));
        assert_eq!(backoff.failures, 5);
        backoff.held_for(STABLE);
        assert_eq!(backoff.failures, 0);
    }
}
