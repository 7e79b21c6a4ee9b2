//! Storage that cannot be written: everybody who is asked how well it is says so, and why, and that it is over.

use serde_json::Value;

use crate::program::{Watched, until};
use crate::small_disk::SmallDisk;
use crate::support::{LakeView, finish, text};

const SYMBOLS: usize = 3;
/// A promise that is missed by far within seconds.
const CONFIGURATION: &str =
    "[lake]\ncommit_seconds = 0.5\n[health]\nfreshness_seconds = 20.0\ncommit_age_seconds = 2.0\n";

/// Where the log and the tables each have a disk of their own.
struct Apart {
    watched: Watched,
    log: SmallDisk,
    warehouse: SmallDisk,
}

impl Apart {
    /// `None` where this user may not mount.
    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let log = SmallDisk::mount(&data.join("log"), 96)?;
        let warehouse = SmallDisk::mount(&data.join("lake/warehouse"), 96)?;
        let apart = Self { watched: Watched::start_in(folder, SYMBOLS, CONFIGURATION), log, warehouse };
        apart.until_well();
        Some(apart)
    }

    fn health(&self) -> Option<Value> {
        serde_json::from_str(&self.watched.get("/api/v1/health")?).ok()
    }

    fn until_well(&self) {
        until("all is well", || (self.health()?["status"] == "ok").then_some(()));
        until("it is ready", || self.watched.get("/readyz"));
    }

    /// Waits until all who are asked say that it is not well, for this reason, and in the end that it fails.
    fn until_told(&self, reason: &str) {
        let is_told = |health: &Value| {
            let reasons = health["reasons"].as_array().unwrap();
            health["status"] != "ok" && reasons.iter().any(|told| told.as_str().unwrap().contains(reason))
        };
        until("health tells why", || is_told(&self.health()?).then_some(()));
        let address = self.watched.address();
        until("status tells why", || {
            let output = finish(self.watched.folder.path(), &["status", "--server", &address]);
            (output.status.code() == Some(1) && text(&output.stdout).contains(reason)).then_some(())
        });
        until("it is not ready", || self.watched.get("/readyz").is_none().then_some(()));
        until("the figures tell", || {
            let page = self.watched.get("/metrics")?;
            page.contains("depthlake_service_level_status{level=\"commit_age\"} 2").then_some(())
        });
        until("who looks into the folder sees that nothing is committed", || {
            let output = finish(self.watched.folder.path(), &["status", "--data", "data"]);
            (output.status.code() == Some(1) && text(&output.stdout).contains("commit_age")).then_some(())
        });
        let health = self.health().unwrap();
        assert!(is_told(&health), "{health}");
        let books = health["symbols"].as_array().unwrap();
        assert!(books.iter().all(|book| book["status"] == "ok"), "the live books go on: {health}");
    }

    /// Ends the program, and checks that nothing that the log took is missing.
    fn finish(mut self) {
        self.watched.stop();
        let view = LakeView::open(&self.watched.folder.path().join("data"));
        assert!(view.assert_raw_is_whole() > 0);
        view.assert_derived_equals_replay();
    }
}

#[test]
fn a_log_whose_disk_is_full_is_told() {
    let Some(apart) = Apart::start() else { return };
    let filler = apart.log.fill(0);
    apart.until_told("No space left on device");
    drop(filler);
    apart.until_well();
    apart.finish();
}

#[test]
fn a_warehouse_that_is_read_only_is_told() {
    let Some(apart) = Apart::start() else { return };
    until("no file is being written", || apart.warehouse.make_read_only().then_some(()));
    apart.until_told("Read-only file system");
    apart.warehouse.make_writable();
    apart.until_well();
    apart.finish();
}
