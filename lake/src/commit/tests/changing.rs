//! Changes that remove files: what the table holds after them, what its snapshots say, and what a race does to them.

use std::collections::BTreeMap;
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use iceberg::spec::Operation;
use proptest::prelude::*;
use tokio::runtime::Runtime;

use super::super::samples::{self, AUGUST_8, DAY};
use super::super::*;
use super::{Place, append, position, read_by_other_engines};

pub(super) const TABLE: Table = Table::RawTrades;

/// Rows with these numbers, some on one day and some on the next.
pub(super) fn numbered(numbers: impl IntoIterator<Item = i64>) -> RecordBatch {
    let row =
        |number: i64| (Some(format!("S{}", number % 3)), AUGUST_8 + (number % 2) * DAY + number, number);
    samples::raw_trades(&numbers.into_iter().map(row).collect::<Vec<_>>())
}

pub(super) fn numbers_of(batches: &[RecordBatch]) -> Vec<i64> {
    let column = |batch: &RecordBatch| {
        batch.column_by_name("offset").unwrap().as_primitive::<Int64Type>().values().to_vec()
    };
    batches.iter().flat_map(column).collect()
}

/// The numbers of each live file, as they are read.
async fn files_with_numbers(lake: &Lake) -> Vec<(StoredFile, Vec<i64>)> {
    let mut found = Vec::new();
    for file in lake.data_files(TABLE).await.unwrap().files {
        let numbers = numbers_of(&lake.read_rows(&file, TABLE).await.unwrap());
        assert_eq!(numbers.len() as u64, file.rows);
        found.push((file, numbers));
    }
    found
}

pub(super) async fn all_numbers(lake: &Lake) -> Vec<i64> {
    let files = files_with_numbers(lake).await;
    let mut numbers: Vec<_> = files.into_iter().flat_map(|(_, numbers)| numbers).collect();
    numbers.sort_unstable();
    numbers
}

pub(super) async fn add(lake: &Lake, numbers: impl IntoIterator<Item = i64>) {
    lake.change(vec![TableChange::append(TABLE, vec![numbered(numbers)], vec![])]).await.unwrap();
}

/// The same rows in files of their own.
async fn replacement(lake: &Lake, files: &[StoredFile]) -> TableChange {
    let mut rows = Vec::new();
    for file in files {
        rows.extend(lake.read_rows(file, TABLE).await.unwrap());
    }
    TableChange { kind: ChangeKind::Replace, ..TableChange::overwrite(TABLE, files.to_vec(), rows) }
}

async fn version(lake: &Lake) -> Arc<TableVersion> {
    lake.inner.version(TABLE, &lake.inner.catalog.pointers().await.unwrap()).await.unwrap()
}

async fn operation_and_summary(lake: &Lake) -> (Operation, HashMap<String, String>) {
    let summary = version(lake).await.metadata.current_snapshot().unwrap().summary().clone();
    (summary.operation, summary.additional_properties)
}

fn assert_summary(summary: &HashMap<String, String>, expected: &[(&str, &str)]) {
    for (key, value) in expected {
        assert_eq!(summary.get(*key).map(String::as_str), Some(*value), "{key} of {summary:?}");
    }
}

#[tokio::test]
async fn an_overwrite_puts_rows_in_the_place_of_others() {
    let place = Place::new();
    let lake = place.open().await;
    append(&lake, 0, 4).await.unwrap();
    add(&lake, 100..110).await;
    let files = files_with_numbers(&lake).await;
    let (removed, gone) = files.iter().find(|(_, numbers)| numbers.contains(&101)).unwrap();
    let change = TableChange::overwrite(TABLE, vec![removed.clone()], vec![numbered(200..203)]);
    let Changed::Committed(snapshots) = lake.change(vec![change.clone()]).await.unwrap() else { panic!() };
    assert_eq!((snapshots[0].rows, snapshots[0].files, snapshots[0].removed_files), (3, 2, 1));

    let mut expected: Vec<_> =
        (0..4).chain(100..110).filter(|number| !gone.contains(number)).chain(200..203).collect();
    expected.sort_unstable();
    assert_eq!(all_numbers(&lake).await, expected);
    let (operation, summary) = operation_and_summary(&lake).await;
    assert_eq!(operation, Operation::Overwrite);
    assert_summary(
        &summary,
        &[
            ("added-records", "3"),
            ("deleted-records", "5"),
            ("deleted-data-files", "1"),
            ("total-records", "12"),
            ("total-data-files", "4"),
            ("depthlake.offset.market.raw.trade.3", "4"),
        ],
    );
    assert_eq!(position(&lake, TABLE).await, Some(4));

    let before = place.files();
    let error = lake.change(vec![change]).await.unwrap_err();
    assert!(
        matches!(&error, CommitError::FilesGone { location, .. } if *location == removed.location),
        "{error}"
    );
    assert_eq!(place.files(), before);
    read_by_other_engines(&place.catalog(), &[(TABLE, 12)]);
}

#[tokio::test]
async fn a_replacement_keeps_rows_sequence_positions_and_properties() {
    let place = Place::new();
    let lake = place.open().await;
    let marked = BTreeMap::from([("depthlake.mark".to_owned(), "here".to_owned())]);
    let first = TableChange { properties: marked.clone(), ..samples::append(TABLE, 0, 3) };
    lake.change(vec![first]).await.unwrap();
    append(&lake, 3, 6).await.unwrap();
    append(&lake, 6, 9).await.unwrap();
    let before = lake.data_files(TABLE).await.unwrap();
    let oldest: Vec<_> = before.files.iter().filter(|file| file.sequence < 3).cloned().collect();
    let numbers = all_numbers(&lake).await;
    lake.change(vec![replacement(&lake, &oldest).await]).await.unwrap();

    assert_eq!(all_numbers(&lake).await, numbers);
    let after = lake.data_files(TABLE).await.unwrap();
    let mut sequences: Vec<_> = after.files.iter().map(|file| file.sequence).collect();
    sequences.sort_unstable();
    assert_eq!((sequences, after.sequence), (vec![2, 3], 4));
    assert_eq!(after.positions, before.positions);
    assert_eq!(
        (after.properties.get("depthlake.mark"), after.properties.len()),
        (Some(&"here".to_owned()), 2)
    );
    let (operation, summary) = operation_and_summary(&lake).await;
    assert_eq!(operation, Operation::Replace);
    assert_summary(
        &summary,
        &[("deleted-data-files", "2"), ("added-data-files", "1"), ("total-data-files", "2")],
    );
    assert_summary(&summary, &[("deleted-records", "6"), ("added-records", "6"), ("total-records", "9")]);

    // What another process reads, and what comes after.
    let other = place.open().await;
    assert_eq!(other.data_files(TABLE).await.unwrap().files, after.files);
    append(&other, 9, 10).await.unwrap();
    assert_eq!(lake.data_files(TABLE).await.unwrap().properties["depthlake.mark"], "here");
    read_by_other_engines(&place.catalog(), &[(TABLE, 10)]);
}

#[tokio::test]
async fn files_can_be_removed_and_properties_told_without_rows() {
    let place = Place::new();
    let lake = place.open().await;
    add(&lake, 0..10).await;
    let removed = lake.data_files(TABLE).await.unwrap().files;
    lake.change(vec![TableChange::overwrite(TABLE, removed, vec![])]).await.unwrap();
    let (operation, summary) = operation_and_summary(&lake).await;
    assert_eq!(operation, Operation::Delete);
    assert_summary(&summary, &[("total-records", "0"), ("total-data-files", "0"), ("total-files-size", "0")]);
    read_by_other_engines(&place.catalog(), &[(TABLE, 0)]);

    let properties = BTreeMap::from([("depthlake.build".to_owned(), "7".to_owned())]);
    let only = TableChange { properties: properties.clone(), ..TableChange::append(TABLE, vec![], vec![]) };
    lake.change(vec![only]).await.unwrap();
    add(&lake, 20..22).await;
    let contents = lake.data_files(TABLE).await.unwrap();
    assert_eq!((contents.properties, contents.sequence), (properties, 4));
    assert_eq!(all_numbers(&lake).await, [20, 21]);
    read_by_other_engines(&place.catalog(), &[(TABLE, 2)]);
}

#[tokio::test]
async fn files_tell_what_readers_prune_by() {
    let place = Place::new();
    let lake = place.open().await;
    add(&lake, 0..10).await;
    let mut files = lake.data_files(TABLE).await.unwrap().files;
    files.sort_by_key(|file| file.day);
    let days: Vec<_> = files.iter().map(|file| i64::from(file.day)).collect();
    assert_eq!(days, [AUGUST_8 / DAY, AUGUST_8 / DAY + 1]);
    let times: Vec<_> = files.iter().filter_map(|file| file.times).collect();
    assert_eq!(times[0], Bounds { least: AUGUST_8, greatest: AUGUST_8 + 8 });
    assert_eq!(times[1], Bounds { least: AUGUST_8 + DAY + 1, greatest: AUGUST_8 + DAY + 9 });
    let symbols = Bounds { least: "S0".to_owned(), greatest: "S2".to_owned() };
    assert!(files.iter().all(|file| file.symbols.as_ref() == Some(&symbols) && file.sorted));
}

#[tokio::test]
async fn changes_that_contradict_themselves_are_refused() {
    let place = Place::new();
    let lake = place.open().await;
    add(&lake, 0..10).await;
    let files = lake.data_files(TABLE).await.unwrap().files;
    let whole = replacement(&lake, &files).await;
    let named = |name: &str| BTreeMap::from([(name.to_owned(), String::new())]);
    let before = place.files();
    for wrong in [
        TableChange { kind: ChangeKind::Append, ..whole.clone() },
        TableChange { added: vec![numbered(0..9)], ..whole.clone() },
        TableChange { properties: named("other.property"), ..whole.clone() },
        TableChange { properties: named("depthlake.offset.market.raw.trade.3"), ..whole.clone() },
    ] {
        let error = lake.change(vec![wrong]).await.unwrap_err();
        assert!(matches!(error, CommitError::Malformed { table: TABLE, .. }), "{error}");
    }
    let error = lake.change(vec![whole.clone(), whole]).await.unwrap_err();
    assert!(matches!(error, CommitError::Malformed { .. }), "{error}");
    assert_eq!(place.files(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replacements_go_through_while_another_process_appends() {
    let place = Place::new();
    let (appender, changer) = (place.open().await, place.open().await);
    append(&appender, 0, 2).await.unwrap();
    let appending = tokio::spawn(async move {
        for start in 1..40 {
            append(&appender, start * 2, start * 2 + 2).await.unwrap();
        }
    });
    let (mut replaced, mut overwritten) = (0, 0);
    while !appending.is_finished() {
        let files = changer.data_files(TABLE).await.unwrap().files;
        changer.change(vec![replacement(&changer, &files).await]).await.unwrap();
        replaced += 1;
        if let Some(first) = changer.data_files(TABLE).await.unwrap().files.first() {
            let again = changer.read_rows(first, TABLE).await.unwrap();
            changer.change(vec![TableChange::overwrite(TABLE, vec![first.clone()], again)]).await.unwrap();
            overwritten += 1;
        }
    }
    appending.await.unwrap();
    assert!(replaced > 0 && overwritten > 0);
    // The rows of each append are numbered from 0.
    let expected: Vec<_> = (0..40).map(|_| 0).chain((0..40).map(|_| 1)).collect();
    assert_eq!(all_numbers(&changer).await, expected);
    assert_eq!(position(&changer, TABLE).await, Some(80));
}

#[derive(Debug, Clone)]
enum Step {
    Append { rows: i64 },
    Overwrite { files: Vec<prop::sample::Index>, rows: i64 },
    Replace { files: Vec<prop::sample::Index> },
    Compact,
    Expire,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let files = || prop::collection::vec(any::<prop::sample::Index>(), 1..4);
    prop_oneof![
        4 => (1..6_i64).prop_map(|rows| Step::Append { rows }),
        2 => (files(), 0..4_i64).prop_map(|(files, rows)| Step::Overwrite { files, rows }),
        2 => files().prop_map(|files| Step::Replace { files }),
        1 => Just(Step::Compact),
        1 => Just(Step::Expire),
        1 => Just(Step::Reopen),
    ]
}

/// Chooses some of the live files, each once.
fn chosen(indices: &[prop::sample::Index], files: &[(StoredFile, Vec<i64>)]) -> Vec<(StoredFile, Vec<i64>)> {
    let mut chosen: Vec<(StoredFile, Vec<i64>)> = Vec::new();
    for index in indices.iter().filter(|_| !files.is_empty()) {
        let one = index.get(files);
        if !chosen.contains(one) {
            chosen.push(one.clone());
        }
    }
    chosen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_sequence_of_changes_leaves_the_rows_of_a_list(steps in prop::collection::vec(step(), 1..25)) {
        Runtime::new().unwrap().block_on(async {
            let place = Place::new();
            let upkeep = Upkeep { manifests_before_merge: 3, snapshots: SnapshotRetention { most: 6, grace: Duration::ZERO, ..SnapshotRetention::default() } };
            let address = LakeAddress::local(&place.catalog(), &place.warehouse());
            let open = || async { Lake::open_with(&address, upkeep).await.unwrap() };
            let mut lake = open().await;
            let (mut model, mut next): (Vec<i64>, i64) = (Vec::new(), 0);
            for step in steps {
                let files = files_with_numbers(&lake).await;
                match step {
                    Step::Append { rows } => {
                        add(&lake, next..next + rows).await;
                        model.extend(next..next + rows);
                        next += rows;
                    }
                    Step::Overwrite { files: indices, rows } => {
                        let chosen = chosen(&indices, &files);
                        let removed = chosen.iter().map(|(file, _)| file.clone()).collect();
                        let change = TableChange::overwrite(TABLE, removed, vec![numbered(next..next + rows)]);
                        lake.change(vec![change]).await.unwrap();
                        model.retain(|number| chosen.iter().all(|(_, gone)| !gone.contains(number)));
                        model.extend(next..next + rows);
                        next += rows;
                    }
                    Step::Replace { files: indices } => {
                        let chosen: Vec<_> = chosen(&indices, &files).into_iter().map(|(file, _)| file).collect();
                        lake.change(vec![replacement(&lake, &chosen).await]).await.unwrap();
                    }
                    Step::Compact => _ = lake.compact_whole(TABLE, 1 << 20).await.unwrap(),
                    Step::Expire => _ = lake.expire(TABLE, &upkeep.snapshots).await.unwrap(),
                    Step::Reopen => lake = open().await,
                }
                model.sort_unstable();
                assert_eq!(all_numbers(&lake).await, model);
                let status = lake.tables().await.unwrap().into_iter().find(|of| of.table == TABLE).unwrap();
                let live = lake.data_files(TABLE).await.unwrap().files;
                let bytes: u64 = live.iter().map(|file| file.bytes).sum();
                assert_eq!((status.rows, status.files, status.bytes), (model.len() as u64, live.len() as u64, bytes));
            }
            let version = version(&lake).await;
            for snapshot in version.metadata.snapshots() {
                lake.inner.files_of(&version, snapshot).await.unwrap();
            }
        });
    }
}
