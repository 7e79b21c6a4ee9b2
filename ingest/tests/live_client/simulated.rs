//! The client against the simulated venue, with its limits and its faults.

use std::collections::HashMap;
use std::time::Duration;

use depthlake_ingest::live::{Endpoints, FeedConfig, Request, SnapshotPriority};
use depthlake_ingest::product::Product;
use depthlake_ingest::sim::{Venue, VenueConfig, default_markets, market_for, start};
use depthlake_orderbook::frame::{Envelope, FrameKind};
use depthlake_orderbook::symbol::Symbol;

use super::feed::{Feed, Frame, fed, symbol};

const NAMES: [&str; 3] = ["BTCUSDT", "ETHUSDT", "SOLUSDT"];

async fn venue(product: Product, names: &[&str], adjust: impl FnOnce(&mut VenueConfig)) -> Venue {
    let markets = names.iter().map(|name| market_for(name).unwrap()).collect();
    let mut config = VenueConfig::generated(product, markets, 7);
    adjust(&mut config);
    start(config).await.unwrap()
}

fn config(venue: &Venue, product: Product) -> FeedConfig {
    let endpoints =
        Endpoints { websocket: venue.websocket_url(), trades_websocket: None, rest: venue.rest_url() };
    let symbols = venue.symbols().iter().map(|name| symbol(name)).collect();
    FeedConfig::new(endpoints, product, symbols)
}

async fn ask_for_all(feed: &Feed, venue: &Venue, priority: SnapshotPriority) {
    for name in venue.symbols() {
        feed.requests.send(Request::Snapshot { symbol: symbol(&name), priority }).await.unwrap();
    }
}

/// Waits for `count` frames of a kind.
async fn take(feed: &mut Feed, kind: FrameKind, count: usize) {
    for _ in 0..count {
        feed.next(kind).await;
    }
}

/// Asserts that of each symbol every depth event and trade came once and in order.
fn assert_unbroken(frames: &[Frame]) {
    let mut newest: HashMap<(Symbol, FrameKind), u64> = HashMap::new();
    for (envelope, _) in frames {
        let Envelope { kind, first_id, last_id, .. } = *envelope;
        let (Some(symbol), Some(id)) = (envelope.symbol, last_id.or(first_id)) else { continue };
        let previous = match kind {
            FrameKind::DepthUpdate | FrameKind::Trade | FrameKind::AggregateTrade => {
                newest.insert((symbol, kind), id)
            }
            _ => continue,
        };
        if let Some(previous) = previous {
            assert_eq!(first_id, Some(previous + 1), "{symbol} {kind:?}");
        }
    }
    assert!(newest.keys().any(|(_, kind)| *kind == FrameKind::DepthUpdate));
    assert!(newest.keys().any(|(_, kind)| matches!(kind, FrameKind::Trade | FrameKind::AggregateTrade)));
}

/// Asserts that the sink has every frame the venue sent of a symbol's depth and trades, and none twice.
fn assert_complete(feed: &Feed, venue: &Venue, trade_stream: &str) {
    for name in venue.symbols() {
        let lower = name.to_ascii_lowercase();
        for (kind, stream) in [
            (FrameKind::DepthUpdate, format!("{lower}@depth@100ms")),
            (FrameKind::BookTicker, format!("{lower}@bookTicker")),
            (
                if trade_stream == "trade" { FrameKind::Trade } else { FrameKind::AggregateTrade },
                format!("{lower}@{trade_stream}"),
            ),
        ] {
            let sent =
                venue.counters().iter().find(|count| count.stream == stream).map_or(0, |count| count.sent);
            assert_eq!(feed.of(kind, &name).len(), usize::try_from(sent).unwrap(), "{stream}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn fifty_pairs_flow_over_one_connection_and_get_their_snapshots() {
    let venue = start(VenueConfig::generated(Product::Spot, default_markets(), 7)).await.unwrap();
    let report = fed(config(&venue, Product::Spot), async |feed| {
        take(feed, FrameKind::Instrument, 50).await;
        feed.next(FrameKind::DepthUpdate).await;
        assert_eq!(venue.connections(), 1);
        ask_for_all(feed, &venue, SnapshotPriority::StartUp).await;
        take(feed, FrameKind::Snapshot, 50).await;
        feed.linger(Duration::from_secs(1)).await;
        assert!(venue.pause().await);
        feed.linger(Duration::from_millis(300)).await;
        assert_complete(feed, &venue, "trade");
        assert_unbroken(&feed.seen);
    });
    let report = report.await.unwrap();
    assert_eq!((report.disconnects, report.repetitions, report.answers), (0, 0, 100));
    assert_eq!((report.failed_requests, report.refused_requests), (0, 0));
    let clock = report.clock.unwrap();
    assert!(clock.nanoseconds.abs() < 1_000_000_000, "both have this machine's clock: {clock:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn futures_differ_only_where_the_venue_does() {
    for (product, names) in [(Product::UsdM, ["BTCUSDT"]), (Product::CoinM, ["BTCUSD_PERP"])] {
        let venue = venue(product, &names, |_| {}).await;
        let report = fed(config(&venue, product), async |feed| {
            feed.next(FrameKind::AggregateTrade).await;
            feed.next(FrameKind::DepthUpdate).await;
            ask_for_all(feed, &venue, SnapshotPriority::Gap).await;
            let (snapshot, _) = feed.next(FrameKind::Snapshot).await;
            assert!(snapshot.event_time.is_some(), "futures tell it");
            assert!(venue.pause().await);
            feed.linger(Duration::from_millis(300)).await;
            assert_complete(feed, &venue, "aggTrade");
        });
        assert_eq!(report.await.unwrap().failed_requests, 0, "{product}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn renewal_before_the_end_of_a_connections_life_loses_and_doubles_nothing() {
    let short_life = |config: &mut VenueConfig| {
        config.limits.connection_lifetime = Duration::from_secs(4);
    };
    let venue = venue(Product::Spot, &NAMES, short_life).await;
    let mut config = config(&venue, Product::Spot);
    config.timing.connection_age = Duration::from_millis(1_500);
    let report = fed(config, async |feed| {
        feed.linger(Duration::from_secs(6)).await;
        assert_unbroken(&feed.seen);
        assert_eq!(feed.of(FrameKind::Disconnected, NAMES[0]).len(), 0);
    });
    let report = report.await.unwrap();
    assert!(report.renewals >= 2 && report.repetitions > 0, "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_shutdown_announced_by_the_venue_loses_and_doubles_nothing() {
    let notice = |config: &mut VenueConfig| config.limits.shutdown_notice = Duration::from_secs(3);
    let venue = venue(Product::Spot, &NAMES, notice).await;
    let report = fed(config(&venue, Product::Spot), async |feed| {
        feed.next(FrameKind::Trade).await;
        venue.inject("server-shutdown".parse().unwrap()).unwrap();
        feed.linger(Duration::from_secs(5)).await;
        assert_unbroken(&feed.seen);
    });
    let report = report.await.unwrap();
    assert_eq!((report.renewals, report.disconnects), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn connections_that_end_unannounced_are_regained() {
    let venue = venue(Product::Spot, &NAMES, |_| {}).await;
    let mut config = config(&venue, Product::Spot);
    config.timing.idle = Duration::from_secs(1);
    let report = fed(config, async |feed| {
        for fault in ["disconnect", "half-open"] {
            feed.next(FrameKind::Trade).await;
            venue.inject(fault.parse().unwrap()).unwrap();
            take(feed, FrameKind::Disconnected, NAMES.len()).await;
            let before = feed.seen.len();
            take(feed, FrameKind::Reconnected, NAMES.len()).await;
            feed.linger(Duration::from_millis(500)).await;
            assert_unbroken(&feed.seen[before..]);
        }
    });
    assert_eq!(report.await.unwrap().disconnects, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_venues_refusals_are_waited_out() {
    let venue = venue(Product::Spot, &NAMES, |_| {}).await;
    let report = fed(config(&venue, Product::Spot), async |feed| {
        feed.next(FrameKind::Trade).await;
        feed.linger(Duration::from_millis(200)).await;
        for fault in ["too-many-requests:seconds=1", "banned:seconds=1"] {
            venue.inject(fault.parse().unwrap()).unwrap();
            ask_for_all(feed, &venue, SnapshotPriority::Gap).await;
            take(feed, FrameKind::Snapshot, NAMES.len()).await;
        }
    });
    let report = report.await.unwrap();
    assert!((2..=8).contains(&report.refused_requests), "{report:?}");
    assert_eq!((report.disconnects, report.failed_requests), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn pongs_keep_a_connection_open_within_the_message_limit() {
    let strict = |config: &mut VenueConfig| {
        config.limits.ping_interval = Duration::from_millis(300);
        config.limits.pong_timeout = Duration::from_millis(900);
    };
    let venue = venue(Product::Spot, &NAMES, strict).await;
    let report = fed(config(&venue, Product::Spot), async |feed| {
        feed.linger(Duration::from_secs(3)).await;
        assert_unbroken(&feed.seen);
    });
    assert_eq!(report.await.unwrap().disconnects, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_changed_instrument_can_be_asked_for() {
    let venue = venue(Product::Spot, &["BTCUSDT"], |_| {}).await;
    let report = fed(config(&venue, Product::Spot), async |feed| {
        let (_, before) = feed.next(FrameKind::Instrument).await;
        feed.next(FrameKind::DepthUpdate).await;
        venue.inject("tick-size-change:symbol=BTCUSDT".parse().unwrap()).unwrap();
        take(feed, FrameKind::DepthUpdate, 3).await;
        feed.requests.send(Request::Instrument { symbol: symbol("BTCUSDT") }).await.unwrap();
        let (_, after) = feed.next(FrameKind::Instrument).await;
        assert_ne!(before, after);
    });
    report.await.unwrap();
}

#[tokio::test]
async fn a_wrong_clock_is_noticed_and_forgotten() {
    let venue = venue(Product::Spot, &["BTCUSDT"], |config| {
        config.faults =
            (1..=5).map(|nth| format!("wrong-clock:seconds=60,at={nth}").parse().unwrap()).collect();
    })
    .await;
    let mut config = config(&venue, Product::Spot);
    config.timing.clock_check = Duration::from_millis(50);
    let metrics = config.metrics.clone();
    let offset_beyond = async |is_beyond: bool| {
        let minute = 59_000_000_000;
        while metrics.clock().is_none_or(|clock| (clock.nanoseconds > minute) != is_beyond) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let report = fed(config, async |_| {
        offset_beyond(true).await;
        offset_beyond(false).await;
    });
    assert!(report.await.unwrap().clock.unwrap().nanoseconds < 1_000_000_000);
}
