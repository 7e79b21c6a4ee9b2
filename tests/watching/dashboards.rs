//! Each dashboard is read, and each of its queries asked of a running program: none may be empty or wrong. Questions in SQL are
//! asked as Grafana's data source for `PostgreSQL` does: by that door, with its macros expanded.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use depthlake_orderbook::time::Timestamp;
use depthlake_query::output::utc;
use serde_json::Value;

use crate::program::{Watched, free_port, until};
use crate::prometheus::{Prometheus, is_there, rules};
use crate::support::text;

/// What the dashboard looks at, and into how many points Grafana divides it.
const LOOKED_AT: Duration = Duration::from_mins(15);
const INTERVAL: u64 = 1;

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
    let postgres = free_port();
    let doors = format!("[lake]\ncommit_seconds = 1.0\n[serve]\npostgres = '127.0.0.1:{postgres}'\n");
    let watched = Watched::start(3, &doors);
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
    if is_there("psql") {
        for panel in &of_sql {
            let filter = "$__timeFilter(";
            assert!(panel.query.contains(filter), "{} shows more than is looked at", panel.place);
            until(&format!("{} has rows: {}", panel.place, panel.query), || {
                (rows(postgres, &expanded(&panel.query)) > 0).then_some(())
            });
        }
    }
}

fn is_finite(series: &Value) -> bool {
    series["value"][1].as_str().and_then(|text| text.parse::<f64>().ok()).is_some_and(f64::is_finite)
}

/// How many rows a query gives at the door for `PostgreSQL`.
fn rows(port: u16, query: &str) -> usize {
    let address = format!("postgres://grafana@127.0.0.1:{port}/depthlake?sslmode=disable");
    let arguments = [address.as_str(), "--csv", "--tuples-only", "--command", query];
    let output = Command::new("psql").args(arguments).output().unwrap();
    assert!(output.status.success(), "{query}: {}", text(&output.stderr));
    text(&output.stdout).lines().count()
}

/// A query with the macros of Grafana's data source for `PostgreSQL` in their places.
fn expanded(query: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let time = |since_1970: Duration| utc(Timestamp(i64::try_from(since_1970.as_nanos()).unwrap()));
    let (from, to) = (time(now.saturating_sub(LOOKED_AT)), time(now));
    let interval = format!("{INTERVAL}s");
    let mut text = query.replace("$__interval", &interval);
    while let Some((before, rest)) = text.split_once("$__") {
        let (name, rest) =
            rest.split_at(rest.find(|letter: char| !letter.is_alphanumeric()).unwrap_or(rest.len()));
        let (arguments, after) = match rest.strip_prefix('(').and_then(|inside| inside.split_once(')')) {
            Some((arguments, after)) => (arguments, after),
            None => ("", rest),
        };
        let column = arguments.split(',').next().unwrap().trim();
        let group = format!("floor(extract(epoch from {column})/{INTERVAL})*{INTERVAL}");
        let put = match name {
            "timeFilter" => format!("{column} BETWEEN '{from}' AND '{to}'"),
            "timeFrom" => format!("'{from}'"),
            "timeTo" => format!("'{to}'"),
            "timeGroup" => group,
            "timeGroupAlias" => format!("{group} AS \"time\""),
            other => panic!("${other} is no macro that is known here: {query}"),
        };
        text = format!("{before}{put}{after}");
    }
    text
}

#[test]
fn macros_are_expanded_as_grafana_does() {
    let query = expanded(
        "SELECT $__timeGroupAlias(t, $__interval) FROM x WHERE $__timeFilter(t) AND u < $__timeTo()",
    );
    let group = "SELECT floor(extract(epoch from t)/1)*1 AS \"time\" FROM x WHERE t BETWEEN '2";
    assert!(query.starts_with(group), "{query}");
    assert!(query.contains("Z' AND '2") && !query.contains('$'), "{query}");
}
