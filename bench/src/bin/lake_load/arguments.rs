//! What a load is told.

use std::num::NonZeroU16;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Parser;
use tempfile::TempDir;

/// Carries recorded frames into a lake, as fast as it goes or at a pace.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// The folder of the recording that is played again and again.
    #[arg(long, default_value = "../shared/data/binance-spot-2024", value_name = "DIR")]
    pub recording: PathBuf,
    /// How long frames are fed.
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    pub seconds: u64,
    /// Frames a second; as fast as it goes where none is given.
    #[arg(long, value_name = "FRAMES")]
    pub rate: Option<u32>,
    /// The time between commits.
    #[arg(long, default_value_t = 10.0, value_name = "SECONDS")]
    pub commit_seconds: f64,
    #[arg(long, default_value_t = 1)]
    pub shards: usize,
    #[arg(long, default_value = "4")]
    pub partitions: NonZeroU16,
    /// Keeps log and lake in this folder, which must be empty or absent.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// Where log and lake lie; one of our own goes when this does.
pub enum Folder {
    Given(PathBuf),
    Own(TempDir),
}

impl Arguments {
    pub fn folder(&self) -> Result<Folder> {
        let Some(path) = &self.data else { return Ok(Folder::Own(tempfile::tempdir()?)) };
        std::fs::create_dir_all(path).with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Folder::Given(path.clone()))
    }
}

impl Folder {
    pub fn path(&self) -> &Path {
        match self {
            Self::Given(path) => path,
            Self::Own(folder) => folder.path(),
        }
    }
}
