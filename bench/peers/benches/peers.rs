//! The same contestants by criterion, for its own output.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use depthlake_bench::recordings;
use depthlake_peers::roster::{self, Entry};
use depthlake_peers::track::{Match, matches};

fn peers(criterion: &mut Criterion) {
    let Some(folders) = recordings() else {
        eprintln!("SKIPPED: no recordings; DEPTHLAKE_SHARED names their folder");
        return;
    };
    for played in matches(&folders) {
        run(criterion, "book", &played, roster::books(&played), Throughput::Elements(played.levels()));
        run(criterion, "decoder", &played, roster::decoders(&played), Throughput::Bytes(played.bytes()));
        run(criterion, "frame", &played, roster::frames(&played), Throughput::Bytes(played.bytes()));
    }
}

fn run(criterion: &mut Criterion, kind: &str, played: &Match, entries: Vec<Entry<'_>>, each: Throughput) {
    let mut group = criterion.benchmark_group(format!("{kind}, {}", played.name));
    group.sample_size(10).sampling_mode(SamplingMode::Flat).throughput(each);
    for Entry { contestant, .. } in entries {
        group.bench_function(BenchmarkId::from_parameter(contestant.name()), |bencher| {
            bencher.iter_custom(|rounds| (0..rounds).map(|_| contestant.play()).sum::<Duration>());
        });
    }
    group.finish();
}

criterion_group!(all, peers);
criterion_main!(all);
