//! The next version of a table, where it is kept until it is current.

use std::sync::Arc;

use iceberg::MetadataLocation;
use iceberg::spec::TableMetadataBuildResult;

use super::Inner;
use super::catalog::{MetadataKeeper, TableMove};
use super::ledger::Ledger;
use super::snapshot::TableVersion;

/// A version of a table that is not yet current.
#[derive(Debug)]
pub(super) struct NextVersion {
    pub(super) version: Arc<TableVersion>,
    /// What the catalog is told to make it current.
    pub(super) table_move: TableMove,
    /// Metadata files that nothing refers to once this version is current.
    pub(super) obsolete_metadata: Vec<String>,
}

impl NextVersion {
    /// Takes what was built of a base, and writes its metadata where that is not the server's part.
    pub(super) async fn write(
        inner: &Inner,
        base: &Arc<TableVersion>,
        built: TableMetadataBuildResult,
        ledger: &Ledger,
    ) -> iceberg::Result<Self> {
        let TableMetadataBuildResult { metadata, changes: updates, expired_metadata_logs } = built;
        let (location, obsolete_metadata) = match inner.catalog.metadata_keeper() {
            MetadataKeeper::Committer => {
                let current = base.location.parse::<MetadataLocation>()?;
                let location = current.with_next_version().with_new_metadata(&metadata);
                ledger.note(location.to_string());
                metadata.write_to(&inner.file_io, &location).await?;
                let obsolete = expired_metadata_logs.into_iter().map(|log| log.metadata_file);
                (location.to_string(), obsolete.collect())
            }
            MetadataKeeper::Server => (String::new(), Vec::new()),
        };
        let table_move = TableMove { base: Arc::clone(base), to: location.clone(), updates };
        let version = Arc::new(TableVersion { table: base.table, location, metadata });
        Ok(Self { version, table_move, obsolete_metadata })
    }
}
