//! One connection takes over from another: no message lost, doubled or out of order.

use std::time::Duration;

use depthlake_orderbook::frame::FrameKind;

use super::feed::{Feed, fed};
use super::scripted::{SERVER_SHUTDOWN, Venue, book_ticker, depth_update, trade};

fn ids(feed: &Feed, kind: FrameKind) -> Vec<u64> {
    let frames = feed.seen.iter().filter(|(envelope, _)| envelope.kind == kind);
    let id = |envelope: &depthlake_orderbook::frame::Envelope| match kind {
        FrameKind::Trade => envelope.first_id,
        _ => envelope.last_id,
    };
    frames.filter_map(|(envelope, _)| id(envelope)).collect()
}

#[tokio::test]
async fn a_successor_waits_for_an_old_connection_that_lags() {
    let mut venue = Venue::start().await;
    let report = fed(venue.config(&["BTCUSDT"]), async |feed| {
        let mut old = venue.subscribed().await;
        for id in 1..=5 {
            old.send(&trade("BTCUSDT", id)).await;
            old.send(&depth_update("BTCUSDT", id * 10, id * 10 + 9)).await;
        }
        old.send(SERVER_SHUTDOWN).await;
        let mut successor = venue.subscribed().await;
        for id in 7..=8 {
            successor.send(&trade("BTCUSDT", id)).await;
            successor.send(&depth_update("BTCUSDT", id * 10, id * 10 + 9)).await;
            successor.send(&book_ticker("BTCUSDT", id * 10)).await;
        }
        feed.linger(Duration::from_millis(1_300)).await;
        assert_eq!(ids(feed, FrameKind::Trade), [1, 2, 3, 4, 5], "the successor's are held back");
        for id in 6..=7 {
            old.send(&trade("BTCUSDT", id)).await;
            old.send(&depth_update("BTCUSDT", id * 10, id * 10 + 9)).await;
            old.send(&book_ticker("BTCUSDT", id * 10)).await;
        }
        old.ended().await;
        successor.send(&depth_update("BTCUSDT", 90, 99)).await;
        successor.send(&trade("BTCUSDT", 9)).await;
        feed.until(|envelope| envelope.first_id == Some(9)).await;
        assert_eq!(ids(feed, FrameKind::Trade), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(ids(feed, FrameKind::DepthUpdate), [19, 29, 39, 49, 59, 69, 79, 89, 99]);
        assert_eq!(ids(feed, FrameKind::BookTicker), [60, 70, 80]);
        assert_eq!(feed.of(FrameKind::Disconnected, "BTCUSDT").len(), 0);
    });
    let report = report.await.unwrap();
    assert_eq!((report.renewals, report.disconnects, report.repetitions), (1, 0, 3));
}

#[tokio::test]
async fn a_successor_that_lags_repeats_nothing() {
    let mut venue = Venue::start().await;
    let report = fed(venue.config(&["BTCUSDT"]), async |feed| {
        let mut old = venue.subscribed().await;
        old.send(SERVER_SHUTDOWN).await;
        let mut successor = venue.subscribed().await;
        for id in 1..=9 {
            old.send(&trade("BTCUSDT", id)).await;
            old.send(&depth_update("BTCUSDT", id, id)).await;
        }
        successor.send(&trade("BTCUSDT", 5)).await;
        old.ended().await;
        for id in 6..=10 {
            successor.send(&depth_update("BTCUSDT", id, id)).await;
            successor.send(&trade("BTCUSDT", id)).await;
        }
        feed.until(|envelope| envelope.first_id == Some(10) && envelope.kind == FrameKind::Trade).await;
        assert_eq!(ids(feed, FrameKind::Trade), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        assert_eq!(ids(feed, FrameKind::DepthUpdate), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    });
    assert_eq!(report.await.unwrap().disconnects, 0);
}

#[tokio::test]
async fn an_old_connection_that_dies_too_early_is_told() {
    let mut venue = Venue::start().await;
    let report = fed(venue.config(&["BTCUSDT"]), async |feed| {
        let mut old = venue.subscribed().await;
        old.send(&trade("BTCUSDT", 1)).await;
        feed.next(FrameKind::Trade).await;
        old.send(SERVER_SHUTDOWN).await;
        let mut successor = venue.subscribed().await;
        successor.send(&trade("BTCUSDT", 5)).await;
        feed.linger(Duration::from_millis(200)).await;
        drop(old);
        let (envelope, _) = feed.next(FrameKind::Trade).await;
        assert_eq!(envelope.first_id, Some(5));
        let after_the_first = &feed.kinds()[2..];
        assert_eq!(after_the_first, [FrameKind::Disconnected, FrameKind::Reconnected, FrameKind::Trade]);
        successor.send(&trade("BTCUSDT", 6)).await;
        feed.next(FrameKind::Trade).await;
    });
    let report = report.await.unwrap();
    assert_eq!((report.disconnects, report.renewals), (1, 1));
}

#[tokio::test]
async fn a_successor_that_fails_is_tried_again_while_the_old_goes_on() {
    let mut venue = Venue::start().await;
    let mut config = venue.config(&["BTCUSDT"]);
    config.timing.connection_age = Duration::from_millis(300);
    let report = fed(config, async |feed| {
        let mut old = venue.subscribed().await;
        drop(venue.connection().await);
        old.send(&trade("BTCUSDT", 1)).await;
        feed.next(FrameKind::Trade).await;
        let mut successor = venue.subscribed().await;
        successor.send(&trade("BTCUSDT", 2)).await;
        feed.next(FrameKind::Trade).await;
        assert_eq!(ids(feed, FrameKind::Trade), [1, 2]);
    });
    let report = report.await.unwrap();
    assert_eq!((report.disconnects, report.renewals), (0, 1));
}
