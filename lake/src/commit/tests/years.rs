//! Many commits with the care of the tables on: everything that a query or a commit goes through stays bounded.

use std::time::Duration;

use super::super::*;
use super::Place;
use super::changing::{TABLE, add, numbers_of};
use crate::maintenance::Maintenance;
use crate::runs::Job;

const COMMITS: i64 = 200;
const ROWS: i64 = 100;

fn care() -> Maintenance {
    Maintenance {
        compaction: CompactionRules { fewest_files: 4, ..CompactionRules::default() },
        snapshots: SnapshotRetention {
            keep_for: Duration::ZERO,
            fewest: 5,
            most: 20,
            grace: Duration::from_mins(1),
        },
        ..Maintenance::default()
    }
}

/// Reads all rows, again and again, and finds at least those it found before.
async fn read_until(reader: Lake, stop: tokio::sync::watch::Receiver<bool>) -> usize {
    let (mut rounds, mut before) = (0, 0);
    while !*stop.borrow() {
        let mut rows = 0;
        for file in reader.data_files(TABLE).await.unwrap().files {
            rows += numbers_of(&reader.read_rows(&file, TABLE).await.unwrap()).len();
        }
        assert!(rows >= before, "{before} rows, then {rows}");
        (rounds, before) = (rounds + 1, rows);
    }
    rounds
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_small_commits_leave_a_small_table() {
    let place = Place::new();
    let lake = place.open().await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let reading = tokio::spawn(read_until(place.open().await, stopped.clone()));
    let caring = tokio::spawn(care().run(lake.clone(), Duration::from_millis(100), stopped));
    let mut most_files = 0;
    for commit in 0..COMMITS {
        add(&lake, commit * ROWS..(commit + 1) * ROWS).await;
        most_files = most_files.max(lake.data_files(TABLE).await.unwrap().files.len());
    }
    let rounds = async || {
        loop {
            let rounds = lake.runs().of(Job::Maintenance);
            if rounds.total.get("files_merged").is_some_and(|&files| files > 0) {
                return rounds;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let rounds = tokio::time::timeout(Duration::from_mins(5), rounds()).await.unwrap();
    assert!(rounds.total["files_merged"] > rounds.total["into_files"], "{rounds:?}");
    assert!(rounds.last.is_some() && rounds.failed == 0, "{rounds:?}");
    stop.send_replace(true);
    assert!(reading.await.unwrap() > 0);
    caring.await.unwrap();
    care().care(&lake, TABLE).await.unwrap();

    let mut numbers = Vec::new();
    let contents = lake.data_files(TABLE).await.unwrap();
    for file in &contents.files {
        numbers.extend(numbers_of(&lake.read_rows(file, TABLE).await.unwrap()));
    }
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..COMMITS * ROWS));
    // Two days, each with less than a bin of small files, and a merged one of each class.
    assert!(contents.files.len() <= 12, "{} files", contents.files.len());
    assert!(most_files < 200, "{most_files} files at some time");

    let version = lake.inner.version(TABLE, &lake.inner.catalog.pointers().await.unwrap()).await.unwrap();
    let snapshots = version.metadata.snapshots().len();
    assert!(snapshots <= 20, "{snapshots} snapshots");
    let size = std::fs::metadata(crate::storage::path_of(&version.location)).unwrap().len();
    assert!(size < 64 << 10, "metadata of {size} bytes");
    let current = version.metadata.current_snapshot().unwrap();
    let manifests =
        manifest::manifests_of(&lake.inner.file_io, &version.metadata, current).await.unwrap().len();
    assert!(manifests <= lake.inner.upkeep.manifests_before_merge + 1, "{manifests} manifests");
}
