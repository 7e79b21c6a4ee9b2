//! What it costs a shard to tell of itself: one counter, one histogram, everything that is recorded of one message.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use depthlake_engine::latency::{LatencyRecorder, Stage};
use depthlake_orderbook::metrics::{Counter, Histogram, SoleCounter, SoleHistogram};
use depthlake_orderbook::time::Timestamp;

/// Times of the order of those between socket and board, in nanoseconds.
fn times() -> Vec<u64> {
    (0..1_024_u64).map(|number| 500 + number * number % 40_009).collect()
}

fn updates(criterion: &mut Criterion) {
    let times = times();
    let mut group = criterion.benchmark_group("metrics");
    group.throughput(Throughput::Elements(times.len() as u64));
    let mut counter = SoleCounter::default();
    group.bench_function("count, one writer", |bencher| {
        bencher.iter(|| black_box(&times).iter().for_each(|_| counter.add(1)));
    });
    let counter = Counter::default();
    group.bench_function("count, any writer", |bencher| {
        bencher.iter(|| black_box(&times).iter().for_each(|_| counter.add(1)));
    });
    let mut histogram = SoleHistogram::default();
    group.bench_function("record, one writer", |bencher| {
        bencher.iter(|| black_box(&times).iter().for_each(|&time| histogram.record(time)));
    });
    let histogram = Histogram::default();
    group.bench_function("record, any writer", |bencher| {
        bencher.iter(|| black_box(&times).iter().for_each(|&time| histogram.record(time)));
    });
    let mut latencies = LatencyRecorder::default();
    group.bench_function("record the time of a stage", |bencher| {
        bencher.iter(|| {
            for &time in black_box(&times) {
                latencies.record(Stage::Total, Timestamp(0), Timestamp(time.cast_signed()));
            }
        });
    });
    group.finish();
}

criterion_group!(benches, updates);
criterion_main!(benches);
