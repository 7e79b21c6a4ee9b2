//! Carries what the shards derive to the log, on a thread of its own.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use depthlake_engine::shard::{Outbound, ShardHandle, ShardReport};
use depthlake_lake::log::{Log, Partition, Record, Topic, TopicPartition};
use depthlake_lake::record::{EncodeError, encode};
use depthlake_orderbook::record::{DeadLetter, DeadLetterReason, Derived, Trigger};

use super::retention::Retention;

const PAUSE: Duration = Duration::from_millis(1);

/// Drains the shards until all of them have ended.
pub fn spawn(
    log: Arc<dyn Log>,
    shards: Vec<ShardHandle>,
    retention: Arc<Mutex<Retention>>,
) -> Result<JoinHandle<Result<Vec<ShardReport>>>> {
    let landing = Landing { log, retention };
    thread::Builder::new()
        .name("landing".to_owned())
        .spawn(move || landing.run(shards))
        .context("no thread could be made for what goes to the log")
}

struct Landing {
    log: Arc<dyn Log>,
    retention: Arc<Mutex<Retention>>,
}

impl Landing {
    fn run(&self, mut shards: Vec<ShardHandle>) -> Result<Vec<ShardReport>> {
        loop {
            // Asked before the rings are drained, so that what was put there last is seen.
            let is_last = shards.iter().all(ShardHandle::is_finished);
            let mut count = 0;
            for shard in &mut shards {
                while let Ok(outbound) = shard.outbound.pop() {
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

    fn land(&self, outbound: Outbound) -> Result<()> {
        match outbound {
            Outbound::Record(trigger, record) => append_derived(&*self.log, &trigger, &record),
            Outbound::Checkpoint { partition, state } => self.checkpoint(Partition(partition), state),
        }
    }

    fn checkpoint(&self, partition: Partition, state: Vec<u8>) -> Result<()> {
        let mut retention = self.retention.lock().unwrap_or_else(PoisonError::into_inner);
        let needs = retention.needs_of(&*self.log, partition, &state)?;
        let at = TopicPartition::new(Topic::Checkpoint, partition);
        let record = Record { value: Bytes::from(state), ..Record::default() };
        let offset = self.log.append(at, &record)?;
        retention.appended(at, offset, needs);
        Ok(())
    }
}

/// Appends a record derived from a raw message to its topic; one that its topic cannot hold, as a dead letter.
pub fn append_derived(log: &dyn Log, trigger: &Trigger, record: &Derived) -> Result<()> {
    let (topic, encoded) = match encode(trigger, record) {
        Ok(encoded) => encoded,
        Err(error) => encode(trigger, &refused(trigger, record, &error))?,
    };
    log.append(TopicPartition::new(topic, Partition(trigger.partition)), &encoded)?;
    Ok(())
}

fn refused(trigger: &Trigger, record: &Derived, error: &EncodeError) -> Derived {
    let (symbol, provenance) = match record {
        Derived::Book(book) => (Some(book.instrument.symbol), book.provenance),
        Derived::Trade(traded) => (Some(traded.instrument.symbol), traded.trade.provenance),
        Derived::Bar(closed) => (Some(closed.instrument.symbol), closed.provenance),
        Derived::DeadLetter(letter) => (letter.symbol, letter.provenance),
        Derived::Feed(event) => (event.symbol, event.provenance),
    };
    Derived::DeadLetter(DeadLetter {
        reason: DeadLetterReason::Inexact,
        detail: error.to_string(),
        symbol,
        stream: trigger.stream,
        payload: format!("{record:?}").into_bytes(),
        provenance,
    })
}
