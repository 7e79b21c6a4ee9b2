//! The log of a deployment, wherever it is, and this process's part of carrying it into the lake.

use std::sync::Arc;

use anyhow::{Result, bail};
use depthlake_lake::commit::Lake;
use depthlake_lake::log::{EmbeddedLog, KafkaLog, KafkaOptions, Log, Membership, Options};
use depthlake_lake::sink;

use super::deployment::Layout;
use crate::data_folder::DataFolder;
use crate::log_address::LogAddress;

/// An open log.
pub enum OpenLog {
    Embedded(Arc<EmbeddedLog>),
    Kafka(Arc<KafkaLog>),
}

impl OpenLog {
    /// Opens the log for writing. What waits for a broker lies in the folder. Blocks until the broker has answered.
    pub fn open(folder: &DataFolder, layout: &Layout) -> Result<Self> {
        Ok(match &layout.log {
            LogAddress::Embedded => {
                let options = Options::new(layout.partitions);
                Self::Embedded(Arc::new(EmbeddedLog::open(&folder.log(), &options)?))
            }
            LogAddress::Kafka(brokers) => {
                let options = KafkaOptions::new(brokers.clone(), layout.partitions, folder.outbox());
                Self::Kafka(Arc::new(KafkaLog::open(&options)?))
            }
        })
    }

    /// Opens the log for reading what other processes write. Blocks until the broker has answered.
    pub fn follow(folder: &DataFolder, layout: &Layout) -> Result<Self> {
        match &layout.log {
            LogAddress::Embedded => bail!("the embedded log is its writer's own"),
            LogAddress::Kafka(brokers) => {
                let options = KafkaOptions::new(brokers.clone(), layout.partitions, folder.outbox());
                Ok(Self::Kafka(Arc::new(KafkaLog::follow(&options)?)))
            }
        }
    }

    pub fn log(&self) -> Arc<dyn Log> {
        match self {
            Self::Embedded(log) => Arc::clone(log) as Arc<dyn Log>,
            Self::Kafka(log) => Arc::clone(log) as Arc<dyn Log>,
        }
    }

    /// Joins those who carry this log into this lake; none where nobody else can.
    pub async fn join(&self, lake: &Lake) -> Result<Option<Arc<Membership>>> {
        match self {
            Self::Embedded(_) => Ok(None),
            Self::Kafka(log) => {
                let group = format!("depthlake-sink-{}", lake.id().await?);
                Ok(Some(Arc::new(log.join(&group, &sink::topics())?)))
            }
        }
    }
}
