//! The simulated venue plays recordings: here one that was taken from a generated venue.

mod sim_support;

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use depthlake_ingest::product::Product;
use depthlake_ingest::recording::{Recording, RecordingWriter};
use depthlake_ingest::sim::{Source, Speed, Venue, VenueBook, VenueConfig, VenueError, market_for, start};
use depthlake_ingest::wire;
use depthlake_orderbook::frame::FrameKind;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;
use sim_support::{Client, Following, get, get_text, id, open};

const SYMBOLS: [&str; 2] = ["BTCUSDT", "XRPUSDT"];
const STREAMS: &str = "/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@trade/\
                       xrpusdt@depth@100ms/xrpusdt@bookTicker/xrpusdt@trade";

/// Records a second of two generated markets as a collector would: the frames, and a book each some frames later. The
/// frames' times are a millisecond apart. Returns the frames and the last books.
async fn record(folder: &Path) -> (Vec<String>, Vec<VenueBook>) {
    let markets = SYMBOLS.iter().map(|symbol| market_for(symbol).unwrap()).collect();
    let venue = open(VenueConfig::generated(Product::Spot, markets, 9)).await;
    let mut client = Client::open(&venue, STREAMS).await;
    let mut writer = RecordingWriter::create(folder).unwrap();
    let mut frames: Vec<String> = Vec::new();
    let received =
        |count: usize| Timestamp::from_milliseconds(1_700_000_000_000 + i64::try_from(count).unwrap());
    let mut time = 0;
    let mut record = |frame: &str| {
        time += 1;
        writer.write(&wire::peek(frame.as_bytes(), received(time)), frame.as_bytes()).unwrap();
    };
    for _ in 0..150 {
        frames.push(client.text().await.unwrap());
    }
    for frame in &frames {
        record(frame);
    }
    let mut books = Vec::new();
    for symbol in SYMBOLS {
        books.push(get_text(&venue, &format!("/api/v3/depth?symbol={symbol}&limit=1000")).await);
    }
    let begin = frames.len();
    assert!(venue.pause().await);
    let sent = |venue: &Venue| venue.counters().iter().map(|count| count.sent).sum::<u64>();
    while (frames.len() as u64) < sent(&venue) {
        frames.push(client.text().await.unwrap());
    }
    for frame in &frames[begin..] {
        record(frame);
    }
    venue.resume();
    for _ in 0..200 {
        frames.push(client.text().await.unwrap());
        record(&frames[frames.len() - 1]);
    }
    assert!(venue.pause().await);
    while (frames.len() as u64) < sent(&venue) {
        frames.push(client.text().await.unwrap());
        record(&frames[frames.len() - 1]);
    }
    for (symbol, book) in SYMBOLS.into_iter().zip(books) {
        // Between the first frames and the rest.
        let payload = Bytes::from(book);
        let envelope = wire::peek_snapshot(&payload, Symbol::new(symbol).ok(), received(begin + 1)).unwrap();
        writer.write(&envelope, &payload).unwrap();
    }
    writer.finish().unwrap();
    let last = SYMBOLS.map(|symbol| venue.book(symbol).unwrap());
    (frames, last.to_vec())
}

async fn replay(folder: &Path, speed: Speed) -> Venue {
    let mut config = VenueConfig::generated(Product::Spot, Vec::new(), 1);
    config.source = Source::Recording { recording: Recording::open(folder).unwrap(), speed };
    open(config).await
}

fn of_symbol(frames: &[String], symbol: &str) -> Vec<String> {
    let head = format!(r#"{{"stream":"{}@"#, symbol.to_ascii_lowercase());
    frames.iter().filter(|frame| frame.starts_with(&head)).cloned().collect()
}

#[tokio::test]
async fn at_full_speed_every_frame_comes_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (recorded, last) = record(folder.path()).await;
    let venue = replay(folder.path(), Speed::Max).await;
    assert_eq!(venue.symbols(), SYMBOLS);
    let info = get(&venue, "/api/v3/exchangeInfo?symbol=XRPUSDT").await.body;
    assert!(info["symbols"][0]["filters"][0]["tickSize"].is_string());
    let mut client = Client::open(&venue, STREAMS).await;
    let mut played = Vec::new();
    while played.len() < recorded.len() {
        played.push(client.text().await.unwrap());
    }
    for symbol in SYMBOLS {
        assert_eq!(of_symbol(&played, symbol), of_symbol(&recorded, symbol));
    }
    venue.played_out().await;
    let sent: u64 = venue.counters().iter().map(|count| count.sent).sum();
    assert_eq!(sent, recorded.len() as u64);
    for (symbol, last) in SYMBOLS.into_iter().zip(last) {
        let book = venue.book(symbol).unwrap();
        assert_eq!(book.last_update_id, last.last_update_id);
        assert_eq!((&book.bids[..50], &book.asks[..50]), (&last.bids[..50], &last.asks[..50]));
    }
    venue.shutdown().await;
}

#[tokio::test]
async fn snapshots_fit_the_stream_wherever_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let (_, last) = record(folder.path()).await;
    for speed in [Speed::Max, Speed::Times(1.0)] {
        let venue = replay(folder.path(), speed).await;
        let before = get(&venue, "/api/v3/depth?symbol=BTCUSDT&limit=20").await.body;
        assert_eq!(before["bids"].as_array().unwrap().len(), 20);
        let mut following = Following::open(&venue, "/api/v3", &SYMBOLS).await;
        while following
            .books
            .iter()
            .zip(&last)
            .any(|(book, last)| book.last_update_id < Some(last.last_update_id))
        {
            following.step(&venue).await.unwrap();
        }
        for (book, last) in following.books.iter().zip(&last) {
            assert_eq!(book.gaps, 0, "{}", book.symbol);
            book.agreeing_tickers();
            book.assert_equals(last, 50);
        }
        assert!(id(&before, "lastUpdateId") <= last[0].last_update_id);
        venue.shutdown().await;
    }
}

#[tokio::test]
async fn playing_keeps_the_pace_and_can_be_paused() {
    let folder = tempfile::tempdir().unwrap();
    let (recorded, _) = record(folder.path()).await;
    let venue = replay(folder.path(), Speed::Times(2.0)).await;
    let mut client = Client::open(&venue, STREAMS).await;
    client.text().await.unwrap();
    let begin = tokio::time::Instant::now();
    for _ in 1..recorded.len() / 2 {
        client.text().await.unwrap();
    }
    venue.pause().await;
    let expected = Duration::from_micros(recorded.len() as u64 * 250);
    assert!(begin.elapsed() > expected.mul_f64(0.8), "{:?} instead of {expected:?}", begin.elapsed());
    while !client.is_silent_for(Duration::from_millis(100)).await {}
    venue.resume();
    client.text().await.unwrap();
}

#[tokio::test]
async fn faults_of_markets_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    record(folder.path()).await;
    let mut config = VenueConfig::generated(Product::Spot, Vec::new(), 1);
    config.source =
        Source::Recording { recording: Recording::open(folder.path()).unwrap(), speed: Speed::Max };
    config.faults.push("tick-size-change".parse().unwrap());
    assert!(matches!(start(config).await, Err(VenueError::FaultNeedsGeneratedMarkets { .. })));
}

/// The folder of recordings beside the checkout, or the one that `DEPTHLAKE_SHARED` names.
fn shared() -> Option<PathBuf> {
    let folder = std::env::var_os("DEPTHLAKE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let found = folder.join("data").is_dir();
    if !found {
        eprintln!("SKIPPED: no recordings at {}", folder.display());
    }
    found.then_some(folder)
}

/// Real recordings of all three products, at full speed: each frame comes, and a client's books follow without a gap.
#[tokio::test]
async fn real_recordings_are_played_whole() {
    let Some(shared) = shared() else { return };
    let mut agreed = 0;
    for (name, product) in [
        ("binance-spot-2021", Product::Spot),
        ("binance-spot-2024", Product::Spot),
        ("binance-usdm-2021", Product::UsdM),
        ("binance-usdm-2024", Product::UsdM),
        ("binance-coinm-2024", Product::CoinM),
    ] {
        let recording = Recording::open(&shared.join("data").join(name)).unwrap();
        let wanted = [FrameKind::DepthUpdate, FrameKind::BookTicker];
        let frames = recording.frames().unwrap().filter_map(Result::ok);
        let expected = frames.filter(|frame| wanted.contains(&frame.envelope.kind)).count() as u64;
        let mut config = VenueConfig::generated(product, Vec::new(), 1);
        config.source = Source::Recording { recording, speed: Speed::Max };
        let venue = open(config).await;
        let symbols = venue.symbols();
        let symbols: Vec<_> = symbols.iter().map(String::as_str).collect();
        let mut following = Following::open(&venue, product.rest_prefix(), &symbols).await;
        while following.received() < expected {
            following.step(&venue).await.unwrap();
        }
        venue.played_out().await;
        for book in &following.books {
            assert!(book.is_live(), "{name} {}", book.symbol);
            assert_eq!(book.gaps, 0, "{name} {}", book.symbol);
            book.assert_equals(&venue.book(&book.symbol).unwrap(), 20);
            agreed += book.agreeing_tickers();
        }
        venue.shutdown().await;
    }
    assert!(agreed > 1_000, "{agreed}");
}
