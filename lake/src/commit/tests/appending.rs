//! Appends: exactly once, together, whatever happens in between.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use super::super::change::{AddedFile, WrittenChange};
use super::super::ledger::Ledger;
use super::super::samples::{self, AUGUST_8, DAY};
use super::super::snapshot::stage;
use super::super::*;
use super::{Place, append, assert_engines_agree, count_rows, position};

#[tokio::test]
async fn rows_are_split_by_day_and_tables_move_together() {
    let place = Place::new();
    let lake = place.open().await;
    let two_days = samples::rows(Table::RawTrades, 20, AUGUST_8 + DAY - 10_000_000);
    let raw = TableChange::append(Table::RawTrades, vec![two_days], vec![samples::range(0, 20)]);
    let Changed::Committed(snapshots) =
        lake.change(vec![raw, samples::append(Table::Trades, 0, 20)]).await.unwrap()
    else {
        panic!("nothing was there before")
    };
    assert_eq!(snapshots.iter().map(|snapshot| snapshot.files).collect::<Vec<_>>(), [2, 1]);
    let files = lake.data_files(Table::RawTrades).await.unwrap().files;
    let folders: BTreeSet<_> = files.iter().filter_map(|file| file.location.rsplit('/').nth(1)).collect();
    assert_eq!(folders, BTreeSet::from(["received_at_day=2024-08-08", "received_at_day=2024-08-09"]));
    assert_eq!(position(&lake, Table::Trades).await, Some(20));
}

#[tokio::test]
async fn a_range_without_rows_moves_only_the_position() {
    let place = Place::new();
    let lake = place.open().await;
    append(&lake, 0, 5).await.unwrap();
    let nothing = TableChange::append(Table::RawTrades, vec![], vec![samples::range(5, 9)]);
    assert_eq!(lake.change(vec![nothing.clone()]).await.unwrap(), Changed::Committed(vec![]));
    assert_eq!(lake.change(vec![nothing]).await.unwrap(), Changed::AlreadyCommitted);
    assert_eq!(position(&lake, Table::RawTrades).await, Some(9));
    assert_eq!(count_rows(&lake, Table::RawTrades).await, 5);
}

#[tokio::test]
async fn of_two_racing_writers_one_wins() {
    let place = Place::new();
    let (first, second) = (place.open().await, place.open().await);
    let mut end = 0;
    for _ in 0..8 {
        // The ends differ, so that the loser cannot take the winner's rows for its own.
        let (one, other) = tokio::join!(append(&first, end, end + 10), append(&second, end, end + 11));
        let (won, lost, length) = if one.is_ok() { (one, other, 10) } else { (other, one, 11) };
        assert!(matches!(won, Ok(Changed::Committed(_))), "{won:?}");
        let error = lost.unwrap_err();
        assert!(
            matches!(error, CommitError::Superseded { .. } | CommitError::PartialOverlap { .. }),
            "{error}"
        );
        end += length;
    }
    for lake in [&first, &second] {
        assert_eq!(position(lake, Table::RawTrades).await, Some(end));
        assert_eq!(count_rows(lake, Table::RawTrades).await, end);
    }
}

#[tokio::test]
async fn the_loser_of_a_race_leaves_no_files_and_a_free_table_can_still_move() {
    let place = Place::new();
    let (first, second) = (place.open().await, place.open().await);
    append(&first, 0, 10).await.unwrap();
    let before = place.files();
    let error = append(&second, 5, 15).await.unwrap_err();
    assert!(matches!(error, CommitError::PartialOverlap { committed: 10, .. }), "{error}");
    let error = append(&second, 11, 15).await.unwrap_err();
    assert!(matches!(error, CommitError::Superseded { start: 11, committed: 10, .. }), "{error}");
    assert_eq!(place.files(), before);

    // Another partition of the same table: the stale pointer is noticed and the commit prepared anew.
    let mut other = samples::append(Table::RawTrades, 0, 4);
    other.positions[0].partition = 4;
    let (one, two) = tokio::join!(append(&first, 10, 20), second.change(vec![other]));
    assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
    assert_eq!(count_rows(&first, Table::RawTrades).await, 24);
}

#[tokio::test]
async fn a_crash_before_the_commit_leaves_nothing_behind_but_orphans() {
    let place = Place::new();
    let lake = place.open().await;
    append(&lake, 0, 5).await.unwrap();
    let staged = {
        let (pointers, positions) = lake.inner.catalog.state().await.unwrap();
        let base = lake.inner.version(Table::RawTrades, &pointers).await.unwrap();
        let TableChange { table, added, removed, positions: ranges, kind, properties } =
            samples::append(Table::RawTrades, 5, 9);
        let days = rows::sorted_by_day(table, &added).unwrap();
        let (file_io, ledger) = (&lake.inner.file_io, Ledger::default());
        let added = data_file::write_data_files(file_io, &base, days, &ledger).await.unwrap();
        let added = added.into_iter().map(|file| AddedFile { file, sequence: None }).collect();
        let written = WrittenChange { table, added, removed, positions: ranges, kind, properties };
        stage(&lake.inner, &base, &written, &positions, &ledger).await.unwrap()
    };
    assert!(!lake.inner.took(&[staged], &[]).await.unwrap());
    drop(lake);

    let lake = place.open().await;
    assert_eq!(count_rows(&lake, Table::RawTrades).await, 5);
    append(&lake, 5, 9).await.unwrap();
    assert_eq!(count_rows(&lake, Table::RawTrades).await, 9);
}

#[tokio::test]
async fn a_lost_answer_is_found_by_asking_again() {
    let place = Place::new();
    append(&place.open().await, 0, 5).await.unwrap();
    let before = place.files();
    let lake = place.open().await;
    assert_eq!(append(&lake, 0, 5).await.unwrap(), Changed::AlreadyCommitted);
    assert_eq!(place.files(), before);
    assert_eq!(count_rows(&lake, Table::RawTrades).await, 5);
}

#[tokio::test]
async fn an_error_of_the_databases_commit_is_not_taken_for_success() {
    let place = Place::new();
    let lake = place.open().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(place.catalog());
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    // A deferred constraint is checked at COMMIT: the statements before it succeed.
    for statement in [
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        "CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)",
        "CREATE TRIGGER violate AFTER UPDATE ON iceberg_tables BEGIN INSERT INTO child VALUES (1); END",
    ] {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
    let error = append(&lake, 0, 5).await.unwrap_err();
    assert!(matches!(error, CommitError::Doubtful(_)), "{error}");
    assert_eq!(
        (count_rows(&lake, Table::RawTrades).await, position(&lake, Table::RawTrades).await),
        (0, None)
    );

    sqlx::query("DROP TRIGGER violate").execute(&pool).await.unwrap();
    append(&lake, 0, 5).await.unwrap();
    assert_eq!(count_rows(&lake, Table::RawTrades).await, 5);
}

#[tokio::test]
async fn rows_that_do_not_fit_change_nothing() {
    let place = Place::new();
    let lake = place.open().await;
    let before = place.files();
    let foreign = TableChange {
        added: vec![samples::rows(Table::Bars, 3, AUGUST_8)],
        ..samples::append(Table::RawTrades, 0, 3)
    };
    let error = lake.change(vec![samples::append(Table::Trades, 0, 3), foreign]).await.unwrap_err();
    assert!(matches!(error, CommitError::Malformed { table: Table::RawTrades, .. }), "{error}");
    assert_eq!(place.files(), before);
    assert!(lake.positions().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_warehouse_that_refuses_files_changes_nothing() {
    let place = Place::new();
    let lake = place.open().await;
    let obstacle = place.warehouse().join("raw/trades/data");
    fs::write(&obstacle, b"a file where a folder should be").unwrap();
    let before = place.files();
    let both = || vec![samples::append(Table::Trades, 0, 3), samples::append(Table::RawTrades, 0, 3)];
    let error = lake.change(both()).await.unwrap_err();
    assert!(matches!(error, CommitError::Lake(LakeError::Table { table: Table::RawTrades, .. })), "{error}");
    assert_eq!(place.files(), before);

    fs::remove_file(&obstacle).unwrap();
    lake.change(both()).await.unwrap();
    assert_eq!((count_rows(&lake, Table::Trades).await, count_rows(&lake, Table::RawTrades).await), (3, 3));
}

#[tokio::test]
async fn metadata_stays_bounded() {
    let place = Place::new();
    let upkeep = Upkeep {
        manifests_before_merge: 5,
        snapshots: SnapshotRetention { most: 8, grace: Duration::ZERO, ..SnapshotRetention::default() },
    };
    let lake =
        Lake::open_with(&LakeAddress::local(&place.catalog(), &place.warehouse()), upkeep).await.unwrap();
    for start in 0..40 {
        append(&lake, start, start + 1).await.unwrap();
    }
    assert_eq!(count_rows(&lake, Table::RawTrades).await, 40);
    let status =
        lake.tables().await.unwrap().into_iter().find(|status| status.table == Table::RawTrades).unwrap();
    assert_eq!((status.rows, status.files, status.snapshots), (40, 40, 8));

    let ours = place
        .files()
        .into_iter()
        .filter(|path| path.starts_with(place.warehouse().join("raw/trades/metadata")));
    let names: Vec<_> = ours.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    let count = |part: &str| names.iter().filter(|name| name.contains(part)).count();
    assert_eq!(count("metadata.json"), 21, "the current one and 20 before it");
    assert_eq!(count("snap-"), 8);
    assert!(count("manifest-") <= 8 + 6, "{names:?}");
    let version =
        lake.inner.version(Table::RawTrades, &lake.inner.catalog.pointers().await.unwrap()).await.unwrap();
    let (file_io, metadata) = (&lake.inner.file_io, &version.metadata);
    for snapshot in metadata.snapshots() {
        for manifest in manifest::manifests_of(file_io, metadata, snapshot).await.unwrap() {
            manifest::live_entries(file_io, &manifest).await.unwrap();
        }
    }
    assert_engines_agree(&place, &[(Table::RawTrades, 40)]);
}

#[tokio::test]
async fn other_engines_read_every_table() {
    let place = Place::new();
    let lake = place.open().await;
    for (start, end) in [(0, 7), (7, 50)] {
        let all = Table::ALL.map(|table| samples::append(table, start, end));
        lake.change(all.into()).await.unwrap();
    }
    assert_engines_agree(&place, &Table::ALL.map(|table| (table, 50)));
}
