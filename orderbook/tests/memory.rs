//! What books hold in memory, counted by the allocator.

#![expect(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use depthlake_orderbook::book::{Book, Side};
use depthlake_orderbook::decimal::{Price, Quantity};
use depthlake_orderbook::event::{Level, Snapshot};

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);

// SAFETY: hands everything to the system's allocator unchanged; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
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
    let before = HELD.load(Relaxed);
    let books: Vec<Book> = (0..50)
        .map(|_| {
            let mut book = Book::new();
            book.load(&snapshot);
            book
        })
        .collect();
    assert!(books.iter().all(|book| book.depth(Side::Bid) == 5_000 && book.depth(Side::Ask) == 5_000));
    HELD.load(Relaxed) - before
}

#[test]
fn fifty_deep_books_stay_under_64_mebibytes() {
    for spacing in [1, 10, 100, 1_000] {
        let bytes = fifty_books(spacing);
        println!("{spacing} ticks between levels: {} MiB", bytes / MIB);
        assert!(bytes < 64 * MIB, "{spacing} ticks between levels: {bytes} bytes");
    }
}
