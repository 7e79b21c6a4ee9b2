//! A catalog that takes no commits, and tables that nobody cares for.

use super::held::Held;
use super::scene::{DataOn, Scene, turn};
use crate::program::Watched;
use crate::support::succeed;

#[test]
#[ignore = "takes minutes, and a machine that is not busy: cargo test --test watching -- --ignored"]
fn a_catalog_that_takes_no_commits_is_told_and_made_up_for() {
    let Some(_turn) = turn() else { return };
    let configuration =
        "[lake]\ncommit_seconds = 1.0\n[health]\nfreshness_seconds = 20.0\ncommit_age_seconds = 15.0\n";
    let mut scene = Scene::of(Watched::start(25, configuration), DataOn::SharedDisk);
    let Some(held) = Held::database(&scene.watched.folder.path().join("data/lake/catalog.db")) else {
        return;
    };
    scene.until_fired(&["CommitAge", "ConsumerLag"]);
    drop(held);
    scene.until_resolved(&["CommitAge", "ConsumerLag"]);
}

#[test]
#[ignore = "takes minutes, and a machine that is not busy: cargo test --test watching -- --ignored"]
fn files_that_nobody_merges_are_told_until_somebody_does() {
    let Some(_turn) = turn() else { return };
    let configuration =
        "[lake]\ncommit_seconds = 0.5\nmaintenance_seconds = 0.0\n[health]\nfreshness_seconds = 20.0\n";
    let mut scene = Scene::of(Watched::start(3, configuration), DataOn::SharedDisk);
    scene.until_fired(&["CompactionBacklog"]);
    succeed(scene.watched.folder.path(), &["maintain", "--data", "data"]);
    scene.until_resolved(&["CompactionBacklog"]);
}
