//! Rows as a Parquet file, written as they come.

use std::io::Write;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use datafusion::arrow::error::ArrowError;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::properties::WriterProperties;
use futures::TryStreamExt;

use super::{Batches, Extent, OutputError, Written, legible};
use crate::conversion::converted;

/// Bytes of a row group, which is held in memory until it is written.
const ROW_GROUP: usize = 64 << 20;

pub(super) async fn write(
    mut rows: Batches<'_>,
    out: &mut (impl Write + Send),
) -> Result<Written, OutputError> {
    let schema = storable(&RecordBatch::new_empty(rows.schema()))?.schema();
    let properties =
        WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let mut writer =
        ArrowWriter::try_new(out, Arc::clone(&schema), Some(properties)).map_err(OutputError::of_parquet)?;
    let mut count = 0;
    while let Some(batch) = rows.try_next().await? {
        writer.write(&in_schema(&schema, &batch)?).map_err(OutputError::of_parquet)?;
        count += batch.num_rows();
        if writer.in_progress_size() >= ROW_GROUP {
            writer.flush().map_err(OutputError::of_parquet)?;
        }
    }
    writer.into_inner().map_err(OutputError::of_parquet)?.flush()?;
    Ok(Written { rows: count, extent: Extent::All })
}

/// Parquet has no times in whole seconds: other readers would take them for numbers.
fn storable(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    converted(&legible::plain(batch)?, &|_, array| {
        let finer = match array.data_type() {
            DataType::Timestamp(TimeUnit::Second, zone) => {
                DataType::Timestamp(TimeUnit::Millisecond, zone.clone())
            }
            DataType::Time32(TimeUnit::Second) => DataType::Time32(TimeUnit::Millisecond),
            _ => return Ok(None),
        };
        cast(array, &finer).map(Some)
    })
}

/// All batches of a file are of the same types; those of an answer may be of different time zones.
fn in_schema(schema: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let batch = storable(batch)?;
    let columns = schema.fields().iter().zip(batch.columns());
    let columns: Vec<ArrayRef> =
        columns.map(|(field, column)| cast(column, field.data_type())).collect::<Result<_, _>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns)
}

impl OutputError {
    /// An output that is closed is told as such.
    fn of_parquet(error: ParquetError) -> Self {
        match error {
            ParquetError::External(cause) => match cause.downcast::<std::io::Error>() {
                Ok(error) => Self::Write(*error),
                Err(cause) => Self::Parquet(ParquetError::External(cause)),
            },
            other => Self::Parquet(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use datafusion::arrow::util::display::array_value_to_string;
    use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReader;
    use futures::StreamExt;
    use futures::stream::iter;

    use super::*;
    use crate::samples::empty_lake;
    use crate::session::Session;

    #[tokio::test]
    async fn every_value_is_read_back() {
        let lake = empty_lake().await;
        let session = Session::of_client(lake.lake.clone(), None).unwrap();
        let sql = "SELECT CAST(61837.63 AS decimal(18, 8)) AS price, 'a' AS text, X'00ff' AS bytes, NULL AS nothing, \
            TIMESTAMP '2026-01-01 00:00:00.5 UTC' AS time, ARRAY[1, NULL] AS list, MAP(ARRAY['k'], ARRAY[1]) AS pairs, \
            INTERVAL '2' DAY AS span, ARRAY[TIMESTAMP '2026-01-01 00:00:01 UTC'] AS seconds, n FROM UNNEST(sequence(1, 10000)) AS t(n)";
        let rows = session.sql(sql).await.unwrap();
        let mut file = Vec::new();
        let written = write(rows.into(), &mut file).await.unwrap();
        assert_eq!(written, Written { rows: 10_000, extent: Extent::All });
        let batches: Vec<_> = ParquetRecordBatchReader::try_new(Bytes::from(file), 30_000)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let [batch] = &batches[..] else { panic!("{}", batches.len()) };
        let last: Vec<_> =
            batch.columns().iter().map(|column| array_value_to_string(column, 9_999).unwrap()).collect();
        let expected = [
            "61837.63000000",
            "a",
            "00ff",
            "",
            "2026-01-01T00:00:00.500Z",
            "[1, ]",
            "{k: 1}",
            "2 00:00:00.000",
            "[2026-01-01T00:00:01Z]",
            "10000",
        ];
        assert_eq!(last, expected);
        let seconds = batch.column_by_name("seconds").unwrap().data_type().to_string();
        assert!(seconds.contains("Timestamp(ms"), "{seconds}");
    }

    #[tokio::test]
    async fn an_answer_without_rows_is_a_file_all_the_same() {
        let lake = empty_lake().await;
        let session = Session::of_client(lake.lake.clone(), None).unwrap();
        let schema = session.sql("SELECT * FROM raw.trades").await.unwrap().schema();
        let mut file = Vec::new();
        write(Batches::new(schema, iter([]).boxed()), &mut file).await.unwrap();
        let read = ParquetRecordBatchReader::try_new(Bytes::from(file), 1).unwrap();
        assert_eq!(read.count(), 0);
    }
}
