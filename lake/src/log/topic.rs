//! Names of places in the log: topic, partition, offset.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use super::LogError;

/// The topics of depthlake. The discriminants are in the log's files: add, never renumber.
///
/// What others are derived from comes first: that is the order in which a group of records is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Topic {
    /// Depth frames and REST snapshots as they came.
    RawOrderbook = 0,
    /// Trade frames as they came.
    RawTrade = 1,
    BookTicker = 2,
    Trade = 3,
    /// One-minute bars.
    Ohlcv1m = 4,
    /// What could not be used, with the reason.
    DeadLetter = 5,
    /// Gaps, resynchronisations, reconnects, silences.
    FeedEvent = 6,
    /// The engine's own restart points.
    Checkpoint = 7,
}

impl Topic {
    /// Every topic, in the order of their discriminants.
    pub const ALL: [Self; 8] = [
        Self::RawOrderbook,
        Self::RawTrade,
        Self::BookTicker,
        Self::Trade,
        Self::Ohlcv1m,
        Self::DeadLetter,
        Self::FeedEvent,
        Self::Checkpoint,
    ];

    /// The topic's name, as a broker knows it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RawOrderbook => "market.raw.orderbook",
            Self::RawTrade => "market.raw.trade",
            Self::BookTicker => "market.normalized.book_ticker",
            Self::Trade => "market.normalized.trade",
            Self::Ohlcv1m => "market.agg.ohlcv_1m",
            Self::DeadLetter => "market.dlq",
            Self::FeedEvent => "market.feed_event",
            Self::Checkpoint => "depthlake.checkpoint",
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for Topic {
    type Err = LogError;

    fn from_str(name: &str) -> Result<Self, LogError> {
        let found = Self::ALL.into_iter().find(|topic| topic.name() == name);
        found.ok_or_else(|| LogError::UnknownTopic { name: name.to_owned() })
    }
}

/// A part of a topic, in which order is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Partition(pub u16);

impl Partition {
    /// The partition a key belongs to: Iceberg's bucket transform of it, so that a broker's partitions and a table's
    /// buckets are the same.
    #[must_use]
    pub fn of(key: &[u8], partitions: NonZeroU16) -> Self {
        let positive = murmur3(key) & 0x7fff_ffff;
        let bucket = positive % u32::from(partitions.get());
        Self(u16::try_from(bucket).unwrap_or_default())
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A record's number within its topic partition, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Offset(pub u64);

impl fmt::Display for Offset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// One partition of one topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    pub topic: Topic,
    pub partition: Partition,
}

impl TopicPartition {
    #[must_use]
    pub const fn new(topic: Topic, partition: Partition) -> Self {
        Self { topic, partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}[{}]", self.topic, self.partition)
    }
}

/// `MurmurHash3` for x86, 32 bits, seed 0: the hash that Iceberg's specification prescribes.
fn murmur3(key: &[u8]) -> u32 {
    let (words, rest) = key.as_chunks::<4>();
    let mixed = words.iter().fold(0_u32, |hash, word| {
        let hash = hash ^ scramble(u32::from_le_bytes(*word));
        hash.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64)
    });
    let tail = rest.iter().rev().fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
    // The algorithm takes the length modulo 2^32.
    #[allow(clippy::cast_possible_truncation)]
    let mut hash = mixed ^ scramble(tail) ^ key.len() as u32;
    hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

fn scramble(word: u32) -> u32 {
    word.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_found_by_their_names_and_numbers() {
        for (number, topic) in Topic::ALL.into_iter().enumerate() {
            assert_eq!(topic as usize, number);
            assert_eq!(topic.name().parse::<Topic>().unwrap(), topic);
        }
        assert!(
            matches!("market.raw".parse::<Topic>(), Err(LogError::UnknownTopic { name }) if name == "market.raw")
        );
    }

    #[test]
    fn hash_is_the_one_of_the_iceberg_specification() {
        assert_eq!(murmur3(b"iceberg"), 1_210_000_089);
        assert_eq!(murmur3(&[0, 1, 2, 3]), (-188_683_207_i32).cast_unsigned());
        assert_eq!(murmur3(b""), 0);
    }

    #[test]
    fn a_key_lies_within_the_partitions() {
        let partitions = NonZeroU16::new(16).unwrap();
        assert_eq!(Partition::of(b"iceberg", partitions), Partition(9));
        assert!((0..1_000_u32).all(|key| Partition::of(&key.to_le_bytes(), partitions).0 < 16));
    }
}
