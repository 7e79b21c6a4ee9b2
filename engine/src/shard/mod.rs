//! Shards: pinned threads that own partitions and nothing else shares.
//!
//! A shard takes messages off its ring, runs its partitions' pipelines, writes the board, and puts records on a ring
//! towards the log. Nothing downstream can make it wait.

mod checkpointer;
mod idle;
mod publisher;

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use core_affinity::CoreId;
use depthlake_orderbook::frame::{Envelope, RawStream};
use depthlake_orderbook::record::{Derived, Trigger};
use depthlake_orderbook::symbol::Symbol;
use rtrb::{Consumer, Producer, PushError, RingBuffer};

pub use checkpointer::CHECKPOINT_INTERVAL;
pub use idle::{Idle, UnknownIdle};

use crate::board::SlotWriter;
use crate::clock;
use crate::latency::{Latencies, Stage};
use crate::pipeline::{CheckpointError, Need, Pipeline};
use crate::recovery::Restored;
use checkpointer::{Checkpointer, NextOffsets};
use idle::{Waiter, Waker};
use publisher::Publisher;

const INBOUND_CAPACITY: usize = 1 << 14;
const OUTBOUND_CAPACITY: usize = 1 << 15;
/// How many messages are handled before what is due by time is looked at.
const MESSAGES_PER_TURN: usize = 256;
const UPKEEP_INTERVAL: Duration = Duration::from_millis(250);

/// A raw message with its place in the log.
#[derive(Debug, Clone)]
pub struct Inbound {
    pub stream: RawStream,
    pub partition: u16,
    pub offset: u64,
    pub envelope: Envelope,
    pub payload: Bytes,
}

/// What a shard hands to the log.
#[derive(Debug, Clone)]
pub enum Outbound {
    Record(Trigger, Derived),
    /// A partition's state: [`crate::pipeline::Checkpoint`], encoded.
    Checkpoint {
        partition: u16,
        state: Vec<u8>,
    },
}

/// Takes what a book needs from the venue; must not block.
pub type NeedSink = Box<dyn FnMut(Symbol, Need) + Send>;

/// What a shard is made of.
pub struct ShardConfig {
    pub number: usize,
    /// Where to pin the thread; a refusal is a warning, no failure.
    pub core: Option<CoreId>,
    pub idle: Idle,
    /// The partitions it owns, as a restart left them.
    pub partitions: BTreeMap<u16, Restored>,
    /// The slots of the symbols in these partitions.
    pub slots: Vec<SlotWriter>,
    /// Takes what the books need from the venue.
    pub needs: NeedSink,
}

/// Puts messages on a shard's ring.
#[derive(Debug)]
pub struct ShardSender {
    ring: Producer<Inbound>,
    waker: Waker,
}

/// Why a message did not get onto a shard's ring.
#[derive(Debug)]
pub enum NotSent {
    /// The ring is full; the message may be sent again.
    Full(Box<Inbound>),
    /// The shard has ended.
    Ended,
}

/// A running shard. It ends when its [`ShardSender`] is dropped and everything was handled.
#[derive(Debug)]
pub struct ShardHandle {
    /// What it hands to the log. To be drained until the shard has ended.
    pub outbound: Consumer<Outbound>,
    latencies: Arc<Mutex<Latencies>>,
    thread: JoinHandle<ShardReport>,
}

/// Shows what a shard measures.
#[derive(Debug, Clone)]
pub struct LatencyProbe(Arc<Mutex<Latencies>>);

/// What a shard did, told at its end.
#[derive(Debug)]
pub struct ShardReport {
    /// Its partitions as they ended.
    pub pipelines: BTreeMap<u16, Pipeline>,
    pub messages: u64,
    /// How many records the ring towards the log had no room for at once; none was lost.
    pub spilled: u64,
}

/// Starts a shard's thread.
///
/// # Errors
/// The operating system's, where no thread can be made.
pub fn spawn(config: ShardConfig) -> io::Result<(ShardSender, ShardHandle)> {
    let (inbound, messages) = RingBuffer::new(INBOUND_CAPACITY);
    let (records, outbound) = RingBuffer::new(OUTBOUND_CAPACITY);
    let latencies = Arc::new(Mutex::new(Latencies::default()));
    let is_parked = Arc::new(AtomicBool::new(false));
    let (number, core) = (config.number, config.core);
    let waiter = Waiter::new(config.idle, Arc::clone(&is_parked));
    let shard = Shard::new(config, messages, waiter, records, Arc::clone(&latencies));
    let thread = thread::Builder::new().name(format!("shard-{number}")).spawn(move || {
        pin(number, core);
        shard.run()
    })?;
    let waker = Waker::new(is_parked, thread.thread().clone());
    Ok((ShardSender { ring: inbound, waker }, ShardHandle { outbound, latencies, thread }))
}

/// A shard without a thread of its own: messages are handled where they come in. For machines with fewer cores than
/// threads, where handing over costs more than handling.
pub struct InlineShard {
    shard: Shard,
    next_upkeep: Instant,
}

/// Makes a shard that runs in its caller's thread. `core` and `idle` do not matter to it.
#[must_use]
pub fn inline(config: ShardConfig) -> (InlineShard, Consumer<Outbound>, LatencyProbe) {
    let (_, messages) = RingBuffer::new(1);
    let (records, outbound) = RingBuffer::new(OUTBOUND_CAPACITY);
    let latencies = Arc::new(Mutex::new(Latencies::default()));
    let probe = LatencyProbe(Arc::clone(&latencies));
    let waiter = Waiter::new(config.idle, Arc::default());
    let shard = Shard::new(config, messages, waiter, records, latencies);
    (InlineShard { shard, next_upkeep: Instant::now() + UPKEEP_INTERVAL }, outbound, probe)
}

impl InlineShard {
    /// Handles a message and does what is due by time.
    pub fn handle(&mut self, message: &Inbound) {
        self.shard.handle(message);
        self.shard.publisher.drain_spilled();
        let now = Instant::now();
        if now >= self.next_upkeep {
            self.shard.upkeep();
            self.next_upkeep = now + UPKEEP_INTERVAL;
        }
    }

    /// Ends as a shard's thread does.
    #[must_use]
    pub fn finish(self) -> ShardReport {
        self.shard.finish()
    }
}

impl ShardSender {
    /// Puts a message on the ring.
    ///
    /// # Errors
    /// Gives the message back where the ring is full, or nobody empties it any more.
    pub fn send(&mut self, message: Inbound) -> Result<(), NotSent> {
        match self.ring.push(message) {
            Ok(()) => {
                self.waker.wake();
                Ok(())
            }
            Err(PushError::Full(_)) if self.ring.is_abandoned() => Err(NotSent::Ended),
            Err(PushError::Full(message)) => Err(NotSent::Full(Box::new(message))),
        }
    }
}

impl LatencyProbe {
    /// What was measured up to a moment ago.
    #[must_use]
    pub fn latencies(&self) -> Latencies {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ShardHandle {
    /// A look at the shard's latencies that outlives this handle.
    #[must_use]
    pub fn latency_probe(&self) -> LatencyProbe {
        LatencyProbe(Arc::clone(&self.latencies))
    }

    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the end. `None` where the shard panicked.
    #[must_use]
    pub fn join(self) -> Option<ShardReport> {
        self.thread.join().ok()
    }
}

fn pin(number: usize, core: Option<CoreId>) {
    if let Some(core) = core
        && !core_affinity::set_for_current(core)
    {
        tracing::warn!(shard = number, core = core.id, "the shard could not be pinned to its core");
    }
}

struct Partition {
    pipeline: Pipeline,
    next: NextOffsets,
    checkpointer: Checkpointer,
}

impl Partition {
    fn new(restored: Restored) -> Self {
        let next = NextOffsets { orderbook: restored.orderbook_end, trade: restored.trade_end };
        Self { pipeline: restored.pipeline, next, checkpointer: Checkpointer::new() }
    }
}

struct Shard {
    messages: Consumer<Inbound>,
    waiter: Waiter,
    publisher: Publisher,
    partitions: BTreeMap<u16, Partition>,
    measured: Latencies,
    shared: Arc<Mutex<Latencies>>,
    count: u64,
}

impl Shard {
    fn new(
        config: ShardConfig,
        messages: Consumer<Inbound>,
        waiter: Waiter,
        records: Producer<Outbound>,
        shared: Arc<Mutex<Latencies>>,
    ) -> Self {
        let partition = |(number, restored)| (number, Partition::new(restored));
        Self {
            messages,
            waiter,
            publisher: Publisher::new(config.slots, records, config.needs),
            partitions: config.partitions.into_iter().map(partition).collect(),
            measured: Latencies::default(),
            shared,
            count: 0,
        }
    }

    fn run(mut self) -> ShardReport {
        let mut next_upkeep = Instant::now() + UPKEEP_INTERVAL;
        loop {
            let handled = self.turn();
            self.publisher.drain_spilled();
            if Instant::now() >= next_upkeep {
                self.upkeep();
                next_upkeep = Instant::now() + UPKEEP_INTERVAL;
            }
            if handled > 0 {
                self.waiter.worked();
            } else if self.messages.is_abandoned() && self.messages.is_empty() {
                return self.finish();
            } else {
                self.waiter.wait(|| self.messages.is_empty());
            }
        }
    }

    fn turn(&mut self) -> usize {
        for handled in 0..MESSAGES_PER_TURN {
            let Ok(message) = self.messages.pop() else { return handled };
            self.handle(&message);
        }
        MESSAGES_PER_TURN
    }

    fn handle(&mut self, message: &Inbound) {
        let Some(partition) = self.partitions.get_mut(&message.partition) else { return };
        let Inbound { stream, offset, envelope, payload, .. } = message;
        let begun = clock::now();
        partition.pipeline.frame(*stream, *offset, envelope, payload, &mut self.publisher);
        match stream {
            RawStream::Orderbook => partition.next.orderbook = offset + 1,
            RawStream::Trade => partition.next.trade = offset + 1,
        }
        let ended = clock::now();
        self.count += 1;
        self.measured.record(Stage::Queue, envelope.received, begun);
        self.measured.record(Stage::Process, begun, ended);
        self.measured.record(Stage::Total, envelope.received, ended);
        if let Some(event_time) = envelope.event_time {
            self.measured.record(Stage::Venue, event_time, envelope.received);
            self.measured.record(Stage::Whole, event_time, ended);
        }
    }

    fn upkeep(&mut self) {
        if let Ok(mut shared) = self.shared.try_lock() {
            shared.clone_from(&self.measured);
        }
        for (&number, partition) in &mut self.partitions {
            let taken = partition.checkpointer.step(&partition.pipeline, partition.next);
            send_checkpoint(&mut self.publisher, number, taken);
        }
    }

    fn finish(mut self) -> ShardReport {
        for (&number, partition) in &self.partitions {
            let taken = Checkpointer::at_once(&partition.pipeline, partition.next);
            send_checkpoint(&mut self.publisher, number, Some(taken));
        }
        while !self.publisher.drain_spilled() && !self.publisher.is_abandoned() {
            thread::sleep(Duration::from_millis(1));
        }
        *self.shared.lock().unwrap_or_else(PoisonError::into_inner) = self.measured;
        ShardReport {
            pipelines: self
                .partitions
                .into_iter()
                .map(|(number, partition)| (number, partition.pipeline))
                .collect(),
            messages: self.count,
            spilled: self.publisher.spill_count,
        }
    }
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
