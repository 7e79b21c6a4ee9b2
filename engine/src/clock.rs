//! The wall clock, read without a system call where the platform allows it.

use depthlake_orderbook::time::Timestamp;
use rustix::time::{ClockId, clock_gettime};

/// The time now.
#[must_use]
#[inline]
pub fn now() -> Timestamp {
    const SECOND: i64 = 1_000_000_000;
    let since_1970 = clock_gettime(ClockId::Realtime);
    Timestamp(since_1970.tv_sec.saturating_mul(SECOND).saturating_add(since_1970.tv_nsec))
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;

    #[test]
    fn it_is_the_systems_clock() {
        let system =
            || i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap();
        let (before, now, after) = (system(), now(), system());
        assert!((before..=after).contains(&now.0), "{before} {now:?} {after}");
    }
}
