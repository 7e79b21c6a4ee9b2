//! Which files may hold some rows, so that a file that cannot be read hinders nobody who wants none of its rows.

use std::collections::BTreeSet;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, RecordBatch};
use arrow_schema::ArrowError;

use crate::commit::StoredFile;
use crate::table::Table;

const MICROSECONDS_PER_DAY: i64 = 86_400_000_000;

/// The times and symbols of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Extent {
    /// Of the table's partition column.
    times: BTreeSet<i64>,
    /// `None` where a row has none.
    symbols: Option<BTreeSet<String>>,
}

impl Extent {
    pub(super) fn of(table: Table, rows: &RecordBatch) -> Result<Self, ArrowError> {
        let column = rows.column(rows.schema().index_of(table.partition_column())?);
        let times = column
            .as_primitive_opt::<TimestampMicrosecondType>()
            .ok_or_else(|| ArrowError::SchemaError(format!("{table} is not partitioned by microseconds")))?;
        let symbols = rows.column_by_name("symbol").and_then(|symbols| symbols.as_string_opt::<i32>());
        let symbols = symbols.filter(|symbols| symbols.null_count() == 0);
        Ok(Self {
            times: times.values().iter().copied().collect(),
            symbols: symbols.map(|symbols| symbols.iter().flatten().map(str::to_owned).collect()),
        })
    }

    /// Whether a file may hold one of the rows, by what the table says of it.
    pub(super) fn touches(&self, file: &StoredFile) -> bool {
        let begin = i64::from(file.day) * MICROSECONDS_PER_DAY;
        let of_day = (begin, begin + MICROSECONDS_PER_DAY - 1);
        let (least, greatest) = file.times.map_or(of_day, |times| (times.least, times.greatest));
        let in_time = least <= greatest && self.times.range(least..=greatest).next().is_some();
        let in_symbols = match (&self.symbols, &file.symbols) {
            (Some(symbols), Some(bounds)) => {
                let mut from_least = symbols.range(bounds.least.clone()..);
                from_least.next().is_some_and(|symbol| *symbol <= bounds.greatest)
            }
            _ => true,
        };
        in_time && in_symbols
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, StringArray, TimestampMicrosecondArray};

    use super::*;
    use crate::commit::Bounds;

    fn extent(rows: &[(Option<&str>, i64)]) -> Extent {
        let times = TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| row.1));
        let columns: [(&str, ArrayRef); 2] = [
            ("symbol", Arc::new(rows.iter().map(|row| row.0).collect::<StringArray>())),
            (Table::RawTrades.partition_column(), Arc::new(times.with_timezone("+00:00"))),
        ];
        Extent::of(Table::RawTrades, &RecordBatch::try_from_iter(columns).unwrap()).unwrap()
    }

    fn file(symbols: Option<(&str, &str)>, times: Option<(i64, i64)>) -> StoredFile {
        let bounds = |(least, greatest): (&str, &str)| Bounds {
            least: least.to_owned(),
            greatest: greatest.to_owned(),
        };
        StoredFile {
            location: "file:///a".to_owned(),
            bytes: 1,
            rows: 1,
            day: 0,
            sequence: 1,
            symbols: symbols.map(bounds),
            times: times.map(|(least, greatest)| Bounds { least, greatest }),
            sorted: true,
        }
    }

    #[test]
    fn files_of_other_times_or_symbols_are_not_touched() {
        let rows = extent(&[(Some("ETHUSDT"), 10), (Some("ETHUSDT"), 90)]);
        assert!(rows.touches(&file(Some(("BTCUSDT", "XRPUSDT")), Some((5, 10)))));
        assert!(!rows.touches(&file(Some(("BTCUSDT", "XRPUSDT")), Some((11, 89)))), "between them");
        assert!(!rows.touches(&file(Some(("BTCUSDT", "DOGEUSDT")), Some((5, 10)))));
        assert!(rows.touches(&file(None, None)), "what is not known may be");
        assert!(extent(&[(None, 10)]).touches(&file(Some(("A", "B")), Some((10, 10)))));
    }
}
