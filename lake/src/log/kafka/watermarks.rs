//! The ends of partitions at the broker, in its own offsets: where they are, what stands there, and whether somebody has
//! looked at it.

use std::ops::Range;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset as BrokerOffset, TopicPartitionList};

use super::client::ANSWER;
use super::reader::{BEHIND_END, Cursor, Polled, Reader, TIMED_OUT, add, lock};
use super::wire;
use crate::log::{LogError, Offset, Place, StoredRecord, TopicPartition};

/// How long the broker is given to tell of ends, which it is asked for again and again.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where the broker's messages of a partition begin and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Span {
    pub low: u64,
    pub high: u64,
}

/// How far a partition was last seen to go.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Watermark {
    high: u64,
    /// There is no message from the first of these on, before the second: a broker keeps marks of its own too.
    empty: (u64, u64),
}

impl Watermark {
    /// The offset behind the last message there may be.
    pub(super) fn end(&self) -> u64 {
        let (begin, end) = self.empty;
        if self.high <= end { self.high.min(begin) } else { self.high }
    }
}

impl Reader {
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

    /// Visits every record that the broker has from these of its offsets on (one for each slot), the last at least, and
    /// tells what it has.
    pub(super) fn tails(
        &self,
        from: &[u64],
        mut visit: impl FnMut(usize, StoredRecord) -> Result<(), LogError>,
    ) -> Result<Vec<Span>, LogError> {
        let error = self.error("look at the end of topics");
        let mut cursor = self.any_cursor()?;
        let spans = (0..self.places.len()).map(|slot| self.span(slot)).collect::<Result<Vec<_>, _>>()?;
        // The broker's offset of what comes next, where something does.
        let first = |(span, from): (&Span, &u64)| {
            (span.low < span.high).then(|| (*from).min(span.high - 1).max(span.low))
        };
        let mut open: Vec<Option<u64>> = spans.iter().zip(from).map(first).collect();
        let mut list = TopicPartitionList::new();
        for (at, next) in self.places.iter().zip(&open) {
            next.map_or(Ok(()), |next| add(&mut list, *at, next)).map_err(&error)?;
        }
        cursor.consumer.assign(&list).map_err(&error)?;
        let mut patience = ANSWER;
        while open.iter().any(Option::is_some) {
            let message = match cursor.consumer.poll(patience) {
                Some(Ok(message)) => message,
                // It does not say of which topic.
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    patience = BEHIND_END;
                    continue;
                }
                Some(Err(_)) => continue,
                None if patience == BEHIND_END => break,
                None => return Err(error(TIMED_OUT)),
            };
            let is_at = |at: &TopicPartition| {
                at.topic.name() == message.topic() && i32::from(at.partition.0) == message.partition()
            };
            let Some(slot) = self.places.iter().position(is_at) else { continue };
            let (Some(span), Some(next)) = (spans.get(slot), open.get_mut(slot)) else { continue };
            if next.is_some()
                && let Some(stored) = wire::record(&message)
            {
                visit(slot, stored)?;
            }
            let after = u64::try_from(message.offset()).map_or(span.high, |offset| offset + 1);
            *next = next.map(|_| after).filter(|after| *after < span.high);
        }
        // The last offsets may be marks of the broker's own, such as the end of a transaction, which it gives to nobody.
        for (slot, (span, next)) in spans.iter().zip(open).enumerate() {
            if let Some(next) = next {
                self.tail(&mut cursor, slot, next..span.high, &mut visit)?;
            }
        }
        Ok(spans)
    }

    /// Visits the records of one slot within these of the broker's offsets.
    fn tail(
        &self,
        cursor: &mut Cursor,
        slot: usize,
        offsets: Range<u64>,
        visit: &mut impl FnMut(usize, StoredRecord) -> Result<(), LogError>,
    ) -> Result<(), LogError> {
        self.seek(cursor, slot, Offset(0), offsets.start)?;
        while cursor.is_before(offsets.end) {
            let polled = self.poll(cursor, Instant::now() + ANSWER);
            match polled.map_err(self.error("look at the end of topics"))? {
                Polled::Record(stored) => visit(slot, stored)?,
                Polled::Foreign(_) => {}
                Polled::End | Polled::OutOfRange => break,
            }
        }
        Ok(())
    }

    /// Where all slots end now, in the log's offsets: too far where messages that are no new records are at the end and
    /// nobody has read them yet.
    pub(super) fn ends(&self) -> Result<Vec<(usize, Offset)>, LogError> {
        let cursor = self.any_cursor()?;
        let mut list = TopicPartitionList::new();
        for at in &self.places {
            let added = list.add_partition_offset(at.topic.name(), at.partition.0.into(), BrokerOffset::End);
            added.map_err(self.error("ask for offsets"))?;
        }
        let found =
            cursor.consumer.offsets_for_times(list, PATIENCE).map_err(self.error("ask for offsets"))?;
        self.keep(cursor);
        let (known, mut watermarks) = (lock(&self.known), lock(&self.watermarks));
        let mut ends = Vec::new();
        for (slot, at) in self.places.iter().enumerate() {
            let element = found.find_partition(at.topic.name(), at.partition.0.into());
            let BrokerOffset::Offset(high) = element.map_or(BrokerOffset::Invalid, |found| found.offset())
            else {
                continue;
            };
            let high = u64::try_from(high).unwrap_or_default();
            if let Some(watermark) = watermarks.get_mut(slot) {
                watermark.high = high;
                let surplus = known.get(slot).map_or(0, |known| known.1);
                ends.push((slot, Offset(watermark.end().saturating_sub(surplus))));
            }
        }
        Ok(ends)
    }

    /// How far a partition was last seen to go.
    pub(super) fn watermark(&self, slot: usize) -> Watermark {
        lock(&self.watermarks).get(slot).copied().unwrap_or_default()
    }

    /// Whether there are messages behind a place that nobody is known to have looked at.
    pub(super) fn has_unseen(&self, slot: usize, from: Place) -> bool {
        from.offset.0 + from.passed < self.watermark(slot).end()
    }

    /// Notes that there is no message from one of the broker's offsets on, as far as the partition went then.
    pub(super) fn found_nothing(&self, slot: usize, from: u64, seen: Watermark) {
        if let Some(watermark) = lock(&self.watermarks).get_mut(slot) {
            watermark.empty = (from, seen.high);
        }
    }
}
