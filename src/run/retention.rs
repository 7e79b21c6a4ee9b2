//! What of the log is still needed: what the tables do not hold yet, and what a restart would read.

use std::collections::BTreeMap;

use anyhow::Result;
use depthlake_engine::pipeline::Checkpoint;
use depthlake_lake::log::{Log, LogError, Offset, Partition, Topic, TopicPartition};

/// What a restart from the newest checkpoints would read, by topic partition.
#[derive(Debug, Default)]
pub struct Retention {
    needed_from: BTreeMap<TopicPartition, Offset>,
    /// Where the dead letters ended at the last checkpoint.
    dead_letters: BTreeMap<Partition, Offset>,
}

impl Retention {
    /// Takes note of a checkpoint that is about to be appended. From then on raw messages before its places are not read
    /// again, nor records that were derived before it, but for the last one of each topic.
    pub fn checkpoint(&mut self, log: &dyn Log, partition: Partition, state: &[u8]) -> Result<()> {
        let checkpoint = Checkpoint::decode(state)?;
        let mut need = |topic, offset| {
            self.needed_from.insert(TopicPartition::new(topic, partition), offset);
        };
        need(Topic::RawOrderbook, Offset(checkpoint.orderbook_offset().unwrap_or_default()));
        need(Topic::RawTrade, Offset(checkpoint.trade_offset()));
        // Dead letters come from two streams, so the last one alone does not tell how far both had come. All since the
        // checkpoint before does.
        let dead_letters = TopicPartition::new(Topic::DeadLetter, partition);
        let before = self.dead_letters.insert(partition, log.durable_end(dead_letters)?);
        need(Topic::DeadLetter, before.unwrap_or_default());
        for topic in [Topic::BookTicker, Topic::Trade, Topic::Ohlcv1m, Topic::FeedEvent, Topic::Checkpoint] {
            let end = log.durable_end(TopicPartition::new(topic, partition))?;
            need(topic, Offset(end.0.saturating_sub(1)));
        }
        Ok(())
    }

    /// Lets go of what is committed to the tables and not needed for a restart.
    pub fn release(
        &self,
        log: &dyn Log,
        committed: impl IntoIterator<Item = (TopicPartition, Offset)>,
    ) -> Result<(), LogError> {
        let mut releasable: Vec<_> = committed
            .into_iter()
            .filter_map(|(at, committed)| Some((at, committed.min(*self.needed_from.get(&at)?))))
            .collect();
        // Checkpoints are for the log alone: no table holds them.
        let checkpoints = self.needed_from.iter().filter(|(at, _)| at.topic == Topic::Checkpoint);
        releasable.extend(checkpoints.map(|(&at, &offset)| (at, offset)));
        log.release(&releasable)
    }
}
