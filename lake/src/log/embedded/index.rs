//! Where every batch is: the index of the log, in memory.
//!
//! It knows durable batches only, so whatever it finds may be shown to a consumer. It costs 24 bytes a batch.

use std::collections::VecDeque;
use std::sync::Arc;

use super::batch::BatchHeader;
use super::segment::SegmentFile;
use crate::log::Offset;

/// Where one batch is within its segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchEntry {
    pub base: Offset,
    pub count: u32,
    pub position: u32,
    pub length: u32,
}

impl BatchEntry {
    pub(super) fn new(header: &BatchHeader, position: u32) -> Self {
        Self { base: header.base, count: header.count, position, length: header.length }
    }

    pub(super) fn end(&self) -> Offset {
        Offset(self.base.0.saturating_add(u64::from(self.count)))
    }
}

/// A segment and the batches in it.
#[derive(Debug)]
pub(super) struct Segment {
    pub file: Arc<SegmentFile>,
    /// The offset each slot had reached before this segment.
    bases: Vec<Offset>,
    /// The batches of each slot, ascending.
    batches: Vec<Vec<BatchEntry>>,
}

impl Segment {
    pub(super) fn new(file: Arc<SegmentFile>, bases: Vec<Offset>) -> Self {
        let batches = vec![Vec::new(); bases.len()];
        Self { file, bases, batches }
    }
}

/// Where a read finds its records.
#[derive(Debug)]
pub(super) enum Found {
    /// Batches that follow each other, the first holding the offset asked for.
    Batches(Vec<(Arc<SegmentFile>, BatchEntry)>),
    /// The offset is at the durable end.
    End,
    Outside {
        start: Offset,
        end: Offset,
    },
    /// The offset is kept, but its record is gone; it goes on at `next`.
    Lost {
        next: Offset,
    },
}

/// All segments that are kept, oldest first; there is always at least one. Slots are those of
/// [`Slots`](crate::log::slots::Slots).
#[derive(Debug)]
pub(super) struct Index {
    segments: VecDeque<Segment>,
    ends: Vec<Offset>,
}

impl Index {
    pub(super) fn new(first: Segment) -> Self {
        let ends = first.bases.clone();
        Self { segments: VecDeque::from([first]), ends }
    }

    /// The next offset of each slot.
    /// How many segments are kept.
    pub(super) fn segments(&self) -> usize {
        self.segments.len()
    }

    pub(super) fn ends(&self) -> &[Offset] {
        &self.ends
    }

    pub(super) fn end(&self, slot: usize) -> Offset {
        self.ends.get(slot).copied().unwrap_or_default()
    }

    pub(super) fn start(&self, slot: usize) -> Offset {
        let first = self.segments.front().and_then(|segment| segment.bases.get(slot));
        first.copied().unwrap_or_default()
    }

    /// Adds a durable batch to the newest segment.
    pub(super) fn add(&mut self, slot: usize, entry: BatchEntry) {
        let batches = self.segments.back_mut().and_then(|segment| segment.batches.get_mut(slot));
        if let (Some(batches), Some(end)) = (batches, self.ends.get_mut(slot)) {
            batches.push(entry);
            *end = entry.end();
        }
    }

    /// Makes this the newest segment; its bases become the ends where they are further.
    pub(super) fn add_segment(&mut self, segment: Segment) {
        for batches in self.segments.back_mut().into_iter().flat_map(|sealed| &mut sealed.batches) {
            batches.shrink_to_fit();
        }
        for (end, base) in self.ends.iter_mut().zip(&segment.bases) {
            *end = (*end).max(*base);
        }
        self.segments.push_back(segment);
    }

    /// Finds batches from an offset on, one at least, until they hold `bytes` or one does not follow the other.
    pub(super) fn find(&self, slot: usize, from: Offset, bytes: usize) -> Found {
        let (start, end) = (self.start(slot), self.end(slot));
        if from < start || from > end {
            return Found::Outside { start, end };
        }
        if from == end {
            return Found::End;
        }
        let mut found = Vec::new();
        let mut next = from;
        let mut held = 0_usize;
        for (file, entry) in self.batches_from(slot, from) {
            if found.is_empty() {
                if entry.base > from {
                    return Found::Lost { next: entry.base };
                }
            } else if entry.base != next || held >= bytes {
                break;
            }
            next = entry.end();
            held += usize::try_from(entry.length).unwrap_or(usize::MAX);
            found.push((Arc::clone(file), *entry));
        }
        if found.is_empty() { Found::Lost { next: end } } else { Found::Batches(found) }
    }

    /// The oldest segment, if it is not the newest and holds nothing at or behind these offsets.
    pub(super) fn releasable(&self, committed: &[Offset]) -> Option<Arc<SegmentFile>> {
        let (oldest, next) = (self.segments.front()?, self.segments.get(1)?);
        let mut spans = oldest.bases.iter().zip(&next.bases).zip(committed);
        let released = spans.all(|((base, end), committed)| base == end || end <= committed);
        released.then(|| Arc::clone(&oldest.file))
    }

    /// Forgets the oldest segment.
    pub(super) fn remove_oldest(&mut self) {
        if self.segments.len() > 1 {
            self.segments.pop_front();
        }
    }

    /// The batches of a slot that end behind `from`, in order.
    fn batches_from(
        &self,
        slot: usize,
        from: Offset,
    ) -> impl Iterator<Item = (&Arc<SegmentFile>, &BatchEntry)> {
        let begins_before = self
            .segments
            .partition_point(|segment| segment.bases.get(slot).is_some_and(|base| *base <= from));
        self.segments.range(begins_before.saturating_sub(1)..).flat_map(move |segment| {
            let batches = segment.batches.get(slot).map_or(&[][..], Vec::as_slice);
            let passed = batches.partition_point(|entry| entry.end() <= from);
            batches.iter().skip(passed).map(|entry| (&segment.file, entry))
        })
    }
}
