//! Compaction, expiry, retention and orphans: the rows stay, and nothing else does.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use tokio::runtime::Runtime;

use super::super::samples::{self, AUGUST_8, DAY};
use super::super::snapshot::now;
use super::super::*;
use super::changing::{TABLE, add, all_numbers, numbers_of};
use super::{Place, append, position, read_by_other_engines};
use crate::storage::path_of;
use crate::warehouse::ListedFile;

const AT_ONCE: SnapshotRetention =
    SnapshotRetention { keep_for: Duration::ZERO, fewest: 1, most: 100, grace: Duration::ZERO };

/// Rows of time and symbol, numbered in the order given, as one append.
async fn add_rows(lake: &Lake, rows: &[(Option<String>, i64)], first: i64) {
    let numbered: Vec<_> =
        rows.iter().zip(first..).map(|((symbol, time), number)| (symbol.clone(), *time, number)).collect();
    lake.change(vec![TableChange::append(TABLE, vec![samples::raw_trades(&numbered)], vec![])])
        .await
        .unwrap();
}

/// The files of the table on the disk, and those that the current version needs.
async fn on_disk_and_needed(place: &Place, lake: &Lake) -> (BTreeSet<String>, BTreeSet<String>) {
    let folder = place.warehouse().join("raw/trades");
    let files = place.files().into_iter().filter(|file| file.starts_with(&folder));
    let on_disk = files.map(|file| crate::storage::location_of(&file).unwrap()).collect();
    let version = lake.inner.version(TABLE, &lake.inner.catalog.pointers().await.unwrap()).await.unwrap();
    let mut needed = BTreeSet::from([version.location.clone()]);
    needed.extend(version.metadata.metadata_log().iter().map(|log| log.metadata_file.clone()));
    for snapshot in version.metadata.snapshots() {
        needed.insert(snapshot.manifest_list().to_owned());
        let manifests =
            manifest::manifests_of(&lake.inner.file_io, &version.metadata, snapshot).await.unwrap();
        needed.extend(manifests.into_iter().map(|manifest| manifest.manifest_path));
        let files = lake.inner.files_of(&version, snapshot).await.unwrap();
        needed.extend(files.into_iter().map(|file| file.location));
    }
    (on_disk, needed)
}

#[tokio::test]
async fn compaction_leaves_few_files_and_every_row() {
    let place = Place::new();
    let lake = place.open().await;
    append(&lake, 0, 3).await.unwrap();
    for number in 1..10 {
        add(&lake, number * 10..number * 10 + 4).await;
    }
    let before = all_numbers(&lake).await;
    assert_eq!(lake.data_files(TABLE).await.unwrap().files.len(), 19);
    let compacted = lake.compact(TABLE, &CompactionRules::default(), now()).await.unwrap();
    assert_eq!((compacted.files, compacted.into_files), (19, 2));

    assert_eq!(all_numbers(&lake).await, before);
    let contents = lake.data_files(TABLE).await.unwrap();
    assert!(contents.files.iter().all(|file| file.sorted && file.sequence == 10), "{:?}", contents.files);
    assert_eq!(position(&lake, TABLE).await, Some(3));
    assert_eq!(contents.properties["depthlake.offset.market.raw.trade.3"], "3");
    assert_eq!(lake.compact(TABLE, &CompactionRules::default(), now()).await.unwrap(), Compacted::default());
    read_by_other_engines(&place.catalog(), &[(TABLE, 39)]);
}

#[tokio::test]
async fn what_expires_goes_from_the_disk_and_nothing_else() {
    let place = Place::new();
    let lake = place.open().await;
    for number in 0..12 {
        add(&lake, number * 2..number * 2 + 2).await;
    }
    lake.compact(TABLE, &CompactionRules::default(), now()).await.unwrap();
    let expired = lake.expire(TABLE, &AT_ONCE).await.unwrap();
    // A snapshot replaced within this very millisecond may still count as current.
    assert!(expired.snapshots >= 11, "{expired:?}");
    let (on_disk, needed) = on_disk_and_needed(&place, &lake).await;
    assert_eq!(on_disk, needed);
    assert_eq!(all_numbers(&lake).await, (0..24).collect::<Vec<_>>());
    add(&lake, 24..30).await;
    assert_eq!(all_numbers(&lake).await, (0..30).collect::<Vec<_>>());
    read_by_other_engines(&place.catalog(), &[(TABLE, 30)]);
}

#[tokio::test]
async fn who_has_planned_before_still_finds_the_files() {
    let place = Place::new();
    let lake = place.open().await;
    for number in 0..10 {
        add(&lake, [number]).await;
    }
    let planned = lake.data_files(TABLE).await.unwrap().files;
    lake.compact(TABLE, &CompactionRules { fewest_files: 2, ..CompactionRules::default() }, now())
        .await
        .unwrap();
    let patient = SnapshotRetention { grace: Duration::from_mins(10), ..AT_ONCE };
    lake.expire(TABLE, &patient).await.unwrap();
    add(&lake, [10]).await;
    for file in &planned {
        assert_eq!(lake.read_rows(file, TABLE).await.unwrap().len(), 1);
    }
    // The grace over, they go with the next commit.
    let later = now().0 + 601_000_000_000;
    lake.inner.departing.note(Timestamp(0), lake.inner.departing.due(Timestamp(later)));
    add(&lake, [11]).await;
    assert!(planned.iter().all(|file| !path_of(&file.location).exists()));
    assert_eq!(all_numbers(&lake).await, (0..12).collect::<Vec<_>>());
}

#[tokio::test]
async fn snapshots_are_kept_by_age_and_number() {
    let place = Place::new();
    let lake = place.open().await;
    for number in 0..6 {
        add(&lake, [number]).await;
    }
    let young = SnapshotRetention { keep_for: Duration::from_hours(1), ..AT_ONCE };
    assert_eq!(lake.expire(TABLE, &young).await.unwrap(), Expired::default());
    tokio::time::sleep(Duration::from_millis(5)).await;
    let few = SnapshotRetention { fewest: 4, ..AT_ONCE };
    assert_eq!(lake.expire(TABLE, &few).await.unwrap().snapshots, 2);
    let most = SnapshotRetention { most: 3, ..young };
    assert_eq!(lake.expire(TABLE, &most).await.unwrap().snapshots, 1);
    assert_eq!(lake.snapshots(TABLE).await.unwrap().len(), 3);
}

#[tokio::test]
async fn orphans_are_found_by_age_and_nothing_else_is_taken_for_one() {
    let place = Place::new();
    let lake = place.open().await;
    add(&lake, 0..10).await;
    add(&lake, 10..20).await;
    let orphan = place.warehouse().join("raw/trades/data/received_at_day=2024-08-08/lost.parquet");
    std::fs::write(&orphan, b"half a file").unwrap();
    assert!(lake.orphans(TABLE, ORPHAN_AGE).await.unwrap().is_empty());
    tokio::time::sleep(Duration::from_millis(20)).await;
    let orphans = lake.orphans(TABLE, Duration::ZERO).await.unwrap();
    assert_eq!(
        orphans.iter().map(|file| path_of(&file.location)).collect::<Vec<_>>(),
        std::slice::from_ref(&orphan)
    );
    assert_eq!(lake.remove_orphans(orphans).await, []);
    assert!(!orphan.exists());
    assert_eq!(all_numbers(&lake).await, (0..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn orphans_that_cannot_be_removed_are_told() {
    let place = Place::new();
    let lake = place.open().await;
    // A folder cannot be removed as a file.
    let stays = place.warehouse().join("raw/trades/data/a-folder");
    let goes = place.warehouse().join("raw/trades/data/lost.parquet");
    std::fs::create_dir_all(&stays).unwrap();
    std::fs::write(&goes, b"half a file").unwrap();
    let [one, other] = [&stays, &goes].map(|path| ListedFile {
        location: format!("file://{}", path.display()),
        bytes: 0,
        written_at: None,
    });
    let staying = lake.remove_orphans(vec![one, other]).await;
    assert_eq!(staying.len(), 1, "{staying:?}");
    assert!(staying[0].location.ends_with("a-folder") && !staying[0].reason.is_empty(), "{staying:?}");
    assert!(stays.exists() && !goes.exists());
}

#[tokio::test]
async fn old_days_are_let_go_and_do_not_come_again() {
    let place = Place::new();
    let lake = place.open().await;
    lake.change(vec![TableChange {
        positions: vec![samples::range(0, 10)],
        ..TableChange::append(TABLE, vec![super::changing::numbered(0..10)], vec![])
    }])
    .await
    .unwrap();
    let second_day = Timestamp((AUGUST_8 + DAY) * 1_000);
    assert_eq!(lake.retain(TABLE, 2, second_day).await.unwrap(), LetGo::default());
    assert_eq!(lake.retain(TABLE, 1, second_day).await.unwrap(), LetGo { files: 1, rows: 5 });
    assert_eq!(all_numbers(&lake).await, [1, 3, 5, 7, 9]);
    assert_eq!(position(&lake, TABLE).await, Some(10));
    let contents = lake.data_files(TABLE).await.unwrap();
    assert_eq!(contents.properties[RETAINED_FROM], (AUGUST_8 / DAY + 1).to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn care_never_stops_a_sink_of_another_process_nor_a_reader() {
    let place = Place::new();
    let (appender, carer, reader) = (place.open().await, place.open().await, place.open().await);
    append(&appender, 0, 2).await.unwrap();
    let appending = tokio::spawn(async move {
        for start in 1..60 {
            append(&appender, start * 2, start * 2 + 2).await.unwrap();
        }
    });
    let rules = CompactionRules { fewest_files: 2, ..CompactionRules::default() };
    let patient = SnapshotRetention { grace: Duration::from_mins(1), ..AT_ONCE };
    let caring = tokio::spawn(async move {
        let mut compacted = 0;
        loop {
            compacted += carer.compact(TABLE, &rules, now()).await.unwrap().files;
            carer.expire(TABLE, &patient).await.unwrap();
            if appending.is_finished() {
                appending.await.unwrap();
                return compacted;
            }
        }
    });
    let mut before = 0;
    while !caring.is_finished() {
        let mut rows = 0;
        for file in reader.data_files(TABLE).await.unwrap().files {
            rows += numbers_of(&reader.read_rows(&file, TABLE).await.unwrap()).len();
        }
        assert!(rows >= before && rows % 2 == 0, "{before} rows, then {rows}");
        before = rows;
    }
    assert!(caring.await.unwrap() > 0);
    assert_eq!(all_numbers(&reader).await.len(), 120);
    assert_eq!(position(&reader, TABLE).await, Some(120));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn merged_rows_are_those_of_a_stable_sort(
        commits in prop::collection::vec(
            prop::collection::vec((prop::option::of("[AB]{0,2}"), 0..50_i64), 1..40), 2..8),
    ) {
        Runtime::new().unwrap().block_on(async {
            let place = Place::new();
            let lake = place.open().await;
            let mut all = Vec::new();
            for rows in &commits {
                let rows: Vec<_> = rows.iter().map(|(symbol, time)| (symbol.clone(), AUGUST_8 + time)).collect();
                let first = i64::try_from(all.len()).unwrap();
                add_rows(&lake, &rows, first).await;
                all.extend(rows.into_iter().zip(first..));
            }
            all.sort_by(|(one, _), (other, _)| one.cmp(other));
            lake.compact_whole(TABLE, 1 << 30).await.unwrap();
            let files = lake.data_files(TABLE).await.unwrap().files;
            assert_eq!(files.len(), 1);
            let numbers = numbers_of(&lake.read_rows(&files[0], TABLE).await.unwrap());
            assert_eq!(numbers, all.into_iter().map(|(_, number)| number).collect::<Vec<_>>());
        });
    }
}
