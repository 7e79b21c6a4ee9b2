//! Data files and manifests.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::builder::{BooleanBuilder, ListBuilder, StringBuilder, StructBuilder};
use datafusion::arrow::array::{ArrayRef, BinaryArray, Date32Array, Int32Array, RecordBatch, new_null_array};
use datafusion::arrow::datatypes::{DataType, Field, Fields, SchemaRef};
use datafusion::arrow::util::display::array_value_to_string;
use datafusion::error::Result;
use depthlake_lake::commit::{Bound, FileDescription, ManifestCounts, ManifestDescription};
use depthlake_lake::table::Table;

use super::columns::{
    counts, list_type, longs, map_type, maps_by_number, maps_of_counts, numbers, schema_of, texts,
};
use super::partitions::{partition_type, partition_values, scalar};

/// What Iceberg calls files of rows, as against those of deletions.
const DATA: i32 = 0;

pub(super) fn schema(table: Table) -> SchemaRef {
    let counts = || map_type(DataType::Int32, DataType::Int64);
    let bounds = || map_type(DataType::Int32, DataType::Utf8);
    schema_of(&[
        ("content", DataType::Int32),
        ("file_path", DataType::Utf8),
        ("file_format", DataType::Utf8),
        ("record_count", DataType::Int64),
        ("file_size_in_bytes", DataType::Int64),
        ("column_sizes", counts()),
        ("value_counts", counts()),
        ("null_value_counts", counts()),
        ("nan_value_counts", counts()),
        ("lower_bounds", bounds()),
        ("upper_bounds", bounds()),
        ("key_metadata", DataType::Binary),
        ("split_offsets", list_type(DataType::Int64)),
        ("equality_ids", list_type(DataType::Int32)),
        ("sort_order_id", DataType::Int32),
        ("partition", partition_type(table)),
    ])
}

pub(super) fn files(
    table: Table,
    columns: &[(i32, String)],
    files: &[FileDescription],
) -> Result<RecordBatch> {
    let each = || files.iter();
    let declared = table.arrow_schema();
    let data_type =
        |(id, name): &(i32, String)| Some((*id, declared.field_with_name(name).ok()?.data_type().clone()));
    let types: BTreeMap<_, _> = columns.iter().filter_map(data_type).collect();
    let lower: Vec<_> = each().map(|file| shown(&file.lower_bounds, &types)).collect::<Result<_>>()?;
    let upper: Vec<_> = each().map(|file| shown(&file.upper_bounds, &types)).collect::<Result<_>>()?;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from_iter_values(each().map(|_| DATA))),
        texts(each().map(|file| file.location.as_str())),
        texts(each().map(|_| "PARQUET")),
        counts(each().map(|file| Some(file.rows))),
        counts(each().map(|file| Some(file.bytes))),
        maps_of_counts(each().map(|file| &file.column_sizes))?,
        maps_of_counts(each().map(|file| &file.value_counts))?,
        maps_of_counts(each().map(|file| &file.null_counts))?,
        maps_of_counts(each().map(|file| &file.nan_counts))?,
        maps_by_number(lower.into_iter())?,
        maps_by_number(upper.into_iter())?,
        Arc::new(BinaryArray::new_null(files.len())),
        longs(each().map(|file| file.split_offsets.clone())),
        new_null_array(&list_type(DataType::Int32), files.len()),
        Arc::new(each().map(|file| file.sort_order_id).collect::<Int32Array>()),
        partition_values(table, each().map(|file| file.day)),
    ];
    Ok(RecordBatch::try_new(schema(table), columns)?)
}

pub(super) fn manifests_schema() -> SchemaRef {
    schema_of(&[
        ("path", DataType::Utf8),
        ("length", DataType::Int64),
        ("partition_spec_id", DataType::Int32),
        ("added_snapshot_id", DataType::Int64),
        ("added_data_files_count", DataType::Int32),
        ("added_rows_count", DataType::Int64),
        ("existing_data_files_count", DataType::Int32),
        ("existing_rows_count", DataType::Int64),
        ("deleted_data_files_count", DataType::Int32),
        ("deleted_rows_count", DataType::Int64),
        ("partition_summaries", list_type(DataType::Struct(summary_fields()))),
    ])
}

pub(super) fn manifests(manifests: &[ManifestDescription]) -> Result<RecordBatch> {
    let each = || manifests.iter();
    let file_counts = |of: fn(&ManifestDescription) -> ManifestCounts| -> ArrayRef {
        let count = |manifest| of(manifest).files.and_then(|files| i32::try_from(files).ok());
        Arc::new(manifests.iter().map(count).collect::<Int32Array>())
    };
    let row_counts = |of: fn(&ManifestDescription) -> ManifestCounts| {
        counts(manifests.iter().map(move |manifest| of(manifest).rows))
    };
    let columns = vec![
        texts(each().map(|manifest| manifest.location.as_str())),
        numbers(each().map(|manifest| manifest.bytes)),
        Arc::new(Int32Array::from_iter_values(each().map(|manifest| manifest.partition_spec_id))),
        numbers(each().map(|manifest| manifest.added_snapshot_id)),
        file_counts(|manifest| manifest.added),
        row_counts(|manifest| manifest.added),
        file_counts(|manifest| manifest.existing),
        row_counts(|manifest| manifest.existing),
        file_counts(|manifest| manifest.deleted),
        row_counts(|manifest| manifest.deleted),
        summaries(each().map(|manifest| manifest.days))?,
    ];
    Ok(RecordBatch::try_new(manifests_schema(), columns)?)
}

fn summary_fields() -> Fields {
    Fields::from(vec![
        Field::new("contains_null", DataType::Boolean, true),
        Field::new("contains_nan", DataType::Boolean, true),
        Field::new("lower_bound", DataType::Utf8, true),
        Field::new("upper_bound", DataType::Utf8, true),
    ])
}

/// The one partition column has neither nulls nor what is no number.
fn summaries(days: impl Iterator<Item = Option<(i32, i32)>>) -> Result<ArrayRef> {
    let builders: Vec<Box<dyn datafusion::arrow::array::builder::ArrayBuilder>> = vec![
        Box::new(BooleanBuilder::new()),
        Box::new(BooleanBuilder::new()),
        Box::new(StringBuilder::new()),
        Box::new(StringBuilder::new()),
    ];
    let mut lists = ListBuilder::new(StructBuilder::new(summary_fields(), builders));
    for days in days {
        if let Some((least, greatest)) = days {
            let row = lists.values();
            for flag in 0..2 {
                if let Some(flags) = row.field_builder::<BooleanBuilder>(flag) {
                    flags.append_value(false);
                }
            }
            for (place, day) in [(2, least), (3, greatest)] {
                let day = array_value_to_string(&Date32Array::from(vec![day]), 0)?;
                if let Some(texts) = row.field_builder::<StringBuilder>(place) {
                    texts.append_value(day);
                }
            }
            row.append(true);
        }
        lists.append(days.is_some());
    }
    Ok(Arc::new(lists.finish()))
}

/// The bounds of columns, given by their ids, as text.
fn shown(bounds: &BTreeMap<i32, Bound>, types: &BTreeMap<i32, DataType>) -> Result<BTreeMap<i32, String>> {
    let mut texts = BTreeMap::new();
    for (id, bound) in bounds {
        if let Some(value) = types.get(id).and_then(|data_type| scalar(bound.clone(), data_type)) {
            texts.insert(*id, array_value_to_string(&value.to_array()?, 0)?);
        }
    }
    Ok(texts)
}
