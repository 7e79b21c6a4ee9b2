//! The data files of a snapshot as they are scanned.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::object_store::path::Path;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::Expr;
use depthlake_lake::commit::StoredFile;
use depthlake_lake::storage::path_of;
use depthlake_lake::table::Table;

use super::bounds::{FileBounds, may_pass, times_of};
use super::provider::scanned_schema;
use crate::warehouse_store::bucket_and_key;

/// Files with what scans need of them, made once a snapshot.
#[derive(Debug)]
pub(super) struct PlannedFiles {
    stored: Arc<[StoredFile]>,
    schema: SchemaRef,
    files: Vec<PartitionedFile>,
    bounds: FileBounds,
}

impl PlannedFiles {
    pub(super) fn new(table: Table, stored: Arc<[StoredFile]>) -> Result<Self> {
        let schema = scanned_schema(&table.arrow_schema());
        let files =
            stored.iter().map(|file| partitioned_file(file, table, &schema)).collect::<Result<_>>()?;
        let bounds = FileBounds::of(table, &stored);
        Ok(Self { stored, schema, files, bounds })
    }

    /// Whether they were made of this very list.
    pub(super) fn are_of(&self, stored: &Arc<[StoredFile]>) -> bool {
        Arc::ptr_eq(&self.stored, stored)
    }

    /// The scan of the files that the filters leave; `None` where they leave none.
    pub(super) fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(first) = self.stored.first() else { return Ok(None) };
        let stays = may_pass(&self.bounds, state, &self.schema, filters)?;
        let left = || self.stored.iter().zip(&self.files).zip(&stays).filter(|(_, stays)| **stays);
        let files: Vec<_> = left().map(|((_, file), _)| file.clone()).collect();
        if files.is_empty() {
            return Ok(None);
        }
        let stored = left().map(|((stored, _), _)| stored);
        let store = store_of(&first.location)?;
        let source = self.parquet_source(state, &store)?;
        let config = FileScanConfigBuilder::new(store, Arc::new(source))
            .with_file_groups(FileGroup::new(files).split_files(state.config().target_partitions()))
            .with_statistics(statistics_of(stored, &self.schema))
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(Some(DataSourceExec::from_data_source(config)))
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

/// The store that holds a location; all files of a table lie in one.
fn store_of(location: &str) -> Result<ObjectStoreUrl> {
    match bucket_and_key(location) {
        Some((bucket, _)) => ObjectStoreUrl::parse(format!("s3://{bucket}/")),
        None => Ok(ObjectStoreUrl::local_filesystem()),
    }
}

/// The file for the scan. Data files never change, so the time of change may be any, and a cached footer stays valid.
fn partitioned_file(file: &StoredFile, table: Table, schema: &SchemaRef) -> Result<PartitionedFile> {
    let location = match bucket_and_key(&file.location) {
        Some((_, key)) => Path::parse(key),
        None => Path::from_absolute_path(path_of(&file.location)),
    };
    let location = location.map_err(|error| DataFusionError::ObjectStore(Box::new(error.into())))?;
    let mut scanned = PartitionedFile::new("", file.bytes);
    scanned.object_meta.location = location;
    scanned.statistics = Some(Arc::new(file_statistics(file, table, schema)));
    Ok(scanned)
}

/// What is known of the values in a file. The bounds of symbols may be cut, those of times are values that occur.
fn file_statistics(file: &StoredFile, table: Table, schema: &SchemaRef) -> Statistics {
    let mut statistics = statistics_of(std::iter::once(file), schema);
    let times = times_of(file);
    for (field, column) in schema.fields().iter().zip(&mut statistics.column_statistics) {
        if field.name() == "symbol"
            && let Some(symbols) = &file.symbols
        {
            let text = |text: &String| Precision::Inexact(ScalarValue::Utf8View(Some(text.clone())));
            column.min_value = text(&symbols.least);
            column.max_value = text(&symbols.greatest);
        } else if field.name() == table.partition_column() {
            let time = |time| {
                let zone = Some(Arc::from("+00:00"));
                let value = ScalarValue::TimestampMicrosecond(Some(time), zone);
                if file.times.is_some() { Precision::Exact(value) } else { Precision::Inexact(value) }
            };
            column.min_value = time(times.least);
            column.max_value = time(times.greatest);
            column.null_count = Precision::Exact(0);
        }
    }
    statistics
}

/// How many rows and bytes files have.
fn statistics_of<'a>(files: impl Iterator<Item = &'a StoredFile>, schema: &SchemaRef) -> Statistics {
    let (rows, bytes) =
        files.fold((0_u64, 0_u64), |(rows, bytes), file| (rows + file.rows, bytes + file.bytes));
    let count = |total: u64| usize::try_from(total).ok();
    Statistics {
        num_rows: count(rows).map_or(Precision::Absent, Precision::Exact),
        total_byte_size: count(bytes).map_or(Precision::Absent, Precision::Inexact),
        column_statistics: vec![ColumnStatistics::new_unknown(); schema.fields().len()],
    }
}
