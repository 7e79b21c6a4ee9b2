//! Each fault that the venue can show makes its alert fire, no other, and the alert resolves.
//!
//! The rules are those of `infra/prometheus`, with windows of seconds in the place of minutes and hours, and with lower
//! thresholds where a count would take minutes to reach.

use std::collections::BTreeSet;

use crate::program::{Watched, until};
use crate::prometheus::{Prometheus, is_there, rules};

/// Alerts of promises may fire beside that of the cause: that is what they are for.
const OF_PROMISES: [&str; 2] = ["ServiceLevelBurnsFast", "ServiceLevelBurnsSlowly"];

const SYMBOLS: usize = 25;

/// Windows as they are written, and as this test has them.
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
const OTHERS: [(&str, &str); 5] = [
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
];

fn quick(name: &str) -> String {
    let pairs = WINDOWS.iter().chain(&OTHERS);
    pairs.fold(rules(name), |text, (written, quick)| text.replace(written, quick))
}

struct Scene {
    watched: Watched,
    prometheus: Prometheus,
}

impl Scene {
    fn firing(&self) -> BTreeSet<String> {
        let mut firing = self.prometheus.firing(&self.watched.runtime);
        // How full the disk of this machine is, is not the program's doing.
        firing.remove("DiskFilling");
        firing
    }

    /// Waits until nothing fires.
    fn until_quiet(&self) {
        until("all alerts have resolved", || self.firing().is_empty().then_some(()));
    }

    /// Waits until an alert fires, then until all have resolved, and asserts that none but it and `also` fired meanwhile.
    fn fires_alone(&self, alert: &str, also: &[&str]) {
        let mut seen = BTreeSet::new();
        until(&format!("{alert} fires"), || {
            seen.extend(self.firing());
            seen.contains(alert).then_some(())
        });
        until(&format!("{alert} resolves"), || {
            let firing = self.firing();
            seen.extend(firing.iter().cloned());
            firing.is_empty().then_some(())
        });
        let others: Vec<_> = seen
            .iter()
            .map(String::as_str)
            .filter(|name| *name != alert && !OF_PROMISES.contains(name) && !also.contains(name))
            .collect();
        assert!(others.is_empty(), "{others:?} fired beside {alert}");
        eprintln!("{alert} fired and resolved");
    }
}

#[test]
#[ignore = "takes minutes, and a machine that is not busy: cargo test --test watching -- --ignored"]
fn each_fault_fires_its_alert_and_no_other() {
    if !is_there("prometheus") {
        return;
    }
    let configuration = "[lake]\ncommit_seconds = 1.0\n[health]\nfreshness_seconds = 20.0\ncommit_age_seconds = 120.0\ngaps_per_hour = 1e6\n";
    let watched = Watched::start(SYMBOLS, configuration);
    let files = ["rules.yml", "alerts.yml"].map(|name| (name, quick(name)));
    let prometheus = Prometheus::start(&watched, &files);
    let mut scene = Scene { watched, prometheus };
    until("all books are fresh", || {
        let fresh = scene.prometheus.ask(&scene.watched.runtime, "sum(depthlake_symbol_fresh)")?;
        (fresh.first()?["value"][1] == SYMBOLS.to_string().as_str()).then_some(())
    });
    scene.until_quiet();
    let symbols = scene.watched.venue.symbols();

    scene.watched.inject(&format!("symbol-halt:symbol={},seconds=60", symbols[3]));
    scene.fires_alone("SymbolStale", &[]);

    for symbol in &symbols {
        scene.watched.inject(&format!("dropped-diff:symbol={symbol}"));
    }
    scene.fires_alone("GapStorm", &["SymbolStale"]);

    for symbol in &symbols[..15] {
        scene.watched.inject(&format!("malformed-frame:symbol={symbol}"));
    }
    scene.fires_alone("DeadLetters", &[]);

    scene.watched.inject("disconnect");
    scene.fires_alone("Reconnecting", &["SymbolStale"]);

    for nth in 1..=5 {
        scene.watched.inject(&format!("wrong-clock:seconds=60,at={nth}"));
    }
    scene.fires_alone("ClockDrift", &[]);

    // Who is killed is down, and has been restarted once it is there again; its books are then built anew.
    scene.watched.kill();
    until("DepthlakeDown fires", || scene.firing().contains("DepthlakeDown").then_some(()));
    scene.watched.start_again();
    scene.fires_alone("Restarting", &["DepthlakeDown", "SymbolStale"]);
}
