//! What reconciliation finds, in words and as rows of `ops.recon_breaks`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::ArrowError;
use depthlake_orderbook::time::Timestamp;

use super::compare::{Difference, ValueDrift};
use crate::table::Table;

/// A layer, which is compared with the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// The raw tables, against the log.
    Raw,
    /// The normalized tables, against what the raw ones give.
    Normalized,
    /// The marts, against what the normalized tables give.
    Marts,
}

/// The classes of breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BreakClass {
    /// A row that should be there is not, on either side.
    Missing,
    /// A row is there more than once.
    Duplicate,
    /// A row has another value than it should.
    ValueDrift,
    /// A table has columns other than those declared.
    SchemaDrift,
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq)]
pub struct Break {
    pub layer: Layer,
    pub class: BreakClass,
    pub table: String,
    /// The columns of the key with their values; of a schema, the column.
    pub key: String,
    /// What differs, where it is a value.
    pub value: Option<ValueDrift>,
    /// What is wrong, in a sentence.
    pub detail: String,
    /// When it was put right.
    pub repaired_at: Option<Timestamp>,
}

/// Where compared rows belong.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub layer: Layer,
    /// What gives the rows that are expected.
    pub source: &'a str,
    pub table: &'a str,
    /// The columns of the key.
    pub key: &'a [&'a str],
}

/// A text that names no layer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no layer is called {name:?}; there are raw, normalized and marts")]
pub struct UnknownLayer {
    pub name: String,
}

impl Layer {
    pub const ALL: [Self; 3] = [Self::Raw, Self::Normalized, Self::Marts];

    /// The layer's name, which is the namespace of its tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Normalized => "normalized",
            Self::Marts => "marts",
        }
    }

    /// What the layer is made of.
    #[must_use]
    pub const fn source(self) -> &'static str {
        match self {
            Self::Raw => "the log",
            Self::Normalized => "raw",
            Self::Marts => "the model",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Layer {
    type Err = UnknownLayer;

    fn from_str(name: &str) -> Result<Self, UnknownLayer> {
        let found = Self::ALL.into_iter().find(|layer| layer.name() == name);
        found.ok_or_else(|| UnknownLayer { name: name.to_owned() })
    }
}

impl BreakClass {
    /// The class's name in the lake.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "MISSING",
            Self::Duplicate => "DUPLICATE",
            Self::ValueDrift => "VALUE_DRIFT",
            Self::SchemaDrift => "SCHEMA_DRIFT",
        }
    }
}

impl fmt::Display for BreakClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The breaks that differences between the rows of a table are.
///
/// # Errors
/// [`ArrowError`] where a column of the key is missing or cannot be shown.
pub fn breaks_of(
    place: Place<'_>,
    expected: &RecordBatch,
    found: &RecordBatch,
    differences: &[Difference],
) -> Result<Vec<Break>, ArrowError> {
    let keys = (KeyText::of(expected, place.key)?, KeyText::of(found, place.key)?);
    let of = |class, key, value, detail| Break {
        layer: place.layer,
        class,
        table: place.table.to_owned(),
        key,
        value,
        detail,
        repaired_at: None,
    };
    let source = place.source;
    let told = differences.iter().map(|difference| match difference {
        Difference::Missing { expected } => of(
            BreakClass::Missing,
            keys.0.text(*expected),
            None,
            format!("{source} gives this row; it is not there"),
        ),
        Difference::Unfounded { found } => of(
            BreakClass::Missing,
            keys.1.text(*found),
            None,
            format!("this row is there; {source} does not give it"),
        ),
        Difference::Duplicate { found } => {
            of(BreakClass::Duplicate, keys.1.text(*found), None, "this row is there once more".to_owned())
        }
        Difference::Drift { expected, value, .. } => {
            let detail = format!("{} has another value than {source} gives", value.column);
            of(BreakClass::ValueDrift, keys.0.text(*expected), Some(value.clone()), detail)
        }
    });
    Ok(told.collect())
}

/// Breaks as rows of `ops.recon_breaks`, all of one run that began at `found_at`.
///
/// # Errors
/// [`ArrowError`] where the table does not take them, which the tests rule out.
pub fn break_rows(breaks: &[Break], found_at: Timestamp) -> Result<RecordBatch, ArrowError> {
    let text = |value: fn(&Break) -> Option<&str>| -> ArrayRef {
        Arc::new(breaks.iter().map(value).collect::<StringArray>())
    };
    let times = |value: &dyn Fn(&Break) -> Option<Timestamp>| -> ArrayRef {
        let times = breaks.iter().map(|found| value(found).map(|time| time.0.div_euclid(1_000)));
        Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone("+00:00"))
    };
    let relative = breaks.iter().map(|found| found.value.as_ref()?.relative_difference);
    let columns = vec![
        times(&|_| Some(found_at)),
        text(|found| Some(found.layer.name())),
        text(|found| Some(found.class.name())),
        text(|found| Some(&found.table)),
        text(|found| Some(&found.key)),
        text(|found| found.value.as_ref().map(|value| value.column.as_str())),
        text(|found| found.value.as_ref()?.expected.as_deref()),
        text(|found| found.value.as_ref()?.found.as_deref()),
        Arc::new(relative.collect::<Float64Array>()),
        text(|found| Some(&found.detail)),
        times(&|found| found.repaired_at),
    ];
    RecordBatch::try_new(Table::ReconBreaks.arrow_schema(), columns)
}

/// Shows the keys of rows.
struct KeyText<'a> {
    columns: Vec<(&'a str, ArrayFormatter<'a>)>,
}

impl<'a> KeyText<'a> {
    fn of(rows: &'a RecordBatch, key: &[&'a str]) -> Result<Self, ArrowError> {
        const OPTIONS: FormatOptions<'static> = FormatOptions::new();
        let schema = rows.schema();
        let column = |name: &&'a str| {
            let array = rows.column(schema.index_of(name)?);
            Ok((*name, ArrayFormatter::try_new(array.as_ref(), &OPTIONS)?))
        };
        Ok(Self { columns: key.iter().map(column).collect::<Result<_, ArrowError>>()? })
    }

    fn text(&self, row: usize) -> String {
        let parts = self.columns.iter().map(|(name, values)| format!("{name}={}", values.value(row)));
        parts.collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::Int64Array;

    use super::super::Comparison;
    use super::*;

    fn trades(ids: &[i64], price: f64) -> RecordBatch {
        RecordBatch::try_from_iter([
            ("id", Arc::new(Int64Array::from(ids.to_vec())) as ArrayRef),
            ("price", Arc::new(Float64Array::from(vec![price; ids.len()]))),
        ])
        .unwrap()
    }

    #[test]
    fn every_class_is_a_row_that_says_which_and_what() {
        let comparison = Comparison { key: &["id"], ignored: &[], tolerance: 0.0 };
        let (expected, found) = (trades(&[1, 2], 10.0), trades(&[2, 2, 3], 11.0));
        let differences = comparison.differences(&expected, &found).unwrap();
        let place =
            Place { layer: Layer::Normalized, source: "raw", table: "normalized.trades", key: &["id"] };
        let breaks = breaks_of(place, &expected, &found, &differences).unwrap();
        let told = breaks.iter().map(|found| format!("{} {} {}", found.class, found.key, found.detail));
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                "MISSING id=1 raw gives this row; it is not there",
                "VALUE_DRIFT id=2 price has another value than raw gives",
                "DUPLICATE id=2 this row is there once more",
                "MISSING id=3 this row is there; raw does not give it",
            ]
        );
        let rows = break_rows(&breaks, Timestamp(5_000)).unwrap();
        assert_eq!(rows.num_rows(), 4);
    }

    #[test]
    fn layers_parse_back() {
        for layer in Layer::ALL {
            assert_eq!(layer.name().parse(), Ok(layer));
        }
        assert!("row".parse::<Layer>().unwrap_err().to_string().contains("normalized"));
    }
}
