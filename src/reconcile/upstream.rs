//! The log that the tables are compared with, opened without changing anything.

use std::sync::Arc;

use anyhow::{Context, Result};
use depthlake_lake::log::{EmbeddedLog, Log, LogError, Options};

use crate::configuration::Configuration;
use crate::data_folder::DataFolder;
use crate::log_address::LogAddress;
use crate::run::deployment::Layout;
use crate::run::open_log::OpenLog;

/// The log that the tables are compared with.
pub struct UpstreamLog {
    /// Or why there is none to compare with.
    pub log: Result<Arc<dyn Log>, String>,
    /// Whether others may be writing it.
    pub is_written: bool,
}

impl UpstreamLog {
    /// Opens the log that is given, or else the one that the configuration names. One in the folder that is not there is not made.
    pub fn open(
        folder: &DataFolder,
        log: Option<&LogAddress>,
        configuration: &Configuration,
    ) -> Result<Self> {
        let log = log.or(configuration.lake.log.as_ref()).cloned().unwrap_or_default();
        let layout = Layout { log, ..Layout::of(configuration)? };
        if layout.log != LogAddress::Embedded {
            let log = tokio::task::block_in_place(|| OpenLog::follow(folder, &layout))?.log();
            return Ok(Self { log: Ok(log), is_written: true });
        }
        let path = folder.log();
        if !path.is_dir() {
            let absent = format!("there is no log in {}", path.display());
            return Ok(Self { log: Err(absent), is_written: false });
        }
        match EmbeddedLog::open(&path, &Options::new(layout.partitions)) {
            Ok(log) => Ok(Self { log: Ok(Arc::new(log)), is_written: false }),
            Err(LogError::InUse { .. }) => {
                Ok(Self { log: Err("the log is in use by a running depthlake".to_owned()), is_written: true })
            }
            Err(error) => Err(error).with_context(|| format!("the log in {}", path.display())),
        }
    }
}
