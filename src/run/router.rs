//! The first steps of every message: into the log, then to the shard of its partition.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use bytes::Bytes;
use depthlake_engine::shard::{Inbound, NotSent, ShardSender};
use depthlake_ingest::live::{FrameSink, SinkError};
use depthlake_lake::log::{Log, LogError, Partition, TopicPartition};
use depthlake_lake::record::{raw_record, topic_of_stream};
use depthlake_orderbook::frame::{Envelope, FrameKind, RawStream};
use depthlake_orderbook::metrics::{Counter, Page, Source};
use depthlake_orderbook::partition::partition_of;
use depthlake_orderbook::time::Timestamp;

/// How long a full ring is given to empty before it is looked at again.
const RING_PAUSE: Duration = Duration::from_micros(50);

/// How often a log that could not take messages is asked whether it can again.
const RETRY_INTERVAL: Duration = Duration::from_millis(250);

/// Hands messages on, in the order in which they came. A message is in the log before a shard sees it, so that whatever is
/// derived from it can be derived again.
///
/// While the log can take nothing (its disk is full, say), messages go to the live books alone. When it can again, every
/// partition begins a session as after a restart: its books are built anew from a snapshot, and what is kept
/// follows from what is kept.
pub struct Router {
    log: Arc<dyn Log>,
    shards: Vec<ShardSender>,
    counts: Arc<RouterCounts>,
    outage: Option<Outage>,
}

/// What came so far.
#[derive(Debug, Default)]
pub struct RouterCounts {
    /// Messages, by the place of their kind in [`FrameKind::ALL`].
    received: [Counter; FrameKind::ALL.len()],
    bytes: Counter,
    /// Messages of the venue that the log could not take. They are in no table.
    unkept: Counter,
    /// Times that a shard's ring was full, so that messages waited.
    full_rings: Counter,
}

impl RouterCounts {
    /// Messages of the venue's streams.
    pub fn messages(&self) -> u64 {
        let of_streams = FrameKind::ALL.iter().zip(&self.received).filter(|(kind, _)| is_of_stream(**kind));
        of_streams.map(|(_, counter)| counter.get()).sum()
    }

    fn received(&self, kind: FrameKind, bytes: usize) {
        if let Some(counter) = self.received.get(kind as usize - 1) {
            counter.add(1);
        }
        self.bytes.add(bytes as u64);
    }
}

impl Source for RouterCounts {
    fn tell(&self, page: &mut Page) {
        let received = page
            .counter("depthlake_messages_received_total", "Messages received, those of our own included.");
        for (kind, counter) in FrameKind::ALL.iter().zip(&self.received) {
            received.whole(&[("kind", kind.name())], counter.get());
        }
        page.counter("depthlake_received_bytes_total", "Bytes of the messages received.")
            .whole(&[], self.bytes.get());
        page.counter(
            "depthlake_messages_unkept_total",
            "Messages that the log could not take; they are in no table.",
        )
        .whole(&[], self.unkept.get());
        page.counter(
            "depthlake_ring_full_total",
            "Times that a shard's ring was full, so that messages waited.",
        )
        .whole(&[], self.full_rings.get());
    }
}

/// A time in which the log takes nothing.
#[derive(Debug)]
struct Outage {
    begun: Instant,
    next_try: Instant,
    unkept: u64,
}

impl Router {
    pub fn new(log: Arc<dyn Log>, shards: Vec<ShardSender>) -> Self {
        Self { log, shards, counts: Arc::default(), outage: None }
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
        self.counts.received(envelope.kind, payload.len());
        self.try_to_keep_again(envelope.received)?;
        let partition = Partition(partition_of(envelope.symbol, self.log.partitions()));
        if self.outage.is_none() {
            match self.route(partition, envelope, payload) {
                Err(error) if is_stall(&error) => self.begin_outage(&error),
                done => return done,
            }
        }
        self.show(partition, envelope, payload)
    }

    fn route(&mut self, partition: Partition, envelope: &Envelope, payload: &Bytes) -> Result<()> {
        for &stream in envelope.kind.streams() {
            let at = TopicPartition::new(topic_of_stream(stream), partition);
            let offset = self.log.append(at, &raw_record(envelope, payload.clone()))?;
            let message = inbound(stream, partition, offset.0, envelope, payload);
            self.send(message, ShardSender::send)?;
        }
        Ok(())
    }

    /// Hands a message to the live books only.
    fn show(&mut self, partition: Partition, envelope: &Envelope, payload: &Bytes) -> Result<()> {
        if let Some(outage) = &mut self.outage {
            outage.unkept += 1;
        }
        self.counts.unkept.add(u64::from(is_of_stream(envelope.kind)));
        for &stream in envelope.kind.streams() {
            self.send(inbound(stream, partition, 0, envelope, payload), ShardSender::send_unkept)?;
        }
        Ok(())
    }

    fn begin_outage(&mut self, error: &anyhow::Error) {
        tracing::error!(error = format!("{error:#}"), "messages are not kept; the live books go on");
        let now = Instant::now();
        self.outage = Some(Outage { begun: now, next_try: now + RETRY_INTERVAL, unkept: 0 });
    }

    fn try_to_keep_again(&mut self, received: Timestamp) -> Result<()> {
        let Some(outage) = self.outage.as_mut().filter(|outage| Instant::now() >= outage.next_try) else {
            return Ok(());
        };
        outage.next_try = Instant::now() + RETRY_INTERVAL;
        let Outage { begun, unkept, .. } = *outage;
        let seconds = begun.elapsed().as_secs();
        let detail = format!("the log could not be written for {seconds} s: {unkept} messages are not kept");
        match self.start_session(received, &detail) {
            Ok(()) => {
                tracing::warn!(seconds, unkept, "messages are kept again");
                self.outage = None;
                Ok(())
            }
            Err(error) if is_stall(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn send(
        &mut self,
        mut message: Inbound,
        send: impl Fn(&mut ShardSender, Inbound) -> Result<(), NotSent>,
    ) -> Result<()> {
        let shard = usize::from(message.partition) % self.shards.len().max(1);
        let Some(sender) = self.shards.get_mut(shard) else { return Ok(()) };
        let mut is_first = true;
        loop {
            match send(sender, message) {
                Ok(()) => return Ok(()),
                Err(NotSent::Ended) => bail!("shard {shard} has ended"),
                Err(NotSent::Full(full)) => message = *full,
            }
            self.counts.full_rings.add(u64::from(std::mem::take(&mut is_first)));
            thread::sleep(RING_PAUSE);
        }
    }
}

impl FrameSink for Router {
    fn accept(&mut self, envelope: &Envelope, payload: Bytes) -> Result<(), SinkError> {
        self.message(envelope, &payload).map_err(|error| SinkError(error.into()))
    }
}

fn inbound(
    stream: RawStream,
    partition: Partition,
    offset: u64,
    envelope: &Envelope,
    payload: &Bytes,
) -> Inbound {
    Inbound { stream, partition: partition.0, offset, envelope: *envelope, payload: payload.clone() }
}

fn is_stall(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(LogError::Stalled(_)))
}

/// Whether a message came over a stream, unlike answers to requests and messages of ours.
const fn is_of_stream(kind: FrameKind) -> bool {
    use FrameKind::{AggregateTrade, BookTicker, DepthUpdate, Kline, Trade, Unknown};
    matches!(kind, DepthUpdate | BookTicker | Trade | AggregateTrade | Kline | Unknown)
}
