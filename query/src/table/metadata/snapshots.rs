//! Snapshots, how they became current, what refers to them, and properties.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Int32Array, Int64Array, RecordBatch};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::error::Result;
use depthlake_lake::commit::{HistoryDescription, SnapshotDescription};

use super::columns::{map_type, maps_of_texts, numbers, schema_of, texts, time_type, times};

pub(super) fn snapshots_schema() -> SchemaRef {
    schema_of(&[
        ("committed_at", time_type()),
        ("snapshot_id", DataType::Int64),
        ("parent_id", DataType::Int64),
        ("operation", DataType::Utf8),
        ("manifest_list", DataType::Utf8),
        ("summary", map_type(DataType::Utf8, DataType::Utf8)),
    ])
}

pub(super) fn snapshots(snapshots: &[SnapshotDescription]) -> Result<RecordBatch> {
    let each = || snapshots.iter();
    let columns = vec![
        times(each().map(|snapshot| snapshot.committed_at)),
        numbers(each().map(|snapshot| snapshot.snapshot_id)),
        parents(each().map(|snapshot| snapshot.parent_id)),
        texts(each().map(|snapshot| snapshot.operation.as_str())),
        texts(each().map(|snapshot| snapshot.manifest_list.as_str())),
        maps_of_texts(each().map(|snapshot| &snapshot.summary))?,
    ];
    Ok(RecordBatch::try_new(snapshots_schema(), columns)?)
}

pub(super) fn history_schema() -> SchemaRef {
    schema_of(&[
        ("made_current_at", time_type()),
        ("snapshot_id", DataType::Int64),
        ("parent_id", DataType::Int64),
        ("is_current_ancestor", DataType::Boolean),
    ])
}

pub(super) fn history(history: &[HistoryDescription]) -> Result<RecordBatch> {
    let each = || history.iter();
    let ancestors: BooleanArray = each().map(|entry| Some(entry.is_current_ancestor)).collect();
    let columns = vec![
        times(each().map(|entry| entry.made_current_at)),
        numbers(each().map(|entry| entry.snapshot_id)),
        parents(each().map(|entry| entry.parent_id)),
        Arc::new(ancestors),
    ];
    Ok(RecordBatch::try_new(history_schema(), columns)?)
}

pub(super) fn references_schema() -> SchemaRef {
    schema_of(&[
        ("name", DataType::Utf8),
        ("type", DataType::Utf8),
        ("snapshot_id", DataType::Int64),
        ("max_reference_age_in_ms", DataType::Int64),
        ("min_snapshots_to_keep", DataType::Int32),
        ("max_snapshot_age_in_ms", DataType::Int64),
    ])
}

pub(super) fn references(main: Option<(&str, i64)>) -> Result<RecordBatch> {
    let rows = usize::from(main.is_some());
    let columns: Vec<ArrayRef> = vec![
        texts(main.iter().map(|(name, _)| *name)),
        texts(main.iter().map(|_| "BRANCH")),
        numbers(main.iter().map(|(_, snapshot)| *snapshot)),
        Arc::new(Int64Array::new_null(rows)),
        Arc::new(Int32Array::new_null(rows)),
        Arc::new(Int64Array::new_null(rows)),
    ];
    Ok(RecordBatch::try_new(references_schema(), columns)?)
}

pub(super) fn properties_schema() -> SchemaRef {
    schema_of(&[("key", DataType::Utf8), ("value", DataType::Utf8)])
}

pub(super) fn properties(properties: &BTreeMap<String, String>) -> Result<RecordBatch> {
    let columns =
        vec![texts(properties.keys().map(String::as_str)), texts(properties.values().map(String::as_str))];
    Ok(RecordBatch::try_new(properties_schema(), columns)?)
}

fn parents(parents: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(parents.collect::<Int64Array>())
}
