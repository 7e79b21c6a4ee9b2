//! What must agree between files: alerts and their runbook, alerts and their tests; and that the commands of the runbook run.

use std::collections::BTreeSet;
use std::path::Path;

use crate::program::{Watched, until};
use crate::prometheus::rules;
use crate::support::{depthlake, text};

fn alerts() -> BTreeSet<String> {
    let text = rules("alerts.yml");
    let names = text.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    names.map(str::to_owned).collect()
}

#[test]
fn every_alert_has_a_runbook_and_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let runbook = std::fs::read_to_string(root.join("docs/operating.md")).unwrap();
    let (sections, tests, text) = (runbook.lines(), rules("tests.yml"), rules("alerts.yml"));
    let sections: BTreeSet<_> = sections.filter_map(|line| line.strip_prefix("### ")).collect();
    let alerts = alerts();
    assert!(alerts.len() >= 15);
    for alert in &alerts {
        assert!(sections.contains(alert.as_str()), "docs/operating.md has no section {alert}");
        let anchor = format!("runbook: docs/operating.md#{}", alert.to_lowercase());
        assert!(text.contains(&anchor), "{alert} does not name its runbook");
        assert!(tests.contains(&format!("alertname: {alert}\n")), "{alert} has no test");
    }
    assert_eq!(sections.len(), alerts.len(), "a section has no alert");
}

/// The commands that a section begins with.
fn commands(section: &str) -> impl Iterator<Item = &str> {
    section.lines().skip(1).skip_while(|line| line.is_empty()).map_while(|line| line.strip_prefix("    "))
}

/// A line as a shell takes it apart, where quotes enclose whole arguments.
fn arguments(command: &str) -> Vec<&str> {
    let quoted = command.split('"').enumerate();
    let parts = quoted.flat_map(|(index, part)| {
        let words = if index % 2 == 1 { vec![part] } else { part.split_whitespace().collect() };
        words.into_iter()
    });
    parts.collect()
}

#[test]
fn the_commands_of_the_runbook_run() {
    let runbook = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operating.md"));
    let runbook = runbook.unwrap();
    let patient =
        "freshness_seconds = 300.0\ncommit_age_seconds = 300.0\ngaps_per_hour = 1e6\napi_p95_ms = 1e6\n";
    let watched = Watched::start(3, &format!("[lake]\ncommit_seconds = 1.0\n[health]\n{patient}"));
    until("all is well", || {
        watched.get("/api/v1/health").filter(|health| health.starts_with("{\"status\":\"ok\""))
    });
    let scrape = watched.get("/metrics").unwrap();
    let mut tried = 0;
    for section in runbook.split("\n### ").skip(1) {
        let name = section.lines().next().unwrap();
        assert!(commands(section).next().is_some(), "{name} does not say what to type first");
        for command in commands(section) {
            if let Some(command) = command.strip_prefix("depthlake ") {
                let mut command = depthlake(watched.folder.path(), &arguments(command));
                let output = command.env("DEPTHLAKE_DATA", "data").output().unwrap();
                assert!(output.status.success(), "{name}: {command:?}: {}", text(&output.stderr));
                assert!(!output.stdout.is_empty(), "{name}: {command:?} says nothing");
                tried += 1;
            }
            if let Some((_, sought)) = command.split_once("/metrics | grep ") {
                let names = sought.trim_start_matches("-E ").trim_matches('\'').split('|');
                for sought in names {
                    assert!(scrape.contains(sought), "{name}: nothing has {sought}");
                }
                tried += 1;
            }
        }
    }
    assert!(tried >= 15, "{tried}");
}
