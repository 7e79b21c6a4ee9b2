//! What is expected of chunks, in lakes from which rows are taken.

use arrow_array::{BooleanArray, RecordBatch, UInt64Array};
use arrow_cast::display::array_value_to_string;
use arrow_select::concat::concat_batches;
use arrow_select::filter::filter_record_batch;
use arrow_select::take::take_record_batch;

use super::*;

async fn stored(lake: &Lake, table: Table) -> RecordBatch {
    let mut batches = Vec::new();
    for file in lake.data_files(table).await.unwrap().files {
        batches.extend(lake.read_rows(&file, table).await.unwrap());
    }
    concat_batches(&table.arrow_schema(), &batches).unwrap()
}

fn lines(rows: &RecordBatch) -> Vec<String> {
    let line = |row| {
        let values = rows.columns().iter().map(|column| array_value_to_string(column, row).unwrap());
        values.collect::<Vec<_>>().join(" ")
    };
    let mut lines: Vec<_> = (0..rows.num_rows()).map(line).collect();
    lines.sort();
    lines
}

fn without(rows: &RecordBatch, gone: usize) -> RecordBatch {
    filter_record_batch(rows, &(0..rows.num_rows()).map(|row| Some(row != gone)).collect::<BooleanArray>())
        .unwrap()
}

/// Lands each chunk by itself; gives them with their offsets.
async fn landed(lake: &Lake, chunks: Vec<DerivedChunk>) -> Vec<(u64, DerivedChunk)> {
    let mut historian = Historian::open(lake.clone()).await.unwrap();
    for chunk in &chunks {
        historian.land(vec![chunk.clone()]).await.unwrap();
    }
    (0..).zip(chunks).collect()
}

/// Whichever row is taken away, it is expected as it was, and nothing else.
fn assert_each_row_is_expected(table: Table, chunks: &[(u64, DerivedChunk)], stored: &RecordBatch) {
    let whole = given(table, chunks, stored).unwrap();
    assert_eq!(lines(&whole.expected), lines(&whole.found));
    assert!(whole.copies.is_empty());
    assert!(stored.num_rows() > 0);
    for row in 0..stored.num_rows() {
        let less = given(table, chunks, &without(stored, row)).unwrap();
        assert_eq!(lines(&less.expected), lines(&whole.expected), "without row {row}");
        assert_eq!(less.found.num_rows() + 1, whole.found.num_rows());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trade_is_expected_of_the_first_chunk_that_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake_in(&folder).await;
    let chunks = vec![trades("a", 0, 0..10), trades("b", 0, 5..12), trades("c", 0, 20..22)];
    let chunks = landed(&lake, chunks).await;
    let rows = stored(&lake, Table::Trades).await;
    assert_each_row_is_expected(Table::Trades, &chunks, &rows);

    // The second chunk's copy of a trade that the first has brought.
    let alone = tempfile::tempdir().unwrap();
    let other = lake_in(&alone).await;
    landed(&other, vec![trades("x", 0, 40..41), trades("b", 0, 5..12)]).await;
    let copies = stored(&other, Table::Trades).await;
    let five = (0..copies.num_rows()).find(|row| long(&copies, "trade_id", *row) == 5).unwrap();
    let five = take_record_batch(&copies, &UInt64Array::from(vec![five as u64])).unwrap();
    let doubled = concat_batches(&rows.schema(), &[rows.clone(), five]).unwrap();
    let with_copy = given(Table::Trades, &chunks, &doubled).unwrap();
    assert_eq!((with_copy.expected.num_rows(), with_copy.found.num_rows()), (14, 15));
    let copy: Vec<_> =
        with_copy.copies.into_iter().map(|row| long(&with_copy.found, "source_offset", row)).collect();
    assert_eq!(copy, [1], "the first chunk's row is the one that is expected");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_gone_is_expected_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake_in(&folder).await;
    let later = |mut chunk: DerivedChunk, hours: i64| {
        chunk.chunk.received.0 += hours * 60 * MINUTE;
        chunk
    };
    let chunks = landed(
        &lake,
        vec![
            bars("a", 0, &[(0, 10), (1, 11), (2, 12)]),
            later(bars("b", 0, &[(1, 11), (2, 99), (3, 13), (3, 14)]), 1),
            later(bars("c", 0, &[(2, 12), (3, 15)]), 2),
        ],
    )
    .await;
    let rows = stored(&lake, Table::Bars).await;
    assert_eq!(rows.num_rows(), 8);
    assert_each_row_is_expected(Table::Bars, &chunks, &rows);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_versions_of_a_bar_are_expected_in_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake_in(&folder).await;
    let mut second = bars("b", 0, &[(1, 12)]);
    second.chunk.received.0 += 60 * MINUTE;
    let chunks = landed(&lake, vec![bars("a", 0, &[(1, 11)]), second]).await;
    let rows = stored(&lake, Table::Bars).await;
    let nothing = rows.slice(0, 0);
    let all = given(Table::Bars, &chunks, &nothing).unwrap();
    assert_eq!(lines(&all.expected), lines(&rows));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_was_never_closed_is_expected_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake_in(&folder).await;
    let first = bars("a", 0, &[(1, 11)]);
    landed(&lake, vec![first.clone()]).await;
    let before = stored(&lake, Table::Bars).await;
    let mut second = bars("b", 0, &[(1, 12)]);
    second.chunk.received.0 += 60 * MINUTE;
    let chunks = landed(&lake, vec![first, second]).await;
    let whole = given(Table::Bars, &chunks, &stored(&lake, Table::Bars).await).unwrap();
    // As if a copy of the file from before had been put back.
    let Given { expected, found, .. } = given(Table::Bars, &chunks[1..], &before).unwrap();
    assert_eq!(lines(&expected), lines(&whole.expected));
    assert_eq!(lines(&found), lines(&before), "the version of the other chunk is to be closed");
}
