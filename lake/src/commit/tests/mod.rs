//! Commits on real files: restarts, races, crashes, damage, and what other engines read.

mod appending;
mod caring;
mod changing;
mod evolving;
mod opening;
mod shared;
mod years;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tempfile::TempDir;

use super::samples::{self, TOPIC};
use super::*;

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn catalog(&self) -> PathBuf {
        self.folder.path().join("new/catalog.db")
    }

    fn warehouse(&self) -> PathBuf {
        self.folder.path().join("new/ware house")
    }

    async fn open(&self) -> Lake {
        Lake::open(&self.catalog(), &self.warehouse()).await.unwrap()
    }

    async fn open_error(&self) -> LakeError {
        Lake::open(&self.catalog(), &self.warehouse()).await.unwrap_err()
    }

    /// All files of the warehouse, by path.
    fn files(&self) -> BTreeSet<PathBuf> {
        let mut folders = vec![self.warehouse()];
        let mut files = BTreeSet::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                } else {
                    files.insert(entry.path());
                }
            }
        }
        files
    }
}

/// The rows of a table as its files have them.
async fn count_rows(lake: &Lake, table: Table) -> u64 {
    let mut count = 0;
    for file in lake.data_files(table).await.unwrap().files {
        let warehouse = lake.warehouse();
        assert_eq!(warehouse.size(&file.location).await.unwrap(), file.bytes);
        let bytes = warehouse.read(&file.location, 0..file.bytes).await.unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
        let rows = u64::try_from(reader.metadata().file_metadata().num_rows()).unwrap();
        assert_eq!(rows, file.rows);
        count += rows;
    }
    count
}

async fn position(lake: &Lake, table: Table) -> Option<u64> {
    let of = PartitionOfTable { table, topic: TOPIC.to_owned(), partition: 3 };
    lake.positions().await.unwrap().get(&of).copied()
}

async fn append(lake: &Lake, start: u64, end: u64) -> Result<Changed, CommitError> {
    lake.change(vec![samples::append(Table::RawTrades, start, end)]).await
}

/// Has `PyIceberg` and `DuckDB` read the lake, where they are installed.
fn assert_engines_agree(place: &Place, expected: &[(Table, u64)]) {
    for (entry, (_, rows)) in read_by_other_engines(&place.catalog(), expected).iter().zip(expected) {
        assert_eq!(entry["summary"][format!("depthlake.offset.{TOPIC}.3")], rows.to_string(), "{entry}");
    }
}

/// Has `PyIceberg` and `DuckDB` read the lake of a catalog, where they are installed, and checks how many rows they find.
/// Returns what the script tells of each expected table; nothing where they are not installed.
pub(crate) fn read_by_other_engines(catalog: &Path, expected: &[(Table, u64)]) -> Vec<serde_json::Value> {
    let Some(report) = read_lake(catalog, &[]) else { return Vec::new() };
    let entry = |(table, rows): &(Table, u64)| {
        let entry = report
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .find(|entry| entry["table"] == table.to_string())
            .unwrap();
        assert_eq!(
            (entry["pyiceberg"].as_u64(), entry["duckdb"].as_u64()),
            (Some(*rows), Some(*rows)),
            "{entry}"
        );
        entry
    };
    expected.iter().map(entry).collect()
}

/// The one row by which `DuckDB` answers a query; `None` where it is not installed.
fn ask_duckdb(catalog: &Path, query: &str) -> Option<serde_json::Value> {
    read_lake(catalog, &["--sql", query]).map(|report| serde_json::from_str(&report).unwrap())
}

/// What the script says that reads a lake by other engines; `None` where they are not installed.
fn read_lake(catalog: &Path, arguments: &[&str]) -> Option<String> {
    let shared = std::env::var_os("DEPTHLAKE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let script = shared.join("tools/read_lake.py");
    let Some(python) = std::env::var_os("DEPTHLAKE_PYTHON").filter(|_| script.is_file()) else {
        eprintln!(
            "SKIPPED: other engines, for DEPTHLAKE_PYTHON is not set or {} is absent",
            script.display()
        );
        return None;
    };
    let output = Command::new(python).arg(script).arg(catalog).args(arguments).output().unwrap();
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{report}{}", String::from_utf8_lossy(&output.stderr));
    Some(report)
}
