//! Answers and refusals over REST.

use std::sync::Arc;
use std::time::Duration;

use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use depthlake_engine::board::BoardState;
use depthlake_lake::runs::Job;
use depthlake_lake::table::Table;
use depthlake_orderbook::event::UpdateId;
use reqwest::{Method, StatusCode, header};
use serde_json::json;

use super::{Served, problem};
use crate::access::{Access, AccessConfiguration, SchemaPattern, TokenHash, UserConfiguration};
use crate::live::samples::row;
use crate::samples::{append, empty_lake, trades};

#[tokio::test]
async fn tickers_and_books_are_those_of_the_board() {
    let mut served = Served::start().await;
    let tickers = served.json("/api/v1/tickers").await;
    let states: Vec<_> =
        tickers["tickers"].as_array().unwrap().iter().map(|ticker| &ticker["state"]).collect();
    assert_eq!(states, ["live", "resyncing", "waiting"]);
    let ticker = served.json("/api/v1/ticker/btcusdt").await;
    assert_eq!((ticker["symbol"].as_str(), ticker["bid"].as_str()), (Some("BTCUSDT"), Some("61837.63")));
    assert_eq!(served.json("/api/v1/ticker/XRPUSDT").await["bid"], json!(null));

    let book = served.json("/api/v1/book/BTCUSDT?depth=2").await;
    assert_eq!(book["bids"], json!([["61837.63", "1.5"], ["61837.62", "3"]]));
    assert_eq!(book["asks"][0], json!(["61837.64", "1.5"]));
    assert_eq!((book["update_id"].as_u64(), book["state"].as_str()), (Some(77), Some("live")));
    assert_eq!(served.json("/api/v1/book/BTCUSDT").await["bids"].as_array().unwrap().len(), 20);

    let mut changed = row(6_183_700, 0.1, BoardState::Live);
    changed.update_id = UpdateId(78);
    served.board.slots[0].write(&changed);
    let book = served.json("/api/v1/book/BTCUSDT?depth=1").await;
    assert_eq!((&book["bids"], book["update_id"].as_u64()), (&json!([["61837", "1.5"]]), Some(78)));
}

#[tokio::test]
async fn a_version_that_the_client_has_is_not_sent_again() {
    let mut served = Served::start().await;
    let url = served.url("/api/v1/book/BTCUSDT?depth=3");
    let first = served.client.get(&url).send().await.unwrap();
    let etag = first.headers()[header::ETAG].clone();
    let again = |etag| served.client.get(&url).header(header::IF_NONE_MATCH, etag).send();
    assert_eq!(again(etag.clone()).await.unwrap().status(), StatusCode::NOT_MODIFIED);
    let mut changed = row(6_183_700, 0.1, BoardState::Live);
    changed.update_id = UpdateId(78);
    served.board.slots[0].write(&changed);
    let again = |etag| served.client.get(&url).header(header::IF_NONE_MATCH, etag).send();
    let fresh = again(etag.clone()).await.unwrap();
    assert_eq!(fresh.status(), StatusCode::OK);
    assert_ne!(fresh.headers()[header::ETAG], etag);
}

#[tokio::test]
async fn a_dead_writer_is_told() {
    let served = Served::start().await;
    assert_eq!(served.json("/api/v1/book/BTCUSDT").await["state"], "live");
    served.board.writer.heartbeat(crate::live::samples::NOW);
    assert_eq!(served.json("/api/v1/book/BTCUSDT").await["state"], "offline");
}

#[tokio::test]
async fn refusals_are_problems() {
    let served = Served::start().await;
    let unknown = served.problem("/api/v1/book/BTCUSD", StatusCode::NOT_FOUND).await;
    assert_eq!(unknown["nearest"][0], "BTCUSDT");
    assert_eq!(unknown["instance"], "/api/v1/book/BTCUSD");
    for (path, status, part) in [
        ("/api/v1/book/BTCUSDT?depth=0", 400, "expected a number from 1 to 5000"),
        ("/api/v1/book/BTCUSDT?depth=5001", 400, "depth is 5001"),
        ("/api/v1/book/BTCUSDT?depth=99999999999999999999", 400, "depth"),
        ("/api/v1/book/BTCUSDT?depth=-1", 400, "depth"),
        ("/api/v1/book/BTCUSDT?depth=1000", 503, "20 levels"),
        ("/api/v1/book/%FF", 400, "UTF-8"),
        ("/api/v1/ticker/B%20D", 404, "nearest"),
        ("/api/v1/bars/BTCUSDT?limit=1001", 400, "limit is 1001"),
        ("/api/v1/bars/BTCUSDT?interval=7m", 400, "expected one of 1m"),
        ("/api/v1/bars/BTCUSDT?before=c.nonsense", 400, "no cursor"),
        ("/api/v1/bars/BTCUSDT?limit=1000&interval=1d", 400, "expected 1 to"),
        ("/api/v1/trades/BTCUSDT?before=yesterday", 400, "yesterday"),
        ("/api/v1/trades/NOPE", 404, "nearest"),
        ("/api/v1/liquidity/BTCUSDT?from=2024-01-02&to=2024-01-01", 400, "not before"),
        ("/api/v1/replay/BTCUSDT", 400, "at"),
        ("/api/v1/replay/BTCUSDT?at=2024-08-08T00:00:00Z", 404, "no snapshot"),
        ("/api/v1/lake/raw.nothing/latest", 404, "raw.nothing"),
        ("/api/v1/lake/volume?days=400", 400, "days is 400"),
        ("/api/v1/events?channel=news", 400, "news"),
        ("/api/v1/events?channel=book&depth=9000", 400, "depth is 9000"),
        ("/api/v1/stream", 400, ""),
        ("/api/v1/nothing", 404, "/openapi.json"),
        ("/api/v1", 404, "/openapi.json"),
    ] {
        let problem = served.problem(path, StatusCode::from_u16(status).unwrap()).await;
        assert!(problem["detail"].as_str().unwrap().contains(part), "{path}: {problem}");
    }
    let posted = served.client.post(served.url("/api/v1/tickers")).send().await.unwrap();
    assert_eq!(posted.headers()[header::ALLOW], "GET,HEAD");
    problem(posted, StatusCode::METHOD_NOT_ALLOWED).await;
}

#[tokio::test]
async fn every_answer_has_an_id_and_pages_of_other_origins_may_read_it() {
    let served = Served::start().await;
    let asked = served.client.get(served.url("/api/v1/tickers")).header("x-request-id", "mine");
    let answer = asked.header(header::ORIGIN, "http://localhost:5173").send().await.unwrap();
    assert_eq!(answer.headers()["x-request-id"], "mine");
    assert_eq!(answer.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    let preflight = served.client.request(Method::OPTIONS, served.url("/api/v1/sql"));
    let preflight = preflight
        .header(header::ORIGIN, "http://localhost:5173")
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
        .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "content-type")
        .send()
        .await
        .unwrap();
    assert_eq!(preflight.status(), StatusCode::OK);
    assert!(preflight.headers()[header::ACCESS_CONTROL_ALLOW_METHODS].to_str().unwrap().contains("POST"));
    let first = served.get("/healthz").await.headers()["x-request-id"].clone();
    assert_ne!(first, served.get("/healthz").await.headers()["x-request-id"]);
}

#[tokio::test]
async fn long_answers_are_compressed_as_the_client_can() {
    let served = Served::start().await;
    for encoding in ["gzip", "br", "zstd"] {
        let asked = served.client.get(served.url("/openapi.json")).header(header::ACCEPT_ENCODING, encoding);
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.headers()[header::CONTENT_ENCODING], encoding);
    }
    let short =
        served.client.get(served.url("/api/v1/ticker/BTCUSDT")).header(header::ACCEPT_ENCODING, "gzip");
    assert!(!short.send().await.unwrap().headers().contains_key(header::CONTENT_ENCODING));
}

#[tokio::test]
async fn health_and_readiness_are_told() {
    let served = Served::start().await;
    assert_eq!(served.get("/healthz").await.status(), StatusCode::OK);
    let health = served.json("/api/v1/health").await;
    assert!(["ok", "degraded", "failing"].contains(&health["status"].as_str().unwrap()));
    let ready = served.get("/readyz").await;
    let status = ready.status();
    let body: serde_json::Value = serde_json::from_str(&ready.text().await.unwrap()).unwrap();
    assert_eq!(status == StatusCode::OK, body["ready"] == true);
}

#[tokio::test]
async fn the_lake_tells_what_its_jobs_did() {
    let lake = empty_lake().await;
    append(&lake.lake, Table::Trades, &trades(1, 5)).await;
    let runs = Arc::clone(lake.lake.runs());
    let served = Served::over(lake).await;
    let job = async |name: &str| {
        let lake = served.json("/api/v1/lake").await;
        lake["jobs"].as_array().unwrap().iter().find(|job| job["name"] == name).unwrap().clone()
    };
    let sink = job("sink").await;
    assert_eq!((&sink["outcome"], &sink["done"]), (&json!("committed"), &json!({})));
    assert!(sink["last_run"].is_string() && sink["duration_ms"].is_null());
    assert_eq!(job("maintenance").await["outcome"], "never");

    runs.ended(Job::Maintenance, Duration::from_secs(1), Ok([("files_merged", 9)].into()));
    runs.ended(Job::Maintenance, Duration::from_secs(2), Ok([("files_merged", 3)].into()));
    runs.ended(Job::Marts, Duration::from_secs(1), Err("the disk is full".to_owned()));
    let care = job("maintenance").await;
    assert_eq!((&care["outcome"], &care["duration_ms"]), (&json!("done"), &json!(2000.0)));
    assert_eq!((&care["done"]["files_merged"], &care["total"]["files_merged"]), (&json!(3), &json!(12)));
    let marts = job("marts").await;
    assert_eq!((&marts["outcome"], &marts["detail"]), (&json!("failed"), &json!("the disk is full")));
}

#[tokio::test]
async fn trades_come_in_pages_none_twice_and_none_missing() {
    let lake = empty_lake().await;
    let rows = trades(1, 400);
    append(&lake.lake, Table::Trades, &rows).await;
    let served = Served::over(lake).await;
    let mut expected: Vec<_> = rows.iter().filter(|trade| trade.symbol == "BTCUSDT").collect();
    expected.sort_by_key(|trade| std::cmp::Reverse((trade.time, trade.id)));
    let (mut found, mut path) = (Vec::new(), "/api/v1/trades/BTCUSDT?limit=30".to_owned());
    loop {
        let page = served.json(&path).await;
        found.extend(
            page["trades"].as_array().unwrap().iter().map(|trade| trade["trade_id"].as_i64().unwrap()),
        );
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/trades/BTCUSDT?limit=30&before={next}");
    }
    assert_eq!(found, expected.iter().map(|trade| trade.id).collect::<Vec<_>>());
}

#[tokio::test]
async fn sql_is_answered_as_json_and_as_files() {
    let served = Served::start().await;
    let ask = |body: serde_json::Value| served.client.post(served.url("/api/v1/sql")).json(&body).send();
    let query = "SELECT CAST(n AS BIGINT) AS value, CAST(n AS DECIMAL(18, 2)) AS part FROM (VALUES (1), (2), (3), (4), (5)) AS t (n) ORDER BY 1";
    let answer = ask(json!({"query": query, "max_rows": 2})).await.unwrap();
    let answer: serde_json::Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!((answer["rows"].as_array().unwrap().len(), &answer["truncated"]), (2, &json!(true)));
    assert_eq!(answer["columns"][0], json!({"name": "value", "type": "bigint"}));

    // Names without a catalog are those of the lake.
    let counted =
        ask(json!({"query": "SELECT count(*) AS n FROM ops.dead_letters", "format": "csv"})).await.unwrap();
    assert!(counted.text().await.unwrap().starts_with("n\n"));

    let csv = ask(json!({"query": query, "format": "csv", "max_rows": 3})).await.unwrap();
    assert!(csv.headers()[header::CONTENT_DISPOSITION].to_str().unwrap().contains("answer.csv"));
    let text = csv.text().await.unwrap();
    assert_eq!((text.lines().next(), text.lines().count()), (Some("value,part"), 4));

    let parquet = ask(json!({"query": query, "format": "parquet"})).await.unwrap().bytes().await.unwrap();
    let batches = ParquetRecordBatchReaderBuilder::try_new(parquet).unwrap().build().unwrap();
    assert_eq!(batches.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 5);

    let wrong = problem(
        ask(json!({"query": "SELECT nothing FROM raw.trades"})).await.unwrap(),
        StatusCode::BAD_REQUEST,
    );
    assert!(wrong.await["error_name"].is_string());
    problem(ask(json!({"query": "DROP TABLE raw.trades"})).await.unwrap(), StatusCode::FORBIDDEN).await;
    problem(ask(json!({"question": "?"})).await.unwrap(), StatusCode::UNPROCESSABLE_ENTITY).await;
    let huge = json!({"query": "x".repeat(5 << 20)});
    problem(ask(huge).await.unwrap(), StatusCode::PAYLOAD_TOO_LARGE).await;
    let text = served.client.post(served.url("/api/v1/sql")).body("SELECT 1").send().await.unwrap();
    problem(text, StatusCode::UNSUPPORTED_MEDIA_TYPE).await;
}

#[tokio::test]
async fn who_is_not_granted_the_live_books_is_not_told_of_them() {
    let token = "a-token";
    let read = vec![SchemaPattern::try_from("marts".to_owned()).unwrap()];
    let user =
        UserConfiguration { password: None, tokens: vec![TokenHash::of(token)], read, write: Vec::new() };
    let configuration = AccessConfiguration { users: [("eve".to_owned(), user)].into(), jwt: None };
    let served = Served::guarded(empty_lake().await, Access::new(&configuration).unwrap()).await;
    for path in [
        "symbols",
        "tickers",
        "ticker/BTCUSDT",
        "book/BTCUSDT?depth=5",
        "bars/BTCUSDT",
        "trades/BTCUSDT",
        "replay/BTCUSDT?at=2024-08-08T00:00:00Z",
        "dead-letters",
        "events?channel=tickers",
        "events?channel=trades",
    ] {
        let asked = served.client.get(served.url(&format!("/api/v1/{path}"))).bearer_auth(token);
        let told = problem(asked.send().await.unwrap(), StatusCode::FORBIDDEN).await;
        assert!(told["detail"].as_str().unwrap().contains("Access Denied"), "{path}: {told}");
    }
    let stream = served.client.get(served.url("/api/v1/stream")).bearer_auth(token);
    let stream = stream.header("Connection", "Upgrade").header("Upgrade", "websocket");
    let stream =
        stream.header("Sec-WebSocket-Version", "13").header("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==");
    problem(stream.send().await.unwrap(), StatusCode::FORBIDDEN).await;
    for path in ["health", "liquidity/BTCUSDT"] {
        let asked = served.client.get(served.url(&format!("/api/v1/{path}"))).bearer_auth(token);
        assert_eq!(asked.send().await.unwrap().status(), StatusCode::OK, "{path}");
    }
    let tables = served.client.get(served.url("/api/v1/lake")).bearer_auth(token).send().await.unwrap();
    let tables: serde_json::Value = serde_json::from_str(&tables.text().await.unwrap()).unwrap();
    let tables = tables["tables"].as_array().unwrap();
    assert!(
        !tables.is_empty()
            && tables.iter().all(|table| table["table"].as_str().unwrap().starts_with("marts."))
    );
}

#[tokio::test]
async fn other_versions_are_problems_as_well() {
    let served = Served::start().await;
    for path in ["/api", "/api/v2", "/api/v2/book/BTCUSDT"] {
        served.problem(path, StatusCode::NOT_FOUND).await;
    }
}
