//! The session of a person at this machine: Trino's language over the lake's files, with hints.

use super::{error, rows, value};
use crate::error::QueryError;
use crate::samples::{LakeInFolder, append, empty_lake, trades};
use crate::session::Session;

async fn session() -> (LakeInFolder, Session) {
    let lake = empty_lake().await;
    let session = Session::of_client(lake.lake.clone(), None).unwrap();
    (lake, session)
}

/// Does a statement and keeps what it changes.
async fn done(session: &mut Session, sql: &str) {
    let answer = session.execute(sql).await.unwrap();
    session.apply(&answer.effects);
    answer.rows.collect().await.unwrap();
}

#[tokio::test]
async fn what_is_unknown_is_answered_with_the_nearest() {
    let (_lake, session) = session().await;
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
            "SELECT * FROM iceberg.raw.trades",
            r#"unknown table "iceberg.raw.trades" at line 1, column 15; the nearest is raw.trades"#,
        ),
        (
            "SELECT * FROM live.dept",
            r#"unknown table "live.dept" at line 1, column 15; the nearest is live.depth"#,
        ),
        (
            "SELECT * FROM tpch.tiny.regoin",
            r#"unknown table "tpch.tiny.regoin" at line 1, column 15; the nearest is tpch.tiny.region"#,
        ),
        (
            "SELECT symbol, prise FROM normalized.trades",
            r#"unknown column "prise" at line 1, column 16; the nearest is price"#,
        ),
        (
            "SELECT stat FROM live.book_ticker",
            r#"unknown column "stat" at line 1, column 8; the nearest is state"#,
        ),
        (
            "SELECT t.prise FROM normalized.trades t JOIN ohlcv_1m b ON t.symbol = b.symbol",
            r#"unknown column "t.prise" at line 1, column 8; the nearest is t.price"#,
        ),
        (
            "SELECT * FROM trades",
            r#"the table "trades" at line 1, column 15 is ambiguous: write raw.trades or normalized.trades"#,
        ),
        (
            "DESCRIBE trades",
            r#"the table "trades" at line 1, column 10 is ambiguous: write raw.trades or normalized.trades"#,
        ),
        (
            "DESCRIBE raw.trade",
            r#"unknown table "raw.trade" at line 1, column 10; the nearest is raw.trades"#,
        ),
        ("SELECT sqart(2)", "Function 'sqart' not registered; the nearest is sqrt"),
        ("SELECT 1 FORM x y", "line 1:15: mismatched input"),
    ] {
        let told = error(&session, sql).await.to_string();
        assert!(told.contains(expected), "{sql}: {told}");
    }
}

#[tokio::test]
async fn a_bare_name_works_where_only_one_schema_has_it() {
    let (lake, session) = session().await;
    append(&lake.lake, depthlake_lake::table::Table::Trades, &trades(0, 3)).await;
    assert_eq!(value::<u64>(&session, "SELECT count(*) FROM ohlcv_1m").await, 0);
    assert_eq!(value::<u64>(&session, "SELECT count(*) FROM normalized.trades").await, 3);
    assert_eq!(value::<u64>(&session, "SELECT count(*) FROM \"dead_letters$files\"").await, 0);
    let described = rows(&session, "DESCRIBE book_ticker").await;
    let columns = rows(&session, "SHOW COLUMNS FROM normalized.book_ticker").await;
    assert_eq!(described, columns);
}

#[tokio::test]
async fn what_a_statement_sets_holds_for_the_next() {
    let (_lake, mut session) = session().await;
    done(&mut session, "USE normalized").await;
    assert_eq!(value::<u64>(&session, "SELECT count(*) FROM trades").await, 0);
    done(&mut session, "PREPARE sum FROM SELECT ? + ?").await;
    assert_eq!(value::<u64>(&session, "EXECUTE sum USING 1, 2").await, 3);
    done(&mut session, "SET TIME ZONE 'Europe/Berlin'").await;
    assert_eq!(value::<String>(&session, "SELECT current_timezone()").await, "Europe/Berlin");
    done(&mut session, "SET SESSION query_max_run_time = '3m'").await;
    let properties = rows(&session, "SHOW SESSION LIKE 'query_max_run_time'").await;
    assert_eq!(properties[0][1], "3m");
    done(&mut session, "CREATE TABLE memory.default.kept AS SELECT 7 AS n").await;
    assert_eq!(value::<u64>(&session, "SELECT n FROM memory.default.kept").await, 7);
    let refused = error(&session, "DROP TABLE raw.trades").await;
    assert!(matches!(refused, QueryError::Trino { .. }), "{refused}");
    let told = error(&session, "SELECT * FROM trade").await.to_string();
    assert!(told.contains("the nearest is normalized.trades"), "{told}");
}

#[tokio::test]
async fn statements_about_the_lake_are_answered() {
    let (_lake, session) = session().await;
    for (sql, expected) in [
        ("SHOW SCHEMAS", "normalized"),
        ("SHOW TABLES FROM marts", "mart_ohlcv"),
        ("SHOW CATALOGS", "memory"),
        ("SHOW FUNCTIONS LIKE 'approx%'", "approx_distinct"),
        ("SHOW CREATE TABLE raw.trades", "CREATE TABLE depthlake.raw.trades"),
        ("EXPLAIN SELECT 1", "ProjectionExec"),
        ("SELECT table_name FROM information_schema.tables WHERE table_schema = 'live'", "depth"),
        ("SELECT TRY(1 / 0) IS NULL", "true"),
    ] {
        let told = rows(&session, sql).await.concat().join(" ");
        assert!(told.contains(expected), "{sql}: {told}");
    }
}

#[tokio::test]
async fn the_figures_of_columns_are_those_of_the_manifests() {
    let (lake, session) = session().await;
    let trades = trades(0, 1_000);
    for part in trades.chunks(400) {
        append(&lake.lake, depthlake_lake::table::Table::Trades, part).await;
    }
    let figures = rows(&session, "SHOW STATS FOR normalized.trades").await;
    let of = |column: &str| figures.iter().find(|row| row[0] == column).unwrap().clone();
    assert_eq!(of("trade_id"), ["trade_id", "", "", "0.0", "", "0", "999"]);
    let symbol = of("symbol");
    assert!(symbol[1].parse::<f64>().unwrap() > 0.0 && symbol[5].is_empty(), "{symbol:?}");
    let without = trades.iter().filter(|trade| trade.first_id.is_none()).count();
    let told: f64 = of("first_trade_id")[3].parse().unwrap();
    assert_eq!(format!("{:.3}", told * 1_000.0), format!("{without}.000"));
    let bounds = "SELECT CAST(min(price) AS varchar), CAST(max(price) AS varchar) FROM normalized.trades";
    assert_eq!(of("price")[5..], rows(&session, bounds).await[0]);
    assert_eq!(of("")[4], "1000.0");
}
