//! Times as nanoseconds since 1970 UTC. This crate has no clock: a time is always an argument.

use std::ops::Sub;

/// Nanoseconds since 1970-01-01T00:00:00 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

const NANOSECONDS_PER_MILLISECOND: i64 = 1_000_000;
const NANOSECONDS_PER_MICROSECOND: i64 = 1_000;
const NANOSECONDS_PER_MINUTE: i64 = 60_000_000_000;

/// Where milliseconds end and microseconds begin: in milliseconds this is the year 5138, in microseconds 1973.
const FIRST_MICROSECONDS: i64 = 100_000_000_000_000;

impl Timestamp {
    #[must_use]
    pub const fn from_milliseconds(milliseconds: i64) -> Self {
        Self(milliseconds.saturating_mul(NANOSECONDS_PER_MILLISECOND))
    }

    #[must_use]
    pub const fn from_microseconds(microseconds: i64) -> Self {
        Self(microseconds.saturating_mul(NANOSECONDS_PER_MICROSECOND))
    }

    /// A venue's time, in milliseconds or microseconds, told apart by magnitude.
    #[must_use]
    pub const fn from_venue(value: i64) -> Self {
        if value < FIRST_MICROSECONDS {
            Self::from_milliseconds(value)
        } else {
            Self::from_microseconds(value)
        }
    }

    #[must_use]
    pub const fn milliseconds(self) -> i64 {
        self.0.div_euclid(NANOSECONDS_PER_MILLISECOND)
    }

    #[must_use]
    pub const fn microseconds(self) -> i64 {
        self.0.div_euclid(NANOSECONDS_PER_MICROSECOND)
    }

    /// The start of the minute this time lies in.
    #[must_use]
    pub const fn minute(self) -> Self {
        Self(self.0.saturating_sub(self.0.rem_euclid(NANOSECONDS_PER_MINUTE)))
    }

    /// The start of the minute after the one this time lies in.
    #[must_use]
    pub const fn next_minute(self) -> Self {
        Self(self.minute().0.saturating_add(NANOSECONDS_PER_MINUTE))
    }
}

impl Sub for Timestamp {
    type Output = i64;

    /// The difference in nanoseconds.
    fn sub(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn venue_times_are_told_apart_by_magnitude() {
        assert_eq!(Timestamp::from_venue(1_723_161_255_208), Timestamp::from_venue(1_723_161_255_208_000));
    }

    #[test]
    fn minutes_begin_at_whole_minutes() {
        let time = Timestamp::from_milliseconds(1_723_161_255_208);
        assert_eq!(time.minute().milliseconds(), 1_723_161_240_000);
        assert_eq!(time.next_minute().milliseconds(), 1_723_161_300_000);
    }
}
