//! Data files as manifests describe them, with what a reader needs to pass over those it need not read.
//!
//! Manifests never change, so what one says is kept in memory, up to a bound.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use iceberg::Error;
use iceberg::ErrorKind::DataInvalid;
use iceberg::io::FileIO;
use iceberg::spec::{
    DataFile, Datum, Literal, ManifestContentType, ManifestEntry, ManifestFile, PrimitiveLiteral,
    TableMetadata,
};

use super::manifest::live_entries;

/// Files that are kept in memory, of all tables together; one takes about 400 bytes.
const FILES_KEPT: usize = 100_000;

/// A Parquet file of a table, which never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// Its location: `file:///…` or of a store. [`path_of`](crate::storage::path_of) gives the path of a local one.
    pub location: String,
    /// Its size in bytes.
    pub bytes: u64,
    pub rows: u64,
    /// The partition: days since 1970-01-01 UTC of the table's partition column.
    pub day: i32,
    /// When its rows came into the table: the sequence number of the snapshot that added them, and where they were added by
    /// several and have been compacted since, that of the last of these.
    pub sequence: i64,
    /// The least and greatest symbol; `None` where all are null, or it is not known.
    pub symbols: Option<Bounds<String>>,
    /// The least and greatest time of the partition column, in microseconds since 1970 UTC; `None` where not known.
    pub times: Option<Bounds<i64>>,
    /// Whether its rows are in the order that the table declares.
    pub sorted: bool,
}

/// The least and the greatest value of a column, or values below and above them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds<T> {
    pub least: T,
    pub greatest: T,
}

/// What manifests say, as far as it is kept.
#[derive(Debug, Default)]
pub(super) struct StoredFiles {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    by_manifest: HashMap<String, Arc<[StoredFile]>>,
    /// Manifests in the order in which they came.
    order: VecDeque<String>,
    files: usize,
}

impl StoredFiles {
    /// The live files of a manifest.
    pub(super) async fn of_manifest(
        &self,
        file_io: &FileIO,
        metadata: &TableMetadata,
        manifest: &ManifestFile,
    ) -> iceberg::Result<Arc<[StoredFile]>> {
        if let Some(known) = self.lock().by_manifest.get(&manifest.manifest_path) {
            return Ok(Arc::clone(known));
        }
        if manifest.content == ManifestContentType::Deletes {
            return Ok(Arc::default());
        }
        let entries = live_entries(file_io, manifest).await?;
        let columns = BoundedColumns::of(metadata);
        let files =
            entries.iter().map(|entry| stored_file(entry, &columns)).collect::<iceberg::Result<_>>()?;
        self.lock().keep(manifest.manifest_path.clone(), Arc::clone(&files));
        Ok(files)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn keep(&mut self, manifest: String, files: Arc<[StoredFile]>) {
        self.files += files.len();
        if let Some(before) = self.by_manifest.insert(manifest.clone(), files) {
            self.files -= before.len();
            return;
        }
        self.order.push_back(manifest);
        while self.files > FILES_KEPT && self.order.len() > 1 {
            let oldest = self.order.pop_front().and_then(|oldest| self.by_manifest.remove(&oldest));
            self.files -= oldest.map_or(0, |files| files.len());
        }
    }
}

/// The day of a data file's partition; `None` where it has none.
pub(super) fn day_of(file: &DataFile) -> Option<i32> {
    match file.partition().fields().first() {
        Some(Some(Literal::Primitive(PrimitiveLiteral::Int(day)))) => Some(*day),
        _ => None,
    }
}

/// The columns whose bounds are told.
struct BoundedColumns {
    symbol: Option<i32>,
    time: Option<i32>,
    sort_order: Option<i32>,
}

impl BoundedColumns {
    fn of(metadata: &TableMetadata) -> Self {
        let partition = metadata.default_partition_spec().fields().first();
        Self {
            symbol: metadata.current_schema().field_id_by_name("symbol"),
            time: partition.map(|field| field.source_id),
            sort_order: i32::try_from(metadata.default_sort_order_id()).ok(),
        }
    }
}

fn stored_file(entry: &ManifestEntry, columns: &BoundedColumns) -> iceberg::Result<StoredFile> {
    let file = entry.data_file();
    let lacking = |what| Error::new(DataInvalid, format!("{} is listed without {what}", file.file_path()));
    Ok(StoredFile {
        location: file.file_path().to_owned(),
        bytes: file.file_size_in_bytes(),
        rows: file.record_count(),
        day: day_of(file).ok_or_else(|| lacking("the day of its partition"))?,
        sequence: entry.sequence_number().ok_or_else(|| lacking("a sequence number"))?,
        symbols: columns.symbol.and_then(|id| bounds(file, id, text)),
        times: columns.time.and_then(|id| bounds(file, id, long)),
        sorted: file.sort_order_id().is_some() && file.sort_order_id() == columns.sort_order,
    })
}

fn bounds<T>(file: &DataFile, column: i32, value: fn(&Datum) -> Option<T>) -> Option<Bounds<T>> {
    let least = file.lower_bounds().get(&column).and_then(value)?;
    let greatest = file.upper_bounds().get(&column).and_then(value)?;
    Some(Bounds { least, greatest })
}

fn text(datum: &Datum) -> Option<String> {
    match datum.literal() {
        PrimitiveLiteral::String(text) => Some(text.clone()),
        _ => None,
    }
}

fn long(datum: &Datum) -> Option<i64> {
    match datum.literal() {
        PrimitiveLiteral::Long(long) => Some(*long),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(count: usize) -> Arc<[StoredFile]> {
        let file = |number| StoredFile {
            location: format!("file:///{number}"),
            bytes: 1,
            rows: 1,
            day: 0,
            sequence: 1,
            symbols: None,
            times: None,
            sorted: true,
        };
        (0..count).map(file).collect()
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_oldest_goes_first() {
        let mut kept = Kept::default();
        for manifest in 0..5 {
            kept.keep(format!("{manifest}"), files(FILES_KEPT / 4));
        }
        kept.keep("4".to_owned(), files(FILES_KEPT / 4));
        assert_eq!((kept.files, kept.by_manifest.len(), kept.order.len()), (FILES_KEPT, 4, 4));
        assert!(!kept.by_manifest.contains_key("0"));

        kept.keep("large".to_owned(), files(2 * FILES_KEPT));
        assert_eq!((kept.files, kept.by_manifest.len()), (2 * FILES_KEPT, 1));
        kept.keep("small".to_owned(), files(1));
        assert_eq!((kept.files, kept.by_manifest.len()), (1, 1));
    }
}
