//! The crates use each other as the table of rooms says, and in no other way.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What each crate may use.
const ARROWS: [(&str, &[&str]); 8] = [
    ("orderbook", &[]),
    ("ingest", &["orderbook"]),
    ("engine", &["orderbook", "ingest"]),
    ("lake", &["orderbook"]),
    ("query/dialect", &[]),
    ("query", &["orderbook", "engine", "lake", "query/dialect"]),
    ("bench", &["orderbook", "ingest", "engine", "lake", "query"]),
    (".", &["orderbook", "ingest", "engine", "lake", "query"]),
];

/// Crates too heavy for the rooms where the books are kept.
const HEAVY: [&str; 5] = ["datafusion", "iceberg", "arrow-array", "parquet", "sqlx"];

fn dependencies(room: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(room).join("Cargo.toml");
    let manifest: toml::Table = fs::read_to_string(&path).unwrap().parse().unwrap();
    let sections = ["dependencies", "dev-dependencies", "build-dependencies"];
    let tables = sections.iter().filter_map(|section| manifest.get(*section)?.as_table());
    tables.flat_map(|table| table.keys().cloned()).collect()
}

#[test]
fn crates_use_each_other_as_the_table_of_rooms_says() {
    let allowed: BTreeMap<_, _> = ARROWS.into();
    for (room, allowed) in allowed {
        let used = dependencies(room);
        // A crate may name itself, to switch on a feature of its own in its tests.
        for (other, _) in ARROWS.iter().filter(|(other, _)| *other != "." && *other != room) {
            let name = other.rsplit('/').next().unwrap_or(other);
            let uses = used.contains(&format!("depthlake-{name}"));
            assert!(!uses || allowed.contains(other), "{room} may not use {other}");
        }
    }
}

#[test]
fn every_room_is_in_the_table() {
    let root: toml::Table = include_str!("../Cargo.toml").parse().unwrap();
    let members: BTreeSet<_> = root["workspace"]["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| member.as_str().unwrap())
        .collect();
    let table: BTreeSet<_> = ARROWS.iter().map(|(room, _)| *room).filter(|room| *room != ".").collect();
    assert_eq!(members, table);
}

#[test]
fn the_rooms_of_the_books_stay_light() {
    for room in ["orderbook", "ingest", "engine"] {
        let used = dependencies(room);
        for heavy in HEAVY {
            assert!(!used.contains(heavy), "{room} may not use {heavy}");
        }
    }
}

#[test]
fn the_lock_file_holds_one_version_of_what_must_be_one() {
    let lock: toml::Table = include_str!("../Cargo.lock").parse().unwrap();
    let packages = lock["package"].as_array().unwrap();
    for name in ["arrow", "arrow-array", "datafusion", "iceberg", "parquet", "sqlx"] {
        let versions: Vec<_> = packages
            .iter()
            .filter(|package| package["name"].as_str() == Some(name))
            .map(|p| &p["version"])
            .collect();
        assert!(versions.len() <= 1, "{name} has the versions {versions:?}");
    }
}
