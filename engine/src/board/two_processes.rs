//! Writers and readers in processes of their own: the test binary runs itself again for the other side.

use std::env;
use std::hint;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use depthlake_orderbook::decimal::{Price, Quantity, Scale};
use depthlake_orderbook::event::{Level, Taker, Touch, UpdateId};
use depthlake_orderbook::features::Features;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

use super::*;

const BOARD_VARIABLE: &str = "DEPTHLAKE_TEST_BOARD";
/// How many seconds the readers hammer the board; a little more than one by default. Sixty were asked for:
///
/// `DEPTHLAKE_HAMMER_SECONDS=60 cargo test -p depthlake-engine never_sees_a_torn_row -- --nocapture`
const HAMMER_VARIABLE: &str = "DEPTHLAKE_HAMMER_SECONDS";
const HAMMERING: Duration = Duration::from_millis(1_500);
const READERS: usize = 2;
const ROWS_SEEN: u64 = 1_000;
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_reader_in_another_process_never_sees_a_torn_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("board");
    let (_board, mut slots) = create(&path, &["BTCUSDT", "ETHUSDT"]);
    for slot in &mut slots {
        slot.write(&row_of(0));
    }
    let mut readers: Vec<Child> =
        (0..READERS).map(|_| run_again("board::two_processes::reading_process", &path)).collect();
    let mut number = 0;
    while readers.iter_mut().any(|reader| reader.try_wait().unwrap().is_none()) {
        number += 1;
        for slot in &mut slots {
            slot.write(&row_of(number));
        }
        // Leaves readers the time to copy a row, as a feed does.
        for _ in 0..number % 512 {
            hint::spin_loop();
        }
    }
    for reader in &mut readers {
        assert!(reader.wait().unwrap().success(), "the reader saw a torn row, or too few rows");
    }
    eprintln!("{} rows were written", number * slots.len() as u64);
    assert!(number > ROWS_SEEN, "only {number} rows were written");
}

#[test]
#[ignore = "the other side of a_reader_in_another_process_never_sees_a_torn_row"]
fn reading_process() {
    let reader = Reader::open(&board_path()).unwrap();
    let slots: Vec<SlotIndex> = reader.slots().collect();
    let mut latest = vec![0; slots.len()];
    let (mut read, mut different): (u64, u64) = (0, 0);
    let seconds = env::var(HAMMER_VARIABLE).ok().map(|seconds| seconds.parse().unwrap());
    let end = Instant::now() + seconds.map_or(HAMMERING, Duration::from_secs);
    // On a busy machine the writer may not get a core for long.
    while Instant::now() < end || (different < ROWS_SEEN && Instant::now() < end + PATIENCE) {
        for (slot, latest) in slots.iter().zip(&mut latest) {
            let row = reader.read(*slot).unwrap();
            let number = row.update_id.0;
            assert_eq!(row.value, row_of(number));
            assert!(number >= *latest, "went back from {latest} to {number}");
            different += u64::from(number > *latest);
            *latest = number;

            let ladder = reader.ladder(*slot).unwrap();
            let expected = row_of(ladder.update_id.0);
            assert_eq!((ladder.bids, ladder.asks), (expected.bids, expected.asks));
            assert_eq!(ladder.publish_time, expected.publish_time);

            let touch = reader.touch(*slot).unwrap();
            let expected = row_of(touch.update_id.0);
            assert_eq!(touch.bid, expected.bids.first().copied());
            assert_eq!(touch.ask, expected.asks.first().copied());
            assert_eq!(touch.publish_time, expected.publish_time);
            read += 3;
        }
    }
    eprintln!("{read} reads, none torn; {different} different rows among them");
    assert!(different >= ROWS_SEEN, "only {different} different rows seen");
}

#[test]
fn a_killed_writer_is_seen_dead_and_its_successor_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("board");
    let mut writer = run_again("board::two_processes::writing_process", &path);
    let reader = wait_for(|| Reader::open(&path).ok());
    let slot = reader.find(Symbol::new("BTCUSDT").unwrap()).unwrap();
    wait_for(|| (reader.read(slot).unwrap().update_id.0 > 0).then_some(()));
    assert!(reader.is_writer_alive(now()));
    assert_eq!(reader.writer_pid(), writer.id());

    writer.kill().unwrap();
    writer.wait().unwrap();
    assert!(!reader.is_writer_alive(now()));
    assert!(reader.replacement().unwrap().is_none());
    let asked = Instant::now();
    match reader.read(slot) {
        Ok(row) => assert_eq!(row.value, row_of(row.update_id.0)),
        Err(error) => assert!(matches!(error, BoardError::HalfWritten { .. }), "{error}"),
    }
    assert!(asked.elapsed() < Duration::from_millis(500), "nobody waits for a dead writer");

    let (_board, _slots) = create(&path, &["ETHUSDT", "BTCUSDT"]);
    let successor = reader.replacement().unwrap().unwrap();
    assert!(successor.is_writer_alive(now()));
    assert!(!reader.is_writer_alive(now()));
    assert!(matches!(successor.read(slot), Err(BoardError::ForeignSlot)), "the order of symbols has changed");
}

#[test]
#[ignore = "the other side of a_killed_writer_is_seen_dead_and_its_successor_is_found"]
fn writing_process() {
    let (board, mut slots) = create(&board_path(), &["BTCUSDT"]);
    let end = Instant::now() + PATIENCE;
    let mut number = 0;
    while Instant::now() < end {
        board.heartbeat(now());
        for _ in 0..1_000 {
            number += 1;
            slots[0].write(&row_of(number));
        }
    }
}

/// A row whose every value follows from `number`, so that a mixture of two gives itself away.
pub(super) fn row_of(number: u64) -> BoardRow {
    let signed = i64::try_from(number).unwrap();
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let double = number as f64;
    let count = number % (LADDER_LEVELS as u64 + 1);
    let level = |rank| Level { price: Price(signed + rank), quantity: Quantity(signed - rank) };
    let ladder = (0..i64::try_from(count).unwrap()).map(level);
    let bids: Ladder = ladder.clone().collect();
    let asks: Ladder = ladder.map(|level| Level { price: Price(2 * level.price.0), ..level }).collect();
    let features = bids.first().zip(asks.first()).map(|(bid, ask)| Features {
        touch: Touch { bid: *bid, ask: *ask },
        mid: double,
        spread: Price(signed),
        spread_bps: double + 1.0,
        microprice: double + 2.0,
        imbalance: [Some(double); 4],
        bid_depth: [Some(double), None, Some(double)],
        ask_depth: [Some(double); 3],
    });
    BoardRow {
        state: if number.is_multiple_of(2) { BoardState::Live } else { BoardState::Resyncing },
        epoch: number,
        update_id: UpdateId(number),
        event_time: Timestamp(signed),
        receive_time: Timestamp(signed + 1),
        publish_time: Timestamp(signed + 2),
        bids,
        asks,
        bid_horizon: (!number.is_multiple_of(3)).then_some(Price(signed)),
        ask_horizon: number.is_multiple_of(3).then_some(Price(signed)),
        features,
        order_flow_imbalance: double,
        last_trade: (!number.is_multiple_of(5)).then_some(LastTrade {
            price: Price(signed),
            quantity: Quantity(signed),
            taker: if number.is_multiple_of(2) { Taker::Buyer } else { Taker::Seller },
            time: Timestamp(signed),
        }),
        counters: FeedCounters {
            events_applied: number,
            gaps: number + 1,
            resyncs: number + 2,
            dead_letters: number + 3,
            ticker_agreements: number + 4,
            ticker_disagreements: number + 5,
        },
        ..BoardRow::waiting(
            Scale::new(u8::try_from(number % 9).unwrap()).unwrap(),
            Scale::new(u8::try_from(number % 7).unwrap()).unwrap(),
        )
    }
}

pub(super) fn create(path: &Path, symbols: &[&str]) -> (BoardWriter, Vec<SlotWriter>) {
    let spec = |text: &&str| SlotSpec {
        symbol: Symbol::new(text).unwrap(),
        price_scale: Scale::MAX,
        quantity_scale: Scale::MAX,
    };
    let specs: Vec<SlotSpec> = symbols.iter().map(spec).collect();
    BoardWriter::create(path, &specs, now()).unwrap()
}

pub(super) fn run_again(test: &str, board: &Path) -> Child {
    let counts = env::var_os(HAMMER_VARIABLE).map(|_| "--nocapture");
    Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .args(counts)
        .env(BOARD_VARIABLE, board)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

pub(super) fn board_path() -> PathBuf {
    env::var_os(BOARD_VARIABLE).expect("run by the test on the other side only").into()
}

pub(super) fn wait_for<T>(mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited in vain");
        thread::sleep(Duration::from_millis(2));
    }
}

pub(super) fn now() -> Timestamp {
    Timestamp(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap())
}
