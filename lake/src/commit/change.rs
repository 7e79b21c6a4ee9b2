//! Changing several tables at once, exactly once: rows are added, and files of rows are removed.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use iceberg::spec::DataFile;
use tracing::{debug, warn};
use uuid::Uuid;

use super::catalog::{Advance, AdvanceError, MetadataKeeper, Pointers, PositionMove};
use super::data_file::write_data_files;
use super::error::{CommitError, LakeError};
use super::ledger::Ledger;
use super::position::{OffsetRange, PartitionOfTable, Positions, Standing, check_ranges, judge};
use super::properties::PROPERTY_PREFIX;
use super::rows::sorted_by_day;
use super::snapshot::{OFFSET_KEY, Staged, stage};
use super::stored_file::StoredFile;
use super::{CommittedSnapshot, Inner, Lake, blocking};
use crate::table::Table;

/// How often a commit is prepared anew because another process moved a table.
const ATTEMPTS: usize = 20;

/// Between two attempts lies up to this time.
const MOST_PAUSE: Duration = Duration::from_millis(50);

/// What shall become of one table.
#[derive(Debug, Clone)]
pub struct TableChange {
    pub table: Table,
    /// Rows in any order, with the columns of [`Table::arrow_schema`]; none where the records gave no rows.
    pub added: Vec<RecordBatch>,
    /// Files that are no longer to be part of the table, with all their rows.
    pub removed: Vec<StoredFile>,
    /// The records the added rows were derived from. Without any, a repeated change would repeat the rows, unless it
    /// removes files.
    pub positions: Vec<OffsetRange>,
    pub kind: ChangeKind,
    /// What the snapshot and all after it shall say of themselves; the names begin with `depthlake.`.
    pub properties: BTreeMap<String, String>,
}

/// What a change means for the rows of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// Rows are added and none removed.
    Append,
    /// Rows change: those of the removed files go and others come.
    Overwrite,
    /// The same rows in other files. Readers that look for new rows need not look.
    Replace,
}

/// What a change did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// The tables are as they shall be. A table of which only the positions moved has no new snapshot.
    Committed(Vec<CommittedSnapshot>),
    /// The rows were in the tables before: an earlier commit succeeded, whether its answer arrived or not.
    AlreadyCommitted,
}

/// A change whose rows are in data files.
#[derive(Debug)]
pub(super) struct WrittenChange {
    pub(super) table: Table,
    pub(super) added: Vec<AddedFile>,
    pub(super) removed: Vec<StoredFile>,
    pub(super) positions: Vec<OffsetRange>,
    pub(super) kind: ChangeKind,
    pub(super) properties: BTreeMap<String, String>,
}

/// A data file that is to be part of a table.
#[derive(Debug, Clone)]
pub(super) struct AddedFile {
    pub(super) file: DataFile,
    /// Of rows that have been in the table before, when they came; `None` for new ones.
    pub(super) sequence: Option<i64>,
}

impl TableChange {
    /// Rows for a table, and the records they were derived from.
    #[must_use]
    pub fn append(table: Table, added: Vec<RecordBatch>, positions: Vec<OffsetRange>) -> Self {
        let (removed, kind, properties) = (Vec::new(), ChangeKind::Append, BTreeMap::new());
        Self { table, added, removed, positions, kind, properties }
    }

    /// Other rows in the place of those of some files.
    #[must_use]
    pub fn overwrite(table: Table, removed: Vec<StoredFile>, added: Vec<RecordBatch>) -> Self {
        let (positions, kind, properties) = (Vec::new(), ChangeKind::Overwrite, BTreeMap::new());
        Self { table, added, removed, positions, kind, properties }
    }

    fn check(&self) -> Result<(), CommitError> {
        let malformed = |reason: String| Err(CommitError::Malformed { table: self.table, reason });
        let of_properties =
            |name: &&String| !name.starts_with(PROPERTY_PREFIX) || name.starts_with(OFFSET_KEY);
        if let Some(name) = self.properties.keys().find(of_properties) {
            return malformed(format!("{name} is no name for a property"));
        }
        match self.kind {
            ChangeKind::Append if !self.removed.is_empty() => malformed("an append removes files".to_owned()),
            ChangeKind::Replace => {
                let removed: u64 = self.removed.iter().map(|file| file.rows).sum();
                let added: u64 = self.added.iter().map(|batch| batch.num_rows() as u64).sum();
                if removed == added {
                    return check_ranges(self.table, &self.positions);
                }
                malformed(format!("{removed} rows would be replaced by {added}"))
            }
            ChangeKind::Append | ChangeKind::Overwrite => check_ranges(self.table, &self.positions),
        }
    }
}

impl WrittenChange {
    /// Whether the table gets a snapshot, rather than a position alone. Where nobody but the snapshots keeps the
    /// positions, a new position needs one.
    fn makes_a_snapshot(&self, keeper: MetadataKeeper) -> bool {
        let changes = !(self.added.is_empty() && self.removed.is_empty() && self.properties.is_empty());
        changes || (keeper == MetadataKeeper::Server && !self.positions.is_empty())
    }
}

impl Lake {
    /// Changes all the tables in one atomic step: all rows, files and positions are as given afterwards, or none. May be
    /// repeated with the same ranges until it returns `Ok`.
    ///
    /// # Errors
    /// [`CommitError::Superseded`], [`CommitError::PartialOverlap`] and [`CommitError::PartlyDone`] where the tables do not
    /// end where the ranges begin; [`CommitError::FilesGone`] where a file to be removed is no longer part of its table;
    /// [`CommitError::Malformed`] for rows that do not fit the table and for changes that contradict themselves;
    /// [`CommitError::Contended`], [`CommitError::Doubtful`] and [`CommitError::Lake`] where trying again may help.
    pub async fn change(&self, changes: Vec<TableChange>) -> Result<Changed, CommitError> {
        check(&changes)?;
        let ledger = Ledger::default();
        let changed = self.inner.change(changes, &ledger).await;
        self.inner.conclude(changed, &ledger).await
    }
}

impl Inner {
    async fn change(
        self: &Arc<Self>,
        changes: Vec<TableChange>,
        ledger: &Ledger,
    ) -> Result<Changed, CommitError> {
        let (pointers, committed) = self.catalog.state().await?;
        let ranges = changes.iter().flat_map(|change| with_table(change.table, &change.positions));
        if judge(ranges, &committed)? == Standing::Done {
            return Ok(Changed::AlreadyCommitted);
        }
        let written = self.write_data(changes, &pointers, ledger).await?;
        fail::fail_point!("commit::data_written");
        self.commit_written(written).await
    }

    /// Commits changes whose data files are written. Where others move the tables meanwhile, manifests and metadata are
    /// written anew, the data files are not.
    pub(super) async fn commit_written(
        self: &Arc<Self>,
        changes: Vec<WrittenChange>,
    ) -> Result<Changed, CommitError> {
        let changes = Arc::new(changes);
        for _ in 0..ATTEMPTS {
            let turn = self.turn.lock().await;
            let (pointers, committed) = self.catalog.state().await?;
            if judge(ranges(&changes), &committed)? == Standing::Done {
                return Ok(Changed::AlreadyCommitted);
            }
            let positions = position_moves(&changes, &committed);
            let ledger = Ledger::default();
            let staged = self.stage_all(&changes, &pointers, after(&committed, &positions), &ledger).await;
            let advanced = match staged {
                Ok(staged) => self.advance(staged, &positions).await,
                Err(error) => Err(error),
            };
            drop(turn);
            match advanced {
                Ok(Some(staged)) => {
                    let snapshots = staged.iter().map(|staged| staged.snapshot.clone()).collect();
                    fail::fail_point!("commit::before_cleanup");
                    self.settle(staged).await;
                    fail::fail_point!("commit::after_cleanup");
                    return Ok(Changed::Committed(snapshots));
                }
                Ok(None) => {
                    ledger.remove_files(&self.file_io).await;
                    pause().await;
                }
                Err(doubtful @ CommitError::Doubtful(_)) => return Err(doubtful),
                Err(error) => {
                    ledger.remove_files(&self.file_io).await;
                    return Err(error);
                }
            }
        }
        Err(CommitError::Contended { attempts: ATTEMPTS })
    }

    /// Removes the data files of a change that was not committed by them.
    pub(super) async fn conclude(
        &self,
        changed: Result<Changed, CommitError>,
        ledger: &Ledger,
    ) -> Result<Changed, CommitError> {
        match &changed {
            Ok(Changed::Committed(snapshots)) => debug!(?snapshots, "committed"),
            Err(CommitError::Doubtful(_)) => warn!("the files of a doubtful commit stay"),
            Ok(Changed::AlreadyCommitted) | Err(_) => ledger.remove_files(&self.file_io).await,
        }
        changed
    }

    /// Sorts, splits and writes the rows of each table, the tables side by side.
    async fn write_data(
        self: &Arc<Self>,
        changes: Vec<TableChange>,
        pointers: &Pointers,
        ledger: &Ledger,
    ) -> Result<Vec<WrittenChange>, CommitError> {
        let mut bases = Vec::with_capacity(changes.len());
        for change in &changes {
            bases.push(self.version(change.table, pointers).await?);
        }
        let works = changes.into_iter().zip(bases).map(|(change, base)| {
            let (inner, ledger) = (Arc::clone(self), ledger.clone());
            async move {
                let TableChange { table, added, removed, positions, kind, properties } = change;
                let days = sorted_by_day(table, &added)?;
                let added = write_data_files(&inner.file_io, &base, days, &ledger)
                    .await
                    .map_err(LakeError::table(table, "write the rows"))?;
                let sequence = match kind {
                    ChangeKind::Append | ChangeKind::Overwrite => None,
                    ChangeKind::Replace => removed.iter().map(|file| file.sequence).max(),
                };
                let added = added.into_iter().map(|file| AddedFile { file, sequence }).collect();
                Ok(WrittenChange { table, added, removed, positions, kind, properties })
            }
        });
        side_by_side(works).await
    }

    /// Writes the next version of each table that gets a snapshot, the tables side by side.
    async fn stage_all(
        self: &Arc<Self>,
        changes: &Arc<Vec<WrittenChange>>,
        pointers: &Pointers,
        next: Positions,
        ledger: &Ledger,
    ) -> Result<Vec<Staged>, CommitError> {
        let next = Arc::new(next);
        let mut works = Vec::new();
        let keeper = self.catalog.metadata_keeper();
        for (index, change) in changes.iter().enumerate() {
            if !change.makes_a_snapshot(keeper) {
                continue;
            }
            let base = self.version(change.table, pointers).await?;
            let (inner, changes) = (Arc::clone(self), Arc::clone(changes));
            let (next, ledger) = (Arc::clone(&next), ledger.clone());
            works.push(async move {
                let Some(change) = changes.get(index) else { return Ok(None) };
                stage(&inner, &base, change, &next, &ledger).await.map(Some)
            });
        }
        Ok(side_by_side(works.into_iter()).await?.into_iter().flatten().collect())
    }

    /// Moves pointers and positions. `None`: another writer was first.
    async fn advance(
        self: &Arc<Self>,
        staged: Vec<Staged>,
        positions: &[PositionMove],
    ) -> Result<Option<Vec<Staged>>, CommitError> {
        let tables = staged.iter().map(|staged| staged.table_move.clone()).collect();
        fail::fail_point!("commit::before_catalog");
        match self.catalog.advance(tables, positions).await {
            Ok(Advance::Moved) => {}
            Ok(Advance::Conflict) => return Ok(None),
            Err(AdvanceError::Refused(error)) => return Err(error.into()),
            Err(AdvanceError::Doubtful(error)) => self.resolve(&staged, positions, error).await?,
        }
        for staged in &staged {
            self.remember(Arc::clone(&staged.version));
        }
        Ok(Some(staged))
    }

    /// Looks whether a commit took whose COMMIT failed. Even where it did not, its files stay: a database that failed to
    /// sync may find the commit in its journal when it is opened next.
    async fn resolve(
        self: &Arc<Self>,
        staged: &[Staged],
        positions: &[PositionMove],
        error: LakeError,
    ) -> Result<(), CommitError> {
        if matches!(self.took(staged, positions).await, Ok(true)) {
            return Ok(());
        }
        Err(CommitError::Doubtful(Box::new(error)))
    }

    /// Whether the catalog has the staged snapshot; one tells for all, since they move together.
    pub(super) async fn took(
        self: &Arc<Self>,
        staged: &[Staged],
        positions: &[PositionMove],
    ) -> Result<bool, LakeError> {
        let (pointers, committed) = self.catalog.state().await?;
        match staged.first() {
            Some(Staged { snapshot, .. }) => {
                let current = self.version(snapshot.table, &pointers).await?;
                Ok(current.metadata.snapshot_by_id(snapshot.snapshot_id).is_some())
            }
            None => Ok(positions.iter().all(|position| committed.get(&position.of) == Some(&position.to))),
        }
    }

    /// After a commit: removes what the new versions made useless.
    async fn settle(self: &Arc<Self>, staged: Vec<Staged>) {
        for staged in staged {
            let grace = self.upkeep.snapshots.grace;
            self.let_go(staged.version, staged.expiry, staged.obsolete_metadata, grace).await;
        }
    }
}

fn check(changes: &[TableChange]) -> Result<(), CommitError> {
    let mut tables = HashSet::new();
    for change in changes {
        if !tables.insert(change.table) {
            let reason = "the table is given twice".to_owned();
            return Err(CommitError::Malformed { table: change.table, reason });
        }
        change.check()?;
    }
    Ok(())
}

fn ranges(changes: &[WrittenChange]) -> impl Iterator<Item = (Table, &OffsetRange)> {
    changes.iter().flat_map(|change| with_table(change.table, &change.positions))
}

fn with_table(table: Table, ranges: &[OffsetRange]) -> impl Iterator<Item = (Table, &OffsetRange)> {
    ranges.iter().map(move |range| (table, range))
}

fn position_moves(changes: &[WrittenChange], committed: &Positions) -> Vec<PositionMove> {
    let position_move = |(table, range): (Table, &OffsetRange)| {
        let of = PartitionOfTable { table, topic: range.topic.clone(), partition: range.partition };
        PositionMove { from: committed.get(&of).copied(), of, to: range.end }
    };
    ranges(changes).map(position_move).collect()
}

fn after(committed: &Positions, moves: &[PositionMove]) -> Positions {
    let mut next = committed.clone();
    next.extend(moves.iter().map(|position| (position.of.clone(), position.to)));
    next
}

/// Lets others go first for a while that differs from theirs: two that try again in step would meet again.
pub(super) async fn pause() {
    let random = u32::from(Uuid::new_v4().as_bytes()[0]);
    tokio::time::sleep(MOST_PAUSE * random / 255).await;
}

/// Runs works in parallel, each on a thread it may block, and waits for all of them even where one fails.
async fn side_by_side<T: Send + 'static>(
    works: impl Iterator<Item = impl Future<Output = Result<T, CommitError>> + Send + 'static>,
) -> Result<Vec<T>, CommitError> {
    let running: Vec<_> = works.map(blocking).collect();
    let mut results = Vec::with_capacity(running.len());
    for work in running {
        results.push(work.await?);
    }
    results.into_iter().collect()
}
