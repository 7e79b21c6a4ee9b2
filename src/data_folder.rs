//! Where a data folder keeps what.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The folder that everything of one deployment lies in.
#[derive(Debug, Clone)]
pub struct DataFolder(PathBuf);

impl DataFolder {
    /// The folder, made where it is missing and seen to be writable.
    pub fn create(path: &Path) -> Result<Self> {
        let folder = Self(path.to_owned());
        std::fs::create_dir_all(path)
            .with_context(|| format!("the data folder {} cannot be made", path.display()))?;
        let probe = path.join(".writable");
        std::fs::write(&probe, [])
            .and_then(|()| std::fs::remove_file(&probe))
            .with_context(|| format!("the data folder {} cannot be written to", path.display()))?;
        Ok(folder)
    }

    /// The folder, whether it is there or not.
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// A folder that a run has made already.
    pub fn existing(path: &Path) -> Result<Self> {
        let folder = Self(path.to_owned());
        match folder.catalog().metadata() {
            Ok(_) => Ok(folder),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                bail!("there is no lake in {}: `depthlake run --data {0}` makes one", path.display())
            }
            Err(error) => {
                Err(error).with_context(|| format!("the lake in {} cannot be read", path.display()))
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The SQLite file of the Iceberg catalog.
    pub fn catalog(&self) -> PathBuf {
        self.0.join("lake/catalog.db")
    }

    /// The folder of the tables' files.
    pub fn warehouse(&self) -> PathBuf {
        self.0.join("lake/warehouse")
    }

    /// The folder of the embedded log.
    pub fn log(&self) -> PathBuf {
        self.0.join("log")
    }

    /// The folder of what a broker has not acknowledged yet.
    pub fn outbox(&self) -> PathBuf {
        self.0.join("outbox")
    }

    /// The shared memory of the live books.
    pub fn board(&self) -> PathBuf {
        self.0.join("board")
    }

    /// What the program tells while the terminal shows books.
    pub fn messages(&self) -> PathBuf {
        self.0.join("depthlake.log")
    }
}
