//! Messages to events: the decoder, which scans, beside the general one, which parses JSON.

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use depthlake_bench::{Recorded, load, recordings};
use depthlake_ingest::recording::RecordedFrame;
use depthlake_ingest::wire::{Decoder, GeneralDecoder};
use depthlake_orderbook::event::Provenance;
use depthlake_orderbook::frame::FrameKind;
use depthlake_orderbook::instrument::Instrument;

/// Too few bytes of a kind to measure.
const FEW_BYTES: usize = 4_096;

fn depth(criterion: &mut Criterion) {
    side_by_side(
        &mut criterion.benchmark_group("decode depth events"),
        FrameKind::DepthUpdate,
        |decoder, frame, instrument| {
            black_box(decoder.depth(&frame.payload, instrument, Provenance::default())).is_ok()
        },
        |decoder, frame, instrument| {
            black_box(decoder.depth(&frame.payload, instrument, Provenance::default())).is_ok()
        },
    );
}

fn trades(criterion: &mut Criterion) {
    for (kind, name) in
        [(FrameKind::Trade, "decode trades"), (FrameKind::AggregateTrade, "decode aggregates")]
    {
        side_by_side(
            &mut criterion.benchmark_group(name),
            kind,
            |decoder, frame, instrument| {
                black_box(decoder.trade(&frame.payload, instrument, Provenance::default())).is_ok()
            },
            |decoder, frame, instrument| {
                black_box(decoder.trade(&frame.payload, instrument, Provenance::default())).is_ok()
            },
        );
    }
}

fn book_tickers(criterion: &mut Criterion) {
    side_by_side(
        &mut criterion.benchmark_group("decode book tickers"),
        FrameKind::BookTicker,
        |decoder, frame, instrument| black_box(decoder.book_ticker(&frame.payload, instrument)).is_ok(),
        |decoder, frame, instrument| black_box(decoder.book_ticker(&frame.payload, instrument)).is_ok(),
    );
}

/// Measures both decoders on all messages of a kind, recording by recording and symbol by symbol.
fn side_by_side(
    group: &mut BenchmarkGroup<'_, WallTime>,
    kind: FrameKind,
    scanned: impl Fn(&mut Decoder, &RecordedFrame, &Instrument) -> bool,
    parsed: impl Fn(&mut GeneralDecoder, &RecordedFrame, &Instrument) -> bool,
) {
    for recorded in recorded() {
        let frames: Vec<_> = recorded.frames.iter().filter(|frame| frame.envelope.kind == kind).collect();
        let bytes: usize = frames.iter().map(|frame| frame.payload.len()).sum();
        if bytes < FEW_BYTES {
            continue;
        }
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(BenchmarkId::new("depthlake", &recorded.name), |bencher| {
            let mut decoder = Decoder::default();
            bencher.iter(|| frames.iter().all(|frame| scanned(&mut decoder, frame, &recorded.instrument)));
        });
        group.bench_function(BenchmarkId::new("simd-json and serde", &recorded.name), |bencher| {
            let mut decoder = GeneralDecoder::default();
            bencher.iter(|| frames.iter().all(|frame| parsed(&mut decoder, frame, &recorded.instrument)));
        });
    }
}

fn recorded() -> Vec<Recorded> {
    let Some(folders) = recordings() else {
        eprintln!("SKIPPED: no recordings; DEPTHLAKE_SHARED names their folder");
        return Vec::new();
    };
    folders.iter().flat_map(|folder| load(folder)).collect()
}

criterion_group!(decoder, depth, trades, book_tickers);
criterion_main!(decoder);
