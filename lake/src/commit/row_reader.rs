//! Reading the rows of a data file, a batch at a time, with the columns that its table has now.
//!
//! Columns are found by field id, as Iceberg has it: a column may be younger than the file, or stand elsewhere in it. The
//! ids are the table's own, which need not be those of its declaration.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, new_null_array};
use arrow_cast::cast::{CastOptions, cast_with_options};
use arrow_schema::{ArrowError, Field, Schema, SchemaRef};
use iceberg::ErrorKind::DataInvalid;
use iceberg::arrow::ArrowFileReader;
use iceberg::io::FileIO;
use iceberg::spec::TableMetadata;
use iceberg::{Error, Result};
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use parquet::arrow::async_reader::ParquetRecordBatchStream;
use parquet::arrow::{PARQUET_FIELD_ID_META_KEY, ParquetRecordBatchStreamBuilder, ProjectionMask};

/// The rows of one file, in its order. Holds one row group of it, compressed, and one batch.
pub(super) struct RowReader {
    location: String,
    schema: SchemaRef,
    row_groups: ParquetRecordBatchStream<ArrowFileReader>,
    batches: Option<ParquetRecordBatchReader>,
}

impl RowReader {
    /// Reads the file's footer. Of the rest, only the columns of `schema` are read, each found by its
    /// field id, in batches of at most `batch_rows`.
    pub(super) async fn open(
        file_io: &FileIO,
        location: &str,
        schema: &SchemaRef,
        batch_rows: usize,
    ) -> Result<Self> {
        let input = file_io.new_input(location)?;
        let reader = ArrowFileReader::new(input.metadata().await?, input.reader().await?);
        let unreadable = |error| damaged(location, &error);
        let builder = ParquetRecordBatchStreamBuilder::new(reader).await.map_err(unreadable)?;
        let found = columns_by_field_id(builder.schema());
        let wanted = schema.fields().iter().filter_map(|field| found.get(field_id(field)?).copied());
        let wanted = ProjectionMask::roots(builder.parquet_schema(), wanted);
        let builder = builder.with_projection(wanted).with_batch_size(batch_rows);
        let row_groups = builder.build().map_err(unreadable)?;
        Ok(Self { location: location.to_owned(), schema: Arc::clone(schema), row_groups, batches: None })
    }

    /// The next rows; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.batches.as_mut().and_then(Iterator::next) {
                let batch = batch.map_err(|error| damaged(&self.location, &error))?;
                return with_schema(&batch, &self.schema, &self.location).map(Some);
            }
            let next = self.row_groups.next_row_group().await;
            self.batches = next.map_err(|error| damaged(&self.location, &error))?;
            if self.batches.is_none() {
                return Ok(None);
            }
        }
    }
}

/// Declared columns with the ids that the table has given them.
pub(super) fn with_own_ids(declared: &Schema, metadata: &TableMetadata) -> SchemaRef {
    let column = |field: &Arc<Field>| -> Field {
        let mut own = field.metadata().clone();
        own.remove(PARQUET_FIELD_ID_META_KEY);
        let id = metadata.current_schema().field_id_by_name(field.name());
        own.extend(id.map(|id| (PARQUET_FIELD_ID_META_KEY.to_owned(), id.to_string())));
        field.as_ref().clone().with_metadata(own)
    };
    Arc::new(Schema::new(declared.fields().iter().map(column).collect::<Vec<_>>()))
}

/// The rows of a batch with the columns of `schema`. Other writers call the same types otherwise: text is large, or UTC has its
/// name.
fn with_schema(batch: &RecordBatch, schema: &SchemaRef, location: &str) -> Result<RecordBatch> {
    let found = columns_by_field_id(&batch.schema());
    let exact = CastOptions { safe: false, ..CastOptions::default() };
    let column = |field: &Arc<Field>| -> std::result::Result<ArrayRef, ArrowError> {
        let index = field_id(field).and_then(|id| found.get(id));
        match index.and_then(|&index| batch.columns().get(index)) {
            Some(column) if column.data_type() == field.data_type() => Ok(Arc::clone(column)),
            Some(column) => cast_with_options(column, field.data_type(), &exact),
            None => Ok(new_null_array(field.data_type(), batch.num_rows())),
        }
    };
    let columns = schema.fields().iter().map(column).collect::<std::result::Result<_, _>>();
    columns
        .and_then(|columns| RecordBatch::try_new(Arc::clone(schema), columns))
        .map_err(|error| damaged(location, &error))
}

fn columns_by_field_id(schema: &Schema) -> HashMap<String, usize> {
    let numbered = schema.fields().iter().enumerate();
    numbered.filter_map(|(index, field)| Some((field_id(field)?.to_owned(), index))).collect()
}

fn field_id(field: &Field) -> Option<&str> {
    field.metadata().get(PARQUET_FIELD_ID_META_KEY).map(String::as_str)
}

fn damaged(location: &str, error: &dyn std::fmt::Display) -> Error {
    Error::new(DataInvalid, format!("cannot read {location}: {error}"))
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_schema::DataType;

    use super::super::samples::{AUGUST_8, rows};
    use super::*;
    use crate::table::Table;

    #[test]
    fn columns_are_found_by_field_id() {
        let table = Table::Trades;
        let whole = rows(table, 5, AUGUST_8);
        let optional = whole.schema().index_of("first_trade_id").unwrap();
        let mut order: Vec<_> = (0..whole.num_columns()).rev().filter(|&column| column != optional).collect();
        order.swap(0, 3);
        let older = whole.project(&order).unwrap();

        let read = with_schema(&older, &table.arrow_schema(), "here").unwrap();
        for (index, field) in whole.schema().fields().iter().enumerate() {
            if index == optional {
                assert_eq!(read.column(index).null_count(), 5);
            } else {
                assert_eq!(read.column(index), whole.column(index), "{}", field.name());
            }
        }
    }

    #[test]
    fn what_others_call_otherwise_is_the_same() {
        let whole = rows(Table::Trades, 5, AUGUST_8);
        let schema = whole.schema();
        let theirs = |(column, field): (&ArrayRef, &Arc<Field>)| {
            let other = match field.data_type() {
                DataType::Utf8 => DataType::LargeUtf8,
                DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(*unit, Some("UTC".into())),
                other => other.clone(),
            };
            (cast_with_options(column, &other, &CastOptions::default()).unwrap(), other)
        };
        let (columns, types): (Vec<_>, Vec<_>) =
            whole.columns().iter().zip(schema.fields()).map(theirs).unzip();
        let fields = schema.fields().iter().zip(types);
        let fields: Vec<_> =
            fields.map(|(field, kind)| field.as_ref().clone().with_data_type(kind)).collect();
        let other = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
        assert_ne!(other.schema(), schema);
        assert_eq!(with_schema(&other, &schema, "here").unwrap(), whole);
    }

    #[test]
    fn a_file_without_a_required_column_is_refused() {
        let whole = rows(Table::Trades, 5, AUGUST_8);
        let symbol = whole.schema().index_of("symbol").unwrap();
        let others: Vec<_> = (0..whole.num_columns()).filter(|&column| column != symbol).collect();
        let error = with_schema(&whole.project(&others).unwrap(), &Table::Trades.arrow_schema(), "here");
        assert!(error.unwrap_err().to_string().contains("symbol"));
    }
}
