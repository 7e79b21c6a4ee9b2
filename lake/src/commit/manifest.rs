//! Manifests: the lists of data files that a snapshot refers to.
//!
//! A commit adds one manifest of its new files. The manifests of files it removes are written again, as one: files that
//! stay are EXISTING with the sequence numbers and snapshots they had, removed ones DELETED; all other manifests are
//! carried over as they are. When more than [`Upkeep::manifests_before_merge`](super::Upkeep) small ones have gathered
//! they are rewritten too, sorted by day, so that planning a query stays quick and passes over days it does not need.

use std::collections::{BTreeMap, HashSet};

use iceberg::Error;
use iceberg::ErrorKind::DataInvalid;
use iceberg::io::FileIO;
use iceberg::spec::{
    DataFile, ManifestContentType, ManifestEntryRef, ManifestFile, ManifestList, ManifestListWriter,
    ManifestWriter, ManifestWriterBuilder, Snapshot, TableMetadata,
};
use uuid::Uuid;

use super::change::AddedFile;
use super::ledger::Ledger;
use super::stored_file::{StoredFile, StoredFiles, day_of};

/// Files of a manifest that is written again.
const FILES_OF_MANIFEST: usize = 1_000;

/// Manifests of so many files are left alone.
const LARGE_MANIFEST: usize = FILES_OF_MANIFEST / 2;

/// Stands for "to be inherited from the snapshot".
const INHERITED: i64 = -1;

/// The manifests of the snapshot to be made, and where its files go.
pub(super) struct ManifestContext<'a> {
    pub(super) file_io: &'a FileIO,
    pub(super) metadata: &'a TableMetadata,
    pub(super) stored_files: &'a StoredFiles,
    pub(super) snapshot_id: i64,
    pub(super) ledger: &'a Ledger,
}

/// What became of the files to be removed.
pub(super) enum Removal {
    /// The manifests without them, and what the table said of each.
    Removed { manifests: Vec<ManifestFile>, files: Vec<DataFile> },
    /// This one is no longer part of the table.
    Gone { location: String },
}

/// A data file in a manifest that is written again.
struct Carried {
    entry: ManifestEntryRef,
    removed: bool,
}

impl ManifestContext<'_> {
    /// A manifest that adds files to the table.
    pub(super) async fn add(&self, files: &[AddedFile]) -> iceberg::Result<ManifestFile> {
        let mut writer = self.writer(self.metadata.default_partition_spec_id())?;
        for AddedFile { file, sequence } in files {
            writer.add_file(file.clone(), sequence.unwrap_or(INHERITED))?;
        }
        writer.write_manifest_file().await
    }

    /// The manifests without the files to be removed.
    pub(super) async fn remove(
        &self,
        manifests: Vec<ManifestFile>,
        removed: &[StoredFile],
    ) -> iceberg::Result<Removal> {
        let mut wanted: HashSet<&str> = removed.iter().map(|file| file.location.as_str()).collect();
        let mut kept = Vec::with_capacity(manifests.len());
        let mut carried: BTreeMap<i32, Vec<Carried>> = BTreeMap::new();
        for manifest in manifests {
            if !self.holds_any(&manifest, &wanted).await? {
                kept.push(manifest);
                continue;
            }
            for entry in live_entries(self.file_io, &manifest).await? {
                let removed = wanted.remove(entry.file_path());
                carried.entry(manifest.partition_spec_id).or_default().push(Carried { entry, removed });
            }
        }
        if let Some(gone) = wanted.into_iter().next() {
            return Ok(Removal::Gone { location: gone.to_owned() });
        }
        let mut files = Vec::with_capacity(removed.len());
        for (spec, entries) in carried {
            let removed = entries.iter().filter(|carried| carried.removed);
            files.extend(removed.map(|carried| carried.entry.data_file().clone()));
            kept.extend(self.write_carried(spec, entries).await?);
        }
        Ok(Removal::Removed { manifests: kept, files })
    }

    async fn holds_any(&self, manifest: &ManifestFile, wanted: &HashSet<&str>) -> iceberg::Result<bool> {
        if wanted.is_empty() || manifest.content == ManifestContentType::Deletes {
            return Ok(false);
        }
        let files = self.stored_files.of_manifest(self.file_io, self.metadata, manifest).await?;
        Ok(files.iter().any(|file| wanted.contains(file.location.as_str())))
    }

    /// The same files in fewer manifests, where there are more than `limit` small ones.
    pub(super) async fn merge_small(
        &self,
        manifests: Vec<ManifestFile>,
        limit: usize,
    ) -> iceberg::Result<Vec<ManifestFile>> {
        let spec = self.metadata.default_partition_spec_id();
        let (small, mut kept): (Vec<_>, Vec<_>) = manifests.into_iter().partition(|manifest| {
            manifest.content == ManifestContentType::Data
                && manifest.partition_spec_id == spec
                && live_files(manifest) < LARGE_MANIFEST
        });
        if small.len() <= limit {
            kept.extend(small);
            return Ok(kept);
        }
        let mut entries = Vec::new();
        for manifest in &small {
            let live = live_entries(self.file_io, manifest).await?;
            entries.extend(live.into_iter().map(|entry| Carried { entry, removed: false }));
        }
        kept.extend(self.write_carried(spec, entries).await?);
        Ok(kept)
    }

    /// Writes entries again, by day, in manifests that do not become too large.
    async fn write_carried(
        &self,
        spec: i32,
        mut entries: Vec<Carried>,
    ) -> iceberg::Result<Vec<ManifestFile>> {
        entries.sort_by_key(|carried| day_of(carried.entry.data_file()));
        let mut manifests = Vec::new();
        for entries in entries.chunks(FILES_OF_MANIFEST) {
            let mut writer = self.writer(spec)?;
            for Carried { entry, removed } in entries {
                let (Some(snapshot), Some(sequence)) = (entry.snapshot_id(), entry.sequence_number()) else {
                    let reason = format!("{} is listed without a sequence number", entry.file_path());
                    return Err(Error::new(DataInvalid, reason));
                };
                let (file, file_sequence) = (entry.data_file().clone(), entry.file_sequence_number);
                if *removed {
                    writer.add_delete_file(file, sequence, file_sequence)?;
                } else {
                    writer.add_existing_file(file, snapshot, sequence, file_sequence)?;
                }
            }
            manifests.push(writer.write_manifest_file().await?);
        }
        Ok(manifests)
    }

    /// Writes the list of the snapshot's manifests and returns its location.
    pub(super) async fn write_list(&self, manifests: Vec<ManifestFile>) -> iceberg::Result<String> {
        let location = self.new_location(&format!("snap-{}-", self.snapshot_id));
        let output = self.ledger.new_output(self.file_io, location.clone())?;
        let parent = self.metadata.current_snapshot_id();
        let sequence = self.metadata.next_sequence_number();
        let mut writer = ManifestListWriter::v2(output.writer().await?, self.snapshot_id, parent, sequence);
        writer.add_manifests(manifests.into_iter())?;
        writer.close().await?;
        Ok(location)
    }

    fn writer(&self, spec_id: i32) -> iceberg::Result<ManifestWriter> {
        let output = self.ledger.new_output(self.file_io, self.new_location("manifest-"))?;
        let spec = self.metadata.partition_spec_by_id(spec_id).ok_or_else(|| {
            Error::new(DataInvalid, format!("a manifest refers to the unknown partition spec {spec_id}"))
        })?;
        let schema = self.metadata.current_schema().clone();
        let builder =
            ManifestWriterBuilder::new(output, Some(self.snapshot_id), schema, spec.as_ref().clone());
        Ok(builder.build_v2_data())
    }

    fn new_location(&self, prefix: &str) -> String {
        format!("{}/metadata/{prefix}{}.avro", self.metadata.location(), Uuid::new_v4())
    }
}

/// How many files of a manifest are part of the table.
fn live_files(manifest: &ManifestFile) -> usize {
    let counts = [manifest.added_files_count, manifest.existing_files_count];
    counts.into_iter().flatten().map(|count| usize::try_from(count).unwrap_or(usize::MAX)).sum()
}

/// Whether a manifest lists anything that is part of the table.
pub(super) fn lists_live_files(manifest: &ManifestFile) -> bool {
    manifest.has_added_files() || manifest.has_existing_files()
}

/// The manifests a snapshot lists.
pub(super) async fn manifests_of(
    file_io: &FileIO,
    metadata: &TableMetadata,
    snapshot: &Snapshot,
) -> iceberg::Result<Vec<ManifestFile>> {
    let bytes = file_io.new_input(snapshot.manifest_list())?.read().await?;
    let list = ManifestList::parse_with_version(&bytes, metadata.format_version())?;
    Ok(list.consume_entries().into_iter().collect())
}

/// The entries of a manifest that are part of the table.
pub(super) async fn live_entries(
    file_io: &FileIO,
    manifest: &ManifestFile,
) -> iceberg::Result<Vec<ManifestEntryRef>> {
    let (entries, _) = manifest.load_manifest(file_io).await?.into_parts();
    Ok(entries.into_iter().filter(|entry| entry.is_alive()).collect())
}
