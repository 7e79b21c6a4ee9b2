//! Rows as a table for people, and as CSV, JSON lines or Parquet for programs.
//!
//! All but tables are written as the rows come, however many they are. In all texts decimals keep every digit, times are
//! ISO 8601 (`Z` for UTC), and bytes are text where they are UTF-8 and `\x` with hexadecimal digits otherwise. Intervals are
//! as Trino writes them.

mod batches;
mod legible;
mod parquet;
mod table;

use std::error::Error as StdError;
use std::io::{self, Write};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::csv;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::writer::{LineDelimited, WriterBuilder};
use datafusion::arrow::temporal_conversions::timestamp_ns_to_datetime;
use datafusion::parquet::errors::ParquetError;
use depthlake_orderbook::time::Timestamp;
use futures::TryStreamExt;
use thiserror::Error;

pub use batches::Batches;

use crate::error::QueryError;

/// The rows a [`Layout::Table`] shows at most, since it has to hold them all to find the widths.
pub const MAX_TABLE_ROWS: usize = 1_000;

/// How rows are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// A table with lines around its cells, or one line a value where that is wider than `width` characters.
    Table { width: Option<usize> },
    /// Comma-separated values after RFC 4180, with a header. NULL is an empty field.
    Csv,
    /// A JSON object a line. Numbers have all their digits, so a reader that wants them exact must not parse them as
    /// doubles. NaN and infinities are null.
    Json,
    /// A Parquet file.
    Parquet,
}

/// What has been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Rows written.
    pub rows: usize,
    pub extent: Extent,
}

/// Which of the rows have been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    All,
    /// The first [`MAX_TABLE_ROWS`]; the others were not computed.
    First,
}

/// Why rows could not be written to the end.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OutputError {
    #[error(transparent)]
    Query(#[from] QueryError),
    /// Rows that are no query of this process are not to be had.
    #[error(transparent)]
    Source(Box<dyn StdError + Send + Sync>),
    #[error("cannot write the rows")]
    Write(#[from] io::Error),
    #[error("cannot show the rows as text")]
    Text(#[from] ArrowError),
    #[error("cannot write the rows as Parquet")]
    Parquet(#[source] ParquetError),
}

/// A time as ISO 8601 in UTC, to the millisecond.
#[must_use]
pub fn utc(time: Timestamp) -> String {
    let date_time = timestamp_ns_to_datetime(time.0);
    date_time.map_or_else(String::new, |time| time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

/// Rows as a table with lines around its cells.
///
/// # Errors
/// Where a value has no text.
pub fn table_of_rows(rows: &[RecordBatch]) -> Result<String, ArrowError> {
    table::of_rows(rows)
}

/// Writes all rows of an answer, or the first of them for a table, and flushes.
///
/// # Errors
/// [`OutputError`] where the rows end before their time, the output is closed, or a value cannot be written so.
pub async fn write_rows(
    rows: Batches<'_>,
    layout: Layout,
    out: &mut (impl Write + Send),
) -> Result<Written, OutputError> {
    match layout {
        Layout::Table { width } => table::write(rows, width, out).await,
        Layout::Csv => write_csv(rows, out).await,
        Layout::Json => write_json(rows, out).await,
        Layout::Parquet => parquet::write(rows, out).await,
    }
}

async fn write_csv(mut rows: Batches<'_>, out: &mut impl Write) -> Result<Written, OutputError> {
    out.write_all(&batch_as_csv(&RecordBatch::new_empty(rows.schema()), true)?)?;
    let mut count = 0;
    while let Some(batch) = rows.try_next().await? {
        out.write_all(&batch_as_csv(&batch, false)?)?;
        out.flush()?;
        count += batch.num_rows();
    }
    out.flush()?;
    Ok(Written { rows: count, extent: Extent::All })
}

/// Rows as lines of CSV, after a header where one is wanted.
///
/// # Errors
/// [`OutputError::Text`] where a value has no text.
pub(crate) fn batch_as_csv(batch: &RecordBatch, header: bool) -> Result<Vec<u8>, OutputError> {
    Ok(csv_lines(&legible::for_csv(batch)?, header)?)
}

fn csv_lines(batch: &RecordBatch, header: bool) -> Result<Vec<u8>, ArrowError> {
    let mut lines = Vec::new();
    csv::WriterBuilder::new().with_header(header).build(&mut lines).write(batch)?;
    Ok(lines)
}

async fn write_json(mut rows: Batches<'_>, out: &mut impl Write) -> Result<Written, OutputError> {
    let mut count = 0;
    while let Some(batch) = rows.try_next().await? {
        let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(Vec::new());
        writer.write(&legible::for_json(&batch)?)?;
        out.write_all(&writer.into_inner())?;
        out.flush()?;
        count += batch.num_rows();
    }
    out.flush()?;
    Ok(Written { rows: count, extent: Extent::All })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::empty_lake;
    use crate::session::Session;

    async fn written(sql: &str, layout: Layout) -> (String, Written) {
        let lake = empty_lake().await;
        let rows = Session::new(lake.lake.clone()).unwrap().sql(sql).await.unwrap();
        let mut out = Vec::new();
        let written = write_rows(rows.into(), layout, &mut out).await.unwrap();
        (String::from_utf8(out).unwrap(), written)
    }

    const VALUES: &str = "SELECT CAST(61837.6300 AS DECIMAL(18, 8)) AS price, 'a,\"b\"' AS text, \
        CAST('2024-08-08T00:00:01.5Z' AS TIMESTAMP WITH TIME ZONE) AS time, \
        CAST(NULL AS BIGINT) AS nothing, decode('7b7d', 'hex') AS bytes, decode('ff00', 'hex') AS noise, \
        CAST('NaN' AS DOUBLE) AS ratio, 1723075200000000001 AS nanoseconds, [1, 2] AS list";

    #[test]
    fn times_are_iso_8601() {
        assert_eq!(utc(Timestamp(1_723_161_255_208_999_999)), "2024-08-08T23:54:15.208Z");
        assert_eq!(utc(Timestamp(-1)), "1969-12-31T23:59:59.999Z");
    }

    #[tokio::test]
    async fn json_keeps_every_digit() {
        let (text, written) = written(VALUES, Layout::Json).await;
        assert_eq!(
            text,
            concat!(
                r#"{"price":61837.63000000,"text":"a,\"b\"","time":"2024-08-08T00:00:01.500Z","nothing":null,"#,
                r#""bytes":"{}","noise":"\\xff00","ratio":null,"nanoseconds":1723075200000000001,"list":[1,2]}"#,
                "\n"
            )
        );
        assert_eq!(written, Written { rows: 1, extent: Extent::All });
    }

    #[tokio::test]
    async fn csv_quotes_what_must_be_quoted() {
        let (text, _) = written(VALUES, Layout::Csv).await;
        assert_eq!(
            text,
            concat!(
                "price,text,time,nothing,bytes,noise,ratio,nanoseconds,list\n",
                "61837.63000000,\"a,\"\"b\"\"\",2024-08-08T00:00:01.500Z,,{},\\xff00,NaN,1723075200000000001,\"[1, 2]\"\n",
            )
        );
    }

    #[tokio::test]
    async fn an_answer_without_rows_has_its_header() {
        let sql = "SELECT symbol, payload FROM raw.trades";
        assert_eq!(written(sql, Layout::Csv).await.0, "symbol,payload\n");
        assert_eq!(written(sql, Layout::Json).await.0, "");
        let (table, nothing) = written(sql, Layout::Table { width: None }).await;
        assert!(table.contains("| symbol | payload |"), "{table}");
        assert_eq!(nothing, Written { rows: 0, extent: Extent::All });
    }

    #[tokio::test]
    async fn many_rows_stream_whole() {
        let sql = "SELECT value FROM generate_series(1, 20000)";
        let (text, written) = written(sql, Layout::Csv).await;
        assert_eq!(text.lines().count(), 20_001);
        assert_eq!(text.matches("value").count(), 1);
        assert_eq!(written.rows, 20_000);
    }

    /// An output that is closed after so many bytes.
    struct Closing(usize);

    impl Write for Closing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_closed_output_is_told_as_such() {
        let lake = empty_lake().await;
        let session = Session::new(lake.lake.clone()).unwrap();
        let endless = session.sql("SELECT value FROM generate_series(1, 10000000000)").await.unwrap();
        let error = write_rows(endless.into(), Layout::Json, &mut Closing(1_000_000)).await.unwrap_err();
        assert!(matches!(error, OutputError::Write(e) if e.kind() == io::ErrorKind::BrokenPipe));
    }
}
