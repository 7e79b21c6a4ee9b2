//! `depthlake run --roles`: one process keeps books, two carry the log of a broker into a lake that is on servers, and one
//! of the two is killed. Needs the servers of `infra/local`; says so where one is absent.

mod support;

use std::env;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use support::{depthlake, finish, kill, stop, succeed, text, wait};

/// An Apache Kafka of this machine, which ends with this.
struct Broker {
    script: String,
    data: tempfile::TempDir,
    address: String,
}

impl Broker {
    fn start(script: String) -> Self {
        let data = tempfile::tempdir().unwrap();
        let started = Command::new(&script).arg("start").arg(data.path()).output().unwrap();
        assert!(started.status.success(), "{}", text(&started.stderr));
        let address = format!("kafka://{}", text(&started.stdout).trim());
        Self { script, data, address }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = Command::new(&self.script).arg("kill").arg(self.data.path()).status();
    }
}

fn variable(name: &str, what: &str) -> Option<String> {
    let value = env::var(name).ok();
    if value.is_none() {
        eprintln!("SKIPPED: {name} is not set, which names {what}");
    }
    value
}

/// A database of its own.
fn new_database(server: &str) -> String {
    let name = format!("roles_{}", std::process::id());
    let made = Command::new("psql")
        .args(["--quiet", server, "--command", &format!("CREATE DATABASE {name}")])
        .output();
    let made = made.unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    format!("{}/{name}", server.rsplit_once('/').unwrap().0)
}

fn write_configuration(folder: &Path, catalog: &str) {
    let variable = |name| env::var(name).unwrap_or_default();
    let warehouse = match env::var("DEPTHLAKE_TEST_S3_BUCKET") {
        Ok(bucket) => format!("s3://{bucket}/roles-{}", std::process::id()),
        Err(_) => folder.join("warehouse").display().to_string(),
    };
    let s3 = match env::var("DEPTHLAKE_TEST_S3") {
        Ok(endpoint) => format!(
            "[lake.s3]\nendpoint = '{endpoint}'\naccess_key_id = '{}'\nsecret_access_key = '{}'\n",
            variable("DEPTHLAKE_TEST_S3_KEY"),
            variable("DEPTHLAKE_TEST_S3_SECRET"),
        ),
        Err(_) => String::new(),
    };
    let text =
        format!("[lake]\ncatalog = '{catalog}'\nwarehouse = '{warehouse}'\ncommit_seconds = 1.0\n{s3}");
    std::fs::write(folder.join("depthlake.toml"), text).unwrap();
}

/// Rows, distinct offsets and the sum of the positions of a raw table.
fn raw_rows(folder: &Path, table: &str) -> (u64, u64, u64) {
    let query = format!(
        "SELECT coalesce(sum(rows), 0), coalesce(sum(offsets), 0), coalesce(sum(next), 0) FROM (
             SELECT count(*) AS rows, count(DISTINCT \"offset\") AS offsets, max(\"offset\") + 1 AS next
             FROM raw.{table} GROUP BY partition)"
    );
    let answer = succeed(folder, &["sql", "--format", "csv", &query]);
    let numbers: Vec<u64> =
        answer.lines().nth(1).unwrap().split(',').map(|number| number.parse().unwrap()).collect();
    (numbers[0], numbers[1], numbers[2])
}

#[test]
fn two_sinks_share_the_work_and_one_takes_over_from_the_other() {
    let (Some(script), Some(server)) = (
        variable("DEPTHLAKE_KAFKA", "the script that starts an Apache Kafka"),
        variable("DEPTHLAKE_TEST_POSTGRES", "a PostgreSQL server, as infra/local/postgres starts one"),
    ) else {
        return;
    };
    let broker = Broker::start(script);
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_configuration(folder, &new_database(&server));
    let carry = |data: &str| -> Child {
        let arguments = ["run", "--roles", "lake", "--log", &broker.address, "--data", data];
        depthlake(folder, &arguments).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap()
    };
    let symbols = "BTCUSDT,ETHUSDT,SOLUSDT,ADAUSDT,XRPUSDT,BNBUSDT,DOGEUSDT,LTCUSDT";
    let engine =
        ["run", "--roles", "ingest", "--log", &broker.address, "--data", "engine", "--symbols", symbols];
    let engine = [&engine[..], &["--duration", "12", "--summary", "summary.json"]].concat();
    let engine = depthlake(folder, &engine).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap();

    let (stays, mut dies) = (carry("one"), carry("two"));
    wait("the first rows are in the lake", || raw_rows(folder, "trades").0 > 0);
    kill(&mut dies);
    let ended = engine.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}", ended.status);
    let summary: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("summary.json")).unwrap()).unwrap();
    let sent = summary["venue_frames"].as_u64().unwrap();

    let landed = || ["trades", "orderbook_diffs"].map(|table| raw_rows(folder, table));
    wait("all frames are in the lake", || landed().iter().map(|(rows, ..)| rows).sum::<u64>() >= sent);
    stop(stays);
    for (rows, offsets, next) in landed() {
        assert_eq!((rows, offsets), (next, next), "a row for each offset");
    }
}

#[test]
fn roles_apart_need_a_broker_and_a_shared_catalog_a_warehouse() {
    let place = tempfile::tempdir().unwrap();
    for (arguments, expected) in [
        (&["run", "--roles", "lake"][..], "kafka://HOST:PORT"),
        (&["run", "--roles", "query"][..], "there is no lake"),
        (&["run", "--roles", "feed"][..], "unknown role"),
        (&["tables", "--catalog", "http://localhost:1"][..], "--warehouse"),
    ] {
        let output = finish(place.path(), arguments);
        assert!(!output.status.success(), "{arguments:?}");
        let said = text(&output.stderr);
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}
