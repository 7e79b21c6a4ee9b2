//! What a feed tells of itself while it runs, and at its end.

use std::sync::{Mutex, PoisonError};

use depthlake_orderbook::metrics::{Counter, Page, Source};

use super::{ClockOffset, FeedReport};

/// What a feed did so far.
#[derive(Debug, Default)]
pub struct FeedMetrics {
    pub(super) frames: Counter,
    pub(super) repetitions: Counter,
    pub(super) disconnects: Counter,
    pub(super) reconnects: Counter,
    pub(super) renewals: Counter,
    pub(super) silences: Counter,
    pub(super) answers: Counter,
    pub(super) failed_requests: Counter,
    pub(super) refused_requests: Counter,
    clock: Mutex<Option<ClockOffset>>,
}

impl FeedMetrics {
    pub(super) fn clock_measured(&self, offset: ClockOffset) {
        *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = Some(offset);
    }

    /// The venue's clock against ours, as it was measured last.
    #[must_use]
    pub fn clock(&self) -> Option<ClockOffset> {
        *self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the feed did up to now.
    #[must_use]
    pub fn report(&self) -> FeedReport {
        FeedReport {
            frames: self.frames.get(),
            repetitions: self.repetitions.get(),
            disconnects: self.disconnects.get(),
            renewals: self.renewals.get(),
            answers: self.answers.get(),
            failed_requests: self.failed_requests.get(),
            refused_requests: self.refused_requests.get(),
            clock: self.clock(),
        }
    }
}

impl Source for FeedMetrics {
    fn tell(&self, page: &mut Page) {
        let counters = [
            ("depthlake_feed_frames_total", "Messages handed on, those of our own included.", &self.frames),
            (
                "depthlake_feed_repetitions_total",
                "Messages dropped because they had come before.",
                &self.repetitions,
            ),
            (
                "depthlake_feed_disconnects_total",
                "Connections to the venue that were lost.",
                &self.disconnects,
            ),
            (
                "depthlake_feed_reconnects_total",
                "Connections that stand again after a loss.",
                &self.reconnects,
            ),
            ("depthlake_feed_renewals_total", "Connections replaced in time by a successor.", &self.renewals),
            ("depthlake_feed_silences_total", "Times that a symbol fell silent unusually.", &self.silences),
            ("depthlake_feed_answers_total", "Requests that the venue answered.", &self.answers),
            (
                "depthlake_feed_failed_requests_total",
                "Requests without a usable answer; repeated.",
                &self.failed_requests,
            ),
            (
                "depthlake_feed_refused_requests_total",
                "Requests refused for their number; repeated.",
                &self.refused_requests,
            ),
        ];
        for (name, help, counter) in counters {
            page.counter(name, help).whole(&[], counter.get());
        }
        if let Some(ClockOffset { nanoseconds, round_trip }) = self.clock() {
            #[expect(clippy::cast_precision_loss, reason = "differences of clocks are small")]
            let seconds = nanoseconds as f64 / 1e9;
            page.gauge("depthlake_venue_clock_offset_seconds", "How far the venue's clock is ahead of ours.")
                .number(&[], seconds);
            page.gauge(
                "depthlake_venue_clock_round_trip_seconds",
                "Time of the request by which the clock was measured; the offset is off by at most half of it.",
            )
            .number(&[], round_trip.as_secs_f64());
        }
    }
}
