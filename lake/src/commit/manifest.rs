//! Manifests: the lists of data files that a snapshot refers to.
//!
//! Each append adds one manifest. When more than [`Upkeep::manifests_before_merge`](super::Upkeep) small ones have
//! gathered they are rewritten as one, its entries EXISTING with the sequence numbers and snapshots they had, so that
//! planning a query stays quick.

use iceberg::Error;
use iceberg::ErrorKind::DataInvalid;
use iceberg::io::FileIO;
use iceberg::spec::{
    DataFile, ManifestContentType, ManifestEntryRef, ManifestFile, ManifestList, ManifestListWriter,
    ManifestWriter, ManifestWriterBuilder, Snapshot, TableMetadata,
};
use uuid::Uuid;

use super::ledger::Ledger;

/// Manifests of this size, in bytes, are left alone.
const LARGE_MANIFEST: i64 = 8 << 20;

/// Stands for "to be inherited from the snapshot".
const INHERITED: i64 = -1;

/// The manifests of the snapshot to be made, and where its files go.
pub(super) struct ManifestContext<'a> {
    pub(super) file_io: &'a FileIO,
    pub(super) metadata: &'a TableMetadata,
    pub(super) snapshot_id: i64,
    pub(super) ledger: &'a Ledger,
}

impl ManifestContext<'_> {
    /// A manifest that adds `files` to the table.
    pub(super) async fn add(&self, files: Vec<DataFile>) -> iceberg::Result<ManifestFile> {
        let mut writer = self.writer()?;
        for file in files {
            writer.add_file(file, INHERITED)?;
        }
        writer.write_manifest_file().await
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
                && manifest.manifest_length < LARGE_MANIFEST
        });
        if small.len() <= limit {
            kept.extend(small);
            return Ok(kept);
        }
        let mut writer = self.writer()?;
        for manifest in &small {
            for entry in live_entries(self.file_io, manifest).await? {
                let (Some(snapshot), Some(sequence)) = (entry.snapshot_id(), entry.sequence_number()) else {
                    let reason = format!("{} has an entry without a sequence number", manifest.manifest_path);
                    return Err(Error::new(DataInvalid, reason));
                };
                let file_sequence = entry.file_sequence_number;
                writer.add_existing_file(entry.data_file().clone(), snapshot, sequence, file_sequence)?;
            }
        }
        kept.push(writer.write_manifest_file().await?);
        Ok(kept)
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

    fn writer(&self) -> iceberg::Result<ManifestWriter> {
        let output = self.ledger.new_output(self.file_io, self.new_location("manifest-"))?;
        let spec = self.metadata.default_partition_spec().as_ref().clone();
        let schema = self.metadata.current_schema().clone();
        Ok(ManifestWriterBuilder::new(output, Some(self.snapshot_id), schema, spec).build_v2_data())
    }

    fn new_location(&self, prefix: &str) -> String {
        format!("{}/metadata/{prefix}{}.avro", self.metadata.location(), Uuid::new_v4())
    }
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
