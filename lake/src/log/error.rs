//! What can go wrong with a log.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::KafkaError;

use super::{Offset, Topic, TopicPartition};

/// Why a log refused a call.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LogError {
    #[error("there is no topic {name:?}")]
    UnknownTopic { name: String },

    #[error("{at} does not exist: the log has {partitions} partitions per topic")]
    UnknownPartition { at: TopicPartition, partitions: u16 },

    #[error("a record of {size} bytes for {at} is over the limit of {limit} bytes")]
    Oversized { at: TopicPartition, size: usize, limit: usize },

    #[error("the queue towards the log is full ({limit} bytes); the record for {at} was not taken")]
    Full { at: TopicPartition, limit: usize },

    #[error("offset {from} of {at} has been released: {start} to {end} are kept")]
    Released { at: TopicPartition, from: Offset, start: Offset, end: Offset },

    #[error("offset {from} of {at} is beyond the end: {start} to {end} are kept")]
    Beyond { at: TopicPartition, from: Offset, start: Offset, end: Offset },

    #[error("records {from} to {next} (exclusive) of {at} are lost: the log's files were damaged there")]
    Lost { at: TopicPartition, from: Offset, next: Offset },

    #[error("the log in {} is in use by another process", directory.display())]
    InUse { directory: PathBuf },

    #[error("the log in {} has {stored} partitions per topic, but {asked} are configured", directory.display())]
    PartitionCount { directory: PathBuf, stored: u16, asked: u16 },

    #[error("{} is in version {found} of the log format; this program knows version {known}", file.display())]
    Version { file: PathBuf, found: u32, known: u32 },

    #[error("{} is damaged at byte {position}: {defect}", file.display())]
    Damaged { file: PathBuf, position: u64, defect: Defect },

    #[error("cannot {operation} {}: {cause}", file.display())]
    Io { operation: &'static str, file: PathBuf, cause: Arc<io::Error> },

    #[error("cannot {operation} at the broker {brokers}: {cause}")]
    Broker { operation: &'static str, brokers: String, cause: KafkaError },

    #[error("the broker {brokers} has not answered for {} s; {waiting} records wait in the outbox", silence.as_secs())]
    BrokerSilent { brokers: String, silence: Duration, waiting: u64 },

    #[error("the topic {topic} has {found} partitions at the broker {brokers}, but {asked} are configured")]
    BrokerPartitions { topic: Topic, brokers: String, found: usize, asked: u16 },

    #[error("the broker keeps {at} up to {end} only, but had acknowledged all up to {acknowledged}")]
    BrokerLost { at: TopicPartition, end: Offset, acknowledged: Offset },

    #[error(
        "another process writes to {at}: the broker has a record at offset {offset} that is not the one sent from here"
    )]
    AnotherWriter { at: TopicPartition, offset: Offset },

    #[error(
        "this process follows the log of {brokers} and writes nothing; the record for {at} was not taken"
    )]
    Following { at: TopicPartition, brokers: String },

    #[error("the log cannot be written at present: {0}")]
    Stalled(Arc<LogError>),

    #[error("the log takes no more records until it is opened again: {0}")]
    Failed(Arc<LogError>),
}

impl LogError {
    /// Names the operation and the file of an I/O error.
    pub(super) fn io(operation: &'static str, file: &Path) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self::Io { operation, file: file.to_owned(), cause: Arc::new(cause) }
    }
}

/// What is wrong with the bytes at a place in a log file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    #[error("it ends too early")]
    Short,
    #[error("the magic bytes are missing")]
    Magic,
    #[error("the length is impossible")]
    Length,
    #[error("the checksum does not match")]
    Checksum,
    #[error("it names a topic or partition that does not exist")]
    TopicPartition,
    #[error("the records do not fill their batch")]
    Records,
    #[error("it holds another sequence number than its file name")]
    Sequence,
    #[error("it holds offsets that other parts of the log hold too")]
    Offsets,
}
