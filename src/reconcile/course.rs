//! The raw messages of one partition in the order of their offsets, and where some are lost.

use std::collections::BTreeSet;
use std::ops::Range;

use anyhow::{Context, Result};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Int64Array, RecordBatch, StringViewArray};
use depthlake_orderbook::frame::FrameKind;
use depthlake_orderbook::time::Timestamp;

/// How long after a session that begins in the midst of things what it gives is not looked at: bars that were open then are
/// not whole. Deriving begins so long before the times that are looked at.
pub const RUN_UP: i64 = 120_000_000_000;

/// Where deriving begins.
#[derive(Debug, Clone, Copy)]
pub struct Begin {
    pub offset: i64,
    /// What was received before is not looked at.
    pub judged_from: Timestamp,
}

/// Messages whose rows are compared together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    pub offsets: Range<i64>,
    pub judged_from: Timestamp,
}

/// What to do with messages.
#[derive(Debug)]
pub enum Step {
    /// They follow those before.
    Derive(RecordBatch),
    /// After this window messages are lost, at these offsets. Those up to the next session are passed over.
    Lost(Window, Range<i64>),
}

/// How far the messages have come.
#[derive(Debug)]
pub struct Course {
    window: Window,
    waiting: usize,
    /// Whether a message was lost and no session has begun since.
    is_lost: bool,
    gaps: Gaps,
    /// The last offset that was looked at.
    last: Option<i64>,
}

/// Offsets that are out of the line.
#[derive(Debug, Clone, Default)]
pub struct Gaps {
    /// Of messages that no row could be made of: nothing follows from them.
    pub unreadable: BTreeSet<i64>,
    /// Of messages of which there are rows that differ: they count as lost.
    pub disputed: BTreeSet<i64>,
}

impl Course {
    pub fn begin(begin: Begin, gaps: Gaps) -> Self {
        let window = Window { offsets: begin.offset..begin.offset, judged_from: begin.judged_from };
        Self { window, waiting: 0, is_lost: false, gaps, last: None }
    }

    /// Messages since the last window.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// The messages since the last window, which begins anew with the next.
    pub fn take_window(&mut self) -> Window {
        let window = self.window.clone();
        self.window.offsets.start = self.window.offsets.end;
        self.waiting = 0;
        window
    }

    /// Takes the next raw rows apart where messages are lost.
    ///
    /// # Errors
    /// Where the rows lack the columns of raw rows.
    pub fn steps(&mut self, batch: &RecordBatch) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        for run in self.once(batch)? {
            self.run(&run, &mut steps)?;
        }
        Ok(steps)
    }

    fn run(&mut self, batch: &RecordBatch, steps: &mut Vec<Step>) -> Result<()> {
        let rows = Rows::of(batch)?;
        let mut at = 0;
        while at < rows.count() {
            if self.is_lost {
                at = self.next_session(&rows, at);
                continue;
            }
            let end = self.first_lost(&rows, at);
            if end > at {
                let last = rows.offset(end - 1);
                self.window.offsets.end = last + 1;
                self.waiting += end - at;
                steps.push(Step::Derive(batch.slice(at, end - at)));
            }
            if end < rows.count() {
                let lost = self.window.offsets.end..rows.offset(end);
                steps.push(Step::Lost(self.take_window(), lost));
                self.is_lost = true;
            }
            at = end;
        }
        Ok(())
    }

    /// The rows whose offset has not come yet and is not disputed, in runs.
    fn once(&mut self, batch: &RecordBatch) -> Result<Vec<RecordBatch>> {
        let rows = Rows::of(batch)?;
        let (mut runs, mut begin) = (Vec::new(), 0);
        for (row, &offset) in rows.offsets.values().iter().enumerate() {
            let is_first = self.last.replace(offset) != Some(offset);
            if is_first && !self.gaps.disputed.contains(&offset) {
                continue;
            }
            if begin < row {
                runs.push(batch.slice(begin, row - begin));
            }
            begin = row + 1;
        }
        if begin < batch.num_rows() {
            runs.push(batch.slice(begin, batch.num_rows() - begin));
        }
        Ok(runs)
    }

    /// The first row from one on before which messages are lost; the count of rows where none is.
    fn first_lost(&self, rows: &Rows<'_>, from: usize) -> usize {
        let mut next = self.window.offsets.end;
        for row in from..rows.count() {
            let offset = rows.offset(row);
            let missing = usize::try_from(offset.saturating_sub(next)).unwrap_or(0);
            if missing > 0 && self.gaps.unreadable.range(next..offset).count() < missing {
                return row;
            }
            next = offset + 1;
        }
        rows.count()
    }

    /// Goes on with the first session from a row on; gives its row, or the count of rows where there is none.
    fn next_session(&mut self, rows: &Rows<'_>, from: usize) -> usize {
        let Some(row) = (from..rows.count()).find(|row| rows.begins_session(*row)) else {
            return rows.count();
        };
        let offset = rows.offset(row);
        let judged_from = Timestamp(rows.received.value(row).saturating_add(RUN_UP));
        self.window =
            Window { offsets: offset..offset, judged_from: judged_from.max(self.window.judged_from) };
        self.is_lost = false;
        row
    }
}

struct Rows<'a> {
    offsets: &'a Int64Array,
    received: &'a Int64Array,
    kinds: &'a StringViewArray,
}

impl<'a> Rows<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self> {
        let longs = |name| batch.column_by_name(name)?.as_primitive_opt::<Int64Type>();
        Ok(Self {
            offsets: longs("offset").context("the raw rows have no offset")?,
            received: longs("received_ns").context("the raw rows have no received_ns")?,
            kinds: batch
                .column_by_name("kind")
                .and_then(|kinds| kinds.as_string_view_opt())
                .context("the raw rows have no kind")?,
        })
    }

    fn count(&self) -> usize {
        self.offsets.len()
    }

    fn offset(&self, row: usize) -> i64 {
        self.offsets.value(row)
    }

    fn begins_session(&self, row: usize) -> bool {
        self.kinds.value(row) == FrameKind::SessionStart.name()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::ArrayRef;

    use super::*;

    /// Rows of these offsets, received a second apart; a session begins at 0 and at 20.
    fn rows(offsets: &[i64]) -> RecordBatch {
        let kind = |offset: &i64| if offset % 20 == 0 { "session_start" } else { "trade" };
        let columns: [(&str, ArrayRef); 3] = [
            ("offset", Arc::new(Int64Array::from(offsets.to_vec()))),
            (
                "received_ns",
                Arc::new(offsets.iter().map(|offset| offset * 1_000_000_000).collect::<Int64Array>()),
            ),
            ("kind", Arc::new(StringViewArray::from_iter_values(offsets.iter().map(kind)))),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn told(batches: &[&[i64]], unreadable: &[i64]) -> Vec<String> {
        let unreadable = unreadable.iter().copied().collect();
        told_with(batches, Gaps { unreadable, ..Gaps::default() })
    }

    fn told_with(batches: &[&[i64]], gaps: Gaps) -> Vec<String> {
        let begin = Begin { offset: 0, judged_from: Timestamp(0) };
        let mut course = Course::begin(begin, gaps);
        let mut told = Vec::new();
        for batch in batches {
            told.extend(course.steps(&rows(batch)).unwrap().iter().map(|step| match step {
                Step::Derive(rows) => format!("derive {}", rows.num_rows()),
                Step::Lost(window, lost) => format!("compare {:?}, lost {lost:?}", window.offsets),
            }));
        }
        let Window { offsets, judged_from } = course.take_window();
        told.push(format!("compare {offsets:?} from {} s", judged_from.0 / 1_000_000_000));
        told
    }

    #[test]
    fn what_follows_from_lost_messages_is_passed_over_up_to_the_next_session() {
        assert_eq!(told(&[&[0, 1, 2], &[3]], &[]), ["derive 3", "derive 1", "compare 0..4 from 0 s"]);
        assert_eq!(
            told(&[&[0, 1, 5, 6], &[7, 19, 20, 21]], &[]),
            ["derive 2", "compare 0..2, lost 2..5", "derive 2", "compare 20..22 from 140 s"]
        );
        assert_eq!(
            told(&[&[0, 1], &[5, 6]], &[]),
            ["derive 2", "compare 0..2, lost 2..5", "compare 2..2 from 0 s"]
        );
    }

    #[test]
    fn a_message_that_is_there_twice_is_derived_once() {
        assert_eq!(
            told(&[&[0, 1, 1, 2], &[2, 2], &[2, 3]], &[]),
            ["derive 2", "derive 1", "derive 1", "compare 0..4 from 0 s"]
        );
    }

    #[test]
    fn messages_of_which_rows_differ_count_as_lost() {
        let gaps = Gaps { disputed: [1, 2].into(), ..Gaps::default() };
        assert_eq!(
            told_with(&[&[0, 1, 1, 2], &[2, 3, 20, 21]], gaps),
            ["derive 1", "compare 0..1, lost 1..3", "derive 2", "compare 20..22 from 140 s"]
        );
    }

    #[test]
    fn messages_that_nobody_can_read_are_not_lost() {
        assert_eq!(told(&[&[0, 1, 4]], &[2, 3]), ["derive 3", "compare 0..5 from 0 s"]);
        assert_eq!(
            told(&[&[0, 1, 4]], &[2]),
            ["derive 2", "compare 0..2, lost 2..4", "compare 2..2 from 0 s"]
        );
    }
}
