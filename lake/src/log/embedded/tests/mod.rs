//! The log on real files: against a slow twin, damaged, killed, out of space.

mod crash;
mod damage;
mod semantics;
mod twin;

use super::*;
use crate::log::tests::semantics::keeps_to_the_semantics;
use crate::log::tests::{PARTITIONS, Place, RAW, TRADE, append_numbered, check_numbered, record};

fn options() -> Options {
    Options {
        segment_bytes: 4_096,
        queue_bytes: 64 * 1024,
        commit_interval: Duration::ZERO,
        ..Options::new(PARTITIONS)
    }
}

fn open(directory: &Path) -> EmbeddedLog {
    EmbeddedLog::open(directory, &options()).unwrap()
}

/// A fresh folder for a log.
struct Folder(tempfile::TempDir);

impl Place for Folder {
    fn open(&self, partitions: NonZeroU16) -> Result<Box<dyn Log>, LogError> {
        let options = Options { partitions, ..options() };
        Ok(Box::new(EmbeddedLog::open(self.0.path(), &options)?))
    }
}

keeps_to_the_semantics!(Some(Folder(tempfile::tempdir().unwrap())));

fn segment_paths(directory: &Path) -> Vec<PathBuf> {
    let sequences = segment::sequences(directory).unwrap();
    sequences.into_iter().map(|sequence| segment::path_of(directory, sequence)).collect()
}
