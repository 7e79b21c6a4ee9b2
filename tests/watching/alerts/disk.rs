//! A disk that fills up, and has room again.

use super::scene::{DataOn, Scene, turn};
use crate::program::{Watched, until};
use crate::small_disk::{MEBIBYTE, SmallDisk};
use crate::support::LakeView;

const SYMBOLS: usize = 25;

#[test]
#[ignore = "takes minutes, and a machine that is not busy: cargo test --test watching -- --ignored"]
fn a_full_disk_is_told_before_and_survived() {
    let Some(_turn) = turn() else { return };
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(&folder.path().join("data"), 512) else { return };
    let configuration =
        "[lake]\ncommit_seconds = 1.0\n[health]\nfreshness_seconds = 20.0\ncommit_age_seconds = 600.0\n";
    let mut scene = Scene::of(Watched::start_in(folder, SYMBOLS, configuration), DataOn::OwnDisk);

    let filler = disk.fill(20 * MEBIBYTE);
    scene.until_fired(&["DiskFilling"]);
    drop(filler);
    scene.until_resolved(&["DiskFilling"]);

    let filler = disk.fill(0);
    scene.until_fired(&["LogStalled"]);
    let figure = |expression| scene.ask(expression)?.parse::<f64>().ok();
    until("the queue is full as well", || (figure("depthlake_messages_unkept_total")? > 0.0).then_some(()));
    let applied = || figure("sum(depthlake_book_updates_applied_total)");
    let before = until("updates are counted", applied);
    until("the live books go on", || (applied()? > before + 1_000.0).then_some(()));
    until("all books are fresh", || {
        (scene.ask("sum(depthlake_symbol_fresh)")? == SYMBOLS.to_string()).then_some(())
    });
    drop(filler);
    scene.until_resolved(&["LogStalled", "DiskFilling", "SymbolStale"]);

    // All that the log took is in the tables, once, and the derived tables are what it gives.
    scene.watched.stop();
    let view = LakeView::open(&scene.watched.folder.path().join("data"));
    assert!(view.assert_raw_is_whole() > 0);
    view.assert_derived_equals_replay();
    let told =
        "SELECT count(*) FROM ops.feed_events WHERE kind = 'session_start' AND detail LIKE '%are not kept'";
    assert!(view.count(told) > 0, "what is missing is told");
}
