//! A table of the lake for one query: the Parquet files of one snapshot and the rows behind it.
//!
//! The snapshot is asked for at the first scan and kept for all further ones, so that a query that reads a table twice
//! sees the same rows.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::project_schema;
use datafusion::datasource::TableType;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::TableProviderFilterPushDown;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::prelude::Expr;
use depthlake_lake::table::Table;
use depthlake_lake::tail::Unread;
use tokio::sync::OnceCell;

use super::Tables;
use super::files::PlannedFiles;
use super::state::StateOfTable;
use super::tail;

/// One table for one query.
#[derive(Debug)]
pub(super) struct LakeTable {
    tables: Tables,
    table: Table,
    state: StateOfTable,
    schema: SchemaRef,
    contents: OnceCell<Contents>,
}

/// What a query sees of a table.
#[derive(Debug)]
struct Contents {
    files: Arc<PlannedFiles>,
    rows: Vec<RecordBatch>,
    unread: Vec<Unread>,
}

impl LakeTable {
    pub(super) fn new(tables: Tables, table: Table, state: StateOfTable) -> Self {
        let schema = scanned_schema(&table.arrow_schema());
        Self { tables, table, state, schema, contents: OnceCell::new() }
    }

    async fn contents(&self) -> Result<&Contents> {
        self.contents.get_or_try_init(|| self.read()).await
    }

    async fn read(&self) -> Result<Contents> {
        let (tables, table) = (&self.tables, self.table);
        let (files, rows, unread) = match (self.state, &tables.tail) {
            (StateOfTable::Current, Some(tail)) => {
                let joined = tail.join(table).await.map_err(tail::failed)?;
                (joined.files, joined.rows, joined.unread)
            }
            (StateOfTable::Current, None) => {
                let files = async { tables.lake.current(table).await?.files().await };
                let files = files.await.map_err(|error| DataFusionError::External(Box::new(error)))?;
                (files, Vec::new(), Vec::new())
            }
            (past, _) => {
                let contents = past.contents(&tables.lake, table).await;
                let contents = contents.map_err(|error| DataFusionError::External(Box::new(error)))?;
                let files = Arc::new(PlannedFiles::new(table, contents.files.into())?);
                return Ok(Contents { files, rows: Vec::new(), unread: Vec::new() });
            }
        };
        Ok(Contents { files: tables.planned(table, &files)?, rows, unread })
    }
}

#[async_trait]
impl TableProvider for LakeTable {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Filters rule out files here. They are applied to rows by the plan that the optimizer pushes them into.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Contents { files, rows, unread } = self.contents().await?;
        let mut parts: Vec<_> = files.scan(state, projection, filters, limit)?.into_iter().collect();
        parts.extend(tail::scan_of_rows(rows, &self.schema, projection, limit, state)?);
        parts.extend(tail::scan_of_unread(unread, &self.schema, projection, limit)?);
        match parts.len() {
            0 => Ok(Arc::new(EmptyExec::new(project_schema(&self.schema, projection)?))),
            1 => Ok(parts.swap_remove(0)),
            _ => UnionExec::try_new(parts),
        }
    }
}

/// The table's columns with texts and bytes as views, which are compared, filtered and cast without a copy.
pub(super) fn scanned_schema(schema: &Schema) -> SchemaRef {
    let field = |field: &Arc<Field>| {
        let data_type = match field.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
            DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
            other => other.clone(),
        };
        Field::new(field.name(), data_type, field.is_nullable())
    };
    Arc::new(Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>()))
}
