//! Tables as other programs read them: Iceberg's metadata, whoever keeps it.

use iceberg::spec::TableMetadata;

use super::{Lake, LakeError};
use crate::table::Table;

/// The current version of a table.
#[derive(Debug, Clone)]
pub struct PublishedTable {
    /// Where the metadata file is. It differs from version to version; old ones are removed after some commits.
    pub metadata_location: String,
    pub metadata: TableMetadata,
}

impl Lake {
    /// The current version of a table, of which a reader needs no more than the files of the warehouse.
    ///
    /// # Errors
    /// [`LakeError`] where the catalog or the table's metadata cannot be read.
    pub async fn published(&self, table: Table) -> Result<PublishedTable, LakeError> {
        let (version, _) = self.inner.current(table).await?;
        Ok(PublishedTable { metadata_location: version.location.clone(), metadata: version.metadata.clone() })
    }
}
