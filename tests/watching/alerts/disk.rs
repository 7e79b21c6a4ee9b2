//! A disk that fills up, and has room again.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::scene::{DataOn, Scene, turn};
use crate::program::{Watched, until};
use crate::support::LakeView;

const MEBIBYTE: usize = 1 << 20;
const SYMBOLS: usize = 25;

/// A small disk of its own, in memory.
struct Disk(tempfile::TempDir);

impl Disk {
    /// `None`, with a message, where this user may not mount.
    fn mount(mebibytes: usize) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={mebibytes}m");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path());
        if mount.status().is_ok_and(|status| status.success()) {
            return Some(Self(folder));
        }
        eprintln!("SKIPPED: no disk can be mounted (run as root to see this test)");
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn free(&self) -> usize {
        let output = Command::new("df").args(["--output=avail", "-B1"]).arg(self.path()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().nth(1).unwrap().trim().parse().unwrap()
    }

    /// Leaves so many bytes free, as long as the file is not removed.
    fn fill(&self, leaving: usize) -> Filler {
        let filler = Filler(self.path().join("filler"));
        let mut file = File::create(&filler.0).unwrap();
        while self.free() > leaving {
            let bytes = vec![1; (self.free() - leaving).min(MEBIBYTE)];
            match file.write_all(&bytes) {
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                done => done.unwrap(),
            }
        }
        filler
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

struct Filler(PathBuf);

impl Drop for Filler {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

#[test]
#[ignore = "takes minutes, and a machine that is not busy: cargo test --test watching -- --ignored"]
fn a_full_disk_is_told_before_and_survived() {
    let Some(_turn) = turn() else { return };
    let Some(disk) = Disk::mount(512) else { return };
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(disk.path().join("data")).unwrap();
    symlink(disk.path().join("data"), folder.path().join("data")).unwrap();
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
