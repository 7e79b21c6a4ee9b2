//! What comes over one connection, and what becomes of connections that fail.

use std::time::Duration;

use axum::extract::ws::Message;
use bytes::Bytes;
use depthlake_ingest::live::{FeedError, FrameSink, SinkError, run};
use depthlake_orderbook::frame::{Envelope, FrameKind};
use tokio::sync::mpsc;

use super::feed::{fed, symbol};
use super::scripted::{Venue, book_ticker, depth_update, trade};

#[tokio::test]
async fn every_message_is_handed_on_as_it_came() {
    let mut venue = Venue::start().await;
    let oversized = format!(r#"{{"e":"trade","pad":"{}"}}"#, "x".repeat(9 << 20));
    let report = fed(venue.config(&["BTCUSDT", "ethusdt"]), async |feed| {
        let mut connection = venue.connection().await;
        let streams = connection.confirm().await;
        assert_eq!(streams.len(), 6);
        assert!(streams.contains(&"ethusdt@depth@100ms".to_owned()), "{streams:?}");
        let texts = [
            depth_update("BTCUSDT", 1, 5),
            book_ticker("ETHUSDT", 7),
            trade("BTCUSDT", 9),
            "{\"stream\":\"btcusdt@trade\",\"da".to_owned(),
            r#"{"e":"somethingNew","s":"BTCUSDT"}"#.to_owned(),
            oversized,
        ];
        for text in &texts {
            connection.send(text).await;
        }
        connection.send_binary(b"\x00\x01").await;
        feed.until(|envelope| envelope.kind == FrameKind::Unknown).await;
        for _ in 0..3 {
            feed.next(FrameKind::Unknown).await;
        }
        let kinds = [
            FrameKind::Instrument,
            FrameKind::Instrument,
            FrameKind::DepthUpdate,
            FrameKind::BookTicker,
            FrameKind::Trade,
            FrameKind::Unknown,
            FrameKind::Unknown,
            FrameKind::Unknown,
            FrameKind::Unknown,
        ];
        assert_eq!(feed.kinds(), kinds);
        for (text, (_, payload)) in texts.iter().zip(&feed.seen[2..]) {
            assert_eq!(payload, text.as_bytes());
        }
        assert_eq!(feed.seen[1].0.symbol, Some(symbol("ETHUSDT")));
        assert_eq!(feed.seen[1].1, r#"{"symbol":"ETHUSDT","status":"TRADING"}"#);
        assert!(feed.seen.is_sorted_by_key(|(envelope, _)| envelope.received));
    });
    let report = report.await.unwrap();
    assert_eq!((report.frames, report.repetitions, report.disconnects), (9, 0, 0));
}

#[tokio::test]
async fn pings_are_answered() {
    let mut venue = Venue::start().await;
    let report = fed(venue.config(&["BTCUSDT"]), async |_| {
        let mut connection = venue.subscribed().await;
        assert_eq!(connection.ping().await, Message::Pong("still there?".into()));
    });
    report.await.unwrap();
}

#[tokio::test]
async fn a_lost_connection_is_told_for_each_symbol_and_regained() {
    let mut venue = Venue::start().await;
    let report = fed(venue.config(&["BTCUSDT", "ETHUSDT"]), async |feed| {
        let mut connection = venue.subscribed().await;
        connection.send(&trade("BTCUSDT", 100)).await;
        feed.next(FrameKind::Trade).await;
        drop(connection);
        for name in ["BTCUSDT", "ETHUSDT"] {
            let (envelope, why) = feed.next(FrameKind::Disconnected).await;
            assert_eq!(envelope.symbol, Some(symbol(name)));
            assert!(why.starts_with(b"all streams lost: "), "{why:?}");
        }
        let mut connection = venue.subscribed().await;
        feed.next(FrameKind::Reconnected).await;
        feed.next(FrameKind::Reconnected).await;
        connection.send(&trade("BTCUSDT", 1)).await;
        let (envelope, _) = feed.next(FrameKind::Trade).await;
        assert_eq!(envelope.first_id, Some(1), "a venue may count anew after a loss");
    });
    assert_eq!(report.await.unwrap().disconnects, 1);
}

#[tokio::test]
async fn a_connection_on_which_nothing_comes_is_given_up() {
    let mut venue = Venue::start().await;
    let mut config = venue.config(&["BTCUSDT"]);
    config.timing.idle = Duration::from_millis(300);
    let report = fed(config, async |feed| {
        let half_open = venue.subscribed().await;
        let (_, why) = feed.next(FrameKind::Disconnected).await;
        assert!(why.ends_with(b"nothing came for 0.3 s"), "{why:?}");
        venue.subscribed().await;
        feed.next(FrameKind::Reconnected).await;
        half_open.ended().await;
    });
    assert_eq!(report.await.unwrap().disconnects, 1);
}

#[tokio::test]
async fn a_refused_subscription_is_told_and_tried_again() {
    let mut venue = Venue::start().await;
    let report = fed(venue.config(&["BTCUSDT"]), async |feed| {
        for refusal in [
            r#"{"error":{"code":2,"msg":"Invalid request"},"id":1}"#,
            r#"{"code":2,"msg":"Invalid request","id":1}"#,
        ] {
            let mut connection = venue.connection().await;
            connection.subscribe_request().await;
            connection.send(refusal).await;
            let (_, why) = feed.next(FrameKind::Disconnected).await;
            assert!(why.ends_with(b"Invalid request (code 2)"), "{why:?}");
        }
        let mut connection = venue.subscribed().await;
        connection.send(&trade("BTCUSDT", 1)).await;
        feed.next(FrameKind::Trade).await;
    });
    report.await.unwrap();
}

#[tokio::test]
async fn a_silent_symbol_is_told_once() {
    let mut venue = Venue::start().await;
    let mut config = venue.config(&["BTCUSDT", "ETHUSDT"]);
    config.timing.first_message = Duration::from_millis(400);
    let report = fed(config, async |feed| {
        let mut connection = venue.subscribed().await;
        for last in 1..=20 {
            connection.send(&depth_update("BTCUSDT", last, last)).await;
        }
        let (envelope, text) = feed.next(FrameKind::Silent).await;
        assert_eq!(envelope.symbol, Some(symbol("ETHUSDT")));
        assert!(text.ends_with(b"since it was subscribed"), "{text:?}");
        feed.linger(Duration::from_millis(600)).await;
        assert_eq!(feed.of(FrameKind::Silent, "ETHUSDT").len(), 1);
        assert_eq!(feed.of(FrameKind::Silent, "BTCUSDT").len(), 0, "it is quiet, not dead");
    });
    report.await.unwrap();
}

#[tokio::test]
async fn a_sink_that_takes_no_more_ends_the_feed() {
    struct Full(usize);
    impl FrameSink for Full {
        fn accept(&mut self, _: &Envelope, _: Bytes) -> Result<(), SinkError> {
            self.0 = self.0.checked_sub(1).ok_or(SinkError("no room".into()))?;
            Ok(())
        }
    }
    let mut venue = Venue::start().await;
    let (_requests, asked) = mpsc::channel(1);
    let config = venue.config(&["BTCUSDT"]);
    let running = run(config, Full(2), asked, std::future::pending());
    let (ended, ()) = tokio::join!(running, async {
        let mut connection = venue.subscribed().await;
        for id in 1..=2 {
            connection.send(&trade("BTCUSDT", id)).await;
        }
        connection.ended().await;
    });
    assert!(matches!(&ended, Err(FeedError::Sink(error)) if error.to_string() == "no room"), "{ended:?}");
}
