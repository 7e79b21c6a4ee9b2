//! What a session refuses, and how it says so.

use super::{error, rows, value};
use crate::error::{Position, QueryError};
use crate::samples::empty_lake;
use crate::session::Session;

async fn message(sql: &str) -> String {
    let lake = empty_lake().await;
    error(&Session::new(lake.lake.clone()).unwrap(), sql).await.to_string()
}

#[tokio::test]
async fn a_name_that_is_unknown_is_answered_with_the_nearest() {
    for (sql, expected) in [
        (
            "SELECT *\nFROM raw.trade",
            r#"unknown table "raw.trade" at line 2, column 6; the nearest is raw.trades"#,
        ),
        (
            "SELECT * FROM book_tiker",
            r#"unknown table "book_tiker" at line 1, column 15; the nearest is normalized.book_ticker"#,
        ),
        (
            "SELECT * FROM row.trades",
            r#"unknown table "row.trades" at line 1, column 15; the nearest is raw.trades"#,
        ),
        (
            "SELECT * FROM iceberg.raw.trades",
            r#"unknown table "iceberg.raw.trades" at line 1, column 15; the nearest is raw.trades"#,
        ),
        (
            "SELECT symbol, prise FROM normalized.trades",
            r#"unknown column "prise" at line 1, column 16; the nearest is price"#,
        ),
        (
            "SELECT t.prise FROM normalized.trades t JOIN ohlcv_1m b ON t.symbol = b.symbol",
            r#"unknown column "t.prise" at line 1, column 8; the nearest is t.price"#,
        ),
        (
            r#"SELECT count(*) FROM normalized.trades WHERE "Symbol" = 'X'"#,
            r#"unknown column "Symbol" at line 1, column 46; the nearest is symbol"#,
        ),
    ] {
        assert_eq!(message(sql).await, expected, "{sql}");
    }
}

#[tokio::test]
async fn a_bare_name_works_where_only_one_schema_has_it() {
    let lake = empty_lake().await;
    let session = Session::new(lake.lake.clone()).unwrap();
    assert_eq!(value::<u64>(&session, "SELECT count(*) FROM ohlcv_1m").await, 0);
    assert_eq!(
        error(&session, "SELECT * FROM trades").await.to_string(),
        r#"the table "trades" at line 1, column 15 is ambiguous: write raw.trades or normalized.trades"#
    );
}

#[tokio::test]
async fn a_syntax_error_tells_its_place() {
    let lake = empty_lake().await;
    let session = Session::new(lake.lake.clone()).unwrap();
    for (sql, place) in [
        ("SELECT 1 +", None),
        ("SELECT *\nFROM raw.trades\n  ORDER x", Some((3, 3))),
        ("SELECT 'open", Some((1, 8))),
        ("SELEC 1", Some((1, 1))),
    ] {
        match error(&session, sql).await {
            QueryError::Syntax { message, position } => {
                let place = place.map(|(line, column)| Position { line, column });
                assert_eq!(position, place, "{sql}: {message}");
                assert!(!message.contains("Line:"), "{message}");
            }
            other => panic!("{sql}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn writing_is_refused_wherever_it_hides() {
    let lake = empty_lake().await;
    let session = Session::new(lake.lake.clone()).unwrap();
    for sql in [
        "INSERT INTO ops.feed_events SELECT * FROM ops.feed_events",
        "EXPLAIN ANALYZE INSERT INTO ops.feed_events SELECT * FROM ops.feed_events",
        "EXPLAIN COPY raw.trades TO 'out.parquet'",
        "CREATE VIEW v AS SELECT 1",
        "DROP TABLE raw.trades",
        "UPDATE raw.trades SET kind = ''",
        "SET datafusion.execution.target_partitions = 1",
        "EXPLAIN CREATE TABLE t AS SELECT 1",
    ] {
        let refused = error(&session, sql).await;
        assert!(matches!(refused, QueryError::ReadOnly { .. }), "{sql}: {refused:?}");
    }
    assert!(error(&session, "SELECT * FROM 'secrets.csv'").await.to_string().contains("unknown table"));
}

#[tokio::test]
async fn what_makes_no_sense_is_told_without_internals() {
    let nonsense = message("SELECT sum(symbol) FROM normalized.trades").await;
    assert!(!nonsense.contains("backtrace") && nonsense.contains("sum"), "{nonsense}");
    let division = message("SELECT 1 / (value - 5) FROM generate_series(1, 9)").await;
    assert!(division.contains("Division by zero"), "{division}");
    let long = vec!["price > 1"; 3_000].join(" OR ");
    let answer = message(&format!("SELECT * FROM normalized.trades WHERE {long} AND nonsense")).await;
    assert!(answer.contains("nonsense"), "{answer}");
}

#[tokio::test]
async fn a_file_that_is_gone_fails_the_query_and_not_the_session() {
    let lake = empty_lake().await;
    let trades = crate::samples::trades(0, 10);
    crate::samples::append(&lake.lake, depthlake_lake::table::Table::Trades, &trades).await;
    let files = lake.lake.data_files(depthlake_lake::table::Table::Trades).await.unwrap().files;
    std::fs::remove_file(depthlake_lake::storage::path_of(&files[0].location)).unwrap();
    let session = Session::new(lake.lake.clone()).unwrap();
    let failed = error(&session, "SELECT * FROM normalized.trades").await;
    assert!(matches!(&failed, QueryError::Failed { message } if message.contains(".parquet")), "{failed:?}");
    assert_eq!(rows(&session, "SELECT 1").await.concat(), ["1"]);
}
