//! The bench of SQL works, and gives what `DuckDB` gives on the same tables.

use std::env;
use std::path::Path;
use std::process::Command;

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

fn bench(task: &str, folder: &Path, options: &[&str]) -> String {
    output(Command::new(env!("CARGO_BIN_EXE_sql_bench")).arg(task).arg(folder).args(options))
}

/// The title of each query, and how many rows it gave.
fn counts(table: &str) -> Vec<(String, String)> {
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let rows = table.lines().filter(|line| line.starts_with('|')).skip(2).map(cells);
    rows.map(|cells| (cells[1].clone(), cells[2].clone())).collect()
}

#[test]
fn queries_give_as_many_rows_as_duckdb_gives() {
    let folder = tempfile::tempdir().unwrap();
    let tables = folder.path().join("tables");
    let made = bench("make", &tables, &["--rows", "20000", "--days", "1"]);
    assert!(made.contains("normalized.book_ticker: 20000 rows"), "{made}");
    let ours = counts(&bench("run", &tables, &["--repeat", "1"]));
    assert_eq!(ours.len(), 5);
    let [last_hour, .., by_symbol, all] = &ours[..] else { panic!("{ours:?}") };
    assert_eq!([&last_hour.1, &by_symbol.1, &all.1], ["60", "50", "1"]);
    let Some(python) = env::var_os("DEPTHLAKE_PYTHON") else {
        eprintln!("SKIPPED: DuckDB beside it, for DEPTHLAKE_PYTHON is not set");
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/duckdb_reader.py");
    let duckdb = output(Command::new(python).arg(script).arg(&tables).args(["--repeat", "1"]));
    assert_eq!(ours, counts(&duckdb));
}

#[test]
fn a_row_is_seen_while_a_sink_commits() {
    let folder = tempfile::tempdir().unwrap();
    let told = bench("visibility", &folder.path().join("lake"), &["--frames", "30"]);
    assert!(told.contains("30 rows"), "{told}");
}
