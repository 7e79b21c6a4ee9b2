//! What commits did.

use std::collections::BTreeMap;
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use depthlake_orderbook::time::Timestamp;

use super::gather::Gathered;
use crate::commit::{Changed, TableChange};
use crate::log::{Offset, TopicPartition};
use crate::table::Table;

/// What one commit did; empty where nothing waited.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CommitReport {
    /// Rows committed, by table.
    pub rows: BTreeMap<Table, u64>,
    /// The latest event time of these rows, by table.
    pub latest_events: BTreeMap<Table, Timestamp>,
    /// The partitions it moved on, and the next offset the lake needs of each: what lies before is in the lake.
    pub positions: Vec<(TopicPartition, Offset)>,
    /// Bytes of the records taken from the log.
    pub log_bytes: u64,
    /// Bytes of the data files written; 0 where an earlier attempt had written them.
    pub file_bytes: u64,
    /// From the beginning of reading to the end of the commit, or of its last repetition.
    pub latency: Duration,
}

/// What a sink did while it ran.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SinkSummary {
    pub commits: u64,
    /// Rows committed, by table.
    pub rows: BTreeMap<Table, u64>,
    /// Bytes of the records taken from the log.
    pub log_bytes: u64,
    /// Bytes of the data files written.
    pub file_bytes: u64,
    /// How long the last commit took.
    pub last_latency: Duration,
}

impl CommitReport {
    pub(super) fn new(gathered: &Gathered, changed: &Changed, latency: Duration) -> Self {
        let snapshots = match changed {
            Changed::Committed(snapshots) => snapshots.as_slice(),
            Changed::AlreadyCommitted => &[],
        };
        let rows = gathered.changes.iter().map(|change| {
            let rows: usize = change.added.iter().map(RecordBatch::num_rows).sum();
            (change.table, rows as u64)
        });
        Self {
            rows: rows.filter(|(_, rows)| *rows > 0).collect(),
            latest_events: latest_events(&gathered.changes),
            positions: gathered.ends.iter().map(|(at, place)| (*at, place.offset)).collect(),
            log_bytes: gathered.log_bytes as u64,
            file_bytes: snapshots.iter().map(|snapshot| snapshot.bytes).sum(),
            latency,
        }
    }

    /// Whether there was nothing to commit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// Rows of all tables together.
    #[must_use]
    pub fn total_rows(&self) -> u64 {
        self.rows.values().sum()
    }
}

impl SinkSummary {
    /// Counts a commit; an empty report is none.
    pub fn add(&mut self, report: &CommitReport) {
        if report.is_empty() {
            return;
        }
        self.commits += 1;
        for (&table, rows) in &report.rows {
            *self.rows.entry(table).or_default() += rows;
        }
        self.log_bytes += report.log_bytes;
        self.file_bytes += report.file_bytes;
        self.last_latency = report.latency;
    }

    /// Rows of all tables together.
    #[must_use]
    pub fn total_rows(&self) -> u64 {
        self.rows.values().sum()
    }
}

/// The latest event time added to each table that has any.
fn latest_events(changes: &[TableChange]) -> BTreeMap<Table, Timestamp> {
    let mut latest = BTreeMap::new();
    for change in changes {
        for time in change.added.iter().filter_map(latest_event) {
            let known = latest.entry(change.table).or_insert(time);
            *known = time.max(*known);
        }
    }
    latest
}

fn latest_event(batch: &RecordBatch) -> Option<Timestamp> {
    let times = batch.column_by_name("event_time")?.as_primitive_opt::<TimestampMicrosecondType>()?;
    times.iter().flatten().max().map(Timestamp::from_microseconds)
}
