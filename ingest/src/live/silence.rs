//! Whether a symbol has been silent for longer than is usual for it. Quiet is not dead: each is judged by its own rate.

use std::time::{Duration, Instant};

/// Gaps between frames after which the usual one is known.
const INTERVALS_NEEDED: u32 = 10;
/// How many times the usual gap is still no silence.
const PATIENCE: f64 = 20.0;
/// The weight of one gap in the mean, once there are enough.
const SMOOTHING: f64 = 1.0 / 64.0;

/// The depth frames of one symbol as a watchdog sees them.
#[derive(Debug, Clone, Default)]
pub(super) struct SilenceWatch {
    /// When it last spoke or, before that, when it was subscribed; `None` while nothing is expected of it.
    since: Option<Instant>,
    /// It spoke since it was subscribed.
    spoke: bool,
    intervals: u32,
    mean_seconds: f64,
    reported: bool,
}

/// A silence that is not usual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Silence {
    pub(super) lasts: Duration,
    /// The mean gap between its frames; `None` where it has not spoken often enough since it was subscribed.
    pub(super) usual: Option<Duration>,
}

impl SilenceWatch {
    /// The symbol is subscribed from now on.
    pub(super) const fn start(&mut self, now: Instant) {
        self.since = Some(now);
        self.spoke = false;
        self.reported = false;
    }

    /// Nothing is expected any more: its connection is lost, which is reported in its own right.
    pub(super) const fn stop(&mut self) {
        self.since = None;
    }

    /// A depth frame of the symbol came.
    pub(super) fn heard(&mut self, now: Instant) {
        if let Some(since) = self.since
            && self.spoke
            && !self.reported
        {
            self.learn(now.saturating_duration_since(since));
        }
        self.since = Some(now);
        self.spoke = true;
        self.reported = false;
    }

    /// A silence longer than `floor` and than 20 usual gaps or, before the usual gap is known, than `first`. Told once
    /// until the symbol speaks again.
    pub(super) fn check(&mut self, now: Instant, floor: Duration, first: Duration) -> Option<Silence> {
        let lasts = now.saturating_duration_since(self.since?);
        let usual = (self.intervals >= INTERVALS_NEEDED && self.spoke)
            .then(|| Duration::from_secs_f64(self.mean_seconds));
        let allowed = usual.map_or(first, |usual| usual.mul_f64(PATIENCE).max(floor));
        if self.reported || lasts <= allowed {
            return None;
        }
        self.reported = true;
        Some(Silence { lasts, usual })
    }

    fn learn(&mut self, interval: Duration) {
        self.intervals = self.intervals.saturating_add(1);
        let weight = (1.0 / f64::from(self.intervals)).max(SMOOTHING);
        self.mean_seconds += weight * (interval.as_secs_f64() - self.mean_seconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOOR: Duration = Duration::from_secs(10);
    const FIRST: Duration = Duration::from_secs(30);

    fn speaking_every(interval: Duration) -> (SilenceWatch, Instant) {
        let mut watch = SilenceWatch::default();
        let mut now = Instant::now();
        watch.start(now);
        for _ in 0..100 {
            now += interval;
            watch.heard(now);
            assert_eq!(watch.check(now, FLOOR, FIRST), None);
        }
        (watch, now)
    }

    #[test]
    fn each_symbol_is_judged_by_its_own_rate() {
        let (mut busy, now) = speaking_every(Duration::from_millis(100));
        assert_eq!(busy.check(now + FLOOR, FLOOR, FIRST), None);
        assert!(busy.check(now + Duration::from_secs(11), FLOOR, FIRST).is_some());
        let (mut quiet, now) = speaking_every(Duration::from_secs(5));
        assert_eq!(quiet.check(now + Duration::from_secs(99), FLOOR, FIRST), None);
        let silence = quiet.check(now + Duration::from_secs(101), FLOOR, FIRST).unwrap();
        assert_eq!(silence.lasts, Duration::from_secs(101));
        assert!(silence.usual.unwrap().abs_diff(Duration::from_secs(5)) < Duration::from_millis(1));
    }

    #[test]
    fn a_silence_is_told_once_until_it_ends_and_teaches_nothing() {
        let (mut watch, now) = speaking_every(Duration::from_millis(100));
        let later = now + Duration::from_hours(1);
        assert!(watch.check(later, FLOOR, FIRST).is_some());
        assert_eq!(watch.check(later + FLOOR, FLOOR, FIRST), None);
        watch.heard(later + FLOOR);
        assert!(watch.check(later + 3 * FLOOR, FLOOR, FIRST).is_some());
    }

    #[test]
    fn a_symbol_that_never_spoke_is_reported_and_a_lost_one_is_not() {
        let now = Instant::now();
        let mut watch = SilenceWatch::default();
        assert_eq!(watch.check(now + FIRST * 2, FLOOR, FIRST), None);
        watch.start(now);
        assert_eq!(watch.check(now + FIRST, FLOOR, FIRST), None);
        watch.stop();
        assert_eq!(watch.check(now + FIRST * 2, FLOOR, FIRST), None);
        watch.start(now);
        let silence = watch.check(now + FIRST * 2, FLOOR, FIRST).unwrap();
        assert_eq!(silence, Silence { lasts: FIRST * 2, usual: None });
    }
}
