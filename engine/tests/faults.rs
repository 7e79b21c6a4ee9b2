//! Every fault that the simulated venue can inject, through the live client and the pipelines: the books end equal to the
//! venue's, each gap is a record, and nothing else is lost.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU16;
use std::time::{Duration, Instant};

use bytes::Bytes;
use depthlake_engine::pipeline::{Need, Output, Pipeline};
use depthlake_engine::replay::OfflinePipelines;
use depthlake_ingest::live::{
    self, Endpoints, FeedConfig, FrameSink, Request, SinkError, SnapshotPriority, Timing,
};
use depthlake_ingest::product::Product;
use depthlake_ingest::sim::{self, Fault, FaultKind, Venue, VenueConfig};
use depthlake_orderbook::book::{Book, Side};
use depthlake_orderbook::frame::{Envelope, FrameKind};
use depthlake_orderbook::instrument::Instrument;
use depthlake_orderbook::record::{DeadLetterReason, Derived, FeedEventKind, Trigger};
use depthlake_orderbook::symbol::Symbol;
use tokio::sync::mpsc;

const SYMBOLS: [&str; 3] = ["BTCUSDT", "ETHUSDT", "SOLUSDT"];
const VICTIM: &str = "BTCUSDT";
const PATIENCE: Duration = Duration::from_secs(30);

/// Feeds pipelines and remembers what they gave.
struct Engine {
    pipelines: OfflinePipelines,
    records: Records,
    trades: BTreeMap<Symbol, BTreeSet<u64>>,
    trade_frames: u64,
}

struct Records {
    requests: mpsc::Sender<Request>,
    feed: Vec<(FeedEventKind, Option<Symbol>)>,
    dead: Vec<DeadLetterReason>,
    trades: u64,
    books: u64,
}

impl Output for Records {
    fn derived(&mut self, _: Trigger, record: Derived) {
        match record {
            Derived::Feed(event) => self.feed.push((event.kind, event.symbol)),
            Derived::DeadLetter(letter) => self.dead.push(letter.reason),
            Derived::Trade(_) => self.trades += 1,
            Derived::Book(_) => self.books += 1,
            Derived::Bar(_) => {}
        }
    }

    fn need(&mut self, symbol: Symbol, need: Need) {
        let request = match need {
            Need::FirstSnapshot => Request::Snapshot { symbol, priority: SnapshotPriority::StartUp },
            Need::NewSnapshot => Request::Snapshot { symbol, priority: SnapshotPriority::Gap },
            Need::Instrument => Request::Instrument { symbol },
        };
        self.requests.try_send(request).unwrap();
    }
}

/// The feed's side of an engine that the test looks at meanwhile.
struct Shared<'a>(&'a RefCell<Engine>);

impl FrameSink for Shared<'_> {
    fn accept(&mut self, envelope: &Envelope, payload: Bytes) -> Result<(), SinkError> {
        let engine = &mut *self.0.borrow_mut();
        if let (FrameKind::Trade, Some(symbol), Some(id)) =
            (envelope.kind, envelope.symbol, envelope.first_id)
        {
            engine.trades.entry(symbol).or_default().insert(id);
            engine.trade_frames += 1;
        }
        engine.pipelines.frame(envelope, &payload, &mut engine.records);
        Ok(())
    }
}

impl Engine {
    fn equals(&self, venue: &Venue) -> bool {
        let pipeline = self.pipelines.pipelines().next().unwrap();
        SYMBOLS.iter().all(|name| book_equals(pipeline, venue, name))
    }

    fn count(&self, kind: FeedEventKind, symbol: &str) -> usize {
        let symbol = Symbol::new(symbol).ok();
        self.records.feed.iter().filter(|&&event| event == (kind, symbol)).count()
    }

    fn gaps(&self) -> usize {
        SYMBOLS.iter().map(|symbol| self.count(FeedEventKind::Gap, symbol)).sum()
    }
}

fn book_equals(pipeline: &Pipeline, venue: &Venue, name: &str) -> bool {
    let theirs = venue.book(name).unwrap();
    let Some((instrument, book)) = pipeline.book(Symbol::new(name).unwrap()) else { return false };
    book.update_id().0 == theirs.last_update_id
        && side_equals(instrument, book, Side::Bid, &theirs.bids)
        && side_equals(instrument, book, Side::Ask, &theirs.asks)
}

fn side_equals(instrument: &Instrument, book: &Book, side: Side, venue: &[(String, String)]) -> bool {
    let theirs = venue.iter().map(|(price, quantity)| {
        let price = instrument.price_scale.price(price.as_bytes()).unwrap();
        (price, instrument.quantity_scale.quantity(quantity.as_bytes()).unwrap())
    });
    let ours = book.levels(side).map(|level| (level.price, level.quantity));
    let known = |price| book.is_known_to(side, price);
    theirs.filter(|&(price, _)| known(price)).eq(ours.filter(|&(price, _)| known(price)))
}

/// Runs a feed; once all books are live injects `fault` (again and again until `is_enough`), then halts the venue and
/// waits for the books to equal its own.
fn run(faults: &[Fault], is_enough: impl Fn(&Engine) -> bool) -> Engine {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let markets = SYMBOLS.iter().map(|symbol| sim::market_for(symbol).unwrap()).collect();
        let venue = sim::start(VenueConfig::generated(Product::Spot, markets, 7)).await.unwrap();
        let endpoints =
            Endpoints { websocket: venue.websocket_url(), trades_websocket: None, rest: venue.rest_url() };
        let symbols = SYMBOLS.iter().map(|symbol| Symbol::new(symbol).unwrap()).collect();
        let (requests, pending) = mpsc::channel(1_000);
        let engine = RefCell::new(Engine {
            pipelines: OfflinePipelines::new(NonZeroU16::MIN),
            records: Records { requests, feed: Vec::new(), dead: Vec::new(), trades: 0, books: 0 },
            trades: BTreeMap::new(),
            trade_frames: 0,
        });
        let timing =
            Timing { idle: Duration::from_secs(2), request: Duration::from_secs(2), ..Timing::default() };
        let config = FeedConfig { timing, ..FeedConfig::new(endpoints, Product::Spot, symbols) };
        let script = async {
            wait(|| SYMBOLS.iter().all(|name| is_live(&engine.borrow(), name)), "the books are live").await;
            for fault in faults {
                venue.inject(fault.clone()).unwrap();
            }
            wait(|| is_enough(&engine.borrow()), "the fault is seen").await;
            // What a fault took shows at the next event of its book.
            let seen = applied(&engine.borrow());
            let has_moved = || applied(&engine.borrow()).iter().zip(&seen).all(|(now, then)| now > then);
            wait(has_moved, "the books go on").await;
            wait(|| SYMBOLS.iter().all(|name| is_live(&engine.borrow(), name)), "the books are live again")
                .await;
            venue.pause().await;
            wait(|| engine.borrow().equals(&venue), "the books equal the venue's").await;
        };
        live::run(config, Shared(&engine), pending, script).await.unwrap();
        let happened = venue.fault_counters();
        for fault in faults {
            let has = happened.iter().any(|count| count.kind == fault.kind && count.count > 0);
            assert!(has, "{} did not happen: {happened:?}", fault.kind);
        }
        venue.shutdown().await;
        engine.into_inner()
    })
}

fn is_live(engine: &Engine, name: &str) -> bool {
    engine.pipelines.pipelines().any(|pipeline| pipeline.book(Symbol::new(name).unwrap()).is_some())
}

/// How many events were applied to each book.
fn applied(engine: &Engine) -> Vec<u64> {
    engine.pipelines.pipelines().flat_map(Pipeline::books).map(|(_, status)| status.applied).collect()
}

async fn wait(condition: impl Fn() -> bool, what: &str) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn next(kind: FaultKind) -> Fault {
    Fault::next(kind, Some(VICTIM))
}

/// Nothing was lost but what the fault took: every trade that came became a record, and no trade number is missing.
fn assert_trades_whole(engine: &Engine) {
    assert_eq!(engine.records.trades, engine.trade_frames);
    for (symbol, ids) in &engine.trades {
        let (first, last) = (ids.first().unwrap(), ids.last().unwrap());
        assert_eq!(last - first + 1, ids.len() as u64, "{symbol}: trades are missing");
    }
}

fn assert_only_victim_resynced(engine: &Engine) {
    for symbol in SYMBOLS.iter().filter(|&&symbol| symbol != VICTIM) {
        assert_eq!(engine.count(FeedEventKind::Gap, symbol), 0, "{symbol} was touched");
    }
    assert_eq!(
        engine.count(FeedEventKind::Gap, VICTIM),
        engine.count(FeedEventKind::Resync, VICTIM),
        "each gap ends in a resync: {:?}",
        engine.records.feed
    );
    assert_trades_whole(engine);
}

#[test]
fn no_fault_gives_no_event() {
    let engine = run(&[], |engine| engine.records.books > 50);
    assert_eq!((engine.gaps(), engine.records.dead.len()), (0, 0));
    assert_only_victim_resynced(&engine);
}

#[test]
fn a_dropped_diff_is_one_gap() {
    let engine = run(&[next(FaultKind::DroppedDiff)], |engine| engine.gaps() > 0);
    assert_eq!((engine.gaps(), engine.records.dead.len()), (1, 0));
    assert_only_victim_resynced(&engine);
}

#[test]
fn a_duplicated_diff_is_passed_over() {
    let stale = |engine: &Engine| {
        engine.pipelines.pipelines().flat_map(Pipeline::books).map(|(_, s)| s.stale).sum::<u64>()
    };
    let engine = run(&[next(FaultKind::DuplicatedDiff)], |engine| stale(engine) > 0);
    assert_eq!((engine.gaps(), engine.records.dead.len()), (0, 0));
    assert_only_victim_resynced(&engine);
}

#[test]
fn swapped_diffs_are_a_gap() {
    let engine = run(&[next(FaultKind::SwappedDiffs)], |engine| engine.gaps() > 0);
    assert!(engine.gaps() >= 1 && engine.records.dead.is_empty());
    assert_only_victim_resynced(&engine);
}

#[test]
fn a_malformed_frame_is_a_dead_letter() {
    let engine = run(&[next(FaultKind::MalformedFrame)], |engine| !engine.records.dead.is_empty());
    assert_eq!(engine.records.dead.len(), 1);
    assert!(engine.gaps() <= 1);
}

#[test]
fn a_truncated_frame_is_a_dead_letter() {
    let engine = run(&[next(FaultKind::TruncatedFrame)], |engine| !engine.records.dead.is_empty());
    assert_eq!(engine.records.dead, [DeadLetterReason::Malformed]);
    assert!(engine.gaps() <= 1);
}

#[test]
fn a_disconnect_ends_in_the_venue_s_books() {
    let reconnected = |engine: &Engine| engine.count(FeedEventKind::Reconnect, VICTIM) > 0;
    let engine = run(&[next(FaultKind::Disconnect)], reconnected);
    assert_eq!(engine.count(FeedEventKind::Disconnect, VICTIM), 1);
    assert!(engine.records.dead.is_empty());
}

#[test]
fn a_half_open_connection_is_given_up() {
    let reconnected = |engine: &Engine| engine.count(FeedEventKind::Reconnect, VICTIM) > 0;
    let engine = run(&[next(FaultKind::HalfOpen)], reconnected);
    assert_eq!(engine.count(FeedEventKind::Disconnect, VICTIM), 1);
}

#[test]
fn a_server_shutdown_loses_nothing() {
    let begun = Instant::now();
    let engine = run(&[next(FaultKind::ServerShutdown)], |_| begun.elapsed() > Duration::from_secs(4));
    assert_eq!((engine.gaps(), engine.records.dead.len()), (0, 0));
    assert_only_victim_resynced(&engine);
}

/// Faults of the REST interface show only while a book needs it.
fn with_rest_fault(kind: FaultKind) -> Engine {
    let engine = run(&[next(kind), next(FaultKind::DroppedDiff)], |engine| engine.gaps() > 0);
    assert!(engine.records.dead.is_empty());
    assert_only_victim_resynced(&engine);
    engine
}

#[test]
fn a_stale_snapshot_is_asked_for_again() {
    with_rest_fault(FaultKind::StaleSnapshot);
}

#[test]
fn a_slow_snapshot_is_waited_for() {
    with_rest_fault(FaultKind::SlowSnapshot);
}

#[test]
fn too_many_requests_are_waited_out() {
    with_rest_fault(FaultKind::TooManyRequests);
}

#[test]
fn a_ban_is_waited_out() {
    let fault: Fault = "banned:seconds=3".parse().unwrap();
    let engine = run(&[fault, next(FaultKind::DroppedDiff)], |engine| engine.gaps() > 0);
    assert_only_victim_resynced(&engine);
}

#[test]
fn a_finer_tick_is_taken_up() {
    let changed = |engine: &Engine| engine.count(FeedEventKind::InstrumentChange, VICTIM) > 0;
    let engine = run(&[next(FaultKind::TickSizeChange)], changed);
    assert!(engine.records.dead.iter().all(|&reason| reason == DeadLetterReason::Inexact));
    for symbol in ["ETHUSDT", "SOLUSDT"] {
        assert_eq!(engine.count(FeedEventKind::Gap, symbol), 0, "{symbol} was touched");
    }
}

#[test]
fn a_halted_symbol_goes_on_afterwards() {
    let fault: Fault = format!("symbol-halt:symbol={VICTIM},seconds=2").parse().unwrap();
    let begun = Instant::now();
    let engine = run(&[fault], |_| begun.elapsed() > Duration::from_secs(4));
    assert_eq!(engine.gaps(), 0);
    assert_only_victim_resynced(&engine);
}
