//! The simulated venue's protocol and limits, as a client meets them.

mod sim_support;

use std::time::Duration;

use depthlake_ingest::product::Product;
use depthlake_ingest::sim::{Limits, Source, Venue, VenueConfig, VenueError, market_for, start};
use serde_json::{Value, json};
use sim_support::{Client, Ended, get, id, open, units};
use tokio_tungstenite::tungstenite::Error;

fn config(symbols: &[&str]) -> VenueConfig {
    let markets = symbols.iter().map(|symbol| market_for(symbol).unwrap()).collect();
    VenueConfig::generated(Product::Spot, markets, 3)
}

async fn venue(change: impl FnOnce(&mut Limits)) -> Venue {
    let mut config = config(&["BTCUSDT", "ETHUSDT"]);
    change(&mut config.limits);
    open(config).await
}

fn policy_violation(ended: Ended) -> String {
    match ended {
        Ended::Closed(Some(frame)) if u16::from(frame.code) == 1008 => frame.reason.to_string(),
        other => panic!("expected a policy violation, not {other:?}"),
    }
}

#[tokio::test]
async fn control_messages_are_answered() {
    let venue = venue(|limits| limits.messages_per_second = 100).await;
    let mut client = Client::open(&venue, "/ws").await;
    let subscribe = r#"{"method":"SUBSCRIBE","params":["btcusdt@trade","nonsense@depth"],"id":1}"#;
    assert_eq!(client.ask(subscribe).await, json!({ "result": null, "id": 1 }));
    let list = client.ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":"two"}"#).await;
    assert_eq!(list, json!({ "result": ["btcusdt@trade", "nonsense@depth"], "id": "two" }));
    assert!(client.json().await.get("stream").is_none());

    let set = client.ask(r#"{"method":"SET_PROPERTY","params":["combined",true],"id":3}"#).await;
    assert_eq!(set, json!({ "result": null, "id": 3 }));
    let got = client.ask(r#"{"method":"GET_PROPERTY","params":["combined"],"id":4}"#).await;
    assert_eq!(got, json!({ "result": true, "id": 4 }));
    assert_eq!(client.json().await["stream"], "btcusdt@trade");

    client.ask(r#"{"method":"UNSUBSCRIBE","params":["btcusdt@trade"],"id":5}"#).await;
    assert!(client.is_silent_for(Duration::from_millis(300)).await);
    assert_eq!(client.ask(r#"{"method":"SELL","id":6}"#).await["code"], 2);
    client.send("{").await;
    assert_eq!(client.json().await["code"], 3);
}

#[tokio::test]
async fn times_come_in_the_unit_asked_for() {
    let venue = venue(|_| {}).await;
    let mut plain = Client::open(&venue, "/ws/btcusdt@trade").await;
    let mut fine = Client::open(&venue, "/stream?streams=btcusdt@trade&timeUnit=MICROSECOND").await;
    let (plain, fine) = (plain.json().await, fine.json().await);
    assert_eq!(id(&plain, "T").to_string().len(), 13);
    assert_eq!(id(&fine["data"], "T").to_string().len(), 16);
}

#[tokio::test]
async fn partial_depth_shows_the_best_levels() {
    let venue = venue(|_| {}).await;
    let mut client = Client::open(&venue, "/ws/ethusdt@depth5@100ms").await;
    let message = client.json().await;
    for side in ["bids", "asks"] {
        assert_eq!(message[side].as_array().unwrap().len(), 5);
    }
    assert!(units(&message["bids"][0][0]) < units(&message["asks"][0][0]));
}

#[tokio::test]
async fn rest_answers_like_the_venue() {
    let venue = venue(|_| {}).await;
    assert_eq!(get(&venue, "/api/v3/ping").await.body, json!({}));
    assert!(id(&get(&venue, "/api/v3/time").await.body, "serverTime") > 1_600_000_000_000);

    let info = get(&venue, "/api/v3/exchangeInfo?symbols=[%22BTCUSDT%22]").await;
    assert_eq!(info.body["rateLimits"][0]["limit"], 6_000);
    assert_eq!(info.body["symbols"].as_array().unwrap().len(), 1);
    assert_eq!(info.body["symbols"][0]["status"], "TRADING");
    assert_eq!(info.body["symbols"][0]["filters"][0]["tickSize"], "0.01000000");
    let all = get(&venue, "/api/v3/exchangeInfo").await;
    assert_eq!(all.body["symbols"].as_array().unwrap().len(), 2);
    assert_eq!(all.used_weight - info.used_weight, 20);

    let depth = get(&venue, "/api/v3/depth?symbol=BTCUSDT&limit=7").await.body;
    assert_eq!(depth["bids"].as_array().unwrap().len(), 7);
    let default = get(&venue, "/api/v3/depth?symbol=BTCUSDT").await.body;
    assert_eq!(default["asks"].as_array().unwrap().len(), 100);
}

#[tokio::test]
async fn rest_refuses_like_the_venue() {
    let venue = venue(|_| {}).await;
    for (path, code) in [
        ("/api/v3/depth?symbol=NOPEUSDT", -1121),
        ("/api/v3/depth?symbol=btcusdt", -1121),
        ("/api/v3/exchangeInfo?symbol=NOPEUSDT", -1121),
        ("/api/v3/depth", -1102),
        ("/api/v3/depth?symbol=BTCUSDT&limit=x", -1100),
        ("/api/v3/klines?symbol=BTCUSDT", -1102),
        ("/api/v3/klines?symbol=BTCUSDT&interval=7m", -1120),
    ] {
        let answer = get(&venue, path).await;
        assert_eq!((answer.status, answer.body["code"].as_i64()), (400, Some(code)), "{path}");
    }
}

#[tokio::test]
async fn weight_is_limited_then_the_address_is_banned() {
    let venue = venue(|limits| {
        limits.request_weight = 300;
        limits.requests_before_ban = 2;
        limits.ban = Duration::from_millis(400);
        limits.weight_window = Duration::from_hours(1);
    })
    .await;
    let path = "/api/v3/depth?symbol=BTCUSDT&limit=5000";
    let first = get(&venue, path).await;
    assert_eq!((first.status, first.used_weight), (200, 250));
    for _ in 0..2 {
        let refused = get(&venue, path).await;
        assert_eq!((refused.status, refused.body["code"].as_i64()), (429, Some(-1003)));
        assert!(refused.retry_after.is_some_and(|seconds| (1..=3_600).contains(&seconds)));
    }
    let banned = get(&venue, path).await;
    assert_eq!(
        (banned.status, banned.body["code"].as_i64(), banned.retry_after),
        (418, Some(-1003), Some(1))
    );
    tokio::time::sleep(Duration::from_millis(450)).await;
    assert_eq!(get(&venue, "/api/v3/ping").await.status, 429);
}

#[tokio::test]
async fn too_many_messages_end_the_connection() {
    let venue = venue(|_| {}).await;
    let mut client = Client::open(&venue, "/ws").await;
    for id in 0..6 {
        client.send(&format!(r#"{{"method":"LIST_SUBSCRIPTIONS","id":{id}}}"#)).await;
    }
    assert_eq!(policy_violation(client.end().await), "Too many requests");
}

#[tokio::test]
async fn streams_and_connections_are_limited() {
    let venue = venue(|limits| {
        limits.streams_per_connection = 2;
        limits.connection_attempts = 3;
    })
    .await;
    let mut client = Client::open(&venue, "/ws").await;
    let refused =
        client.ask(r#"{"method":"SUBSCRIBE","params":["a@trade","b@trade","c@trade"],"id":1}"#).await;
    assert_eq!(refused["code"], 2);
    let mut greedy = Client::open(&venue, "/stream?streams=a@trade/b@trade/c@trade").await;
    assert_eq!(policy_violation(greedy.end().await), "Too many streams");
    Client::open(&venue, "/ws").await;
    match Client::try_open(&venue, "/ws").await {
        Err(Error::Http(response)) => assert_eq!(response.status(), 429),
        other => panic!("expected 429, not {:?}", other.map(|_| ())),
    }
}

#[tokio::test]
async fn connections_live_no_longer_than_allowed() {
    let venue = venue(|limits| limits.connection_lifetime = Duration::from_millis(200)).await;
    let mut client = Client::open(&venue, "/ws/btcusdt@trade").await;
    assert!(matches!(client.end().await, Ended::Closed(Some(frame)) if u16::from(frame.code) == 1001));
}

#[tokio::test]
async fn who_answers_no_ping_is_dropped() {
    let venue = venue(|limits| {
        limits.ping_interval = Duration::from_millis(100);
        limits.pong_timeout = Duration::from_millis(300);
        limits.messages_per_second = 100;
    })
    .await;
    let mut answering = Client::open(&venue, "/ws").await;
    assert!(tokio::time::timeout(Duration::from_millis(700), answering.end()).await.is_err());
    assert_eq!(venue.connections(), 1);
    // A client that does not read answers no ping.
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(venue.connections(), 0);
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_dropped_and_the_others_go_on() {
    let mut config = config(&["BTCUSDT"]);
    config.limits.waiting_frames = 64;
    if let Source::Generated { rate, .. } = &mut config.source {
        *rate = 200.0;
    }
    let venue = open(config).await;
    let _deaf =
        Client::open(&venue, "/stream?streams=btcusdt@bookTicker/btcusdt@trade/btcusdt@depth@100ms").await;
    let begin = tokio::time::Instant::now();
    while venue.connections() > 0 {
        assert!(begin.elapsed() < sim_support::PATIENCE, "the client is still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn other_processes_can_watch_and_steer() {
    let venue = venue(|_| {}).await;
    let mut client = Client::open(&venue, "/ws/btcusdt@trade").await;
    client.json().await;
    let post = |path: &str| {
        let url = format!("{}{path}", venue.rest_url());
        async { reqwest::Client::new().post(url).send().await.unwrap() }
    };
    let paused = post("/sim/pause").await.text().await.unwrap();
    assert_eq!(serde_json::from_str::<Value>(&paused).unwrap(), json!({ "drained": true }));
    let book = get(&venue, "/sim/book?symbol=BTCUSDT").await.body;
    assert_eq!(id(&book, "lastUpdateId"), venue.book("BTCUSDT").unwrap().last_update_id);
    assert!(book["bids"].as_array().unwrap().len() > 4_000);
    let counters = get(&venue, "/sim/counters").await.body;
    assert_eq!(counters["streams"][0]["stream"], "btcusdt@trade");
    assert_eq!(counters["connections"], 1);
    assert_eq!(post("/sim/fault?name=disconect").await.status(), 400);
    assert_eq!(post("/sim/fault?name=disconnect&symbol=btcusdt").await.status(), 200);
    assert_eq!(client.end().await, Ended::Cut);
    assert_eq!(post("/sim/resume").await.status(), 200);
}

#[tokio::test]
async fn impossible_venues_are_refused() {
    let error = async |config| start(config).await.err().expect("the venue is refused");
    assert!(matches!(error(config(&[])).await, VenueError::NoMarkets));
    let twice = error(config(&["BTCUSDT", "BTCUSDT"])).await;
    assert!(matches!(twice, VenueError::DuplicateMarket { symbol } if symbol == "BTCUSDT"));
    let mut faulty = config(&["BTCUSDT"]);
    faulty.faults.push("symbol-halt:symbol=ETHUSDT".parse().unwrap());
    assert!(
        matches!(error(faulty).await, VenueError::FaultOfUnknownSymbol { symbol, .. } if symbol == "ETHUSDT")
    );
    let first = open(config(&["BTCUSDT"])).await;
    let mut second = config(&["BTCUSDT"]);
    second.listen = first.local_addr();
    assert!(matches!(error(second).await, VenueError::Listen { .. }));
}
