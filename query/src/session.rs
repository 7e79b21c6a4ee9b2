//! A read-only SQL session over a lake.
//!
//! Each query sees, of each table, the snapshot that was current when the query was planned.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::datasource::MemTable;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use depthlake_lake::commit::Lake;
use depthlake_lake::model::{ROWS_UNDER_TEST, Sql, SqlError};
use futures::{Stream, StreamExt, TryStreamExt};

use crate::catalog::{ANY_SCHEMA, CATALOG, LakeCatalog, why_unknown};
use crate::error::{QueryError, position_of};
use crate::table::state::with_states_in_names;
use crate::statement::{name_of, parse};
use crate::warehouse_store::WarehouseStore;

/// Bytes that the queries of a session may hold in memory together; sorts, joins and groups beyond that go to disk.
const MEMORY_LIMIT: usize = 1 << 30;

/// Answers SQL over the tables of one lake, in the dialect of `DataFusion`. Nothing can be written.
///
/// Tables are called `raw.trades` or `depthlake.raw.trades`; a table that only one schema has needs no schema. NULLs sort
/// last, and numbers with a decimal point are exact decimals.
pub struct Session {
    lake: Lake,
    context: SessionContext,
}

/// The rows of an answer, computed as they are asked for. Dropping them stops the query.
pub struct Rows {
    stream: SendableRecordBatchStream,
}

impl Session {
    /// A session over a lake. Rows committed later are seen by the queries that follow.
    ///
    /// # Errors
    /// [`QueryError::Failed`] where the folder for temporary files cannot be found, or the warehouse has no proper name.
    pub fn new(lake: Lake) -> Result<Self, QueryError> {
        Self::with_memory_limit(lake, MEMORY_LIMIT)
    }

    fn with_memory_limit(lake: Lake, bytes: usize) -> Result<Self, QueryError> {
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(bytes)))
            .build_arc()
            .map_err(QueryError::of_execution)?;
        if let Some(store) = WarehouseStore::of(lake.warehouse()) {
            let (url, store) = store.map_err(QueryError::of_execution)?;
            runtime.register_object_store(url.as_ref(), Arc::new(store));
        }
        Ok(Self::over(lake.clone(), LakeCatalog::new(lake), runtime))
    }

    fn over(lake: Lake, catalog: LakeCatalog, runtime: Arc<RuntimeEnv>) -> Self {
        let context = SessionContext::new_with_config_rt(config(), runtime);
        context.register_catalog(CATALOG, Arc::new(catalog));
        Self { lake, context }
    }

    /// A session that has a table of these rows besides.
    fn with_rows(&self, rows: &[RecordBatch]) -> Result<Self, QueryError> {
        let schema = rows.first().map_or_else(|| Arc::new(Schema::empty()), RecordBatch::schema);
        let rows = MemTable::try_new(schema, vec![rows.to_vec()]).map_err(QueryError::of_planning)?;
        let catalog = LakeCatalog::with_rows(self.lake.clone(), ROWS_UNDER_TEST, rows);
        Ok(Self::over(self.lake.clone(), catalog, self.context.runtime_env()))
    }

    /// Plans one statement and begins to answer it.
    ///
    /// # Errors
    /// [`QueryError`] where the text is not one statement that reads, or cannot be planned.
    pub async fn sql(&self, text: &str) -> Result<Rows, QueryError> {
        let plan = self.plan(text).await?;
        let only_reads =
            SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        only_reads.verify_plan(&plan).map_err(|_| QueryError::ReadOnly { statement: name_of(text) })?;
        let answer = self.context.execute_logical_plan(plan).await.map_err(QueryError::of_planning)?;
        let stream = answer.execute_stream().await.map_err(QueryError::of_planning)?;
        Ok(Rows { stream })
    }

    /// The tables and views that a statement names, as it names them.
    #[cfg(test)]
    pub(crate) fn tables_of(&self, text: &str) -> Result<Vec<String>, QueryError> {
        let tables = self.context.state().resolve_table_references(&parse(text)?);
        Ok(tables.map_err(QueryError::of_planning)?.iter().map(ToString::to_string).collect())
    }

    async fn plan(&self, text: &str) -> Result<LogicalPlan, QueryError> {
        let statement = parse(&with_states_in_names(text))?;
        let state = self.context.state();
        let tables = state.resolve_table_references(&statement).map_err(QueryError::of_planning)?;
        state.statement_to_plan(statement).await.map_err(|error| {
            let position = error.diagnostic().and_then(position_of);
            let unknown = tables.iter().find_map(|table| why_unknown(table, position));
            unknown.unwrap_or_else(|| QueryError::of_planning(error))
        })
    }
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

impl Rows {
    /// The columns, known before the first row.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        self.stream.schema()
    }

    /// All rows at once.
    ///
    /// # Errors
    /// [`QueryError::OutOfMemory`], [`QueryError::Lake`] and [`QueryError::Failed`].
    pub async fn collect(self) -> Result<Vec<RecordBatch>, QueryError> {
        self.stream.map_err(QueryError::of_execution).try_collect().await
    }
}

impl Stream for Rows {
    type Item = Result<RecordBatch, QueryError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.stream.poll_next_unpin(context).map_err(QueryError::of_execution)
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
    use super::*;
    use crate::samples::empty_lake;

    #[tokio::test]
    async fn a_query_beyond_the_memory_sorts_on_disk_or_fails() {
        let lake = empty_lake().await;
        let session = Session::with_memory_limit(lake.lake.clone(), 40 << 20).unwrap();
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
