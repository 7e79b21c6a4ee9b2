//! A snapshot of a table joined to the rows behind it.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arrow_array::RecordBatch;
use tokio::task::spawn_blocking;

use super::held::PinnedPartition;
use super::{Shared, Tail, TailError, committed_of};
use crate::bitemporal;
use crate::commit::{CommitError, CurrentTable, StoredFile, TableChange};
use crate::log::{Offset, TopicPartition};
use crate::record::{Unusable, table_of, unusable_rows};
use crate::table::Table;

/// One state of a table: the rows of `files`, and besides those of `rows` and of `unread`.
#[derive(Debug)]
pub struct Joined {
    /// The snapshot that it is based on, and the positions that it was joined at.
    pub current: CurrentTable,
    pub files: Arc<[StoredFile]>,
    /// With the columns of the table. Among them are rows of files that are not in `files`, because later ones change them.
    pub rows: Vec<RecordBatch>,
    /// What is to be read from the log, since it has no room in memory.
    pub unread: Vec<super::Unread>,
    /// Behind the last record that is seen of each partition the rows come from.
    pub ends: BTreeMap<TopicPartition, Offset>,
}

/// A table's partitions as they were at one moment.
struct Pinned {
    table: Table,
    partitions: Vec<(TopicPartition, PinnedPartition)>,
}

impl Tail {
    /// The current snapshot of a table and exactly the rows behind it. Costs the lake's [`current`](crate::commit::Lake::current)
    /// and a look at each partition; of bars, where later ones close versions of the snapshot, the reading of the files that
    /// have these.
    ///
    /// # Errors
    /// [`TailError::Lake`] where the catalog or a manifest cannot be read, [`TailError::Behind`] where the tail has not
    /// read all yet that the log had at the start, and [`TailError::Gap`] where the log has lost what no table has.
    pub async fn join(&self, table: Table) -> Result<Joined, TailError> {
        let follows = Self::follows(table);
        if follows {
            self.caught_up().await?;
        }
        let shared = &self.running.shared;
        // Before the snapshot: what is let go of from here on is in it.
        let pinned = follows.then(|| shared.pin(table));
        let current = self.running.lake.current(table).await?;
        shared.note_committed(current.positions());
        let files = current.files().await?;
        let (rows, unread, ends) = (Vec::new(), Vec::new(), BTreeMap::new());
        let mut joined = Joined { current, files, rows, unread, ends };
        if let Some(pinned) = pinned {
            pinned.cut(shared, &mut joined)?;
        }
        match table {
            Table::Bars => self.with_versions_closed(joined).await,
            _ => Ok(joined),
        }
    }

    /// Does to the versions of bars what the commit of the later ones will do.
    async fn with_versions_closed(&self, mut joined: Joined) -> Result<Joined, TailError> {
        joined = read_all(joined).await?;
        if joined.rows.is_empty() {
            return Ok(joined);
        }
        let malformed = |error: arrow_schema::ArrowError| CommitError::Malformed {
            table: Table::Bars,
            reason: error.to_string(),
        };
        let facts = bitemporal::facts_of(Table::Bars, &joined.rows).map_err(malformed)?;
        let lake = &self.running.lake;
        let revised = bitemporal::change_of(lake, Table::Bars, joined.files.to_vec(), &facts).await?;
        let TableChange { added, removed, .. } = revised;
        if !removed.is_empty() {
            let removed: HashSet<_> = removed.into_iter().map(|file| file.location).collect();
            let stays = |file: &&StoredFile| !removed.contains(&file.location);
            joined.files = joined.files.iter().filter(stays).cloned().collect();
        }
        joined.rows = added;
        Ok(joined)
    }
}

impl Shared {
    fn pin(&self, table: Table) -> Pinned {
        let wanted = |at: &TopicPartition| table == Table::DeadLetters || table_of(at.topic) == Some(table);
        let state = self.state();
        let partitions = state.partitions.iter().filter(|(at, _)| wanted(at));
        Pinned { table, partitions: partitions.map(|(at, held)| (*at, held.pin())).collect() }
    }
}

impl Pinned {
    /// Adds what is behind the positions.
    fn cut(self, shared: &Arc<Shared>, joined: &mut Joined) -> Result<(), TailError> {
        let committed = committed_of(joined.current.positions());
        let mut unusable: Vec<Unusable> = Vec::new();
        for (at, pinned) in self.partitions {
            let from = committed.get(&at).copied().unwrap_or(pinned.start);
            if from < pinned.start {
                return Err(TailError::Gap { at, from, next: pinned.start });
            }
            joined.ends.insert(at, from.max(pinned.visible));
            let is_own = table_of(at.topic) == Some(self.table);
            for segment in &pinned.segments {
                if is_own {
                    joined.rows.extend(segment.rows_from(from));
                }
                if self.table == Table::DeadLetters {
                    unusable.extend(segment.unusable_from(from).cloned());
                }
            }
            let unread = from.max(pinned.end);
            if unread < pinned.visible {
                let shared = Arc::clone(shared);
                joined.unread.push(super::Unread::new(shared, at, self.table, unread, pinned.visible));
            }
        }
        if !unusable.is_empty() {
            joined.rows.push(unusable_rows(&unusable)?);
        }
        Ok(())
    }
}

/// Reads what has no room in memory all the same.
async fn read_all(mut joined: Joined) -> Result<Joined, TailError> {
    if joined.unread.is_empty() {
        return Ok(joined);
    }
    let reading = spawn_blocking(move || {
        for mut unread in std::mem::take(&mut joined.unread) {
            while let Some(rows) = unread.read()? {
                joined.rows.extend(rows);
            }
        }
        Ok(joined)
    });
    reading.await.map_err(|_| TailError::Ended)?
}
