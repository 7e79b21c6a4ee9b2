//! What would be a wrong number is an error, as in Trino.

use super::{error, rows, value};
use crate::samples::{LakeInFolder, empty_lake};
use crate::session::Session;

async fn session() -> (LakeInFolder, Session) {
    let lake = empty_lake().await;
    let session = Session::of_client(lake.lake.clone(), None).unwrap();
    (lake, session)
}

async fn refuses(session: &Session, name: &str, cases: &[(&str, &str)]) {
    for (sql, expected) in cases {
        let error = error(session, sql).await;
        assert_eq!((error.trino().name, error.to_string().as_str()), (name, *expected), "{sql}");
    }
}

#[tokio::test]
async fn sums_that_do_not_fit_are_refused() {
    let (_lake, session) = session().await;
    let bigints = "(VALUES 9223372036854775807, 1)";
    let nines = "DECIMAL '99999999999999999999999999999999999999'";
    refuses(
        &session,
        "NUMERIC_VALUE_OUT_OF_RANGE",
        &[
            (&format!("SELECT sum(x) FROM {bigints} AS t(x)"), "bigint addition overflow"),
            (
                &format!("SELECT g, sum(x) FROM {bigints} AS t(x) CROSS JOIN (VALUES 1) AS u(g) GROUP BY g"),
                "bigint addition overflow",
            ),
            (&format!("SELECT sum(x) OVER () FROM {bigints} AS t(x)"), "bigint addition overflow"),
            (&format!("SELECT sum(x) FROM (VALUES {nines}, {nines}) AS t(x)"), "Decimal overflow"),
            (&format!("SELECT sum(x) FROM (VALUES {nines}, DECIMAL '1') AS t(x)"), "Decimal overflow"),
        ],
    )
    .await;
    for (sql, expected) in [
        ("SELECT sum(x) FROM (VALUES 9223372036854775807, 1, -1) AS t(x)", "9223372036854775807"),
        (
            "SELECT CAST(sum(x) AS varchar) FROM (VALUES DECIMAL '99999999999999999999999999999999999998', DECIMAL '1') AS t(x)",
            "99999999999999999999999999999999999999",
        ),
        (
            "SELECT typeof(sum(x)) || typeof(sum(CAST(x AS decimal(28)))) || typeof(sum(CAST(x AS double))) || typeof(sum(CAST(x AS tinyint))) FROM (VALUES 1) AS t(x)",
            "bigintdecimal(38,0)doublebigint",
        ),
        ("SELECT sum(DISTINCT x) FROM (VALUES 1, 1, 2) AS t(x)", "3"),
        ("SELECT sum(x) FROM (VALUES CAST(NULL AS bigint)) AS t(x)", ""),
    ] {
        assert_eq!(rows(&session, sql).await, [[expected.to_owned()]], "{sql}");
    }
}

#[tokio::test]
async fn arithmetic_that_does_not_fit_is_refused() {
    let (_lake, session) = session().await;
    refuses(
        &session,
        "NUMERIC_VALUE_OUT_OF_RANGE",
        &[
            ("SELECT 2147483647 + x FROM (VALUES 1) AS t(x)", "integer addition overflow: 2147483647 + 1"),
            (
                "SELECT 9223372036854775807 * x FROM (VALUES 2) AS t(x)",
                "bigint multiplication overflow: 9223372036854775807 * 2",
            ),
            ("SELECT CAST(-128 AS tinyint) - CAST(1 AS tinyint)", "tinyint subtraction overflow: -128 - 1"),
            ("SELECT DECIMAL '99999999999999999999999999999999999999' + 1", "Decimal overflow"),
            ("SELECT x * x FROM (VALUES DECIMAL '10000000000000000000') AS t(x)", "Decimal overflow"),
            ("SELECT -DECIMAL '99999999999999999999999999999999999999' - 1", "Decimal overflow"),
        ],
    )
    .await;
    let sum = "SELECT CAST(DECIMAL '99999999999999999999999999999999999998' + 1 AS varchar)";
    assert_eq!(value::<String>(&session, sum).await, "99999999999999999999999999999999999999");
}

#[tokio::test]
async fn a_scalar_subquery_has_one_row_at_most() {
    let (_lake, session) = session().await;
    let several = "Scalar sub-query has returned multiple rows";
    refuses(
        &session,
        "SUBQUERY_MULTIPLE_ROWS",
        &[
            ("SELECT (SELECT x FROM (VALUES 1, 2) AS t(x))", several),
            ("SELECT 1 WHERE 1 = (SELECT x FROM (VALUES 1, 2) AS t(x))", several),
            (
                "SELECT n FROM (VALUES 1, 2) AS a(n) WHERE n > (SELECT nationkey FROM tpch.tiny.nation)",
                several,
            ),
        ],
    )
    .await;
    for (sql, expected) in [
        ("SELECT (SELECT x FROM (VALUES 1, 2) AS t(x) WHERE x > 1)", "2"),
        ("SELECT (SELECT x FROM (VALUES 1, 2) AS t(x) WHERE x > 2)", ""),
        ("SELECT (SELECT max(x) FROM (VALUES 1, 2) AS t(x)) + 1", "3"),
        ("SELECT (SELECT name FROM tpch.tiny.nation WHERE nationkey = 7)", "GERMANY"),
        ("SELECT (SELECT x FROM (VALUES 5, 6) AS t(x) ORDER BY x LIMIT 1)", "5"),
        (
            "SELECT (SELECT max(b) FROM (VALUES (1, 2), (1, 3)) AS t(a, b) WHERE a = n) FROM (VALUES 1) AS u(n)",
            "3",
        ),
    ] {
        assert_eq!(rows(&session, sql).await, [[expected.to_owned()]], "{sql}");
    }
}

#[tokio::test]
async fn rows_and_arrays_are_counted_by_their_values() {
    let (_lake, session) = session().await;
    let values = "(VALUES (1, 'a'), (1, 'a'), (1, 'b'), (2, CAST(NULL AS varchar)), (2, NULL)) AS t(n, text)";
    let sql = format!(
        "SELECT CAST(count(DISTINCT (n, text)) AS varchar) || '/' || CAST(count(*) AS varchar) FROM {values}"
    );
    assert_eq!(value::<String>(&session, &sql).await, "3/5");
    let sql = format!("SELECT count(DISTINCT ARRAY[text]) FROM {values} WHERE text IS NOT NULL");
    assert_eq!(value::<u64>(&session, &sql).await, 2);
    let sql = "SELECT count(DISTINCT IF(n > 1, ROW(n, 2))) FROM (VALUES 1, 2, 2) AS t(n)";
    assert_eq!(value::<u64>(&session, sql).await, 1);
}

#[tokio::test]
async fn conditions_are_boolean() {
    let (_lake, session) = session().await;
    refuses(
        &session,
        "TYPE_MISMATCH",
        &[
            ("SELECT 1 WHERE 1", "WHERE clause must evaluate to a boolean: actual type integer"),
            (
                "SELECT symbol FROM normalized.trades WHERE trade_id",
                "WHERE clause must evaluate to a boolean: actual type bigint",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_state_that_is_not_kept_is_named() {
    let (_lake, session) = session().await;
    for (sql, named) in [
        ("SELECT * FROM normalized.trades FOR VERSION AS OF 17", "17"),
        (
            "SELECT * FROM normalized.trades FOR TIMESTAMP AS OF TIMESTAMP '2001-01-01 00:00:00 UTC'",
            "2001-01-01",
        ),
        ("SELECT * FROM normalized.\"trades@17\"", "17"),
    ] {
        let error = error(&session, sql).await;
        assert_eq!(error.trino().name, "INVALID_ARGUMENTS", "{sql}: {error}");
        assert!(error.to_string().contains(named), "{sql}: {error}");
    }
}
