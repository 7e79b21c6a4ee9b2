//! Which files may have rows that the filters of a query let through.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, StringViewArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::utils::conjunction;
use datafusion::physical_optimizer::pruning::{PruningPredicate, PruningStatistics};
use datafusion::prelude::Expr;
use depthlake_lake::commit::{Bounds, StoredFile};
use depthlake_lake::table::Table;

/// Microseconds in a day.
const DAY: i64 = 86_400_000_000;

/// The least and greatest values of the columns that manifests tell of, an element a file.
#[derive(Debug)]
pub(super) struct FileBounds {
    files: usize,
    time_column: &'static str,
    least_symbols: ArrayRef,
    greatest_symbols: ArrayRef,
    least_times: ArrayRef,
    greatest_times: ArrayRef,
}

impl FileBounds {
    pub(super) fn of(table: Table, files: &[StoredFile]) -> Self {
        let symbols = |bound: fn(&Bounds<String>) -> &str| -> ArrayRef {
            let symbols = files.iter().map(|file| file.symbols.as_ref().map(bound));
            Arc::new(symbols.collect::<StringViewArray>())
        };
        let times = |bound: fn(Bounds<i64>) -> i64| -> ArrayRef {
            let times = files.iter().map(|file| bound(times_of(file)));
            Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("+00:00"))
        };
        Self {
            files: files.len(),
            time_column: table.partition_column(),
            least_symbols: symbols(|bounds| &bounds.least),
            greatest_symbols: symbols(|bounds| &bounds.greatest),
            least_times: times(|bounds| bounds.least),
            greatest_times: times(|bounds| bounds.greatest),
        }
    }
}

/// Of each container, whether it may have rows that pass all filters. A filter that cannot be judged rules out nothing.
pub(super) fn may_pass(
    containers: &dyn PruningStatistics,
    state: &dyn Session,
    schema: &SchemaRef,
    filters: &[Expr],
) -> Result<Vec<bool>> {
    let all = || Ok(vec![true; containers.num_containers()]);
    let Some(filter) = conjunction(filters.iter().cloned()) else { return all() };
    let columns = DFSchema::try_from(Arc::clone(schema))?;
    let predicate = state.create_physical_expr(filter, &columns)?;
    match PruningPredicate::try_new(predicate, Arc::clone(schema)) {
        Ok(predicate) if !predicate.always_true() => predicate.prune(containers),
        _ => all(),
    }
}

/// The bounds of a file's times; where they are not known, those of its day.
pub(super) fn times_of(file: &StoredFile) -> Bounds<i64> {
    let begin = i64::from(file.day) * DAY;
    file.times.unwrap_or(Bounds { least: begin, greatest: begin + DAY - 1 })
}

impl PruningStatistics for FileBounds {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        match column.name.as_str() {
            "symbol" => Some(Arc::clone(&self.least_symbols)),
            name if name == self.time_column => Some(Arc::clone(&self.least_times)),
            _ => None,
        }
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        match column.name.as_str() {
            "symbol" => Some(Arc::clone(&self.greatest_symbols)),
            name if name == self.time_column => Some(Arc::clone(&self.greatest_times)),
            _ => None,
        }
    }

    fn num_containers(&self) -> usize {
        self.files
    }

    fn null_counts(&self, _: &Column) -> Option<ArrayRef> {
        None
    }

    fn row_counts(&self, _: &Column) -> Option<ArrayRef> {
        None
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
