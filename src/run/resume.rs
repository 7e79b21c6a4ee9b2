//! Takes the partitions up from the log, wherever the last run was stopped.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use depthlake_engine::pipeline::Checkpoint;
use depthlake_engine::recovery::{Recovery, Restored};
use depthlake_lake::log::{Log, LogError, Offset, Partition, StoredRecord, Topic, TopicPartition};
use depthlake_lake::record::{Contracts, decode_trigger, topic_of_kind, topic_of_stream};
use depthlake_orderbook::frame::{Envelope, RawStream};
use depthlake_orderbook::record::RecordKind;
use depthlake_orderbook::symbol::Symbol;

use super::landing::{LastKept, append_derived, decode_last_kept};

const READ_BYTES: usize = 4 << 20;

/// What was found and done.
#[derive(Debug, Default)]
pub struct Resumed {
    pub partitions: BTreeMap<u16, Restored>,
    pub last_kept: LastKept,
    /// Raw messages that were read again.
    pub messages: u64,
    /// Records that a crash had prevented, derived now.
    pub records: u64,
}

/// Derives what the last run kept the raw messages of, but not the records.
pub fn resume(log: &dyn Log, contracts: &Contracts) -> Result<Resumed> {
    // What the last run left on its way to a broker is to be read too.
    log.sync()?;
    let mut resumed = Resumed::default();
    // What the last run could not hand over is read again too.
    log.sync()?;
    for number in 0..log.partitions().get() {
        let restored = resume_partition(log, contracts, Partition(number), &mut resumed)
            .with_context(|| format!("partition {number} of the log cannot be taken up again"))?;
        resumed.partitions.insert(number, restored);
    }
    log.sync()?;
    Ok(resumed)
}

fn resume_partition(
    log: &dyn Log,
    contracts: &Contracts,
    partition: Partition,
    resumed: &mut Resumed,
) -> Result<Restored> {
    let stored = last(log, TopicPartition::new(Topic::Checkpoint, partition))?;
    let checkpoint = stored.as_ref().map(|stored| Checkpoint::decode(&stored.record.value)).transpose()?;
    let mut recovery = Recovery::new(partition.0, checkpoint.as_ref());
    for (kind, trigger) in stored.iter().flat_map(|stored| decode_last_kept(&stored.record.header)) {
        recovery.kept(kind, trigger);
    }
    find_kept(log, partition, &mut recovery)?;
    let mut derived = Vec::new();
    for stream in [RawStream::Orderbook, RawStream::Trade] {
        let at = TopicPartition::new(topic_of_stream(stream), partition);
        let from = Offset(recovery.from(stream));
        let start = log.start(at)?;
        if from < start {
            bail!("{at} begins at {start}, but what was kept of it ends at {from}");
        }
        each_record(log, at, from, |stored| {
            let symbol = std::str::from_utf8(&stored.record.key).ok().and_then(|key| Symbol::new(key).ok());
            let Some(envelope) = Envelope::decode(&stored.record.header, symbol) else {
                bail!("the record at {at} offset {} has no valid header", stored.offset);
            };
            let mut outcome = Ok(());
            let missing = |trigger, record| {
                if outcome.is_ok() {
                    outcome =
                        append_derived(|at, record| log.append(at, record), contracts, &trigger, &record);
                    derived.push((record.kind(), trigger));
                }
            };
            recovery.frame(stream, stored.offset.0, &envelope, &stored.record.value, missing);
            resumed.messages += 1;
            outcome
        })?;
    }
    resumed.records += derived.len() as u64;
    for (kind, trigger) in derived {
        recovery.kept(kind, trigger);
    }
    let last_kept = recovery.last_kept();
    resumed.last_kept.extend(last_kept.map(|(kind, trigger)| ((partition.0, kind, trigger.stream), trigger)));
    Ok(recovery.finish())
}

/// Tells the recovery which records are kept. Most topics come from one stream, so that their last record tells all;
/// dead letters come from both and are read whole.
fn find_kept(log: &dyn Log, partition: Partition, recovery: &mut Recovery) -> Result<()> {
    for kind in [RecordKind::Book, RecordKind::Trade, RecordKind::Bar, RecordKind::Feed] {
        let at = TopicPartition::new(topic_of_kind(kind), partition);
        if let Some(trigger) = last(log, at)?.and_then(|stored| decode_trigger(&stored.record.header)) {
            recovery.kept(kind, trigger);
        }
    }
    let at = TopicPartition::new(topic_of_kind(RecordKind::DeadLetter), partition);
    each_record(log, at, log.start(at)?, |stored| {
        if let Some(trigger) = decode_trigger(&stored.record.header) {
            recovery.kept(RecordKind::DeadLetter, trigger);
        }
        Ok(())
    })
}

fn last(log: &dyn Log, at: TopicPartition) -> Result<Option<StoredRecord>> {
    let start = log.start(at)?;
    loop {
        let end = log.durable_end(at)?;
        if end <= start {
            return Ok(None);
        }
        if let Some(last) = log.read(at, Offset(end.0 - 1), 1)?.pop() {
            return Ok(Some(last));
        }
        // A log at a broker has taken messages of others at the end for records. Now that it has read them it knows better.
    }
}

fn each_record(
    log: &dyn Log,
    at: TopicPartition,
    from: Offset,
    mut each: impl FnMut(&StoredRecord) -> Result<()>,
) -> Result<()> {
    let end = log.durable_end(at)?;
    let mut next = from;
    while next < end {
        let records = match log.read(at, next, READ_BYTES) {
            Ok(records) => records,
            Err(error @ LogError::Lost { next: behind, .. }) => {
                tracing::error!(%error, "records are lost; what follows them is taken up");
                next = behind;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let Some(last) = records.last() else { break };
        next = Offset(last.offset.0 + 1);
        records.iter().try_for_each(&mut each)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use depthlake_lake::log::{EmbeddedLog, Options, Progress, Record};

    use super::*;

    const AT: TopicPartition = TopicPartition::new(Topic::Checkpoint, Partition(0));

    /// A log that takes some messages at its end for records until it is asked for them.
    struct TooFar {
        log: EmbeddedLog,
        messages_of_others: AtomicU64,
    }

    impl Log for TooFar {
        fn partitions(&self) -> NonZeroU16 {
            self.log.partitions()
        }

        fn append(&self, at: TopicPartition, record: &Record) -> Result<Offset, LogError> {
            self.log.append(at, record)
        }

        fn try_append(&self, at: TopicPartition, record: &Record) -> Result<Offset, LogError> {
            self.log.try_append(at, record)
        }

        fn sync(&self) -> Result<(), LogError> {
            self.log.sync()
        }

        fn start(&self, at: TopicPartition) -> Result<Offset, LogError> {
            self.log.start(at)
        }

        fn durable_end(&self, at: TopicPartition) -> Result<Offset, LogError> {
            Ok(Offset(self.log.durable_end(at)?.0 + self.messages_of_others.load(Ordering::Relaxed)))
        }

        fn read(
            &self,
            at: TopicPartition,
            from: Offset,
            bytes: usize,
        ) -> Result<Vec<StoredRecord>, LogError> {
            let end = self.log.durable_end(at)?;
            if from < end {
                return self.log.read(at, from, bytes);
            }
            self.messages_of_others.store(from.0 - end.0, Ordering::Relaxed);
            Ok(Vec::new())
        }

        fn wait(&self, seen: Progress, timeout: Duration) -> Progress {
            self.log.wait(seen, timeout)
        }

        fn release(&self, committed: &[(TopicPartition, Offset)]) -> Result<(), LogError> {
            self.log.release(committed)
        }
    }

    #[test]
    fn the_last_record_is_found_before_messages_of_others() {
        let folder = tempfile::tempdir().unwrap();
        let log = EmbeddedLog::open(folder.path(), &Options::new(NonZeroU16::MIN)).unwrap();
        let log = TooFar { log, messages_of_others: AtomicU64::new(2) };
        assert_eq!(last(&log, AT).unwrap(), None);
        log.append(AT, &Record { value: "the last".into(), ..Record::default() }).unwrap();
        log.sync().unwrap();
        log.messages_of_others.store(2, Ordering::Relaxed);
        assert_eq!(last(&log, AT).unwrap().unwrap().record.value, "the last");
    }
}
