//! Building: the marts' rows computed, tested, and put in the place of those before.
//!
//! A mart's snapshots tell up to which snapshot of each of its sources it is built. A build looks at the rows that came
//! since, finds the minutes they touch, computes these minutes anew, and replaces them in one commit with the new state.
//! Minutes are computed as a whole from all there is, so a build that is repeated, stopped anywhere, or run beside another
//! changes nothing twice. Two builds at once: each counts the builds of its table in a position, as a sink counts records,
//! so the second to commit is refused and begins again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, BooleanArray, RecordBatch};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::ArrowError;
use arrow_select::filter::filter_record_batch;
use depthlake_orderbook::time::Timestamp;
use thiserror::Error;
use tracing::debug;

use super::check::{FailedTest, check};
use super::freshness::BUILT_AT;
use super::minutes::{MINUTE, Minutes};
use super::pending::{Pending, Reach};
use super::{Model, Sql, SqlError, Targets, correct};
use crate::commit::{ChangeKind, Changed, CommitError, Lake, LakeError, TableChange};
use crate::table::Table;

/// The bars, which corrections build.
pub(super) const BARS: &str = "normalized.ohlcv_1m";
/// How often a build begins again because its table has moved.
const ATTEMPTS: usize = 5;
pub(super) const MINUTES_PER_DAY: u32 = 24 * 60;
const DAY: i64 = MINUTES_PER_DAY as i64 * MINUTE;

/// Keeps the marts of a lake up to date.
pub struct Builder {
    pub(super) lake: Lake,
    pub(super) sql: Arc<dyn Sql>,
    targets: Targets,
}

/// What is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The minutes touched since the last build.
    Incremental,
    /// Everything, whatever was built before.
    Full,
}

/// What a build did to one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The model, or the table that was corrected.
    pub name: &'static str,
    /// Rows computed; of corrections, the versions opened.
    pub rows: u64,
    /// The minutes that were computed; none where nothing has touched any.
    pub minutes: Vec<Minutes>,
}

/// Why a build ended. What it had not built yet is as it was.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    #[error("no model is called {name:?}; there are {}", names().join(", "))]
    UnknownModel { name: String },
    #[error("{} fails its test: {}", .0.model, .0.what)]
    Test(FailedTest),
    #[error("the query of {name} failed")]
    Query { name: String, source: SqlError },
    #[error("the query of {name} gives rows that its table does not take")]
    Rows { name: String, source: ArrowError },
    #[error(transparent)]
    Lake(#[from] LakeError),
    #[error("the rows of {name} were not committed")]
    Commit { name: String, source: CommitError },
    #[error(
        "{name} was built by another each of the {attempts} times that it was to be built here; try again"
    )]
    Outrun { name: &'static str, attempts: usize },
}

/// What can be built, each after what it depends on.
fn names() -> Vec<&'static str> {
    [BARS].into_iter().chain(Model::all().iter().map(|model| model.name)).collect()
}

impl Builder {
    #[must_use]
    pub fn new(lake: Lake, sql: Arc<dyn Sql>, targets: Targets) -> Self {
        Self { lake, sql, targets }
    }

    /// Builds the named models, or all, each after those it depends on; first of all, where `normalized.ohlcv_1m` is among
    /// them, bars are corrected from the trades. A view is not built but tested.
    ///
    /// # Errors
    /// [`BuildError`]. Tables built before the one that failed are built.
    pub async fn build(&self, wanted: &[String], mode: Mode) -> Result<Vec<Built>, BuildError> {
        let mut selected = BTreeSet::new();
        for name in wanted {
            let found = names().into_iter().find(|full| full == name || full.ends_with(&format!(".{name}")));
            selected.insert(found.ok_or_else(|| BuildError::UnknownModel { name: name.clone() })?);
        }
        let is_wanted = |name: &str| wanted.is_empty() || selected.contains(name);
        let mut built = Vec::new();
        if is_wanted(BARS) {
            built.push(self.correct(mode).await?);
        }
        for model in Model::all().iter().filter(|model| is_wanted(model.name)) {
            match &model.declaration.incremental {
                Some(_) => built.push(self.build_mart(model, mode).await?),
                None if !wanted.is_empty() => self.test_view(model, Minutes::ALL).await?,
                None => {}
            }
        }
        Ok(built)
    }

    /// Derives the bars of some minutes again from the trades that are landed, and opens a new version of each that differs,
    /// published at `now`. Bars of minutes not yet closed are left to the engine.
    ///
    /// # Errors
    /// [`BuildError`]; no bar has changed then.
    pub async fn correct_bars(&self, minutes: Minutes, now: Timestamp) -> Result<Built, BuildError> {
        for _ in 0..ATTEMPTS {
            let (minutes, built) = (vec![minutes], BTreeMap::new());
            let pending = Pending { minutes, built, builds: self.builds(Table::Bars).await? };
            if let Some(built) = self.corrected(pending, now).await? {
                return Ok(built);
            }
        }
        Err(BuildError::Outrun { name: BARS, attempts: ATTEMPTS })
    }

    async fn correct(&self, mode: Mode) -> Result<Built, BuildError> {
        for _ in 0..ATTEMPTS {
            let pending = self.pending(Table::Bars, &correct::touches(), mode, Reach::default()).await?;
            if let Some(built) = self.corrected(pending, now()).await? {
                return Ok(built);
            }
        }
        Err(BuildError::Outrun { name: BARS, attempts: ATTEMPTS })
    }

    /// `None` where another has changed the bars meanwhile.
    async fn corrected(&self, pending: Pending, now: Timestamp) -> Result<Option<Built>, BuildError> {
        match correct::correct(self, &pending, now).await {
            Ok(rows) => Ok(rows.map(|rows| Built { name: BARS, rows, minutes: pending.minutes })),
            Err(BuildError::Commit { source, .. }) if has_moved(&source) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn build_mart(&self, model: &'static Model, mode: Mode) -> Result<Built, BuildError> {
        for _ in 0..ATTEMPTS {
            if let Some(built) = self.try_build_mart(model, mode).await? {
                return Ok(built);
            }
        }
        Err(BuildError::Outrun { name: model.name, attempts: ATTEMPTS })
    }

    /// `None` where another has built it meanwhile.
    async fn try_build_mart(&self, model: &'static Model, mode: Mode) -> Result<Option<Built>, BuildError> {
        let Some(incremental) = &model.declaration.incremental else {
            return Ok(Some(Built { name: model.name, rows: 0, minutes: Vec::new() }));
        };
        let table: Table =
            model.name.parse().map_err(|_| BuildError::UnknownModel { name: model.name.to_owned() })?;
        let reach = Reach { minutes: incremental.lookback_minutes, only_whole: incremental.whole_minutes };
        let pending = self.pending(table, &incremental.touched_by, mode, reach).await?;
        let nothing = Built { name: model.name, rows: 0, minutes: Vec::new() };
        if pending.minutes.is_empty() && mode == Mode::Incremental {
            return Ok(Some(nothing));
        }
        let mut rows = Vec::new();
        for minutes in pending.minutes.iter().flat_map(|minutes| by_day(*minutes)) {
            for view in views_below(model) {
                self.test_view(view, minutes).await?;
            }
            rows.extend(self.rows(model, table, minutes).await?);
        }
        let tested = pending.minutes.iter().fold(None, |all: Option<Minutes>, one| {
            Some(all.map_or(*one, |all| Minutes {
                from: all.from.min(one.from),
                until: all.until.max(one.until),
            }))
        });
        self.test(model, &rows, tested.unwrap_or(Minutes { from: 0, until: 0 })).await?;
        let count = rows.iter().map(|batch| batch.num_rows() as u64).sum();
        if !self.replace(table, model, &pending, mode, rows).await? {
            return Ok(None);
        }
        debug!(model = model.name, rows = count, "built");
        Ok(Some(Built { rows: count, minutes: pending.minutes, ..nothing }))
    }

    /// The rows of a model for some minutes, with the columns of its table.
    async fn rows(
        &self,
        model: &Model,
        table: Table,
        minutes: Minutes,
    ) -> Result<Vec<RecordBatch>, BuildError> {
        let rows = self.ask(model, minutes).await?;
        let conforming = rows.iter().map(|batch| conforming(batch, table)).collect::<Result<_, _>>();
        conforming.map_err(|source| BuildError::Rows { name: model.to_string(), source })
    }

    /// The answer to a model's query for some minutes.
    pub(super) async fn ask(&self, model: &Model, minutes: Minutes) -> Result<Vec<RecordBatch>, BuildError> {
        let answer = self.sql.query(&model.query(minutes, &self.targets), None).await;
        answer.map_err(|source| BuildError::Query { name: model.to_string(), source })
    }

    async fn test(&self, model: &Model, rows: &[RecordBatch], minutes: Minutes) -> Result<(), BuildError> {
        let failed = check(model, Some(rows), minutes, &self.targets, &*self.sql).await;
        told(model, failed)
    }

    async fn test_view(&self, model: &Model, minutes: Minutes) -> Result<(), BuildError> {
        let failed = check(model, None, minutes, &self.targets, &*self.sql).await;
        told(model, failed)
    }

    /// Puts rows in the place of those that the table has of the same minutes; `false` where another was first.
    async fn replace(
        &self,
        table: Table,
        model: &Model,
        pending: &Pending,
        mode: Mode,
        rows: Vec<RecordBatch>,
    ) -> Result<bool, BuildError> {
        let not_committed = |source| BuildError::Commit { name: model.to_string(), source };
        for attempt in 1.. {
            let mut change = TableChange::append(table, rows.clone(), vec![pending.range()]);
            change.properties.clone_from(&pending.built);
            change.properties.insert(BUILT_AT.to_owned(), now().microseconds().to_string());
            let files = self.lake.data_files(table).await?.files;
            if files.is_empty() && rows.iter().all(|batch| batch.num_rows() == 0) {
                // The state waits for the first rows: engines stumble over a snapshot that lists nothing.
                return Ok(true);
            }
            for file in files {
                let overlaps = |minutes: &Minutes| {
                    file.times.as_ref().is_none_or(|times| minutes.overlaps(times.least, times.greatest))
                };
                if mode == Mode::Incremental && !pending.minutes.iter().any(overlaps) {
                    continue;
                }
                if mode == Mode::Incremental {
                    for batch in self.lake.read_rows(&file, table).await? {
                        let others = others(&batch, table, &pending.minutes);
                        change.added.push(
                            others.map_err(|source| BuildError::Rows { name: model.to_string(), source })?,
                        );
                    }
                }
                change.removed.push(file);
                change.kind = ChangeKind::Overwrite;
            }
            change.added.retain(|batch| batch.num_rows() > 0);
            match self.lake.change(vec![change]).await {
                Ok(Changed::Committed(_)) => return Ok(true),
                // With the same number as this one, or more have come since.
                Ok(Changed::AlreadyCommitted) | Err(CommitError::Superseded { .. }) => return Ok(false),
                Err(CommitError::FilesGone { .. }) if attempt < ATTEMPTS => {}
                Err(source) => return Err(not_committed(source)),
            }
        }
        Ok(false)
    }
}

pub(super) fn has_moved(error: &CommitError) -> bool {
    matches!(error, CommitError::FilesGone { .. } | CommitError::Superseded { .. })
}

fn told(model: &Model, failed: Result<Option<FailedTest>, SqlError>) -> Result<(), BuildError> {
    match failed {
        Ok(None) => Ok(()),
        Ok(Some(failed)) => Err(BuildError::Test(failed)),
        Err(source) => Err(BuildError::Query { name: format!("a test of {model}"), source }),
    }
}

/// All views that a model reads, and those that they read, each after those it reads itself.
fn views_below(model: &'static Model) -> Vec<&'static Model> {
    let mut below: BTreeSet<&str> = BTreeSet::new();
    let mut waiting: Vec<&Model> = model.reads().collect();
    while let Some(view) = waiting.pop() {
        if view.declaration.incremental.is_none() && below.insert(view.name) {
            waiting.extend(view.reads());
        }
    }
    Model::all().iter().filter(|model| below.contains(model.name)).collect()
}

/// Pieces of at most a day, so that no query sorts more.
pub(super) fn by_day(minutes: Minutes) -> Vec<Minutes> {
    let mut pieces = Vec::new();
    let mut from = minutes.from;
    while from < minutes.until {
        let until = (from - from.rem_euclid(DAY)).saturating_add(DAY).min(minutes.until);
        pieces.push(Minutes { from, until });
        from = until;
    }
    pieces
}

/// Rows with the columns and types of a table; those it does not have are left out.
fn conforming(rows: &RecordBatch, table: Table) -> Result<RecordBatch, ArrowError> {
    let exact = CastOptions { safe: false, ..CastOptions::default() };
    let schema = table.arrow_schema();
    let column = |field: &Arc<arrow_schema::Field>| {
        let found = rows.column_by_name(field.name());
        let found =
            found.ok_or_else(|| ArrowError::SchemaError(format!("there is no column {}", field.name())))?;
        cast_with_options(found, field.data_type(), &exact)
    };
    let columns = schema.fields().iter().map(column).collect::<Result<_, _>>()?;
    RecordBatch::try_new(schema, columns)
}

/// The rows of other minutes than these.
fn others(rows: &RecordBatch, table: Table, minutes: &[Minutes]) -> Result<RecordBatch, ArrowError> {
    let column = table.definition().partition_by_day_of;
    let times =
        rows.column_by_name(column).and_then(|times| times.as_primitive_opt::<TimestampMicrosecondType>());
    let times = times.ok_or_else(|| ArrowError::SchemaError(format!("{column} is no column of times")))?;
    let is_other =
        |time: Option<i64>| Some(!time.is_some_and(|time| minutes.iter().any(|m| m.contains(time))));
    debug_assert_eq!(times.null_count(), 0);
    filter_record_batch(rows, &times.iter().map(is_other).collect::<BooleanArray>())
}

pub(super) fn now() -> Timestamp {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_1970.as_nanos()).unwrap_or(i64::MAX))
}
