//! The request weight that may be used: what the venue counts per address and minute, kept on our side.
//!
//! Invariant: the weight admitted within any 60 seconds stays below the venue's limit, wherever its minutes begin.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::SnapshotPriority;

const WINDOW: Duration = Duration::from_mins(1);

/// Weight used within the last minute, by us and by others behind the same address.
#[derive(Debug)]
pub(super) struct WeightBudget {
    limit: u32,
    used: VecDeque<(Instant, u32)>,
}

impl WeightBudget {
    pub(super) const fn new(limit: u32) -> Self {
        Self { limit, used: VecDeque::new() }
    }

    /// Takes `weight` from the budget, or says when it is worth asking again. Urgent requests may use more of the
    /// limit than others, so that gaps never wait behind audits. With nothing used, anything is admitted.
    pub(super) fn admit(
        &mut self,
        weight: u32,
        priority: SnapshotPriority,
        now: Instant,
    ) -> Result<(), Instant> {
        self.forget_before(now);
        let allowed = u64::from(self.limit) * percent(priority) / 100;
        let mut total = self.total();
        if total == 0 || total + u64::from(weight) <= allowed {
            self.used.push_back((now, weight));
            return Ok(());
        }
        for (at, released) in &self.used {
            total -= u64::from(*released);
            if total == 0 || total + u64::from(weight) <= allowed {
                return Err(*at + WINDOW);
            }
        }
        Err(now + WINDOW)
    }

    /// Notes weight used outside [`WeightBudget::admit`], or what the venue's header says beyond what we know of.
    pub(super) fn observe(&mut self, used: u32, now: Instant) {
        self.forget_before(now);
        let known = self.total();
        if let Ok(others) = u32::try_from(u64::from(used).saturating_sub(known))
            && others > 0
        {
            self.used.push_back((now, others));
        }
    }

    fn total(&self) -> u64 {
        self.used.iter().map(|(_, weight)| u64::from(*weight)).sum()
    }

    fn forget_before(&mut self, now: Instant) {
        while self.used.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) >= WINDOW) {
            self.used.pop_front();
        }
    }
}

/// The share of the limit that requests of a priority may use. The rest covers what others use between two answers.
const fn percent(priority: SnapshotPriority) -> u64 {
    match priority {
        SnapshotPriority::Gap => 90,
        SnapshotPriority::StartUp => 75,
        SnapshotPriority::Audit => 50,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fifty_books_of_a_thousand_levels_fit_one_minute() {
        let now = Instant::now();
        let mut budget = WeightBudget::new(6_000);
        for _ in 0..50 {
            assert_eq!(budget.admit(50, SnapshotPriority::StartUp, now), Ok(()));
        }
        assert_eq!(budget.admit(250, SnapshotPriority::Audit, now), Ok(()));
        assert_eq!(budget.admit(500, SnapshotPriority::Audit, now), Err(now + WINDOW));
        assert_eq!(budget.admit(500, SnapshotPriority::StartUp, now), Ok(()));
        assert_eq!(budget.admit(2_000, SnapshotPriority::Gap, now), Ok(()));
    }

    #[test]
    fn the_header_tells_of_others() {
        let now = Instant::now();
        let mut budget = WeightBudget::new(1_000);
        budget.observe(880, now);
        budget.observe(300, now);
        assert_eq!(budget.admit(50, SnapshotPriority::Gap, now), Err(now + WINDOW));
        assert_eq!(budget.admit(20, SnapshotPriority::Gap, now), Ok(()));
        assert_eq!(budget.admit(800, SnapshotPriority::Gap, now + WINDOW), Ok(()));
    }

    #[test]
    fn a_request_above_the_share_waits_for_an_empty_window_only() {
        let now = Instant::now();
        let mut budget = WeightBudget::new(10);
        assert_eq!(budget.admit(50, SnapshotPriority::Gap, now), Ok(()));
        let later = now + Duration::from_secs(1);
        assert_eq!(budget.admit(50, SnapshotPriority::Gap, later), Err(now + WINDOW));
        assert_eq!(budget.admit(50, SnapshotPriority::Gap, now + WINDOW), Ok(()));
    }

    proptest! {
        #[test]
        fn no_minute_sees_more_than_the_limit(
            steps in prop::collection::vec((0..20_000_u64, 1..300_u32), 1..200),
        ) {
            let start = Instant::now();
            let mut now = start;
            let mut budget = WeightBudget::new(1_000);
            let mut sent: Vec<(Instant, u32)> = Vec::new();
            for (wait, weight) in steps {
                now += Duration::from_millis(wait);
                match budget.admit(weight, SnapshotPriority::Gap, now) {
                    Ok(()) => sent.push((now, weight)),
                    Err(at) => prop_assert!(at > now),
                }
                let last_minute = sent.iter().filter(|(at, _)| now.duration_since(*at) < WINDOW);
                prop_assert!(last_minute.map(|(_, weight)| weight).sum::<u32>() <= 900);
            }
        }
    }
}
