//! Retention: days of a table that are no longer kept.

use std::collections::BTreeMap;

use depthlake_orderbook::time::Timestamp;

use super::change::TableChange;
use super::error::{CommitError, LakeError};
use super::stored_file::StoredFile;
use super::{Changed, Lake};
use crate::table::Table;

const NANOSECONDS_PER_DAY: i64 = 86_400_000_000_000;

/// The property by which a table tells the first day it still has, in days since 1970-01-01 UTC: what is older has not been
/// lost but let go.
pub const RETAINED_FROM: &str = "depthlake.retained-from-day";

/// What retention let go of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LetGo {
    pub files: usize,
    pub rows: u64,
}

impl Lake {
    /// Removes the rows of all days before the last `days`, today counted. The positions stay, so that nothing comes again.
    ///
    /// # Errors
    /// Those of [`Lake::change`].
    pub async fn retain(&self, table: Table, days: u32, now: Timestamp) -> Result<LetGo, CommitError> {
        let first = first_day(days, now);
        let files = self.files_before(table, first).await?;
        if files.is_empty() {
            return Ok(LetGo::default());
        }
        let gone = counted(&files);
        let properties = BTreeMap::from([(RETAINED_FROM.to_owned(), first.to_string())]);
        let change = TableChange { properties, ..TableChange::overwrite(table, files, Vec::new()) };
        fail::fail_point!("retention::planned");
        let changed = self.change(vec![change]).await?;
        fail::fail_point!("retention::committed");
        match changed {
            Changed::Committed(_) => Ok(gone),
            Changed::AlreadyCommitted => Ok(LetGo::default()),
        }
    }

    /// The first day the table still has, in days since 1970-01-01 UTC; `None` where it has let go of none.
    ///
    /// # Errors
    /// [`LakeError`] where the table cannot be read.
    pub async fn retained_from(&self, table: Table) -> Result<Option<i32>, LakeError> {
        let properties = self.data_files(table).await?.properties;
        Ok(properties.get(RETAINED_FROM).and_then(|day| day.parse().ok()))
    }

    /// What [`Lake::retain`] would remove.
    ///
    /// # Errors
    /// [`LakeError`] where the table cannot be read.
    pub async fn planned_retention(
        &self,
        table: Table,
        days: u32,
        now: Timestamp,
    ) -> Result<LetGo, LakeError> {
        self.files_before(table, first_day(days, now)).await.map(|files| counted(&files))
    }

    async fn files_before(&self, table: Table, first: i64) -> Result<Vec<StoredFile>, LakeError> {
        let mut files = self.data_files(table).await?.files;
        files.retain(|file| i64::from(file.day) < first);
        Ok(files)
    }
}

/// The first of the last `days`, in days since 1970-01-01 UTC.
fn first_day(days: u32, now: Timestamp) -> i64 {
    now.0.div_euclid(NANOSECONDS_PER_DAY) - i64::from(days.max(1)) + 1
}

fn counted(files: &[StoredFile]) -> LetGo {
    LetGo { files: files.len(), rows: files.iter().map(|file| file.rows).sum() }
}
