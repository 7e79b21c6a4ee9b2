//! What a query sees of a lake that others write to.

use datafusion::arrow::array::RecordBatch;
use depthlake_lake::table::Table;
use futures::TryStreamExt;

use super::{rows, value};
use crate::samples::{append, empty_lake, open, trades};
use crate::session::Session;

#[tokio::test]
async fn empty_tables_answer_with_their_columns() {
    let lake = empty_lake().await;
    let session = Session::new(lake.lake.clone()).unwrap();
    for table in Table::ALL {
        assert_eq!(value::<u64>(&session, &format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
        let all = session.sql(&format!("SELECT * FROM depthlake.{table} ORDER BY 1")).await.unwrap();
        let names: Vec<_> = all.schema().fields().iter().map(|field| field.name().clone()).collect();
        let declared = table.arrow_schema();
        assert_eq!(names, declared.fields().iter().map(|f| f.name().clone()).collect::<Vec<_>>(), "{table}");
        assert!(all.collect().await.unwrap().iter().all(|batch| batch.num_rows() == 0), "{table}");
    }
}

#[tokio::test]
async fn a_commit_of_another_process_is_seen_by_the_next_query() {
    let lake = empty_lake().await;
    let session = Session::new(lake.lake.clone()).unwrap();
    let writer = open(&lake.folder).await;
    let count = "SELECT count(*) FROM normalized.trades";
    for commits in 1..=3_i64 {
        append(&writer, Table::Trades, &trades(commits * 10, 10)).await;
        assert_eq!(value::<i64>(&session, count).await, commits * 10);
        let ids = "SELECT count(DISTINCT trade_id) FROM normalized.trades WHERE price >= 0";
        assert_eq!(value::<i64>(&session, ids).await, commits * 10);
    }
}

#[tokio::test]
async fn rows_under_way_keep_their_snapshot() {
    let lake = empty_lake().await;
    append(&lake.lake, Table::Trades, &trades(0, 100)).await;
    let session = Session::new(lake.lake.clone()).unwrap();
    let begun = session.sql("SELECT trade_id FROM normalized.trades").await.unwrap();
    append(&lake.lake, Table::Trades, &trades(100, 100)).await;
    let batches: Vec<_> = begun.try_collect().await.unwrap();
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_query_beside_a_writer_sees_whole_commits_and_the_same_twice() {
    const COMMITS: i64 = 25;
    const ROWS: i64 = 40;
    let lake = empty_lake().await;
    let session = Session::new(lake.lake.clone()).unwrap();
    let writer = open(&lake.folder).await;
    let writing = tokio::spawn(async move {
        for commit in 0..COMMITS {
            append(&writer, Table::Trades, &trades(commit * ROWS, ROWS)).await;
        }
    });
    let sql = "WITH a AS (SELECT trade_id FROM normalized.trades WHERE price >= 0), \
                    b AS (SELECT trade_id FROM normalized.trades WHERE quantity >= 0) \
               SELECT (SELECT count(*) FROM a) AS rows, (SELECT max(trade_id) + 1 FROM b) AS highest, \
                      (SELECT count(*) FROM a JOIN b USING (trade_id)) AS joined";
    let mut last = 0;
    while last < COMMITS * ROWS {
        let done = writing.is_finished();
        let counts = rows(&session, sql).await.concat();
        let number = |text: &String| text.parse::<i64>().unwrap_or(0);
        let [rows, highest, joined] = [number(&counts[0]), number(&counts[1]), number(&counts[2])];
        assert_eq!((rows % ROWS, highest, joined), (0, rows, rows));
        assert!(rows >= last, "{rows} after {last}");
        assert!(!done || rows == COMMITS * ROWS, "{rows} after the last commit");
        last = rows;
    }
    writing.await.unwrap();
}

#[tokio::test]
async fn payloads_read_as_text_and_as_json_to_cut() {
    let lake = empty_lake().await;
    append(&lake.lake, Table::RawTrades, &trades(7, 1)).await;
    let session = Session::new(lake.lake.clone()).unwrap();
    let sql = "SELECT CAST(payload AS VARCHAR), payload::text LIKE '%\"t\":7%', octet_length(CAST(payload AS VARCHAR)), \
                      substr(CAST(payload AS VARCHAR), 6, 1), encode(payload, 'hex') FROM raw.trades";
    assert_eq!(rows(&session, sql).await.concat(), [r#"{"t":7}"#, "true", "7", "7", "7b2274223a377d"]);
}

#[tokio::test]
async fn tables_are_listed_and_described() {
    let lake = empty_lake().await;
    let session = Session::new(lake.lake.clone()).unwrap();
    let listed = rows(
        &session,
        "SELECT table_schema || '.' || table_name FROM information_schema.tables \
         WHERE table_type = 'BASE TABLE' AND table_catalog = 'depthlake' ORDER BY 1",
    )
    .await
    .concat();
    let live = ["live.book_ticker", "live.depth"].map(str::to_owned);
    let mut all: Vec<_> = Table::ALL.iter().map(Table::to_string).chain(live).collect();
    all.sort();
    assert_eq!(listed, all);
    let shown = rows(&session, "SHOW TABLES").await;
    let of_lake = shown.iter().filter(|row| row[0] == "depthlake" && row[3] == "BASE TABLE");
    assert_eq!(of_lake.count(), all.len());
    let described = rows(&session, "DESCRIBE normalized.trades").await;
    assert!(described.iter().any(|row| row[..2] == ["price", "Decimal128(18, 8)"]), "{described:?}");
    let columns = "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'normalized'";
    assert!(value::<u64>(&session, columns).await > 40);
}
