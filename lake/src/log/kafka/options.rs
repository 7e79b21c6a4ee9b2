//! How a log at a broker is laid out.

use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use super::Brokers;
use crate::log::Options;

/// Where a log is and how much it may hold back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaOptions {
    pub brokers: Brokers,
    /// Partitions of each topic; fixed when the topics are made.
    pub partitions: NonZeroU16,
    /// Copies of each partition of topics that are made; none leaves it to the broker.
    pub replication: Option<NonZeroU16>,
    /// The folder of what is not sent yet.
    pub outbox: PathBuf,
    /// Bytes of records that may wait for being written to the outbox.
    pub queue_bytes: usize,
    /// Size in bytes of the outbox's files: so much at least it keeps.
    pub segment_bytes: u32,
    /// Bytes of records that may be on their way to the broker.
    pub in_flight_bytes: usize,
    /// How long a call that cannot do without the broker waits for it.
    pub patience: Duration,
}

impl KafkaOptions {
    /// A queue of 64 MiB, files of 32 MiB, 16 MiB on the way, half a minute of patience.
    #[must_use]
    pub fn new(brokers: Brokers, partitions: NonZeroU16, outbox: PathBuf) -> Self {
        Self {
            brokers,
            partitions,
            replication: None,
            outbox,
            queue_bytes: 64 * 1024 * 1024,
            segment_bytes: 32 * 1024 * 1024,
            in_flight_bytes: 16 * 1024 * 1024,
            patience: Duration::from_secs(30),
        }
    }

    pub(super) fn outbox_options(&self) -> Options {
        Options {
            segment_bytes: self.segment_bytes,
            queue_bytes: self.queue_bytes,
            // Where each batch lies is kept in memory, so an hour's worth of them must not be too many.
            commit_interval: Duration::from_millis(50),
            ..Options::new(self.partitions)
        }
    }
}
