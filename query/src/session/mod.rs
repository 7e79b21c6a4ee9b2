//! A SQL session over a lake.
//!
//! Each query sees, of each table, the snapshot that was current when the query was planned.

pub(crate) mod answer;
mod change;
mod columns;
mod constants;
mod database;
mod define;
mod engine;
mod explain;
mod limits;
mod memory;
mod plan;
mod prepared;
mod properties;
pub(crate) mod queries;
mod rows;
mod rows_of_tables;
mod settings;
mod show;
mod slicing;
mod state;
mod statements;
mod workers;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::Schema;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::datasource::MemTable;
use datafusion::execution::session_state::SessionState;
use datafusion::physical_plan::execute_stream;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::Expr;
use depthlake_lake::commit::Lake;
use depthlake_lake::model::{ROWS_UNDER_TEST, Sql, SqlError};

pub use answer::{Answer, Column, Description, Effect, Update};
pub use database::{Database, DatabaseOptions};
pub use limits::Limits;
pub(crate) use properties::{check as check_properties, is_zone};
pub use queries::{Queries, QueryFailure, QueryId, QueryInfo, QueryState, StopReason};
pub use rows::Rows;
pub use settings::{Door, OWN_PROMPT, SessionSettings};

pub(crate) use engine::plan_in_engine;
pub(crate) use plan::plan_view;

use crate::catalog::{CATALOG, Catalog, Directory, LakeCatalog, MemoryCatalog, SystemCatalog, TpchCatalog};
use crate::error::QueryError;
use database::{Leave, UNLIMITED};
use state::{Defaults, Language, state_of, task_of};
use statements::{Begun, Context};
use workers::{begun_by_workers, holding, worked};

/// Answers SQL over the tables of one lake for one client.
///
/// Tables are called `raw.trades` or `depthlake.raw.trades`; in a session of this process's own, a table that only one
/// schema has needs no schema. NULLs sort last, and numbers with a decimal point are exact decimals.
#[derive(Clone)]
pub struct Session {
    database: Database,
    settings: SessionSettings,
    language: Language,
    /// A table that is in no lake, by its full name.
    given: Option<(&'static str, Arc<MemTable>)>,
}

impl Session {
    /// A session of this process's own over a lake, without a limit of time, that speaks the engine's language and not
    /// Trino's, and only reads. Rows committed later are seen by the queries that follow.
    ///
    /// # Errors
    /// [`QueryError::Failed`] where the folder for temporary files cannot be found, or the warehouse has no proper name.
    pub fn new(lake: Lake) -> Result<Self, QueryError> {
        Self::with_limits(lake, &Limits::default())
    }

    /// A session like [`Session::new`] that speaks what clients of the server speak, Trino's language, and tells the nearest
    /// names besides. The live books are those of the board in a file, where there is one.
    ///
    /// # Errors
    /// As [`Session::new`].
    pub fn of_client(lake: Lake, board: Option<PathBuf>) -> Result<Self, QueryError> {
        let limits = without_limits(&Limits::default());
        let database = Database::open(lake, DatabaseOptions { limits, board, tail: None })?;
        let catalog = Some(CATALOG.to_owned());
        Ok(Self::of(database, SessionSettings { catalog, ..SessionSettings::local() }))
    }

    fn with_limits(lake: Lake, limits: &Limits) -> Result<Self, QueryError> {
        let limits = without_limits(limits);
        let database = Database::open(lake, DatabaseOptions { limits, ..DatabaseOptions::default() })?;
        Ok(Self { database, settings: SessionSettings::local(), language: Language::Engine, given: None })
    }

    /// A session over a database that speaks the engine's language.
    #[cfg(test)]
    pub(crate) fn in_engine(database: Database) -> Self {
        Self { database, settings: SessionSettings::local(), language: Language::Engine, given: None }
    }

    pub(crate) fn of(database: Database, settings: SessionSettings) -> Self {
        Self { database, settings, language: Language::Trino, given: None }
    }

    /// A session that has a table of these rows besides.
    fn with_rows(&self, rows: &[RecordBatch]) -> Result<Self, QueryError> {
        let schema = rows.first().map_or_else(|| Arc::new(Schema::empty()), RecordBatch::schema);
        let rows = MemTable::try_new(schema, vec![rows.to_vec()]).map_err(QueryError::of_planning)?;
        Ok(Self {
            database: self.database.clone(),
            settings: self.settings.clone(),
            language: self.language,
            given: Some((ROWS_UNDER_TEST, Arc::new(rows))),
        })
    }

    /// Takes on what a statement has changed, for the statements that follow.
    pub fn apply(&mut self, effects: &[Effect]) {
        for effect in effects {
            self.settings.apply(effect);
        }
    }

    /// What the client has set.
    #[must_use]
    pub fn settings(&self) -> &SessionSettings {
        &self.settings
    }

    /// The database that is asked.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Answers any statement: its rows, what it changes for the client, and what it has done.
    ///
    /// # Errors
    /// [`QueryError`] where the statement is refused, fails before its first row, or is stopped.
    pub async fn execute(&self, text: &str) -> Result<Answer, QueryError> {
        self.execute_as(self.database.queries().next_id(), text).await
    }

    /// Like [`Session::execute`], for a query whose name is known beforehand ([`Queries::next_id`]).
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn execute_as(&self, id: QueryId, text: &str) -> Result<Answer, QueryError> {
        self.execute_with(id, text, Vec::new()).await
    }

    /// Like [`Session::execute_as`], with values in the place of the parameters `?` or `$1`.
    ///
    /// # Errors
    /// As [`Session::execute`], and `INVALID_PARAMETER_USAGE` where there are not as many values as parameters.
    pub async fn execute_with(
        &self,
        id: QueryId,
        text: &str,
        values: Vec<ScalarValue>,
    ) -> Result<Answer, QueryError> {
        let mut run = self.database.run(id, text, &self.settings).await?;
        let leave = run.leave();
        let answered = tokio::select! {
            answered = self.begun(text, values, leave) => answered,
            stopped = run.stopped() => Err(stopped),
        };
        match answered {
            Ok(Begun { columns, batches, effects, update }) => {
                Ok(Answer { query: run.id(), columns, rows: Rows::new(batches, run), effects, update })
            }
            Err(error) => {
                run.end(Some(&error));
                Err(error)
            }
        }
    }

    /// The parameters and columns of a statement, which is planned and not run.
    ///
    /// # Errors
    /// [`QueryError`] where the statement cannot be planned.
    pub async fn describe(&self, text: &str) -> Result<Description, QueryError> {
        self.check_length(text)?;
        let (session, text) = (self.clone(), text.to_owned());
        let limit = self.database.limits().time_per_query;
        let described = worked(async move { session.context(None).described(&text).await });
        tokio::time::timeout(limit, described).await.unwrap_or(Err(QueryError::OutOfTime { limit }))
    }

    /// The rows of a statement.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn sql(&self, text: &str) -> Result<Rows, QueryError> {
        Ok(self.execute(text).await?.rows)
    }

    /// Clients' statements are planned and run on threads of their own; those of this process itself are not behind them.
    async fn begun(&self, text: &str, values: Vec<ScalarValue>, leave: Leave) -> Result<Begun, QueryError> {
        match self.language {
            Language::Trino => {
                let (session, text) = (self.clone(), text.to_owned());
                begun_by_workers(async move { session.begin(&text, values, leave).await }).await
            }
            Language::Engine => self.begin(text, values, leave).await,
        }
    }

    async fn begin(&self, text: &str, values: Vec<ScalarValue>, leave: Leave) -> Result<Begun, QueryError> {
        self.check_length(text)?;
        leave.enter(QueryState::Planning);
        let begun = self.begin_with(text, values, &leave).await?;
        Ok(Begun { batches: holding(begun.batches, leave), ..begun })
    }

    async fn begin_with(
        &self,
        text: &str,
        values: Vec<ScalarValue>,
        leave: &Leave,
    ) -> Result<Begun, QueryError> {
        match self.language {
            Language::Trino => {
                let values: Vec<Expr> =
                    values.into_iter().map(prepared::expression).collect::<Result<_, _>>()?;
                self.context(Some(leave)).text(text, &values).await
            }
            Language::Engine => {
                let state = self.engine_state();
                let plan = engine::plan(&state, text).await?;
                let physical = state.create_physical_plan(&plan).await.map_err(QueryError::of_planning)?;
                leave.enter(QueryState::Running);
                let batches = execute_stream(physical, task_of(&state, Some(leave)))
                    .map_err(QueryError::of_planning)?;
                Ok(Begun::rows(batches))
            }
        }
    }

    fn check_length(&self, text: &str) -> Result<(), QueryError> {
        let limit = self.database.limits().text_length;
        if text.len() > limit { Err(QueryError::TextTooLong { length: text.len(), limit }) } else { Ok(()) }
    }

    fn context<'a>(&'a self, leave: Option<&'a Leave>) -> Context<'a> {
        Context { database: &self.database, settings: &self.settings, directory: self.directory(), leave }
    }

    fn engine_state(&self) -> SessionState {
        state_of(Language::Engine, &self.directory(), &Defaults::anywhere(), None)
    }

    /// The catalogs as the client sees them.
    fn directory(&self) -> Arc<Directory> {
        let catalogs: Vec<Arc<dyn Catalog>> = vec![
            Arc::new(LakeCatalog::new(self.database.tables().clone(), self.given.clone())),
            Arc::new(MemoryCatalog(self.database.scratch().clone())),
            Arc::new(SystemCatalog),
            Arc::new(TpchCatalog),
        ];
        let finds_anywhere = self.settings.door == Door::Local;
        Directory::new(self.database.clone(), self.settings.principal.clone(), catalogs, finds_anywhere)
    }

    /// The tables and views that a statement names, as it names them.
    #[cfg(test)]
    pub(crate) fn tables_of(&self, text: &str) -> Result<Vec<String>, QueryError> {
        let tables = self.engine_state().resolve_table_references(&crate::statement::parse(text)?);
        Ok(tables.map_err(QueryError::of_planning)?.iter().map(ToString::to_string).collect())
    }
}

/// The limits without those of time, rows and text.
fn without_limits(limits: &Limits) -> Limits {
    Limits { time_per_query: UNLIMITED, rows_per_query: u64::MAX, text_length: usize::MAX, ..limits.clone() }
}

#[async_trait]
impl Sql for Session {
    async fn query(&self, sql: &str, rows: Option<&[RecordBatch]>) -> Result<Vec<RecordBatch>, SqlError> {
        Ok(match rows {
            Some(rows) => self.with_rows(rows)?.sql(sql).await?.collect().await?,
            None => self.sql(sql).await?.collect().await?,
        })
    }
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;

    use super::*;
    use crate::samples::empty_lake;

    #[tokio::test]
    async fn a_query_beyond_the_memory_sorts_on_disk_or_fails() {
        let lake = empty_lake().await;
        let session = Session::with_limits(
            lake.lake.clone(),
            &Limits { memory_per_query: 40 << 20, ..Limits::default() },
        )
        .unwrap();
        let series = "FROM (SELECT repeat('x', 40) || value AS text FROM generate_series(1, 1000000))";
        let mut sorted = session.sql(&format!("SELECT text {series} ORDER BY text")).await.unwrap();
        let mut count = 0;
        while let Some(batch) = sorted.try_next().await.unwrap() {
            count += batch.num_rows();
        }
        assert_eq!(count, 1_000_000);
        let aggregated = session.sql(&format!("SELECT array_agg(text) {series}")).await.unwrap();
        let error = aggregated.collect().await.unwrap_err();
        assert!(matches!(error, QueryError::OutOfMemory { .. }), "{error:?}");
        assert!(session.sql("SELECT 1").await.unwrap().collect().await.is_ok());
    }
}
