//! A SQL session over a lake.
//!
//! Each query sees, of each table, the snapshot that was current when the query was planned.

pub(crate) mod answer;
mod database;
mod limits;
mod memory;
pub(crate) mod queries;
mod rows;
mod settings;

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::Schema;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::{CatalogProviderList, MemoryCatalogProviderList};
use datafusion::datasource::MemTable;
use datafusion::execution::session_state::SessionState;
use datafusion::execution::{SendableRecordBatchStream, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::{SQLOptions, SessionConfig};
use depthlake_lake::commit::Lake;
use depthlake_lake::model::{ROWS_UNDER_TEST, Sql, SqlError};

pub use answer::{Answer, Column, Description, Effect, Update};
pub use database::{Database, DatabaseOptions};
pub use limits::Limits;
pub use queries::{Queries, QueryFailure, QueryId, QueryInfo, QueryState, StopReason};
pub use rows::Rows;
pub use settings::{Door, SessionSettings};

use crate::catalog::{ANY_SCHEMA, CATALOG, LakeCatalog, why_unknown};
use crate::error::{QueryError, position_of};
use crate::session::answer::columns_of;
use crate::session::database::{Run, UNLIMITED};
use crate::statement::{name_of, parse};
use crate::table::state::with_states_in_names;

/// Answers SQL over the tables of one lake for one client.
///
/// Tables are called `raw.trades` or `depthlake.raw.trades`; a table that only one schema has needs no schema. NULLs sort
/// last, and numbers with a decimal point are exact decimals.
pub struct Session {
    database: Database,
    settings: SessionSettings,
    /// A table that is in no lake, by its full name.
    given: Option<(&'static str, Arc<MemTable>)>,
}

impl Session {
    /// A session of this process's own over a lake, without a limit of time. Rows committed later are seen by the
    /// queries that follow.
    ///
    /// # Errors
    /// [`QueryError::Failed`] where the folder for temporary files cannot be found, or the warehouse has no proper name.
    pub fn new(lake: Lake) -> Result<Self, QueryError> {
        Self::with_limits(lake, Limits::default())
    }

    fn with_limits(lake: Lake, limits: Limits) -> Result<Self, QueryError> {
        let limits =
            Limits { time_per_query: UNLIMITED, rows_per_query: u64::MAX, text_length: usize::MAX, ..limits };
        let database = Database::open(lake, DatabaseOptions { limits })?;
        Ok(Self::of(database, SessionSettings::local()))
    }

    pub(crate) fn of(database: Database, settings: SessionSettings) -> Self {
        Self { database, settings, given: None }
    }

    /// A session that has a table of these rows besides.
    fn with_rows(&self, rows: &[RecordBatch]) -> Result<Self, QueryError> {
        let schema = rows.first().map_or_else(|| Arc::new(Schema::empty()), RecordBatch::schema);
        let rows = MemTable::try_new(schema, vec![rows.to_vec()]).map_err(QueryError::of_planning)?;
        Ok(Self {
            database: self.database.clone(),
            settings: self.settings.clone(),
            given: Some((ROWS_UNDER_TEST, Arc::new(rows))),
        })
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
        let mut run = self.database.run(id, text, &self.settings).await?;
        let stopped = run.stopped();
        let answered = tokio::select! {
            answered = self.begin(text, &run) => answered,
            stopped = stopped => Err(stopped),
        };
        match answered {
            Ok(batches) => {
                let columns = columns_of(&batches.schema());
                let query = run.id();
                Ok(Answer {
                    query,
                    columns,
                    rows: Rows::new(batches, run),
                    effects: Vec::new(),
                    update: None,
                })
            }
            Err(error) => {
                run.end(Some(&error));
                Err(error)
            }
        }
    }

    /// Like [`Session::execute_as`], with values in the place of the parameters.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub async fn execute_with(
        &self,
        id: QueryId,
        text: &str,
        values: Vec<datafusion::scalar::ScalarValue>,
    ) -> Result<Answer, QueryError> {
        if values.is_empty() {
            return self.execute_as(id, text).await;
        }
        Err(QueryError::Invalid { message: "parameters cannot be bound yet".to_owned(), position: None })
    }

    /// The parameters and columns of a statement, which is planned and not run.
    ///
    /// # Errors
    /// [`QueryError`] where the statement cannot be planned.
    pub async fn describe(&self, text: &str) -> Result<Description, QueryError> {
        let plan = plan(&self.state(None), text).await?;
        Ok(Description { parameters: Vec::new(), columns: columns_of(plan.schema().as_arrow()) })
    }

    /// The rows of a statement that reads.
    ///
    /// # Errors
    /// [`QueryError`] where the text is not one statement that reads, or cannot be planned.
    pub async fn sql(&self, text: &str) -> Result<Rows, QueryError> {
        Ok(self.execute(text).await?.rows)
    }

    async fn begin(&self, text: &str, run: &Run) -> Result<SendableRecordBatchStream, QueryError> {
        let limit = self.database.limits().text_length;
        if text.len() > limit {
            return Err(QueryError::TextTooLong { length: text.len(), limit });
        }
        run.enter(QueryState::Planning);
        let state = self.state(Some(run));
        let plan = plan(&state, text).await?;
        let only_reads =
            SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        only_reads.verify_plan(&plan).map_err(|_| QueryError::ReadOnly { statement: name_of(text) })?;
        let physical = state.create_physical_plan(&plan).await.map_err(QueryError::of_planning)?;
        run.enter(QueryState::Running);
        execute_stream(physical, state.task_ctx()).map_err(QueryError::of_planning)
    }

    /// What a query is planned and run with.
    fn state(&self, run: Option<&Run>) -> SessionState {
        let catalogs = MemoryCatalogProviderList::new();
        let lake = self.database.lake().clone();
        let catalog = match &self.given {
            Some((name, rows)) => LakeCatalog::with_rows(lake, name, Arc::clone(rows)),
            None => LakeCatalog::new(lake),
        };
        catalogs.register_catalog(CATALOG.to_owned(), Arc::new(catalog));
        let mut state = SessionStateBuilder::new_from_existing(self.database.state().clone())
            .with_catalog_list(Arc::new(catalogs));
        if let Some(run) = run {
            state = state.with_runtime_env(run.runtime());
        }
        let mut state = state.build();
        state.mark_start_execution();
        state
    }

    /// The tables and views that a statement names, as it names them.
    #[cfg(test)]
    pub(crate) fn tables_of(&self, text: &str) -> Result<Vec<String>, QueryError> {
        let tables = self.state(None).resolve_table_references(&parse(text)?);
        Ok(tables.map_err(QueryError::of_planning)?.iter().map(ToString::to_string).collect())
    }
}

async fn plan(state: &SessionState, text: &str) -> Result<LogicalPlan, QueryError> {
    let statement = parse(&with_states_in_names(text))?;
    let tables = state.resolve_table_references(&statement).map_err(QueryError::of_planning)?;
    state.statement_to_plan(statement).await.map_err(|error| {
        let position = error.diagnostic().and_then(position_of);
        let unknown = tables.iter().find_map(|table| why_unknown(table, position));
        unknown.unwrap_or_else(|| QueryError::of_planning(error))
    })
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

pub(crate) fn config() -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_default_catalog_and_schema(CATALOG, ANY_SCHEMA)
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(true);
    let options = config.options_mut();
    options.execution.time_zone = Some("+00:00".to_owned());
    options.execution.parquet.pushdown_filters = true;
    options.execution.parquet.reorder_filters = true;
    options.sql_parser.collect_spans = true;
    options.sql_parser.parse_float_as_decimal = true;
    "nulls_last".clone_into(&mut options.sql_parser.default_null_ordering);
    config
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
            Limits { memory_per_query: 40 << 20, ..Limits::default() },
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
