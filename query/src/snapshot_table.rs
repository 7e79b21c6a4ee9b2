//! A table of the lake as `DataFusion` scans it: the Parquet files of one snapshot.
//!
//! The snapshot is asked for at the first scan and kept for all further ones, so that a query that reads a table twice
//! sees the same rows. Every query gets its own [`SnapshotTable`] and with it the rows committed by then.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{Statistics, project_schema};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::object_store::path::Path;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::prelude::Expr;
use depthlake_lake::commit::{Lake, StoredFile, TableContents};
use depthlake_lake::storage::path_of;
use depthlake_lake::table::Table;
use tokio::sync::OnceCell;

use crate::state_of_table::StateOfTable;
use crate::warehouse_store::bucket_and_key;

/// One table for one query.
#[derive(Debug)]
pub(crate) struct SnapshotTable {
    lake: Lake,
    table: Table,
    state: StateOfTable,
    schema: SchemaRef,
    contents: OnceCell<TableContents>,
}

impl SnapshotTable {
    pub(crate) fn new(lake: Lake, table: Table, state: StateOfTable) -> Self {
        Self { lake, table, state, schema: scanned_schema(&table.arrow_schema()), contents: OnceCell::new() }
    }

    async fn contents(&self) -> Result<&TableContents> {
        let read = || self.state.contents(&self.lake, self.table);
        self.contents.get_or_try_init(read).await.map_err(|error| DataFusionError::External(Box::new(error)))
    }

    fn parquet_source(&self, state: &dyn Session, store: &ObjectStoreUrl) -> Result<ParquetSource> {
        let runtime = state.runtime_env();
        let footers = runtime.cache_manager.get_file_metadata_cache();
        let reader = CachedParquetFileReaderFactory::new(runtime.object_store(store)?, footers);
        Ok(ParquetSource::new(Arc::clone(&self.schema))
            .with_table_parquet_options(state.default_table_options().parquet)
            .with_parquet_file_reader_factory(Arc::new(reader)))
    }
}

#[async_trait]
impl TableProvider for SnapshotTable {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Filters are not given here: the optimizer pushes them into the plan that this returns.
    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let files = &self.contents().await?.files;
        let Some(first) = files.first() else {
            return Ok(Arc::new(EmptyExec::new(project_schema(&self.schema, projection)?)));
        };
        let store = store_of(&first.location)?;
        let source = self.parquet_source(state, &store)?;
        let scanned = files.iter().map(partitioned_file).collect::<Result<Vec<_>>>()?;
        let config = FileScanConfigBuilder::new(store, Arc::new(source))
            .with_file_groups(FileGroup::new(scanned).split_files(state.config().target_partitions()))
            .with_statistics(statistics(&self.schema, files))
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

/// The table's columns with texts and bytes as views, which are compared, filtered and cast without a copy.
fn scanned_schema(schema: &Schema) -> SchemaRef {
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

/// The store that holds a location; all files of a table lie in one.
fn store_of(location: &str) -> Result<ObjectStoreUrl> {
    match bucket_and_key(location) {
        Some((bucket, _)) => ObjectStoreUrl::parse(format!("s3://{bucket}/")),
        None => Ok(ObjectStoreUrl::local_filesystem()),
    }
}

/// The file for the scan. Data files never change, so the time of change may be any, and a cached footer stays valid.
fn partitioned_file(file: &StoredFile) -> Result<PartitionedFile> {
    let location = match bucket_and_key(&file.location) {
        Some((_, key)) => Path::parse(key),
        None => Path::from_absolute_path(path_of(&file.location)),
    };
    let location = location.map_err(|error| DataFusionError::ObjectStore(Box::new(error.into())))?;
    let mut scanned = PartitionedFile::new("", file.bytes);
    scanned.object_meta.location = location;
    Ok(scanned)
}

fn statistics(schema: &Schema, files: &[StoredFile]) -> Statistics {
    let count = |total: u64| usize::try_from(total).ok();
    let rows = count(files.iter().map(|file| file.rows).sum());
    let bytes = count(files.iter().map(|file| file.bytes).sum());
    Statistics {
        num_rows: rows.map_or(Precision::Absent, Precision::Exact),
        total_byte_size: bytes.map_or(Precision::Absent, Precision::Inexact),
        column_statistics: Statistics::unknown_column(schema),
    }
}
