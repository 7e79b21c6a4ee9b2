//! Files and books within one process.

use std::fs::{self, OpenOptions};
use std::hint;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

use depthlake_orderbook::book::{Book, Side};
use depthlake_orderbook::decimal::{Price, Scale};
use depthlake_orderbook::event::{DepthUpdate, Snapshot, UpdateId};
use depthlake_orderbook::instrument::Instrument;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

use super::support::{Market, Oracle, PATIENCE, create, first_snapshot, instrument, level, symbol};
use crate::board::BoardState;
use crate::clock;
use crate::depth::layout::RING_ENTRIES;
use crate::depth::{self, DepthError, DepthReader, Refreshed};

#[test]
fn a_book_waits_then_lives_then_resyncs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("depth");
    let (_keeper, writer) = create(&path, 1 << 12);
    let reader = DepthReader::open(&path).unwrap();
    let mut copy = reader.copy(symbol()).unwrap();
    assert_eq!((copy.state(), copy.epoch(), copy.book().depth(Side::Bid)), (BoardState::Waiting, 0, 0));

    let mut market = Market::begin(writer);
    market.writer.state(BoardState::Live);
    market.step();
    assert_eq!(copy.refresh().unwrap(), Refreshed::Advanced { events: 3 });
    Oracle::new().assert_equals(&copy);
    assert_eq!((copy.state(), copy.epoch()), (BoardState::Live, 1));
    assert_eq!((copy.price_scale(), copy.quantity_scale()), (Scale::new(2).unwrap(), Scale::new(5).unwrap()));
    assert_eq!(copy.refresh().unwrap(), Refreshed::Unchanged);

    market.writer.state(BoardState::Resyncing);
    market.writer.state(BoardState::Resyncing);
    assert_eq!(copy.refresh().unwrap(), Refreshed::Advanced { events: 1 });
    assert_eq!(copy.state(), BoardState::Resyncing);

    market.step();
    copy.refresh().unwrap();
    Oracle::new().assert_equals(&copy);
    assert_eq!(copy.epoch(), 2, "after a resync the whole book is told, whoever asks");
}

#[test]
fn a_finer_tick_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("depth");
    let (_keeper, writer) = create(&path, 1 << 12);
    let mut market = Market::begin(writer);
    let finer = Instrument { price_scale: Scale::new(3).unwrap(), ..instrument() };
    let snapshot =
        Snapshot { bids: vec![level(2_000, 1)], last_update_id: UpdateId(8), ..Snapshot::default() };
    market.book.load(&snapshot);
    let update = DepthUpdate { last: UpdateId(9), bids: vec![level(2_001, 1)], ..DepthUpdate::default() };
    market.book.apply(&update);
    market.writer.apply(&finer, &market.book, &update);
    let copy = DepthReader::open(&path).unwrap().copy(symbol()).unwrap();
    assert_eq!((copy.price_scale(), copy.epoch()), (Scale::new(3).unwrap(), 2));
    assert!(copy.book().levels(Side::Bid).eq([level(2_001, 1), level(2_000, 1)]));
}

#[test]
fn a_reader_that_was_overtaken_copies_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("depth");
    let (mut keeper, writer) = create(&path, 1 << 11);
    let mut market = Market::begin(writer);
    let reader = DepthReader::open(&path).unwrap();
    let mut slow = reader.copy(symbol()).unwrap();
    let mut oracle = Oracle::new();
    for _ in 0..20 {
        for _ in 0..500 {
            market.step();
            keeper.turn();
        }
        assert_eq!(slow.refresh().unwrap(), Refreshed::Anew);
        oracle.assert_equals(&slow);
    }
}

#[test]
fn without_a_keeper_an_overtaken_reader_is_told_and_keeps_what_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("depth");
    let (mut keeper, writer) = create(&path, 1 << 11);
    let mut market = Market::begin(writer);
    let reader = DepthReader::open(&path).unwrap();
    let mut copy = reader.copy(symbol()).unwrap();
    (0..2_000).for_each(|_| market.step());
    assert!(matches!(copy.refresh(), Err(DepthError::Overtaken { .. })));
    assert!(matches!(reader.copy(symbol()), Err(DepthError::Overtaken { .. })));
    Oracle::new().assert_equals(&copy);
    assert_eq!(copy.book().update_id(), UpdateId(0));

    // The keeper comes too late as well, and asks the shard.
    assert!(keeper.turn());
    market.step();
    assert_eq!(copy.refresh().unwrap(), Refreshed::Anew);
    Oracle::new().assert_equals(&copy);
    assert_eq!(copy.epoch(), 1, "the book itself went on");
}

#[test]
fn of_a_book_too_deep_the_best_is_told_and_a_horizon() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("depth");
    let (mut keeper, mut writers) = depth::create(&path, &[symbol()], clock::now()).unwrap();
    let mut book = Book::new();
    book.load(&Snapshot {
        bids: (1..=20_000).map(|price| level(price, 1)).collect(),
        asks: (20_001..=20_010).map(|price| level(price, 1)).collect(),
        ..Snapshot::default()
    });
    writers[0].load(&instrument(), &book, Timestamp(0), Timestamp(0));
    let reader = DepthReader::open(&path).unwrap();
    let mut follower = reader.copy(symbol()).unwrap();
    assert_eq!(follower.book().depth(Side::Bid), 8_190);
    assert_eq!(follower.book().horizon(Side::Bid), Some(Price(20_000 - 8_189)));
    assert_eq!((follower.book().depth(Side::Ask), follower.book().horizon(Side::Ask)), (10, None));

    // More levels at once than half a journal has: told as a whole book.
    let update = DepthUpdate {
        last: UpdateId(1),
        bids: (1..=20_000).map(|price| level(price, 2)).collect(),
        ..DepthUpdate::default()
    };
    book.apply(&update);
    writers[0].apply(&instrument(), &book, &update);
    follower.refresh().unwrap();
    assert_eq!((follower.book().depth(Side::Bid), follower.epoch()), (8_190, 1));
    assert!(follower.book().levels(Side::Bid).all(|level| level.quantity.0 == 2));
    assert!(keeper.turn());
    assert!(!keeper.turn(), "nothing happened since");
    let copy = reader.copy(symbol()).unwrap();
    assert_eq!(copy.book().horizon(Side::Bid), Some(Price(20_000 - 8_189)));
}

#[test]
fn readers_on_threads_see_whole_events_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("depth");
    let (keeper, writer) = create(&path, RING_ENTRIES);
    let keeping = keeper.spawn().unwrap();
    let mut market = Market::begin(writer);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> =
            (0..2).map(|_| scope.spawn(|| read_many(&DepthReader::open(&path).unwrap()))).collect();
        scope.spawn(|| {
            while !is_over.load(Relaxed) {
                market.step();
                // Leaves readers the time to copy a book, as a feed does.
                for _ in 0..market.book.update_id().0 % 512 {
                    hint::spin_loop();
                }
            }
        });
        let seen: Vec<_> = readers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        is_over.store(true, Relaxed);
        for events in seen {
            assert!(events.unwrap() > 0, "nothing happened meanwhile");
        }
    });
    let reader = DepthReader::open(&path).unwrap();
    assert!(reader.is_writer_alive(clock::now()));
    drop(keeping);
    assert!(!reader.is_writer_alive(clock::now()), "closed");
}

/// Copies and follows a book until it did so often enough; returns by how many events it was followed.
fn read_many(reader: &DepthReader) -> u64 {
    let deadline = Instant::now() + PATIENCE;
    let mut oracle = Oracle::new();
    let (mut copies, mut followed) = (0, 0);
    while copies < 50 || followed == 0 {
        assert!(Instant::now() < deadline, "{copies} copies, followed by {followed} events");
        let Ok(mut copy) = reader.copy(symbol()) else { continue };
        oracle.assert_equals(&copy);
        copies += 1;
        for _ in 0..20 {
            if let Ok(Refreshed::Advanced { events }) = copy.refresh() {
                followed += events;
                oracle.assert_equals(&copy);
            }
        }
    }
    followed
}

#[test]
fn what_is_no_depth_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("depth");
    assert!(matches!(DepthReader::open(&path), Err(DepthError::Missing { .. })));
    fs::write(&path, b"DEPTHFUL").unwrap();
    assert!(matches!(DepthReader::open(&path), Err(DepthError::Damaged { field: "length in bytes", .. })));
    fs::write(&path, [7; 4_096]).unwrap();
    assert!(matches!(DepthReader::open(&path), Err(DepthError::NotDepth { .. })));

    drop(create(&path, 64));
    let overwrite = |offset: u64, bytes: &[u8]| {
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(bytes, offset).unwrap();
        DepthReader::open(&path).map(|_| ()).unwrap_err().to_string()
    };
    assert!(overwrite(128 + 256, b"?").contains("no valid symbol"));
    assert!(overwrite(28, &33_u32.to_ne_bytes()).contains("journal size is 33"));
    assert!(overwrite(8, &9_u32.to_ne_bytes()).contains("layout version 9"));
    assert!(overwrite(0, b"?").contains("not a depth file"));
}

#[test]
fn damage_in_a_region_is_told_and_survived() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("depth");
    let (_keeper, writer) = create(&path, 1 << 12);
    let _market = Market::begin(writer);
    let reader = DepthReader::open(&path).unwrap();
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    // The kind of the journal's second record, the whole book.
    file.write_all_at(&[0xff], 128 + 384 + 4 * 16).unwrap();
    assert!(matches!(
        reader.copy(symbol()),
        Err(DepthError::DamagedRegion { field: "kind of a record", .. })
    ));
}

#[test]
fn symbols_are_known_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("depth");
    let twice = [symbol(), symbol()];
    assert!(matches!(depth::create(&path, &twice, clock::now()), Err(DepthError::DuplicateSymbol { .. })));
    let other = Symbol::new("ETHUSDT").unwrap();
    let (_keeper, writers) = depth::create(&path, &[symbol(), other], clock::now()).unwrap();
    assert_eq!(writers.len(), 2);
    let mut second = Market::begin(writers.into_iter().nth(1).unwrap());
    second.step();
    let reader = DepthReader::open(&path).unwrap();
    assert_eq!(reader.symbols(), [symbol(), other]);
    assert_eq!(reader.copy(symbol()).unwrap().epoch(), 0);
    Oracle::new().assert_equals(&reader.copy(other).unwrap());
    let unknown = Symbol::new("NKNUSDT").unwrap();
    assert!(matches!(reader.copy(unknown), Err(DepthError::UnknownSymbol { .. })));
    assert_eq!(first_snapshot().bids.len(), 200);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left behind");
}
