//! Names of places in the log: topic, partition, offset.

use std::fmt;
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
}
