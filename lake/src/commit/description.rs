//! What a table's metadata say of its snapshots, manifests and files: for those who ask about the table itself.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use depthlake_orderbook::time::Timestamp;
use iceberg::spec::{DataFile, Datum, MAIN_BRANCH, ManifestFile, PrimitiveLiteral, Snapshot};

use super::manifest::{live_entries, manifests_of};
use super::read::CurrentTable;
use super::stored_file::day_of;
use super::{LakeError, blocking};

/// A snapshot that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotDescription {
    pub snapshot_id: i64,
    pub parent_id: Option<i64>,
    pub committed_at: Timestamp,
    /// `append`, `overwrite`, `replace` or `delete`.
    pub operation: String,
    /// The location of the list of its manifests.
    pub manifest_list: String,
    /// What else it says of itself.
    pub summary: BTreeMap<String, String>,
}

/// A snapshot becoming the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryDescription {
    pub made_current_at: Timestamp,
    pub snapshot_id: i64,
    pub parent_id: Option<i64>,
    /// Whether the current snapshot descends from it, or is it.
    pub is_current_ancestor: bool,
}

/// A manifest of the current snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestDescription {
    pub location: String,
    pub bytes: i64,
    pub partition_spec_id: i32,
    pub added_snapshot_id: i64,
    pub added: ManifestCounts,
    pub existing: ManifestCounts,
    pub deleted: ManifestCounts,
    /// The least and greatest day of its files, in days since 1970-01-01; `None` where it does not tell.
    pub days: Option<(i32, i32)>,
}

/// Files of a manifest in one state, and their rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ManifestCounts {
    pub files: Option<u32>,
    pub rows: Option<u64>,
}

/// A data file of the current snapshot. Columns are given by their field ids.
#[derive(Debug, Clone, PartialEq)]
pub struct FileDescription {
    pub location: String,
    pub rows: u64,
    pub bytes: u64,
    /// Days since 1970-01-01 of the partition.
    pub day: Option<i32>,
    pub column_sizes: BTreeMap<i32, u64>,
    pub value_counts: BTreeMap<i32, u64>,
    pub null_counts: BTreeMap<i32, u64>,
    pub nan_counts: BTreeMap<i32, u64>,
    pub lower_bounds: BTreeMap<i32, Bound>,
    pub upper_bounds: BTreeMap<i32, Bound>,
    pub split_offsets: Option<Vec<i64>>,
    pub sort_order_id: Option<i32>,
}

/// A bound of a column's values.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub enum Bound {
    Boolean(bool),
    Int(i32),
    /// Of a time, microseconds since 1970 UTC.
    Long(i64),
    Double(f64),
    Text(String),
    /// Units of the column's scale.
    Decimal(i128),
}

impl CurrentTable {
    /// The snapshots that are kept, oldest first.
    #[must_use]
    pub fn snapshots(&self) -> Vec<SnapshotDescription> {
        let mut snapshots: Vec<_> = self.version.metadata.snapshots().collect();
        snapshots.sort_by_key(|snapshot| snapshot.sequence_number());
        snapshots.into_iter().map(|snapshot| described(snapshot)).collect()
    }

    /// How the current snapshot came to be, oldest first.
    #[must_use]
    pub fn history(&self) -> Vec<HistoryDescription> {
        let metadata = &self.version.metadata;
        let parent = |id| metadata.snapshot_by_id(id).and_then(|snapshot| snapshot.parent_snapshot_id());
        let ancestors: Vec<_> =
            std::iter::successors(metadata.current_snapshot_id(), |id| parent(*id)).collect();
        let described = |entry: &iceberg::spec::SnapshotLog| HistoryDescription {
            made_current_at: Timestamp::from_milliseconds(entry.timestamp_ms()),
            snapshot_id: entry.snapshot_id,
            parent_id: parent(entry.snapshot_id),
            is_current_ancestor: ancestors.contains(&entry.snapshot_id),
        };
        metadata.history().iter().map(described).collect()
    }

    /// The one reference, to the current snapshot: its name and what it refers to; none before the first.
    #[must_use]
    pub fn main_branch(&self) -> Option<(&'static str, i64)> {
        Some((MAIN_BRANCH, self.version.metadata.snapshot_for_ref(MAIN_BRANCH)?.snapshot_id()))
    }

    /// The properties of the table.
    #[must_use]
    pub fn properties(&self) -> BTreeMap<String, String> {
        let properties = self.version.metadata.properties().iter();
        properties.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// The columns in their order: field id and name.
    #[must_use]
    pub fn columns(&self) -> Vec<(i32, String)> {
        let fields = self.version.metadata.current_schema().as_struct().fields();
        fields.iter().map(|field| (field.id, field.name.clone())).collect()
    }

    /// The manifests of the current snapshot.
    ///
    /// # Errors
    /// [`LakeError`] where their list cannot be read.
    pub async fn manifests(&self) -> Result<Vec<ManifestDescription>, LakeError> {
        let (inner, version) = (Arc::clone(&self.inner), Arc::clone(&self.version));
        blocking(async move {
            let Some(snapshot) = version.metadata.current_snapshot() else { return Ok(Vec::new()) };
            let manifests = manifests_of(&inner.file_io, &version.metadata, snapshot).await;
            let manifests = manifests.map_err(LakeError::table(version.table, "read the manifests"))?;
            Ok(manifests.iter().map(described_manifest).collect())
        })
        .await?
    }

    /// The data files of the current snapshot with all that is said of them. Reads every manifest.
    ///
    /// # Errors
    /// [`LakeError`] where a manifest cannot be read.
    pub async fn described_files(&self) -> Result<Vec<FileDescription>, LakeError> {
        let (inner, version) = (Arc::clone(&self.inner), Arc::clone(&self.version));
        blocking(async move {
            let Some(snapshot) = version.metadata.current_snapshot() else { return Ok(Vec::new()) };
            let unreadable = LakeError::table(version.table, "read the manifests");
            let manifests =
                manifests_of(&inner.file_io, &version.metadata, snapshot).await.map_err(&unreadable)?;
            let mut files = Vec::new();
            for manifest in &manifests {
                let entries = live_entries(&inner.file_io, manifest).await.map_err(&unreadable)?;
                files.extend(entries.iter().map(|entry| described_file(entry.data_file())));
            }
            Ok(files)
        })
        .await?
    }
}

fn described(snapshot: &Snapshot) -> SnapshotDescription {
    let summary = &snapshot.summary().additional_properties;
    SnapshotDescription {
        snapshot_id: snapshot.snapshot_id(),
        parent_id: snapshot.parent_snapshot_id(),
        committed_at: Timestamp::from_milliseconds(snapshot.timestamp_ms()),
        operation: snapshot.summary().operation.as_str().to_owned(),
        manifest_list: snapshot.manifest_list().to_owned(),
        summary: summary.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
    }
}

fn described_manifest(manifest: &ManifestFile) -> ManifestDescription {
    let counts = |files, rows| ManifestCounts { files, rows };
    let day = |bytes: Option<&[u8]>| bytes.and_then(|bytes| Some(i32::from_le_bytes(bytes.try_into().ok()?)));
    let summary = manifest.partitions.as_ref().and_then(|partitions| partitions.first());
    let days = summary.and_then(|summary| {
        let least = day(summary.lower_bound.as_ref().map(|bound| bound.as_slice()))?;
        Some((least, day(summary.upper_bound.as_ref().map(|bound| bound.as_slice()))?))
    });
    ManifestDescription {
        location: manifest.manifest_path.clone(),
        bytes: manifest.manifest_length,
        partition_spec_id: manifest.partition_spec_id,
        added_snapshot_id: manifest.added_snapshot_id,
        added: counts(manifest.added_files_count, manifest.added_rows_count),
        existing: counts(manifest.existing_files_count, manifest.existing_rows_count),
        deleted: counts(manifest.deleted_files_count, manifest.deleted_rows_count),
        days,
    }
}

fn described_file(file: &DataFile) -> FileDescription {
    let counts = |counts: &HashMap<i32, u64>| counts.iter().map(|(id, count)| (*id, *count)).collect();
    let bounds = |bounds: &HashMap<i32, Datum>| {
        bounds.iter().filter_map(|(id, datum)| Some((*id, bound(datum.literal())?))).collect()
    };
    FileDescription {
        location: file.file_path().to_owned(),
        rows: file.record_count(),
        bytes: file.file_size_in_bytes(),
        day: day_of(file),
        column_sizes: counts(file.column_sizes()),
        value_counts: counts(file.value_counts()),
        null_counts: counts(file.null_value_counts()),
        nan_counts: counts(file.nan_value_counts()),
        lower_bounds: bounds(file.lower_bounds()),
        upper_bounds: bounds(file.upper_bounds()),
        split_offsets: file.split_offsets().map(<[i64]>::to_vec),
        sort_order_id: file.sort_order_id(),
    }
}

fn bound(literal: &PrimitiveLiteral) -> Option<Bound> {
    Some(match literal {
        PrimitiveLiteral::Boolean(value) => Bound::Boolean(*value),
        PrimitiveLiteral::Int(value) => Bound::Int(*value),
        PrimitiveLiteral::Long(value) => Bound::Long(*value),
        PrimitiveLiteral::Double(value) => Bound::Double(value.0),
        PrimitiveLiteral::String(value) => Bound::Text(value.clone()),
        PrimitiveLiteral::Int128(value) => Bound::Decimal(*value),
        _ => return None,
    })
}
