//! Topic partitions as dense indices, for tables with one entry each.

use std::num::NonZeroU16;

use crate::log::{LogError, Partition, Topic, TopicPartition};

/// Numbers every topic partition of a log from 0, topic by topic.
#[derive(Debug, Clone, Copy)]
pub(in crate::log) struct Slots {
    partitions: NonZeroU16,
}

impl Slots {
    pub(in crate::log) fn new(partitions: NonZeroU16) -> Self {
        Self { partitions }
    }

    pub(in crate::log) fn partitions(self) -> NonZeroU16 {
        self.partitions
    }

    pub(in crate::log) fn count(self) -> usize {
        Topic::ALL.len() * usize::from(self.partitions.get())
    }

    /// The index of a topic partition, below [`Slots::count`].
    pub(in crate::log) fn slot(self, at: TopicPartition) -> Result<usize, LogError> {
        let partitions = self.partitions.get();
        if at.partition.0 >= partitions {
            return Err(LogError::UnknownPartition { at, partitions });
        }
        Ok(at.topic as usize * usize::from(partitions) + usize::from(at.partition.0))
    }

    /// Every topic partition, in the order of its index.
    pub(in crate::log) fn all(self) -> impl Iterator<Item = TopicPartition> {
        let partitions = self.partitions.get();
        let of_topic = move |topic| (0..partitions).map(move |n| TopicPartition::new(topic, Partition(n)));
        Topic::ALL.into_iter().flat_map(of_topic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_number_every_topic_partition_once() {
        let slots = Slots::new(NonZeroU16::new(3).unwrap());
        let numbers: Vec<usize> = slots.all().map(|at| slots.slot(at).unwrap()).collect();
        assert_eq!(numbers, (0..slots.count()).collect::<Vec<_>>());
        let outside = TopicPartition::new(Topic::Trade, Partition(3));
        assert!(matches!(slots.slot(outside), Err(LogError::UnknownPartition { partitions: 3, .. })));
    }
}
