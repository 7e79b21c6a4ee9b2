//! The answers of a server as a client reads them: pages of JSON become batches, of the types that the same statement gives
//! within this process.

mod wire;

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::{ReaderBuilder, StructMode};
use depthlake_dialect::types::TrinoType;
use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use crate::conversion::converted;

/// Why a page cannot be read, or why there are no rows on it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadingError {
    /// The server refuses the statement, or it failed there.
    #[error("{message} ({name})")]
    Refused { message: String, name: String },
    #[error("the server does not speak Trino's protocol")]
    NoPage(#[from] serde_json::Error),
    #[error("the server's rows are not of the types that it tells")]
    Rows(#[from] ArrowError),
}

/// Reads the pages of one answer, in their order.
#[derive(Debug, Default)]
pub struct PageReader {
    columns: Option<Columns>,
}

/// What one page says.
#[derive(Debug)]
pub struct AnswerPage {
    /// Where the next page is; `None` after the last.
    pub next: Option<String>,
    /// The rows of this page. A time with a zone is of the zone that the page's first has.
    pub rows: Option<RecordBatch>,
}

/// What is known of an answer before its first row.
#[derive(Debug, Clone)]
pub struct Columns {
    /// The columns as Arrow has them; none of a statement that is no question. Times with a zone are of UTC.
    pub schema: SchemaRef,
    /// What the statement has done, where it is no question, and to how many rows.
    pub update: Option<(String, Option<u64>)>,
    /// The columns as the server sends them.
    sent: SchemaRef,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    next_uri: Option<String>,
    columns: Option<Vec<PageColumn>>,
    #[serde(borrow)]
    data: Option<Vec<&'a RawValue>>,
    update_type: Option<String>,
    update_count: Option<u64>,
    error: Option<Failure>,
}

#[derive(Deserialize)]
struct PageColumn {
    name: String,
    r#type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    message: String,
    error_name: String,
}

impl PageReader {
    /// Reads the next page.
    ///
    /// # Errors
    /// [`ReadingError`] where the page tells of a failure, is no page, or its rows do not fit its columns.
    pub fn read(&mut self, body: &[u8]) -> Result<AnswerPage, ReadingError> {
        let page: Page<'_> = serde_json::from_slice(body)?;
        if let Some(Failure { message, error_name }) = page.error {
            return Err(ReadingError::Refused { message, name: error_name });
        }
        if self.columns.is_none() && (page.columns.is_some() || page.update_type.is_some()) {
            let update = page.update_type.map(|kind| (kind, page.update_count));
            self.columns = Some(Columns::new(page.columns.as_deref().unwrap_or_default(), update)?);
        }
        let rows = match (&self.columns, &page.data) {
            (Some(columns), Some(rows)) if columns.update.is_none() && !rows.is_empty() => {
                Some(columns.batch(rows)?)
            }
            _ => None,
        };
        Ok(AnswerPage { next: page.next_uri, rows })
    }

    /// What the pages so far tell of the answer.
    #[must_use]
    pub fn columns(&self) -> Option<&Columns> {
        self.columns.as_ref()
    }
}

impl Columns {
    fn new(columns: &[PageColumn], update: Option<(String, Option<u64>)>) -> Result<Self, ArrowError> {
        // Servers give a statement that is no question a column that only says that it is done.
        let columns = if update.is_some() { &[] } else { columns };
        let sent = columns.iter().map(|column| {
            let r#type = TrinoType::parse(&column.r#type).unwrap_or(TrinoType::Varchar { length: None });
            wire::field(&column.name, &r#type)
        });
        let sent: SchemaRef = Arc::new(Schema::new(sent.collect::<Vec<_>>()));
        let schema = converted(&RecordBatch::new_empty(Arc::clone(&sent)), &wire::read)?.schema();
        Ok(Self { schema, update, sent })
    }

    fn batch(&self, rows: &[&RawValue]) -> Result<RecordBatch, ArrowError> {
        let mut decoder = ReaderBuilder::new(Arc::clone(&self.sent))
            .with_struct_mode(StructMode::ListOnly)
            .with_coerce_primitive(true)
            .with_batch_size(rows.len())
            .build_decoder()?;
        for row in rows {
            decoder.decode(row.get().as_bytes())?;
        }
        let batch = decoder.flush()?.unwrap_or_else(|| RecordBatch::new_empty(Arc::clone(&self.sent)));
        converted(&batch, &wire::read)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::display::array_value_to_string;
    use serde_json::json;

    use super::*;

    fn read(r#type: &str, value: &serde_json::Value) -> String {
        let page = json!({"columns": [{"name": "c", "type": r#type}], "data": [[value], [null]]});
        let mut reader = PageReader::default();
        let page =
            reader.read(page.to_string().as_bytes()).unwrap_or_else(|error| panic!("{type}: {error:?}"));
        let rows = page.rows.unwrap();
        assert_eq!((rows.num_rows(), rows.column(0).logical_null_count()), (2, 1), "{type}");
        array_value_to_string(rows.column(0), 0).unwrap()
    }

    #[test]
    fn values_are_read_with_all_their_digits() {
        for (r#type, value, expected) in [
            ("bigint", json!(i64::MIN), "-9223372036854775808"),
            (
                "decimal(38,8)",
                json!("123456789012345678901234567890.12345678"),
                "123456789012345678901234567890.12345678",
            ),
            ("double", json!(0.1), "0.1"),
            ("double", json!("-Infinity"), "-inf"),
            ("real", json!(0.1), "0.1"),
            ("varbinary", json!("AP8="), "00ff"),
            ("uuid", json!("12121212-1212-1212-1212-121212121212"), "12121212-1212-1212-1212-121212121212"),
            ("char(4)", json!("ab  "), "ab  "),
            ("date", json!("1969-12-31"), "1969-12-31"),
            ("time(6)", json!("01:02:03.000004"), "01:02:03.000004"),
            ("time(3) with time zone", json!("01:02:03.004+00:00"), "01:02:03.004"),
            ("timestamp(6)", json!("2026-01-01 00:00:00.123456"), "2026-01-01T00:00:00.123456"),
            ("timestamp(12)", json!("2026-01-01 00:00:00.123456789000"), "2026-01-01T00:00:00.123456789"),
            ("timestamp(3) with time zone", json!("2026-01-01 00:00:00.500 UTC"), "2026-01-01T00:00:00.500Z"),
            (
                "timestamp(3) with time zone",
                json!("2026-07-01 01:00:00.123 Europe/Berlin"),
                "2026-07-01T01:00:00.123+02:00",
            ),
            ("timestamp(0) with time zone", json!("2025-12-31 18:30:00 -05:30"), "2025-12-31T18:30:00-05:30"),
            ("interval day to second", json!("2 00:00:03.000"), "2 00:00:03.000"),
            (
                "array(timestamp(3) with time zone)",
                json!(["2026-01-01 00:00:00.500 UTC", null]),
                "[2026-01-01T00:00:00.500Z, ]",
            ),
            ("map(bigint, varbinary)", json!({"7": "AP8="}), "{7: 00ff}"),
            ("row(x integer, y varchar)", json!([1, "a"]), "{x: 1, y: a}"),
            ("hyperloglog", json!("AgwA"), "AgwA"),
        ] {
            assert_eq!(read(r#type, &value), expected, "{type}");
        }
    }

    /// In the hour that comes twice, a text names two instants; any is better than none.
    #[test]
    fn the_hour_that_comes_twice_or_never_is_read() {
        let zoned = |text| read("timestamp(0) with time zone", &json!(text));
        assert_eq!(zoned("2026-10-25 02:30:00 Europe/Berlin"), "2026-10-25T02:30:00+02:00");
        assert_eq!(zoned("2026-03-29 02:30:00 Europe/Berlin"), "2026-03-29T03:30:00+02:00");
    }

    #[test]
    fn failures_and_other_pages_are_told() {
        let read = |body: &str| PageReader::default().read(body.as_bytes()).unwrap_err().to_string();
        let refused = json!({"error": {"message": "line 1:1: no", "errorName": "SYNTAX_ERROR"}});
        assert_eq!(read(&refused.to_string()), "line 1:1: no (SYNTAX_ERROR)");
        assert!(read("<html>").contains("does not speak"));
        let torn = json!({"columns": [{"name": "c", "type": "bigint"}], "data": [[1, 2]]});
        assert!(read(&torn.to_string()).contains("not of the types"));
        let never =
            json!({"columns": [{"name": "c", "type": "timestamp(0)"}], "data": [["2026-02-30 00:00:00"]]});
        assert!(read(&never.to_string()).contains("not of the types"));
    }

    #[test]
    fn a_statement_that_is_no_question_has_no_rows() {
        let page = json!({"columns": [{"name": "rows", "type": "bigint"}], "data": [[3]],
            "updateType": "INSERT", "updateCount": 3});
        let mut reader = PageReader::default();
        assert!(reader.read(page.to_string().as_bytes()).unwrap().rows.is_none());
        let columns = reader.columns().unwrap();
        assert_eq!(columns.update, Some(("INSERT".to_owned(), Some(3))));
        assert!(columns.schema.fields().is_empty());
    }
}
