//! Lists are taken apart a few rows at a time.
//!
//! `DataFusion` takes apart a whole batch at once, and makes all its lists before: eight thousand rows with ten thousand
//! elements each are gigabytes that no limit counts, and as long as that takes the thread does nothing else. So rows come in
//! slices here, before their lists are made and again before these are taken apart, and between slices others have their turn.

use std::any::Any;
use std::fmt;
use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Result, Statistics};
use datafusion::config::ConfigOptions;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coop::{CooperativeExec, make_cooperative};
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::unnest::UnnestExec;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{StreamExt, stream};

/// Elements that are taken apart at a time, unless a single row has more.
const ELEMENTS: usize = 16_384;

/// Rows whose lists are made at a time, until it is known how long these are.
const FIRST_ROWS: usize = 64;

/// Rows at a time at most.
const MOST_ROWS: usize = 8_192;

/// Rows at a time that are compared with all of the other side of a join.
const COMPARED_ROWS: usize = 512;

/// Puts slices beneath everything that takes lists apart, or compares each row with each; and lets others have their turn where
/// few rows become many.
#[derive(Debug)]
pub(super) struct SliceLists;

impl PhysicalOptimizerRule for SliceLists {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| {
            let sliced = sliced(plan)?;
            let taking_turns = sliced.data.as_any().is::<UnnestExec>() || is_join(&sliced.data);
            Ok(if taking_turns {
                Transformed::yes(Arc::new(CooperativeExec::new(sliced.data)) as Arc<dyn ExecutionPlan>)
            } else {
                sliced
            })
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "slice_lists"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn is_join(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let plan = plan.as_any();
    plan.is::<CrossJoinExec>()
        || plan.is::<NestedLoopJoinExec>()
        || plan.is::<HashJoinExec>()
        || plan.is::<SortMergeJoinExec>()
}

fn sliced(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    if let Some(join) = plan.as_any().downcast_ref::<NestedLoopJoinExec>() {
        let rows = Arc::new(AtomicUsize::new(COMPARED_ROWS));
        let right = SlicesExec { input: Arc::clone(join.right()), slicing: Slicing::ByRows, rows };
        let children = vec![Arc::clone(join.left()), Arc::new(right) as Arc<dyn ExecutionPlan>];
        return Ok(Transformed::yes(plan.with_new_children(children)?));
    }
    let Some(unnest) = plan.as_any().downcast_ref::<UnnestExec>() else { return Ok(Transformed::no(plan)) };
    let lists = unnest.list_column_indices().iter().map(|list| list.index_in_input_schema).collect();
    let rows = Arc::new(AtomicUsize::new(FIRST_ROWS));
    let mut input = Arc::clone(unnest.input());
    if let Some(projection) = input.as_any().downcast_ref::<ProjectionExec>() {
        let beneath = SlicesExec {
            input: Arc::clone(projection.input()),
            slicing: Slicing::ByRows,
            rows: Arc::clone(&rows),
        };
        input = Arc::clone(&input).with_new_children(vec![Arc::new(beneath)])?;
    }
    let slices = SlicesExec { input, slicing: Slicing::ByElements(lists), rows };
    Ok(Transformed::yes(plan.with_new_children(vec![Arc::new(slices)])?))
}

/// Hands on its rows in smaller batches.
#[derive(Debug)]
struct SlicesExec {
    input: Arc<dyn ExecutionPlan>,
    slicing: Slicing,
    /// How many rows have lists of about [`ELEMENTS`] together, as it was seen last.
    rows: Arc<AtomicUsize>,
}

/// Where a slice ends.
#[derive(Debug, Clone)]
enum Slicing {
    /// After as many rows as are told beside it.
    ByRows,
    /// After as many rows as have few enough elements in these columns.
    ByElements(Vec<usize>),
}

impl SlicesExec {
    fn with_input(&self, input: Arc<dyn ExecutionPlan>) -> Self {
        Self { input, slicing: self.slicing.clone(), rows: Arc::clone(&self.rows) }
    }
}

impl DisplayAs for SlicesExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SlicesExec")
    }
}

impl ExecutionPlan for SlicesExec {
    fn name(&self) -> &'static str {
        "SlicesExec"
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(match children.into_iter().next() {
            Some(input) => Arc::new(self.with_input(input)),
            None => self,
        })
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let batches = self.input.execute(partition, context)?;
        let schema = batches.schema();
        let (slicing, rows) = (self.slicing.clone(), Arc::clone(&self.rows));
        let slices = batches.flat_map(move |batch| match batch {
            Ok(batch) => stream::iter(slices(batch, slicing.clone(), Arc::clone(&rows))).boxed(),
            Err(error) => stream::iter([Err(error)]).boxed(),
        });
        Ok(make_cooperative(Box::pin(RecordBatchStreamAdapter::new(schema, slices))))
    }

    fn partition_statistics(&self, partition: Option<usize>) -> Result<Statistics> {
        self.input.partition_statistics(partition)
    }
}

fn slices(
    batch: RecordBatch,
    slicing: Slicing,
    rows: Arc<AtomicUsize>,
) -> impl Iterator<Item = Result<RecordBatch>> + Send {
    let mut from = 0;
    iter::from_fn(move || {
        let left = batch.num_rows().checked_sub(from).filter(|left| *left > 0)?;
        let length = match &slicing {
            Slicing::ByRows => rows.load(Ordering::Relaxed).clamp(1, left),
            Slicing::ByElements(lists) => {
                let (length, elements) = fitting(&batch, from, lists);
                let expected = length.saturating_mul(ELEMENTS) / elements.max(1);
                rows.store(expected.clamp(1, MOST_ROWS), Ordering::Relaxed);
                length
            }
        };
        let slice = batch.slice(from, length);
        from += length;
        Some(Ok(slice))
    })
}

/// How many rows, one at least, have no more than [`ELEMENTS`] together, and how many they have.
fn fitting(batch: &RecordBatch, from: usize, lists: &[usize]) -> (usize, usize) {
    let columns: Vec<&ArrayRef> = lists.iter().filter_map(|place| batch.columns().get(*place)).collect();
    let mut elements = 0;
    for row in from..batch.num_rows() {
        // The shorter of several lists are filled up.
        let of_row = columns.iter().map(|column| elements_of(column, row)).max().unwrap_or(1);
        if row > from && elements + of_row > ELEMENTS {
            return (row - from, elements);
        }
        elements += of_row;
    }
    (batch.num_rows() - from, elements)
}

fn elements_of(column: &ArrayRef, row: usize) -> usize {
    let length = match column.data_type() {
        DataType::List(_) => usize::try_from(column.as_list::<i32>().value_length(row)),
        DataType::LargeList(_) => usize::try_from(column.as_list::<i64>().value_length(row)),
        DataType::FixedSizeList(_, length) => usize::try_from(*length),
        _ => Ok(1),
    };
    length.unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Int32Array, ListArray};
    use datafusion::arrow::datatypes::{Int32Type, Int64Type};

    use super::*;
    use crate::samples::empty_lake;
    use crate::session::Session;

    #[tokio::test]
    async fn many_long_lists_are_taken_apart_in_small_batches() {
        let lake = empty_lake().await;
        let session = Session::of_client(lake.lake.clone(), None).unwrap();
        let sql = "SELECT n * m AS product FROM UNNEST(sequence(1, 2000)) AS a(n), UNNEST(sequence(1, 2000)) AS b(m)";
        let batches = session.sql(sql).await.unwrap().collect().await.unwrap();
        assert!(batches.iter().all(|batch| batch.num_rows() <= ELEMENTS), "{}", batches.len());
        let products =
            batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().iter());
        assert_eq!(products.sum::<i64>(), (2_000 * 2_001 / 2_i64).pow(2));
    }

    #[test]
    fn a_slice_ends_before_it_has_too_many_elements() {
        let lists = [Some(10_000), None, Some(6_000), Some(500), Some(20_000), Some(1)];
        let lists = lists.map(|length| length.map(|length| vec![Some(1); length]));
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(lists);
        let numbers = Int32Array::from_iter_values(0..6);
        let columns: Vec<(&str, ArrayRef)> = vec![("n", Arc::new(numbers)), ("lists", Arc::new(lists))];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let rows = Arc::new(AtomicUsize::new(FIRST_ROWS));
        let all = slices(batch.clone(), Slicing::ByElements(vec![1]), Arc::clone(&rows));
        let lengths: Vec<_> = all.map(|slice| slice.unwrap().num_rows()).collect();
        assert_eq!(lengths, [3, 1, 1, 1]);
        rows.store(4, Ordering::Relaxed);
        let lengths: Vec<_> =
            slices(batch, Slicing::ByRows, rows).map(|slice| slice.unwrap().num_rows()).collect();
        assert_eq!(lengths, [4, 2]);
    }
}
