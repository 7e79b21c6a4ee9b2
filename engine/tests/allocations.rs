//! What shard threads call to tell of whole books and of events does not allocate: a counting allocator watches.

#![expect(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use depthlake_engine::board::BoardState;
use depthlake_engine::events::{self, Event, Happening};
use depthlake_engine::{clock, depth};
use depthlake_orderbook::book::Book;
use depthlake_orderbook::decimal::{Price, Quantity, Scale};
use depthlake_orderbook::event::{DepthUpdate, Level, UpdateId};
use depthlake_orderbook::instrument::Instrument;
use depthlake_orderbook::symbol::{Symbol, SymbolId};
use depthlake_orderbook::time::Timestamp;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: hands everything to the system's allocator unchanged; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `work` allocates on this thread.
fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
}

#[test]
fn telling_of_whole_books_does_not_allocate() {
    let folder = tempfile::tempdir().unwrap();
    let symbol = Symbol::new("BTCUSDT").unwrap();
    let instrument = Instrument::with_scales(symbol, Scale::default(), Scale::default());
    let (_keeper, mut journals) =
        depth::create(&folder.path().join("depth"), &[symbol], clock::now()).unwrap();
    let side =
        |first: i64| (first..first + 100).map(|price| Level { price: Price(price), quantity: Quantity(1) });
    let mut book = Book::new();
    let update = DepthUpdate {
        last: UpdateId(1),
        bids: side(1).collect(),
        asks: side(200).collect(),
        ..DepthUpdate::default()
    };
    book.apply(&update);
    let told = allocations(|| {
        journals[0].load(&instrument, &book, Timestamp(0), Timestamp(0));
        journals[0].state(BoardState::Live);
        (0..1_000).for_each(|_| journals[0].apply(&instrument, &book, &update));
    });
    assert_eq!(told, 0);
}

#[test]
fn publishing_events_does_not_allocate() {
    let (feed, mut writers) = events::feed(vec![Symbol::new("BTCUSDT").unwrap()], 1);
    let mut subscription = feed.subscribe();
    let event = Event {
        symbol: SymbolId(0),
        event_time: Timestamp(0),
        receive_time: Timestamp(0),
        publish_time: Timestamp(0),
        what: Happening::Resync { update_id: UpdateId(1) },
    };
    let published = allocations(|| (0..100_000).for_each(|_| writers[0].publish(&event)));
    let received = allocations(|| while subscription.try_next().is_some() {});
    assert_eq!((published, received), (0, 0));
}
