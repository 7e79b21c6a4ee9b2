//! The named steps between which a crash is tried: every place where the disk or the catalog stands differently
//! before and after.
//!
//! Built with the feature `failpoints`, each is a `fail::fail_point!` that a test can make abort, wait or fail; without
//! it, nothing is left of them. The kill harness (`tests/kill_harness`) dies at each of these steps, and fails where
//! one is never reached.

/// Opening a lake for the first time.
pub const OPENING: [&str; 2] = ["open::tables_written", "catalog::before_register"];

/// A commit, in its order.
pub const COMMIT: [&str; 12] = [
    "catalog::before_read",
    "commit::data_file_written",
    "commit::data_written",
    "commit::manifests_written",
    "commit::metadata_written",
    "commit::before_catalog",
    "catalog::begun",
    "catalog::pointers_moved",
    "catalog::before_commit",
    "catalog::after_commit",
    "commit::before_cleanup",
    "commit::after_cleanup",
];

/// What the sink does around a commit.
pub const SINK: [&str; 3] = ["sink::gathered", "sink::committed", "sink::reported"];

/// Caring for a table: letting go of old days, merging its files, letting go of old snapshots, removing what nothing refers
/// to.
pub const MAINTENANCE: [&str; 9] = [
    "retention::planned",
    "retention::committed",
    "compaction::merged",
    "compaction::replaced",
    "expiry::written",
    "expiry::committed",
    "expiry::files_removed",
    "orphans::listed",
    "orphans::removed",
];

/// The embedded log: writing a group, beginning a segment, letting go of one.
pub const EMBEDDED_LOG: [&str; 9] = [
    "log::group_taken",
    "log::before_sync",
    "log::after_sync",
    "log::before_segment",
    "log::segment_written",
    "log::segment_begun",
    "log::before_release",
    "log::segment_removed",
    "log::after_release",
];

/// The log at a broker: what is sent, what is answered, and what the outbox lets go of.
pub const KAFKA_LOG: [&str; 5] = [
    "kafka::outbox_opened",
    "kafka::sent",
    "kafka::answered",
    "kafka::acknowledged",
    "kafka::before_release",
];

/// Every fail point of this crate.
pub fn all() -> impl Iterator<Item = &'static str> {
    OPENING.into_iter().chain(COMMIT).chain(SINK).chain(MAINTENANCE).chain(EMBEDDED_LOG).chain(KAFKA_LOG)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    fn collect(folder: &Path, found: &mut BTreeSet<String>) {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                collect(&path, found);
            } else {
                let source = fs::read_to_string(&path).unwrap();
                let named = source.split("fail_point!(\"").skip(1);
                found.extend(named.filter_map(|rest| rest.split('"').next()).map(ToOwned::to_owned));
            }
        }
    }

    #[test]
    fn the_list_names_every_fail_point_of_the_sources_and_no_other() {
        let mut found = BTreeSet::new();
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
        let listed: Vec<_> = super::all().map(ToOwned::to_owned).collect();
        assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), found);
        assert_eq!(listed.len(), found.len(), "a name is listed twice");
    }
}
