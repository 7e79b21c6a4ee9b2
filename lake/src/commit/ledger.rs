//! The files a commit has written so far, to be removed should it fail.

use std::sync::{Arc, Mutex, PoisonError};

use iceberg::io::{FileIO, OutputFile};
use tracing::warn;

/// The locations of files that belong to nobody until their commit has happened. Clones share one list.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger(Arc<Mutex<Vec<String>>>);

impl Ledger {
    /// A file to write, noted before it exists.
    pub(super) fn new_output(&self, file_io: &FileIO, location: String) -> iceberg::Result<OutputFile> {
        self.note(location.clone());
        file_io.new_output(location)
    }

    pub(super) fn note(&self, location: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(location);
    }

    pub(super) async fn remove_files(&self, file_io: &FileIO) {
        let locations = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        remove_files(file_io, locations).await;
    }
}

/// Removes files that nothing refers to. What cannot be removed stays as an orphan, which harms nobody.
pub(super) async fn remove_files(file_io: &FileIO, locations: impl IntoIterator<Item = String>) {
    for location in locations {
        if let Err(error) = file_io.delete(&location).await {
            warn!(%location, %error, "an unreferenced file stays");
        }
    }
}
