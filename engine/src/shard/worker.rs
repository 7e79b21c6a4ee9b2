//! What a shard does with its messages, apart from the ring and the thread that bring them.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use depthlake_orderbook::book::Book;
use depthlake_orderbook::frame::RawStream;
use depthlake_orderbook::instrument::Instrument;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;
use rtrb::{Consumer, RingBuffer};

use super::checkpointer::{Checkpointer, NextOffsets};
use super::metrics::{ShardMetrics, WorkerCells};
use super::publisher::Publisher;
use super::{Inbound, NeedSink, Outbound, ShardReport};
use crate::clock;
use crate::events::EventWriter;
use crate::latency::Stage;
use crate::live_books::Outlet;
use crate::pipeline::{CheckpointError, Pipeline};
use crate::recovery::Restored;

pub(super) const OUTBOUND_CAPACITY: usize = 1 << 15;
const UPKEEP_INTERVAL: Duration = Duration::from_millis(250);

/// What a worker is made of.
pub struct WorkerConfig {
    /// The partitions it owns, as a restart left them.
    pub partitions: BTreeMap<u16, Restored>,
    /// Where the symbols of these partitions are shown.
    pub outlets: Vec<Outlet>,
    /// Where what happens to them is told.
    pub events: EventWriter,
    /// Takes what the books need from the venue.
    pub needs: NeedSink,
}

/// Handles messages in the thread of its caller.
///
/// Between a message of the market and the board nothing is allocated, locked or asked of the system.
pub struct Worker {
    /// By number, with holes where other workers own them.
    partitions: Vec<Option<Partition>>,
    publisher: Publisher,
    cells: WorkerCells,
    next_upkeep: Instant,
}

struct Partition {
    pipeline: Pipeline,
    /// What the books have become by messages that the log could not take. It lives until the log takes one again, and what
    /// is kept does not follow from it.
    unkept: Option<Pipeline>,
    next: NextOffsets,
    checkpointer: Checkpointer,
}

impl Worker {
    /// Also returns what it hands to the log, to be drained until it has ended, and what it measures.
    #[must_use]
    pub fn new(config: WorkerConfig) -> (Self, Consumer<Outbound>, ShardMetrics) {
        let (records, outbound) = RingBuffer::new(OUTBOUND_CAPACITY);
        let cells = WorkerCells::new(config.partitions.keys().copied());
        let mut partitions = Vec::new();
        for (number, restored) in config.partitions {
            partitions.resize_with(usize::from(number), || None);
            partitions.push(Some(Partition::new(restored)));
        }
        let publisher = Publisher::new(config.outlets, config.events, records, config.needs);
        let metrics = ShardMetrics::new(&cells, &publisher.cells);
        let next_upkeep = Instant::now() + UPKEEP_INTERVAL;
        let worker = Self { partitions, publisher, cells, next_upkeep };
        (worker, outbound, metrics)
    }

    /// Runs a message through its partition's pipeline; what comes of it is on the board when this returns.
    pub fn handle(&mut self, message: &Inbound) {
        let place = self.partitions.get_mut(usize::from(message.partition));
        let Some(partition) = place.and_then(Option::as_mut) else { return };
        let Inbound { stream, offset, envelope, payload, .. } = message;
        let begun = clock::now();
        let refused = self.publisher.cells.refused();
        partition.unkept = None;
        partition.pipeline.frame(*stream, *offset, envelope, payload, &mut self.publisher);
        match stream {
            RawStream::Orderbook => partition.next.orderbook = offset + 1,
            RawStream::Trade => partition.next.trade = offset + 1,
        }
        self.measure(message, begun, refused);
    }

    /// Runs a message that the log could not take through a copy of its partition's pipeline, so that the live books go on
    /// while what is kept still follows from the messages kept alone. Nothing of it goes to the log.
    ///
    /// Before the next message that is kept must come one that begins a session, for the books that are kept have missed
    /// what came in between.
    pub fn handle_unkept(&mut self, message: &Inbound) {
        let place = self.partitions.get_mut(usize::from(message.partition));
        let Some(partition) = place.and_then(Option::as_mut) else { return };
        let Inbound { stream, offset, envelope, payload, .. } = message;
        let begun = clock::now();
        let refused = self.publisher.cells.refused();
        let pipeline = partition.unkept.get_or_insert_with(|| partition.pipeline.fork());
        self.publisher.keeps_records = false;
        pipeline.frame(*stream, *offset, envelope, payload, &mut self.publisher);
        self.publisher.keeps_records = true;
        self.measure(message, begun, refused);
    }

    fn measure(&mut self, Inbound { envelope, .. }: &Inbound, begun: Timestamp, refused: u64) {
        let ended = clock::now();
        self.cells.handled(envelope.kind, self.publisher.cells.refused() == refused);
        let latencies = &mut self.cells.latencies;
        latencies.record(Stage::Queue, envelope.received, begun);
        latencies.record(Stage::Process, begun, ended);
        latencies.record(Stage::Total, envelope.received, ended);
        if let Some(event_time) = envelope.event_time {
            latencies.record(Stage::Venue, event_time, envelope.received);
            latencies.record(Stage::Whole, event_time, ended);
        }
    }

    /// Takes note of how many messages waited when the ring was last looked at.
    pub(super) fn saw_waiting(&self, messages: usize) {
        self.cells.saw_waiting(messages);
    }

    /// The live book of a symbol of one of the partitions.
    #[must_use]
    pub fn book(&self, symbol: Symbol) -> Option<(&Instrument, &Book)> {
        let mut partitions = self.partitions.iter().flatten();
        partitions.find_map(|partition| partition.unkept.as_ref().unwrap_or(&partition.pipeline).book(symbol))
    }

    /// To be called now and then, also while no message comes: does what waits and what is due by time.
    pub fn keep_up(&mut self) {
        self.publisher.drain_spilled();
        let now = Instant::now();
        if now < self.next_upkeep {
            return;
        }
        self.next_upkeep = now + UPKEEP_INTERVAL;
        self.publisher.show_ring();
        for (number, partition) in numbered(&mut self.partitions) {
            self.cells.saw_watermark(number, partition.pipeline.watermark());
            let taken = partition.checkpointer.step(&partition.pipeline, partition.next);
            send_checkpoint(&mut self.publisher, number, taken);
        }
    }

    /// Ends: keeps the state of every partition and waits until everything was taken off the ring.
    #[must_use]
    pub fn finish(mut self) -> ShardReport {
        for (number, partition) in numbered(&mut self.partitions) {
            let taken = Checkpointer::at_once(&partition.pipeline, partition.next);
            send_checkpoint(&mut self.publisher, number, Some(taken));
        }
        while !self.publisher.drain_spilled() && !self.publisher.is_abandoned() {
            thread::sleep(Duration::from_millis(1));
        }
        let pipelines = (0..).zip(self.partitions);
        ShardReport {
            pipelines: pipelines
                .filter_map(|(number, partition)| Some((number, partition?.pipeline)))
                .collect(),
            messages: self.cells.messages(),
            spilled: self.publisher.cells.spilled(),
        }
    }
}

impl Partition {
    fn new(restored: Restored) -> Self {
        let next = NextOffsets { orderbook: restored.orderbook_end, trade: restored.trade_end };
        Self { pipeline: restored.pipeline, unkept: None, next, checkpointer: Checkpointer::new() }
    }
}

fn numbered(partitions: &mut [Option<Partition>]) -> impl Iterator<Item = (u16, &mut Partition)> {
    (0..).zip(partitions).filter_map(|(number, partition)| Some((number, partition.as_mut()?)))
}

fn send_checkpoint(
    publisher: &mut Publisher,
    partition: u16,
    taken: Option<Result<Vec<u8>, CheckpointError>>,
) {
    match taken {
        Some(Ok(state)) => publisher.send(Outbound::Checkpoint { partition, state }),
        Some(Err(error)) => tracing::warn!(partition, %error, "the state of a partition could not be kept"),
        None => {}
    }
}
