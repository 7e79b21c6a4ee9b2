//! The tail against its slow twin: every record that was ever in the log, made rows of one by one.

mod joining;
mod memory;
mod telling;

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use depthlake_orderbook::record::Derived;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use tempfile::TempDir;

use super::*;
use crate::bitemporal;
use crate::log::{EmbeddedLog, Options, Partition, Record, StoredRecord, Topic};
use crate::record::samples::{derived, envelope};
use crate::record::tests::cells;
use crate::record::{Rows, encode, raw_record, rows, unusable_rows};
use crate::sink::{Sink, SinkConfig, topics};

const PARTITIONS: u16 = 3;

/// The cells of a row by column.
type Row = BTreeMap<String, String>;

/// A log and a lake in a folder.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn log(&self) -> Arc<EmbeddedLog> {
        let options = Options {
            commit_interval: Duration::ZERO,
            segment_bytes: 32 * 1024,
            ..Options::new(NonZeroU16::new(PARTITIONS).unwrap())
        };
        Arc::new(EmbeddedLog::open(&self.path("log"), &options).unwrap())
    }

    async fn lake(&self) -> Lake {
        Lake::open(&self.path("catalog.db"), &self.path("warehouse")).await.unwrap()
    }
}

/// All that was ever appended, as the log gave it.
#[derive(Default)]
struct Twin {
    records: BTreeMap<TopicPartition, Vec<StoredRecord>>,
}

impl Twin {
    /// Reads what the log has that is not known yet. To be called before the log lets go of anything.
    fn read(&mut self, log: &dyn Log) {
        for at in places() {
            let known = self.records.entry(at).or_default();
            loop {
                let next = known.last().map_or(Offset(0), |last| Offset(last.offset.0 + 1));
                let records = log.read(at, next, usize::MAX).unwrap();
                if records.is_empty() {
                    break;
                }
                known.extend(records);
            }
        }
    }

    /// The rows of a table that the records before these ends make.
    fn rows(&self, table: Table, ends: &BTreeMap<TopicPartition, Offset>) -> Vec<Row> {
        let mut expected = Vec::new();
        let mut bars = Vec::new();
        for (at, records) in &self.records {
            let end = ends.get(at).copied().unwrap_or_default();
            for record in records.iter().filter(|record| record.offset < end) {
                let Rows { batch, unusable, .. } = rows(*at, std::slice::from_ref(record)).unwrap();
                if table_of(at.topic) == Some(Table::Bars) && table == Table::Bars {
                    bars.push(batch);
                } else if table_of(at.topic) == Some(table) {
                    expected.extend(rows_of(&batch));
                }
                if table == Table::DeadLetters && !unusable.is_empty() {
                    expected.extend(rows_of(&unusable_rows(&unusable).unwrap()));
                }
            }
        }
        if !bars.is_empty() {
            let facts = bitemporal::facts_of(Table::Bars, &bars).unwrap();
            expected.extend(rows_of(&bitemporal::revise(Table::Bars, &[], &facts).unwrap().opened));
        }
        expected.sort();
        expected
    }
}

fn places() -> impl Iterator<Item = TopicPartition> {
    topics()
        .into_iter()
        .flat_map(|topic| (0..PARTITIONS).map(move |p| TopicPartition::new(topic, Partition(p))))
}

/// The tables that rows come to by the log.
fn followed() -> impl Iterator<Item = Table> {
    Table::ALL.into_iter().filter(|table| Tail::follows(*table))
}

fn rows_of(batch: &RecordBatch) -> Vec<Row> {
    (0..batch.num_rows()).map(|row| cells(batch, row)).collect()
}

/// All rows of one state of a table, sorted.
async fn rows_joined(lake: &Lake, table: Table, joined: Joined) -> Vec<Row> {
    let mut found = Vec::new();
    for file in &*joined.files {
        let batches = lake.read_rows(file, table).await.unwrap();
        found.extend(batches.iter().flat_map(rows_of));
    }
    found.extend(joined.rows.iter().flat_map(rows_of));
    for mut unread in joined.unread {
        let reading = spawn_blocking(move || {
            let mut read = Vec::new();
            while let Some(batches) = unread.read().unwrap() {
                read.extend(batches.iter().flat_map(rows_of));
            }
            read
        });
        found.extend(reading.await.unwrap());
    }
    found.sort();
    found
}

/// Waits until all that the log has is seen.
async fn until_all_is_seen(tail: &Tail) {
    while tail.status().behind > 0 || !tail.status().caught_up {
        sleep(Duration::from_millis(2)).await;
    }
}

/// Records of every kind, raw ones and some that nobody can read among them. A bar is in its symbol's partition.
fn feed(log: &dyn Log, runner: &mut TestRunner, count: usize) {
    for number in 0..count {
        let any_partition = any(runner, 0..PARTITIONS);
        let (topic, partition, record) = match number % 8 {
            0 => (Topic::RawOrderbook, any_partition, raw(runner)),
            1 => (Topic::RawTrade, any_partition, raw(runner)),
            2 => (any(runner, proptest::sample::select(topics())), any_partition, noise(runner)),
            _ => {
                let (trigger, record) = any(runner, derived());
                let partition = match &record {
                    Derived::Bar(bar) => u16::from(bar.instrument.symbol.as_str().as_bytes()[0]) % PARTITIONS,
                    _ => any_partition,
                };
                let (topic, record) = encode(&trigger, &record).unwrap();
                (topic, partition, record)
            }
        };
        log.append(TopicPartition::new(topic, Partition(partition)), &record).unwrap();
    }
    log.sync().unwrap();
}

fn raw(runner: &mut TestRunner) -> Record {
    let payload = any(runner, proptest::collection::vec(proptest::num::u8::ANY, 0..200));
    raw_record(&any(runner, envelope()), payload.into())
}

fn noise(runner: &mut TestRunner) -> Record {
    let bytes = any(runner, proptest::collection::vec(proptest::num::u8::ANY, 0..50));
    Record { value: bytes.into(), ..Record::default() }
}

fn any<S: Strategy>(runner: &mut TestRunner, strategy: S) -> S::Value {
    strategy.new_tree(runner).unwrap().current()
}
