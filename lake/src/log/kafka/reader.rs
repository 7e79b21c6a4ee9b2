//! Reading a topic partition by the log's offsets.
//!
//! A message says which record it is ([`wire`](super::wire)), and records are taken in the order of their offsets: a
//! message that repeats a record is passed over, and so is one of another program. As long as there are neither, the
//! broker's offset of a record is the log's; else it is greater by the *surplus*, which only grows along a partition.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset as BrokerOffset, TopicPartitionList};

use super::client::{self, ANSWER, Quiet};
use super::{Brokers, topics, wire};
use crate::log::{LogError, Offset, StoredRecord, Topic, TopicPartition};

/// Consumers that are kept for the next read.
const KEPT_CURSORS: usize = 8;
/// How long the broker is given to send what is behind an end that was reached.
const BEHIND_END: Duration = Duration::from_millis(500);
const TIMED_OUT: KafkaError = KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut);

#[derive(Debug)]
pub(super) struct Reader {
    brokers: Brokers,
    places: Vec<TopicPartition>,
    idle: Mutex<Vec<Cursor>>,
    /// Of each slot, the furthest offset of which the surplus is known, and that.
    known: Mutex<Vec<(Offset, u64)>>,
}

/// A consumer, and where it stands.
struct Cursor {
    consumer: BaseConsumer<Quiet>,
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
}

/// Where the broker's messages of a partition begin and end, in its own offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Span {
    pub low: u64,
    pub high: u64,
}

enum Polled {
    Message {
        broker_offset: u64,
        stored: Option<StoredRecord>,
    },
    /// Nothing is behind what was read.
    End,
    /// The broker has nothing at the place asked for.
    OutOfRange,
    /// Nothing came until the deadline; what the client told of last.
    Silence(KafkaError),
}

/// What a read is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub slot: usize,
    pub from: Offset,
    pub end: Offset,
    pub max_bytes: usize,
}

impl Reader {
    pub(super) fn new(brokers: Brokers, places: Vec<TopicPartition>) -> Self {
        let known = vec![(Offset(0), 0); places.len()];
        Self { brokers, places, idle: Mutex::default(), known: Mutex::new(known) }
    }

    /// Records from an offset on, up to the end or as many as have room; none at the end alone.
    pub(super) fn read(&self, wanted: Wanted) -> Result<Vec<StoredRecord>, LogError> {
        let mut cursor = self.take(wanted.slot, wanted.from)?;
        let records = self.fill(&mut cursor, wanted)?;
        self.keep(cursor);
        Ok(records)
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
            match self.poll(&mut cursor, deadline) {
                Polled::Message { stored: Some(stored), .. } => break stored.offset,
                Polled::Message { stored: None, .. } => {}
                Polled::End | Polled::OutOfRange if low == 0 => break Offset(0),
                Polled::End | Polled::OutOfRange => break end,
                Polled::Silence(cause) => return Err(self.error("read")(cause)),
            }
        };
        cursor.position = None;
        self.keep(cursor);
        Ok(start)
    }

    /// Visits every record that the broker has from these of its offsets on (one for each slot), the last at least, and
    /// tells what it has.
    pub(super) fn tails(
        &self,
        from: &[u64],
        mut visit: impl FnMut(usize, StoredRecord) -> Result<(), LogError>,
    ) -> Result<Vec<Span>, LogError> {
        let cursor = self.any_cursor()?;
        let spans = (0..self.places.len()).map(|slot| self.span(slot)).collect::<Result<Vec<_>, _>>()?;
        let mut open: Vec<bool> = spans.iter().map(|span| span.low < span.high).collect();
        let mut list = TopicPartitionList::new();
        for ((at, span), from) in self.places.iter().zip(&spans).zip(from) {
            if span.low < span.high {
                let from = (*from).min(span.high - 1).max(span.low);
                add(&mut list, *at, from).map_err(self.error("look at the end of topics"))?;
            }
        }
        cursor.consumer.assign(&list).map_err(self.error("look at the end of topics"))?;
        let mut deadline = Instant::now() + ANSWER;
        while open.contains(&true) {
            let Some(message) = cursor.consumer.poll(deadline.saturating_duration_since(Instant::now()))
            else {
                return Err(self.error("look at the end of topics")(TIMED_OUT));
            };
            let Ok(message) = message else { continue };
            deadline = Instant::now() + ANSWER;
            let is_at = |at: &TopicPartition| {
                at.topic.name() == message.topic() && i32::from(at.partition.0) == message.partition()
            };
            let Some(slot) = self.places.iter().position(is_at) else { continue };
            let (Some(span), Some(open)) = (spans.get(slot), open.get_mut(slot)) else { continue };
            if *open && let Some(stored) = wire::record(&message) {
                visit(slot, stored)?;
            }
            *open &= u64::try_from(message.offset()).is_ok_and(|offset| offset + 1 < span.high);
        }
        Ok(spans)
    }

    /// What the broker has of a partition.
    pub(super) fn span(&self, slot: usize) -> Result<Span, LogError> {
        let cursor = self.any_cursor()?;
        let at = self.place(slot);
        let fetched = cursor.consumer.fetch_watermarks(at.topic.name(), at.partition.0.into(), ANSWER);
        let (low, high) = fetched.map_err(self.error("ask for offsets"))?;
        self.keep(cursor);
        let offset = |offset| u64::try_from(offset).unwrap_or_default();
        Ok(Span { low: offset(low), high: offset(high) })
    }

    /// Where these slots end now, in the log's offsets: too far where messages that are no new records are at the end and
    /// nobody has read them yet.
    pub(super) fn ends(&self, slots: &[usize]) -> Result<Vec<(usize, Offset)>, LogError> {
        let cursor = self.any_cursor()?;
        let mut list = TopicPartitionList::new();
        for slot in slots {
            let at = self.place(*slot);
            let added = list.add_partition_offset(at.topic.name(), at.partition.0.into(), BrokerOffset::End);
            added.map_err(self.error("ask for offsets"))?;
        }
        let found = cursor.consumer.offsets_for_times(list, ANSWER).map_err(self.error("ask for offsets"))?;
        self.keep(cursor);
        let known = lock(&self.known);
        let mut ends = Vec::new();
        for slot in slots {
            let at = self.place(*slot);
            let element = found.find_partition(at.topic.name(), at.partition.0.into());
            let BrokerOffset::Offset(high) = element.map_or(BrokerOffset::Invalid, |found| found.offset())
            else {
                continue;
            };
            let surplus = known.get(*slot).map_or(0, |known| known.1);
            ends.push((*slot, Offset(u64::try_from(high).unwrap_or_default().saturating_sub(surplus))));
        }
        Ok(ends)
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

    fn fill(&self, cursor: &mut Cursor, wanted: Wanted) -> Result<Vec<StoredRecord>, LogError> {
        let Wanted { slot, from, end, max_bytes } = wanted;
        let (mut deadline, mut is_at_end) = (Instant::now() + ANSWER, false);
        let (mut records, mut held, mut next) = (Vec::new(), 0, from);
        while next < end {
            let stored = match cursor.position.as_mut().and_then(|position| position.held.take()) {
                Some(stored) => stored,
                None => match self.poll(cursor, deadline) {
                    Polled::Message { stored: Some(stored), broker_offset } => {
                        self.learn(slot, stored.offset, broker_offset.saturating_sub(stored.offset.0));
                        stored
                    }
                    Polled::Message { stored: None, broker_offset } => {
                        let at = self.place(slot);
                        // Remarks of sinks are expected there.
                        if at.topic != Topic::DeadLetter {
                            tracing::warn!(%at, broker_offset, "a message of another program is passed over");
                        }
                        continue;
                    }
                    // It may be an end that was reached long ago, so what is behind it is given time to come.
                    Polled::End => {
                        is_at_end = true;
                        deadline = Instant::now() + BEHIND_END;
                        continue;
                    }
                    // Nothing but messages that are no records was left.
                    Polled::Silence(_) if is_at_end => {
                        let broker_next = cursor.position.as_ref().map_or(0, |position| position.broker_next);
                        self.learn(slot, next, broker_next.saturating_sub(next.0));
                        break;
                    }
                    Polled::Silence(cause) => return Err(self.error("read")(cause)),
                    Polled::OutOfRange => {
                        self.seek_within_range(cursor, wanted)?;
                        continue;
                    }
                },
            };
            if stored.offset < next {
                continue;
            }
            let size = stored.record.size();
            let is_next = stored.offset == next;
            if !is_next || (held + size > max_bytes && !records.is_empty()) {
                let after = stored.offset;
                if let Some(position) = &mut cursor.position {
                    position.held = Some(stored);
                }
                if !is_next && records.is_empty() {
                    return Err(LogError::Lost { at: self.place(slot), from: next, next: after });
                }
                break;
            }
            held += size;
            next = Offset(next.0 + 1);
            records.push(stored);
        }
        if let Some(position) = &mut cursor.position {
            position.next = next;
        }
        Ok(records)
    }

    /// Goes on at the first message kept, unless the offset wanted is gone.
    fn seek_within_range(&self, cursor: &mut Cursor, wanted: Wanted) -> Result<(), LogError> {
        let Wanted { slot, from, end, .. } = wanted;
        let start = self.start(slot, end)?;
        if from < start {
            return Err(LogError::Released { at: self.place(slot), from, start, end });
        }
        let Span { low, .. } = self.span(slot)?;
        self.seek(cursor, slot, from, low)
    }

    /// A cursor that stands at this offset.
    fn take(&self, slot: usize, from: Offset) -> Result<Cursor, LogError> {
        let stands = |cursor: &Cursor| {
            cursor.position.as_ref().is_some_and(|position| position.slot == slot && position.next == from)
        };
        let mut idle = lock(&self.idle);
        if let Some(found) = idle.iter().position(stands) {
            return Ok(idle.remove(found));
        }
        drop(idle);
        let mut cursor = self.any_cursor()?;
        self.seek(&mut cursor, slot, from, self.least_broker_offset(slot, from))?;
        Ok(cursor)
    }

    /// The cursor that was used longest ago, or a new one while there are few.
    fn any_cursor(&self) -> Result<Cursor, LogError> {
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

    fn keep(&self, cursor: Cursor) {
        let mut idle = lock(&self.idle);
        idle.push(cursor);
        if idle.len() > KEPT_CURSORS {
            idle.remove(0);
        }
    }

    fn seek(&self, cursor: &mut Cursor, slot: usize, next: Offset, broker_next: u64) -> Result<(), LogError> {
        let mut list = TopicPartitionList::new();
        let assigned =
            add(&mut list, self.place(slot), broker_next).and_then(|()| cursor.consumer.assign(&list));
        assigned.map_err(self.error("read"))?;
        cursor.position = Some(Position { slot, next, broker_next, held: None });
        Ok(())
    }

    /// The next message of the cursor's partition.
    fn poll(&self, cursor: &mut Cursor, deadline: Instant) -> Polled {
        let Cursor { consumer, position: Some(position) } = cursor else { return Polled::End };
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
                        return Polled::Message { broker_offset, stored: wire::record(&message) };
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => return Polled::End,
                Some(Err(KafkaError::MessageConsumption(
                    RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange,
                ))) => return Polled::OutOfRange,
                // The client tries again by itself, which these only tell of.
                Some(Err(error)) => cause = Some(error),
                None => {}
            }
            if Instant::now() >= deadline {
                return Polled::Silence(cause.unwrap_or(TIMED_OUT));
            }
        }
    }

    fn place(&self, slot: usize) -> TopicPartition {
        self.places[slot]
    }

    fn error(&self, operation: &'static str) -> impl Fn(KafkaError) -> LogError {
        topics::error(&self.brokers, operation)
    }
}

impl std::fmt::Debug for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cursor").field("position", &self.position).finish_non_exhaustive()
    }
}

fn add(list: &mut TopicPartitionList, at: TopicPartition, offset: u64) -> KafkaResult<()> {
    let offset = BrokerOffset::Offset(i64::try_from(offset).unwrap_or(i64::MAX));
    list.add_partition_offset(at.topic.name(), at.partition.0.into(), offset)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
