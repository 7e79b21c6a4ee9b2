//! Prints the tables of `README.md`: `cargo run --release [ROUNDS]`.

use std::process::ExitCode;

use depthlake_bench::recordings;
use depthlake_peers::contest::compete;
use depthlake_peers::hftbacktest::forgotten;
use depthlake_peers::roster::{self, Entry, Semantics};
use depthlake_peers::table::{Cell, Column, Table};
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
    let books =
        tables("Book alone: apply an event, read the best five of both sides", "level", &played, rounds);
    let frames = tables("Frame to book: decode, apply, read the best five", "frame", &played, rounds);
    if books && frames {
        ExitCode::SUCCESS
    } else {
        eprintln!("a contestant that keeps every level showed other levels than depthlake");
        ExitCode::FAILURE
    }
}

fn describe(played: &[Match], rounds: usize) {
    println!("{rounds} rounds, each contestant once a round, the order turning.\n");
    println!("| recording | events | levels | bytes | outside ±0.5 % | outside ±5 % |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    for played in played {
        let Match { name, tracks } = played;
        let (near, far) = (forgotten(tracks, 5), forgotten(tracks, 50));
        let (events, levels, bytes) = (played.events(), played.levels(), played.bytes());
        println!("| {name} | {events} | {levels} | {bytes} | {near:.1} % | {far:.1} % |");
    }
}

/// Prints a comparison; whether everyone who must showed the same best five.
fn tables(title: &str, per: &'static str, played: &[Match], rounds: usize) -> bool {
    let mut all_agree = true;
    let (mut names, mut columns, mut cells) = (Vec::new(), Vec::new(), Vec::new());
    for played in played {
        let (entries, count) = match per {
            "level" => (roster::books(played), played.levels()),
            _ => (roster::frames(played), played.events()),
        };
        names = entries.iter().map(|entry| entry.contestant.name()).collect();
        columns.push(Column { name: played.name.clone(), count });
        let (column, agree) = column(entries, rounds);
        all_agree &= agree;
        cells.push(column);
    }
    print!("{}", Table { title: title.to_owned(), per, matches: columns, names, cells });
    all_agree
}

fn column(entries: Vec<Entry<'_>>, rounds: usize) -> (Vec<Cell>, bool) {
    let (contestants, semantics): (Vec<_>, Vec<_>) =
        entries.into_iter().map(|entry| (entry.contestant, entry.semantics)).unzip();
    let shown: Vec<_> = contestants.iter().map(|contestant| contestant.shown()).collect();
    let times = compete(&contestants, rounds);
    let mut agree = true;
    let cells = times.into_iter().zip(&shown).zip(semantics).map(|((times, theirs), semantics)| {
        let compared = shown[0].len();
        let agreed = theirs.iter().zip(&shown[0]).filter(|(theirs, ours)| theirs == ours).count();
        agree &= agreed == compared || semantics == Semantics::Forgets;
        Cell { median: times.median, shortest: times.shortest, agreed, compared }
    });
    (cells.collect(), agree)
}
