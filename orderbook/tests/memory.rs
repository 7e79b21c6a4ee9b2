//! What books hold in memory, counted by the allocator.

#![expect(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use depthlake_orderbook::book::{Book, Side};
use depthlake_orderbook::decimal::{Price, Quantity};
use depthlake_orderbook::event::{DepthUpdate, Level, Snapshot};

struct Counting;

thread_local! {
    /// By this thread's test alone.
    static HELD: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: hands everything to the system's allocator unchanged; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.set(HELD.get().wrapping_add(layout.size()));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        HELD.set(HELD.get().wrapping_sub(layout.size()));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MIB: usize = 1 << 20;

/// 50 books of 5,000 levels a side, `spacing` ticks apart, in bytes.
fn fifty_books(spacing: i64) -> usize {
    let side = |sign: i64| {
        let level =
            |rank: i64| Level { price: Price(10_000_000 + sign * rank * spacing), quantity: Quantity(rank) };
        (1..=5_000).map(level).collect()
    };
    let snapshot = Snapshot { bids: side(-1), asks: side(1), ..Snapshot::default() };
    let before = HELD.get();
    let books: Vec<Book> = (0..50)
        .map(|_| {
            let mut book = Book::new();
            book.load(&snapshot);
            book
        })
        .collect();
    assert!(books.iter().all(|book| book.depth(Side::Bid) == 5_000 && book.depth(Side::Ask) == 5_000));
    HELD.get().wrapping_sub(before)
}

#[test]
fn what_thinned_out_gives_its_room_back() {
    let before = HELD.get();
    let mut book = Book::new();
    let mut change = |prices: &mut dyn Iterator<Item = i64>, quantity| {
        let bids = prices.map(|price| Level { price: Price(price), quantity: Quantity(quantity) }).collect();
        book.apply(&DepthUpdate { bids, ..DepthUpdate::default() });
    };
    // 5,000 levels remain of 80,000, far from the best, in rounds.
    change(&mut (90_000_000..90_000_001), 1);
    for round in 0..1_250_i64 {
        let start = 1 + round * 64;
        change(&mut (start..start + 64), 1);
        change(&mut (start..start + 64).filter(|price| price % 16 != 0), 0);
    }
    let bytes = HELD.get().wrapping_sub(before);
    assert_eq!(book.depth(Side::Bid), 5_001);
    assert!(100 * bytes / 2 < 64 * MIB, "{bytes} bytes");
}

#[test]
fn fifty_deep_books_stay_under_64_mebibytes() {
    for spacing in [1, 10, 100, 1_000] {
        let bytes = fifty_books(spacing);
        println!("{spacing} ticks between levels: {} MiB", bytes / MIB);
        assert!(bytes < 64 * MIB, "{spacing} ticks between levels: {bytes} bytes");
    }
}
