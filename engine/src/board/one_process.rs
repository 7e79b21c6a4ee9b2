//! A writer and its readers in one process: what is written is read, and what is no board is refused.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::time::{Duration, Instant};

use depthlake_orderbook::decimal::{Price, Quantity, Scale};
use depthlake_orderbook::event::{Level, Taker, Touch, UpdateId};
use depthlake_orderbook::features::Features;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

use super::*;

const START: Timestamp = Timestamp(1_723_161_255_208_000_000);

struct Fixture {
    folder: tempfile::TempDir,
    board: BoardWriter,
    slots: Vec<SlotWriter>,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (board, slots) = BoardWriter::create(&folder.path().join("board"), &specs(), START).unwrap();
        Self { folder, board, slots }
    }

    fn open(&self) -> Reader {
        Reader::open(self.board.path()).unwrap()
    }

    /// A copy of the board's file with `bytes` at `offset`, opened.
    fn open_damaged(&self, offset: u64, bytes: &[u8]) -> Result<Reader, BoardError> {
        let path = self.folder.path().join("damaged");
        fs::copy(self.board.path(), &path).unwrap();
        let mut file = File::options().write(true).open(&path).unwrap();
        file.seek(SeekFrom::Start(offset)).unwrap();
        file.write_all(bytes).unwrap();
        Reader::open(&path)
    }
}

fn specs() -> [SlotSpec; 2] {
    let spec = |text, price, quantity| SlotSpec {
        symbol: Symbol::new(text).unwrap(),
        price_scale: Scale::new(price).unwrap(),
        quantity_scale: Scale::new(quantity).unwrap(),
    };
    [spec("BTCUSDT", 2, 5), spec("ABCDEFGHIJKLMNOPQRSTUVW", 8, 0)]
}

fn full_row() -> BoardRow {
    let level = |price, quantity| Level { price: Price(price), quantity: Quantity(quantity) };
    BoardRow {
        state: BoardState::Halted,
        epoch: 3,
        price_scale: Scale::new(4).unwrap(),
        quantity_scale: Scale::new(1).unwrap(),
        update_id: UpdateId(u64::MAX),
        event_time: Timestamp(11),
        receive_time: Timestamp(12),
        publish_time: Timestamp(13),
        bids: (0..20).map(|rank| level(1_000 - rank, 1 + rank)).collect(),
        asks: (0..7).map(|rank| level(1_001 + rank, i64::MAX - rank)).collect(),
        bid_horizon: Some(Price(-1)),
        ask_horizon: None,
        features: Some(Features {
            touch: Touch { bid: level(1_000, 1), ask: level(1_001, i64::MAX) },
            mid: 1.5,
            spread: Price(1),
            spread_bps: 2.5,
            microprice: 3.5,
            imbalance: [Some(0.1), Some(0.2), Some(-0.3), None],
            bid_depth: [Some(10.0), Some(20.0), None],
            ask_depth: [Some(40.0), Some(50.0), Some(60.0)],
        }),
        order_flow_imbalance: -7.25,
        last_trade: Some(LastTrade {
            price: Price(14),
            quantity: Quantity(15),
            taker: Taker::Seller,
            time: Timestamp(16),
        }),
        counters: FeedCounters {
            events_applied: 21,
            gaps: 22,
            resyncs: 23,
            dead_letters: 24,
            ticker_agreements: 25,
            ticker_disagreements: 26,
        },
    }
}

#[test]
fn what_is_written_is_read() {
    let mut fixture = Fixture::new();
    let reader = fixture.open();
    let [first, second] = reader.slots().collect::<Vec<_>>()[..] else { panic!("two slots") };
    assert_eq!(reader.find(specs()[1].symbol), Some(second));
    assert_eq!(reader.find(Symbol::new("BTC").unwrap()), None);
    assert_eq!(reader.symbols(), specs().map(|spec| spec.symbol));
    assert!(reader.iter().eq(specs().map(|spec| spec.symbol).into_iter().zip([first, second])));

    let before = reader.read(first).unwrap();
    assert_eq!(
        (before.state, before.price_scale, before.bids.len()),
        (BoardState::Waiting, specs()[0].price_scale, 0)
    );
    assert_eq!(before.features, None);
    assert_eq!(reader.touch(first).unwrap().bid, None);

    fixture.slots[1].write(&full_row());
    assert_eq!(reader.read(second).unwrap().value, full_row());
    let mut reused = before.value;
    let version = reader.read_into(second, &mut reused).unwrap();
    assert_eq!((version, reused), (reader.version(second).unwrap(), full_row()));
    let ladder = reader.ladder(second).unwrap();
    assert_eq!((ladder.bids, ladder.asks), (full_row().bids, full_row().asks));
    assert_eq!((ladder.price_scale, ladder.publish_time), (full_row().price_scale, full_row().publish_time));
    let touch = reader.touch(second).unwrap();
    assert_eq!(touch.bid, full_row().bids.first().copied());
    assert_eq!(touch.ask, full_row().asks.first().copied());
    assert_eq!((touch.state, touch.update_id), (BoardState::Halted, UpdateId(u64::MAX)));
    assert_eq!(reader.read(first).unwrap(), before, "the other slot is as it was");

    let trade = LastTrade { price: Price(17), taker: Taker::Buyer, ..full_row().last_trade.unwrap() };
    fixture.slots[1].write_trade(&trade);
    let traded = BoardRow { last_trade: Some(trade), ..full_row() };
    assert_eq!(reader.read(second).unwrap().value, traded);

    let emptied = BoardRow::waiting(Scale::MAX, Scale::MAX);
    fixture.slots[1].write(&emptied);
    assert_eq!(reader.read(second).unwrap().value, emptied, "nothing of the row before shines through");
    reader.read_into(second, &mut reused).unwrap();
    assert_eq!(reused, emptied, "nor in a row that is used again");
}

#[test]
fn a_copy_has_the_version_of_its_write() {
    let mut fixture = Fixture::new();
    let reader = fixture.open();
    let slot = reader.slots().next().unwrap();
    let before = reader.read(slot).unwrap().version;
    assert_eq!(reader.version(slot).unwrap(), before);
    fixture.slots[0].write(&full_row());
    let after = reader.version(slot).unwrap();
    assert!(after > before);
    assert_eq!(reader.read(slot).unwrap().version, after);
    assert_eq!(reader.ladder(slot).unwrap().version, after);
    assert_eq!(reader.touch(slot).unwrap().version, after);
}

#[test]
fn a_writer_is_alive_until_it_is_silent_or_closed() {
    let fixture = Fixture::new();
    let reader = fixture.open();
    let limit = i64::try_from(WRITER_SILENCE_LIMIT.as_nanos()).unwrap();
    assert!(reader.is_writer_alive(Timestamp(START.0 + limit)));
    assert!(!reader.is_writer_alive(Timestamp(START.0 + limit + 1)));
    fixture.board.heartbeat(Timestamp(START.0 + 1));
    assert!(reader.is_writer_alive(Timestamp(START.0 + limit + 1)));
    assert!(reader.is_writer_alive(Timestamp(START.0 - 1)), "clocks may step back");
    drop(fixture.board);
    assert!(!reader.is_writer_alive(START));
    assert_eq!(reader.started(), START);
}

#[test]
fn a_new_board_takes_the_place_of_the_old_one() {
    let fixture = Fixture::new();
    let reader = fixture.open();
    assert!(reader.replacement().unwrap().is_none());
    let (_board, _slots) = BoardWriter::create(reader.path(), &specs()[1..], START).unwrap();
    let successor = reader.replacement().unwrap().unwrap();
    assert_eq!(successor.symbols(), [specs()[1].symbol]);
    assert!(reader.read(reader.find(specs()[0].symbol).unwrap()).is_ok(), "the old one stays readable");
    let left: Vec<_> =
        fs::read_dir(fixture.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["board"], "no draft is left behind");
    fs::remove_file(reader.path()).unwrap();
    assert!(successor.replacement().unwrap().is_none());
}

#[test]
fn what_is_no_board_is_refused_with_what_was_expected() {
    let fixture = Fixture::new();
    let missing = Reader::open(&fixture.folder.path().join("none"));
    assert!(matches!(missing, Err(BoardError::Missing { .. })));
    let text = |result: Result<Reader, BoardError>| result.unwrap_err().to_string();
    assert!(text(fixture.open_damaged(0, b"not it!!")).contains("is not a board"));
    assert!(
        text(fixture.open_damaged(8, &7_u32.to_ne_bytes()))
            .contains("layout version 7, this program reads version 2")
    );
    assert!(
        text(fixture.open_damaged(12, &64_u32.to_ne_bytes())).contains("header size is 64, expected 128")
    );
    assert!(
        text(fixture.open_damaged(16, &512_u32.to_ne_bytes())).contains("slot size is 512, expected 1024")
    );
    assert!(
        text(fixture.open_damaged(20, &3_u32.to_ne_bytes()))
            .contains("length in bytes is 2176, expected 3200")
    );
    assert!(text(fixture.open_damaged(128 + 896, &[0; 24])).contains("slot 0 has no valid symbol"));

    let cut = fixture.folder.path().join("cut");
    for length in [0, 100] {
        fs::write(&cut, vec![0; length]).unwrap();
        assert!(text(Reader::open(&cut)).contains(&format!("length in bytes is {length}, expected 128")));
    }
}

#[test]
fn a_damaged_slot_is_an_error_and_not_a_wrong_book() {
    let fixture = Fixture::new();
    let read = |offset: u64, bytes: &[u8]| {
        let reader = fixture.open_damaged(128 + offset, bytes).unwrap();
        reader.read(reader.slots().next().unwrap()).unwrap_err().to_string()
    };
    assert_eq!(read(8, &[9]), "the slot of BTCUSDT is damaged: its state is 9");
    assert_eq!(read(9, &[30]), "the slot of BTCUSDT is damaged: its price_scale is 30");
    assert_eq!(read(11, &[21]), "the slot of BTCUSDT is damaged: its bid_levels is 21");
    assert_eq!(read(13, &[3]), "the slot of BTCUSDT is damaged: its trade_taker is 3");
}

#[test]
fn half_a_write_of_a_dead_writer_is_an_error_at_once() {
    let fixture = Fixture::new();
    let reader = fixture.open_damaged(24, &u32::MAX.to_ne_bytes()).unwrap();
    drop(reader);
    let mut odd = File::options().write(true).open(fixture.folder.path().join("damaged")).unwrap();
    odd.seek(SeekFrom::Start(128)).unwrap();
    odd.write_all(&1_u64.to_ne_bytes()).unwrap();
    let reader = Reader::open(&fixture.folder.path().join("damaged")).unwrap();
    let begun = Instant::now();
    assert!(matches!(reader.read(reader.slots().next().unwrap()), Err(BoardError::HalfWritten { .. })));
    assert!(begun.elapsed() < Duration::from_millis(500));
}

#[test]
fn a_symbol_has_one_slot() {
    let folder = tempfile::tempdir().unwrap();
    let twice = [specs()[0], specs()[1], specs()[0]];
    let refused = BoardWriter::create(&folder.path().join("board"), &twice, START);
    assert!(matches!(refused, Err(BoardError::DuplicateSymbol { symbol }) if symbol == specs()[0].symbol));
    let nowhere = BoardWriter::create(&folder.path().join("none/board"), &specs(), START);
    assert!(nowhere.unwrap_err().to_string().contains("cannot create the board"));
}
