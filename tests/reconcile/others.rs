//! What other engines do to the tables.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;

use depthlake_lake::table::Table;

use super::support::{finish, succeed, text};
use super::{counts, damage, lake_of_a_recording, open};

/// Changes columns as another engine may; `false` where there is no Python for it.
fn change_columns(folder: &Path) -> bool {
    let Some(python) = std::env::var_os("DEPTHLAKE_PYTHON") else {
        eprintln!("SKIPPED: DEPTHLAKE_PYTHON names no Python with PyIceberg, which changes the columns");
        return false;
    };
    let script = "import sys; from pyiceberg.catalog.sql import SqlCatalog; from pyiceberg.types import StringType\n\
        catalog = SqlCatalog('depthlake', uri='sqlite:///' + sys.argv[1])\n\
        with catalog.load_table('normalized.trades').update_schema() as update: update.add_column('desk', StringType())\n\
        with catalog.load_table('ops.feed_events').update_schema() as update: update.delete_column('lost_updates')\n\
        with catalog.load_table('normalized.book_ticker').update_schema() as update: update.rename_column('mid', 'middle')";
    run_on_catalog(&python, folder, script);
    true
}

fn run_on_catalog(python: &OsStr, folder: &Path, script: &str) {
    let catalog = folder.join("data/lake/catalog.db");
    let output = Command::new(python).args(["-c", script]).arg(catalog).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// The rows of two tables written again by another engine.
fn rewrite(folder: &Path) -> bool {
    let has_writer = |python: &OsString| {
        let mut python = Command::new(python);
        python.args(["-c", "import pyiceberg_core"]).output().is_ok_and(|output| output.status.success())
    };
    let Some(python) = std::env::var_os("DEPTHLAKE_PYTHON").filter(has_writer) else {
        eprintln!(
            "SKIPPED: DEPTHLAKE_PYTHON names no Python with pyiceberg-core, which writes the rows again"
        );
        return false;
    };
    let script = "import sys; from pyiceberg.catalog.sql import SqlCatalog\n\
        catalog = SqlCatalog('depthlake', uri='sqlite:///' + sys.argv[1])\n\
        for name in ('normalized.trades', 'normalized.book_ticker'):\n    \
            table = catalog.load_table(name); table.overwrite(table.scan().to_arrow())";
    run_on_catalog(&python, folder, script);
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_another_engine_are_compared_and_put_right() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    lake_of_a_recording(folder);
    if !rewrite(folder) {
        return;
    }
    succeed(folder, &["reconcile", "--data", "data", "--layer", "normalized"]);
    let before = counts(folder);
    damage(folder, Table::Trades, |rows| vec![rows.slice(1, rows.num_rows() - 1)]).await;
    succeed(folder, &["reconcile", "--data", "data", "--layer", "normalized", "--repair"]);
    assert_eq!(counts(folder), before);
}

#[test]
fn columns_that_others_changed_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    lake_of_a_recording(folder);
    if !change_columns(folder) {
        return;
    }
    let output = finish(folder, &["reconcile", "--data", "data", "--layer", "normalized"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let told = text(&output.stdout);
    for line in [
        "SCHEMA_DRIFT normalized.trades desk: this column was added (optional string instead of null)",
        "SCHEMA_DRIFT ops.feed_events lost_updates: this column was removed (null instead of optional long)",
        "SCHEMA_DRIFT normalized.book_ticker mid: this column was removed (null instead of required double)",
        "SCHEMA_DRIFT normalized.book_ticker middle: this column was added (required double instead of null)",
    ] {
        assert!(told.contains(line), "{told}");
    }
}

/// Lets PyIceberg commit to a mart; `false` where there is no Python for it.
fn commit_elsewhere(folder: &Path, change: &str) -> bool {
    let Some(python) = std::env::var_os("DEPTHLAKE_PYTHON") else {
        eprintln!("SKIPPED: DEPTHLAKE_PYTHON names no Python with PyIceberg, which commits to a mart");
        return false;
    };
    let script = format!(
        "import sys; from pyiceberg.catalog.sql import SqlCatalog\n\
        catalog = SqlCatalog('depthlake', uri='sqlite:///' + sys.argv[1])\n\
        table = catalog.load_table('marts.mart_ohlcv')\n\
        rows = table.scan().to_arrow()\n{change}"
    );
    run_on_catalog(&python, folder, &script);
    true
}

/// The mart's current snapshot.
async fn snapshot_of_mart(folder: &Path) -> Option<i64> {
    open(folder).await.data_files(Table::MartOhlcv).await.unwrap().snapshot_id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mart_to_which_another_engine_has_committed_is_compared_and_not_built_anew() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    lake_of_a_recording(folder);
    succeed(folder, &["reconcile", "--data", "data"]);
    if !commit_elsewhere(folder, "table.overwrite(rows)") {
        return;
    }
    let theirs = snapshot_of_mart(folder).await;
    succeed(folder, &["reconcile", "--data", "data"]);
    assert_eq!(snapshot_of_mart(folder).await, theirs, "a check writes nothing");

    commit_elsewhere(folder, "table.overwrite(rows.slice(1))");
    let theirs = snapshot_of_mart(folder).await;
    let output = finish(folder, &["reconcile", "--data", "data"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("MISSING marts.mart_ohlcv symbol="), "{}", text(&output.stdout));
    assert_eq!(snapshot_of_mart(folder).await, theirs);
    succeed(folder, &["reconcile", "--data", "data", "--repair"]);
    succeed(folder, &["reconcile", "--data", "data"]);

    // Nothing that is kept tells any more what the mart was built of.
    let forget = "table.overwrite(rows); table = catalog.load_table('marts.mart_ohlcv')\n\
        old = [one.snapshot_id for one in table.snapshots() if one.snapshot_id != table.current_snapshot().snapshot_id]\n\
        ours = [one.snapshot_id for one in table.snapshots() if any(key.startswith('depthlake.') for key in one.summary.additional_properties)]\n\
        table.maintenance.expire_snapshots().by_ids([one for one in old if one in ours]).commit()";
    commit_elsewhere(folder, forget);
    let theirs = snapshot_of_mart(folder).await;
    let output = finish(folder, &["reconcile", "--data", "data"]);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stderr).contains("build --full-refresh mart_ohlcv"), "{}", text(&output.stderr));
    assert_eq!(snapshot_of_mart(folder).await, theirs);
    succeed(folder, &["build", "--data", "data", "--full-refresh", "mart_ohlcv"]);
    let output = finish(folder, &["reconcile", "--data", "data"]);
    assert!(output.status.success() && !text(&output.stderr).contains("full-refresh"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_others_added_hinders_nothing_and_can_be_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    lake_of_a_recording(folder);
    let add = "for name in ('normalized.trades', 'marts.mart_ohlcv'):\n    \
        with catalog.load_table(name).update_schema() as update: update.add_column('desk', __import__('pyiceberg.types').types.StringType())";
    if !commit_elsewhere(folder, add) {
        return;
    }
    let output = finish(folder, &["reconcile", "--data", "data"]);
    let (told, errors) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{told}{errors}");
    assert!(told.contains("SCHEMA_DRIFT normalized.trades desk: this column was added"), "{told}");
    assert!(errors.contains("--accept normalized.trades.desk"), "{errors}");
    let line = told.lines().find(|line| line.starts_with("normalized.trades")).unwrap();
    assert_ne!(line.split_whitespace().nth(1), Some("0"), "the rows are compared: {told}");

    let accepted = ["--accept", "normalized.trades.desk", "--accept", "marts.mart_ohlcv.desk"];
    let reconcile =
        |more: &[&str]| finish(folder, &[&["reconcile", "--data", "data"][..], &accepted, more].concat());
    let output = reconcile(&[]);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).contains("SCHEMA_DRIFT normalized.trades desk"), "it is told all the same");
    assert!(!text(&output.stderr).contains("--accept"), "{}", text(&output.stderr));
    let output = finish(folder, &["reconcile", "--data", "data", "--accept", "normalized.trades.desk"]);
    assert_eq!(output.status.code(), Some(1), "the other column is not accepted");

    // The sink and the marts go on.
    let run =
        ["run", "--data", "data", "--symbols", "SOLUSDT", "--rate", "3", "--duration", "4", "--no-serve"];
    succeed(folder, &run);
    succeed(folder, &["build", "--data", "data"]);
    let query = "SELECT count(*) > 0 FROM normalized.trades WHERE symbol = 'SOLUSDT'";
    let count = |query| succeed(folder, &["sql", "--data", "data", "--format", "csv", query]);
    assert_eq!(count(query).lines().last(), Some("true"));
    succeed(folder, &["build", "--data", "data", "--full-refresh", "mart_ohlcv"]);
    damage(folder, Table::Trades, |rows| vec![rows.slice(1, rows.num_rows() - 1)]).await;
    let output = reconcile(&["--layer", "normalized"]);
    assert_eq!(output.status.code(), Some(1), "a row that is missing is a break as ever");
    let output = reconcile(&["--layer", "normalized", "--repair"]);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(finish(folder, &["reconcile", "--data", "data", "--accept", "desk"]).status.code() != Some(0));
}
