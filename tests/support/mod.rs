//! What the end-to-end tests share: the program as a process, and its tables as rows of text.
#![allow(dead_code, reason = "each test binary uses a part")]

pub mod broker;
pub mod server;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use arrow_cast::display::array_value_to_string;
use depthlake_engine::pipeline::{Output as Derivations, Pipeline};
use depthlake_lake::commit::{ChangeKind, Lake, TableChange};
use depthlake_lake::log::{Offset, Partition, StoredRecord, Topic, TopicPartition};
use depthlake_lake::record::{encode, rows, table_of};
use depthlake_lake::table::Table;
use depthlake_orderbook::frame::{Envelope, FrameKind, RawStream};
use depthlake_orderbook::record::{Derived, Trigger};
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;
use depthlake_query::Session;

const PATIENCE: Duration = Duration::from_mins(1);

/// The program with some arguments, in a folder of its own so that no configuration file is found.
pub fn depthlake(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_depthlake"));
    command.current_dir(folder).args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("DEPTHLAKE_")) {
        command.env_remove(name);
    }
    command
}

/// Runs the program to its end.
pub fn finish(folder: &Path, arguments: &[&str]) -> Output {
    depthlake(folder, arguments).output().unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Asserts that the program did what was asked, and gives its standard output.
pub fn succeed(folder: &Path, arguments: &[&str]) -> String {
    let output = finish(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Asks a process to end, as Ctrl-C does, and asserts that it ends well.
pub fn stop(child: Child) {
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}: {}{}", output.status, text(&output.stdout), text(&output.stderr));
}

/// Sends what Ctrl-C sends.
pub fn interrupt(child: &Child) {
    signal(child, "-INT");
}

pub fn kill(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

pub fn signal(child: &Child, signal: &str) {
    let status = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// Waits until `condition` holds.
pub fn wait(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The folder of recordings and tools beside the checkout, or the one that `DEPTHLAKE_SHARED` names.
pub fn shared() -> Option<PathBuf> {
    let folder = std::env::var_os("DEPTHLAKE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let found = folder.join("data").is_dir();
    if !found {
        eprintln!("SKIPPED: no recordings at {}", folder.display());
    }
    found.then_some(folder)
}

/// Lets engines that share no code with us read every table, and asserts that they agree. Skipped, with a message, where
/// the tool or its interpreter is absent.
pub fn assert_other_engines_agree(data: &Path) {
    let Some(tool) = shared().map(|shared| shared.join("tools/read_lake.py")).filter(|tool| tool.is_file())
    else {
        return;
    };
    let Some(python) = std::env::var_os("DEPTHLAKE_PYTHON") else {
        eprintln!("SKIPPED: DEPTHLAKE_PYTHON names no interpreter with PyIceberg and DuckDB");
        return;
    };
    let output = Command::new(python).arg(tool).arg(data.join("lake/catalog.db")).output().unwrap();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(text(&output.stdout).lines().count(), Table::ALL.len());
}

/// A look at the lake of a data folder.
pub struct LakeView {
    runtime: tokio::runtime::Runtime,
    session: Session,
    pub lake: Lake,
}

/// A raw message as the lake keeps it.
pub struct RawRow {
    pub stream: RawStream,
    pub partition: u16,
    pub offset: u64,
    pub envelope: Envelope,
    pub payload: Vec<u8>,
}

impl LakeView {
    pub fn open(data: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let lake = runtime
            .block_on(Lake::open(&data.join("lake/catalog.db"), &data.join("lake/warehouse")))
            .unwrap();
        let session = Session::new(lake.clone()).unwrap();
        Self { runtime, session, lake }
    }

    pub fn query(&self, query: &str) -> Vec<RecordBatch> {
        self.runtime.block_on(async { self.session.sql(query).await.unwrap().collect().await.unwrap() })
    }

    /// Takes all rows out of a table.
    pub fn lose(&self, table: Table) {
        self.runtime.block_on(async {
            let files = self.lake.data_files(table).await.unwrap().files;
            self.lake.change(vec![TableChange::overwrite(table, files, Vec::new())]).await.unwrap();
        });
    }

    /// Puts the rows of a table into other files, as compaction does.
    pub fn rewrite(&self, table: Table) {
        self.runtime.block_on(async {
            let files = self.lake.data_files(table).await.unwrap().files;
            let mut rows = Vec::new();
            for file in &files {
                rows.extend(self.lake.read_rows(file, table).await.unwrap());
            }
            let change = TableChange::overwrite(table, files, rows);
            self.lake.change(vec![TableChange { kind: ChangeKind::Replace, ..change }]).await.unwrap();
        });
    }

    /// A single number.
    pub fn count(&self, query: &str) -> i64 {
        self.query(query)[0].column(0).as_primitive::<Int64Type>().value(0)
    }

    /// The rows of a table as text, without the time of publication, sorted.
    pub fn rows(&self, table: Table) -> Vec<String> {
        let mut lines: Vec<_> =
            self.query(&format!("SELECT * FROM {table}")).iter().flat_map(lines).collect();
        lines.sort();
        lines
    }

    /// The raw messages, in the order of stream, partition and offset.
    pub fn raw(&self) -> Vec<RawRow> {
        let books = (RawStream::Orderbook, Table::RawOrderbookDiffs, "first_update_id, last_update_id");
        let trades = (RawStream::Trade, Table::RawTrades, "trade_id");
        [books, trades]
            .into_iter()
            .flat_map(|(stream, table, ids)| {
                let batches = self.query(&format!(
                    "SELECT partition, \"offset\", arrow_cast(kind, 'Utf8') AS kind, received_ns, event_time, {ids},
                        arrow_cast(symbol, 'Utf8') AS symbol, arrow_cast(payload, 'LargeBinary') AS payload
                    FROM {table} ORDER BY partition, \"offset\""
                ));
                batches.iter().flat_map(|batch| raw_rows(stream, batch)).collect::<Vec<_>>()
            })
            .collect()
    }

    /// The rows that running the raw messages through a fresh pipeline gives, as [`LakeView::rows`] gives those kept.
    pub fn derived_again(&self) -> BTreeMap<Table, Vec<String>> {
        let mut pipelines: BTreeMap<u16, Pipeline> = BTreeMap::new();
        let mut kept = Kept::default();
        for row in self.raw() {
            let pipeline = pipelines.entry(row.partition).or_insert_with(|| Pipeline::new(row.partition));
            pipeline.frame(row.stream, row.offset, &row.envelope, &row.payload, &mut kept);
        }
        let tables = kept.0.into_iter().map(|(at, records)| {
            let made = rows(at, &records).unwrap();
            assert!(made.unusable.is_empty());
            (table_of(at.topic).unwrap(), lines(&made.batch))
        });
        let mut all: BTreeMap<Table, Vec<String>> = BTreeMap::new();
        for (table, lines) in tables {
            all.entry(table).or_default().extend(lines);
        }
        for lines in all.values_mut() {
            lines.sort();
        }
        all
    }

    /// Asserts that every derived table holds just what its raw messages give.
    pub fn assert_derived_equals_replay(&self) {
        let again = self.derived_again();
        for table in [Table::BookTicker, Table::Trades, Table::Bars, Table::DeadLetters, Table::FeedEvents] {
            let (kept, again) = (self.rows(table), again.get(&table).cloned().unwrap_or_default());
            let missing = again.iter().find(|row| kept.binary_search(row).is_err());
            assert_eq!(missing, None, "{table} misses a row");
            let surplus = kept.iter().find(|row| again.binary_search(row).is_err());
            assert_eq!(surplus, None, "{table} has a row that the raw messages do not give");
            assert_eq!(kept.len(), again.len(), "{table} has a row twice");
        }
    }

    /// Asserts that offsets run from 0 without holes and without repetition in each raw topic partition, and gives the
    /// number of raw messages.
    pub fn assert_raw_is_whole(&self) -> usize {
        let mut next: BTreeMap<(RawStream, u16), u64> = BTreeMap::new();
        let raw = self.raw();
        for row in &raw {
            let expected = next.entry((row.stream, row.partition)).or_default();
            assert_eq!(row.offset, *expected, "{:?} partition {}", row.stream, row.partition);
            *expected += 1;
        }
        raw.len()
    }
}

#[derive(Default)]
struct Kept(BTreeMap<TopicPartition, Vec<StoredRecord>>);

impl Derivations for Kept {
    fn derived(&mut self, trigger: Trigger, record: Derived) {
        let (topic, record): (Topic, _) = encode(&trigger, &record).unwrap();
        let records = self.0.entry(TopicPartition::new(topic, Partition(trigger.partition))).or_default();
        let offset = Offset(records.len() as u64);
        records.push(StoredRecord { offset, appended_at: Timestamp(0), record });
    }
}

fn lines(batch: &RecordBatch) -> Vec<String> {
    let schema = batch.schema();
    let of_publishing = ["published_at", "sys_from", "bar_key"];
    let columns: Vec<_> = (0..batch.num_columns())
        .filter(|&column| !of_publishing.contains(&schema.field(column).name().as_str()))
        .collect();
    let line = |row| {
        let cells = columns.iter().map(|&column| array_value_to_string(batch.column(column), row).unwrap());
        cells.collect::<Vec<_>>().join("|")
    };
    (0..batch.num_rows()).map(line).collect()
}

fn raw_rows(stream: RawStream, batch: &RecordBatch) -> Vec<RawRow> {
    let column = |name: &str| batch.column_by_name(name).unwrap();
    let long = |name: &str, row: usize| {
        let values = column(name).as_primitive::<Int64Type>();
        values.is_valid(row).then(|| values.value(row))
    };
    let id = |name: &str, row| long(name, row).map(|id| u64::try_from(id).unwrap());
    let (first, last) = match stream {
        RawStream::Orderbook => ("first_update_id", Some("last_update_id")),
        RawStream::Trade => ("trade_id", None),
    };
    (0..batch.num_rows())
        .map(|row| {
            let kind = column("kind").as_string::<i32>().value(row);
            let symbol = column("symbol").as_string::<i32>();
            let event_time = column("event_time").as_primitive::<TimestampMicrosecondType>();
            RawRow {
                stream,
                partition: u16::try_from(column("partition").as_primitive::<Int32Type>().value(row)).unwrap(),
                offset: id("offset", row).unwrap(),
                envelope: Envelope {
                    kind: FrameKind::ALL.into_iter().find(|known| known.name() == kind).unwrap(),
                    symbol: symbol.is_valid(row).then(|| Symbol::new(symbol.value(row)).unwrap()),
                    received: Timestamp(long("received_ns", row).unwrap()),
                    event_time: event_time
                        .is_valid(row)
                        .then(|| Timestamp::from_microseconds(event_time.value(row))),
                    first_id: id(first, row),
                    last_id: last.and_then(|last| id(last, row)),
                },
                payload: column("payload").as_binary::<i64>().value(row).to_vec(),
            }
        })
        .collect()
}
