//! Each fault shows on the wire what its name says, and the venue's own book stays right.

mod sim_support;

use std::time::Duration;

use depthlake_ingest::product::Product;
use depthlake_ingest::sim::{Fault, FaultKind, Venue, VenueConfig, market_for};
use sim_support::{Client, Ended, Following, PATIENCE, get, id, open, units};

const SYMBOLS: [&str; 2] = ["BTCUSDT", "ETHUSDT"];

async fn venue(faults: &[&str]) -> Venue {
    let markets = SYMBOLS.iter().map(|symbol| market_for(symbol).unwrap()).collect();
    let mut config = VenueConfig::generated(Product::Spot, markets, 5);
    config.faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
    config.limits.shutdown_notice = Duration::from_millis(300);
    open(config).await
}

fn count(venue: &Venue, kind: FaultKind) -> u64 {
    venue.fault_counters().iter().filter(|count| count.kind == kind).map(|count| count.count).sum()
}

async fn following(venue: &Venue) -> Following {
    let mut following = Following::open(venue, "/api/v3", &SYMBOLS).await;
    following.follow_for(venue, Duration::from_millis(1_500)).await;
    following
}

/// Gaps and stale events of BTCUSDT under one fault of its diffs; ETHUSDT must notice nothing.
async fn diffs_under(fault: &str) -> (usize, usize) {
    let venue = venue(&[fault]).await;
    let mut following = following(&venue).await;
    following.settle(&venue).await;
    let [bitcoin, ether] = &following.books[..] else { panic!("two books") };
    assert_eq!((ether.gaps, ether.stale), (0, 0));
    ether.assert_equals(&venue.book("ETHUSDT").unwrap(), 4_000);
    let seen = (bitcoin.gaps, bitcoin.stale);

    // A new snapshot puts the book right.
    let snapshot = get(&venue, "/api/v3/depth?symbol=BTCUSDT&limit=5000").await.body;
    following.books[0].restart();
    assert!(following.books[0].load(&snapshot));
    following.assert_equal_books(&venue);
    seen
}

#[tokio::test]
async fn a_dropped_diff_is_a_gap() {
    assert_eq!(diffs_under("dropped-diff:symbol=BTCUSDT,at=8").await, (1, 0));
}

#[tokio::test]
async fn a_duplicated_diff_is_stale_the_second_time() {
    assert_eq!(diffs_under("duplicated-diff:symbol=BTCUSDT,at=8").await, (0, 1));
}

#[tokio::test]
async fn swapped_diffs_are_a_gap_and_then_stale() {
    assert_eq!(diffs_under("swapped-diffs:symbol=BTCUSDT,at=8").await, (1, 1));
}

#[tokio::test]
async fn damaged_frames_are_no_json() {
    for (fault, kind) in [
        ("malformed-frame:symbol=BTCUSDT,at=20", FaultKind::MalformedFrame),
        ("truncated-frame:symbol=BTCUSDT,at=20", FaultKind::TruncatedFrame),
    ] {
        let venue = venue(&[fault]).await;
        let mut following = following(&venue).await;
        assert_eq!(following.broken.len(), 1, "{fault}");
        assert!(following.broken[0].starts_with(r#"{"stream":"btcusdt@"#));
        assert_eq!(count(&venue, kind), 1);
        following.settle(&venue).await;
        following.books[1].assert_equals(&venue.book("ETHUSDT").unwrap(), 4_000);
    }
}

#[tokio::test]
async fn a_disconnect_ends_one_connection_without_a_close_frame() {
    let venue = venue(&[]).await;
    let mut first = Client::open(&venue, "/ws/btcusdt@trade").await;
    let mut second = Client::open(&venue, "/ws/btcusdt@trade").await;
    first.json().await;
    second.json().await;
    venue.inject(Fault::next(FaultKind::Disconnect, Some("BTCUSDT"))).unwrap();
    assert_eq!(first.end().await, Ended::Cut);
    second.json().await;
    let again = venue.inject("disconnect:symbol=ETHUSDT,at=1".parse().unwrap());
    assert!(again.is_ok());
    second.json().await;
    assert_eq!(count(&venue, FaultKind::Disconnect), 1);
}

#[tokio::test]
async fn a_half_open_connection_neither_speaks_nor_ends() {
    let venue = venue(&["half-open:symbol=BTCUSDT,at=10"]).await;
    let mut client = Client::open(&venue, "/ws/btcusdt@trade/btcusdt@bookTicker").await;
    client.json().await;
    let silence = async { while !client.is_silent_for(Duration::from_millis(400)).await {} };
    tokio::time::timeout(PATIENCE, silence).await.expect("the connection falls silent");
    client.send(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#).await;
    assert!(client.is_silent_for(Duration::from_millis(300)).await);
    venue.shutdown().await;
}

#[tokio::test]
async fn a_stale_snapshot_is_older_than_the_stream() {
    let venue = venue(&[]).await;
    let mut client = Client::open(&venue, "/ws/btcusdt@depth@100ms").await;
    client.json().await;
    let first = id(&client.json().await, "U");
    venue.inject(Fault::next(FaultKind::StaleSnapshot, Some("BTCUSDT"))).unwrap();
    let other = get(&venue, "/api/v3/depth?symbol=ETHUSDT").await.body;
    assert!(id(&other, "lastUpdateId") > venue.book("ETHUSDT").unwrap().last_update_id - 1_000);
    let stale = get(&venue, "/api/v3/depth?symbol=BTCUSDT").await.body;
    assert!(id(&stale, "lastUpdateId") + 1 < first);
    let next = get(&venue, "/api/v3/depth?symbol=BTCUSDT").await.body;
    assert!(id(&next, "lastUpdateId") >= first);
}

#[tokio::test]
async fn a_slow_snapshot_takes_its_time() {
    let venue = venue(&["slow-snapshot:seconds=0.4"]).await;
    let mut times = Vec::new();
    for _ in 0..2 {
        let begin = tokio::time::Instant::now();
        assert_eq!(get(&venue, "/api/v3/depth?symbol=BTCUSDT").await.status, 200);
        times.push(begin.elapsed());
    }
    assert!(times[0] >= Duration::from_millis(400) && times[1] < Duration::from_millis(400));
}

#[tokio::test]
async fn refusals_come_when_asked_for() {
    let venue = venue(&["too-many-requests:seconds=7"]).await;
    let refused = get(&venue, "/api/v3/depth?symbol=BTCUSDT").await;
    assert_eq!((refused.status, refused.retry_after), (429, Some(7)));
    assert_eq!(get(&venue, "/api/v3/ping").await.status, 200);
    venue.inject("banned:seconds=0.2".parse().unwrap()).unwrap();
    assert_eq!(get(&venue, "/api/v3/ping").await.status, 418);
    assert_eq!(get(&venue, "/api/v3/ping").await.status, 418);
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(get(&venue, "/api/v3/ping").await.status, 200);
}

#[tokio::test]
async fn a_shutdown_is_announced_and_the_streams_go_on_until_then() {
    let venue = venue(&[]).await;
    let mut combined = Client::open(&venue, "/stream?streams=btcusdt@trade").await;
    let mut raw = Client::open(&venue, "/ws/btcusdt@trade").await;
    venue.inject(Fault::next(FaultKind::ServerShutdown, None)).unwrap();
    let message = loop {
        let message = combined.json().await;
        if message["stream"] == "!serverShutdown" {
            break message;
        }
    };
    assert_eq!(message["data"]["e"], "serverShutdown");
    assert!(id(&message["data"], "E") > 1_600_000_000_000);
    while raw.json().await["e"] != "serverShutdown" {}
    assert_eq!(raw.json().await["e"], "trade");
    for client in [&mut combined, &mut raw] {
        assert!(matches!(client.end().await, Ended::Closed(Some(frame)) if u16::from(frame.code) == 1001));
    }
}

#[tokio::test]
async fn a_finer_tick_is_told_and_used() {
    let venue = venue(&[]).await;
    let tick = async || {
        let info = get(&venue, "/api/v3/exchangeInfo?symbol=BTCUSDT").await.body;
        info["symbols"][0]["filters"][0]["tickSize"].as_str().unwrap().to_owned()
    };
    assert_eq!(tick().await, "0.01000000");
    let mut following = Following::open(&venue, "/api/v3", &["BTCUSDT"]).await;
    following.follow_for(&venue, Duration::from_millis(500)).await;
    venue.inject(Fault::next(FaultKind::TickSizeChange, Some("BTCUSDT"))).unwrap();
    following.follow_for(&venue, Duration::from_millis(700)).await;
    assert_eq!(tick().await, "0.00100000");
    following.settle(&venue).await;
    following.assert_equal_books(&venue);
    assert_eq!(following.books[0].gaps, 0);
    let old_tick = 1_000_000;
    assert!(following.books[0].bids.keys().any(|price| price % old_tick != 0));
}

#[tokio::test]
async fn a_halted_symbol_is_silent_and_resumes_where_it_stood() {
    let venue = venue(&[]).await;
    let mut following = Following::open(&venue, "/api/v3", &["BTCUSDT"]).await;
    following.follow_for(&venue, Duration::from_millis(300)).await;
    venue.inject("symbol-halt:symbol=BTCUSDT,seconds=1.6".parse().unwrap()).unwrap();
    let silent = async |client: &mut Client| client.is_silent_for(Duration::from_millis(300)).await;
    let begin = tokio::time::Instant::now();
    while !silent(&mut following.client).await {
        assert!(begin.elapsed() < Duration::from_millis(1_200), "the symbol goes on");
    }
    let info = get(&venue, "/api/v3/exchangeInfo").await.body;
    assert_eq!(info["symbols"][0]["status"], "HALT");
    assert_eq!(info["symbols"][1]["status"], "TRADING");
    let depth = get(&venue, "/api/v3/depth?symbol=BTCUSDT").await;
    assert!(units(&depth.body["bids"][0][0]) > 0);

    // What came while listening for silence was read past the books: they begin anew.
    following.books[0].restart();
    tokio::time::sleep(Duration::from_millis(1_300)).await;
    following.follow_for(&venue, Duration::from_millis(400)).await;
    let info = get(&venue, "/api/v3/exchangeInfo").await.body;
    assert_eq!(info["symbols"][0]["status"], "TRADING");
    assert!(following.books[0].is_live());
    assert_eq!(following.books[0].gaps, 0);
}
