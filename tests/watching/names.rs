//! Every figure that rules, dashboards and documents speak of is told by a running program, described.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::program::{Watched, until};

/// What only a program tells whose log is a broker's.
const OF_A_BROKER: &str = "depthlake_log_unacknowledged_records";

/// The files that speak of figures.
fn sources() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("docs/operating.md")];
    for folder in ["infra/prometheus", "infra/grafana/dashboards"] {
        let entries = std::fs::read_dir(root.join(folder)).unwrap();
        files.extend(entries.map(|entry| entry.unwrap().path()));
    }
    files
}

/// The names of figures in a text: words that begin as ours do, without the endings that a histogram's series have.
fn names(text: &str) -> BTreeSet<String> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_' || character == ':';
    let words = text.split(|character: char| !is_part(character));
    let is_figure = |word: &&str| word.starts_with("depthlake_") || word.starts_with("process_");
    // A path of Rust is none.
    let figures = words.filter(is_figure).filter(|word| !word.contains("::"));
    let without_ending = |word: &str| {
        let ending = ["_bucket", "_sum", "_count"].into_iter().find(|ending| word.ends_with(ending));
        word.strip_suffix(ending.unwrap_or_default()).unwrap_or(word).to_owned()
    };
    figures.map(without_ending).collect()
}

/// The names that a scrape describes by a type and a text.
fn described(scrape: &str) -> BTreeSet<String> {
    let after = |prefix: &str| {
        let lines = scrape.lines().filter_map(|line| line.strip_prefix(prefix)?.split_once(' '));
        lines.map(|(name, _)| name.to_owned()).collect::<BTreeSet<_>>()
    };
    let (types, helps) = (after("# TYPE "), after("# HELP "));
    assert_eq!(types, helps);
    types
}

#[test]
fn every_figure_that_is_spoken_of_is_told() {
    let mut spoken_of = BTreeSet::new();
    for file in sources() {
        spoken_of.extend(names(&std::fs::read_to_string(file).unwrap()));
    }
    assert!(spoken_of.len() > 60, "{spoken_of:?}");
    assert!(spoken_of.remove(OF_A_BROKER));
    let watched = Watched::start(3, "[lake]\ncommit_seconds = 1.0\n");
    let mut told = BTreeSet::new();
    let mut missing = BTreeSet::new();
    let all = until_told(&watched, &spoken_of, &mut told, &mut missing);
    assert!(all, "no scrape tells {missing:?}");
    let scrape = watched.get("/metrics").unwrap();
    assert_bounded(&scrape);
}

fn until_told(
    watched: &Watched,
    spoken_of: &BTreeSet<String>,
    told: &mut BTreeSet<String>,
    missing: &mut BTreeSet<String>,
) -> bool {
    // What has not happened yet (a commit, a look at the clock) is not told yet.
    let deadline = std::time::Instant::now() + crate::program::PATIENCE;
    while std::time::Instant::now() < deadline {
        *told = described(&until("a scrape", || watched.get("/metrics")));
        *missing = spoken_of.difference(told).cloned().collect();
        if missing.is_empty() {
            return true;
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    false
}

/// No figure has so many series that they would grow with time.
fn assert_bounded(scrape: &str) {
    let series = scrape.lines().filter(|line| !line.starts_with('#')).count();
    assert!(series < 6_000, "{series} series of three symbols");
    let mut keys: Vec<_> = scrape.lines().filter(|line| !line.starts_with('#')).map(key).collect();
    let all = keys.len();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), all, "a series is told twice");
}

fn key(line: &str) -> &str {
    line.rsplit_once(' ').unwrap().0
}
