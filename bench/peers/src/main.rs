//! Prints the tables of `README.md`: `cargo run --release [ROUNDS]`.

use std::process::ExitCode;

use depthlake_bench::recordings;
use depthlake_peers::hftbacktest::forgotten;
use depthlake_peers::processing::ProcessingTimes;
use depthlake_peers::table::{Amount, Comparison, Table};
use depthlake_peers::targets::Results;
use depthlake_peers::track::{Match, matches};

const ROUNDS: usize = 21;

fn main() -> ExitCode {
    let rounds = std::env::args().nth(1).and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    let Some(folders) = recordings() else {
        eprintln!("no recordings: DEPTHLAKE_SHARED names the folder that holds data/");
        return ExitCode::FAILURE;
    };
    let played = matches(&folders);
    describe(&played, rounds);
    let results = results(&played, rounds);
    println!("{}", results.together());
    print!("{}", results.targets());
    if [results.books, results.decoders, results.paths].iter().all(Table::agrees) {
        ExitCode::SUCCESS
    } else {
        eprintln!("a contestant that keeps every level showed other levels than depthlake");
        ExitCode::FAILURE
    }
}

/// Prints each comparison when it is over.
fn results(played: &[Match], rounds: usize) -> Results {
    let printed = |comparison| {
        let table = Table::of(comparison, played, rounds);
        print!("{table}");
        table
    };
    let books = printed(Comparison::Books);
    let decoders = printed(Comparison::Decoders);
    let paths = printed(Comparison::Paths);
    let processing = ProcessingTimes::of(played, rounds);
    println!("{processing}");
    Results { books, decoders, paths, processing }
}

fn describe(played: &[Match], rounds: usize) {
    println!("{rounds} rounds, each contestant once a round, the order turning.\n");
    println!(
        "| recording | events | levels | levels an event, p50 | p99 | bytes | outside ±0.5 % | outside ±5 % |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for played in played {
        let Match { name, tracks } = played;
        let (near, far) = (forgotten(tracks, 5), forgotten(tracks, 50));
        let Amount { events, levels, bytes } = Amount::of(played);
        let [median, large] = [50, 99].map(|percent| played.levels_at_percentile(percent));
        println!(
            "| {name} | {events} | {levels} | {median} | {large} | {bytes} | {near:.1} % | {far:.1} % |"
        );
    }
}
