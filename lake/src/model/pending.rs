//! What is to be built: the minutes that rows touch which came since a table was built.

use std::collections::BTreeMap;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use depthlake_orderbook::time::Timestamp;

use super::Touch;
use super::build::{BuildError, Builder, MINUTES_PER_DAY, Mode, now};
use super::minutes::{MINUTE, Minutes, before, joined};
use crate::commit::{OffsetRange, PartitionOfTable};
use crate::table::Table;

/// Ranges with fewer minutes between them are computed as one.
const HOLE: u32 = 60;
/// The properties by which a table tells up to which snapshot of each source it is built.
const BUILT: &str = "depthlake.built.";
/// The property by which a table tells the minutes that were not over at its last build: from one to before another.
const UNFINISHED: &str = "depthlake.built.unfinished";
/// After so long without anything newer, nothing more is on its way for the newest minute.
const SETTLING: i64 = 3 * MINUTE;
/// The pseudo topic in whose position the builds of a table are counted.
const BUILDS: &str = "depthlake.builds";

/// What is to be built of a table.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) minutes: Vec<Minutes>,
    /// The state that is reached with it, as properties of the snapshot.
    pub(super) built: BTreeMap<String, String>,
    /// How many builds came before.
    pub(super) builds: u64,
}

/// How far a row changes what is built.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reach {
    /// How many minutes after its own.
    pub(super) minutes: u32,
    /// Whether the newest minute waits until it is over.
    pub(super) only_whole: bool,
}

impl Pending {
    /// The build as a range of a pseudo topic, so that no other takes its place unseen.
    pub(super) fn range(&self) -> OffsetRange {
        let end = self.builds.saturating_add(1);
        OffsetRange { topic: BUILDS.to_owned(), partition: 0, start: self.builds, end }
    }
}

impl Builder {
    /// Whether a table with rows does not tell any more what it is built of, since none of its snapshots is ours. A build then
    /// computes everything anew.
    ///
    /// # Errors
    /// [`BuildError::Lake`] where the table cannot be read.
    pub async fn has_forgotten(&self, table: Table) -> Result<bool, BuildError> {
        let contents = self.lake.data_files(table).await?;
        let tells = contents.properties.keys().any(|name| name.starts_with(BUILT));
        Ok(!tells && !contents.files.is_empty())
    }

    /// How often a table was built.
    pub(super) async fn builds(&self, table: Table) -> Result<u64, BuildError> {
        let of = PartitionOfTable { table, topic: BUILDS.to_owned(), partition: 0 };
        Ok(self.lake.positions().await?.get(&of).copied().unwrap_or(0))
    }

    /// What has touched which minutes of a table since it was built.
    pub(super) async fn pending(
        &self,
        table: Table,
        touches: &[Touch],
        mode: Mode,
        reach: Reach,
    ) -> Result<Pending, BuildError> {
        let builds = self.builds(table).await?;
        let state = self.lake.data_files(table).await?;
        let mut built = BTreeMap::new();
        let mut touched = Vec::new();
        let mut newest = None;
        for touch in touches {
            let source: Table =
                touch.table.parse().map_err(|_| BuildError::UnknownModel { name: touch.table.clone() })?;
            let contents = self.lake.data_files(source).await?;
            let now = contents.sequence;
            if source.definition().partition_by_day_of == touch.from {
                newest = newest
                    .max(contents.files.iter().filter_map(|file| Some(file.times.as_ref()?.greatest)).max());
            }
            let property = format!("{BUILT}{source}");
            let before = state.properties.get(&property).and_then(|sequence| sequence.parse::<i64>().ok());
            let since = before.filter(|_| mode == Mode::Incremental);
            if since != Some(now) {
                touched.extend(self.touched(source, touch, since).await?);
            }
            built.insert(property, now.to_string());
        }
        let reaching = touched.into_iter().map(|minutes| minutes.reaching(reach.minutes));
        let left = state.properties.get(UNFINISHED).filter(|_| mode == Mode::Incremental);
        let mut minutes = joined(reaching.chain(left.and_then(|text| read(text))).collect(), HOLE);
        if let Some(open) = newest.filter(|_| reach.only_whole).and_then(|newest| open_from(newest, now())) {
            let (whole, unfinished) = before(&minutes, open);
            minutes = whole;
            built.extend(unfinished.map(|minutes| (UNFINISHED.to_owned(), written(minutes))));
        }
        Ok(Pending { minutes, built, builds })
    }

    /// The minutes that rows of a source touch: those in files after a snapshot, or the days of all.
    async fn touched(
        &self,
        source: Table,
        touch: &Touch,
        since: Option<i64>,
    ) -> Result<Vec<Minutes>, BuildError> {
        let (unit, length, rows) = match since {
            Some(sequence) => {
                ("minute", 1, format!("{}.\"{}@after {sequence}\"", source.namespace(), source.name()))
            }
            None => ("day", MINUTES_PER_DAY, source.to_string()),
        };
        let start = |time: &str| format!("CAST(date_trunc('{unit}', {time}) AS BIGINT)");
        let (from, until) = (start(&touch.from), start(touch.until.as_ref().unwrap_or(&touch.from)));
        let sql = format!("SELECT DISTINCT {from} AS first, {until} AS last FROM {rows}");
        let failed = |source_error| BuildError::Query { name: source.to_string(), source: source_error };
        let answer = self.sql.query(&sql, None).await.map_err(failed)?;
        let mut minutes = Vec::new();
        for batch in &answer {
            let column =
                |name| batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>());
            let (Some(first), Some(last)) = (column("first"), column("last")) else { continue };
            minutes.extend(first.iter().zip(last).filter_map(|(first, last)| {
                let (from, last) = (first?, last?);
                Some(Minutes { from, until: last }.reaching(length))
            }));
        }
        Ok(minutes)
    }
}

/// From which minute on rows may still come, where the newest has been received at a time; `None` where none will.
fn open_from(newest: i64, now: Timestamp) -> Option<i64> {
    let minute = newest - newest.rem_euclid(MINUTE);
    (now.microseconds() < minute.saturating_add(MINUTE + SETTLING)).then_some(minute)
}

fn written(minutes: Minutes) -> String {
    format!("{}/{}", minutes.from, minutes.until)
}

fn read(text: &str) -> Option<Minutes> {
    let (from, until) = text.split_once('/')?;
    Some(Minutes { from: from.parse().ok()?, until: until.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array, RecordBatch};
    use async_trait::async_trait;

    use super::*;
    use crate::commit::Lake;
    use crate::model::{Sql, SqlError, Targets};

    /// Something has touched the first minute of 1970, and no model has rows of it.
    struct NoRows;

    #[async_trait]
    impl Sql for NoRows {
        async fn query(&self, sql: &str, _: Option<&[RecordBatch]>) -> Result<Vec<RecordBatch>, SqlError> {
            if !sql.starts_with("SELECT DISTINCT") {
                return Ok(Vec::new());
            }
            let minute: ArrayRef = Arc::new(Int64Array::from(vec![0]));
            Ok(vec![RecordBatch::try_from_iter([("first", Arc::clone(&minute)), ("last", minute)])?])
        }
    }

    #[tokio::test]
    async fn a_table_without_rows_gets_no_snapshot_for_its_state() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(&folder.path().join("catalog.db"), &folder.path().join("warehouse")).await;
        let builder = Builder::new(lake.unwrap(), Arc::new(NoRows), Targets::default());
        for mode in [Mode::Incremental, Mode::Incremental, Mode::Full] {
            let built = builder.build(&[], mode).await.unwrap();
            assert!(built.iter().all(|built| built.rows == 0 && !built.minutes.is_empty()), "{built:?}");
            for status in builder.lake.tables().await.unwrap() {
                assert_eq!((status.snapshots, status.last_commit), (0, None), "{}", status.table);
            }
        }
    }

    #[test]
    fn the_newest_minute_is_open_until_nothing_more_can_come() {
        let newest = 7 * MINUTE + 31_000_000;
        let at = |microseconds| open_from(newest, Timestamp::from_microseconds(microseconds));
        assert_eq!(at(newest), Some(7 * MINUTE));
        assert_eq!(at(8 * MINUTE + SETTLING - 1), Some(7 * MINUTE));
        assert_eq!(at(8 * MINUTE + SETTLING), None);
    }

    #[test]
    fn unfinished_minutes_read_back() {
        let minutes = Minutes { from: -MINUTE, until: 5 * MINUTE };
        assert_eq!(read(&written(minutes)), Some(minutes));
        assert_eq!(read("7"), None);
    }
}
