//! Shards: pinned threads that own partitions and nothing else shares.
//!
//! A shard takes messages off its ring, runs its partitions' pipelines, writes the board, and puts records on a ring
//! towards the log. Nothing downstream can make it wait.

mod checkpointer;
mod idle;
mod metrics;
mod publisher;
mod worker;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use core_affinity::CoreId;
use depthlake_orderbook::frame::{Envelope, RawStream};
use depthlake_orderbook::record::{Derived, Trigger};
use depthlake_orderbook::symbol::Symbol;
use rtrb::{Consumer, Producer, PushError, RingBuffer};

pub use checkpointer::CHECKPOINT_INTERVAL;
pub use idle::{Idle, UnknownIdle};
pub use metrics::ShardMetrics;
pub use worker::{Worker, WorkerConfig};

use crate::pipeline::{Need, Pipeline};
use idle::{Waiter, Waker};

const INBOUND_CAPACITY: usize = 1 << 14;
/// How many messages are handled before what is due by time is looked at.
const MESSAGES_PER_TURN: usize = 256;

/// A raw message with its place in the log.
#[derive(Debug, Clone)]
pub struct Inbound {
    pub stream: RawStream,
    pub partition: u16,
    pub offset: u64,
    pub envelope: Envelope,
    pub payload: Bytes,
}

/// A message on a shard's ring.
#[derive(Debug)]
enum Message {
    Kept(Inbound),
    Unkept(Inbound),
}

impl Message {
    fn into_inbound(self) -> Inbound {
        match self {
            Self::Kept(inbound) | Self::Unkept(inbound) => inbound,
        }
    }
}

/// What a shard hands to the log.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "nearly all are records, and a box would be an allocation each")]
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
    pub work: WorkerConfig,
}

/// Puts messages on a shard's ring.
#[derive(Debug)]
pub struct ShardSender {
    ring: Producer<Message>,
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
    metrics: ShardMetrics,
    thread: JoinHandle<ShardReport>,
}

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
    let is_parked = Arc::new(AtomicBool::new(false));
    let waiter = Waiter::new(config.idle, Arc::clone(&is_parked));
    let (worker, outbound, metrics) = Worker::new(config.work);
    let shard = Shard { messages, waiter, worker };
    let (number, core) = (config.number, config.core);
    let thread = thread::Builder::new().name(format!("shard-{number}")).spawn(move || {
        pin(number, core);
        shard.run()
    })?;
    let waker = Waker::new(is_parked, thread.thread().clone());
    Ok((
        ShardSender { ring: inbound, waker },
        ShardHandle { outbound, metrics: metrics.of_shard(number), thread },
    ))
}

impl ShardSender {
    /// Puts a message on the ring.
    ///
    /// # Errors
    /// Gives the message back where the ring is full, or nobody empties it any more.
    pub fn send(&mut self, message: Inbound) -> Result<(), NotSent> {
        self.push(Message::Kept(message))
    }

    /// Puts a message on the ring that the log could not take; its offset is of no account. It bears on the live books
    /// and on nothing that is kept: see [`Worker::handle_unkept`].
    ///
    /// # Errors
    /// Those of [`ShardSender::send`].
    pub fn send_unkept(&mut self, message: Inbound) -> Result<(), NotSent> {
        self.push(Message::Unkept(message))
    }

    fn push(&mut self, message: Message) -> Result<(), NotSent> {
        match self.ring.push(message) {
            Ok(()) => {
                self.waker.wake();
                Ok(())
            }
            Err(PushError::Full(_)) if self.ring.is_abandoned() => Err(NotSent::Ended),
            Err(PushError::Full(message)) => Err(NotSent::Full(Box::new(message.into_inbound()))),
        }
    }
}

impl ShardHandle {
    /// A look at what the shard does that outlives this handle.
    #[must_use]
    pub fn metrics(&self) -> ShardMetrics {
        self.metrics.clone()
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

/// A worker on a thread of its own, with the ring that feeds it.
struct Shard {
    messages: Consumer<Message>,
    waiter: Waiter,
    worker: Worker,
}

impl Shard {
    fn run(mut self) -> ShardReport {
        loop {
            let handled = self.turn();
            self.worker.keep_up();
            if handled > 0 {
                self.waiter.worked();
            } else if self.messages.is_abandoned() && self.messages.is_empty() {
                return self.worker.finish();
            } else {
                self.waiter.wait(|| self.messages.is_empty());
            }
        }
    }

    fn turn(&mut self) -> usize {
        self.worker.saw_waiting(self.messages.slots());
        for handled in 0..MESSAGES_PER_TURN {
            let Ok(message) = self.messages.pop() else { return handled };
            match message {
                Message::Kept(message) => self.worker.handle(&message),
                Message::Unkept(message) => self.worker.handle_unkept(&message),
            }
        }
        MESSAGES_PER_TURN
    }
}
