//! The limits of the REST side: request weight, 429 and 418, and of connection attempts. No clock, no I/O.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use super::config::Limits;
use crate::product::Product;

const LONGEST_BAN: Duration = Duration::from_hours(72);

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Allowed {
        used: u32,
    },
    /// 429: come back after so many seconds.
    TooMany {
        used: u32,
        retry_after: Duration,
    },
    /// 418 until `until` (time since the venue's start).
    Banned {
        until: Duration,
        retry_after: Duration,
    },
}

/// Weight used by each address. Times are durations since the venue's start.
pub(super) struct WeightLimiter {
    limits: Limits,
    addresses: HashMap<IpAddr, Usage>,
}

#[derive(Default)]
struct Usage {
    window: u128,
    used: u32,
    refused: u32,
    banned_until: Duration,
    bans: u32,
}

impl WeightLimiter {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, addresses: HashMap::new() }
    }

    /// Counts a request of `weight` made at `now`.
    pub(super) fn request(&mut self, address: IpAddr, weight: u32, now: Duration) -> Verdict {
        let limits = &self.limits;
        let usage = self.addresses.entry(address).or_default();
        if now < usage.banned_until {
            return Verdict::Banned {
                until: usage.banned_until,
                retry_after: usage.banned_until.saturating_sub(now),
            };
        }
        let length = limits.weight_window.as_nanos().max(1);
        let window = now.as_nanos() / length;
        if window != usage.window {
            (usage.window, usage.used, usage.refused) = (window, 0, 0);
        }
        usage.used = usage.used.saturating_add(weight);
        if usage.used <= limits.request_weight {
            return Verdict::Allowed { used: usage.used };
        }
        usage.refused += 1;
        if usage.refused > limits.requests_before_ban {
            let ban = limits.ban.saturating_mul(2_u32.saturating_pow(usage.bans)).min(LONGEST_BAN);
            usage.bans += 1;
            usage.refused = 0;
            return self.ban(address, ban, now);
        }
        let elapsed = now.as_nanos() % length;
        let retry_after = Duration::from_nanos(u64::try_from(length - elapsed).unwrap_or(u64::MAX));
        Verdict::TooMany { used: usage.used, retry_after }
    }

    pub(super) fn ban(&mut self, address: IpAddr, length: Duration, now: Duration) -> Verdict {
        let usage = self.addresses.entry(address).or_default();
        usage.banned_until = now + length;
        Verdict::Banned { until: usage.banned_until, retry_after: length }
    }
}

/// At most so many events within any window of time.
pub(super) struct SlidingWindow {
    most: usize,
    window: Duration,
    events: VecDeque<Duration>,
}

impl SlidingWindow {
    pub(super) const fn new(most: usize, window: Duration) -> Self {
        Self { most, window, events: VecDeque::new() }
    }

    /// Counts an event at `now` (times must not go back); false where it is one too many.
    pub(super) fn allows(&mut self, now: Duration) -> bool {
        while self.events.front().is_some_and(|earliest| now.saturating_sub(*earliest) >= self.window) {
            self.events.pop_front();
        }
        self.events.push_back(now);
        if self.events.len() > self.most {
            self.events.pop_back();
            return false;
        }
        true
    }
}

/// The weight of a depth request, and the number of levels it is answered with; `None` where the venue refuses it.
pub(super) fn depth_weight(product: Product, limit: Option<u32>) -> Option<(u32, usize)> {
    let weight = match product {
        Product::Spot => match limit.unwrap_or(100) {
            0 => return None,
            1..=100 => 5,
            101..=500 => 25,
            501..=1000 => 50,
            _ => 250,
        },
        Product::UsdM | Product::CoinM => match limit.unwrap_or(500) {
            5 | 10 | 20 | 50 => 2,
            100 => 5,
            500 => 10,
            1000 => 20,
            _ => return None,
        },
    };
    let levels = match product {
        Product::Spot => limit.unwrap_or(100).min(5000),
        Product::UsdM | Product::CoinM => limit.unwrap_or(500),
    };
    Some((weight, levels as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn too_much_weight_is_refused_until_the_window_ends() {
        let mut limiter = WeightLimiter::new(Limits::of(Product::Spot));
        assert_eq!(limiter.request(ADDRESS, 5_999, seconds(61)), Verdict::Allowed { used: 5_999 });
        assert_eq!(limiter.request(ADDRESS, 1, seconds(70)), Verdict::Allowed { used: 6_000 });
        let refused = limiter.request(ADDRESS, 1, seconds(80));
        assert_eq!(refused, Verdict::TooMany { used: 6_001, retry_after: seconds(40) });
        assert_eq!(limiter.request(ADDRESS, 250, seconds(120)), Verdict::Allowed { used: 250 });
    }

    #[test]
    fn who_goes_on_after_429_is_banned_longer_each_time() {
        let mut limits = Limits::of(Product::Spot);
        limits.requests_before_ban = 1;
        let mut limiter = WeightLimiter::new(limits);
        let mut banned_at = |now| {
            limiter.request(ADDRESS, 6_001, now);
            limiter.request(ADDRESS, 1, now)
        };
        let first = banned_at(seconds(10));
        assert_eq!(first, Verdict::Banned { until: seconds(130), retry_after: seconds(120) });
        assert_eq!(
            banned_at(seconds(100)),
            Verdict::Banned { until: seconds(130), retry_after: seconds(30) }
        );
        assert_eq!(
            banned_at(seconds(200)),
            Verdict::Banned { until: seconds(440), retry_after: seconds(240) }
        );
    }

    #[test]
    fn a_sliding_window_forgets() {
        let mut window = SlidingWindow::new(2, seconds(1));
        assert!(window.allows(seconds(1)) && window.allows(seconds(1)));
        assert!(!window.allows(seconds(1)));
        assert!(window.allows(seconds(2)));
    }

    #[test]
    fn depth_weights_are_those_of_the_documents() {
        assert_eq!(depth_weight(Product::Spot, None), Some((5, 100)));
        assert_eq!(depth_weight(Product::Spot, Some(1000)), Some((50, 1000)));
        assert_eq!(depth_weight(Product::Spot, Some(9000)), Some((250, 5000)));
        assert_eq!(depth_weight(Product::UsdM, Some(1000)), Some((20, 1000)));
        assert_eq!(depth_weight(Product::UsdM, Some(77)), None);
    }
}
