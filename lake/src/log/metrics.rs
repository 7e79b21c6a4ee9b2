//! What a log tells of itself.

use std::time::Duration;

use depthlake_orderbook::metrics::{Counter, Histogram, Page, Unit};

use super::embedded::queue::Standing;

/// Cells of the thread that writes.
#[derive(Debug, Default)]
pub(super) struct WriterMetrics {
    syncs: Histogram,
    acknowledgements: Histogram,
    bytes: Counter,
    pub(super) failed_attempts: Counter,
}

impl WriterMetrics {
    /// Takes note of an fdatasync and of the bytes that it made durable.
    pub(super) fn synced(&self, took: Duration, bytes: u32) {
        self.syncs.record(nanoseconds(took));
        self.bytes.add(bytes.into());
    }

    /// Takes note of a group whose first record waited so long from its append until it was durable.
    pub(super) fn acknowledged(&self, waited: Duration) {
        self.acknowledgements.record(nanoseconds(waited));
    }

    pub(super) fn tell(&self, page: &mut Page, role: &str) {
        let labels = [("log", role)];
        page.histogram(
            "depthlake_log_append_duration_seconds",
            "Time from the append of the first record of a group until the group is durable.",
            Unit::Nanoseconds,
        )
        .distribution(&labels, self.acknowledgements.snapshot());
        page.histogram(
            "depthlake_log_fsync_duration_seconds",
            "Time that an fdatasync took.",
            Unit::Nanoseconds,
        )
        .distribution(&labels, self.syncs.snapshot());
        page.counter("depthlake_log_written_bytes_total", "Bytes made durable.")
            .whole(&labels, self.bytes.get());
        page.counter("depthlake_log_failed_writes_total", "Attempts to write that failed; each is repeated.")
            .whole(&labels, self.failed_attempts.get());
    }
}

pub(super) fn tell_queue(page: &mut Page, role: &str, standing: &Standing, limit: usize) {
    let labels = [("log", role)];
    page.counter("depthlake_log_appended_records_total", "Records appended.")
        .whole(&labels, standing.appended);
    page.counter("depthlake_log_durable_records_total", "Records made durable.")
        .whole(&labels, standing.durable);
    page.gauge("depthlake_log_queue_bytes", "Bytes of records that wait for being durable.")
        .whole(&labels, standing.held_bytes as u64);
    page.gauge("depthlake_log_queue_limit_bytes", "Bytes of records that may wait for being durable.")
        .whole(&labels, limit as u64);
    page.gauge("depthlake_log_stalled", "1 while the log cannot be written, or never will be again.")
        .whole(&labels, u64::from(standing.is_stalled || standing.has_failed));
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
