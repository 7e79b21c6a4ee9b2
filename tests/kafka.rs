//! `depthlake run` with a real broker between engine and lake.

mod support;

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use depthlake_engine::board::{BoardState, Reader};
use depthlake_ingest::product::Product;
use depthlake_ingest::sim::{self, Venue, VenueConfig};
use support::broker::Broker;
use support::{LakeView, depthlake, stop, text, wait};

const SYMBOLS: [&str; 3] = ["BTCUSDT", "ETHUSDT", "SOLUSDT"];

fn start_venue(runtime: &tokio::runtime::Runtime) -> Venue {
    let markets = SYMBOLS.iter().map(|symbol| sim::market_for(symbol).unwrap()).collect();
    let mut config = VenueConfig::generated(Product::Spot, markets, 5);
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
    std::fs::write(folder.path().join("depthlake.toml"), "[lake]\ncommit_seconds = 0.3\npartitions = 2\n")
        .unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let venue = start_venue(&runtime);
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

#[test]
fn a_broker_that_is_not_there_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let output = support::finish(folder.path(), &["run", "--log", "kafka://nowhere"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("kafka://HOST:PORT"), "{}", text(&output.stderr));
}
