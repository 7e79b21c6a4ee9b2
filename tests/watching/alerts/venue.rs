//! Faults that the venue can show, and the end of the program.

use super::scene::{DataOn, Scene, turn};
use crate::program::Watched;

const SYMBOLS: usize = 25;

/// Two of them everywhere, so that nobody has to ask for it to know that the way from a fault to an alert is whole.
#[test]
fn an_alert_fires_and_resolves() {
    let Some(_turn) = turn() else { return };
    let configuration = "[lake]\ncommit_seconds = 1.0\n[health]\nfreshness_seconds = 60.0\ncommit_age_seconds = 120.0\ngaps_per_hour = 1e6\n";
    let mut scene = Scene::of(Watched::start(3, configuration), DataOn::SharedDisk);
    let symbols = scene.watched.venue.symbols();
    for (symbol, nth) in symbols.iter().flat_map(|symbol| (1..=6).map(move |nth| (symbol, nth))) {
        scene.watched.inject(&format!("malformed-frame:symbol={symbol},at={nth}"));
    }
    scene.fires_alone("DeadLetters", &["SymbolStale"]);
    scene.watched.inject("disconnect");
    scene.fires_alone("Reconnecting", &["SymbolStale"]);
}

#[test]
#[ignore = "takes minutes, and a machine that is not busy: cargo test --test watching -- --ignored"]
fn each_fault_of_the_venue_fires_its_alert_and_no_other() {
    let Some(_turn) = turn() else { return };
    let configuration = "[lake]\ncommit_seconds = 1.0\n[health]\nfreshness_seconds = 20.0\ncommit_age_seconds = 120.0\ngaps_per_hour = 1e6\n";
    let mut scene = Scene::of(Watched::start(SYMBOLS, configuration), DataOn::SharedDisk);
    let symbols = scene.watched.venue.symbols();

    // One stale book of so few is more than the budget of freshness allows.
    scene.watched.inject(&format!("symbol-halt:symbol={},seconds=60", symbols[3]));
    scene.until_fired(&["SymbolStale", "ServiceLevelBurnsFast", "ServiceLevelBurnsSlowly"]);
    scene.until_resolved(&["SymbolStale"]);

    for symbol in &symbols {
        scene.watched.inject(&format!("dropped-diff:symbol={symbol}"));
    }
    scene.fires_alone("GapStorm", &["SymbolStale"]);

    for symbol in &symbols[..15] {
        scene.watched.inject(&format!("malformed-frame:symbol={symbol}"));
    }
    scene.fires_alone("DeadLetters", &[]);

    // Not each is compared with a book: some are of an update between two diffs.
    for nth in 1..=100 {
        scene.watched.inject(&format!("wrong-ticker:symbol={},at={nth}", symbols[0]));
    }
    scene.fires_alone("TickerDisagreement", &[]);

    scene.watched.inject("disconnect");
    scene.fires_alone("Reconnecting", &["SymbolStale"]);

    for nth in 1..=5 {
        scene.watched.inject(&format!("wrong-clock:seconds=60,at={nth}"));
    }
    scene.fires_alone("ClockDrift", &[]);

    // Who is killed is down, and has been restarted once it is there again; its books are then built anew.
    scene.watched.kill();
    scene.until_fired(&["DepthlakeDown"]);
    scene.watched.start_again();
    scene.until_fired(&["Restarting"]);
    scene.until_resolved(&["Restarting", "DepthlakeDown", "SymbolStale"]);
}
