//! `depthlake run` with a real broker between engine and lake.

mod support;

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use depthlake_engine::board::{BoardState, Reader};
use depthlake_ingest::product::Product;
use depthlake_ingest::sim::{self, Source, Venue, VenueConfig};
use support::broker::Broker;
use support::{LakeView, depthlake, stop, text, wait};

const SYMBOLS: [&str; 3] = ["BTCUSDT", "ETHUSDT", "SOLUSDT"];

fn start_venue(runtime: &tokio::runtime::Runtime, rate: f64) -> Venue {
    let markets = SYMBOLS.iter().map(|symbol| sim::market_for(symbol).unwrap()).collect();
    let mut config = VenueConfig::generated(Product::Spot, Vec::new(), 5);
    config.source = Source::Generated { markets, rate };
    // Many starts within a minute take more weight than a venue grants.
    config.limits.request_weight = 100_000;
    runtime.block_on(sim::start(config)).unwrap()
}

fn run(folder: &Path, venue: &Venue, broker: &Broker) -> Child {
    let (address, symbols) = (format!("{},{}", venue.websocket_url(), venue.rest_url()), SYMBOLS.join(","));
    let log = format!("kafka://{}", broker.address);
    let arguments = ["run", "--venue", &address, "--symbols", &symbols, "--data", "data", "--log", &log];
    depthlake(folder, &arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn all_books_are_live(folder: &Path, child: &Child) -> bool {
    let is_ours = |board: &Reader| board.writer_pid() == child.id();
    let live = |board: &Reader| {
        board.slots().filter(|&slot| board.read(slot).unwrap().state == BoardState::Live).count()
    };
    Reader::open(&folder.join("data/board"))
        .is_ok_and(|board| is_ours(&board) && live(&board) == SYMBOLS.len())
}

#[test]
fn kills_of_program_and_broker_lose_nothing_and_double_nothing() {
    const LIVES: u64 = 6;
    let Some(broker) = Broker::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("depthlake.toml"), "[lake]\ncommit_seconds = 0.3\npartitions = 2\n")
        .unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let venue = start_venue(&runtime, 1.0);
    for life in 0..LIVES {
        let mut child = run(folder.path(), &venue, &broker);
        wait("all books are live", || all_books_are_live(folder.path(), &child));
        std::thread::sleep(Duration::from_millis(200 + life * 7_919 % 1_500));
        if life % 2 == 1 {
            broker.kill();
            // Books live on without a broker, and what comes is kept.
            std::thread::sleep(Duration::from_millis(500));
            assert!(all_books_are_live(folder.path(), &child));
        }
        support::kill(&mut child);
        if life % 2 == 1 {
            broker.restart();
        }
    }
    let child = run(folder.path(), &venue, &broker);
    wait("all books are live", || all_books_are_live(folder.path(), &child));
    broker.kill();
    std::thread::sleep(Duration::from_secs(1));
    broker.restart();
    std::thread::sleep(Duration::from_secs(1));
    stop(child);

    let data = folder.path().join("data");
    let view = LakeView::open(&data);
    let messages = view.assert_raw_is_whole();
    assert!(messages > 500, "{messages} messages in {LIVES} lives");
    view.assert_derived_equals_replay();
    support::assert_other_engines_agree(&data);
}

const MEBIBYTE: u64 = 1 << 20;
/// What may wait in memory for being written, as the program has it.
const QUEUE: u64 = 64 * MEBIBYTE;

/// Bytes of the files in a folder; one that goes meanwhile does not count.
fn bytes_in(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len())).sum()
}

/// Bytes of memory that a process has.
fn resident(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// The broker is away until three times as much waits for it as memory may hold. What waits is in files, memory grows by
/// less than the queue, and when the broker is back all of it comes into the tables, in order, once.
///
/// `DEPTHLAKE_KAFKA=$PWD/infra/local/kafka/kafka.sh cargo test --test kafka -- --ignored --nocapture`
#[test]
#[ignore = "takes minutes: DEPTHLAKE_KAFKA=$PWD/infra/local/kafka/kafka.sh cargo test --test kafka -- --ignored"]
fn an_outage_that_memory_could_not_hold_waits_on_disk_and_drains_in_order() {
    /// How much busier than usual the venue is, so that the outage need not last for an hour.
    const RATE: f64 = 40.0;
    const PATIENCE: Duration = Duration::from_mins(30);
    let Some(broker) = Broker::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("depthlake.toml"), "[lake]\ncommit_seconds = 1.0\npartitions = 2\n")
        .unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let venue = start_venue(&runtime, RATE);
    let child = run(folder.path(), &venue, &broker);
    wait("all books are live", || all_books_are_live(folder.path(), &child));
    let outbox = folder.path().join("data/outbox");
    let until = |what: &str, is_so: &mut dyn FnMut() -> bool| {
        let deadline = Instant::now() + PATIENCE;
        while !is_so() {
            assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
            std::thread::sleep(Duration::from_millis(200));
        }
    };
    broker.kill();
    let (mut early, mut most) = (0, 0);
    until("three times as much waits as memory may hold", &mut || {
        let waiting = bytes_in(&outbox);
        most = most.max(resident(&child));
        if waiting < QUEUE {
            early = most;
        }
        waiting > 4 * QUEUE
    });
    assert!(all_books_are_live(folder.path(), &child), "the live books go on");
    assert!(early > 0 && most < early + QUEUE, "memory has grown from {early} to {most} bytes");
    runtime.block_on(venue.pause());
    broker.restart();
    until("the outbox lets go of what is sent", &mut || bytes_in(&outbox) < QUEUE);
    stop(child);
    eprintln!("memory was {} MiB, and {} MiB in the end", early / MEBIBYTE, most / MEBIBYTE);

    let view = LakeView::open(&folder.path().join("data"));
    eprintln!("{} messages, each once and in order", view.assert_raw_is_whole());
    view.assert_derived_equals_replay();
}

#[test]
fn a_broker_that_is_not_there_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let output = support::finish(folder.path(), &["run", "--log", "kafka://nowhere"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("kafka://HOST:PORT"), "{}", text(&output.stderr));
}
