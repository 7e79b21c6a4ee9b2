//! Which files may have rows that the filters of a query let through.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, StringViewArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::Like;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::physical_optimizer::pruning::{PruningPredicate, PruningStatistics};
use datafusion::prelude::Expr;
use depthlake_lake::commit::{Bounds, StoredFile};
use depthlake_lake::table::Table;
use tracing::debug;

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
    let mut may_pass = vec![true; containers.num_containers()];
    let columns = DFSchema::try_from(Arc::clone(schema))?;
    for filter in filters.iter().flat_map(|filter| split_conjunction(filter)) {
        let filter = prefix_range(filter).unwrap_or_else(|| filter.clone());
        let predicate = state.create_physical_expr(filter, &columns)?;
        let judged = match PruningPredicate::try_new(predicate, Arc::clone(schema)) {
            Ok(predicate) if !predicate.always_true() => predicate.prune(containers),
            _ => continue,
        };
        match judged {
            Ok(judged) => may_pass.iter_mut().zip(judged).for_each(|(may, judged)| *may &= judged),
            Err(error) => debug!(%error, "a filter cannot be judged by bounds"),
        }
    }
    Ok(may_pass)
}

/// `column LIKE 'prefix%'` as a range of which all that passes is a part. The engine compares bounds with a pattern's prefix
/// as another type of text than these columns have, and fails.
fn prefix_range(filter: &Expr) -> Option<Expr> {
    let Expr::Like(Like { negated: false, expr, pattern, escape_char: None, case_insensitive: false }) =
        filter
    else {
        return None;
    };
    let (Expr::Column(_), Expr::Literal(pattern, _)) = (&**expr, &**pattern) else { return None };
    let pattern = pattern.try_as_str().flatten().filter(|pattern| !pattern.contains('\\'))?;
    let prefix = pattern.split(['%', '_']).next().filter(|prefix| !prefix.is_empty())?;
    let column = (**expr).clone();
    let from = column.clone().gt_eq(text(prefix));
    Some(match after_all_with(prefix) {
        Some(end) => from.and(column.lt(text(&end))),
        None => from,
    })
}

fn text(text: &str) -> Expr {
    Expr::Literal(ScalarValue::Utf8View(Some(text.to_owned())), None)
}

/// The least text that is greater than all that begin with a prefix; `None` where there is none.
fn after_all_with(prefix: &str) -> Option<String> {
    let mut letters: Vec<char> = prefix.chars().collect();
    while let Some(last) = letters.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            letters.push(next);
            return Some(letters.into_iter().collect());
        }
    }
    None
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

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{DataType, Field, Schema};
    use datafusion::prelude::{SessionContext, col};

    use super::*;

    fn file(symbols: Option<(&str, &str)>) -> StoredFile {
        let bounds = |(least, greatest): (&str, &str)| Bounds {
            least: least.to_owned(),
            greatest: greatest.to_owned(),
        };
        StoredFile {
            location: String::new(),
            bytes: 1,
            rows: 1,
            day: 0,
            sequence: 1,
            symbols: symbols.map(bounds),
            times: None,
            sorted: true,
        }
    }

    /// Which of files from A to C, from D to F, and of unknown symbols may have rows.
    fn judged(filter: Expr) -> Vec<bool> {
        let files = [file(Some(("AB", "C"))), file(Some(("D", "F"))), file(None)];
        let bounds = FileBounds::of(Table::Trades, &files);
        let fields =
            [Field::new("symbol", DataType::Utf8View, true), Field::new("kind", DataType::Utf8View, true)];
        let schema = Arc::new(Schema::new(fields.to_vec()));
        may_pass(&bounds, &SessionContext::new().state(), &schema, &[filter]).unwrap()
    }

    #[test]
    fn a_prefix_rules_out_files_of_other_texts() {
        assert_eq!(judged(col("symbol").like(text("DO%"))), [false, true, true]);
        assert_eq!(judged(col("symbol").like(text("A%X"))), [true, false, true]);
        assert_eq!(judged(col("symbol").like(text("Z"))), [false, false, true]);
        assert_eq!(judged(col("symbol").like(text("%D"))), [true; 3]);
        assert_eq!(judged(col("kind").like(text("D%"))), [true; 3], "there are no bounds of it");
        assert_eq!(judged(col("symbol").not_like(text("D%"))), [true; 3]);
        assert_eq!(
            judged(col("symbol").like(text("D%")).and(col("kind").like(text("D%")))),
            [false, true, true]
        );
        assert_eq!(judged(col("symbol").like(text("D%")).or(col("symbol").eq(text("AB")))), [true; 3]);
    }

    #[test]
    fn texts_after_a_prefix() {
        for (prefix, after) in [
            ("a", Some("b")),
            ("file=", Some("file>")),
            ("a\u{10FFFF}", Some("b")),
            ("\u{D7FF}", Some("\u{E000}")),
        ] {
            assert_eq!(after_all_with(prefix).as_deref(), after);
        }
        assert_eq!(after_all_with("\u{10FFFF}"), None);
    }
}
