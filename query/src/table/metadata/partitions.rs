//! Partitions, each with the bounds of its columns.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BinaryArray, Date32Array, Int64Array, RecordBatch, StructArray, new_null_array,
};
use datafusion::arrow::datatypes::{DataType, Field, Fields, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use depthlake_lake::commit::{Bound, FileDescription};
use depthlake_lake::table::Table;

use super::columns::{numbers, schema_of};

pub(super) fn schema(table: Table) -> SchemaRef {
    schema_of(&[
        ("partition", partition_type(table)),
        ("record_count", DataType::Int64),
        ("file_count", DataType::Int64),
        ("total_size", DataType::Int64),
        ("data", DataType::Struct(data_fields(table))),
    ])
}

/// The row of a partition's values: the day of the partition column.
pub(super) fn partition_type(table: Table) -> DataType {
    DataType::Struct(partition_fields(table))
}

/// The values of partitions.
pub(super) fn partition_values(table: Table, days: impl Iterator<Item = Option<i32>>) -> ArrayRef {
    let days: ArrayRef = Arc::new(days.collect::<Date32Array>());
    Arc::new(StructArray::new(partition_fields(table), vec![days], None))
}

fn partition_fields(table: Table) -> Fields {
    Fields::from(vec![Field::new(format!("{}_day", table.partition_column()), DataType::Date32, true)])
}

/// What is summed up of one partition.
#[derive(Default)]
struct Partition<'a> {
    files: Vec<&'a FileDescription>,
}

pub(super) fn partitions(
    table: Table,
    columns: &[(i32, String)],
    files: &[FileDescription],
) -> Result<RecordBatch> {
    let mut by_day: BTreeMap<Option<i32>, Partition<'_>> = BTreeMap::new();
    for file in files {
        by_day.entry(file.day).or_default().files.push(file);
    }
    let sum = |value: fn(&FileDescription) -> u64| {
        let of = move |partition: &Partition<'_>| {
            let total: u64 = partition.files.iter().map(|file| value(file)).sum();
            i64::try_from(total).unwrap_or(i64::MAX)
        };
        numbers(by_day.values().map(of))
    };
    let count = |partition: &Partition<'_>| i64::try_from(partition.files.len()).unwrap_or(i64::MAX);
    let data = data_fields(table);
    let declared = table.arrow_schema();
    let bounds: Vec<ArrayRef> = declared
        .fields()
        .iter()
        .zip(&data)
        .map(|(column, of_column)| {
            let id = columns.iter().find(|(_, name)| name == column.name()).map(|(id, _)| *id);
            of_column_in(by_day.values(), id, column, of_column)
        })
        .collect::<Result<_>>()?;
    let rows = vec![
        partition_values(table, by_day.keys().copied()),
        sum(|file| file.rows),
        numbers(by_day.values().map(count)),
        sum(|file| file.bytes),
        Arc::new(StructArray::new(data, bounds, None)),
    ];
    Ok(RecordBatch::try_new(schema(table), rows)?)
}

fn data_fields(table: Table) -> Fields {
    let of_column = |column: &Arc<Field>| {
        let fields = vec![
            Field::new("min", shown(column.data_type()), true),
            Field::new("max", shown(column.data_type()), true),
            Field::new("null_count", DataType::Int64, true),
            Field::new("nan_count", DataType::Int64, true),
        ];
        Field::new(column.name(), DataType::Struct(fields.into()), true)
    };
    table.arrow_schema().fields().iter().map(of_column).collect()
}

fn shown(data_type: &DataType) -> DataType {
    match data_type {
        DataType::LargeBinary => DataType::Binary,
        other => other.clone(),
    }
}

fn of_column_in<'a>(
    partitions: impl Iterator<Item = &'a Partition<'a>>,
    id: Option<i32>,
    column: &Field,
    of_column: &Field,
) -> Result<ArrayRef> {
    let DataType::Struct(fields) = of_column.data_type() else {
        return Ok(new_null_array(of_column.data_type(), 0));
    };
    let partitions: Vec<_> = partitions.collect();
    let bounds = |of: fn(&[&FileDescription], Option<i32>) -> Option<Bound>| {
        array(partitions.iter().map(|partition| of(&partition.files, id)), column.data_type())
    };
    let counts = |counts: fn(&FileDescription) -> &BTreeMap<i32, u64>| -> ArrayRef {
        let sum = |partition: &&Partition<'_>| i64::try_from(total(&partition.files, id, counts)?).ok();
        Arc::new(partitions.iter().map(sum).collect::<Int64Array>())
    };
    let columns = vec![
        bounds(least)?,
        bounds(greatest)?,
        counts(|file| &file.null_counts),
        counts(|file| &file.nan_counts),
    ];
    Ok(Arc::new(StructArray::new(fields.clone(), columns, None)))
}

/// The least value of a column in files, where all that have values of it tell.
pub(super) fn least(files: &[&FileDescription], id: Option<i32>) -> Option<Bound> {
    best(files, id, |file| &file.lower_bounds, |one, other| one < other)
}

/// The greatest value of a column in files, where all that have values of it tell.
pub(super) fn greatest(files: &[&FileDescription], id: Option<i32>) -> Option<Bound> {
    best(files, id, |file| &file.upper_bounds, |one, other| one > other)
}

fn best(
    files: &[&FileDescription],
    id: Option<i32>,
    bounds: fn(&FileDescription) -> &BTreeMap<i32, Bound>,
    is_better: fn(&Bound, &Bound) -> bool,
) -> Option<Bound> {
    let mut best: Option<&Bound> = None;
    for file in files {
        match (id.and_then(|id| bounds(file).get(&id)), best) {
            (Some(bound), Some(known)) if !is_better(bound, known) => {}
            (Some(bound), _) => best = Some(bound),
            (None, _) if holds_values(file, id) => return None,
            (None, _) => {}
        }
    }
    best.cloned()
}

/// What files count of a column, where all of them do.
pub(super) fn total(
    files: &[&FileDescription],
    id: Option<i32>,
    counts: fn(&FileDescription) -> &BTreeMap<i32, u64>,
) -> Option<u64> {
    files.iter().map(|file| counts(file).get(&id?).copied()).sum()
}

/// Whether a file has values of a column that are not null, as far as it tells.
fn holds_values(file: &FileDescription, id: Option<i32>) -> bool {
    id.and_then(|id| file.null_counts.get(&id)).is_none_or(|nulls| *nulls < file.rows)
}

fn array(bounds: impl Iterator<Item = Option<Bound>>, data_type: &DataType) -> Result<ArrayRef> {
    if *data_type == DataType::LargeBinary {
        return Ok(Arc::new(BinaryArray::new_null(bounds.count())));
    }
    let null = ScalarValue::try_from(data_type)?;
    let values: Vec<_> = bounds
        .map(|bound| bound.and_then(|bound| scalar(bound, data_type)).unwrap_or_else(|| null.clone()))
        .collect();
    if values.is_empty() { Ok(new_null_array(data_type, 0)) } else { ScalarValue::iter_to_array(values) }
}

/// A bound as a value of its column; `None` where it is of another type.
pub(super) fn scalar(bound: Bound, data_type: &DataType) -> Option<ScalarValue> {
    Some(match (bound, data_type) {
        (Bound::Boolean(value), DataType::Boolean) => ScalarValue::Boolean(Some(value)),
        (Bound::Int(value), DataType::Int32) => ScalarValue::Int32(Some(value)),
        (Bound::Long(value), DataType::Int64) => ScalarValue::Int64(Some(value)),
        (Bound::Long(value), DataType::Timestamp(_, zone)) => {
            ScalarValue::TimestampMicrosecond(Some(value), zone.clone())
        }
        (Bound::Double(value), DataType::Float64) => ScalarValue::Float64(Some(value)),
        (Bound::Text(value), DataType::Utf8) => ScalarValue::Utf8(Some(value)),
        (Bound::Decimal(value), DataType::Decimal128(precision, scale)) => {
            ScalarValue::Decimal128(Some(value), *precision, *scale)
        }
        (Bound::Long(value), DataType::Decimal128(precision, scale)) => {
            ScalarValue::Decimal128(Some(value.into()), *precision, *scale)
        }
        _ => return None,
    })
}
