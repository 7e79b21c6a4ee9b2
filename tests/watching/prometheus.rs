//! A real Prometheus, where there is one.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tokio::runtime::Runtime;

use crate::program::{free_port, get, until};

/// Whether a program of Prometheus can be run; says so where it cannot.
pub fn is_there(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let is_there = found.is_ok_and(|status| status.success());
    if !is_there {
        eprintln!("SKIPPED: no {program} (Debian's package is prometheus)");
    }
    is_there
}

/// A Prometheus that scrapes a program twice a second.
pub struct Prometheus {
    address: String,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    /// Starts with these rule files; the program serves at this port.
    pub fn start(runtime: &Runtime, of: u16, rules: &[(&str, String)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in rules {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let names: Vec<_> = rules.iter().map(|(name, _)| *name).collect();
        let config = format!(
            "global:\n  scrape_interval: 500ms\n  scrape_timeout: 500ms\n  evaluation_interval: 500ms\nrule_files: {names:?}\n\
             scrape_configs:\n  - job_name: depthlake\n    scrape_interval: 500ms\n    static_configs:\n      - targets: ['127.0.0.1:{of}']\n",
        );
        std::fs::write(
            folder.path().join("prometheus.yml"),
            config.replace("scrape_timeout: 500ms", "scrape_timeout: 450ms"),
        )
        .unwrap();
        let port = free_port();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let prometheus = Self { address: format!("http://127.0.0.1:{port}"), child, _folder: folder };
        until("Prometheus answers", || prometheus.ask(runtime, "up == 1").filter(|found| !found.is_empty()));
        prometheus
    }

    /// The series that an expression gives now; `None` where Prometheus does not answer.
    pub fn ask(&self, runtime: &Runtime, expression: &str) -> Option<Vec<Value>> {
        let answer = runtime.block_on(async {
            let client = reqwest::Client::new();
            let url = format!("{}/api/v1/query", self.address);
            let query = reqwest::Url::parse_with_params(&url, [("query", expression)]).ok()?;
            client.get(query).send().await.ok()?.json::<Value>().await.ok()
        })?;
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        Some(answer["data"]["result"].as_array().cloned().unwrap_or_default())
    }

    /// The alerts that fire now, by name.
    pub fn firing(&self, runtime: &Runtime) -> BTreeSet<String> {
        let text = until("the alerts", || get(runtime, &format!("{}/api/v1/alerts", self.address)));
        let answer: Value = serde_json::from_str(&text).unwrap();
        let alerts = answer["data"]["alerts"].as_array().cloned().unwrap_or_default();
        let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
        firing.map(|alert| alert["labels"]["alertname"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn rules(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("infra/prometheus");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

#[test]
fn rules_and_their_tests_hold() {
    if !is_there("promtool") {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("infra/prometheus");
    for arguments in [
        vec!["check", "config", "prometheus.yml"],
        vec!["check", "config", "compose.yml"],
        vec!["test", "rules", "tests.yml"],
    ] {
        let output = Command::new("promtool").args(&arguments).current_dir(&folder).output().unwrap();
        let told = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        assert!(output.status.success(), "{arguments:?}: {told:?}");
    }
}
