//! What every log keeps to, whatever it is made of: the same tests for each.

pub mod semantics;

use std::num::NonZeroU16;
use std::ops::Range;

use bytes::Bytes;

use super::{Log, LogError, Offset, Partition, Record, Topic, TopicPartition};

pub const PARTITIONS: NonZeroU16 = NonZeroU16::new(2).unwrap();
pub const RAW: TopicPartition = TopicPartition::new(Topic::RawOrderbook, Partition(0));
pub const TRADE: TopicPartition = TopicPartition::new(Topic::Trade, Partition(1));

/// A place that holds one log, which can be opened again and again.
pub trait Place: Sync {
    fn open(&self, partitions: NonZeroU16) -> Result<Box<dyn Log>, LogError>;
}

/// A record whose bytes follow from its place, so that a reader can tell whether they are right.
pub fn record(at: TopicPartition, offset: u64) -> Record {
    let length = usize::try_from(offset * 37 % 300).unwrap();
    let byte = u8::try_from(offset % 251).unwrap();
    Record {
        key: Bytes::from(at.to_string()),
        header: Bytes::copy_from_slice(&offset.to_le_bytes()),
        value: Bytes::from(vec![byte; length]),
    }
}

pub fn append_numbered(log: &dyn Log, at: TopicPartition, offsets: Range<u64>) {
    for offset in offsets {
        assert_eq!(log.append(at, &record(at, offset)).unwrap(), Offset(offset));
    }
}

/// Checks every kept record of a topic partition and returns the ranges that are lost.
pub fn check_numbered(log: &dyn Log, at: TopicPartition) -> Vec<Range<u64>> {
    let mut lost = Vec::new();
    let mut next = log.start(at).unwrap();
    let end = log.durable_end(at).unwrap();
    while next < end {
        match log.read(at, next, 1_000) {
            Ok(records) => {
                assert!(!records.is_empty(), "nothing at {next} of {at}, which ends at {end}");
                for stored in records {
                    assert_eq!(stored.offset, next);
                    assert_eq!(stored.record, record(at, next.0));
                    next = Offset(next.0 + 1);
                }
            }
            Err(LogError::Lost { from, next: after, .. }) => {
                assert_eq!(from, next);
                lost.push(from.0..after.0);
                next = after;
            }
            Err(error) => panic!("{at} at {next}: {error}"),
        }
    }
    assert!(log.read(at, end, 1_000).unwrap().is_empty());
    lost
}
