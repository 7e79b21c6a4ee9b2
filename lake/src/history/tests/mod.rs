//! Landing history in real lakes.

mod expecting;

use std::collections::BTreeMap;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Int64Type, TimestampMicrosecondType};
use depthlake_orderbook::event::{Taker, TradeId, TradeKind};
use depthlake_orderbook::history::{
    Chunk, ChunkKind, DailyBar, HistoricalTrade, Records, RefusedLine, Source, VenueBar,
};
use depthlake_orderbook::record::DeadLetterReason;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;
use tempfile::TempDir;

use super::*;

/// 2024-08-08.
const AUGUST_8: i64 = 1_723_075_200_000_000_000;
const MINUTE: i64 = 60_000_000_000;
/// Lines of a chunk made here.
const LINES: u64 = 10;

async fn lake_in(folder: &TempDir) -> Lake {
    Lake::open(&folder.path().join("catalog.db"), &folder.path().join("warehouse")).await.unwrap()
}

/// The `part`th chunk of a file.
fn chunk(kind: ChunkKind, file: &str, part: u64, records: Records) -> DerivedChunk {
    let source =
        Source { name: format!("{file}.csv"), member: String::new(), sha256: format!("hash of {file}") };
    let chunk = Chunk {
        kind,
        symbol: Symbol::new("BTCUSDT").unwrap(),
        source,
        first_line: 1 + part * LINES,
        lines: LINES,
        columns: "a,b".to_owned(),
        received: Timestamp(AUGUST_8 + 100 * MINUTE + i64::try_from(part).unwrap()),
        payload: format!("{file} {part}\n").into_bytes(),
    };
    DerivedChunk { chunk, records }
}

fn trades(file: &str, part: u64, ids: std::ops::Range<u64>) -> DerivedChunk {
    let trade = |id: u64| HistoricalTrade {
        id: TradeId(id),
        kind: TradeKind::Aggregate { first: TradeId(2 * id), last: TradeId(2 * id + 1) },
        price: 6_180_050_000_000,
        quantity: i128::from(id) * 1_000,
        taker: if id.is_multiple_of(2) { Taker::Buyer } else { Taker::Seller },
        trade_time: Timestamp(AUGUST_8 + i64::try_from(id).unwrap() * 1_000_000),
    };
    let records = Records { trades: ids.map(trade).collect(), ..Records::default() };
    chunk(ChunkKind::AggregateTrades, file, part, records)
}

/// Bars of the minutes with these numbers, each with its close.
fn bars(file: &str, part: u64, minutes: &[(i64, i128)]) -> DerivedChunk {
    let bar = |&(minute, close): &(i64, i128)| VenueBar {
        open_time: Timestamp(AUGUST_8 + minute * MINUTE),
        open: close,
        high: close,
        low: close,
        close,
        volume: 100_000_000,
        quote_volume: close * 100_000_000,
        trades: 7,
        taker_buy_volume: 0,
        taker_buy_quote_volume: 0,
    };
    let records = Records { bars: minutes.iter().map(bar).collect(), ..Records::default() };
    chunk(ChunkKind::Klines, file, part, records)
}

/// The rows of a table as a test wants them, sorted.
async fn rows<T: Ord>(
    lake: &Lake,
    table: Table,
    row: impl Fn(&arrow_array::RecordBatch, usize) -> T,
) -> Vec<T> {
    let mut rows = Vec::new();
    for file in lake.data_files(table).await.unwrap().files {
        for batch in lake.read_rows(&file, table).await.unwrap() {
            rows.extend((0..batch.num_rows()).map(|index| row(&batch, index)));
        }
    }
    rows.sort();
    rows
}

fn long(batch: &arrow_array::RecordBatch, column: &str, row: usize) -> i64 {
    batch.column_by_name(column).unwrap().as_primitive::<Int64Type>().value(row)
}

fn time(batch: &arrow_array::RecordBatch, column: &str, row: usize) -> i64 {
    batch.column_by_name(column).unwrap().as_primitive::<TimestampMicrosecondType>().value(row)
}

fn text(batch: &arrow_array::RecordBatch, column: &str, row: usize) -> String {
    batch.column_by_name(column).unwrap().as_string::<i32>().value(row).to_owned()
}

async fn trade_ids(lake: &Lake) -> Vec<i64> {
    rows(lake, Table::Trades, |batch, row| long(batch, "trade_id", row)).await
}

/// Minute, close, beginning of belief, end of belief, whether current.
async fn versions(lake: &Lake) -> Vec<(i64, i128, i64, i64, bool)> {
    rows(lake, Table::Bars, |batch, row| {
        let close = batch.column_by_name("close").unwrap().as_primitive::<Decimal128Type>().value(row);
        let is_current = batch.column_by_name("is_current").unwrap().as_boolean().value(row);
        let minute = (time(batch, "open_time", row) - AUGUST_8 / 1_000) / 60_000_000;
        (minute, close, time(batch, "sys_from", row), time(batch, "sys_to", row), is_current)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_does_not_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake_in(&folder).await;
    let mut historian = Historian::open(lake.clone()).await.unwrap();
    let landed = historian.land(vec![trades("a", 0, 0..10), trades("a", 1, 10..20)]).await.unwrap();
    assert_eq!((landed.chunks, landed.trades, landed.trades_known), (2, 20, 0));

    let again = historian.land(vec![trades("a", 0, 0..10)]).await.unwrap();
    assert_eq!((again.chunks, again.chunks_known, again.trades), (0, 1, 0));
    let overlapping = historian.land(vec![trades("b", 0, 15..25), trades("c", 0, 24..26)]).await.unwrap();
    assert_eq!((overlapping.chunks, overlapping.trades, overlapping.trades_known), (2, 6, 6));
    assert_eq!(trade_ids(&lake).await, (0..26).collect::<Vec<_>>());

    let source = trades("a", 0, 0..1).chunk.source;
    let reopened = Historian::open(lake_in(&folder).await).await.unwrap();
    assert_eq!((historian.next_line(&source), reopened.next_line(&source)), (21, 21));
    let renamed = Source { name: "other.csv".to_owned(), ..source.clone() };
    assert_eq!(reopened.next_line(&renamed), 21, "the contents tell, not the name");
    assert_eq!(reopened.next_line(&Source { sha256: "x".to_owned(), ..source }), 1);
    let raw = rows(&lake, Table::RawHistory, |batch, row| {
        let payload = batch.column_by_name("payload").unwrap().as_binary::<i64>().value(row).to_vec();
        (long(batch, "offset", row), String::from_utf8(payload).unwrap())
    })
    .await;
    let expected = ["a 0\n", "a 1\n", "b 0\n", "c 0\n"].map(ToOwned::to_owned);
    assert_eq!(raw, (0..).zip(expected).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_name_where_they_come_from() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake_in(&folder).await;
    let mut historian = Historian::open(lake.clone()).await.unwrap();
    historian.land(vec![trades("a", 0, 0..1)]).await.unwrap();
    let mut with_refusal = trades("b", 0, 1..2);
    with_refusal.records.refused.push(RefusedLine {
        line: 3,
        reason: DeadLetterReason::WrongType,
        detail: "b.csv line 3: column price is \"x\"".to_owned(),
        bytes: b"x\n".to_vec(),
    });
    let landed = historian.land(vec![with_refusal]).await.unwrap();
    assert_eq!(landed.refused, 1);
    let source = |batch: &arrow_array::RecordBatch, row: usize| {
        (long(batch, "source_offset", row), text(batch, "source_topic", row), time(batch, "received_at", row))
    };
    let (topic, read) = (HISTORY_TOPIC.to_owned(), (AUGUST_8 + 100 * MINUTE) / 1_000);
    let expected = [(0, topic.clone(), read), (1, topic, read)];
    assert_eq!(rows(&lake, Table::Trades, source).await, expected);
    assert_eq!(rows(&lake, Table::DeadLetters, source).await, expected[1..]);
    let reasons = rows(&lake, Table::DeadLetters, |batch, row| {
        (text(batch, "reason", row), text(batch, "detail", row))
    });
    assert_eq!(reasons.await, [("wrong_type".to_owned(), "b.csv line 3: column price is \"x\"".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bar_that_says_otherwise_closes_the_one_before_in_the_same_commit() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake_in(&folder).await;
    let mut historian = Historian::open(lake.clone()).await.unwrap();
    let first = historian.land(vec![bars("a", 0, &[(0, 10), (1, 11), (2, 12)])]).await.unwrap();
    assert_eq!((first.bars, first.bars_corrected, first.bars_known), (3, 0, 0));
    let second = historian.land(vec![bars("b", 1, &[(1, 11), (2, 99), (3, 13), (3, 14)])]).await;
    assert!(matches!(second, Err(HistoryError::Hole { next_line: 1, first_line: 11, .. })), "{second:?}");
    let second = historian.land(vec![bars("b", 0, &[(1, 11), (2, 99), (3, 13), (3, 14)])]).await.unwrap();
    assert_eq!((second.bars, second.bars_corrected, second.bars_known), (1, 2, 1));

    let believed = versions(&lake).await;
    let shown: Vec<_> =
        believed.iter().map(|(minute, close, _, _, is_current)| (*minute, *close, *is_current)).collect();
    assert_eq!(
        shown,
        [(0, 10, true), (1, 11, true), (2, 12, false), (2, 99, true), (3, 13, false), (3, 14, true)]
    );
    for pair in believed.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
        assert_eq!(pair[0].3, pair[1].2, "belief has no hole");
    }
    let snapshots = lake.tables().await.unwrap();
    let of_bars = snapshots.iter().find(|status| status.table == Table::Bars).unwrap();
    assert_eq!((of_bars.snapshots, of_bars.rows), (2, 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn bars_of_live_trades_that_agree_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake_in(&folder).await;
    let mut historian = Historian::open(lake.clone()).await.unwrap();
    historian.land(vec![bars("a", 0, &[(0, 10)])]).await.unwrap();
    let mut counted = bars("b", 0, &[(0, 10)]);
    let bar = &mut counted.records.bars[0];
    bar.trades = 3;
    bar.quote_volume += 99_999_999;
    let landed = historian.land(vec![counted.clone()]).await.unwrap();
    assert_eq!((landed.bars_known, landed.bars_corrected), (1, 0));
    counted.chunk.source.sha256 = "c".to_owned();
    counted.records.bars[0].quote_volume += 1;
    assert_eq!(historian.land(vec![counted]).await.unwrap().bars_corrected, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn days_of_stocks_are_corrected_too() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake_in(&folder).await;
    let mut historian = Historian::open(lake.clone()).await.unwrap();
    let day = |file, adjusted_close| {
        let bar = DailyBar {
            day: Timestamp(AUGUST_8),
            open: 10_i128.pow(20),
            high: 10_i128.pow(20),
            low: 10_i128.pow(20),
            close: 10_i128.pow(20),
            adjusted_close,
            volume: 5,
        };
        chunk(ChunkKind::DailyBars, file, 0, Records { daily_bars: vec![bar], ..Records::default() })
    };
    assert_eq!(historian.land(vec![day("a", None)]).await.unwrap().bars, 1);
    assert_eq!(historian.land(vec![day("b", Some(7))]).await.unwrap().bars_corrected, 1);
    assert_eq!(historian.land(vec![day("c", Some(7))]).await.unwrap().bars_known, 1);
    let current = rows(&lake, Table::DailyBars, |batch, row| {
        let adjusted = batch.column_by_name("adjusted_close").unwrap();
        let adjusted = (!adjusted.is_null(row)).then(|| adjusted.as_primitive::<Decimal128Type>().value(row));
        (batch.column_by_name("is_current").unwrap().as_boolean().value(row), adjusted)
    });
    assert_eq!(current.await, [(false, None), (true, Some(7))]);
}

/// Three at once with the same files, with overlapping ones and with some of their own, again and again in commits of other
/// sizes: as if one had landed each file once.
#[tokio::test(flavor = "multi_thread")]
async fn several_at_once_land_everything_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut tasks = Vec::new();
    for task in 0..3_usize {
        let lake = lake_in(&folder).await;
        tasks.push(tokio::spawn(async move {
            let mut historian = Historian::open(lake).await.unwrap();
            let mut landed = Vec::new();
            for part in 0..6 {
                let from = part * 10;
                let mut batch = vec![
                    trades("shared", part, from..from + 10),
                    trades(&format!("own {task}"), part, from + 5..from + 15),
                    bars(&format!("bars {task}"), part, &[(i64::try_from(part).unwrap(), 10)]),
                ];
                if task == 1 {
                    let rest = batch.split_off(1);
                    landed.push(historian.land(batch).await.unwrap());
                    batch = rest;
                }
                landed.push(historian.land(batch).await.unwrap());
            }
            landed
        }));
    }
    let mut sum = Landed::default();
    for task in tasks {
        for landed in task.await.unwrap() {
            sum.chunks += landed.chunks;
            sum.chunks_known += landed.chunks_known;
            sum.trades += landed.trades;
            sum.bars += landed.bars;
        }
    }
    let lake = lake_in(&folder).await;
    assert_eq!(trade_ids(&lake).await, (0..65).collect::<Vec<_>>());
    assert_eq!((sum.chunks, sum.chunks_known, sum.trades, sum.bars), (42, 12, 65, 6));
    assert!(versions(&lake).await.iter().all(|version| version.4), "equal bars open no versions");
    let offsets = rows(&lake, Table::RawHistory, |batch, row| long(batch, "offset", row)).await;
    assert_eq!(offsets, (0..42).collect::<Vec<_>>());
    let mut parts: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for (source, line) in rows(&lake, Table::RawHistory, |batch, row| {
        (text(batch, "source", row), long(batch, "first_line", row))
    })
    .await
    {
        parts.entry(source).or_default().push(line);
    }
    assert_eq!(parts.len(), 7);
    assert!(parts.values().all(|lines| *lines == [1, 11, 21, 31, 41, 51]), "{parts:?}");
}
