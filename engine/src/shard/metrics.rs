//! What a shard tells of itself. Its thread writes the cells and never waits for who reads them.

use std::collections::BTreeMap;
use std::sync::Arc;

use depthlake_orderbook::frame::FrameKind;
use depthlake_orderbook::metrics::{
    Gauge, HistogramReader, Page, SoleCounter, SoleCounterReader, SoleHistogram, Source, Unit,
};
use depthlake_orderbook::record::{DeadLetterReason, Derived, FeedEventKind};
use depthlake_orderbook::time::Timestamp;

use super::{INBOUND_CAPACITY, worker::OUTBOUND_CAPACITY};
use crate::latency::{Latencies, LatencyProbe, LatencyRecorder, Stage};

const KINDS: usize = FrameKind::ALL.len();
const REASONS: usize = DeadLetterReason::ALL.len();

/// Cells of what a worker does.
#[derive(Debug)]
pub(super) struct WorkerCells {
    pub(super) latencies: LatencyRecorder,
    handled: [SoleCounter; KINDS],
    decoded: [SoleCounter; KINDS],
    waiting: Arc<Gauge>,
    watermarks: BTreeMap<u16, Arc<Gauge>>,
}

/// Cells of what a worker hands on.
#[derive(Debug, Default)]
pub(super) struct PublisherCells {
    dead_letters: [SoleCounter; REASONS],
    /// Of these, those by which a message was refused.
    refused: u64,
    not_live: SoleHistogram,
    spilled: SoleCounter,
    ring: Arc<Gauge>,
    waiting: Arc<Gauge>,
}

/// Shows what a shard does, from any thread and also after its end.
#[derive(Debug, Clone)]
pub struct ShardMetrics {
    shard: usize,
    latencies: LatencyProbe,
    handled: [SoleCounterReader; KINDS],
    decoded: [SoleCounterReader; KINDS],
    inbound: Arc<Gauge>,
    watermarks: BTreeMap<u16, Arc<Gauge>>,
    dead_letters: [SoleCounterReader; REASONS],
    not_live: HistogramReader,
    spilled: SoleCounterReader,
    outbound: Arc<Gauge>,
    outbound_waiting: Arc<Gauge>,
}

impl WorkerCells {
    pub(super) fn new(partitions: impl Iterator<Item = u16>) -> Self {
        Self {
            latencies: LatencyRecorder::default(),
            handled: Default::default(),
            decoded: Default::default(),
            waiting: Arc::default(),
            watermarks: partitions.map(|partition| (partition, Arc::default())).collect(),
        }
    }

    #[inline]
    pub(super) fn handled(&mut self, kind: FrameKind, is_decoded: bool) {
        let place = kind as usize - 1;
        self.handled[place].add(1);
        self.decoded[place].add(u64::from(is_decoded));
    }

    pub(super) fn messages(&self) -> u64 {
        self.handled.iter().map(SoleCounter::get).sum()
    }

    #[expect(clippy::cast_precision_loss, reason = "at most the capacity of the ring")]
    pub(super) fn saw_waiting(&self, messages: usize) {
        self.waiting.set(messages as f64);
    }

    pub(super) fn saw_watermark(&self, partition: u16, watermark: Timestamp) {
        if let Some(gauge) = self.watermarks.get(&partition) {
            gauge.set(seconds(watermark));
        }
    }
}

impl PublisherCells {
    /// Takes note of a record that is no everyday one.
    pub(super) fn derived(&mut self, record: &Derived) {
        match record {
            Derived::DeadLetter(letter) => {
                self.dead_letters[letter.reason as usize].add(1);
                self.refused += u64::from(letter.reason != DeadLetterReason::LateTrade);
            }
            Derived::Feed(event) if event.kind == FeedEventKind::Resync => {
                if let Some(nanoseconds) = event.not_live.and_then(|time| u64::try_from(time).ok()) {
                    self.not_live.record(nanoseconds);
                }
            }
            Derived::Book(_) | Derived::Trade(_) | Derived::Bar(_) | Derived::Feed(_) => {}
        }
    }

    /// How many messages could not be decoded so far.
    #[inline]
    pub(super) const fn refused(&self) -> u64 {
        self.refused
    }

    pub(super) fn spill(&mut self) {
        self.spilled.add(1);
    }

    pub(super) fn spilled(&self) -> u64 {
        self.spilled.get()
    }

    /// Shows how many records are on the ring towards the log, and how many wait for room there.
    #[expect(clippy::cast_precision_loss, reason = "numbers of records in memory")]
    pub(super) fn saw_ring(&self, records: usize, waiting: usize) {
        self.ring.set(records as f64);
        self.waiting.set(waiting as f64);
    }
}

impl ShardMetrics {
    pub(super) fn new(worker: &WorkerCells, publisher: &PublisherCells) -> Self {
        Self {
            shard: 0,
            latencies: worker.latencies.probe(),
            handled: worker.handled.each_ref().map(SoleCounter::reader),
            decoded: worker.decoded.each_ref().map(SoleCounter::reader),
            inbound: Arc::clone(&worker.waiting),
            watermarks: worker.watermarks.clone(),
            dead_letters: publisher.dead_letters.each_ref().map(SoleCounter::reader),
            not_live: publisher.not_live.reader(),
            spilled: publisher.spilled.reader(),
            outbound: Arc::clone(&publisher.ring),
            outbound_waiting: Arc::clone(&publisher.waiting),
        }
    }

    /// The same under the number of a shard; without one it is 0.
    pub(super) fn of_shard(self, shard: usize) -> Self {
        Self { shard, ..self }
    }

    /// What was measured of the stages of messages up to now.
    #[must_use]
    pub fn latencies(&self) -> Latencies {
        self.latencies.latencies()
    }
}

impl Source for ShardMetrics {
    fn tell(&self, page: &mut Page) {
        let shard = self.shard.to_string();
        self.tell_messages(page, &shard);
        self.tell_rings(page, &shard);
        let latencies = self.latencies();
        let stages = page.histogram(
            "depthlake_message_stage_duration_seconds",
            "Time of a stage of a message's way: queue (receipt to shard), process (shard), total (receipt to board), venue (the venue's event time to receipt), whole (event time to board).",
            Unit::Nanoseconds,
        );
        for stage in Stage::ALL {
            stages.distribution(&[("shard", &shard), ("stage", stage.name())], latencies.of(stage).clone());
        }
        page.histogram(
            "depthlake_resync_duration_seconds",
            "How long a book was not live before it was resynchronised, from receipt to receipt.",
            Unit::Nanoseconds,
        )
        .distribution(&[("shard", &shard)], self.not_live.snapshot());
    }
}

impl ShardMetrics {
    fn tell_messages(&self, page: &mut Page, shard: &str) {
        let kinds = |cells: &[SoleCounterReader; KINDS],
                     family: &mut depthlake_orderbook::metrics::Family| {
            for (kind, cell) in FrameKind::ALL.iter().zip(cells) {
                family.whole(&[("shard", shard), ("kind", kind.name())], cell.get());
            }
        };
        let handled = "depthlake_messages_handled_total";
        kinds(
            &self.handled,
            page.counter(handled, "Messages that a shard has taken off its ring and handled."),
        );
        let decoded = "depthlake_messages_decoded_total";
        kinds(&self.decoded, page.counter(decoded, "Messages handled of which all could be made sense of."));
        let letters = page.counter(
            "depthlake_dead_letters_total",
            "Messages, or trades of closed minutes, that could not be used, by reason.",
        );
        for (reason, cell) in DeadLetterReason::ALL.iter().zip(&self.dead_letters) {
            letters.whole(&[("shard", shard), ("reason", reason.name())], cell.get());
        }
        let watermarks = page.gauge(
            "depthlake_trade_watermark_timestamp_seconds",
            "The latest trade time seen in a partition, by which its bars are closed; 0 before the first.",
        );
        for (partition, gauge) in &self.watermarks {
            watermarks.number(&[("partition", &partition.to_string())], gauge.get());
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "capacities of rings")]
    fn tell_rings(&self, page: &mut Page, shard: &str) {
        let depth =
            page.gauge("depthlake_ring_depth", "Entries on a shard's ring when it was last looked at.");
        depth.number(&[("shard", shard), ("ring", "messages")], self.inbound.get());
        depth.number(&[("shard", shard), ("ring", "records")], self.outbound.get());
        let capacity = page.gauge("depthlake_ring_capacity", "Entries that a shard's ring has room for.");
        capacity.number(&[("shard", shard), ("ring", "messages")], INBOUND_CAPACITY as f64);
        capacity.number(&[("shard", shard), ("ring", "records")], OUTBOUND_CAPACITY as f64);
        page.counter(
            "depthlake_records_spilled_total",
            "Records that the ring towards the log had no room for at once; they wait in memory, none is lost.",
        )
        .whole(&[("shard", shard)], self.spilled.get());
        page.gauge("depthlake_records_spilled_waiting", "Records that wait in memory for room on the ring.")
            .number(&[("shard", shard)], self.outbound_waiting.get());
    }
}

#[expect(clippy::cast_precision_loss, reason = "a double holds a time of now to a quarter of a microsecond")]
fn seconds(time: Timestamp) -> f64 {
    time.0 as f64 / 1e9
}
