//! What of the log is still needed: what the tables do not hold yet, and what a restart would read.

use std::collections::BTreeMap;

use anyhow::Result;
use depthlake_engine::pipeline::Checkpoint;
use depthlake_lake::log::{Log, LogError, Offset, Partition, Topic, TopicPartition};

/// From where a restart would read each topic partition.
type Needs = BTreeMap<TopicPartition, Offset>;

/// What a restart from the newest durable checkpoints would read.
#[derive(Debug, Default)]
pub struct Retention {
    needs: Needs,
    /// Checkpoints that were appended but may not be durable yet, with what is needed once they are.
    appended: Vec<(TopicPartition, Offset, Needs)>,
    /// How far the tables are.
    committed: BTreeMap<TopicPartition, Offset>,
}

impl Retention {
    /// Begins with what the tables hold already.
    pub fn new(committed: impl IntoIterator<Item = (TopicPartition, Offset)>) -> Self {
        Self { committed: committed.into_iter().collect(), ..Self::default() }
    }

    /// What a restart from this checkpoint would read: raw messages from its places on, and the records derived after it.
    /// To be asked before the checkpoint is appended.
    pub fn needs_of(log: &dyn Log, partition: Partition, state: &[u8]) -> Result<Needs> {
        let checkpoint = Checkpoint::decode(state)?;
        let at = |topic| TopicPartition::new(topic, partition);
        let mut needs = Needs::from([
            (at(Topic::RawOrderbook), Offset(checkpoint.orderbook_offset())),
            (at(Topic::RawTrade), Offset(checkpoint.trade_offset())),
        ]);
        // Until it is durable itself, the checkpoint before is needed too.
        for topic in [
            Topic::BookTicker,
            Topic::Trade,
            Topic::Ohlcv1m,
            Topic::DeadLetter,
            Topic::FeedEvent,
            Topic::Checkpoint,
        ] {
            needs.insert(at(topic), log.durable_end(at(topic))?);
        }
        Ok(needs)
    }

    /// Takes note of where a checkpoint was appended. It counts once it is durable.
    pub fn appended(&mut self, at: TopicPartition, offset: Offset, needs: Needs) {
        self.appended.push((at, offset, needs));
    }

    /// Lets go of what is committed to the tables and not needed for a restart.
    pub fn release(
        &mut self,
        log: &dyn Log,
        committed: impl IntoIterator<Item = (TopicPartition, Offset)>,
    ) -> Result<(), LogError> {
        self.committed.extend(committed);
        for (at, offset, needs) in std::mem::take(&mut self.appended) {
            if log.durable_end(at)? > offset {
                self.needs.extend(needs);
            } else {
                self.appended.push((at, offset, needs));
            }
        }
        let releasable: Vec<_> = self
            .needs
            .iter()
            .filter_map(|(&at, &needed)| match at.topic {
                // Checkpoints are for the log alone: no table holds them.
                Topic::Checkpoint => Some((at, needed)),
                _ => Some((at, needed.min(*self.committed.get(&at)?))),
            })
            .collect();
        log.release(&releasable)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use depthlake_engine::pipeline::{Output, Pipeline};
    use depthlake_lake::log::{EmbeddedLog, Options, Record};
    use depthlake_orderbook::frame::{Envelope, FrameKind, RawStream};
    use depthlake_orderbook::record::{Derived, Trigger};
    use depthlake_orderbook::symbol::Symbol;
    use depthlake_orderbook::time::Timestamp;

    use super::*;

    struct Discard;

    impl Output for Discard {
        fn derived(&mut self, _: Trigger, _: Derived) {}
    }

    const PARTITION: Partition = Partition(0);

    fn at(topic: Topic) -> TopicPartition {
        TopicPartition::new(topic, PARTITION)
    }

    /// A log of small segments with so many messages in each raw topic.
    fn log(folder: &std::path::Path, messages: u64) -> EmbeddedLog {
        let options = Options { segment_bytes: 8_192, ..Options::new(NonZeroU16::MIN) };
        let log = EmbeddedLog::open(folder, &options).unwrap();
        let record = Record { value: vec![0; 400].into(), ..Record::default() };
        for _ in 0..messages {
            for topic in [Topic::RawOrderbook, Topic::RawTrade] {
                log.append(at(topic), &record).unwrap();
                log.sync().unwrap();
            }
        }
        log
    }

    fn checkpoint(orderbook: u64, trade: u64) -> Vec<u8> {
        let mut pipeline = Pipeline::new(0);
        let entry = br#"{"symbol":"X","filters":[]}"#;
        let symbol = Symbol::new("X").unwrap();
        let envelope = Envelope::own(FrameKind::Instrument, Some(symbol), Timestamp(0));
        pipeline.frame(RawStream::Orderbook, 0, &envelope, entry, &mut Discard);
        let books = pipeline.book_checkpoint(symbol, orderbook).into_iter().collect();
        Checkpoint { orderbook_offset: orderbook, books, trades: pipeline.trade_checkpoint(trade) }
            .encode()
            .unwrap()
    }

    #[test]
    fn only_what_is_committed_and_behind_a_durable_checkpoint_goes() {
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path(), 100);
        let committed = [Topic::RawOrderbook, Topic::RawTrade].map(|topic| (at(topic), Offset(100)));
        let mut retention = Retention::default();
        retention.release(&log, committed).unwrap();
        assert_eq!(log.start(at(Topic::RawTrade)).unwrap(), Offset(0), "without a checkpoint all is needed");

        let state = checkpoint(60, 50);
        let needs = Retention::needs_of(&log, PARTITION, &state).unwrap();
        retention.appended(at(Topic::Checkpoint), Offset(0), needs);
        retention.release(&log, committed).unwrap();
        assert_eq!(log.start(at(Topic::RawTrade)).unwrap(), Offset(0), "the checkpoint is not durable yet");

        let record = Record { value: state.into(), ..Record::default() };
        log.append(at(Topic::Checkpoint), &record).unwrap();
        log.sync().unwrap();
        retention.release(&log, committed).unwrap();
        let start = log.start(at(Topic::RawTrade)).unwrap();
        assert!(start > Offset(0) && start <= Offset(50), "{start}");

        let behind = [Topic::RawOrderbook, Topic::RawTrade].map(|topic| (at(topic), Offset(20)));
        let mut retention = Retention::default();
        let needs = Retention::needs_of(&log, PARTITION, &checkpoint(90, 90)).unwrap();
        retention.appended(at(Topic::Checkpoint), Offset(0), needs);
        retention.release(&log, behind).unwrap();
        assert_eq!(log.start(at(Topic::RawTrade)).unwrap(), start, "what is not committed stays");
    }
}
