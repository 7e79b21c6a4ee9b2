//! Rows behind a snapshot as parts of a plan.

use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::project_schema;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use depthlake_lake::commit::LakeError;
use depthlake_lake::tail::{TailError, Unread};

/// Fewer rows than this are not worth a second thread.
const ROWS_OF_A_PARTITION: usize = 64 * 1024;

/// A scan of rows in memory; `None` where there are none.
pub(super) fn scan_of_rows(
    rows: &[RecordBatch],
    schema: &SchemaRef,
    projection: Option<&Vec<usize>>,
    limit: Option<usize>,
    state: &dyn Session,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if rows.is_empty() {
        return Ok(None);
    }
    let projected = project_schema(schema, projection)?;
    let batches: Vec<_> =
        rows.iter().map(|rows| as_scanned(rows, &projected, projection)).collect::<Result<_>>()?;
    let count: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let partitions = (count / ROWS_OF_A_PARTITION + 1).min(state.config().target_partitions());
    let of_each = batches.len().div_ceil(partitions.max(1));
    let partitions: Vec<_> = batches.chunks(of_each.max(1)).map(<[RecordBatch]>::to_vec).collect();
    let source = MemorySourceConfig::try_new(&partitions, projected, None)?.with_limit(limit);
    Ok(Some(DataSourceExec::from_data_source(source)))
}

/// A scan of rows that are read from the log; `None` where there are none.
pub(super) fn scan_of_unread(
    unread: &[Unread],
    schema: &SchemaRef,
    projection: Option<&Vec<usize>>,
    limit: Option<usize>,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if unread.is_empty() {
        return Ok(None);
    }
    let projected = project_schema(schema, projection)?;
    let stream = |unread: &Unread| -> Arc<dyn PartitionStream> {
        Arc::new(UnreadStream {
            unread: Mutex::new(unread.clone()),
            schema: Arc::clone(&projected),
            projection: projection.cloned(),
        })
    };
    let streams = unread.iter().map(stream).collect();
    let scan = StreamingTableExec::try_new(Arc::clone(&projected), streams, None, [], false, limit)?;
    Ok(Some(Arc::new(scan)))
}

/// Why a query cannot see what is behind a snapshot. Errors of the lake are told as those of the lake.
pub(super) fn failed(error: TailError) -> DataFusionError {
    match error {
        TailError::Lake(error) => external::<LakeError>(error),
        error => external(error),
    }
}

/// One partition of the log, read as the query goes on.
#[derive(Debug)]
struct UnreadStream {
    unread: Mutex<Unread>,
    schema: SchemaRef,
    projection: Option<Vec<usize>>,
}

impl PartitionStream for UnreadStream {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (schema, projection) = (Arc::clone(&self.schema), self.projection.clone());
        let mut builder = RecordBatchReceiverStreamBuilder::new(Arc::clone(&schema), 2);
        let sender = builder.tx();
        builder.spawn_blocking(move || {
            while let Some(batches) = unread.read().map_err(failed)? {
                for rows in batches {
                    let rows = as_scanned(&rows, &schema, projection.as_ref());
                    if sender.blocking_send(rows).is_err() {
                        return Ok(());
                    }
                }
            }
            Ok(())
        });
        builder.build()
    }
}

/// Rows as the scan of the table's files gives them.
fn as_scanned(
    rows: &RecordBatch,
    schema: &SchemaRef,
    projection: Option<&Vec<usize>>,
) -> Result<RecordBatch> {
    let projected = match projection {
        Some(projection) => &rows.project(projection)?,
        None => rows,
    };
    let columns: Vec<ArrayRef> = projected
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| cast(column, field.data_type()))
        .collect::<Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

fn external<E: std::error::Error + Send + Sync + 'static>(error: E) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
