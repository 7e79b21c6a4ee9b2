//! Whether engines that share no code with us read every table, and agree: `read_lake.py`, which lies beside the
//! recordings, asks `PyIceberg` through the catalog and `DuckDB` by the metadata file.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use depthlake_lake::table::Table;
use serde_json::Value;

/// Checks that both engines read every table of a lake and count the same rows, where they are installed.
pub fn assert_they_agree(catalog: &Path) {
    match ask(catalog) {
        Some(Ok(tables)) => eprintln!("PyIceberg and DuckDB agree on {tables} tables"),
        Some(Err(complaint)) => panic!("other engines do not agree on the lake:\n{complaint}"),
        None => {}
    }
}

/// How many tables the engines agree on, or what they say where not on all of ours; `None` where they are not installed.
pub fn ask(catalog: &Path) -> Option<Result<usize, String>> {
    let shared = env::var_os("DEPTHLAKE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let script = shared.join("tools/read_lake.py");
    let Some(python) = env::var_os("DEPTHLAKE_PYTHON").filter(|_| script.is_file()) else {
        eprintln!(
            "SKIPPED: other engines, for DEPTHLAKE_PYTHON is not set or {} is absent",
            script.display()
        );
        return None;
    };
    let output = Command::new(python).arg(script).arg(catalog).output().unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Some(Err(format!("{}\n{report}{complained}", output.status)));
    }
    let agreed = report.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let agreed: Vec<_> = agreed.filter(|entry| entry["agree"] == true).collect();
    let is_missing = |table: &Table| !agreed.iter().any(|entry| entry["table"] == table.to_string());
    Some(match Table::ALL.into_iter().find(is_missing) {
        Some(table) => Err(format!("nothing is said of {table}:\n{report}")),
        None => Ok(agreed.len()),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use depthlake_lake::sink::{Sink, SinkConfig};
    use depthlake_lake::storage::path_of;

    use super::*;
    use crate::place::{Place, durable_ends};
    use crate::records::record;

    /// A lake of two commits.
    async fn lake(folder: &Path) -> Place {
        let place = Place::new(folder.to_owned());
        let log = place.log();
        let mut sink = Sink::new(log.clone(), place.lake().await, SinkConfig::default());
        for _ in 0..2 {
            for (at, end) in durable_ends(&*log) {
                (end..end + 30).for_each(|offset| _ = log.append(at, &record(at, offset)).unwrap());
            }
            log.sync().unwrap();
            sink.commit_once().await.unwrap();
        }
        place
    }

    /// Damages one of the data files of trades, and returns what the engines say then.
    async fn after(damage: impl Fn(&Path)) -> Option<Result<usize, String>> {
        let folder = tempfile::tempdir().unwrap();
        let place = lake(folder.path()).await;
        assert_eq!(ask(&place.catalog())?, Ok(Table::ALL.len()));
        let files = place.lake().await.data_files(Table::Trades).await.unwrap().files;
        damage(path_of(&files[0].location).as_ref());
        ask(&place.catalog())
    }

    #[tokio::test]
    async fn a_lake_that_lacks_a_file_is_refused() {
        let Some(said) = after(|file| fs::remove_file(file).unwrap()).await else { return };
        let complaint = said.unwrap_err();
        assert!(complaint.contains("normalized.trades"), "{complaint}");
    }

    #[tokio::test]
    async fn a_lake_with_a_file_cut_short_is_refused() {
        let cut = |file: &Path| fs::write(file, &fs::read(file).unwrap()[..100]).unwrap();
        let Some(said) = after(cut).await else { return };
        let complaint = said.unwrap_err();
        assert!(complaint.contains("normalized.trades"), "{complaint}");
    }
}
