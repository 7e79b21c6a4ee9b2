//! Tables joined to the log behind them, the files that queries pass over, and tables about tables.

use std::collections::BTreeSet;
use std::fs;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::datatypes::DataType;
use depthlake_lake::commit::{CompactionRules, Lake};
use depthlake_lake::log::{EmbeddedLog, Log, Options, Partition, Record, TopicPartition};
use depthlake_lake::record::{raw_record, topic_of_stream};
use depthlake_lake::sink::{Sink, SinkConfig};
use depthlake_lake::storage::path_of;
use depthlake_lake::table::Table;
use depthlake_lake::tail::{Tail, TailOptions};
use depthlake_orderbook::frame::{Envelope, FrameKind, RawStream};
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

use super::{rows, value};
use crate::live::samples::SampleBoard;
use crate::samples::{AUGUST_8, LakeInFolder, SYMBOLS, append, empty_lake, trades};
use crate::session::{Database, DatabaseOptions, Session};

const PARTITIONS: u16 = 2;

/// A log beside a lake, and a session that sees both.
struct Place {
    lake: LakeInFolder,
    log: Arc<EmbeddedLog>,
    session: Session,
}

impl Place {
    async fn new(memory_bytes: usize) -> Self {
        let lake = empty_lake().await;
        let options =
            Options { commit_interval: Duration::ZERO, ..Options::new(NonZeroU16::new(PARTITIONS).unwrap()) };
        let log = Arc::new(EmbeddedLog::open(&lake.folder.path().join("log"), &options).unwrap());
        let options = TailOptions { memory_bytes, ..TailOptions::default() };
        let tail = Tail::follow(log.clone(), lake.lake.clone(), options).await.unwrap();
        let options = DatabaseOptions { tail: Some(tail), ..DatabaseOptions::default() };
        let database = Database::open(lake.lake.clone(), options).unwrap();
        let session = Session::in_engine(database);
        Self { lake, log, session }
    }

    fn sink(&self) -> Sink {
        Sink::new(self.log.clone(), self.lake.lake.clone(), SinkConfig::default())
    }

    /// Waits until queries see so many rows.
    async fn until_seen(&self, count: u64) {
        while value::<u64>(&self.session, "SELECT count(*) FROM raw.trades").await < count {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

fn at(partition: u16) -> TopicPartition {
    TopicPartition::new(topic_of_stream(RawStream::Trade), Partition(partition))
}

/// Frames with numbers as payload, in turns of all symbols and partitions.
fn feed(log: &dyn Log, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let symbol = SYMBOLS[usize::try_from(number % 4).unwrap()];
        let received = Timestamp::from_microseconds(AUGUST_8 + i64::try_from(number).unwrap() * 1_000);
        let envelope = Envelope::own(FrameKind::Trade, Some(Symbol::new(symbol).unwrap()), received);
        let partition = u16::try_from(number / 4 % u64::from(PARTITIONS)).unwrap();
        log.append(at(partition), &raw_record(&envelope, number.to_string().into_bytes().into())).unwrap();
    }
    log.sync().unwrap();
}

/// All there is of numbers in `raw.trades`.
const SUMMARY: &str = "SELECT count(*), count(DISTINCT CAST(payload AS VARCHAR)), \
                              coalesce(max(CAST(CAST(payload AS VARCHAR) AS BIGINT)), -1) + 1 FROM raw.trades";

#[tokio::test(flavor = "multi_thread")]
async fn sql_sees_rows_before_they_are_committed() {
    let place = Place::new(1 << 20).await;
    let mut sink = place.sink();
    for round in 0..3 {
        feed(&*place.log, round * 100..(round + 1) * 100);
        place.until_seen((round + 1) * 100).await;
        for _ in 0..2 {
            let all = ((round + 1) * 100).to_string();
            assert_eq!(rows(&place.session, SUMMARY).await.concat(), [all.clone(), all.clone(), all]);
            let of_one = "SELECT count(*), min(symbol), max(received_at) < TIMESTAMP '2024-08-08 00:00:01' \
                          FROM raw.trades WHERE symbol = 'ETHUSDT'";
            let quarter = ((round + 1) * 25).to_string();
            assert_eq!(rows(&place.session, of_one).await.concat(), [quarter.as_str(), "ETHUSDT", "true"]);
            sink.commit_once().await.unwrap();
        }
    }
    let none = "SELECT count(*) FROM raw.trades WHERE received_at >= TIMESTAMP '2024-08-09 00:00:00'";
    assert_eq!(value::<u64>(&place.session, none).await, 0);
    let limited = rows(&place.session, "SELECT symbol FROM raw.trades LIMIT 7").await;
    assert_eq!(limited.len(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_reads_from_the_log_what_has_no_room() {
    let place = Place::new(1).await;
    feed(&*place.log, 0..500);
    place.until_seen(500).await;
    assert_eq!(rows(&place.session, SUMMARY).await.concat(), ["500"; 3]);
    let of_one = "SELECT count(*) FROM raw.trades WHERE symbol = 'SOLUSDT'";
    assert_eq!(value::<u64>(&place.session, of_one).await, 125);
    place.sink().commit_once().await.unwrap();
    assert_eq!(rows(&place.session, SUMMARY).await.concat(), ["500"; 3]);
}

/// While rows come, are committed and compacted, every query sees all numbers up to one of each partition, each once, and a
/// query that reads the table twice sees the same twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn queries_beside_writers_miss_nothing_and_see_nothing_twice() {
    const ROWS: u64 = 1_600;
    let place = Place::new(1 << 20).await;
    let producer = tokio::task::spawn_blocking({
        let log = place.log.clone();
        move || {
            for first in (0..ROWS).step_by(40) {
                feed(&*log, first..first + 40);
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    });
    let carrier = tokio::spawn({
        let (mut sink, lake, log) = (place.sink(), place.lake.lake.clone(), place.log.clone());
        async move {
            let mut carried = 0;
            while carried < ROWS {
                let report = sink.commit_once().await.unwrap();
                carried += report.total_rows();
                log.release(&report.positions).unwrap();
                let rules = CompactionRules { fewest_files: 2, ..CompactionRules::default() };
                lake.compact(Table::RawTrades, &rules, Timestamp(0)).await.unwrap();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    });
    let twice = "SELECT (SELECT count(*) FROM raw.trades) AS a, (SELECT count(DISTINCT CAST(payload AS VARCHAR)) FROM raw.trades) AS b, \
                        (SELECT sum(highest + 1) FROM (SELECT max(\"offset\") AS highest FROM raw.trades GROUP BY partition)) AS c, \
                        (SELECT count(*) FROM raw.trades a JOIN raw.trades b ON a.partition = b.partition AND a.\"offset\" = b.\"offset\") AS d";
    let mut last = 0;
    while !carrier.is_finished() {
        let counts = rows(&place.session, twice).await.concat();
        let number = |text: &String| text.parse::<u64>().unwrap_or(0);
        let count = number(&counts[0]);
        assert!(counts.iter().all(|other| number(other) == count), "{counts:?}");
        assert!(count >= last, "{count} after {last}");
        last = count;
    }
    carrier.await.unwrap();
    producer.await.unwrap();
    place.until_seen(ROWS).await;
    assert_eq!(rows(&place.session, SUMMARY).await.concat(), [(); 3].map(|()| ROWS.to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_read_is_a_dead_letter_at_once() {
    let place = Place::new(1 << 20).await;
    let noise = Record { value: b"noise".as_slice().into(), ..Record::default() };
    place.log.append(at(1), &noise).unwrap();
    feed(&*place.log, 0..8);
    place.until_seen(8).await;
    let letters = "SELECT reason, source_topic, source_partition, source_offset, CAST(payload AS VARCHAR) \
                   FROM ops.dead_letters";
    let expected = ["undecodable", "market.raw.trade", "1", "0", "noise"];
    assert_eq!(rows(&place.session, letters).await.concat(), expected);
    place.sink().commit_once().await.unwrap();
    assert_eq!(rows(&place.session, letters).await.concat(), expected);
}

/// The files of a table that lie on one day.
async fn files_of_day(lake: &Lake, day: i32) -> Vec<String> {
    let files = lake.current(Table::Trades).await.unwrap().files().await.unwrap();
    files.iter().filter(|file| file.day == day).map(|file| file.location.clone()).collect()
}

#[tokio::test]
async fn files_that_the_filters_rule_out_are_not_opened() {
    let lake = empty_lake().await;
    append(&lake.lake, Table::Trades, &trades(0, 600)).await;
    let session = Session::new(lake.lake.clone()).unwrap();
    let of_first_day =
        "SELECT count(*) FROM normalized.trades WHERE event_time < TIMESTAMP '2024-08-09 00:00:00'";
    let known: u64 = value(&session, of_first_day).await;
    assert!(known > 0);
    let first_day = i32::try_from(AUGUST_8 / 86_400_000_000).unwrap();
    for location in files_of_day(&lake.lake, first_day + 1).await {
        fs::remove_file(path_of(&location)).unwrap();
    }
    assert_eq!(value::<u64>(&session, of_first_day).await, known);
    let beyond = "SELECT count(*) FROM normalized.trades WHERE symbol > 'TTT' OR event_time > TIMESTAMP '2025-01-01 00:00:00'";
    assert_eq!(value::<u64>(&session, beyond).await, 0);
}

#[tokio::test]
async fn tables_about_a_table_tell_what_it_is_made_of() {
    let lake = empty_lake().await;
    for commit in 0..3 {
        append(&lake.lake, Table::Trades, &trades(commit * 50, 50)).await;
    }
    let session = Session::new(lake.lake.clone()).unwrap();
    let kept = lake.lake.snapshots(Table::Trades).await.unwrap();
    let snapshots = rows(
        &session,
        "SELECT snapshot_id, parent_id, operation, summary['added-records'] \
         FROM normalized.\"trades$snapshots\" ORDER BY committed_at, snapshot_id <> parent_id",
    )
    .await;
    assert_eq!(snapshots.len(), 3);
    let ids: BTreeSet<_> = snapshots.iter().map(|row| row[0].clone()).collect();
    assert_eq!(ids, kept.iter().map(|snapshot| snapshot.snapshot_id.to_string()).collect());
    assert!(snapshots.iter().all(|row| row[2] == "append" && row[3].contains("50")), "{snapshots:?}");

    let files = lake.lake.current(Table::Trades).await.unwrap().files().await.unwrap();
    let counted = rows(
        &session,
        "SELECT count(*), sum(record_count), sum(file_size_in_bytes), min(file_format), max(content) \
         FROM normalized.\"trades$files\"",
    )
    .await
    .concat();
    let bytes: u64 = files.iter().map(|file| file.bytes).sum();
    assert_eq!(
        counted,
        [files.len().to_string(), "150".into(), bytes.to_string(), "PARQUET".into(), "0".into()]
    );

    let partitions = session.sql("SELECT * FROM normalized.\"trades$partitions\"").await.unwrap();
    let names: Vec<_> = partitions.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["partition", "record_count", "file_count", "total_size", "data"]);
    let summed = rows(
        &session,
        "SELECT count(*), sum(record_count), sum(file_count), min(data['symbol']['min']), max(data['trade_id']['max']), \
                sum(data['trade_id']['null_count']) FROM normalized.\"trades$partitions\"",
    )
    .await
    .concat();
    assert_eq!(summed, ["3", "150", &files.len().to_string(), "ADAUSDT", "149", "0"]);

    let manifests = rows(
        &session,
        "SELECT sum(added_rows_count), sum(existing_rows_count) FROM normalized.\"trades$manifests\"",
    )
    .await
    .concat();
    assert_eq!(manifests[0], "150");
    let history =
        rows(&session, "SELECT count(*) FROM normalized.\"trades$history\" WHERE is_current_ancestor")
            .await
            .concat();
    assert_eq!(history, ["3"]);
    let current = kept.iter().find(|snapshot| snapshot.is_current).unwrap().snapshot_id.to_string();
    let refs =
        rows(&session, "SELECT name, type, snapshot_id FROM normalized.\"trades$refs\"").await.concat();
    assert_eq!(refs, ["main", "BRANCH", &current]);
    let properties = "SELECT count(*) FROM normalized.\"trades$properties\" WHERE value IS NOT NULL";
    assert!(value::<u64>(&session, properties).await > 0);
}

#[tokio::test]
async fn times_about_a_table_have_milliseconds_and_a_zone() {
    let lake = empty_lake().await;
    let session = Session::new(lake.lake.clone()).unwrap();
    let times =
        session.sql("SELECT committed_at, parent_id FROM normalized.\"trades$snapshots\"").await.unwrap();
    let schema = times.schema();
    assert!(
        matches!(schema.field(0).data_type(), DataType::Timestamp(unit, Some(_)) if *unit == datafusion::arrow::datatypes::TimeUnit::Millisecond)
    );
    assert_eq!(*schema.field(1).data_type(), DataType::Int64);
}

#[tokio::test]
async fn the_board_is_two_tables() {
    let lake = empty_lake().await;
    let board = SampleBoard::new();
    let options = DatabaseOptions { board: Some(board.path().to_owned()), ..DatabaseOptions::default() };
    let session = Session::in_engine(Database::open(lake.lake.clone(), options).unwrap());
    let tickers = "SELECT symbol, state, bid, ask, spread, imbalance_5 FROM live.book_ticker WHERE symbol <> 'XRPUSDT' ORDER BY 1";
    let found = rows(&session, tickers).await;
    assert_eq!(found[0], ["BTCUSDT", "live", "61837.63000000", "61837.64000000", "0.01000000", "0.42"]);
    assert_eq!(found[1][..2], ["ETHUSDT", "resyncing"]);
    let waiting =
        rows(&session, "SELECT state, bid IS NULL FROM live.book_ticker WHERE symbol = 'XRPUSDT'").await;
    assert_eq!(waiting.concat(), ["waiting", "true"]);
    let best = "SELECT side, level, price, quantity FROM live.depth WHERE symbol = 'BTCUSDT' AND level <= 2 ORDER BY side, level";
    let found = rows(&session, best).await;
    assert_eq!(found.len(), 4);
    assert_eq!(found[0], ["ask", "1", "61837.64000000", "1.50000000"]);
    assert_eq!(found[3], ["bid", "2", "61837.62000000", "3.00000000"]);
    let nowhere = Session::new(lake.lake.clone()).unwrap();
    assert_eq!(value::<u64>(&nowhere, "SELECT count(*) FROM live.depth").await, 0);
}
