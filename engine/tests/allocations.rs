//! Between a message of the market and whoever reads of it nothing is allocated: a counting allocator watches.

#![expect(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use depthlake_engine::board::{BoardState, Reader};
use depthlake_engine::events::{self, Event, Happening};
use depthlake_engine::live_books::LiveBooks;
use depthlake_engine::recovery::Restored;
use depthlake_engine::shard::{Inbound, Worker, WorkerConfig};
use depthlake_engine::{clock, depth};
use depthlake_ingest::recording::Recording;
use depthlake_orderbook::book::Book;
use depthlake_orderbook::decimal::{Price, Quantity, Scale};
use depthlake_orderbook::event::{DepthUpdate, Level, UpdateId};
use depthlake_orderbook::frame::{Envelope, FrameKind};
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

/// The recordings beside the checkout, or those that `DEPTHLAKE_SHARED` names.
fn recordings() -> Vec<PathBuf> {
    let shared = std::env::var_os("DEPTHLAKE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let Ok(entries) = std::fs::read_dir(shared.join("data")) else {
        eprintln!("SKIPPED: no recordings at {}", shared.display());
        return Vec::new();
    };
    entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

const COUNTED: [FrameKind; 4] =
    [FrameKind::DepthUpdate, FrameKind::BookTicker, FrameKind::Trade, FrameKind::AggregateTrade];

/// How many messages of the market were handled while their book was live, and the allocations meanwhile.
fn play(folder: &Path) -> (u64, u64) {
    let recording = Recording::open(folder).unwrap();
    let instruments = recording.instruments().unwrap();
    let board_folder = tempfile::tempdir().unwrap();
    let path = board_folder.path().join("board");
    let symbols: Vec<_> = instruments.iter().map(|found| found.instrument.symbol).collect();
    let (_live_books, outlets, mut events) = LiveBooks::create(&path, &symbols, 1, Timestamp(1)).unwrap();
    let reader = Reader::open(&path).unwrap();
    let partitions = BTreeMap::from([(0, Restored::new(0))]);
    let (mut worker, mut outbound, _) = Worker::new(WorkerConfig {
        partitions,
        outlets,
        events: events.remove(0),
        needs: Box::new(|_, _| {}),
    });

    let entries = instruments.iter().map(|found| {
        let envelope = Envelope::own(FrameKind::Instrument, Some(found.instrument.symbol), Timestamp(1));
        (envelope, bytes::Bytes::copy_from_slice(found.entry.as_bytes()))
    });
    let frames =
        recording.frames().unwrap().map(|frame| frame.map(|frame| (frame.envelope, frame.payload)).unwrap());
    let (mut handled, mut count) = (0, 0);
    for (offset, (envelope, payload)) in (0..).zip(entries.chain(frames)) {
        let slot = envelope.symbol.and_then(|symbol| reader.find(symbol));
        let is_live = slot.is_some_and(|slot| reader.read(slot).unwrap().state == BoardState::Live);
        for &stream in envelope.kind.streams() {
            let message = Inbound { stream, partition: 0, offset, envelope, payload: payload.clone() };
            let made = allocations(|| worker.handle(&message));
            if is_live && COUNTED.contains(&envelope.kind) {
                handled += 1;
                count += made;
            }
        }
        while outbound.pop().is_ok() {}
    }
    (handled, count)
}

#[test]
fn nothing_is_allocated_between_message_and_board() {
    for folder in recordings() {
        let (handled, count) = play(&folder);
        println!("{}: {handled} messages, {count} allocations", folder.display());
        assert!(handled > 0, "{}", folder.display());
        assert_eq!(count, 0, "{}", folder.display());
    }
}
