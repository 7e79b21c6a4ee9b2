//! Parquet data files, each of one partition, with the statistics that Iceberg's manifests carry.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use iceberg::arrow::schema_to_arrow_schema;
use iceberg::io::FileIO;
use iceberg::spec::{DataFile, Literal, PartitionKey, Struct};
use iceberg::writer::file_writer::{FileWriter, FileWriterBuilder, ParquetWriter, ParquetWriterBuilder};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;
use uuid::Uuid;

use super::evolution::as_stored;
use super::ledger::Ledger;
use super::rows::DayOfRows;
use super::snapshot::TableVersion;
use crate::table::{Column, Kind, Table};

/// Rows of a row group: what a writer and a merging reader hold of a file.
const ROWS_OF_ROW_GROUP: usize = 128 * 1024;

/// zstd's level, of merged files too: 6 would spare a few percent of the bytes at four times the time.
const LEVEL: i32 = 3;

/// JSON of the venue is smaller at level 1 than at 3, on every recording, and quicker.
const LEVEL_OF_PAYLOADS: i32 = 1;

/// The most digits of a decimal that Parquet stores as a 64-bit integer.
const DIGITS_OF_INT64: u32 = 18;

/// A data file being written, of one day. Rows come in the table's order and with the columns of the stored table.
pub(super) struct DayWriter {
    writer: ParquetWriter,
    partition: PartitionKey,
    sort_order: i32,
}

impl DayWriter {
    pub(super) async fn create(
        file_io: &FileIO,
        version: &TableVersion,
        day: i32,
        ledger: &Ledger,
    ) -> iceberg::Result<Self> {
        let metadata = &version.metadata;
        let schema = metadata.current_schema();
        let spec = metadata.default_partition_spec().as_ref().clone();
        let values = Struct::from_iter([Some(Literal::date(day))]);
        let partition = PartitionKey::new(spec, schema.clone(), values);
        let location =
            format!("{}/data/{}/{}.parquet", metadata.location(), partition.to_path(), Uuid::new_v4());
        let properties = writer_properties(version.table, &schema_to_arrow_schema(schema)?);
        let builder = ParquetWriterBuilder::new(properties, schema.clone());
        Ok(Self {
            writer: builder.build(ledger.new_output(file_io, location)?).await?,
            partition,
            sort_order: i32::try_from(metadata.default_sort_order_id())?,
        })
    }

    pub(super) async fn write(&mut self, rows: &RecordBatch) -> iceberg::Result<()> {
        self.writer.write(rows).await
    }

    /// The file, durable; nothing where no rows were written.
    pub(super) async fn close(self) -> iceberg::Result<Vec<DataFile>> {
        let mut files = Vec::new();
        for mut file in self.writer.close().await? {
            file.partition(self.partition.data().clone());
            file.partition_spec_id(self.partition.spec().spec_id());
            file.sort_order_id(self.sort_order);
            files.push(file.build().map_err(incomplete)?);
        }
        Ok(files)
    }
}

/// Writes each day's rows into a file of its own, durable when this returns.
pub(super) async fn write_data_files(
    file_io: &FileIO,
    version: &TableVersion,
    days: Vec<DayOfRows>,
    ledger: &Ledger,
) -> iceberg::Result<Vec<DataFile>> {
    let stored = Arc::new(schema_to_arrow_schema(version.metadata.current_schema())?);
    let mut files = Vec::with_capacity(days.len());
    for DayOfRows { day, rows } in days {
        let mut writer = DayWriter::create(file_io, version, day, ledger).await?;
        writer.write(&as_stored(&rows, &stored)?).await?;
        files.extend(writer.close().await?);
        fail::fail_point!("commit::data_file_written");
    }
    Ok(files)
}

fn writer_properties(table: Table, stored: &Schema) -> WriterProperties {
    let builder = WriterProperties::builder()
        .set_created_by(concat!("depthlake ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(zstd(LEVEL))
        .set_dictionary_enabled(false)
        .set_max_row_group_row_count(Some(ROWS_OF_ROW_GROUP))
        .set_sorting_columns(Some(sorting_columns(table, stored)));
    let columns = table.definition().columns.iter();
    columns.fold(builder, encode).build()
}

fn encode(builder: WriterPropertiesBuilder, column: &Column) -> WriterPropertiesBuilder {
    let path = ColumnPath::from(column.name);
    match column.kind {
        Kind::Text => builder.set_column_encoding(path, Encoding::DELTA_LENGTH_BYTE_ARRAY),
        // Bounds of payloads would help no query and swell every manifest.
        Kind::Bytes => builder
            .set_column_statistics_enabled(path.clone(), EnabledStatistics::None)
            .set_column_compression(path.clone(), zstd(LEVEL_OF_PAYLOADS))
            .set_column_encoding(path, Encoding::DELTA_LENGTH_BYTE_ARRAY),
        Kind::Int | Kind::Long | Kind::Time => {
            builder.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED)
        }
        // Prices lie near the last one. A dictionary of them has to be read whole for each minute asked for.
        Kind::Decimal { precision, .. } if precision <= DIGITS_OF_INT64 => {
            builder.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED)
        }
        Kind::Label | Kind::Decimal { .. } => builder.set_column_dictionary_enabled(path, true),
        // Few doubles come twice in a commit: dictionaries of them take more than they spare.
        Kind::Boolean | Kind::Double => builder,
    }
}

fn zstd(level: i32) -> Compression {
    Compression::ZSTD(ZstdLevel::try_new(level).unwrap_or_default())
}

fn sorting_columns(table: Table, stored: &Schema) -> Vec<SortingColumn> {
    let index = |name: &&str| stored.index_of(name).ok().and_then(|index| i32::try_from(index).ok());
    let ascending = |column_idx| SortingColumn { column_idx, descending: false, nulls_first: true };
    table.definition().sorted_by.iter().filter_map(index).map(ascending).collect()
}

fn incomplete(error: impl std::fmt::Display) -> iceberg::Error {
    iceberg::Error::new(iceberg::ErrorKind::Unexpected, format!("an incomplete data file: {error}"))
}
