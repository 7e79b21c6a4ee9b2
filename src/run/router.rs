//! The first steps of every message: into the log, then to the shard of its partition.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use bytes::Bytes;
use depthlake_engine::shard::{Inbound, NotSent, ShardSender};
use depthlake_ingest::live::{FrameSink, SinkError};
use depthlake_lake::log::{Log, Partition, TopicPartition};
use depthlake_lake::record::{raw_record, topic_of_stream};
use depthlake_orderbook::frame::{Envelope, FrameKind};
use depthlake_orderbook::partition::partition_of;
use depthlake_orderbook::time::Timestamp;

/// How long a full ring is given to empty before it is looked at again.
const RING_PAUSE: Duration = Duration::from_micros(50);

/// Hands messages on, in the order in which they came. A message is in the log before a shard sees it, so that whatever is
/// derived from it can be derived again.
pub struct Router {
    log: Arc<dyn Log>,
    shards: Vec<ShardSender>,
    counts: Arc<RouterCounts>,
}

/// What came so far.
#[derive(Debug, Default)]
pub struct RouterCounts {
    /// Messages of the venue.
    pub messages: AtomicU64,
}

impl Router {
    pub fn new(log: Arc<dyn Log>, shards: Vec<ShardSender>) -> Self {
        Self { log, shards, counts: Arc::default() }
    }

    pub fn counts(&self) -> Arc<RouterCounts> {
        Arc::clone(&self.counts)
    }

    /// Marks in every partition that the engine started.
    pub fn start_session(&mut self, now: Timestamp, detail: &str) -> Result<()> {
        let detail = Bytes::copy_from_slice(detail.as_bytes());
        self.everywhere(&Envelope::own(FrameKind::SessionStart, None, now), &detail)
    }

    /// Marks in every partition that a recording ended.
    pub fn end_streams(&mut self, now: Timestamp) -> Result<()> {
        self.everywhere(&Envelope::own(FrameKind::StreamEnd, None, now), &Bytes::new())
    }

    fn everywhere(&mut self, envelope: &Envelope, payload: &Bytes) -> Result<()> {
        let mut partitions = (0..self.log.partitions().get()).map(Partition);
        partitions.try_for_each(|partition| self.route(partition, envelope, payload))
    }

    /// Routes a message by its symbol; one without goes to the first partition.
    pub fn message(&mut self, envelope: &Envelope, payload: &Bytes) -> Result<()> {
        self.counts.messages.fetch_add(u64::from(is_of_stream(envelope.kind)), Ordering::Relaxed);
        let partition = partition_of(envelope.symbol, self.log.partitions());
        self.route(Partition(partition), envelope, payload)
    }

    fn route(&mut self, partition: Partition, envelope: &Envelope, payload: &Bytes) -> Result<()> {
        for &stream in envelope.kind.streams() {
            let at = TopicPartition::new(topic_of_stream(stream), partition);
            let offset = self.log.append(at, &raw_record(envelope, payload.clone()))?;
            self.send(Inbound {
                stream,
                partition: partition.0,
                offset: offset.0,
                envelope: *envelope,
                payload: payload.clone(),
            })?;
        }
        Ok(())
    }

    fn send(&mut self, mut message: Inbound) -> Result<()> {
        let shard = usize::from(message.partition) % self.shards.len().max(1);
        let Some(sender) = self.shards.get_mut(shard) else { return Ok(()) };
        loop {
            match sender.send(message) {
                Ok(()) => return Ok(()),
                Err(NotSent::Ended) => bail!("shard {shard} has ended"),
                Err(NotSent::Full(full)) => message = *full,
            }
            thread::sleep(RING_PAUSE);
        }
    }
}

impl FrameSink for Router {
    fn accept(&mut self, envelope: &Envelope, payload: Bytes) -> Result<(), SinkError> {
        self.message(envelope, &payload).map_err(|error| SinkError(error.into()))
    }
}

/// Whether a message came over a stream, unlike answers to requests and messages of ours.
const fn is_of_stream(kind: FrameKind) -> bool {
    use FrameKind::{AggregateTrade, BookTicker, DepthUpdate, Kline, Trade, Unknown};
    matches!(kind, DepthUpdate | BookTicker | Trade | AggregateTrade | Kline | Unknown)
}
