//! Book and pipeline on the recordings.

use std::hint::black_box;
use std::num::NonZeroU16;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use depthlake_bench::{Recorded, TwinBook, load, recordings};
use depthlake_engine::pipeline::Output;
use depthlake_engine::replay::OfflinePipelines;
use depthlake_ingest::recording::Recording;
use depthlake_orderbook::book::{Book, Side};
use depthlake_orderbook::frame::{Envelope, FrameKind};
use depthlake_orderbook::record::{Derived, Trigger};

/// Too few events to measure.
const FEW: usize = 1_000;

fn book(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("apply an event, sum the best five");
    for recorded in large() {
        group.throughput(Throughput::Elements(recorded.levels));
        group.bench_function(BenchmarkId::new("depthlake", &recorded.name), |bencher| {
            let loaded = || {
                let mut book = Book::new();
                book.load(&recorded.snapshot);
                book
            };
            bencher.iter_batched(loaded, |book| play(book, &recorded), BatchSize::LargeInput);
        });
        group.bench_function(BenchmarkId::new("two BTreeMaps", &recorded.name), |bencher| {
            let loaded = || {
                let mut book = TwinBook::default();
                book.load(&recorded.snapshot);
                book
            };
            bencher.iter_batched(loaded, |book| play_twin(book, &recorded), BatchSize::LargeInput);
        });
    }
    group.finish();
}

fn play(mut book: Book, recorded: &Recorded) -> Book {
    for update in &recorded.updates {
        book.apply(update);
        let five = |side| book.levels(side).take(5).map(|level| level.quantity.0).sum::<i64>();
        black_box(five(Side::Bid) + five(Side::Ask));
    }
    book
}

fn play_twin(mut book: TwinBook, recorded: &Recorded) -> TwinBook {
    for update in &recorded.updates {
        book.apply(update);
        black_box(book.best_five());
    }
    book
}

struct Discard;

impl Output for Discard {
    fn derived(&mut self, trigger: Trigger, record: Derived) {
        black_box((trigger, record));
    }
}

/// Everything but sockets, rings and board: peeked frames to records.
fn pipeline(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frames to records");
    for folder in recordings().unwrap_or_default() {
        let Ok(recording) = Recording::open(&folder) else { continue };
        let (Ok(instruments), Ok(frames)) = (recording.instruments(), recording.frames()) else { continue };
        let frames: Vec<_> = frames.flatten().collect();
        if frames.len() < FEW {
            continue;
        }
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        group.throughput(Throughput::Elements(frames.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut pipelines = OfflinePipelines::new(NonZeroU16::MIN);
                for found in &instruments {
                    let received = frames[0].envelope.received;
                    let envelope =
                        Envelope::own(FrameKind::Instrument, Some(found.instrument.symbol), received);
                    pipelines.frame(&envelope, found.entry.as_bytes(), &mut Discard);
                }
                for frame in &frames {
                    pipelines.frame(&frame.envelope, &frame.payload, &mut Discard);
                }
            });
        });
    }
    group.finish();
}

fn large() -> Vec<Recorded> {
    let Some(folders) = recordings() else {
        eprintln!("SKIPPED: no recordings; DEPTHLAKE_SHARED names their folder");
        return Vec::new();
    };
    let recorded = folders.iter().flat_map(|folder| load(folder));
    recorded.filter(|recorded| recorded.updates.len() >= FEW).collect()
}

criterion_group!(stages, book, pipeline);
criterion_main!(stages);
