//! An engine that hangs, in part or as a whole, or has ended.

use super::held::Held;
use super::scene::{DataOn, Scene, turn};
use crate::program::{Beside, Watched};

const CONFIGURATION: &str =
    "[lake]\ncommit_seconds = 1.0\n[health]\nfreshness_seconds = 20.0\ngaps_per_hour = 1e6\n";

#[test]
#[ignore = "takes minutes, and a machine that is not busy: cargo test --test watching -- --ignored"]
fn a_shard_without_a_processor_lets_its_ring_overflow() {
    let Some(_turn) = turn() else { return };
    let mut scene = Scene::of(Watched::start(25, CONFIGURATION), DataOn::SharedDisk);
    let Some(held) = Held::thread(scene.watched.pid(), "shard-0") else { return };
    scene.until_fired(&["RingOverflow"]);
    drop(held);
    scene.until_resolved(&["RingOverflow", "SymbolStale"]);
}

#[test]
#[ignore = "takes minutes, and a machine that is not busy: cargo test --test watching -- --ignored"]
fn who_serves_the_books_of_a_dead_engine_says_so() {
    let Some(_turn) = turn() else { return };
    let watched = Watched::start(25, CONFIGURATION);
    let beside = Beside::start(&watched);
    let mut scene = Scene::seen_by(watched, beside.port, DataOn::SharedDisk);

    scene.watched.signal("-STOP");
    scene.until_fired(&["BoardSilent"]);
    scene.watched.signal("-CONT");
    scene.until_resolved(&["BoardSilent", "SymbolStale"]);

    scene.watched.kill();
    scene.until_fired(&["BoardSilent"]);
    scene.watched.start_again();
    scene.until_resolved(&["BoardSilent", "SymbolStale"]);
}
