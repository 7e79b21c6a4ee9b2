//! Appending rows to several tables at once, exactly once.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::RecordBatch;
use iceberg::spec::DataFile;
use tracing::{debug, warn};

use super::catalog::{Advance, AdvanceError, PointerMove, PositionMove};
use super::data_file::write_data_files;
use super::error::{CommitError, LakeError};
use super::ledger::{Ledger, remove_files};
use super::position::{OffsetRange, PartitionOfTable, Positions, Standing, check_ranges, judge};
use super::rows::sorted_by_day;
use super::snapshot::{Staged, TableVersion, files_of_expired, stage_append};
use super::{CommittedSnapshot, Inner, Lake, blocking};
use crate::table::Table;

/// How often a commit is prepared anew because another writer moved a table.
const ATTEMPTS: usize = 10;

/// Rows for one table, with the part of the log they are all the rows of.
#[derive(Debug, Clone)]
pub struct TableAppend {
    pub table: Table,
    /// Rows in any order, with the columns of [`Table::arrow_schema`]; none where the records gave no rows.
    pub batches: Vec<RecordBatch>,
    /// The records the rows were derived from. Without any, a repeated append would repeat the rows.
    pub positions: Vec<OffsetRange>,
}

/// What an append did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// The rows are in the tables now. A table without rows has moved on without a snapshot.
    Committed(Vec<CommittedSnapshot>),
    /// The rows were in the tables before: an earlier commit succeeded, whether its answer arrived or not.
    AlreadyCommitted,
}

impl Lake {
    /// Appends to all the tables in one atomic step: all rows and positions are there afterwards, or none. May be repeated
    /// with the same ranges until it returns `Ok`.
    ///
    /// # Errors
    /// [`CommitError::Superseded`], [`CommitError::PartialOverlap`] and [`CommitError::PartlyDone`] where the tables do not
    /// end where the ranges begin; [`CommitError::Malformed`] for rows that do not fit the table;
    /// [`CommitError::Contended`], [`CommitError::Doubtful`] and [`CommitError::Lake`] where trying again may help.
    pub async fn append(&self, appends: Vec<TableAppend>) -> Result<Appended, CommitError> {
        check(&appends)?;
        let files = Ledger::default();
        let appended = self.inner.append(Arc::new(appends), &files).await;
        match &appended {
            Ok(Appended::Committed(snapshots)) => debug!(?snapshots, "committed"),
            Err(CommitError::Doubtful(_)) => warn!("the files of a doubtful commit stay"),
            Ok(Appended::AlreadyCommitted) | Err(_) => files.remove_files(&self.inner.file_io).await,
        }
        appended
    }
}

impl Inner {
    async fn append(
        self: &Arc<Self>,
        appends: Arc<Vec<TableAppend>>,
        data_ledger: &Ledger,
    ) -> Result<Appended, CommitError> {
        let mut written: Option<Vec<Vec<DataFile>>> = None;
        for _ in 0..ATTEMPTS {
            let (pointers, committed) = self.catalog.state().await?;
            if judge(ranges(&appends), &committed)? == Standing::Done {
                return Ok(Appended::AlreadyCommitted);
            }
            let mut bases = Vec::with_capacity(appends.len());
            for append in appends.iter() {
                bases.push(self.version(append.table, &pointers).await?);
            }
            let files = match written.take() {
                Some(files) => files,
                None => self.write_data(&appends, &bases, data_ledger).await?,
            };
            fail::fail_point!("commit::data_written");
            let metadata_ledger = Ledger::default();
            let positions = position_moves(&appends, &committed);
            let next = after(&committed, &positions);
            match self.commit(&bases, &files, &positions, next, &metadata_ledger).await {
                Ok(Some(snapshots)) => return Ok(Appended::Committed(snapshots)),
                Ok(None) => metadata_ledger.remove_files(&self.file_io).await,
                Err(doubtful @ CommitError::Doubtful(_)) => return Err(doubtful),
                Err(error) => {
                    metadata_ledger.remove_files(&self.file_io).await;
                    return Err(error);
                }
            }
            written = Some(files);
        }
        Err(CommitError::Contended { attempts: ATTEMPTS })
    }

    /// Sorts, splits and writes the rows of each table, the tables side by side.
    async fn write_data(
        self: &Arc<Self>,
        appends: &Arc<Vec<TableAppend>>,
        bases: &[Arc<TableVersion>],
        ledger: &Ledger,
    ) -> Result<Vec<Vec<DataFile>>, CommitError> {
        let works = bases.iter().enumerate().map(|(index, base)| {
            let (inner, appends) = (Arc::clone(self), Arc::clone(appends));
            let (base, ledger) = (Arc::clone(base), ledger.clone());
            async move {
                let batches = appends.get(index).map_or(&[][..], |append| &append.batches);
                let days = sorted_by_day(base.table, batches)?;
                let files = write_data_files(&inner.file_io, base.table, &base.metadata, days, &ledger).await;
                Ok(files.map_err(LakeError::table(base.table, "write the rows"))?)
            }
        });
        side_by_side(works).await
    }

    /// Stages the tables that have rows, and moves pointers and positions. `None`: another writer was first.
    async fn commit(
        self: &Arc<Self>,
        bases: &[Arc<TableVersion>],
        files: &[Vec<DataFile>],
        positions: &[PositionMove],
        next: Positions,
        ledger: &Ledger,
    ) -> Result<Option<Vec<CommittedSnapshot>>, CommitError> {
        let next = Arc::new(next);
        let with_rows = bases.iter().zip(files).filter(|(_, files)| !files.is_empty());
        let works = with_rows.map(|(base, files)| {
            let (inner, next, ledger) = (Arc::clone(self), Arc::clone(&next), ledger.clone());
            let (base, files) = (Arc::clone(base), files.clone());
            async move {
                let staged = stage_append(&inner.file_io, &base, files, &next, inner.upkeep, &ledger).await;
                Ok(staged.map_err(LakeError::table(base.table, "write the next version"))?)
            }
        });
        let staged = side_by_side(works).await?;
        let pointers: Vec<_> = staged.iter().map(pointer_move).collect();
        fail::fail_point!("commit::before_catalog");
        match self.catalog.advance(&pointers, positions).await {
            Ok(Advance::Moved) => {}
            Ok(Advance::Conflict) => return Ok(None),
            Err(AdvanceError::Refused(error)) => return Err(error.into()),
            Err(AdvanceError::Doubtful(error)) => self.resolve(&staged, positions, error).await?,
        }
        let snapshots = staged.iter().map(|staged| staged.snapshot.clone()).collect();
        fail::fail_point!("commit::before_cleanup");
        self.settle(staged).await;
        fail::fail_point!("commit::after_cleanup");
        Ok(Some(snapshots))
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

    /// After a commit: remembers the new versions and removes what they made useless.
    async fn settle(self: &Arc<Self>, staged: Vec<Staged>) {
        let inner = Arc::clone(self);
        let settled = blocking(async move {
            for staged in staged {
                inner.remember(Arc::clone(&staged.version));
                match files_of_expired(&inner.file_io, &staged).await {
                    Ok(unused) => remove_files(&inner.file_io, unused).await,
                    Err(error) => {
                        warn!(table = %staged.version.table, %error, "files of expired snapshots stay");
                    }
                }
                remove_files(&inner.file_io, staged.obsolete_metadata).await;
            }
        });
        if let Err(error) = settled.await {
            warn!(%error, "old metadata files stay");
        }
    }
}

fn check(appends: &[TableAppend]) -> Result<(), CommitError> {
    let mut tables = HashSet::new();
    for TableAppend { table, positions, .. } in appends {
        if !tables.insert(table) {
            return Err(CommitError::Malformed {
                table: *table,
                reason: "the table is given twice".to_owned(),
            });
        }
        check_ranges(*table, positions)?;
    }
    Ok(())
}

fn ranges(appends: &[TableAppend]) -> impl Iterator<Item = (Table, &OffsetRange)> {
    appends.iter().flat_map(|append| append.positions.iter().map(|range| (append.table, range)))
}

fn position_moves(appends: &[TableAppend], committed: &Positions) -> Vec<PositionMove> {
    let position_move = |(table, range): (Table, &OffsetRange)| {
        let of = PartitionOfTable { table, topic: range.topic.clone(), partition: range.partition };
        PositionMove { from: committed.get(&of).copied(), of, to: range.end }
    };
    ranges(appends).map(position_move).collect()
}

fn after(committed: &Positions, moves: &[PositionMove]) -> Positions {
    let mut next = committed.clone();
    next.extend(moves.iter().map(|position| (position.of.clone(), position.to)));
    next
}

fn pointer_move(staged: &Staged) -> PointerMove {
    PointerMove {
        table: staged.version.table,
        from: staged.replaces.clone(),
        to: staged.version.location.clone(),
    }
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
