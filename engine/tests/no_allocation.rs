//! Between a message of the market and the board nothing is allocated: counted, on every recording.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use depthlake_engine::board::{BoardState, BoardWriter, Reader, SlotSpec};
use depthlake_engine::recovery::Restored;
use depthlake_engine::shard::{Inbound, Worker, WorkerConfig};
use depthlake_ingest::recording::Recording;
use depthlake_orderbook::decimal::Scale;
use depthlake_orderbook::frame::{Envelope, FrameKind};
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

/// The system's allocator, with a count of the calls each thread makes.
struct Counting;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

#[expect(unsafe_code, reason = "an allocator")]
// SAFETY: every call is handed to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.set(CALLS.get() + 1);
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        CALLS.set(CALLS.get() + 1);
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        CALLS.set(CALLS.get() + 1);
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

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

/// How many messages of the market were handled while their book was live, and the calls of the allocator meanwhile.
fn play(folder: &Path) -> (u64, u64) {
    let recording = Recording::open(folder).unwrap();
    let instruments = recording.instruments().unwrap();
    let board_folder = tempfile::tempdir().unwrap();
    let path = board_folder.path().join("board");
    let unknown = Scale::default();
    let spec = |symbol: Symbol| SlotSpec { symbol, price_scale: unknown, quantity_scale: unknown };
    let specs: Vec<_> = instruments.iter().map(|found| spec(found.instrument.symbol)).collect();
    let (_board, slots) = BoardWriter::create(&path, &specs, Timestamp(1)).unwrap();
    let reader = Reader::open(&path).unwrap();
    let partitions = BTreeMap::from([(0, Restored::new(0))]);
    let (mut worker, mut outbound, _) =
        Worker::new(WorkerConfig { partitions, slots, needs: Box::new(|_, _| {}) });

    let entries = instruments.iter().map(|found| {
        let envelope = Envelope::own(FrameKind::Instrument, Some(found.instrument.symbol), Timestamp(1));
        (envelope, bytes::Bytes::copy_from_slice(found.entry.as_bytes()))
    });
    let frames = recording.frames().unwrap().map(|frame| frame.map(|frame| (frame.envelope, frame.payload)).unwrap());
    let (mut handled, mut calls) = (0, 0);
    for (offset, (envelope, payload)) in (0..).zip(entries.chain(frames)) {
        let slot = envelope.symbol.and_then(|symbol| reader.find(symbol));
        let is_live = slot.is_some_and(|slot| reader.read(slot).unwrap().state == BoardState::Live);
        for &stream in envelope.kind.streams() {
            let message = Inbound { stream, partition: 0, offset, envelope, payload: payload.clone() };
            let before = CALLS.get();
            worker.handle(&message);
            if is_live && COUNTED.contains(&envelope.kind) {
                handled += 1;
                calls += CALLS.get() - before;
            }
        }
        while outbound.pop().is_ok() {}
    }
    (handled, calls)
}

#[test]
fn nothing_is_allocated_between_message_and_board() {
    for folder in recordings() {
        let (handled, calls) = play(&folder);
        println!("{}: {handled} messages, {calls} calls of the allocator", folder.display());
        assert!(handled > 0, "{}", folder.display());
        assert_eq!(calls, 0, "{}", folder.display());
    }
}
