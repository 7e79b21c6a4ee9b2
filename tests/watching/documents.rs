//! What must agree between files: alerts and their runbook, alerts and their tests, the compose file and what it mounts.

use std::collections::BTreeSet;
use std::path::Path;

use crate::prometheus::rules;
use crate::support::{finish, text};

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

#[test]
fn what_the_compose_file_mounts_is_there() {
    let infra = Path::new(env!("CARGO_MANIFEST_DIR")).join("infra");
    let compose = std::fs::read_to_string(infra.join("compose.yaml")).unwrap();
    let mounted = compose.lines().filter_map(|line| line.trim().strip_prefix("- ./")?.split_once(':'));
    let mounted: Vec<_> = mounted.map(|(path, _)| infra.join(path)).collect();
    assert!(mounted.len() >= 4);
    for path in mounted {
        assert!(path.is_dir(), "{}", path.display());
    }
    assert!(infra.join("Dockerfile").is_file());
    let configuration = infra.join("depthlake/depthlake.toml");
    let arguments =
        ["tables", "--data", "nowhere", "--catalog", "sqlite", "--config", configuration.to_str().unwrap()];
    let refused = finish(tempfile::tempdir().unwrap().path(), &arguments);
    let why = text(&refused.stderr);
    assert!(why.contains("there is no lake in nowhere"), "the configuration is not understood: {why}");
    for service in ["redpanda", "minio", "postgres", "trino", "prometheus", "grafana", "depthlake"] {
        assert!(compose.contains(&format!("\n  {service}:\n")), "no service {service}");
    }
}
