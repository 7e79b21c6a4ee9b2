//! The rows that are held of one topic partition.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use arrow_select::concat::concat_batches;

use crate::log::Offset;
use crate::record::Unusable;
use crate::sink::piece::{MadeRows, Piece};

/// Segments are merged up to so many rows, so that there are few of them.
const MERGED_ROWS: usize = 16_384;

/// What records that follow each other gave.
#[derive(Debug)]
pub(super) struct Segment {
    rows: Option<MadeRows>,
    unusable: Vec<Unusable>,
    /// The offset behind the last record.
    end: Offset,
    bytes: usize,
}

/// What is held of a partition: all rows of the records from `start` to `end`. Those up to `told` have been read and told of.
#[derive(Debug)]
pub(super) struct Held {
    start: Offset,
    end: Offset,
    told: Offset,
    segments: Vec<Arc<Segment>>,
}

/// A partition as it was at one moment.
#[derive(Debug, Clone)]
pub(super) struct PinnedPartition {
    pub(super) start: Offset,
    /// Behind the last record that is held.
    pub(super) end: Offset,
    /// Behind the last record that a query sees; what is not held must be read.
    pub(super) visible: Offset,
    pub(super) segments: Vec<Arc<Segment>>,
}

impl Segment {
    /// Of a piece, what is from an offset on.
    pub(super) fn of(piece: Piece, from: Offset) -> Self {
        let Piece { rows, mut unusable, next, .. } = piece;
        let rows = rows.map(|made| made.from(from)).filter(|made| !made.offsets.is_empty());
        unusable.retain(|place| place.offset >= from);
        Self::new(rows, unusable, next)
    }

    fn new(rows: Option<MadeRows>, unusable: Vec<Unusable>, end: Offset) -> Self {
        let of_rows = rows
            .as_ref()
            .map_or(0, |made| made.batch.get_array_memory_size() + made.offsets.len() * size_of::<Offset>());
        let of_unusable = |place: &Unusable| size_of::<Unusable>() + place.payload.len();
        let bytes = of_rows + unusable.iter().map(of_unusable).sum::<usize>();
        Self { rows, unusable, end, bytes }
    }

    fn row_count(&self) -> usize {
        self.rows.as_ref().map_or(0, |made| made.offsets.len())
    }

    /// The rows of records from an offset on, where there are any.
    pub(super) fn rows_from(&self, from: Offset) -> Option<RecordBatch> {
        let made = self.rows.as_ref()?;
        let before = made.offsets.partition_point(|offset| *offset < from);
        let rows = made.batch.num_rows() - before;
        (rows > 0).then(|| made.batch.slice(before, rows))
    }

    /// The places from an offset on that gave no row.
    pub(super) fn unusable_from(&self, from: Offset) -> impl Iterator<Item = &Unusable> {
        self.unusable.iter().filter(move |place| place.offset >= from)
    }

    /// One segment with what two that follow each other have.
    pub(super) fn merged(first: &Self, second: &Self) -> Result<Self, ArrowError> {
        let parts: Vec<_> = [&first.rows, &second.rows].into_iter().flatten().collect();
        let rows = match parts.first() {
            None => None,
            Some(any) => {
                let batch = concat_batches(&any.batch.schema(), parts.iter().map(|made| &made.batch))?;
                let offsets = parts.iter().flat_map(|made| made.offsets.iter().copied()).collect();
                Some(MadeRows { batch, offsets })
            }
        };
        let unusable = first.unusable.iter().chain(&second.unusable).cloned().collect();
        Ok(Self::new(rows, unusable, second.end))
    }
}

impl Held {
    pub(super) const fn beginning_at(start: Offset) -> Self {
        Self { start, end: start, told: start, segments: Vec::new() }
    }

    pub(super) fn rows(&self) -> u64 {
        self.segments.iter().map(|segment| segment.row_count() as u64).sum()
    }

    pub(super) fn bytes(&self) -> usize {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    pub(super) const fn end(&self) -> Offset {
        self.end
    }

    pub(super) const fn told(&self) -> Offset {
        self.told
    }

    /// Behind the last record that a query sees.
    pub(super) fn visible(&self) -> Offset {
        self.end.max(self.told)
    }

    /// Where to read on up to `goal`: for memory, where that has room, and for those who are told.
    pub(super) fn next_read(&self, goal: Offset, has_room: bool) -> Option<Offset> {
        let to_hold = (has_room && self.end < goal).then_some(self.end);
        let to_tell = (self.told < goal).then_some(self.told);
        to_hold.into_iter().chain(to_tell).min()
    }

    /// Adds what comes next. `segment` begins at the end.
    pub(super) fn hold(&mut self, segment: Segment) {
        self.end = segment.end;
        self.segments.push(Arc::new(segment));
    }

    pub(super) fn tell(&mut self, next: Offset) {
        self.told = self.told.max(next);
    }

    /// Lets go of segments whose records are all committed.
    pub(super) fn let_go(&mut self, committed: Offset) {
        if committed > self.end {
            return self.jump(committed);
        }
        let passed = self.segments.iter().take_while(|segment| segment.end <= committed).count();
        self.segments.drain(..passed);
        self.start = self.start.max(committed);
    }

    /// Begins anew at an offset.
    pub(super) fn jump(&mut self, to: Offset) {
        self.segments.clear();
        (self.start, self.end) = (to, to);
    }

    /// The last two segments, where they are to be one. Each is at least twice as large as the next, so a row is merged as
    /// often as the rows held double.
    pub(super) fn to_be_merged(&self) -> Option<(Arc<Segment>, Arc<Segment>)> {
        let [.., first, second] = &self.segments[..] else { return None };
        let (rows, next) = (first.row_count(), second.row_count());
        (rows < 2 * next.max(1) && rows + next <= MERGED_ROWS)
            .then(|| (Arc::clone(first), Arc::clone(second)))
    }

    /// Puts one segment in the place of the last two.
    pub(super) fn replace_last_two(&mut self, merged: Segment) {
        self.segments.truncate(self.segments.len().saturating_sub(2));
        self.segments.push(Arc::new(merged));
    }

    pub(super) fn pin(&self) -> PinnedPartition {
        PinnedPartition {
            start: self.start,
            end: self.end,
            visible: self.visible(),
            segments: self.segments.clone(),
        }
    }
}

impl MadeRows {
    /// The rows of records from an offset on.
    pub(crate) fn from(mut self, from: Offset) -> Self {
        let before = self.offsets.partition_point(|offset| *offset < from);
        if before > 0 {
            self.batch = self.batch.slice(before, self.batch.num_rows() - before);
            self.offsets.drain(..before);
        }
        self
    }

    /// The rows of records before an offset.
    pub(crate) fn until(mut self, end: Offset) -> Self {
        let rows = self.offsets.partition_point(|offset| *offset < end);
        if rows < self.offsets.len() {
            self.batch = self.batch.slice(0, rows);
            self.offsets.truncate(rows);
        }
        self
    }
}
