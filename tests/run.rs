//! `depthlake run` against a simulated venue in this process, from the first frame to the last row.

mod support;

use std::collections::BTreeMap;
use std::process::{Child, Stdio};

use depthlake_engine::board::{BoardState, Reader};
use depthlake_ingest::product::Product;
use depthlake_ingest::sim::{self, Venue, VenueConfig};
use depthlake_orderbook::event::Level;
use support::{LakeView, depthlake, stop, wait};

struct Simulation {
    runtime: tokio::runtime::Runtime,
    venue: Venue,
}

impl Simulation {
    fn start(symbols: Option<&[&str]>) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let markets = match symbols {
            Some(symbols) => symbols.iter().map(|symbol| sim::market_for(symbol).unwrap()).collect(),
            None => sim::default_markets(),
        };
        let mut config = VenueConfig::generated(Product::Spot, markets, 3);
        // Twenty starts within a minute take more weight than a venue grants.
        config.limits.request_weight = 100_000;
        let venue = runtime.block_on(sim::start(config)).unwrap();
        Self { runtime, venue }
    }

    fn address(&self) -> String {
        format!("{},{}", self.venue.websocket_url(), self.venue.rest_url())
    }

    fn symbols(&self) -> String {
        self.venue.symbols().join(",")
    }

    fn pause(&self) {
        assert!(self.runtime.block_on(self.venue.pause()));
    }

    /// Frames sent, by what follows the `@` of the stream's name.
    fn sent(&self) -> BTreeMap<String, i64> {
        let mut sent = BTreeMap::new();
        for count in self.venue.counters() {
            let kind = count.stream.split('@').nth(1).unwrap().to_owned();
            *sent.entry(kind).or_default() += i64::try_from(count.sent).unwrap();
        }
        sent
    }
}

fn run(folder: &std::path::Path, simulation: &Simulation, more: &[&str]) -> Child {
    let (address, symbols) = (simulation.address(), simulation.symbols());
    let arguments = [&["run", "--venue", &address, "--symbols", &symbols, "--data", "data"], more].concat();
    depthlake(folder, &arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn live_books(board: &Reader) -> usize {
    board.slots().filter(|&slot| board.read(slot).unwrap().state == BoardState::Live).count()
}

#[test]
fn fifty_books_from_socket_to_table() {
    let folder = tempfile::tempdir().unwrap();
    let simulation = Simulation::start(None);
    let child = run(folder.path(), &simulation, &["--summary", "summary.json"]);
    let path = folder.path().join("data/board");
    wait("the board is there", || path.exists());
    let board = Reader::open(&path).unwrap();
    assert_eq!(board.slots().len(), 50);
    wait("all books are live", || live_books(&board) == 50);
    // A minute that began after the start ends within two, and closes half a minute later.
    std::thread::sleep(std::time::Duration::from_secs(95));

    simulation.pause();
    let levels = |side: &[(String, String)]| side.iter().take(20).cloned().collect::<Vec<_>>();
    for (symbol, slot) in board.symbols().to_vec().into_iter().zip(board.slots()) {
        let venue = simulation.venue.book(symbol.as_str()).unwrap();
        wait("the last event is on the board", || {
            board.read(slot).unwrap().update_id.0 == venue.last_update_id
        });
        let row = board.read(slot).unwrap();
        let ours = |side: &[Level]| -> Vec<(i64, i64)> {
            side.iter().map(|level| (level.price.0, level.quantity.0)).collect()
        };
        let theirs = |side: &[(String, String)]| -> Vec<(i64, i64)> {
            let units = |(price, quantity): (String, String)| {
                let price = row.price_scale.parse(price.as_bytes()).unwrap();
                (price, row.quantity_scale.parse(quantity.as_bytes()).unwrap())
            };
            levels(side).into_iter().map(units).collect()
        };
        assert_eq!(ours(&row.bids), theirs(&venue.bids), "{symbol} bids");
        assert_eq!(ours(&row.asks), theirs(&venue.asks), "{symbol} asks");
        assert_eq!((row.counters.gaps, row.counters.ticker_disagreements), (0, 0), "{symbol}");
        assert!(row.counters.ticker_agreements > 0 || row.counters.events_applied < 50, "{symbol}");
    }
    stop(child);
    let summary: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("summary.json")).unwrap()).unwrap();
    assert_eq!(summary["books"].as_object().unwrap().len(), 50);

    let data = folder.path().join("data");
    let view = LakeView::open(&data);
    let sent = simulation.sent();
    for (kind, table, stream) in [
        ("depth_update", "raw.orderbook_diffs", "depth"),
        ("book_ticker", "raw.orderbook_diffs", "bookTicker"),
        ("trade", "raw.trades", "trade"),
    ] {
        let rows = view.count(&format!("SELECT count(*) FROM {table} WHERE kind = '{kind}'"));
        assert_eq!(rows, sent[stream], "{kind}");
    }
    assert_eq!(view.count("SELECT count(*) FROM raw.orderbook_diffs WHERE kind = 'snapshot'"), 50);
    assert_eq!(view.count("SELECT count(*) FROM ops.dead_letters"), 0);
    view.assert_raw_is_whole();
    view.assert_derived_equals_replay();
    assert!(view.count("SELECT count(*) FROM normalized.book_ticker") > 1_000);
    assert!(view.count("SELECT count(*) FROM normalized.ohlcv_1m") > 0);
    support::assert_other_engines_agree(&data);
}

#[test]
fn a_kill_at_any_instant_loses_nothing_and_doubles_nothing() {
    const KILLS: u64 = 20;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("depthlake.toml"), "[lake]\ncommit_seconds = 0.3\n").unwrap();
    let simulation = Simulation::start(Some(&["BTCUSDT", "ETHUSDT", "SOLUSDT", "DOGEUSDT"]));
    let log = folder.path().join("data/log");
    for life in 0..KILLS {
        let mut child = run(folder.path(), &simulation, &[]);
        wait("the log is open", || log.is_dir());
        // Instants spread over the start, the first commits, and the steady state.
        std::thread::sleep(std::time::Duration::from_millis(150 + (life * 7919) % 2_300));
        let before = kept_in_log(&log);
        support::kill(&mut child);
        let after = kept_in_log(&log);
        assert!(after >= before, "life {life}: {before} messages were in the log, {after} are left");
    }
    let child = run(folder.path(), &simulation, &[]);
    let path = folder.path().join("data/board");
    let is_ours = |board: &Reader| board.writer_pid() == child.id();
    wait("all books are live", || {
        Reader::open(&path).is_ok_and(|board| is_ours(&board) && live_books(&board) == 4)
    });
    stop(child);

    let data = folder.path().join("data");
    let view = LakeView::open(&data);
    let messages = view.assert_raw_is_whole();
    assert!(messages > 1_000, "{messages} messages in {KILLS} lives");
    assert_eq!(kept_in_log(&log), messages, "the log's records and the lake's rows");
    view.assert_derived_equals_replay();
    support::assert_other_engines_agree(&data);
}

#[test]
fn after_a_lost_log_nothing_begins_until_a_new_one_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("depthlake.toml"), "[lake]\ncommit_seconds = 0.3\n").unwrap();
    let simulation = Simulation::start(Some(&["BTCUSDT", "ETHUSDT"]));
    let (data, log) = (folder.path().join("data"), folder.path().join("data/log"));
    let land = |more: &[&str]| {
        let child = run(folder.path(), &simulation, more);
        wait("all books are live, and go on", || {
            let goes_on = |board: &Reader| {
                let mut applied = board.slots().map(|slot| board.read(slot).unwrap().counters.events_applied);
                board.writer_pid() == child.id()
                    && live_books(board) == 2
                    && applied.all(|events| events > 20)
            };
            Reader::open(&data.join("board")).is_ok_and(|board| goes_on(&board))
        });
        stop(child);
        LakeView::open(&data).assert_raw_is_whole()
    };
    let before = land(&[]);
    std::fs::remove_dir_all(&log).unwrap();
    for _ in 0..2 {
        let refused = run(folder.path(), &simulation, &[]).wait_with_output().unwrap();
        let told = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && told.contains("depthlake run --new-log"), "{told}");
        assert_eq!(kept_in_log(&log), 0);
    }
    let between = land(&["--new-log"]);
    assert!(between > before, "{before} and then {between}");
    // There is nothing to begin anew any more, wanted or not.
    let mut after = between;
    for more in [&[][..], &["--new-log"]] {
        let landed = land(more);
        assert!(landed > after, "{after} and then {landed}");
        after = landed;
    }
    let view = LakeView::open(&data);
    for (table, key) in [
        ("normalized.trades", "symbol, trade_id"),
        ("normalized.book_ticker", "symbol, update_id, source_offset"),
    ] {
        let count = |what: &str| view.count(&format!("SELECT count({what}) FROM {table}"));
        assert_eq!(count("*"), count(&format!("DISTINCT ({key})")), "{table}");
        assert!(count("*") > 0, "{table}");
    }
    support::succeed(folder.path(), &["reconcile", "--data", "data", "--layer", "normalized"]);
    support::assert_other_engines_agree(&data);
}

/// How many raw messages a log holds: those that a copy of it, opened as a restart would, gives back.
fn kept_in_log(log: &std::path::Path) -> usize {
    use depthlake_lake::log::{EmbeddedLog, Log, Options, Partition, Topic, TopicPartition};
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(log).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    let options = Options::new(std::num::NonZeroU16::new(4).unwrap());
    let log = EmbeddedLog::open(copy.path(), &options).unwrap();
    let ends = [Topic::RawOrderbook, Topic::RawTrade].into_iter().flat_map(|topic| {
        let log = &log;
        (0..4).map(move |number| log.durable_end(TopicPartition::new(topic, Partition(number))).unwrap().0)
    });
    usize::try_from(ends.sum::<u64>()).unwrap()
}
