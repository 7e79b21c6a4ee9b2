//! A watched program with a Prometheus whose windows are seconds in the place of minutes and hours, and whose thresholds are
//! lower where a count would take minutes to reach.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::program::{Watched, until};
use crate::prometheus::{Prometheus, is_there, rules};

/// Alerts of promises may fire beside that of the cause: that is what they are for.
const OF_PROMISES: [&str; 2] = ["ServiceLevelBurnsFast", "ServiceLevelBurnsSlowly"];

/// Windows as they are written, and as these tests have them.
const WINDOWS: [(&str, &str); 11] = [
    ("[1m]", "[10s]"),
    ("[2m]", "[10s]"),
    ("[5m]", "[10s]"),
    ("[10m]", "[10s]"),
    ("[15m]", "[60s]"),
    ("[30m]", "[15s]"),
    ("[1h]", "[15s]"),
    ("[6h]", "[20s]"),
    ("for: 15m", "for: 3s"),
    ("for: 5m", "for: 0s"),
    ("for: 1m", "for: 1s"),
];
const OTHERS: [(&str, &str); 7] = [
    // A book that is being built anew, however slow the machine is, is no stale one yet.
    (
        "expr: depthlake_symbol_fresh == 0\n        for: 30s",
        "expr: depthlake_symbol_fresh == 0\n        for: 15s",
    ),
    ("for: 30s", "for: 3s"),
    (
        "for: 15s\n        labels:\n          severity: page",
        "for: 1s\n        labels:\n          severity: page",
    ),
    ("(depthlake_feed_disconnects_total[10s]) > 5", "(depthlake_feed_disconnects_total[10s]) > 0"),
    ("[60s]) > 2", "[60s]) > 0"),
    ("(depthlake_sink_lag_records) > 1e6", "(depthlake_sink_lag_records) > 1e4"),
    ("depthlake_compaction_backlog_files > 2000", "depthlake_compaction_backlog_files > 60"),
];

fn quick(name: &str) -> String {
    let pairs = WINDOWS.iter().chain(&OTHERS);
    pairs.fold(rules(name), |text, (written, quick)| text.replace(written, quick))
}

/// The right to run programs on this machine: two scenes at once would be too slow for either.
pub fn turn() -> Option<MutexGuard<'static, ()>> {
    static TURN: Mutex<()> = Mutex::new(());
    is_there("prometheus").then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Where the data folder lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataOn {
    /// How full the disk of this machine is, is not the program's doing.
    SharedDisk,
    OwnDisk,
}

pub struct Scene {
    pub watched: Watched,
    prometheus: Prometheus,
    data: DataOn,
    fired: BTreeSet<String>,
}

impl Scene {
    /// Watches a program, as soon as all of its books are fresh and nothing fires.
    pub fn of(watched: Watched, data: DataOn) -> Self {
        let port = watched.port;
        Self::seen_by(watched, port, data)
    }

    /// As [`Scene::of`], by what another program tells at this port.
    pub fn seen_by(watched: Watched, port: u16, data: DataOn) -> Self {
        let files = ["rules.yml", "alerts.yml"].map(|name| (name, quick(name)));
        let prometheus = Prometheus::start(&watched.runtime, port, &files);
        let mut scene = Self { watched, prometheus, data, fired: BTreeSet::new() };
        let symbols = scene.watched.venue.symbols().len().to_string();
        until("all books are fresh", || {
            let fresh = scene.ask("sum(depthlake_symbol_fresh)")?;
            (fresh == symbols).then_some(())
        });
        until("nothing fires", || scene.firing().is_empty().then_some(()));
        scene.fired.clear();
        scene
    }

    /// The first figure that an expression gives now.
    pub fn ask(&self, expression: &str) -> Option<String> {
        let found = self.prometheus.ask(&self.watched.runtime, expression)?;
        Some(found.first()?["value"][1].as_str()?.to_owned())
    }

    /// Waits until these alerts have fired since all was quiet.
    pub fn until_fired(&mut self, alerts: &[&str]) {
        for alert in alerts {
            until(&format!("{alert} fires"), || {
                self.firing();
                self.fired.contains(*alert).then_some(())
            });
            eprintln!("{alert} fired");
        }
    }

    /// Waits until all alerts have resolved, and asserts that none but these fired since all was quiet.
    pub fn until_resolved(&mut self, expected: &[&str]) {
        until(&format!("{expected:?} resolve"), || self.firing().is_empty().then_some(()));
        let fired = std::mem::take(&mut self.fired);
        let others: Vec<_> = fired
            .iter()
            .map(String::as_str)
            .filter(|name| !OF_PROMISES.contains(name) && !expected.contains(name))
            .collect();
        assert!(others.is_empty(), "{others:?} fired beside {expected:?}");
        eprintln!("{fired:?} resolved");
    }

    /// Waits until an alert fires, then until all have resolved, and asserts that none but it and `also` fired meanwhile.
    pub fn fires_alone(&mut self, alert: &str, also: &[&str]) {
        self.until_fired(&[alert]);
        self.until_resolved(&[&[alert], also].concat());
    }

    fn firing(&mut self) -> BTreeSet<String> {
        let mut firing = self.prometheus.firing(&self.watched.runtime);
        if self.data == DataOn::SharedDisk {
            firing.remove("DiskFilling");
        }
        self.fired.extend(firing.iter().cloned());
        firing
    }
}
