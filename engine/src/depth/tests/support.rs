//! Books that follow from an update id alone, files of any size, and the other side in a process of its own.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use depthlake_orderbook::book::{Book, Side};
use depthlake_orderbook::decimal::{Price, Quantity, Scale};
use depthlake_orderbook::event::{DepthUpdate, Level, Provenance, Snapshot, UpdateId};
use depthlake_orderbook::instrument::Instrument;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

use crate::clock;
use crate::depth::layout::Geometry;
use crate::depth::writer::create_with;
use crate::depth::{DepthBook, DepthKeeper, JournalWriter};

pub const PATIENCE: Duration = Duration::from_mins(3);
const PATH_VARIABLE: &str = "DEPTHLAKE_TEST_DEPTH";
const PRICES: i64 = 200;

pub fn symbol() -> Symbol {
    Symbol::new("BTCUSDT").unwrap()
}

pub fn instrument() -> Instrument {
    Instrument::with_scales(symbol(), Scale::new(2).unwrap(), Scale::new(5).unwrap())
}

/// A file for [`symbol`] with a journal of `ring_entries`.
pub fn create(path: &Path, ring_entries: usize) -> (DepthKeeper, JournalWriter) {
    let geometry = Geometry::new(ring_entries).unwrap();
    let (keeper, mut writers) = create_with(path, &[symbol()], geometry, clock::now()).unwrap();
    (keeper, writers.pop().unwrap())
}

/// Levels 1 to 400 of a made-up market: the lower half are bids.
pub fn level(number: i64, quantity: i64) -> Level {
    Level { price: Price(number), quantity: Quantity(quantity) }
}

/// The snapshot with which every made-up book begins, at update id 0.
pub fn first_snapshot() -> Snapshot {
    Snapshot {
        bids: (1..=PRICES).rev().map(|price| level(price, 1)).collect(),
        asks: (PRICES + 1..=2 * PRICES).map(|price| level(price, 1)).collect(),
        bid_horizon: Some(Price(1)),
        ..Snapshot::default()
    }
}

/// The update that leads from the book of `id - 1` to that of `id`: some levels get `id` as their quantity, or go.
pub fn update(id: u64) -> DepthUpdate {
    let signed = i64::try_from(id).unwrap();
    let changed = |step: i64| {
        let price = (signed * 7 + step * 31) % PRICES;
        level(price + 1, if (signed + step) % 5 == 0 { 0 } else { signed })
    };
    let bids: Vec<Level> = (0..signed % 9).map(changed).collect();
    let as_ask = |bid: &Level| level(bid.price.0 + PRICES, bid.quantity.0);
    DepthUpdate {
        first: UpdateId(id),
        last: UpdateId(id),
        asks: bids.iter().map(as_ask).collect(),
        bids,
        event_time: Timestamp(signed * 10),
        provenance: Provenance { received: Timestamp(signed * 10 + 1), offset: 0 },
        previous: None,
    }
}

/// The writer's side of a made-up market.
pub struct Market {
    pub book: Book,
    pub writer: JournalWriter,
}

impl Market {
    pub fn begin(mut writer: JournalWriter) -> Self {
        let mut book = Book::new();
        book.load(&first_snapshot());
        writer.load(&instrument(), &book, Timestamp(0), Timestamp(1));
        Self { book, writer }
    }

    pub fn step(&mut self) {
        let update = update(self.book.update_id().0 + 1);
        self.book.apply(&update);
        self.writer.apply(&instrument(), &self.book, &update);
    }
}

/// Knows what a book must be at an update id; ids must not decrease much from one call to the next.
pub struct Oracle {
    book: Book,
}

impl Oracle {
    pub fn new() -> Self {
        let mut book = Book::new();
        book.load(&first_snapshot());
        Self { book }
    }

    pub fn assert_equals(&mut self, copy: &DepthBook) {
        let id = copy.book().update_id().0;
        while self.book.update_id().0 < id {
            self.book.apply(&update(self.book.update_id().0 + 1));
        }
        assert_eq!(self.book.update_id().0, id, "went back in time");
        assert_same(copy.book(), &self.book);
        let signed = i64::try_from(id).unwrap();
        assert_eq!((copy.event_time().0, copy.receive_time().0), (signed * 10, signed * 10 + 1));
    }
}

pub fn assert_same(copy: &Book, expected: &Book) {
    assert_eq!(copy.update_id(), expected.update_id());
    for side in [Side::Bid, Side::Ask] {
        assert!(copy.levels(side).eq(expected.levels(side)), "{side:?} at {:?}", expected.update_id());
        assert_eq!(copy.horizon(side), expected.horizon(side), "{side:?}");
    }
}

/// Runs an ignored test of this binary in another process; it finds `path` by [`path_given`].
pub fn run_again(test: &str, path: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(PATH_VARIABLE, path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

pub fn path_given() -> PathBuf {
    env::var_os(PATH_VARIABLE).expect("run by the test on the other side only").into()
}

pub fn wait_for<T>(mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited in vain");
        thread::sleep(Duration::from_millis(1));
    }
}
