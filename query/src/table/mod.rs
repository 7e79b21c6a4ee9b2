//! The tables that SQL reads: those of the lake, joined to what the log has behind them; what is said about them; and the
//! live books.
//!
//! `NAME` is a table as it is now, `NAME@STATE` one of its past (`state`), `NAME$files` and the like are about it
//! (`metadata`). Invariants:
//!
//! - a provider is for one query: however often that scans a table, it sees the same rows, those of one snapshot and, where
//!   a tail is given, exactly those behind it;
//! - files that the filters rule out are not opened, and what is known of a snapshot is kept until there is a newer one, so
//!   that planning asks the catalog and reads no file.

mod bounds;
mod files;
mod live;
pub(crate) mod metadata;
mod provider;
pub(crate) mod state;
mod tail;

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::catalog::TableProvider;
use depthlake_lake::commit::{Lake, StoredFile};
use depthlake_lake::table::Table;
use depthlake_lake::tail::Tail;

use files::PlannedFiles;
use live::LiveTable;
use metadata::{ColumnFigures, MetadataTable};
use provider::LakeTable;
use state::StateOfTable;

/// The schema of the live books.
pub(crate) const LIVE: &str = "live";

/// All tables of one lake. Clones share what is kept of them.
#[derive(Clone)]
pub struct Tables {
    lake: Lake,
    tail: Option<Tail>,
    board: Option<PathBuf>,
    planned: Arc<Mutex<HashMap<Table, Arc<PlannedFiles>>>>,
}

impl Tables {
    /// The tables of a lake as they are committed.
    #[must_use]
    pub fn of(lake: Lake) -> Self {
        Self { lake, tail: None, board: None, planned: Arc::default() }
    }

    /// The same with the rows that the log has behind them.
    #[must_use]
    pub fn with_tail(mut self, tail: Tail) -> Self {
        self.tail = Some(tail);
        self
    }

    /// The same with the live books of the board in this file.
    #[must_use]
    pub fn with_board(mut self, board: PathBuf) -> Self {
        self.board = Some(board);
        self
    }

    /// The lake that the tables are of.
    #[must_use]
    pub const fn lake(&self) -> &Lake {
        &self.lake
    }

    /// What is joined to the snapshots.
    #[must_use]
    pub const fn tail(&self) -> Option<&Tail> {
        self.tail.as_ref()
    }

    /// The names of the tables in a schema, without those about them.
    #[must_use]
    pub fn names(schema: &str) -> Vec<&'static str> {
        if schema == LIVE {
            return LiveTable::ALL.map(LiveTable::name).to_vec();
        }
        Table::ALL.iter().filter(|table| table.namespace() == schema).map(|table| table.name()).collect()
    }

    /// The table of a name in a schema, for one query; `None` where there is none.
    #[must_use]
    pub fn provider(&self, schema: &str, name: &str) -> Option<Arc<dyn TableProvider>> {
        if schema == LIVE {
            return LiveTable::named(name).map(|table| table.provider(self.board.clone()));
        }
        if let Some((table, about)) = name.rsplit_once('$') {
            let table = lake_table(schema, table)?;
            return MetadataTable::named(about).map(|about| about.provider(self.lake.clone(), table));
        }
        let (table, state) = StateOfTable::split(name);
        let table = lake_table(schema, table)?;
        Some(Arc::new(LakeTable::new(self.clone(), table, state?)))
    }

    /// What the current snapshot tells of the values in each column; nothing of what is no table of the lake.
    ///
    /// # Errors
    /// Where the catalog or a manifest cannot be read.
    pub(crate) async fn figures(
        &self,
        schema: &str,
        name: &str,
    ) -> datafusion::error::Result<Vec<ColumnFigures>> {
        match lake_table(schema, name) {
            Some(table) => MetadataTable::figures(&self.lake, table).await,
            None => Ok(Vec::new()),
        }
    }

    /// Whether there is a table of this name.
    #[must_use]
    pub fn exists(&self, schema: &str, name: &str) -> bool {
        self.provider(schema, name).is_some()
    }

    /// What scans need of these files. Of the current snapshot it is kept.
    fn planned(
        &self,
        table: Table,
        files: &Arc<[StoredFile]>,
    ) -> datafusion::error::Result<Arc<PlannedFiles>> {
        let planned = || self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = planned().get(&table).filter(|known| known.are_of(files)) {
            return Ok(Arc::clone(known));
        }
        let new = Arc::new(PlannedFiles::new(table, Arc::clone(files))?);
        planned().insert(table, Arc::clone(&new));
        Ok(new)
    }
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tables").field("tail", &self.tail).field("board", &self.board).finish_non_exhaustive()
    }
}

fn lake_table(schema: &str, name: &str) -> Option<Table> {
    Table::ALL.into_iter().find(|table| table.namespace() == schema && table.name() == name)
}
