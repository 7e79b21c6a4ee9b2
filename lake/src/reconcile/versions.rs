//! Which of a bar's versions are compared: of several, the one that says what is expected, or else the first.

use std::collections::{BTreeSet, HashMap, HashSet};

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_row::OwnedRow;
use arrow_schema::ArrowError;

use super::compare::{Comparison, KeyReader};
use super::repair::rows_at;

/// Of each bar, the rows of one version: the one that is as expected, or else the first. A version is there once, and any
/// other row of it stays.
///
/// # Errors
/// [`ArrowError`] where a column is missing.
pub fn judged_versions(
    comparison: &Comparison<'_>,
    expected: &RecordBatch,
    found: &RecordBatch,
) -> Result<RecordBatch, ArrowError> {
    let schema = found.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let told: Vec<&str> = names.into_iter().filter(|name| !comparison.ignored.contains(name)).collect();
    let read = |rows, columns: &[&str]| KeyReader::new(&schema, columns)?.read(rows);
    let right: HashSet<OwnedRow> = read(expected, &told)?.iter().map(|row| row.owned()).collect();
    let (keys, values, versions) =
        (read(found, comparison.key)?, read(found, &told)?, read(found, &["bar_key"])?);
    let since = found.column_by_name("sys_from");
    let since = since.and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
    let since = since.ok_or_else(|| ArrowError::SchemaError("the rows have no sys_from".to_owned()))?;
    // Whether a version is wrong, and since when it is believed: the least is taken.
    let mut chosen: HashMap<OwnedRow, (bool, i64, usize)> = HashMap::new();
    for row in 0..found.num_rows() {
        let rank = (!right.contains(&values.row(row).owned()), since.value(row), row);
        let best = chosen.entry(keys.row(row).owned()).or_insert(rank);
        *best = rank.min(*best);
    }
    let is_chosen = |row: &usize| {
        let best = chosen.get(&keys.row(*row).owned());
        best.is_some_and(|(.., best)| versions.row(*best) == versions.row(*row))
    };
    rows_at(found, (0..found.num_rows()).filter(is_chosen).collect())
}

/// Some rows of a batch, in its order.
///
/// # Errors
/// [`ArrowError`] where a row is not there.
pub fn rows_of(batch: &RecordBatch, rows: &BTreeSet<usize>) -> Result<RecordBatch, ArrowError> {
    rows_at(batch, rows.clone())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray};

    use super::*;

    fn rows(rows: &[(&str, i64, i64)]) -> RecordBatch {
        let keys = rows.iter().map(|(symbol, since, _)| format!("{symbol}-{since}"));
        let columns: [(&str, ArrayRef); 4] = [
            ("symbol", Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.0)))),
            ("sys_from", Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| row.1)))),
            ("open", Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.2)))),
            ("bar_key", Arc::new(StringArray::from_iter_values(keys))),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    #[test]
    fn the_right_version_is_judged_or_else_the_first() {
        let comparison = Comparison { key: &["symbol"], ignored: &["sys_from", "bar_key"], tolerance: 0.0 };
        let judged = |expected: &[(&str, i64, i64)], found: &[(&str, i64, i64)]| {
            judged_versions(&comparison, &rows(expected), &rows(found)).unwrap()
        };
        let repaired = [("A", 1, 5), ("A", 2, 7), ("A", 3, 9)];
        assert_eq!(judged(&[("A", 0, 7)], &repaired), rows(&[("A", 2, 7)]));
        assert_eq!(judged(&[("A", 0, 8)], &repaired), rows(&[("A", 1, 5)]));
        assert_eq!(judged(&[], &[("B", 4, 1), ("A", 1, 5)]), rows(&[("B", 4, 1), ("A", 1, 5)]));
        let twice = [("A", 1, 5), ("A", 1, 5), ("A", 2, 6)];
        assert_eq!(judged(&[("A", 0, 5)], &twice), rows(&twice[..2]));
    }
}
