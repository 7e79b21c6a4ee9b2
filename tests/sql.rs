//! `depthlake sql`: the same statement says the same, whether this process answers it or a server.

mod support;

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use support::server::Serving;
use support::{depthlake, finish, succeed, text, wait};

/// A value of every type, and NULL of it.
const VALUES: [&str; 34] = [
    "true",
    "TINYINT '-128'",
    "SMALLINT '32767'",
    "INTEGER '-2147483648'",
    "9223372036854775807",
    "REAL '0.1'",
    "CAST('1.0E-7' AS double)",
    "0.1E0 + 0.2E0",
    "nan()",
    "infinity()",
    "DECIMAL '61837.63000000'",
    "CAST('-12345678901234567890.12345678' AS decimal(38, 8))",
    "'a,\"b\" \u{fc}'",
    "CAST('ab' AS varchar(3))",
    "CAST('ab' AS char(4))",
    "X'7b7d'",
    "X'00ff'",
    "JSON '{\"a\": [1, null]}'",
    "UUID '12151fd2-7586-11e9-8f9e-2a86e4085a59'",
    "DATE '2024-02-29'",
    "TIME '01:02:03.004'",
    "TIMESTAMP '2026-01-01 00:00:00'",
    "TIMESTAMP '2026-01-01 00:00:00.123456'",
    "TIMESTAMP '1969-12-31 23:59:59.999999999'",
    "TIMESTAMP '2026-01-01 00:00:00.5 UTC'",
    "TIMESTAMP '2026-07-01 00:00:00.5 Europe/Berlin'",
    "TIMESTAMP '2026-01-01 00:00:00 +05:30'",
    "INTERVAL '2' DAY",
    "INTERVAL '14' MONTH",
    "ARRAY[1, NULL, 3]",
    "ARRAY[X'00', X'7b']",
    "MAP(ARRAY['x', 'y'], ARRAY[1, NULL])",
    "MAP(ARRAY[7], ARRAY[TIMESTAMP '2026-01-01 00:00:00.5 UTC'])",
    "ROW(1, 'a', ARRAY[INTERVAL '3' HOUR])",
];

/// What stands in a table's footer as time is not the same twice.
fn without_times(output: &str) -> String {
    let lines = output.lines().map(|line| match line.rsplit_once(", ") {
        Some((rows, time)) if line.starts_with('(') && time.ends_with(" s)") => rows.to_owned(),
        _ if line.ends_with(" s)") => line.rsplit_once(" (").map_or(line, |(done, _)| done).to_owned(),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn assert_same(serving: &Serving, format: &str, sql: &str) -> String {
    let here = serving.folder.path();
    let local = finish(here, &["sql", "--data", "data", "--format", format, sql]);
    assert!(local.status.success(), "{sql}: {}", text(&local.stderr));
    let remote = finish(here, &["sql", "--server", &serving.url, "--format", format, sql]);
    assert!(remote.status.success(), "{sql}: {}", text(&remote.stderr));
    let (local, remote) = (without_times(&text(&local.stdout)), without_times(&text(&remote.stdout)));
    assert_eq!(local, remote, "{format}: {sql}");
    local
}

#[test]
fn a_server_s_answer_is_printed_like_one_of_this_process() {
    let serving = Serving::start("");
    let columns = VALUES.map(|value| format!("IF(n = 1, {value})"));
    let columns: Vec<_> =
        columns.iter().zip(0..).map(|(value, number)| format!("{value} AS c{number}")).collect();
    let sql = format!("SELECT {}, NULL AS nothing FROM (VALUES 1, 2) AS t(n) ORDER BY n", columns.join(", "));
    for format in ["csv", "json", "table"] {
        let told = assert_same(&serving, format, &sql);
        for value in
            ["61837.63000000", "2026-01-01T00:00:00.500Z", "2026-01-01T00:00:00.123456", "2 00:00:00.000"]
        {
            assert!(told.contains(value), "{format} lacks {value}: {told}");
        }
        for sql in [
            "SELECT 1 AS a, 2 AS a WHERE false",
            "SELECT n, n * 0.1 AS tenth FROM UNNEST(sequence(1, 5000)) AS t(n)",
            "USE marts; SHOW TABLES",
            "PREPARE p FROM SELECT ? + ?; EXECUTE p USING 1, 2; DEALLOCATE PREPARE p",
            "SET SESSION query_max_run_time = '3m'; SHOW SESSION LIKE 'query_max_run_time'",
            "SET TIME ZONE 'Europe/Berlin'; SELECT TIMESTAMP '2026-07-01 00:00:00 UTC' AT TIME ZONE current_timezone()",
            "START TRANSACTION; SELECT 1; COMMIT",
            "CREATE TABLE memory.default.t AS SELECT 1 AS n; INSERT INTO memory.default.t VALUES 2, 3; SELECT count(*) FROM memory.default.t; DROP TABLE memory.default.t",
            "DESCRIBE normalized.trades",
            "SHOW FUNCTIONS",
        ] {
            assert_same(&serving, format, sql);
        }
    }
    serving.stop();
}

#[test]
fn parquet_is_written_to_a_file_or_a_pipe() {
    let serving = Serving::start("");
    let here = serving.folder.path();
    let sql = "SELECT n, CAST(n AS decimal(18, 8)) AS price, TIMESTAMP '2026-01-01 00:00:00 UTC' AS time \
        FROM UNNEST(sequence(1, 10000)) AS t(n)";
    for (name, place) in [("local", ["--data", "data"]), ("remote", ["--server", serving.url.as_str()])] {
        let file = format!("{name}.parquet");
        let to_file = ["sql", place[0], place[1], "--format", "parquet", "--output", &file, sql];
        assert_eq!(succeed(here, &to_file), "");
        let piped = finish(here, &["sql", place[0], place[1], "--format", "parquet", sql]);
        assert!(piped.status.success(), "{}", text(&piped.stderr));
        let written = std::fs::read(here.join(&file)).unwrap();
        assert!(written.starts_with(b"PAR1") && written.ends_with(b"PAR1"), "{file}");
        assert_eq!(written, piped.stdout, "{file}");
        assert_another_engine_reads(here, &file);
    }
    let refused = finish(here, &["sql", "--data", "data", "--format", "parquet", "SELECT 1; SELECT 2"]);
    assert!(!refused.status.success() && text(&refused.stderr).contains("one statement"));
    serving.stop();
}

/// Skipped, with a message, where there is no interpreter.
fn assert_another_engine_reads(folder: &Path, file: &str) {
    let Some(python) = std::env::var_os("DEPTHLAKE_PYTHON") else {
        eprintln!("SKIPPED: DEPTHLAKE_PYTHON names no interpreter with DuckDB");
        return;
    };
    let code = "import duckdb, sys\n\
        print(duckdb.sql(f\"SELECT count(*), sum(price), typeof(min(price)), typeof(min(time)) FROM '{sys.argv[1]}'\").fetchone())";
    let output =
        std::process::Command::new(python).args(["-c", code, file]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let expected = "(10000, Decimal('50005000.00000000'), 'DECIMAL(18,8)', 'TIMESTAMP WITH TIME ZONE')";
    assert_eq!(text(&output.stdout).trim(), expected);
}

#[test]
fn a_mistake_is_told_with_its_place() {
    let serving = Serving::start("");
    let here = serving.folder.path();
    let told = |place: [&str; 2], sql: &str| {
        let output = finish(here, &["sql", place[0], place[1], sql]);
        assert!(!output.status.success() && output.stdout.is_empty(), "{sql}");
        text(&output.stderr)
    };
    for (sql, expected, kind) in [
        ("SELECT prise FROM normalized.trades", "line 1, column 8; the nearest is price", "COLUMN_NOT_FOUND"),
        (
            "SELECT 1 FROM normalized.trade",
            "line 1, column 15; the nearest is normalized.trades",
            "TABLE_NOT_FOUND",
        ),
        ("SELECT coun_if(true)", "the nearest is count_if", "FUNCTION_NOT_FOUND"),
    ] {
        let local = told(["--data", "data"], sql);
        assert!(local.contains(expected), "{local}");
        let remote = told(["--server", &serving.url], sql);
        assert!(remote.contains(expected) && remote.contains(kind), "{remote}");
    }
    let nobody = told(["--server", "http://127.0.0.1:1"], "SELECT 1");
    assert!(nobody.contains("http://127.0.0.1:1 cannot be asked"), "{nobody}");
    serving.stop();
}

#[test]
fn an_interrupted_question_is_stopped_at_the_server() {
    let serving = Serving::start("");
    let sql = "SELECT count(*) FROM UNNEST(sequence(1, 10000)) AS a(n), UNNEST(sequence(1, 10000)) AS b(m), \
               UNNEST(sequence(1, 10000)) AS c(o) WHERE n * m + o < 0";
    let mut asking = depthlake(serving.folder.path(), &["sql", "--server", &serving.url, sql]);
    let asking = asking.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let query = || -> Option<Value> {
        let url = format!("{}/v1/query", serving.url);
        let queries: Value =
            runtime.block_on(async { reqwest::get(url).await.unwrap().json().await.unwrap() });
        let queries = queries.as_array().unwrap().clone();
        queries.into_iter().find(|query| query["query"] == sql)
    };
    wait("the query runs", || query().is_some_and(|query| query["state"] == "RUNNING"));
    support::interrupt(&asking);
    let output = asking.wait_with_output().unwrap();
    assert!(!output.status.success() && text(&output.stderr).contains("stopped"), "{}", text(&output.stderr));
    wait("the query is stopped", || query().is_some_and(|query| query["state"] == "FAILED"));
    assert_eq!(query().unwrap()["errorCode"]["name"], "USER_CANCELED", "{:?}", query());
    serving.stop();
}
