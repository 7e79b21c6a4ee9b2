//! The board: writing a row, and reading one alone and against a writer.
//!
//! The writer of the contended benches writes as fast as a busy feed: every 10 µs, ten thousand times as often as the venue
//! sends a symbol's diffs.

use std::hint::{black_box, spin_loop};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use depthlake_engine::board::{
    BoardLadder, BoardRow, BoardState, BoardWriter, LADDER_LEVELS, LastTrade, Reader, SlotSpec, SlotWriter,
};
use depthlake_orderbook::decimal::{Price, Quantity, Scale};
use depthlake_orderbook::event::{Level, Taker, Touch, UpdateId};
use depthlake_orderbook::features::Features;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

const WRITE_INTERVAL: Duration = Duration::from_micros(10);

fn alone(criterion: &mut Criterion) {
    let folder = Folder::create();
    let (_board, mut writer, reader) = folder.board();
    let slot = reader.slots().next().unwrap();
    let mut group = criterion.benchmark_group("board");
    let mut row = row_of(1);
    group.bench_function("write a row", |bencher| {
        bencher.iter(|| {
            row.update_id.0 += 1;
            writer.write(black_box(&row));
        });
    });
    let trade = row.last_trade.unwrap();
    group.bench_function("write a trade", |bencher| {
        bencher.iter(|| writer.write_trade(black_box(&trade)));
    });
    read(&mut group, &reader, slot, "");
    group.finish();
}

fn contended(criterion: &mut Criterion) {
    let folder = Folder::create();
    let (_board, mut writer, reader) = folder.board();
    let slot = reader.slots().next().unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| feed(&mut writer, &stop));
        let mut group = criterion.benchmark_group("board");
        read(&mut group, &reader, slot, ", while it is written every 10 µs");
        group.finish();
        stop.store(true, Ordering::Relaxed);
    });
}

type Group<'a> = criterion::BenchmarkGroup<'a, criterion::measurement::WallTime>;

fn read(group: &mut Group<'_>, reader: &Reader, slot: depthlake_engine::board::SlotIndex, how: &str) {
    group.bench_function(format!("look for news{how}"), |bencher| {
        bencher.iter(|| reader.version(black_box(slot)));
    });
    group.bench_function(format!("read best bid and ask{how}"), |bencher| {
        bencher.iter(|| reader.touch(black_box(slot)));
    });
    group.bench_function(format!("read 20 levels a side{how}"), |bencher| {
        bencher.iter(|| reader.ladder(black_box(slot)));
    });
    group.bench_function(format!("read 20 levels a side in place{how}"), |bencher| {
        let mut ladder = BoardLadder::waiting(Scale::MAX, Scale::MAX);
        bencher.iter(|| {
            black_box(reader.ladder_into(black_box(slot), &mut ladder))
                .is_ok_and(|_| !black_box(&ladder).bids.is_empty())
        });
    });
    group.bench_function(format!("read a whole row{how}"), |bencher| {
        bencher.iter(|| reader.read(black_box(slot)));
    });
    group.bench_function(format!("read a whole row in place{how}"), |bencher| {
        let mut row = BoardRow::waiting(Scale::MAX, Scale::MAX);
        bencher.iter(|| {
            black_box(reader.read_into(black_box(slot), &mut row))
                .is_ok_and(|_| !black_box(&row).bids.is_empty())
        });
    });
}

fn feed(writer: &mut SlotWriter, stop: &AtomicBool) {
    let mut row = row_of(1);
    let mut next = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        row.update_id.0 += 1;
        writer.write(&row);
        next += WRITE_INTERVAL;
        while Instant::now() < next {
            spin_loop();
        }
    }
}

/// Removed with what is in it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn create() -> Self {
        let memory = Path::new("/dev/shm");
        let created = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        Self(created.unwrap())
    }

    fn board(&self) -> (BoardWriter, SlotWriter, Reader) {
        let spec = SlotSpec {
            symbol: Symbol::new("BTCUSDT").unwrap(),
            price_scale: Scale::MAX,
            quantity_scale: Scale::MAX,
        };
        let path = self.0.path().join("board");
        let (board, mut writers) =
            BoardWriter::create(&path, &[spec], depthlake_engine::clock::now()).unwrap();
        let mut writer = writers.remove(0);
        writer.write(&row_of(0));
        (board, writer, Reader::open(&path).unwrap())
    }
}

/// A row with everything in it.
fn row_of(update: u64) -> BoardRow {
    let level = |price| Level { price: Price(price), quantity: Quantity(1_234_567) };
    let levels = i64::try_from(LADDER_LEVELS).unwrap();
    let touch = Touch { bid: level(6_000_000), ask: level(6_000_001) };
    BoardRow {
        state: BoardState::Live,
        update_id: UpdateId(update),
        bids: (0..levels).map(|rank| level(touch.bid.price.0 - rank)).collect(),
        asks: (0..levels).map(|rank| level(touch.ask.price.0 + rank)).collect(),
        features: Some(Features {
            touch,
            mid: 60_000.005,
            spread: Price(1),
            spread_bps: 0.001_666,
            microprice: 60_000.004,
            imbalance: [Some(0.5); 4],
            bid_depth: [Some(1e6); 3],
            ask_depth: [Some(1e6); 3],
        }),
        last_trade: Some(LastTrade {
            price: touch.bid.price,
            quantity: Quantity(1_000),
            taker: Taker::Seller,
            time: Timestamp(1),
        }),
        ..BoardRow::waiting(Scale::new(2).unwrap(), Scale::new(5).unwrap())
    }
}

criterion_group!(board, alone, contended);
criterion_main!(board);
