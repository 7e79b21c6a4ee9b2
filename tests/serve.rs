//! The program as a server: what it answers over Trino's protocol, whom it lets in, and what bad input gets.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use support::broker::Broker;
use support::server::{Serving, listening};
use support::{depthlake, finish, text, wait};

/// A client that takes rows in the first answer.
fn client() -> Client {
    Client::builder().user_agent("depthlake/test").build().unwrap()
}

fn ask(client: &Client, serving: &Serving, sql: impl Into<String>) -> RequestBuilder {
    let sql: String = sql.into();
    client
        .post(format!("{}/v1/statement", serving.url))
        .header("X-Trino-User", "ana")
        .header("X-Trino-Client-Capabilities", "PARAMETRIC_DATETIME")
        .body(sql)
}

/// Fetches all pages of an answer that began so.
async fn whole(client: &Client, request: RequestBuilder) -> Value {
    whole_as(client, request, |next| next).await
}

/// The same for somebody who has to log in for each page.
async fn whole_as(
    client: &Client,
    request: RequestBuilder,
    log_in: impl Fn(RequestBuilder) -> RequestBuilder,
) -> Value {
    let request = log_in(request);
    let mut page: Value = request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap();
    let mut rows = Vec::new();
    loop {
        rows.extend(page["data"].as_array().cloned().unwrap_or_default());
        let Some(next) = page["nextUri"].as_str() else { break };
        let next = log_in(client.get(next).header("X-Trino-User", "ana")).send().await.unwrap();
        page = next.error_for_status().unwrap().json().await.unwrap();
    }
    page["data"] = json!(rows);
    page
}

async fn rows(client: &Client, serving: &Serving, sql: &str) -> Value {
    let answer = whole(client, ask(client, serving, sql)).await;
    assert!(answer.get("error").is_none(), "{sql}: {}", answer["error"]);
    answer["data"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_are_answered_page_by_page() {
    let serving = Serving::start("");
    let client = client();
    assert_eq!(rows(&client, &serving, "SELECT 1, 'a'").await, json!([[1, "a"]]));
    let many =
        rows(&client, &serving, "SELECT n, rpad('x', 500, 'y') FROM UNNEST(sequence(1, 9999)) AS t(n)").await;
    let numbers: Vec<_> = many.as_array().unwrap().iter().map(|row| row[0].as_i64().unwrap()).collect();
    assert_eq!(numbers, (1..=9_999).collect::<Vec<_>>());

    // A client that looks for rows behind nextUri only.
    let plain = Client::new();
    let first: Value = ask(&plain, &serving, "SELECT 1").send().await.unwrap().json().await.unwrap();
    assert!(first.get("data").is_none() && first["stats"]["state"] == "QUEUED", "{first}");
    let next = first["nextUri"].as_str().unwrap();
    let once: Value = plain.get(next).send().await.unwrap().json().await.unwrap();
    let mut last = (next.to_owned(), once);
    while let Some(next) = last.1["nextUri"].as_str().map(str::to_owned) {
        let page = plain.get(&next).send().await.unwrap().json().await.unwrap();
        last = (next, page);
    }
    assert_eq!(last.1["data"], json!([[1]]));
    let again: Value = plain.get(&last.0).send().await.unwrap().json().await.unwrap();
    assert_eq!(again, last.1);
    let (front, token) = last.0.rsplit_once('/').unwrap();
    let unknown = format!("{front}x/{token}");
    assert_eq!(plain.get(unknown).send().await.unwrap().status(), StatusCode::NOT_FOUND);

    let ended = endless(&plain, &serving).await;
    assert_eq!(plain.delete(&ended).send().await.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(plain.get(&ended).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    let info: Value =
        plain.get(format!("{}/v1/info", serving.url)).send().await.unwrap().json().await.unwrap();
    assert_eq!((&info["coordinator"], &info["starting"]), (&json!(true), &json!(false)));
    serving.stop();
}

/// Begins a query that goes on for long, and gives the address of a page of it.
async fn endless(client: &Client, serving: &Serving) -> String {
    let sql = "SELECT count(*) FROM UNNEST(sequence(1, 10000)) AS a(n), UNNEST(sequence(1, 10000)) AS b(m), \
               UNNEST(sequence(1, 10000)) AS c(o) WHERE n * m + o < 0";
    let page: Value = ask(client, serving, sql).send().await.unwrap().json().await.unwrap();
    page["nextUri"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_gets_an_answer_and_harms_nobody() {
    let serving = Serving::start("");
    let client = client();
    for (sql, name) in [
        ("SELEC 1", "SYNTAX_ERROR"),
        ("SELECT * FROM depthlake.raw.nothing", "TABLE_NOT_FOUND"),
        ("SELECT nothing FROM raw.trades", "COLUMN_NOT_FOUND"),
        ("SELECT 1 / 0", "DIVISION_BY_ZERO"),
        ("SELECT CAST('x' AS bigint)", "INVALID_CAST_ARGUMENT"),
    ] {
        let answer = whole(&client, ask(&client, &serving, sql).header("X-Trino-Catalog", "depthlake")).await;
        assert_eq!(answer["error"]["errorName"], name, "{sql}: {answer}");
        assert_eq!(answer["stats"]["state"], "FAILED", "{sql}");
    }
    let long = whole(&client, ask(&client, &serving, format!("SELECT '{}'", "x".repeat(1_500_000)))).await;
    assert_eq!(long["error"]["errorName"], "QUERY_TEXT_TOO_LARGE", "{long}");
    let refused = |request: RequestBuilder| async { request.send().await.unwrap().status() };
    assert_eq!(refused(ask(&client, &serving, "")).await, StatusCode::BAD_REQUEST);
    let bytes = client.post(format!("{}/v1/statement", serving.url)).body(b"SELECT '\xff'".to_vec());
    let nobody = client.post(format!("{}/v1/statement", serving.url)).body("SELECT 1");
    assert_eq!(refused(nobody).await, StatusCode::UNAUTHORIZED);
    let bytes = bytes.header("X-Trino-User", "ana");
    assert_eq!(refused(bytes).await, StatusCode::BAD_REQUEST);
    for (name, value) in
        [("X-Trino-Session", "no pair"), ("X-Trino-Prepared-Statement", "a=%ff"), ("X-Trino-Schema", "marts")]
    {
        let sent = ask(&client, &serving, "SELECT 1").header(name, value);
        assert_eq!(refused(sent).await, StatusCode::BAD_REQUEST, "{name}");
    }
    let unknown = ask(&client, &serving, "SELECT 1").header("X-Trino-Session", "no_such_property=1");
    assert_eq!(whole(&client, unknown).await["error"]["errorName"], "INVALID_SESSION_PROPERTY");
    // Names in headers are names, whatever is in them.
    let injected = ask(&client, &serving, "SELECT count(*) FROM trades")
        .header("X-Trino-Catalog", "depthlake\"; DROP TABLE x; --")
        .header("X-Trino-Schema", "a\".\"b' OR '1'='1");
    let answer = whole(&client, injected).await;
    assert!(answer["error"]["errorName"].as_str().unwrap().ends_with("NOT_FOUND"), "{answer}");

    let mut large = TcpStream::connect(serving.address()).unwrap();
    large.write_all(b"POST /v1/statement HTTP/1.1\r\nHost: x\r\nX-Trino-User: ana\r\nContent-Length: 100000000\r\n\r\n").unwrap();
    let mut told = Vec::new();
    let _ = large.read_to_end(&mut told);
    assert!(told.starts_with(b"HTTP/1.1 413"), "{}", text(&told));
    let half_open: Vec<_> = (0..50).map(|_| TcpStream::connect(serving.address()).unwrap()).collect();
    for mut stream in half_open.iter().take(25) {
        stream.write_all(b"POST /v1/statement HTTP/1.1\r\nHost:").unwrap();
    }
    assert_eq!(rows(&client, &serving, "SELECT 1").await, json!([[1]]));
    drop(half_open);
    serving.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_configured_users_come_in_and_see_what_is_granted() {
    // The password is "sesame", the token "a-token-of-a-robot".
    let serving = Serving::start(&format!(
        "[serve.users.ana]\npassword = '{PASSWORD}'\nread = ['normalized']\n[serve.users.robot]\ntokens = ['{TOKEN}']\n"
    ));
    let client = client();
    let asked = |sql: &str| ask(&client, &serving, sql);
    assert_eq!(asked("SELECT 1").send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let wrong = asked("SELECT 1").basic_auth("ana", Some("open"));
    assert_eq!(wrong.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let other = asked("SELECT 1").bearer_auth("a-token-of-a-robot");
    assert_eq!(other.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    let log_in = |request: RequestBuilder| request.basic_auth("ana", Some("sesame"));
    let granted = asked("SELECT count(*) >= 0 FROM depthlake.normalized.trades");
    let answer = whole_as(&client, granted, log_in).await;
    assert_eq!(answer["data"], json!([[true]]), "{answer}");
    let answer = whole_as(&client, asked("SELECT count(*) FROM depthlake.raw.trades"), log_in).await;
    assert_eq!(answer["error"]["errorName"], "PERMISSION_DENIED", "{answer}");
    // What drivers look at before they log in.
    let info = client.get(format!("{}/v1/info", serving.url)).send().await.unwrap();
    assert_eq!(info.status(), StatusCode::OK);
    serving.stop();
}

const PASSWORD: &str = "$2b$04$abcdefghijklmnopqrstuuinwY/tkBVrn3xrxQI/TgnMHhkvl85RW";
const TOKEN: &str = "2dd1ad6bf57511d5d803c50a823ba8bde4704fd63b17dcc8adb7b18506ba258e";

#[test]
fn any_text_gets_an_answer() {
    let serving = Serving::start("");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let client = client();
    let words = prop::sample::select(vec![
        "SELECT",
        "FROM",
        "WHERE",
        "GROUP BY",
        "ORDER BY",
        "(",
        ")",
        ",",
        "'",
        "\"",
        "1",
        "1e400",
        "-",
        "/",
        "*",
        "::",
        "?",
        "$1",
        "CAST",
        "AS",
        "bigint",
        "decimal(39,2)",
        "raw.trades",
        "trades",
        "\"t$files\"",
        "JOIN",
        "ON",
        "UNNEST",
        "ARRAY[",
        "]",
        "ROW",
        "PREPARE",
        "EXECUTE",
        "USING",
        "IMMEDIATE",
        "SHOW",
        "DESCRIBE",
        "INPUT",
        "EXPLAIN",
        "SET SESSION",
        "USE",
        "NULL",
        ";",
        "--",
        "/*",
        "INTERVAL",
        "TIMESTAMP",
        "AT TIME ZONE",
        "FOR VERSION AS OF",
        "\u{0}",
        "\u{fffd}",
        "\u{1f980}",
    ]);
    let statement = prop_oneof![
        prop::collection::vec(words, 1..25).prop_map(|words| words.join(" ")),
        ".{0,120}".prop_map(|text: String| text),
    ];
    TestRunner::new(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })
        .run(&statement, |statement| {
            runtime.block_on(async {
                let response = ask(&client, &serving, statement.clone()).send().await.unwrap();
                if response.status() == StatusCode::BAD_REQUEST {
                    prop_assert!(statement.trim().is_empty(), "{statement:?}");
                    return Ok(());
                }
                prop_assert_eq!(response.status(), StatusCode::OK);
                prop_assert_eq!(&response.headers()[CONTENT_TYPE], "application/json");
                let page: Value = response.json().await.unwrap();
                let is_internal = page["error"]["errorType"] == "INTERNAL_ERROR";
                prop_assert!(
                    !is_internal
                        || !page["error"]["message"]
                            .as_str()
                            .unwrap_or_default()
                            .contains("ended unexpectedly"),
                    "{page}"
                );
                Ok(())
            })
        })
        .unwrap();
    assert_eq!(runtime.block_on(rows(&client, &serving, "SELECT 1")), json!([[1]]));
    serving.stop();
}

#[test]
fn a_folder_is_served_without_a_feed_and_a_taken_address_is_told() {
    let serving = Serving::start("");
    let data = serving.folder.path().join("data");
    let another = tempfile::tempdir().unwrap();
    let data = data.to_str().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // It listens before it has a lake, and answers once it has one.
    assert_eq!(runtime.block_on(rows(&client(), &serving, "SELECT 1")), json!([[1]]));
    let taken = finish(another.path(), &["serve", "--data", data, "--listen", serving.address()]);
    assert!(
        !taken.status.success() && text(&taken.stderr).contains("cannot listen at"),
        "{}",
        text(&taken.stderr)
    );
    let (child, url) = listening(another.path(), &["serve", "--data", data, "--listen", "127.0.0.1:0"]);
    let asked = client().post(format!("{url}/v1/statement")).header("X-Trino-User", "ana").body("SELECT 1");
    let answer = runtime.block_on(whole(&client(), asked));
    assert_eq!(answer["data"], json!([[1]]), "{answer}");
    support::stop(child);
    serving.stop();
}

/// A process that ends with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        support::kill(&mut self.0);
    }
}

#[test]
fn rows_at_a_broker_are_shown_before_they_are_committed() {
    let Some(broker) = Broker::start() else { return };
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let configuration = format!("[lake]\nlog = 'kafka://{}'\ncommit_seconds = 86400.0\n", broker.address);
    std::fs::write(folder.join("depthlake.toml"), configuration).unwrap();
    let arguments = ["run", "--symbols", "BTCUSDT", "--no-serve", "--data", "data"];
    let _books = Running(depthlake(folder, &arguments).stdout(Stdio::null()).spawn().unwrap());
    wait("there is a lake", || finish(folder, &["tables", "--data", "data"]).status.success());
    let (server, url) = listening(folder, &["serve", "--data", "data", "--listen", "127.0.0.1:0"]);
    let _server = Running(server);
    let count = |table: &str| -> Option<u64> {
        let sql = format!("SELECT count(*) FROM {table}");
        let asked = finish(folder, &["sql", "--server", &url, "--format", "csv", &sql]);
        text(&asked.stdout).lines().nth(1)?.parse().ok()
    };
    wait("trades are shown", || count("normalized.trades").is_some_and(|rows| rows > 0));
    assert_eq!(count("normalized.\"trades$snapshots\""), Some(0));
}
