//! What is known about a table, as tables: `"t$snapshots"`, `"t$history"`, `"t$files"`, `"t$manifests"`, `"t$partitions"`,
//! `"t$refs"`, `"t$properties"`, with the columns that Trino gives them.
//!
//! They tell of what is committed, as it is when they are read; rows behind the snapshot are in none of them.

mod columns;
mod figures;
mod files;
mod partitions;
mod snapshots;

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::TableType;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::{DataFusionError, Result};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::Expr;
use depthlake_lake::commit::{Lake, LakeError};
use depthlake_lake::table::Table;

pub(crate) use figures::{ColumnFigures, as_double};

/// A table about a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MetadataTable {
    Snapshots,
    History,
    Files,
    Manifests,
    Partitions,
    References,
    Properties,
}

impl MetadataTable {
    pub(crate) const ALL: [Self; 7] = [
        Self::Snapshots,
        Self::History,
        Self::Files,
        Self::Manifests,
        Self::Partitions,
        Self::References,
        Self::Properties,
    ];

    /// What follows the dollar sign.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Snapshots => "snapshots",
            Self::History => "history",
            Self::Files => "files",
            Self::Manifests => "manifests",
            Self::Partitions => "partitions",
            Self::References => "refs",
            Self::Properties => "properties",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.name() == name)
    }

    pub(super) fn provider(self, lake: Lake, table: Table) -> Arc<dyn TableProvider> {
        Arc::new(MetadataProvider { about: self, lake, table, schema: self.schema(table) })
    }

    /// What is known of the values in each column of a table.
    pub(super) async fn figures(lake: &Lake, table: Table) -> Result<Vec<ColumnFigures>> {
        figures::figures(lake, table).await
    }

    fn schema(self, table: Table) -> SchemaRef {
        match self {
            Self::Snapshots => snapshots::snapshots_schema(),
            Self::History => snapshots::history_schema(),
            Self::Files => files::schema(table),
            Self::Manifests => files::manifests_schema(),
            Self::Partitions => partitions::schema(table),
            Self::References => snapshots::references_schema(),
            Self::Properties => snapshots::properties_schema(),
        }
    }

    async fn rows(self, lake: &Lake, table: Table) -> Result<RecordBatch> {
        let current = lake.current(table).await.map_err(failed)?;
        match self {
            Self::Snapshots => snapshots::snapshots(&current.snapshots()),
            Self::History => snapshots::history(&current.history()),
            Self::Files => {
                let files = current.described_files().await.map_err(failed)?;
                files::files(table, &current.columns(), &files)
            }
            Self::Manifests => files::manifests(&current.manifests().await.map_err(failed)?),
            Self::Partitions => {
                let files = current.described_files().await.map_err(failed)?;
                partitions::partitions(table, &current.columns(), &files)
            }
            Self::References => snapshots::references(current.main_branch()),
            Self::Properties => snapshots::properties(&current.properties()),
        }
    }
}

#[derive(Debug)]
struct MetadataProvider {
    about: MetadataTable,
    lake: Lake,
    table: Table,
    schema: SchemaRef,
}

#[async_trait]
impl TableProvider for MetadataProvider {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let rows = self.about.rows(&self.lake, self.table).await?;
        let source = MemorySourceConfig::try_new(&[vec![rows]], self.schema(), projection.cloned())?;
        Ok(DataSourceExec::from_data_source(source))
    }
}

fn failed(error: LakeError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
