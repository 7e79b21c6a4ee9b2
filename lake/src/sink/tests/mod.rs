//! The sink between a real log and a real lake.

mod carrying;
mod failing;
mod foreign;
mod kafka;
mod running;
mod sharing;
mod versions;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::num::NonZeroU16;
use std::path::PathBuf;

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use tempfile::TempDir;

use super::*;
use crate::log::{EmbeddedLog, LogError, Options, Record};
use crate::record::samples::{derived, envelope};
use crate::record::tests::cells;
use crate::record::{Rows, encode, raw_record, rows};
use crate::storage::path_of;

const PARTITIONS: u16 = 3;

/// The cells of a row by column.
type Row = BTreeMap<String, String>;

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn log_folder(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn catalog(&self) -> PathBuf {
        self.folder.path().join("catalog.db")
    }

    fn warehouse(&self) -> PathBuf {
        self.folder.path().join("warehouse")
    }

    fn log(&self) -> Arc<EmbeddedLog> {
        let options =
            Options { commit_interval: Duration::ZERO, ..Options::new(NonZeroU16::new(PARTITIONS).unwrap()) };
        Arc::new(EmbeddedLog::open(&self.log_folder(), &options).unwrap())
    }

    async fn lake(&self) -> Lake {
        Lake::open(&self.catalog(), &self.warehouse()).await.unwrap()
    }

    async fn sink<L: Log + 'static>(&self, log: &Arc<L>) -> Sink {
        Sink::new(Arc::clone(log) as Arc<dyn Log>, self.lake().await, SinkConfig::default())
    }
}

/// Appends so many records of every kind, a third of them raw.
fn feed(log: &dyn Log, runner: &mut TestRunner, count: usize) {
    for number in 0..count {
        let (topic, record) = match number % 6 {
            0 => (Topic::RawOrderbook, raw(runner)),
            1 => (Topic::RawTrade, raw(runner)),
            _ => {
                let (trigger, record) = any(runner, derived());
                encode(&trigger, &record).unwrap()
            }
        };
        let partition = Partition(any(runner, 0..log.partitions().get()));
        log.append(TopicPartition::new(topic, partition), &record).unwrap();
    }
    log.sync().unwrap();
}

fn raw(runner: &mut TestRunner) -> Record {
    let payload = any(runner, proptest::collection::vec(proptest::num::u8::ANY, 0..200));
    raw_record(&any(runner, envelope()), payload.into())
}

fn any<S: Strategy>(runner: &mut TestRunner, strategy: S) -> S::Value {
    strategy.new_tree(runner).unwrap().current()
}

/// The rows of a table as its files have them, sorted.
async fn rows_of(lake: &Lake, table: Table) -> Vec<Row> {
    let mut rows = Vec::new();
    for file in lake.data_files(table).await.unwrap().files {
        let reader =
            ParquetRecordBatchReaderBuilder::try_new(File::open(path_of(&file.location)).unwrap()).unwrap();
        for batch in reader.build().unwrap().map(Result::unwrap) {
            rows.extend((0..batch.num_rows()).map(|row| cells(&batch, row)));
        }
    }
    rows.sort();
    rows
}

/// The rows that everything in the log makes, by table and sorted, read one record at a time.
fn rows_of_log(log: &dyn Log) -> BTreeMap<Table, Vec<Row>> {
    let mut expected: BTreeMap<_, Vec<_>> = Table::ALL.map(|table| (table, Vec::new())).into();
    for (topic, partition) in
        Topic::ALL.into_iter().flat_map(|topic| (0..log.partitions().get()).map(move |p| (topic, p)))
    {
        let (Some(table), at) = (table_of(topic), TopicPartition::new(topic, Partition(partition))) else {
            continue;
        };
        let mut next = log.start(at).unwrap();
        while let Some(stored) = log.read(at, next, 1).unwrap().pop() {
            next = Offset(stored.offset.0 + 1);
            let Rows { batch, .. } = rows(at, &[stored]).unwrap();
            let made = (0..batch.num_rows()).map(|row| cells(&batch, row));
            expected.entry(table).or_default().extend(made);
        }
    }
    for rows in expected.values_mut() {
        rows.sort();
    }
    expected
}

/// The rows without what a later bar of the same minute changes.
fn without_versions(mut rows: Vec<Row>) -> Vec<Row> {
    for row in &mut rows {
        row.retain(|column, _| !["sys_from", "sys_to", "is_current", "bar_key"].contains(&column.as_str()));
    }
    rows.sort();
    rows
}

/// Checks that the lake holds each row of the log once, and nothing else.
async fn assert_lake_is_log(place: &Place, log: &dyn Log) {
    let lake = place.lake().await;
    for (table, expected) in rows_of_log(log) {
        let ours = rows_of(&lake, table).await;
        assert_eq!(without_versions(ours), without_versions(expected), "{table}");
    }
}
