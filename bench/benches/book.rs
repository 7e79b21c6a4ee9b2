//! The book alone: applying an event and summing the best five of both sides, beside two `BTreeMap`s; and its cost where a book
//! of another make would have a cliff.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use depthlake_bench::{Recorded, TwinBook, invented, levels_of, load, recordings};
use depthlake_orderbook::book::{Book, Side};
use depthlake_orderbook::event::{DepthUpdate, Snapshot};

/// Recordings with fewer events are played one after the other, as one.
const FEW: usize = 1_000;

fn recorded(criterion: &mut Criterion) {
    let Some(folders) = recordings() else {
        return eprintln!("SKIPPED: no recordings; DEPTHLAKE_SHARED names their folder");
    };
    let (large, small): (Vec<_>, Vec<_>) =
        folders.iter().flat_map(|folder| load(folder)).partition(|recorded| recorded.updates.len() >= FEW);
    let mut group = criterion.benchmark_group("apply an event, sum the best five");
    let mut compare = |name: &str, played: &[Recorded]| {
        group.throughput(Throughput::Elements(played.iter().map(|recorded| recorded.levels).sum()));
        group.bench_function(BenchmarkId::new("depthlake", name), |bencher| {
            let loaded = || played.iter().map(|recorded| book_of(&recorded.snapshot)).collect::<Vec<_>>();
            bencher.iter_batched(loaded, |books| play_all(books, played, play), BatchSize::LargeInput);
        });
        group.bench_function(BenchmarkId::new("two BTreeMaps", name), |bencher| {
            let loaded = || played.iter().map(|recorded| twin_of(&recorded.snapshot)).collect::<Vec<_>>();
            bencher.iter_batched(loaded, |books| play_all(books, played, play_twin), BatchSize::LargeInput);
        });
    };
    for recorded in &large {
        compare(&recorded.name, std::slice::from_ref(recorded));
    }
    compare("the others together", &small);
    group.finish();
}

/// Invented markets: the first is as markets are, each of the others has what could be a cliff.
fn cliffs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("apply an event, without cliffs");
    for market in invented::markets() {
        group.throughput(Throughput::Elements(levels_of(&market.updates)));
        group.bench_function(BenchmarkId::new("depthlake", market.name), |bencher| {
            let loaded = || book_of(&market.snapshot);
            bencher.iter_batched(loaded, |book| play(book, &market.updates), BatchSize::LargeInput);
        });
        group.bench_function(BenchmarkId::new("two BTreeMaps", market.name), |bencher| {
            let loaded = || twin_of(&market.snapshot);
            bencher.iter_batched(loaded, |book| play_twin(book, &market.updates), BatchSize::LargeInput);
        });
    }
    group.finish();
}

fn play_all<B>(books: Vec<B>, played: &[Recorded], play: fn(B, &[DepthUpdate]) -> B) -> Vec<B> {
    books.into_iter().zip(played).map(|(book, recorded)| play(book, &recorded.updates)).collect()
}

fn book_of(snapshot: &Snapshot) -> Book {
    let mut book = Book::new();
    book.load(snapshot);
    book
}

fn twin_of(snapshot: &Snapshot) -> TwinBook {
    let mut book = TwinBook::default();
    book.load(snapshot);
    book
}

fn play(mut book: Book, updates: &[DepthUpdate]) -> Book {
    for update in updates {
        book.apply(update);
        let five = |side| book.top::<5>(side).iter().map(|level| level.quantity.0).sum::<i64>();
        black_box(five(Side::Bid) + five(Side::Ask));
    }
    book
}

fn play_twin(mut book: TwinBook, updates: &[DepthUpdate]) -> TwinBook {
    for update in updates {
        book.apply(update);
        black_box(book.best_five());
    }
    book
}

criterion_group!(book, recorded, cliffs);
criterion_main!(book);
