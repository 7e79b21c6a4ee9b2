//! Carries what the shards derive to the log, on a thread of its own.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use depthlake_engine::shard::{Outbound, ShardHandle, ShardReport};
use depthlake_lake::log::{Log, LogError, Offset, Partition, Record, Topic, TopicPartition};
use depthlake_lake::record::{Contracts, EncodeError, TRIGGER_LENGTH, decode_trigger, encode_trigger};
use depthlake_orderbook::frame::RawStream;
use depthlake_orderbook::record::{DeadLetter, DeadLetterReason, Derived, RecordKind, TradeRecord, Trigger};
use tokio::sync::watch;

use super::retention::Retention;

const PAUSE: Duration = Duration::from_millis(1);

/// How long to wait for a log that cannot be written.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// How many records of one shard are taken before the next shard's turn.
const RECORDS_PER_TURN: usize = 4_096;

/// The last record kept of each kind and stream, by partition: what a restart must know to go on.
pub type LastKept = BTreeMap<(u16, RecordKind, RawStream), Trigger>;

/// A thread that drains the shards until all of them have ended.
pub struct Landing {
    thread: JoinHandle<Result<Vec<ShardReport>>>,
    ended: watch::Receiver<bool>,
    is_ending: Arc<AtomicBool>,
}

impl Landing {
    pub fn spawn(
        log: Arc<dyn Log>,
        contracts: Contracts,
        shards: Vec<ShardHandle>,
        retention: Arc<Mutex<Retention>>,
        last_kept: LastKept,
    ) -> Result<Self> {
        let is_ending = Arc::new(AtomicBool::new(false));
        let mut lander = Lander { log, contracts, retention, last_kept, is_ending: Arc::clone(&is_ending) };
        let (end, ended) = watch::channel(false);
        let thread = thread::Builder::new()
            .name("landing".to_owned())
            .spawn(move || {
                let reports = lander.run(shards);
                end.send_replace(true);
                reports
            })
            .context("no thread could be made for what goes to the log")?;
        Ok(Self { thread, ended, is_ending })
    }

    /// Completes when the landing has ended, in whatever way.
    pub async fn ended(&mut self) {
        // An error says that the thread is gone.
        let _ = self.ended.wait_for(|ended| *ended).await;
    }

    /// Waits for the end, which a log that cannot be written does not put off.
    pub async fn join(self) -> Result<Vec<ShardReport>> {
        self.is_ending.store(true, Ordering::Relaxed);
        let joined = tokio::task::spawn_blocking(move || self.thread.join()).await?;
        joined.map_err(|_| anyhow!("the landing ended by a panic"))?
    }
}

struct Lander {
    log: Arc<dyn Log>,
    contracts: Contracts,
    retention: Arc<Mutex<Retention>>,
    last_kept: LastKept,
    is_ending: Arc<AtomicBool>,
}

impl Lander {
    fn run(&mut self, mut shards: Vec<ShardHandle>) -> Result<Vec<ShardReport>> {
        loop {
            // Asked before the rings are drained, so that what was put there last is seen.
            let is_last = shards.iter().all(ShardHandle::is_finished);
            let mut count = 0;
            for shard in &mut shards {
                for _ in 0..RECORDS_PER_TURN {
                    let Ok(outbound) = shard.outbound.pop() else { break };
                    self.land(outbound)?;
                    count += 1;
                }
            }
            match (count, is_last) {
                (0, true) => break,
                (0, false) => thread::sleep(PAUSE),
                _ => {}
            }
        }
        shards.into_iter().map(|shard| shard.join().context("a shard ended by a panic")).collect()
    }

    fn land(&mut self, outbound: Outbound) -> Result<()> {
        match outbound {
            Outbound::Record(trigger, record) => {
                append_derived(|at, record| self.append(at, record), &self.contracts, &trigger, &record)?;
                self.last_kept.insert((trigger.partition, record.kind(), trigger.stream), trigger);
                Ok(())
            }
            Outbound::Checkpoint { partition, state } => self.checkpoint(Partition(partition), state),
        }
    }

    /// Appends, however long the log cannot be written; at the end that is an error.
    fn append(&self, at: TopicPartition, record: &Record) -> Result<Offset, LogError> {
        loop {
            match self.log.append(at, record) {
                Err(LogError::Stalled(_)) if !self.is_ending.load(Ordering::Relaxed) => {
                    thread::sleep(RETRY_PAUSE);
                }
                done => return done,
            }
        }
    }

    fn checkpoint(&self, partition: Partition, state: Vec<u8>) -> Result<()> {
        let needs = Retention::needs_of(&*self.log, partition, &state)?;
        let at = TopicPartition::new(Topic::Checkpoint, partition);
        let header = encode_last_kept(partition, &self.last_kept);
        let record = Record { header, value: Bytes::from(state), ..Record::default() };
        match self.append(at, &record) {
            Ok(offset) => {
                let mut retention = self.retention.lock().unwrap_or_else(PoisonError::into_inner);
                retention.appended(at, offset, needs);
                Ok(())
            }
            Err(error @ LogError::Oversized { .. }) => {
                tracing::warn!(%error, %partition, "the state of a partition is not kept; a restart reads more");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The triggers of one partition, to be kept with its checkpoint: of the records derived before, the log may let go.
fn encode_last_kept(partition: Partition, last_kept: &LastKept) -> Bytes {
    let of_partition = last_kept.iter().filter(|((number, ..), _)| *number == partition.0);
    of_partition
        .flat_map(|((_, kind, _), trigger)| [&[*kind as u8][..], &encode_trigger(trigger)].concat())
        .collect::<Vec<u8>>()
        .into()
}

/// The inverse of what a checkpoint's header was made by; what it does not understand is passed over.
pub fn decode_last_kept(header: &[u8]) -> impl Iterator<Item = (RecordKind, Trigger)> + '_ {
    header.chunks_exact(1 + TRIGGER_LENGTH).filter_map(|chunk| {
        let (kind, trigger) = chunk.split_first()?;
        let kind = RecordKind::ALL.into_iter().find(|&known| known as u8 == *kind)?;
        Some((kind, decode_trigger(trigger)?))
    })
}

/// Appends a record derived from a raw message to its topic; one that its topic cannot hold, as a dead letter.
pub fn append_derived(
    append: impl FnOnce(TopicPartition, &Record) -> Result<Offset, LogError>,
    contracts: &Contracts,
    trigger: &Trigger,
    record: &Derived,
) -> Result<()> {
    let (topic, encoded) = encode_or_refuse(contracts, trigger, record)?;
    append(TopicPartition::new(topic, Partition(trigger.partition)), &encoded)?;
    Ok(())
}

/// A record derived from a raw message as the log takes it, and its topic; one that its topic cannot hold, as a dead letter.
pub fn encode_or_refuse(
    contracts: &Contracts,
    trigger: &Trigger,
    record: &Derived,
) -> Result<(Topic, Record), EncodeError> {
    contracts
        .encode(trigger, record)
        .or_else(|error| contracts.encode(trigger, &refused(trigger, record, &error)))
}

fn refused(trigger: &Trigger, record: &Derived, error: &EncodeError) -> Derived {
    let (symbol, event_time, provenance) = match record {
        Derived::Book(book) => (Some(book.instrument.symbol), Some(book.event_time), book.provenance),
        Derived::Trade(TradeRecord { instrument, trade }) => {
            (Some(instrument.symbol), Some(trade.event_time), trade.provenance)
        }
        Derived::Bar(closed) => {
            (Some(closed.instrument.symbol), Some(closed.bar.event_time), closed.provenance)
        }
        Derived::DeadLetter(letter) => (letter.symbol, letter.event_time, letter.provenance),
        Derived::Feed(event) => (event.symbol, event.event_time, event.provenance),
    };
    Derived::DeadLetter(DeadLetter {
        reason: DeadLetterReason::Inexact,
        detail: error.to_string(),
        symbol,
        stream: trigger.stream,
        payload: format!("{record:?}").into_bytes(),
        event_time,
        provenance,
    })
}
