//! Full depth: what it costs the shard to tell of a level, and readers to copy and follow a whole book.

use std::hint::black_box;
use std::path::PathBuf;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use depthlake_bench::{Recorded, load, recordings};
use depthlake_engine::clock;
use depthlake_engine::depth::{self, DepthKeeper, DepthReader, JournalWriter};
use depthlake_orderbook::book::Book;
use depthlake_orderbook::decimal::{Price, Quantity, Scale};
use depthlake_orderbook::event::{DepthUpdate, Level, Snapshot, UpdateId};
use depthlake_orderbook::instrument::Instrument;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

/// Too few events to measure.
const FEW: usize = 1_000;

/// A depth file of its own, removed at the end.
struct DepthFile {
    path: PathBuf,
    keeper: DepthKeeper,
    writer: JournalWriter,
}

impl DepthFile {
    fn of(symbol: Symbol) -> Option<Self> {
        let memory = PathBuf::from("/dev/shm");
        let folder = if memory.is_dir() { memory } else { std::env::temp_dir() };
        let path = folder.join(format!("depthlake-bench-{}", std::process::id()));
        let (keeper, mut writers) = depth::create(&path, &[symbol], clock::now()).ok()?;
        Some(Self { path, keeper, writer: writers.pop()? })
    }
}

impl Drop for DepthFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            eprintln!("{} is left behind: {error}", self.path.display());
        }
    }
}

/// Updates of a recording: told to readers, applied to a book, and both.
fn tell(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("an update, per level");
    for recorded in large() {
        let Some(mut file) = DepthFile::of(recorded.instrument.symbol) else { continue };
        group.throughput(Throughput::Elements(recorded.levels));
        let loaded = || {
            let mut book = Book::new();
            book.load(&recorded.snapshot);
            book
        };
        let book = loaded();
        file.writer.load(&recorded.instrument, &book, Timestamp(0), Timestamp(0));
        group.bench_function(BenchmarkId::new("told", &recorded.name), |bencher| {
            bencher.iter(|| {
                for update in &recorded.updates {
                    file.writer.apply(&recorded.instrument, &book, update);
                }
            });
        });
        group.bench_function(BenchmarkId::new("applied", &recorded.name), |bencher| {
            let apply = |mut book: Book| {
                recorded.updates.iter().for_each(|update| book.apply(update));
                book
            };
            bencher.iter_batched(loaded, apply, BatchSize::LargeInput);
        });
        group.bench_function(BenchmarkId::new("applied and told", &recorded.name), |bencher| {
            let apply_and_tell = |mut book: Book| {
                for update in &recorded.updates {
                    book.apply(update);
                    file.writer.apply(&recorded.instrument, &book, update);
                }
                book
            };
            bencher.iter_batched(loaded, apply_and_tell, BatchSize::LargeInput);
        });
    }
    group.finish();
}

/// A book of 5,000 levels a side: told whole, copied whole from a base, and followed.
fn copy(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a book of 5,000 levels a side");
    let Ok(symbol) = Symbol::new("BTCUSDT") else { return };
    let instrument = Instrument::with_scales(symbol, Scale::default(), Scale::default());
    let Some(mut file) = DepthFile::of(symbol) else { return };
    let mut book = Book::new();
    book.load(&deep());
    group.bench_function("told whole", |bencher| {
        bencher.iter(|| file.writer.load(&instrument, &book, Timestamp(0), Timestamp(0)));
    });
    group.bench_function("loaded from a snapshot, for comparison", |bencher| {
        let (snapshot, mut book) = (book.to_snapshot(), Book::new());
        bencher.iter(|| book.load(&snapshot));
    });
    for levels in [1, 18] {
        let update = symmetrical(1, levels);
        group.bench_function(
            BenchmarkId::new("told, the same update again, levels", 2 * levels),
            |bencher| {
                bencher.iter(|| file.writer.apply(&instrument, &book, black_box(&update)));
            },
        );
    }
    // So far that a base is put down, and that there is something after it.
    for id in 1..400 {
        tell_one(&mut file, &instrument, &mut book, id);
        file.keeper.turn();
    }
    let Ok(reader) = DepthReader::open(&file.path) else { return };
    group.bench_function("first copy", |bencher| bencher.iter(|| reader.copy(symbol).is_ok()));
    let Ok(mut copied) = reader.copy(symbol) else { return };
    group.bench_function("refresh, nothing new", |bencher| bencher.iter(|| copied.refresh().is_ok()));
    let mut id = 400;
    group.bench_function("tell an event of 36 levels and refresh", |bencher| {
        bencher.iter(|| {
            tell_one(&mut file, &instrument, &mut book, id);
            id += 1;
            black_box(copied.refresh().is_ok())
        });
    });
    group.bench_function("tell an event of 36 levels", |bencher| {
        bencher.iter(|| {
            tell_one(&mut file, &instrument, &mut book, id);
            id += 1;
        });
    });
    group.finish();
}

fn level(price: i64, quantity: i64) -> Level {
    Level { price: Price(price), quantity: Quantity(quantity) }
}

fn deep() -> Snapshot {
    Snapshot {
        bids: (5_001..=10_000).rev().map(|price| level(price, 1)).collect(),
        asks: (10_001..=15_000).map(|price| level(price, 1)).collect(),
        ..Snapshot::default()
    }
}

/// The applied update is not timed apart: it is the same in all that calls this.
fn tell_one(file: &mut DepthFile, instrument: &Instrument, book: &mut Book, id: u64) {
    let update = symmetrical(id, 18);
    book.apply(&update);
    file.writer.apply(instrument, book, &update);
}

/// An update of so many levels of both sides.
fn symmetrical(id: u64, levels: i64) -> DepthUpdate {
    let quantity = i64::try_from(id % 1_000).unwrap_or(0) + 1;
    DepthUpdate {
        last: UpdateId(id),
        bids: (0..levels).map(|step| level(10_000 - step * 7, quantity)).collect(),
        asks: (0..levels).map(|step| level(10_001 + step * 7, quantity)).collect(),
        ..DepthUpdate::default()
    }
}

fn large() -> Vec<Recorded> {
    let Some(folders) = recordings() else {
        eprintln!("SKIPPED: no recordings; DEPTHLAKE_SHARED names their folder");
        return Vec::new();
    };
    let recorded = folders.iter().flat_map(|folder| load(folder));
    recorded.filter(|recorded| recorded.updates.len() >= FEW).collect()
}

criterion_group!(full_depth, tell, copy);
criterion_main!(full_depth);
