//! Requests: each asked once, tried again when they fail, never when the venue forbids it.

use std::time::Duration;

use depthlake_ingest::live::{FeedError, Request, SnapshotPriority};
use depthlake_orderbook::frame::FrameKind;

use tokio::net::TcpListener;

use super::feed::{Feed, config, fed, refused, symbol};
use super::scripted::{Answer, Venue};

async fn ask(feed: &Feed, name: &str) {
    let request = Request::Snapshot { symbol: symbol(name), priority: SnapshotPriority::Gap };
    feed.requests.send(request).await.unwrap();
}

fn refusal(status: u16, retry_after: u32) -> Answer {
    let body = r#"{"code":-1003,"msg":"Too many requests"}"#;
    Answer { retry_after: Some(retry_after), ..Answer::new(status, body) }
}

#[tokio::test]
async fn a_snapshot_is_handed_on_as_it_came() {
    let mut venue = Venue::start().await;
    let report = fed(venue.config(&["BTCUSDT"]), async |feed| {
        let _connection = venue.subscribed().await;
        ask(feed, "BTCUSDT").await;
        let (envelope, body) = feed.next(FrameKind::Snapshot).await;
        assert_eq!((envelope.symbol, envelope.last_id), (Some(symbol("BTCUSDT")), Some(7)));
        assert_eq!(body, r#"{"lastUpdateId":7,"bids":[["1.00","2.0"]],"asks":[]}"#);
        assert_eq!(venue.asked()[0].query, "symbol=BTCUSDT&limit=1000");
        feed.requests.send(Request::Instrument { symbol: symbol("BTCUSDT") }).await.unwrap();
        let (_, entry) = feed.next(FrameKind::Instrument).await;
        assert_eq!(entry, r#"{"symbol":"BTCUSDT","status":"TRADING"}"#);
    });
    let report = report.await.unwrap();
    assert_eq!((report.answers, report.failed_requests), (3, 0));
    assert!(report.clock.is_some_and(|clock| clock.nanoseconds < 0), "the script's clock stands in 2024");
}

#[tokio::test]
async fn refusals_are_waited_out_by_every_request() {
    let mut venue = Venue::start().await;
    venue.answer_depth([refusal(429, 1), refusal(418, 2)]);
    let report = fed(venue.config(&["BTCUSDT", "ETHUSDT"]), async |feed| {
        let _connection = venue.subscribed().await;
        ask(feed, "BTCUSDT").await;
        feed.linger(Duration::from_millis(300)).await;
        ask(feed, "ETHUSDT").await;
        feed.next(FrameKind::Snapshot).await;
        feed.next(FrameKind::Snapshot).await;
    });
    let report = report.await.unwrap();
    assert!(report.refused_requests >= 2);
    let asked: Vec<_> = venue.asked().iter().map(|asked| asked.at).collect();
    assert!(asked[1] - asked[0] >= Duration::from_secs(1), "nothing is asked during the wait");
    let good = asked.last().unwrap();
    assert!(*good - asked[1] >= Duration::from_secs(2));
}

#[tokio::test]
async fn what_fails_is_tried_again_and_what_is_asked_twice_is_sent_once() {
    let mut venue = Venue::start().await;
    let bad = [(500, "oops"), (200, r#"{"lastUpdateId":7,"bids":[["1.0"#), (200, "{}")];
    venue.answer_depth(bad.map(|(status, body)| Answer::new(status, body)));
    let report = fed(venue.config(&["BTCUSDT"]), async |feed| {
        let _connection = venue.subscribed().await;
        for _ in 0..5 {
            ask(feed, "BTCUSDT").await;
        }
        feed.next(FrameKind::Snapshot).await;
        feed.linger(Duration::from_millis(100)).await;
        assert_eq!(feed.of(FrameKind::Snapshot, "BTCUSDT").len(), 1);
    });
    assert_eq!(report.await.unwrap().failed_requests, 3);
    assert_eq!(venue.asked().len(), 4);
}

#[tokio::test]
async fn a_slow_answer_is_given_up_and_asked_again() {
    let mut venue = Venue::start().await;
    let delay = Duration::from_secs(10);
    venue.answer_depth([Answer { delay, ..Answer::new(200, "{}") }]);
    let mut config = venue.config(&["BTCUSDT"]);
    config.timing.request = Duration::from_millis(300);
    let report = fed(config, async |feed| {
        let _connection = venue.subscribed().await;
        ask(feed, "BTCUSDT").await;
        feed.next(FrameKind::Snapshot).await;
    });
    assert_eq!(report.await.unwrap().failed_requests, 1);
}

#[tokio::test]
async fn unknown_symbols_are_named_with_the_nearest_before_anything_runs() {
    let venue = Venue::start().await;
    let error = refused(venue.config(&["BTCUSTD", "ETHUSDT", "SOLUSD"])).await;
    let expected = "the venue does not list BTCUSTD (nearest: BTCUSDT), SOLUSD (nearest: SOLUSDT)";
    assert_eq!(error.to_string(), expected);
    assert!(matches!(refused(venue.config(&[])).await, FeedError::NoSymbols));
}

#[tokio::test]
async fn a_venue_without_tls_where_tls_is_wanted_is_an_error_or_waited_out() {
    let venue = Venue::start().await;
    let mut config = venue.config(&["BTCUSDT"]);
    config.endpoints.websocket = config.endpoints.websocket.replace("ws:", "wss:");
    let report = fed(config.clone(), async |feed| {
        feed.next(FrameKind::Instrument).await;
        feed.linger(Duration::from_millis(300)).await;
    });
    assert_eq!(report.await.unwrap().frames, 1);
    config.endpoints.rest = config.endpoints.rest.replace("http:", "https:");
    assert!(matches!(refused(config).await, FeedError::ExchangeInfo { .. }));
}

#[tokio::test]
async fn a_venue_that_is_not_there_is_an_error_that_names_it() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let config = config(format!("ws://{nobody}"), format!("http://{nobody}"), &["BTCUSDT"]);
    let error = refused(config).await.to_string();
    assert!(error.contains(&format!("http://{nobody}/api/v3/exchangeInfo")), "{error}");
    assert!(error.to_lowercase().contains("refused"), "{error}");
}
