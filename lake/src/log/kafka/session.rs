//! One producer at work: what is in the outbox goes to the broker, until something breaks.
//!
//! A record is acknowledged when the broker has it right behind the one before. So the numbering of the log rests on the
//! broker's own answer and not on the order in which we believe to have sent.
//!
//! What may be sent, and what must wait for something else to be acknowledged, [`Clearance`] says.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};

use super::clearance::Clearance;
use super::reconcile::Standing;
use super::wire::MESSAGE_LIMIT;
use super::{Brokers, Shared, client, topics, wire};
use crate::log::{EmbeddedLog, Log, LogError, Offset, Progress, StoredRecord, TopicPartition};

/// Bytes of the outbox that are read at a time.
const PIECE_BYTES: usize = 256 * 1024;
/// The wait for answers while nothing else is to do.
const PAUSE: Duration = Duration::from_millis(2);
/// The longest wait for something to send.
const IDLE: Duration = Duration::from_millis(50);
/// From this silence on the broker counts as away.
const SILENCE: Duration = Duration::from_secs(5);
/// How often the outbox lets go of what is acknowledged.
const RELEASE_INTERVAL: Duration = Duration::from_secs(1);

/// Why a session ended.
#[derive(Debug)]
pub(super) enum Ended {
    Stopped,
    /// The next session begins with a look at what the broker has.
    Broken(Trouble),
    Failed(LogError),
}

/// What can break a session without harm.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("the broker refused {at} offset {offset}: {cause}")]
    Refused { at: TopicPartition, offset: Offset, cause: KafkaError },
    #[error(
        "{at} has messages of others: the record at offset {offset} is the broker's {found:?}, expected {expected}"
    )]
    Displaced { at: TopicPartition, offset: Offset, found: Option<u64>, expected: u64 },
    #[error("the producer cannot go on: {code}: {reason}")]
    Fatal { code: RDKafkaErrorCode, reason: String },
}

/// A partition on its way to the broker.
#[derive(Debug, Clone)]
pub(super) struct Lane {
    /// The next record to send.
    next: Offset,
    /// The offset after the last acknowledged record.
    pub(super) acknowledged: Offset,
    surplus: u64,
    /// Sizes of the records that are not acknowledged.
    in_flight: VecDeque<usize>,
    in_flight_bytes: usize,
}

pub(super) struct Session<'a> {
    shared: &'a Shared,
    outbox: &'a EmbeddedLog,
    producer: BaseProducer<Deliveries>,
    lanes: Vec<Lane>,
    clearance: Clearance,
    in_flight_bytes: usize,
    /// When the broker answered last, or began to owe an answer.
    last_answer: Instant,
    is_silent: bool,
    last_release: Instant,
}

/// What the producer's callback puts down.
#[derive(Debug, Default)]
struct Deliveries {
    arrived: Mutex<Vec<Delivery>>,
}

/// The place of a record that is sent.
#[derive(Debug)]
struct Sent {
    slot: usize,
    offset: Offset,
}

#[derive(Debug)]
struct Delivery {
    sent: Sent,
    /// The broker's offset; none where it does not tell.
    outcome: Result<Option<u64>, KafkaError>,
}

impl ClientContext for Deliveries {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "librdkafka");
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Sent>;

    fn delivery(&self, result: &DeliveryResult<'_>, sent: Box<Sent>) {
        let outcome = match result {
            Ok(message) => Ok(u64::try_from(message.offset()).ok()),
            Err((error, _)) => Err(error.clone()),
        };
        let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        arrived.push(Delivery { sent: *sent, outcome });
    }
}

impl<'a> Session<'a> {
    pub(super) fn new(
        shared: &'a Shared,
        outbox: &'a EmbeddedLog,
        standings: &[Standing],
    ) -> Result<Self, LogError> {
        let lane = |standing: &Standing| Lane {
            next: standing.end,
            acknowledged: standing.end,
            surplus: standing.surplus,
            in_flight: VecDeque::new(),
            in_flight_bytes: 0,
        };
        let producer = producer(&shared.options.brokers, shared.options.in_flight_bytes);
        let producer = producer.map_err(topics::error(&shared.options.brokers, "make a producer"))?;
        let lanes: Vec<Lane> = standings.iter().map(lane).collect();
        let clearance = Clearance::new(&lanes);
        let now = Instant::now();
        let mut session = Self {
            shared,
            outbox,
            producer,
            lanes,
            clearance,
            in_flight_bytes: 0,
            last_answer: now,
            is_silent: false,
            last_release: now,
        };
        session.tell();
        Ok(session)
    }

    /// Sends until it is told to stop or something breaks.
    pub(super) fn run(&mut self) -> Ended {
        let mut progress = Progress::default();
        loop {
            if self.shared.stop.load(Ordering::Relaxed) {
                return Ended::Stopped;
            }
            match self.step() {
                Ok(true) => {}
                Ok(false) if self.in_flight_bytes == 0 => progress = self.outbox.wait(progress, IDLE),
                Ok(false) => self.producer.poll(PAUSE),
                Err(ended) => return ended,
            }
        }
    }

    /// Where each partition stands, as far as this session knows.
    pub(super) fn standings(&self) -> Vec<Standing> {
        let standing = |lane: &Lane| Standing { end: lane.acknowledged, surplus: lane.surplus };
        self.lanes.iter().map(standing).collect()
    }

    /// One turn; whether anything was done.
    fn step(&mut self) -> Result<bool, Ended> {
        self.clearance.update(self.outbox, &self.shared.places, &self.lanes).map_err(Ended::Failed)?;
        let has_sent = self.send()?;
        if has_sent {
            fail::fail_point!("kafka::sent");
        }
        let has_answers = self.take_answers().map_err(Ended::Broken)?;
        if let Some((code, reason)) = self.producer.client().fatal_error() {
            return Err(Ended::Broken(Trouble::Fatal { code, reason }));
        }
        self.look_at_silence();
        if self.last_release.elapsed() >= RELEASE_INTERVAL {
            self.last_release = Instant::now();
            self.release();
        }
        Ok(has_sent || has_answers)
    }

    fn send(&mut self) -> Result<bool, Ended> {
        let most = self.shared.options.in_flight_bytes;
        let mut has_sent = false;
        for slot in 0..self.lanes.len() {
            let at = self.shared.places[slot];
            let limit = self.clearance.limit(self.outbox, at, slot).map_err(Ended::Failed)?;
            // A part for each, so that a backlog of one does not keep the others waiting.
            while self.lanes[slot].next < limit
                && self.in_flight_bytes < most
                && self.lanes[slot].in_flight_bytes < most / 4
            {
                let piece =
                    self.outbox.read(at, self.lanes[slot].next, PIECE_BYTES).map_err(Ended::Failed)?;
                for stored in piece.into_iter().take_while(|stored| stored.offset < limit) {
                    if !self.send_record(slot, at, &stored)? {
                        return Ok(has_sent);
                    }
                    has_sent = true;
                }
            }
        }
        Ok(has_sent)
    }

    /// Hands a record to the producer; whether it had room.
    fn send_record(&mut self, slot: usize, at: TopicPartition, stored: &StoredRecord) -> Result<bool, Ended> {
        let sent = Box::new(Sent { slot, offset: stored.offset });
        let record = &stored.record;
        let mut message = BaseRecord::<[u8], [u8], _>::with_opaque_to(at.topic.name(), sent)
            .partition(at.partition.0.into())
            .payload(&record.value)
            .timestamp(stored.appended_at.0 / 1_000_000)
            .headers(wire::header(stored));
        if !record.key.is_empty() {
            message = message.key(&record.key);
        }
        match self.producer.send(message) {
            Ok(()) => {}
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => return Ok(false),
            Err((cause, _)) => {
                return Err(Ended::Broken(Trouble::Refused { at, offset: stored.offset, cause }));
            }
        }
        if self.in_flight_bytes == 0 {
            self.last_answer = Instant::now();
        }
        // A record without a byte takes room as well.
        let size = record.size() + 1;
        let lane = &mut self.lanes[slot];
        lane.next = Offset(stored.offset.0 + 1);
        lane.in_flight.push_back(size);
        lane.in_flight_bytes += size;
        self.in_flight_bytes += size;
        Ok(true)
    }

    /// Takes note of what the broker has answered; whether there was anything.
    fn take_answers(&mut self) -> Result<bool, Trouble> {
        let mut has_answers = false;
        loop {
            self.producer.poll(Duration::ZERO);
            let mut arrived = self.producer.context().arrived.lock().unwrap_or_else(PoisonError::into_inner);
            let deliveries = std::mem::take(&mut *arrived);
            drop(arrived);
            if deliveries.is_empty() {
                break;
            }
            has_answers = true;
            for delivery in deliveries {
                self.acknowledge(delivery)?;
            }
        }
        if has_answers {
            fail::fail_point!("kafka::answered");
            self.tell();
            fail::fail_point!("kafka::acknowledged");
        }
        Ok(has_answers)
    }

    fn acknowledge(
        &mut self,
        Delivery { sent: Sent { slot, offset }, outcome }: Delivery,
    ) -> Result<(), Trouble> {
        let at = self.shared.places[slot];
        let lane = &mut self.lanes[slot];
        let found = outcome.map_err(|cause| Trouble::Refused { at, offset, cause })?;
        let expected = offset.0 + lane.surplus;
        if offset != lane.acknowledged || found != Some(expected) {
            return Err(Trouble::Displaced { at, offset, found, expected });
        }
        lane.acknowledged = Offset(offset.0 + 1);
        let size = lane.in_flight.pop_front().unwrap_or_default();
        lane.in_flight_bytes -= size;
        self.in_flight_bytes -= size;
        self.last_answer = Instant::now();
        Ok(())
    }

    /// Tells everybody what is acknowledged.
    fn tell(&mut self) {
        for (slot, lane) in self.lanes.iter().enumerate() {
            self.shared.reader.learn(slot, lane.acknowledged, lane.surplus);
        }
        self.shared.ends.acknowledge(self.lanes.iter().map(|lane| lane.acknowledged));
        if self.is_silent && self.in_flight_bytes < self.shared.options.in_flight_bytes {
            self.is_silent = false;
            tracing::warn!(brokers = %self.shared.options.brokers, "the broker answers again");
        }
    }

    fn look_at_silence(&mut self) {
        if self.in_flight_bytes == 0 || self.is_silent || self.last_answer.elapsed() < SILENCE {
            return;
        }
        self.is_silent = true;
        self.shared.ends.silent(self.last_answer);
        tracing::warn!(
            brokers = %self.shared.options.brokers,
            "the broker does not answer; what comes is kept on disk until it does"
        );
    }

    /// The outbox keeps what is not acknowledged.
    fn release(&self) {
        let places = self.shared.places.iter().copied();
        let acknowledged: Vec<_> = places.zip(self.lanes.iter().map(|lane| lane.acknowledged)).collect();
        fail::fail_point!("kafka::before_release");
        if let Err(error) = self.outbox.release(&acknowledged) {
            tracing::warn!(%error, "the outbox could not let go of what is sent");
        }
    }
}

/// A producer that keeps order and gives up nothing: what it has taken, it tries to deliver for as long as it lives.
fn producer(brokers: &Brokers, in_flight_bytes: usize) -> Result<BaseProducer<Deliveries>, KafkaError> {
    let queue_kilobytes = (2 * in_flight_bytes.max(MESSAGE_LIMIT)).div_ceil(1024);
    client::config(brokers)
        .set("enable.idempotence", "true")
        .set("enable.gapless.guarantee", "true")
        .set("acks", "all")
        .set("compression.type", "lz4")
        .set("linger.ms", "5")
        .set("message.timeout.ms", "0")
        .set("message.max.bytes", MESSAGE_LIMIT.to_string())
        .set("queue.buffering.max.kbytes", queue_kilobytes.to_string())
        .set("queue.buffering.max.messages", "1000000")
        .create_with_context(Deliveries::default())
}
