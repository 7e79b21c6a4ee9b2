//! Parquet data files, each of one partition, with the statistics that Iceberg's manifests carry.

use std::sync::Arc;

use arrow_schema::Schema;
use iceberg::arrow::schema_to_arrow_schema;
use iceberg::io::FileIO;
use iceberg::spec::{DataFile, Literal, PartitionKey, Struct, TableMetadata};
use iceberg::writer::file_writer::{FileWriter, FileWriterBuilder, ParquetWriterBuilder};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;
use uuid::Uuid;

use super::evolution::as_stored;
use super::ledger::Ledger;
use super::rows::DayOfRows;
use crate::table::{Column, Kind, Table};

/// The most digits of a decimal that Parquet stores as a 64-bit integer.
const DIGITS_OF_INT64: u32 = 18;

/// Writes each day's rows into a file of its own, durable when this returns.
pub(super) async fn write_data_files(
    file_io: &FileIO,
    table: Table,
    metadata: &TableMetadata,
    days: Vec<DayOfRows>,
    ledger: &Ledger,
) -> iceberg::Result<Vec<DataFile>> {
    let schema = metadata.current_schema();
    let stored = Arc::new(schema_to_arrow_schema(schema)?);
    let builder = ParquetWriterBuilder::new(writer_properties(table, &stored), schema.clone());
    let mut files = Vec::with_capacity(days.len());
    for DayOfRows { day, rows } in days {
        let spec = metadata.default_partition_spec().as_ref().clone();
        let values = Struct::from_iter([Some(Literal::date(day))]);
        let partition = PartitionKey::new(spec, schema.clone(), values);
        let location =
            format!("{}/data/{}/{}.parquet", metadata.location(), partition.to_path(), Uuid::new_v4());

        let mut writer = builder.build(ledger.new_output(file_io, location)?).await?;
        writer.write(&as_stored(&rows, &stored)?).await?;
        for mut file in writer.close().await? {
            file.partition(partition.data().clone());
            file.partition_spec_id(partition.spec().spec_id());
            file.sort_order_id(i32::try_from(metadata.default_sort_order_id())?);
            files.push(file.build().map_err(incomplete)?);
        }
        fail::fail_point!("commit::data_file_written");
    }
    Ok(files)
}

fn writer_properties(table: Table, stored: &Schema) -> WriterProperties {
    let builder = WriterProperties::builder()
        .set_created_by(concat!("depthlake ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(zstd(3))
        .set_dictionary_enabled(false)
        .set_sorting_columns(Some(sorting_columns(table, stored)));
    table.definition().columns.iter().fold(builder, encode).build()
}

fn encode(builder: WriterPropertiesBuilder, column: &Column) -> WriterPropertiesBuilder {
    let path = ColumnPath::from(column.name);
    match column.kind {
        Kind::Label => builder.set_column_dictionary_enabled(path, true),
        Kind::Text => builder.set_column_encoding(path, Encoding::DELTA_LENGTH_BYTE_ARRAY),
        // Bounds of payloads would help no query and swell every manifest. JSON of the venue is smaller at level 1 than at 3,
        // on every recording, and quicker.
        Kind::Bytes => builder
            .set_column_statistics_enabled(path.clone(), EnabledStatistics::None)
            .set_column_compression(path.clone(), zstd(1))
            .set_column_encoding(path, Encoding::DELTA_LENGTH_BYTE_ARRAY),
        Kind::Int | Kind::Long | Kind::Time => {
            builder.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED)
        }
        Kind::Decimal { precision, .. } if precision <= DIGITS_OF_INT64 => builder
            .set_column_dictionary_enabled(path.clone(), true)
            .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED),
        Kind::Decimal { .. } => builder.set_column_dictionary_enabled(path, true),
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
