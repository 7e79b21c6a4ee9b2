//! The whole way from a frame on a shard's ring to the published board: decode, sync, apply, features, record, publish; beside
//! what one would write first for the part up to the book.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use depthlake_bench::path::Path;
use depthlake_bench::{Recorded, TwinBook, load, recordings};
use depthlake_ingest::wire::GeneralDecoder;
use depthlake_orderbook::event::Provenance;

/// Too few frames to measure.
const FEW: usize = 1_000;

fn frame_to_board(criterion: &mut Criterion) {
    let Some(folders) = recordings() else {
        return eprintln!("SKIPPED: no recordings; DEPTHLAKE_SHARED names their folder");
    };
    let mut group = criterion.benchmark_group("frame to board");
    let recorded =
        folders.iter().flat_map(|folder| load(folder)).filter(|recorded| recorded.live.len() >= FEW);
    for recorded in recorded {
        group.throughput(Throughput::Elements(recorded.live_levels));
        group.bench_function(BenchmarkId::new("depthlake", &recorded.name), |bencher| {
            let play = || Path::new(&recorded).map(|mut path| path.play(&recorded.live));
            let play = || play().unwrap_or_else(|error| panic!("{error}"));
            bencher.iter_custom(|rounds| (0..rounds).map(|_| play()).sum());
        });
        group.bench_function(
            BenchmarkId::new("simd-json, serde, two BTreeMaps", &recorded.name),
            |bencher| {
                let loaded = || {
                    let mut book = TwinBook::default();
                    book.load(&recorded.snapshot);
                    book
                };
                bencher.iter_batched_ref(
                    loaded,
                    |book| straightforward(book, &recorded),
                    BatchSize::LargeInput,
                );
            },
        );
    }
    group.finish();
}

/// No features, records or board.
fn straightforward(book: &mut TwinBook, recorded: &Recorded) {
    let mut decoder = GeneralDecoder::default();
    for message in &recorded.live {
        if let Ok(update) = decoder.depth(&message.payload, &recorded.instrument, Provenance::default()) {
            book.apply(update);
            black_box(book.best_five());
        }
    }
}

criterion_group!(path, frame_to_board);
criterion_main!(path);
