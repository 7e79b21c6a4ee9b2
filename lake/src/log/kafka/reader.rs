//! Reading a topic partition by the log's offsets.
//!
//! A message says which record it is ([`wire`](super::wire)), and records are taken in the order of their offsets: a
//! message that repeats a record is passed over, and so is one of another program, which is handed out beside the records
//! to who asks for it. As long as there are neither, the broker's offset of a record is the log's; else it is greater by
//! the *surplus*, which only grows along a partition. So the next record and the surplus before it make one place at the
//! broker, and a reader who goes on at both misses no message and gets none twice. Should the broker have lost messages of
//! others since, that place lies too far; then the record is looked for from the least place on where it can be.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset as BrokerOffset, TopicPartitionList};

use super::client::{self, ANSWER, Quiet};
use super::watermarks::{Span, Watermark};
use super::{Brokers, topics, wire};
use crate::log::{Foreign, LogError, Offset, StoredRecord, Taken, Topic, TopicPartition};

/// Consumers that are kept for the next read.
const KEPT_CURSORS: usize = 8;
/// How long the broker is given to send what is behind an end that was reached.
pub(super) const BEHIND_END: Duration = Duration::from_millis(500);
pub(super) const TIMED_OUT: KafkaError = KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut);

#[derive(Debug)]
pub(super) struct Reader {
    brokers: Brokers,
    pub(super) places: Vec<TopicPartition>,
    idle: Mutex<Vec<Cursor>>,
    /// Of each slot, the furthest offset of which the surplus is known, and that.
    pub(super) known: Mutex<Vec<(Offset, u64)>>,
    pub(super) watermarks: Mutex<Vec<Watermark>>,
}

/// A consumer, and where it stands.
pub(super) struct Cursor {
    pub(super) consumer: BaseConsumer<Quiet>,
    position: Option<Position>,
}

#[derive(Debug)]
struct Position {
    slot: usize,
    /// The next record's offset.
    next: Offset,
    /// The next message's offset at the broker.
    broker_next: u64,
    /// A record that was fetched but had no room in the last read.
    held: Option<StoredRecord>,
    /// The consumer has told that it came to the end, which it does once.
    is_at_end: bool,
    /// The consumer was sent here by the read that goes on, so that an end it tells of is that of now.
    is_new: bool,
}

impl Cursor {
    /// Whether messages before one of the broker's offsets are still to be fetched.
    pub(super) fn is_before(&self, broker_end: u64) -> bool {
        let is_before = |position: &Position| position.held.is_none() && position.broker_next < broker_end;
        self.position.as_ref().is_some_and(is_before)
    }

    /// Keeps a record for the next read.
    fn hold(&mut self, stored: StoredRecord) {
        if let Some(position) = &mut self.position {
            position.held = Some(stored);
        }
    }
}

impl Position {
    /// The broker's offset of the next message to be handed out.
    fn broker_offset(&self) -> u64 {
        self.broker_next - u64::from(self.held.is_some())
    }
}

pub(super) enum Polled {
    Record(StoredRecord),
    Foreign(Foreign),
    /// Nothing is behind what was read.
    End,
    /// The broker has nothing at the place asked for.
    OutOfRange,
}

/// What a read is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub slot: usize,
    pub from: Offset,
    pub end: Offset,
    pub max_bytes: usize,
    /// Where messages of others are wanted as well: the surplus before the first record.
    pub passed: Option<u64>,
}

impl Reader {
    pub(super) fn new(brokers: Brokers, places: Vec<TopicPartition>) -> Self {
        let known = Mutex::new(vec![(Offset(0), 0); places.len()]);
        let watermarks = Mutex::new(vec![Watermark::default(); places.len()]);
        Self { brokers, places, idle: Mutex::default(), known, watermarks }
    }

    /// Records from an offset on, up to the end or as many as have room; none at the end alone.
    pub(super) fn read(&self, wanted: Wanted) -> Result<Taken, LogError> {
        // Looked at before the cursor is sent anywhere: what is before it is there when the cursor comes to the end.
        let watermark = self.watermark(wanted.slot);
        let mut cursor = self.cursor_at(wanted)?;
        let taken = self.fill(&mut cursor, wanted, watermark)?;
        self.keep(cursor);
        Ok(taken)
    }

    /// The offset of the first record kept. Where none is, 0 if the broker has let go of nothing, for then there never was
    /// one, whatever else is there; otherwise `end`.
    pub(super) fn start(&self, slot: usize, end: Offset) -> Result<Offset, LogError> {
        let Span { low, high } = self.span(slot)?;
        if low == high {
            return Ok(end);
        }
        let mut cursor = self.any_cursor()?;
        self.seek(&mut cursor, slot, Offset(0), low)?;
        let deadline = Instant::now() + ANSWER;
        let start = loop {
            match self.poll(&mut cursor, deadline).map_err(self.error("read"))? {
                Polled::Record(stored) => break stored.offset,
                Polled::Foreign(_) => {}
                Polled::End | Polled::OutOfRange if low == 0 => break Offset(0),
                Polled::End | Polled::OutOfRange => break end,
            }
        };
        cursor.position = None;
        self.keep(cursor);
        Ok(start)
    }

    /// Notes what the broker's offset of a record, or of all behind it, is greater by.
    pub(super) fn learn(&self, slot: usize, offset: Offset, surplus: u64) {
        if let Some(known) = lock(&self.known).get_mut(slot)
            && offset >= known.0
        {
            *known = (offset, surplus);
        }
    }

    /// The least that the broker's offset can be.
    pub(super) fn least_broker_offset(&self, slot: usize, offset: Offset) -> u64 {
        let known = lock(&self.known).get(slot).copied().unwrap_or_default();
        offset.0 + if offset >= known.0 { known.1 } else { 0 }
    }

    fn fill(&self, cursor: &mut Cursor, wanted: Wanted, watermark: Watermark) -> Result<Taken, LogError> {
        let Wanted { slot, from, end, max_bytes, passed } = wanted;
        let (mut taken, mut held, mut next) = (Taken::default(), 0, from);
        let (mut gives_foreign, mut is_sought) = (passed.is_some(), false);
        while next < end || (gives_foreign && cursor.is_before(watermark.end())) {
            match self.next(cursor, slot)? {
                Polled::Record(stored) if stored.offset < next => {}
                Polled::Record(stored) => {
                    let size = stored.record.size();
                    let is_first = taken.records.is_empty() && taken.foreign.is_empty();
                    if stored.offset == next && next < end && (is_first || held + size <= max_bytes) {
                        held += size;
                        next = Offset(next.0 + 1);
                        taken.records.push(stored);
                    } else if stored.offset == next || next == end || !is_first {
                        cursor.hold(stored);
                        break;
                    } else if is_sought {
                        return Err(LogError::Lost { at: self.place(slot), from: next, next: stored.offset });
                    } else {
                        // What is found on the way may have been given before.
                        (gives_foreign, is_sought) = (false, true);
                        self.seek(cursor, slot, next, next.0)?;
                    }
                }
                Polled::Foreign(foreign) if gives_foreign => {
                    held += foreign.size();
                    taken.foreign.push(foreign);
                    if held > max_bytes {
                        break;
                    }
                }
                Polled::Foreign(foreign) => self.pass_over(slot, foreign.broker_offset),
                Polled::End => {
                    let broker_next = cursor.position.as_ref().map_or(0, |position| position.broker_next);
                    self.found_nothing(slot, broker_next, watermark);
                    break;
                }
                Polled::OutOfRange => gives_foreign &= self.seek_within_range(cursor, wanted)?,
            }
        }
        if let Some(position) = &mut cursor.position {
            (position.next, position.is_new) = (next, false);
            let surplus = position.broker_offset().saturating_sub(next.0);
            self.learn(slot, next, surplus);
            taken.passed = surplus.max(passed.unwrap_or_default());
        }
        Ok(taken)
    }

    /// The next message of the cursor's partition; the end only where nothing is behind now.
    fn next(&self, cursor: &mut Cursor, slot: usize) -> Result<Polled, LogError> {
        if let Some(held) = cursor.position.as_mut().and_then(|position| position.held.take()) {
            return Ok(Polled::Record(held));
        }
        loop {
            let Some(Position { next, broker_next, is_at_end, is_new, .. }) = cursor.position else {
                return Ok(Polled::End);
            };
            let patience = if is_at_end { BEHIND_END } else { ANSWER };
            match self.poll(cursor, Instant::now() + patience) {
                // It may be an end that was reached long ago, so what is behind it is given time to come.
                Ok(Polled::End) if !is_new => {}
                Ok(polled) => return Ok(polled),
                // Nobody is told of an end twice, unless he comes anew.
                Err(_) if is_at_end => self.seek(cursor, slot, next, broker_next)?,
                Err(cause) => return Err(self.error("read")(cause)),
            }
        }
    }

    /// Tells of a message of another program that nobody will make a dead letter of.
    fn pass_over(&self, slot: usize, broker_offset: u64) {
        let at = self.place(slot);
        match at.topic {
            // Remarks of sinks are expected there.
            Topic::DeadLetter => {}
            Topic::Checkpoint => {
                tracing::warn!(%at, broker_offset, "a message of another program is passed over");
            }
            _ => tracing::debug!(%at, broker_offset, "a message of another program is left to the sink"),
        }
    }

    /// Goes on at the first message kept, unless the offset wanted is gone. Returns whether that is behind the place where
    /// the cursor was.
    fn seek_within_range(&self, cursor: &mut Cursor, wanted: Wanted) -> Result<bool, LogError> {
        let Wanted { slot, from, end, .. } = wanted;
        let start = self.start(slot, end)?;
        if from < start {
            return Err(LogError::Released { at: self.place(slot), from, start, end });
        }
        let Span { low, .. } = self.span(slot)?;
        let is_behind = cursor.is_before(low);
        self.seek(cursor, slot, from, low)?;
        Ok(is_behind)
    }

    /// A cursor that stands at what is wanted.
    fn cursor_at(&self, Wanted { slot, from, passed, .. }: Wanted) -> Result<Cursor, LogError> {
        let exact = passed.map(|passed| from.0 + passed);
        let stands = |cursor: &Cursor| {
            cursor.position.as_ref().is_some_and(|position| {
                let is_exact = exact.is_none_or(|exact| position.broker_offset() == exact);
                position.slot == slot && position.next == from && is_exact
            })
        };
        let mut idle = lock(&self.idle);
        if let Some(found) = idle.iter().position(stands) {
            return Ok(idle.remove(found));
        }
        drop(idle);
        let mut cursor = self.any_cursor()?;
        self.seek(&mut cursor, slot, from, exact.unwrap_or_else(|| self.least_broker_offset(slot, from)))?;
        Ok(cursor)
    }

    /// The cursor that was used longest ago, or a new one while there are few.
    pub(super) fn any_cursor(&self) -> Result<Cursor, LogError> {
        let mut idle = lock(&self.idle);
        if idle.len() >= KEPT_CURSORS {
            return Ok(idle.remove(0));
        }
        if let Some(found) = idle.iter().position(|cursor| cursor.position.is_none()) {
            return Ok(idle.remove(found));
        }
        drop(idle);
        let consumer = client::consumer(&self.brokers).map_err(self.error("make a consumer"))?;
        Ok(Cursor { consumer, position: None })
    }

    pub(super) fn keep(&self, cursor: Cursor) {
        let mut idle = lock(&self.idle);
        idle.push(cursor);
        if idle.len() > KEPT_CURSORS {
            idle.remove(0);
        }
    }

    pub(super) fn seek(
        &self,
        cursor: &mut Cursor,
        slot: usize,
        next: Offset,
        broker_next: u64,
    ) -> Result<(), LogError> {
        let mut list = TopicPartitionList::new();
        let assigned =
            add(&mut list, self.place(slot), broker_next).and_then(|()| cursor.consumer.assign(&list));
        assigned.map_err(self.error("read"))?;
        cursor.position =
            Some(Position { slot, next, broker_next, held: None, is_at_end: false, is_new: true });
        Ok(())
    }

    /// The next message of the cursor's partition.
    ///
    /// # Errors
    /// Nothing came until the deadline; what the client told of last.
    pub(super) fn poll(&self, cursor: &mut Cursor, deadline: Instant) -> KafkaResult<Polled> {
        let Cursor { consumer, position: Some(position) } = cursor else { return Ok(Polled::End) };
        let at = self.place(position.slot);
        let mut cause = None;
        loop {
            let patience = deadline.saturating_duration_since(Instant::now());
            match consumer.poll(patience) {
                Some(Ok(message)) => {
                    let broker_offset = u64::try_from(message.offset()).unwrap_or_default();
                    let is_asked_for = message.topic() == at.topic.name()
                        && message.partition() == i32::from(at.partition.0)
                        && broker_offset >= position.broker_next;
                    if is_asked_for {
                        position.broker_next = broker_offset + 1;
                        position.is_at_end = false;
                        return Ok(match wire::record(&message) {
                            Some(stored) => Polled::Record(stored),
                            None => Polled::Foreign(wire::foreign(&message, broker_offset)),
                        });
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    position.is_at_end = true;
                    return Ok(Polled::End);
                }
                Some(Err(KafkaError::MessageConsumption(
                    RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange,
                ))) => return Ok(Polled::OutOfRange),
                // The client tries again by itself, which these only tell of.
                Some(Err(error)) => cause = Some(error),
                None => {}
            }
            if Instant::now() >= deadline {
                return Err(cause.unwrap_or(TIMED_OUT));
            }
        }
    }

    pub(super) fn place(&self, slot: usize) -> TopicPartition {
        self.places[slot]
    }

    pub(super) fn error(&self, operation: &'static str) -> impl Fn(KafkaError) -> LogError {
        topics::error(&self.brokers, operation)
    }
}

impl std::fmt::Debug for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cursor").field("position", &self.position).finish_non_exhaustive()
    }
}

pub(super) fn add(list: &mut TopicPartitionList, at: TopicPartition, offset: u64) -> KafkaResult<()> {
    let offset = BrokerOffset::Offset(i64::try_from(offset).unwrap_or(i64::MAX));
    list.add_partition_offset(at.topic.name(), at.partition.0.into(), offset)
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
