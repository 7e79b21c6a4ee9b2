//! The log on real files: against a slow twin, damaged, killed, out of space.

mod crash;
mod damage;
mod semantics;
mod twin;

use std::ops::Range;

use super::*;
use crate::log::{Partition, Topic};

const RAW: TopicPartition = TopicPartition::new(Topic::RawOrderbook, Partition(0));
const TRADE: TopicPartition = TopicPartition::new(Topic::Trade, Partition(1));

fn options() -> Options {
    Options {
        segment_bytes: 4_096,
        queue_bytes: 64 * 1024,
        commit_interval: Duration::ZERO,
        ..Options::new(NonZeroU16::new(2).unwrap())
    }
}

fn open(directory: &Path) -> EmbeddedLog {
    EmbeddedLog::open(directory, &options()).unwrap()
}

/// A record whose bytes follow from its place, so that a reader can tell whether they are right.
fn record(at: TopicPartition, offset: u64) -> Record {
    let length = usize::try_from(offset * 37 % 300).unwrap();
    let byte = u8::try_from(offset % 251).unwrap();
    Record {
        key: Bytes::from(at.to_string()),
        header: Bytes::copy_from_slice(&offset.to_le_bytes()),
        value: Bytes::from(vec![byte; length]),
    }
}

fn append_numbered(log: &EmbeddedLog, at: TopicPartition, offsets: Range<u64>) {
    for offset in offsets {
        assert_eq!(log.append(at, &record(at, offset)).unwrap(), Offset(offset));
    }
}

/// Checks every kept record of a topic partition and returns the ranges that are lost.
fn check_numbered(log: &EmbeddedLog, at: TopicPartition) -> Vec<Range<u64>> {
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

fn segment_paths(directory: &Path) -> Vec<PathBuf> {
    let sequences = segment::sequences(directory).unwrap();
    sequences.into_iter().map(|sequence| segment::path_of(directory, sequence)).collect()
}
