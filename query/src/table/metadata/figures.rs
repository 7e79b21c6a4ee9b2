//! What the manifests tell of the values in each column of a table.

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::arrow::util::display::array_value_to_string;
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use depthlake_lake::commit::{FileDescription, Lake};
use depthlake_lake::table::Table;

use super::failed;
use super::partitions::{greatest, least, scalar, total};

/// What is known of the values in a column.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ColumnFigures {
    /// Bytes of them, compressed; only of texts and bytes, whose values have no size of their own.
    pub(crate) bytes: Option<u64>,
    /// How many of them are null, from 0 to 1.
    pub(crate) nulls: Option<f64>,
    /// The least, as text; only of numbers and times, for those of texts are cut.
    pub(crate) least: Option<String>,
    /// The greatest, as text; only of numbers and times.
    pub(crate) greatest: Option<String>,
}

/// The figures of the columns that a table is declared with, in their order.
pub(super) async fn figures(lake: &Lake, table: Table) -> Result<Vec<ColumnFigures>> {
    let current = lake.current(table).await.map_err(failed)?;
    let files = current.described_files().await.map_err(failed)?;
    let files: Vec<_> = files.iter().collect();
    let ids = current.columns();
    let declared = table.arrow_schema();
    let of_column = |column: &Field| {
        let id = ids.iter().find(|(_, name)| name == column.name()).map(|(id, _)| *id);
        of_column_in(&files, id, column.data_type())
    };
    declared.fields().iter().map(|column| of_column(column)).collect()
}

fn of_column_in(files: &[&FileDescription], id: Option<i32>, data_type: &DataType) -> Result<ColumnFigures> {
    if files.is_empty() {
        return Ok(ColumnFigures::default());
    }
    let is_sized = matches!(data_type, DataType::Utf8 | DataType::Binary | DataType::LargeBinary);
    let rows: u64 = files.iter().map(|file| file.rows).sum();
    let bytes = is_sized.then(|| total(files, id, |file| &file.column_sizes)).flatten();
    let nulls = total(files, id, |file| &file.null_counts).and_then(|nulls| fraction(nulls, rows));
    let [least, greatest] = [least(files, id), greatest(files, id)].map(|bound| {
        let value = bound.filter(|_| data_type.is_numeric() || data_type.is_temporal());
        value.and_then(|value| scalar(value, data_type)).map(|value| text(&value)).transpose()
    });
    Ok(ColumnFigures { bytes, nulls, least: least?, greatest: greatest? })
}

fn fraction(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| as_double(part) / as_double(whole))
}

/// A count as the nearest double.
pub(crate) fn as_double(count: u64) -> f64 {
    let halves = [count >> 32, count & u64::from(u32::MAX)];
    let [high, low] = halves.map(|half| u32::try_from(half).map_or(0.0, f64::from));
    high.mul_add(4_294_967_296.0, low)
}

fn text(value: &ScalarValue) -> Result<String> {
    Ok(array_value_to_string(&value.to_array()?, 0)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_doubles() {
        for (count, expected) in [(0, 0.0), (7, 7.0), (1 << 32, 4_294_967_296.0), (100_000_000_000, 1e11)] {
            assert!((as_double(count) - expected).abs() < f64::EPSILON, "{count}");
        }
        assert_eq!(fraction(1, 4), Some(0.25));
        assert_eq!(fraction(0, 0), None);
    }
}
