//! This machine's clock, and how far the venue's is from it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use depthlake_orderbook::time::Timestamp;

/// How far the venue's clock is ahead of ours, as well as one request can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockOffset {
    /// Nanoseconds to add to our time to get the venue's; negative where ours is ahead.
    pub nanoseconds: i64,
    /// The time the request took: the offset is off by at most half of it.
    pub round_trip: Duration,
}

impl ClockOffset {
    /// From the venue's answer `server` to a request sent and answered at these times of ours.
    pub(super) fn measured(sent: Timestamp, server: Timestamp, received: Timestamp) -> Self {
        let round_trip = (received - sent).max(0);
        Self {
            nanoseconds: server - sent - round_trip / 2,
            round_trip: Duration::from_nanos(round_trip.unsigned_abs()),
        }
    }
}

/// The time now.
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_is_taken_at_the_middle_of_the_request() {
        let offset = ClockOffset::measured(Timestamp(1_000), Timestamp(950), Timestamp(1_200));
        assert_eq!(offset, ClockOffset { nanoseconds: -150, round_trip: Duration::from_nanos(200) });
    }
}
