//! The log between engine and lake: Kafka's semantics behind one trait, and an implementation that needs no broker.
//!
//! Invariants, whatever implements [`Log`]:
//! - offsets of a topic partition are given out in append order, without gaps, and never twice;
//! - a record is *acknowledged* once [`Log::durable_end`] has passed its offset, and from then on it survives the
//!   death of the process and of the machine;
//! - only acknowledged records are read, so a consumer never sees one that a crash could take back;
//! - a record is removed only behind an offset given to [`Log::release`].

mod embedded;
mod error;
mod kafka;
mod metrics;
mod slots;
mod topic;

use std::num::NonZeroU16;
use std::time::Duration;

use bytes::Bytes;
use depthlake_orderbook::metrics::Page;
use depthlake_orderbook::time::Timestamp;

pub use embedded::{EmbeddedLog, Options};
pub use error::{Defect, LogError};
pub use kafka::{Brokers, BrokersError, KafkaLog, KafkaOptions, Membership};
pub use topic::{Offset, Partition, Topic, TopicPartition};

/// The most a record may hold, in bytes, over key, header and value together.
pub const RECORD_LIMIT: usize = 16 * 1024 * 1024;

/// What a producer hands to the log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// What the record is about: the symbol. May be empty.
    pub key: Bytes,
    /// One opaque header, for what must stay beside the value: the time of receipt, for example. May be empty.
    pub header: Bytes,
    pub value: Bytes,
}

impl Record {
    /// Bytes of key, header and value together.
    #[must_use]
    pub fn size(&self) -> usize {
        self.key.len() + self.header.len() + self.value.len()
    }
}

/// A record as the log gives it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    pub offset: Offset,
    /// Wall-clock time of the append: the record's publish time.
    pub appended_at: Timestamp,
    pub record: Record,
}

/// A message that stands in a topic partition and is no record of the log: another program has written it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// The broker's own offset, which is another count than the log's.
    pub broker_offset: u64,
    /// When the broker has it from, by its own word.
    pub time: Timestamp,
    pub value: Bytes,
}

impl Foreign {
    /// Bytes it takes in memory, so that empty ones count too.
    #[must_use]
    pub fn size(&self) -> usize {
        size_of::<Self>() + self.value.len()
    }
}

/// Where a consumer stands who passes over nothing in silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    /// The next record.
    pub offset: Offset,
    /// Messages before it that are no records, or repeat one. At a broker it and the offset make the broker's own offset.
    pub passed: u64,
}

/// What stands behind a place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Taken {
    pub records: Vec<StoredRecord>,
    /// What stands before, between and behind them.
    pub foreign: Vec<Foreign>,
    /// [`Place::passed`] behind all of it.
    pub passed: u64,
}

/// How far a log had come when it was looked at; it moves whenever any topic partition's durable end moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Progress(u64);

/// Topic partitions of records, appended by producers and read from any offset by consumers.
///
/// Each topic partition has one writing process at a time, the owner of the symbols that hash to it. That is why an
/// offset is known at the append: the embedded log assigns it, and an implementation over a broker counts on from the
/// partition's end and must fail the log if the broker's answer differs.
///
/// The calls block the thread for as long as their description says, so asynchronous code makes them from a blocking
/// thread.
pub trait Log: Send + Sync {
    /// How many partitions every topic has.
    fn partitions(&self) -> NonZeroU16;

    /// Hands a record over and returns the offset it will have once it is acknowledged. Waits while the queue
    /// towards the storage is full.
    ///
    /// # Errors
    /// [`LogError::UnknownPartition`], [`LogError::Oversized`]; [`LogError::Stalled`] when the queue is full and the storage
    /// cannot be written at present, so that it may be tried again later; [`LogError::Failed`] when it never will be. The
    /// record is then not in the log.
    fn append(&self, at: TopicPartition, record: &Record) -> Result<Offset, LogError>;

    /// As [`Log::append`], but never waits: for threads that nothing may block.
    ///
    /// # Errors
    /// Those of [`Log::append`], and [`LogError::Full`] where that would wait; the record is then not in the log.
    fn try_append(&self, at: TopicPartition, record: &Record) -> Result<Offset, LogError>;

    /// Adds a record for those who read the topic, whoever writes the partition, without a promise: no offset, no
    /// acknowledgement. Consumers of this log may get it or not.
    ///
    /// # Errors
    /// Those of [`Log::try_append`]; [`LogError::Broker`] when no client can be made.
    fn remark(&self, at: TopicPartition, record: &Record) -> Result<(), LogError> {
        self.try_append(at, record).map(drop)
    }

    /// Waits until every record appended before the call is acknowledged.
    ///
    /// # Errors
    /// [`LogError::Stalled`] where the storage cannot be written at present: the records wait, and may yet be acknowledged;
    /// [`LogError::Failed`] when it never will be.
    fn sync(&self) -> Result<(), LogError>;

    /// The first offset still kept.
    ///
    /// # Errors
    /// [`LogError::UnknownPartition`].
    fn start(&self, at: TopicPartition) -> Result<Offset, LogError>;

    /// The offset after the last acknowledged record.
    ///
    /// # Errors
    /// [`LogError::UnknownPartition`].
    fn durable_end(&self, at: TopicPartition) -> Result<Offset, LogError>;

    /// Acknowledged records from `from` on, in order, of no more than `max_bytes` together; but always one if there is
    /// one, so that only the durable end gives none.
    ///
    /// # Errors
    /// [`LogError::UnknownPartition`]; [`LogError::Released`] and [`LogError::Beyond`] for an offset outside what is
    /// kept; [`LogError::Lost`] at records that damage to the storage destroyed, naming where it goes on;
    /// [`LogError::Damaged`] and [`LogError::Io`] when the storage does not give back what was written.
    fn read(&self, at: TopicPartition, from: Offset, max_bytes: usize)
    -> Result<Vec<StoredRecord>, LogError>;

    /// As [`Log::read`], but with the messages of others that stand there, each of which is given once to who goes on at the
    /// place that this comes to. It may give such messages alone. Those in the topic of dead letters are for its readers, and
    /// not given.
    ///
    /// # Errors
    /// Those of [`Log::read`].
    fn take(&self, at: TopicPartition, from: Place, max_bytes: usize) -> Result<Taken, LogError> {
        let records = self.read(at, from.offset, max_bytes)?;
        Ok(Taken { records, foreign: Vec::new(), passed: from.passed })
    }

    /// Whether [`Log::take`] may have something to give.
    ///
    /// # Errors
    /// [`LogError::UnknownPartition`].
    fn has_more(&self, at: TopicPartition, from: Place) -> Result<bool, LogError> {
        // A position beyond the end is for the reading to refuse.
        Ok(self.durable_end(at)? != from.offset)
    }

    /// Waits until the log has come further than `seen`, or for `timeout`, and returns how far it is.
    ///
    /// A consumer that waits, reads until a read gives nothing, and waits again behind the progress it got, misses no
    /// record and sleeps while there is none.
    fn wait(&self, seen: Progress, timeout: Duration) -> Progress;

    /// Tells the log that nobody will read below these offsets again. A topic partition that is never named keeps
    /// everything, and naming a lower offset than before changes nothing.
    ///
    /// # Errors
    /// [`LogError::UnknownPartition`], and [`LogError::Io`] when the storage refuses the removal, which the next call
    /// tries again.
    fn release(&self, committed: &[(TopicPartition, Offset)]) -> Result<(), LogError>;

    /// Tells how the log does; nothing by default.
    fn tell(&self, _page: &mut Page) {}

    /// Why what is appended is not kept for good at present; `None` while it is.
    fn trouble(&self) -> Option<LogError> {
        None
    }

    /// Records that were taken and that no reader can have yet, since a broker has not acknowledged them.
    fn unacknowledged(&self) -> u64 {
        0
    }
}

#[cfg(test)]
pub(crate) use kafka::tests::{foreign_messages, mock::Mock, real::Broker, send_foreign, send_repeated};
#[cfg(test)]
mod tests;
