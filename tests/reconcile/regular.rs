//! The comparison that a run makes by itself, across restarts.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use depthlake_lake::table::Table;

use super::support::{depthlake, stop, succeed, text, wait};
use super::{damage, open};

/// How long ago the recording was received: long enough to have given all it gives.
const HOUR: u64 = 3_600_000_000_000;

/// Puts back the times of a recording.
fn put_back(recording: &Path) {
    for file in fs::read_dir(recording).unwrap().map(|file| file.unwrap().path()) {
        if file.extension().is_none_or(|extension| extension != "gz") {
            continue;
        }
        let unpacked = Command::new("gzip").arg("-dc").arg(&file).output().unwrap();
        let line = |line: &str| {
            let (time, message) = line.split_once(' ').unwrap();
            format!("{} {message}\n", time.parse::<u64>().unwrap() - HOUR)
        };
        let lines: String = text(&unpacked.stdout).lines().map(line).collect();
        let packed = fs::File::create(&file).unwrap();
        let gzip = Command::new("gzip").arg("-c").stdin(Stdio::piped()).stdout(packed).spawn();
        let mut gzip = gzip.unwrap();
        gzip.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        assert!(gzip.wait().unwrap().success());
    }
}

fn breaks(folder: &Path) -> String {
    let query = "SELECT class, table_name, key FROM ops.recon_breaks ORDER BY 1, 2, 3";
    succeed(folder, &["sql", "--data", "data", "--format", "csv", query])
}

fn run(folder: &Path) -> Child {
    let run = ["run", "--data", "data", "--symbols", "SOLUSDT", "--rate", "3", "--no-serve"];
    depthlake(folder, &run).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_compares_what_came_before_it_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let record = ["record", "recording", "--duration", "4", "--symbols", "BTCUSDT,ETHUSDT", "--rate", "3"];
    succeed(folder, &record);
    put_back(&folder.join("recording"));
    succeed(folder, &["replay", "recording", "--data", "data"]);
    damage(folder, Table::Trades, |rows| vec![rows.slice(1, rows.num_rows() - 1)]).await;
    fs::write(folder.join("depthlake.toml"), "[lake]\nreconcile_minutes = 0.02\n").unwrap();

    let running = run(folder);
    wait("the first round", || breaks(folder).contains("MISSING,normalized.trades,"));
    stop(running);
    let told = breaks(folder);
    assert_eq!(told.lines().count(), 2, "{told}");
    let properties = open(folder).await.data_files(Table::ReconBreaks).await.unwrap().properties;
    let until: i64 = properties["depthlake.compared-until"].parse().unwrap();

    // The next process goes on where this one ended.
    let again =
        ["run", "--data", "data", "--symbols", "SOLUSDT", "--rate", "3", "--duration", "6", "--no-serve"];
    succeed(folder, &again);
    assert_eq!(breaks(folder), told);
    let properties = open(folder).await.data_files(Table::ReconBreaks).await.unwrap().properties;
    assert!(properties["depthlake.compared-until"].parse::<i64>().unwrap() >= until);
}
