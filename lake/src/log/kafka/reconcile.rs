//! What the broker has, against what the outbox holds: where the sending begins.
//!
//! Nothing is taken on trust. The broker's last records are read, and each that the outbox holds too must be the same one.
//! What the broker lacks is sent (again). A message of a dead connection may still arrive after that, and be there
//! twice: readers pass over it.

use std::collections::VecDeque;

use super::reader::Reader;
use super::watermarks::Span;
use crate::log::{EmbeddedLog, Log, LogError, Offset, StoredRecord, TopicPartition};

/// Of a partition that this process has never written, so many of the broker's messages are looked at.
const LOOK_BACK: u64 = 10_000;
/// Bytes of the outbox that are compared at a time.
const PIECE_BYTES: usize = 256 * 1024;

/// Where a partition stands at the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Standing {
    /// The offset after the last record it has.
    pub end: Offset,
    /// By how much its own offset is greater.
    pub surplus: u64,
}

impl Standing {
    /// The broker's own offset after the last record it has.
    pub(super) const fn broker_end(&self) -> u64 {
        self.end.0 + self.surplus
    }
}

/// The offset after the highest seen; where none was seen, the broker's own are taken for ours.
fn after(last: Option<Offset>, span: Span) -> Offset {
    last.map_or(Offset(span.low), |last| Offset(last.0.saturating_add(1)))
}

/// How the outbox fits what the broker has.
#[derive(Debug)]
pub(super) enum Fit {
    /// The broker has a part of it, or all.
    Continues(Vec<Standing>),
    /// All of it has long been sent, and another process has written since, here for one.
    Superseded { at: TopicPartition, offset: Offset },
}

/// Where each partition stands, of which this process has no outbox.
pub(super) fn standings(reader: &Reader, places: &[TopicPartition]) -> Result<Vec<Standing>, LogError> {
    let from = (0..places.len()).map(|slot| Ok(reader.span(slot)?.high.saturating_sub(LOOK_BACK)));
    let from = from.collect::<Result<Vec<_>, LogError>>()?;
    let mut last: Vec<Option<Offset>> = vec![None; places.len()];
    let spans = reader.tails(&from, |slot, stored| {
        last[slot] = last[slot].max(Some(stored.offset));
        Ok(())
    })?;
    let standing = |(last, span): (&Option<Offset>, &Span)| {
        let end = after(*last, *span);
        Standing { end, surplus: span.high.saturating_sub(end.0) }
    };
    Ok(last.iter().zip(&spans).map(standing).collect())
}

/// Compares the outbox with what the broker has behind what it is known to have, one standing for each slot.
pub(super) fn fit(
    reader: &Reader,
    places: &[TopicPartition],
    outbox: &EmbeddedLog,
    known: &[Standing],
) -> Result<Fit, LogError> {
    let mut checks = Vec::new();
    for (at, known) in places.iter().zip(known) {
        let (start, end) = (outbox.start(*at)?, outbox.durable_end(*at)?);
        checks.push(Check { at: *at, start, end, next: known.end, last: None, expected: VecDeque::new() });
    }
    let from: Vec<u64> = known.iter().map(Standing::broker_end).collect();
    let spans = reader.tails(&from, |slot, stored| checks[slot].record(outbox, &stored))?;
    let mut standings = Vec::new();
    let (mut superseded, mut has_more) = (None, false);
    for ((check, span), from) in checks.iter().zip(&spans).zip(from) {
        // A broker that ends before has lost what it had.
        let end = if span.high >= from { check.next } else { after(check.last, *span) };
        if end < check.start {
            return Err(LogError::BrokerLost { at: check.at, end, acknowledged: check.start });
        }
        if end > check.end {
            superseded = Some((check.at, check.end));
        }
        has_more |= end < check.end;
        standings.push(Standing { end, surplus: span.high.saturating_sub(end.0) });
    }
    match superseded {
        None => Ok(Fit::Continues(standings)),
        Some((at, offset)) if has_more => Err(LogError::AnotherWriter { at, offset }),
        Some((at, offset)) => Ok(Fit::Superseded { at, offset }),
    }
}

/// Whether the broker's records of a partition are those of the outbox.
#[derive(Debug)]
struct Check {
    at: TopicPartition,
    start: Offset,
    end: Offset,
    /// The next offset that is not known to be at the broker.
    next: Offset,
    /// The highest offset seen.
    last: Option<Offset>,
    /// Records of the outbox that come next.
    expected: VecDeque<StoredRecord>,
}

impl Check {
    fn record(&mut self, outbox: &EmbeddedLog, stored: &StoredRecord) -> Result<(), LogError> {
        self.last = self.last.max(Some(stored.offset));
        if stored.offset < self.next {
            return Ok(());
        }
        self.next = Offset(stored.offset.0.saturating_add(1));
        if stored.offset < self.start || stored.offset >= self.end {
            return Ok(());
        }
        if self.expected.front().is_none_or(|expected| expected.offset != stored.offset) {
            self.expected = outbox.read(self.at, stored.offset, PIECE_BYTES)?.into();
        }
        if self.expected.pop_front().as_ref() == Some(stored) {
            Ok(())
        } else {
            Err(LogError::AnotherWriter { at: self.at, offset: stored.offset })
        }
    }
}
