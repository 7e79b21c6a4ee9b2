//! Compaction: few large files in the place of many small ones, with the same rows in the table's order.
//!
//! Files of one day are merged with files of about their own size, so that a row is rewritten a few times at most however
//! many commits a day has. Days that are over are merged whole. A compaction pins the files it read: the commit is a
//! replacement that holds as long as these files are live, whatever has been appended meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;

use depthlake_orderbook::time::Timestamp;
use iceberg::arrow::schema_to_arrow_schema;

use super::change::{AddedFile, ChangeKind, Changed, WrittenChange};
use super::data_file::DayWriter;
use super::error::{CommitError, LakeError};
use super::ledger::Ledger;
use super::merge::Merge;
use super::row_reader::RowReader;
use super::snapshot::TableVersion;
use super::stored_file::StoredFile;
use super::{Inner, Lake, blocking};
use crate::table::Table;

const NANOSECONDS_PER_DAY: i64 = 86_400_000_000_000;

/// Files that are merged at a time; each holds a batch and a compressed row group in memory.
const MOST_INPUTS: usize = 64;

/// Rows of all batches that a merge holds.
const ROWS_HELD: usize = 64 * 1024;

/// Files below this size are all of one class.
const SMALLEST_CLASS: u64 = 64 << 10;

/// What files are to be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactionRules {
    /// Files are merged into files of at most this size, in bytes. Files of more than three quarters of it stay as they are.
    pub target_bytes: u64,
    /// So many small files of one day are merged; fewer are left until more have come.
    pub fewest_files: usize,
}

/// What a compaction did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compacted {
    /// Files that were merged, and their bytes.
    pub files: usize,
    pub bytes: u64,
    /// Files that are in their place, and their bytes.
    pub into_files: usize,
    pub into_bytes: u64,
}

impl Default for CompactionRules {
    fn default() -> Self {
        Self { target_bytes: 256 << 20, fewest_files: 8 }
    }
}

impl Lake {
    /// Merges small files of a table, a bin of files at a time, until none need it. `now` tells which days are over.
    ///
    /// # Errors
    /// Those of [`Lake::change`] but [`CommitError::FilesGone`]: a bin of which another writer has removed a file is left.
    pub async fn compact(
        &self,
        table: Table,
        rules: &CompactionRules,
        now: Timestamp,
    ) -> Result<Compacted, CommitError> {
        let files = self.data_files(table).await?.files;
        let mut compacted = Compacted::default();
        for bin in bins(files, rules, now) {
            let (inputs, bytes) = (bin.len(), bytes_of(&bin));
            match self.inner.replace_merged(table, bin).await {
                Ok(Changed::Committed(snapshots)) => {
                    fail::fail_point!("compaction::replaced");
                    compacted.files += inputs;
                    compacted.bytes += bytes;
                    compacted.into_files += snapshots.iter().map(|snapshot| snapshot.files).sum::<usize>();
                    compacted.into_bytes += snapshots.iter().map(|snapshot| snapshot.bytes).sum::<u64>();
                }
                Ok(Changed::AlreadyCommitted) | Err(CommitError::FilesGone { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(compacted)
    }

    /// What [`Lake::compact`] would merge; how large the merged files will be nobody knows.
    ///
    /// # Errors
    /// [`LakeError`] where the table cannot be read.
    pub async fn planned_compaction(
        &self,
        table: Table,
        rules: &CompactionRules,
        now: Timestamp,
    ) -> Result<Compacted, LakeError> {
        let bins = bins(self.data_files(table).await?.files, rules, now);
        Ok(Compacted {
            files: bins.iter().map(Vec::len).sum(),
            bytes: bins.iter().map(|bin| bytes_of(bin)).sum(),
            into_files: bins.len(),
            into_bytes: 0,
        })
    }

    /// Merges each day's files of a table, whatever their sizes, up to the target.
    ///
    /// # Errors
    /// As [`Lake::compact`].
    pub async fn compact_whole(&self, table: Table, target_bytes: u64) -> Result<Compacted, CommitError> {
        let rules = CompactionRules { target_bytes, fewest_files: 2 };
        self.compact(table, &rules, Timestamp(i64::MAX)).await
    }
}

impl Inner {
    async fn replace_merged(
        self: &Arc<Self>,
        table: Table,
        bin: Vec<StoredFile>,
    ) -> Result<Changed, CommitError> {
        let pointers = self.catalog.pointers().await?;
        let version = self.version(table, &pointers).await?;
        let ledger = Ledger::default();
        let (inner, noted) = (Arc::clone(self), ledger.clone());
        let merging = blocking(async move {
            let merged = merge_files(&inner, &version, &bin, &noted).await;
            merged.map(|added| (added, bin)).map_err(LakeError::table(table, "merge the files"))
        });
        let replaced = match merging.await {
            Ok(Ok((added, removed))) => {
                fail::fail_point!("compaction::merged");
                self.replace(table, added, removed).await
            }
            Ok(Err(error)) | Err(error) => Err(error.into()),
        };
        self.conclude(replaced, &ledger).await
    }

    async fn replace(
        self: &Arc<Self>,
        table: Table,
        added: Vec<AddedFile>,
        removed: Vec<StoredFile>,
    ) -> Result<Changed, CommitError> {
        let before: u64 = removed.iter().map(|file| file.rows).sum();
        let after: u64 = added.iter().map(|added| added.file.record_count()).sum();
        if before != after {
            let reason = format!("{before} rows would be replaced by {after}");
            return Err(CommitError::Malformed { table, reason });
        }
        let (positions, properties) = (Vec::new(), BTreeMap::new());
        let kind = ChangeKind::Replace;
        self.commit_written(vec![WrittenChange { table, added, removed, positions, kind, properties }]).await
    }
}

async fn merge_files(
    inner: &Inner,
    version: &TableVersion,
    bin: &[StoredFile],
    ledger: &Ledger,
) -> iceberg::Result<Vec<AddedFile>> {
    let Some(day) = bin.first().map(|file| file.day) else { return Ok(Vec::new()) };
    let stored = Arc::new(schema_to_arrow_schema(version.metadata.current_schema())?);
    let batch_rows = (ROWS_HELD / bin.len()).max(1);
    let mut readers = Vec::with_capacity(bin.len());
    for file in bin {
        readers.push(RowReader::open(&inner.file_io, &file.location, &stored, batch_rows).await?);
    }
    let mut merge = Merge::new(readers, stored, version.table.definition().sorted_by).await?;
    let mut writer = DayWriter::create(&inner.file_io, version, day, ledger).await?;
    while let Some(rows) = merge.next().await? {
        writer.write(&rows).await?;
    }
    let sequence = bin.iter().map(|file| file.sequence).max();
    Ok(writer.close().await?.into_iter().map(|file| AddedFile { file, sequence }).collect())
}

/// Which files are to be merged with which: each bin's files are of one day, together of at most the target's size, and in
/// the order in which they came.
fn bins(files: Vec<StoredFile>, rules: &CompactionRules, now: Timestamp) -> Vec<Vec<StoredFile>> {
    let today = now.0.div_euclid(NANOSECONDS_PER_DAY);
    let mut classes: BTreeMap<(i32, u32), Vec<StoredFile>> = BTreeMap::new();
    for file in files.into_iter().filter(|file| file.sorted && file.bytes <= rules.target_bytes / 4 * 3) {
        let is_over = i64::from(file.day) < today;
        let class = if is_over { 0 } else { size_class(file.bytes) };
        classes.entry((file.day, class)).or_default().push(file);
    }
    let mut bins = Vec::new();
    for ((day, _), mut files) in classes {
        // Nothing is expected of a day that has been over for a day: two files are one too many.
        let fewest = if i64::from(day) < today - 1 { 2 } else { rules.fewest_files.max(2) };
        files.sort_by_key(|file| file.sequence);
        bins.extend(packed(files, rules.target_bytes).into_iter().filter(|bin| bin.len() >= fewest));
    }
    bins
}

/// Each class has files up to four times as large as the one before.
fn size_class(bytes: u64) -> u32 {
    (bytes / SMALLEST_CLASS).checked_ilog(4).map_or(0, |class| class + 1)
}

fn packed(files: Vec<StoredFile>, target_bytes: u64) -> Vec<Vec<StoredFile>> {
    let mut bins: Vec<Vec<StoredFile>> = Vec::new();
    for file in files {
        let has_room = |bin: &Vec<_>| bin.len() < MOST_INPUTS && bytes_of(bin) + file.bytes <= target_bytes;
        match bins.last_mut().filter(|bin| has_room(bin)) {
            Some(bin) => bin.push(file),
            None => bins.push(vec![file]),
        }
    }
    bins
}

fn bytes_of(files: &[StoredFile]) -> u64 {
    files.iter().map(|file| file.bytes).sum()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    const TODAY: i32 = 20_000;

    fn now() -> Timestamp {
        Timestamp(i64::from(TODAY) * NANOSECONDS_PER_DAY + 1)
    }

    fn file(number: usize, day: i32, bytes: u64, sorted: bool) -> StoredFile {
        StoredFile {
            location: format!("file:///{number}"),
            bytes,
            rows: 1,
            day,
            sequence: i64::try_from(number).unwrap(),
            symbols: None,
            times: None,
            sorted,
        }
    }

    fn files(sizes: &[(i32, u64)]) -> Vec<StoredFile> {
        sizes.iter().enumerate().map(|(number, &(day, bytes))| file(number, day, bytes, true)).collect()
    }

    const RULES: CompactionRules = CompactionRules { target_bytes: 1_000_000, fewest_files: 4 };

    #[test]
    fn files_of_the_current_day_are_merged_with_their_like() {
        let sizes = [1_000, 500_000, 2_000, 3_000, 600_000, 4_000, 900_000].map(|bytes| (TODAY, bytes));
        let bins = bins(files(&sizes), &RULES, now());
        let merged: Vec<Vec<_>> =
            bins.iter().map(|bin| bin.iter().map(|file| file.bytes).collect()).collect();
        assert_eq!(merged, [[1_000, 2_000, 3_000, 4_000]]);
        assert!(super::bins(files(&sizes[..4]), &RULES, now()).is_empty());
    }

    #[test]
    fn days_that_are_over_are_merged_whole() {
        let sizes = [(TODAY - 2, 1_000), (TODAY - 2, 500_000), (TODAY - 1, 1_000), (TODAY - 1, 500_000)];
        let bins = bins(files(&sizes), &RULES, now());
        assert_eq!(bins.iter().map(|bin| bin[0].day).collect::<Vec<_>>(), [TODAY - 2]);
        assert!(super::bins(vec![file(1, 0, 9, false), file(2, 0, 9, false)], &RULES, now()).is_empty());
    }

    #[test]
    fn classes_quadruple() {
        let kilobytes = [1, 63, 64, 255, 256, 1_023, 1_024];
        assert_eq!(kilobytes.map(|size| size_class(size << 10)), [0, 0, 1, 1, 2, 2, 3]);
    }

    proptest! {
        #[test]
        fn bins_hold_files_of_one_day_once_and_no_more_than_the_target(
            sizes in prop::collection::vec((TODAY - 3..=TODAY, 1..1_200_000_u64), 0..200),
        ) {
            let bins = bins(files(&sizes), &RULES, now());
            let mut seen = HashSet::new();
            for bin in &bins {
                prop_assert!(bin.len() >= 2 && bin.len() <= MOST_INPUTS && bytes_of(bin) <= RULES.target_bytes);
                prop_assert!(bin.iter().all(|file| file.day == bin[0].day && file.bytes <= 750_000));
                prop_assert!(bin.is_sorted_by_key(|file| file.sequence));
                prop_assert!(bin.iter().all(|file| seen.insert(file.location.clone())));
            }
        }
    }
}
