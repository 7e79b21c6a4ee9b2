//! Each dashboard is read, and each of its queries asked of a running program: none may be empty or wrong.

use std::path::Path;

use serde_json::{Value, json};

use crate::program::{Watched, until};
use crate::prometheus::{Prometheus, is_there, rules};

struct Panel {
    place: String,
    query: String,
    is_sql: bool,
}

fn panels() -> Vec<Panel> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("infra/grafana/dashboards");
    let mut panels = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let name = dashboard["title"].as_str().unwrap().to_owned();
        assert_eq!(dashboard["uid"].as_str().unwrap(), path.file_stem().unwrap().to_str().unwrap());
        let of_dashboard = dashboard["panels"].as_array().unwrap();
        assert!(!of_dashboard.is_empty(), "{name}");
        for panel in of_dashboard {
            let place = format!("{name}: {}", panel["title"].as_str().unwrap());
            let targets = panel["targets"].as_array().unwrap();
            assert!(!targets.is_empty(), "{place}");
            for target in targets {
                let is_sql = target["datasource"]["uid"] == "depthlake-sql";
                let text = &target[if is_sql { "rawSql" } else { "expr" }];
                let query = text.as_str().unwrap().replace("$symbol", "BTCUSDT");
                panels.push(Panel { place: place.clone(), query, is_sql });
            }
        }
    }
    panels
}

#[test]
fn no_panel_is_empty_or_wrong() {
    let panels = panels();
    assert!(panels.len() > 60);
    let watched = Watched::start(3, "[lake]\ncommit_seconds = 1.0\n");
    let (of_figures, of_sql): (Vec<_>, Vec<_>) = panels.into_iter().partition(|panel| !panel.is_sql);
    assert!(of_sql.len() >= 5);
    if is_there("prometheus") {
        let files = ["rules.yml", "alerts.yml"].map(|name| (name, rules(name)));
        let prometheus = Prometheus::start(&watched.runtime, watched.port, &files);
        for panel in &of_figures {
            until(&format!("{} has a figure: {}", panel.place, panel.query), || {
                watched.get("/api/v1/symbols");
                let series = prometheus.ask(&watched.runtime, &panel.query)?;
                series.iter().any(is_finite).then_some(())
            });
        }
    }
    for panel in &of_sql {
        until(&format!("{} has rows: {}", panel.place, panel.query), || {
            rows(&watched, &panel.query).filter(|&rows| rows > 0)
        });
    }
}

fn is_finite(series: &Value) -> bool {
    series["value"][1].as_str().and_then(|text| text.parse::<f64>().ok()).is_some_and(f64::is_finite)
}

/// How many rows a query gives.
fn rows(watched: &Watched, query: &str) -> Option<usize> {
    let answer = watched.runtime.block_on(async {
        let client = reqwest::Client::new();
        let url = format!("{}/api/v1/sql", watched.address());
        let answer = client.post(url).json(&json!({ "query": query, "format": "json" })).send().await.ok()?;
        assert!(!answer.status().is_client_error(), "{query}: {}", answer.text().await.unwrap_or_default());
        answer.json::<Value>().await.ok()
    })?;
    Some(answer["rows"].as_array()?.len())
}
