//! What a sink tells of itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use depthlake_orderbook::metrics::{Counter, Gauge, Histogram, Page, Source, Unit};
use depthlake_orderbook::time::Timestamp;

use super::{CommitReport, Positions};
use crate::log::Log;
use crate::table::Table;

/// What a sink does, for whoever wants to know while it runs.
pub struct SinkMetrics {
    log: Arc<dyn Log>,
    /// The next offset needed of each partition carried.
    next: Mutex<Positions>,
    rows: BTreeMap<Table, Counter>,
    latest_events: BTreeMap<Table, Gauge>,
    durations: Histogram,
    commits: Counter,
    failed: Counter,
    pub(super) superseded: Counter,
    log_bytes: Counter,
    file_bytes: Counter,
    /// When the tables last held everything that was durable, or the sink began; in seconds since 1970.
    up_to_date: Gauge,
    last_commit: Gauge,
    /// Why the last commit failed, until one succeeds.
    failing: Mutex<Option<String>>,
}

/// How far the tables are behind the log.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SinkLag {
    /// Records that are durable in the log and in no table.
    pub records: u64,
    /// How long it has been since the last commit, while any such record waits; else nothing.
    pub commit_age: Duration,
}

impl SinkMetrics {
    pub(super) fn new(log: Arc<dyn Log>) -> Self {
        let metrics = Self {
            log,
            next: Mutex::default(),
            rows: Table::ALL.map(|table| (table, Counter::default())).into(),
            latest_events: Table::ALL.map(|table| (table, Gauge::default())).into(),
            durations: Histogram::default(),
            commits: Counter::default(),
            failed: Counter::default(),
            superseded: Counter::default(),
            log_bytes: Counter::default(),
            file_bytes: Counter::default(),
            up_to_date: Gauge::default(),
            last_commit: Gauge::default(),
            failing: Mutex::default(),
        };
        metrics.up_to_date.set(now());
        metrics
    }

    /// Takes note of where the sink goes on.
    pub(super) fn begins_at(&self, next: &Positions) {
        self.next.lock().unwrap_or_else(PoisonError::into_inner).clone_from(next);
    }

    /// Takes note of a look at the log that found nothing.
    pub(super) fn found_nothing(&self) {
        self.up_to_date.set(now());
        *self.failing.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Takes note of a commit that failed and will be repeated; of why, where that is a fault.
    pub(super) fn failed(&self, why: Option<String>) {
        self.failed.add(1);
        *self.failing.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    pub(super) fn committed(&self, report: &CommitReport) {
        self.commits.add(1);
        self.durations.record(u64::try_from(report.latency.as_nanos()).unwrap_or(u64::MAX));
        self.log_bytes.add(report.log_bytes);
        self.file_bytes.add(report.file_bytes);
        for (table, rows) in &report.rows {
            self.rows.get(table).into_iter().for_each(|counter| counter.add(*rows));
        }
        for (table, latest) in &report.latest_events {
            if let Some(gauge) = self.latest_events.get(table) {
                gauge.set(gauge.get().max(seconds(latest.0)));
            }
        }
        self.next.lock().unwrap_or_else(PoisonError::into_inner).extend(report.positions.iter().copied());
        self.last_commit.set(now());
        self.up_to_date.set(now());
        *self.failing.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Why the last commit failed, where none has succeeded since.
    #[must_use]
    pub fn failing(&self) -> Option<String> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How far the tables are behind the log now.
    #[must_use]
    pub fn lag(&self) -> SinkLag {
        let records = self.waiting().values().sum();
        let age = if records == 0 { 0.0 } else { (now() - self.up_to_date.get()).max(0.0) };
        SinkLag { records, commit_age: Duration::try_from_secs_f64(age).unwrap_or_default() }
    }

    /// When the sink last committed; `None` before its first commit.
    #[must_use]
    pub fn last_commit(&self) -> Option<Timestamp> {
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970")]
        let milliseconds = (self.last_commit.get() * 1e3) as i64;
        (milliseconds > 0).then(|| Timestamp::from_milliseconds(milliseconds))
    }

    /// Records that wait, by topic.
    fn waiting(&self) -> BTreeMap<&'static str, u64> {
        let next = self.next.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut waiting = BTreeMap::new();
        for (at, next) in next {
            let end = self.log.durable_end(at).unwrap_or(next);
            *waiting.entry(at.topic.name()).or_default() += end.0.saturating_sub(next.0);
        }
        waiting
    }
}

impl Source for SinkMetrics {
    fn tell(&self, page: &mut Page) {
        let lag = page.gauge(
            "depthlake_sink_lag_records",
            "Records that are durable in the log and not yet in a table, by topic.",
        );
        for (topic, records) in self.waiting() {
            lag.whole(&[("topic", topic)], records);
        }
        page.gauge(
            "depthlake_sink_commit_age_seconds",
            "Time since the last commit while anything waits to be committed; else 0.",
        )
        .number(&[], self.lag().commit_age.as_secs_f64());
        page.gauge(
            "depthlake_sink_last_commit_timestamp_seconds",
            "When the sink last committed; 0 before it did.",
        )
        .number(&[], self.last_commit.get());
        page.counter("depthlake_sink_commits_total", "Commits, each of all tables at once.")
            .whole(&[], self.commits.get());
        page.counter("depthlake_sink_failed_commits_total", "Commits that failed; each is repeated.")
            .whole(&[], self.failed.get());
        page.counter(
            "depthlake_sink_superseded_total",
            "Commits that another sink of the same partitions had made already.",
        )
        .whole(&[], self.superseded.get());
        page.counter("depthlake_sink_log_bytes_total", "Bytes of the records committed.")
            .whole(&[], self.log_bytes.get());
        page.counter("depthlake_sink_file_bytes_total", "Bytes of the data files written.")
            .whole(&[], self.file_bytes.get());
        page.histogram(
            "depthlake_sink_commit_duration_seconds",
            "Time from the beginning of reading to the end of the commit.",
            Unit::Nanoseconds,
        )
        .distribution(&[], self.durations.snapshot());
        let rows = page.counter("depthlake_sink_rows_total", "Rows committed.");
        for (table, counter) in &self.rows {
            rows.whole(&[("table", &table.to_string())], counter.get());
        }
        let latest = page.gauge(
            "depthlake_sink_watermark_timestamp_seconds",
            "The latest event time committed to a table.",
        );
        for (table, gauge) in self.latest_events.iter().filter(|(_, gauge)| gauge.get() > 0.0) {
            latest.number(&[("table", &table.to_string())], gauge.get());
        }
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "a double holds a time of now to a quarter of a microsecond")]
fn seconds(nanoseconds: i64) -> f64 {
    nanoseconds as f64 / 1e9
}
