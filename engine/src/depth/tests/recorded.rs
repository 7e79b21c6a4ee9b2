//! A recorded market written at full speed, and copied by other processes meanwhile: each copy is the book that the
//! recording has at that update id.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Instant;

use depthlake_ingest::recording::Recording;
use depthlake_ingest::wire::{self, Decoder};
use depthlake_orderbook::book::{Book, Side};
use depthlake_orderbook::event::{DepthUpdate, Provenance, Snapshot};
use depthlake_orderbook::frame::FrameKind;
use depthlake_orderbook::instrument::Instrument;
use depthlake_orderbook::sync::SyncedBook;
use depthlake_orderbook::time::Timestamp;

use super::support::{PATIENCE, path_given, run_again};
use crate::clock;
use crate::depth::{self, DepthReader, JournalWriter, Refreshed};

/// A market as recorded: the book it begins with, and each update applied with the digest of the book after it.
struct Tape {
    instrument: Instrument,
    begin: Snapshot,
    updates: Vec<(DepthUpdate, u64)>,
}

#[test]
fn copies_in_other_processes_equal_the_recorded_books() {
    let Some(folder) = recording() else { return };
    let tape = read(&folder);
    assert!(tape.updates.len() > 1_000);
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("depth");
    write_digests(&tape, &digests_path(&path));
    let (keeper, mut writers) = depth::create(&path, &[tape.instrument.symbol], clock::now()).unwrap();
    let _keeping = keeper.spawn().unwrap();
    let mut readers: Vec<_> =
        (0..2).map(|_| run_again("depth::tests::recorded::reading_process", &path)).collect();
    while readers.iter_mut().any(|reader| reader.try_wait().unwrap().is_none()) {
        play(&tape, &mut writers[0]);
    }
    for mut reader in readers {
        assert!(reader.wait().unwrap().success(), "a copy differed, or too few were made");
    }
}

#[test]
#[ignore = "the other side of copies_in_other_processes_equal_the_recorded_books"]
fn reading_process() {
    let path = path_given();
    let digests = read_digests(&digests_path(&path));
    let reader = DepthReader::open(&path).unwrap();
    let symbol = reader.symbols()[0];
    let check = |book: &Book| {
        let id = book.update_id().0;
        assert_eq!(digests.get(&id), Some(&digest(book)), "at {id}");
        id
    };
    let deadline = Instant::now() + PATIENCE;
    let (mut copies, mut followed, mut ids) = (0, 0, HashSet::new());
    while copies < 100 || followed < 20 || ids.len() < 30 {
        assert!(Instant::now() < deadline, "{copies} copies, followed {followed} times, {} books", ids.len());
        let Ok(mut copy) = reader.copy(symbol) else { continue };
        if copy.epoch() == 0 {
            continue;
        }
        copies += 1;
        // To check a book takes so long that the writer is far ahead afterwards.
        if copies % 2 == 0 {
            ids.insert(check(copy.book()));
        }
        if let Ok(Refreshed::Advanced { .. }) = copy.refresh() {
            followed += 1;
        }
        ids.insert(check(copy.book()));
    }
}

fn play(tape: &Tape, writer: &mut JournalWriter) {
    let mut book = Book::new();
    book.load(&tape.begin);
    writer.load(&tape.instrument, &book, Timestamp(0), Timestamp(0));
    for (update, _) in &tape.updates {
        book.apply(update);
        writer.apply(&tape.instrument, &book, update);
    }
}

/// The busiest spot recording, if there are recordings.
fn recording() -> Option<PathBuf> {
    let shared = std::env::var_os("DEPTHLAKE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let folder = shared.join("data/binance-spot-2024");
    let found = folder.is_dir();
    if !found {
        eprintln!("SKIPPED: no recording at {}", folder.display());
    }
    found.then_some(folder)
}

fn read(folder: &Path) -> Tape {
    let recording = Recording::open(folder).unwrap();
    let instrument = recording.instruments().unwrap()[0].instrument;
    let (mut synced, mut decoder) = (SyncedBook::new(), Decoder::default());
    let (mut begin, mut updates) = (None, Vec::new());
    let mut keep = |book: &Book, update: &DepthUpdate| updates.push((update.clone(), digest(book)));
    for frame in recording.frames().unwrap() {
        let frame = frame.unwrap();
        if frame.envelope.symbol != Some(instrument.symbol) {
            continue;
        }
        match frame.envelope.kind {
            FrameKind::Snapshot if begin.is_none() => {
                let snapshot = wire::decode_snapshot(&frame.payload, &instrument).unwrap();
                synced.snapshot(&snapshot, &mut keep);
                begin = Some(snapshot);
            }
            FrameKind::DepthUpdate => {
                let update = decoder.depth(&frame.payload, &instrument, Provenance::default()).unwrap();
                synced.depth(update, &mut keep);
            }
            _ => {}
        }
    }
    Tape { instrument, begin: begin.unwrap(), updates }
}

/// A number that two different books hardly share.
fn digest(book: &Book) -> u64 {
    let mut hasher = DefaultHasher::new();
    for side in [Side::Bid, Side::Ask] {
        for level in book.levels(side) {
            (level.price, level.quantity.0).hash(&mut hasher);
        }
        book.horizon(side).hash(&mut hasher);
    }
    hasher.finish()
}

fn digests_path(path: &Path) -> PathBuf {
    path.with_extension("digests")
}

fn write_digests(tape: &Tape, path: &Path) {
    let mut book = Book::new();
    book.load(&tape.begin);
    let mut lines = format!("{} {}\n", book.update_id().0, digest(&book));
    for (update, digest) in &tape.updates {
        writeln!(lines, "{} {digest}", update.last.0).unwrap();
    }
    fs::write(path, lines).unwrap();
}

fn read_digests(path: &Path) -> HashMap<u64, u64> {
    let text = fs::read_to_string(path).unwrap();
    let pair = |line: &str| {
        let (id, digest) = line.split_once(' ').unwrap();
        (id.parse().unwrap(), digest.parse().unwrap())
    };
    text.lines().map(pair).collect()
}
