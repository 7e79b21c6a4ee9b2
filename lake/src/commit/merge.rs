//! Merging sorted files into one sorted stream of rows, in bounded memory.
//!
//! Each input holds one batch. The input with the least row gives rows for as long as they are not greater than the least
//! of the others; where rows compare equal, the input given first goes first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::interleave::interleave_record_batch;
use iceberg::{Error, ErrorKind, Result};

use super::row_reader::RowReader;
use super::sort_key::SortKeys;

/// Rows of a merged batch.
const MERGED_ROWS: usize = 8_192;

/// Sorted inputs, read as one.
pub(super) struct Merge {
    inputs: Vec<Input>,
    /// The key of the next row of each input that is not at its end.
    heads: BinaryHeap<Reverse<(Vec<u8>, usize)>>,
    sorted_by: &'static [&'static str],
    schema: SchemaRef,
    /// Rows that are next, as input and row of its batch.
    taken: Vec<(usize, usize)>,
}

struct Input {
    reader: RowReader,
    batch: RecordBatch,
    keys: SortKeys,
    next: usize,
}

impl Merge {
    pub(super) async fn new(
        readers: Vec<RowReader>,
        schema: SchemaRef,
        sorted_by: &'static [&'static str],
    ) -> Result<Self> {
        let mut merge = Self {
            inputs: Vec::with_capacity(readers.len()),
            heads: BinaryHeap::with_capacity(readers.len()),
            sorted_by,
            schema,
            taken: Vec::with_capacity(MERGED_ROWS),
        };
        for (index, reader) in readers.into_iter().enumerate() {
            let (batch, keys) = (RecordBatch::new_empty(merge.schema.clone()), SortKeys::default());
            merge.inputs.push(Input { reader, batch, keys, next: 0 });
            merge.refill(index).await?;
        }
        Ok(merge)
    }

    /// The next rows; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<RecordBatch>> {
        while let Some(Reverse((key, index))) = self.heads.pop() {
            let is_at_end = self.take_run(index);
            if is_at_end {
                // The batch is given up with the refill, so its rows must have been written.
                let merged = self.merged()?;
                self.refill(index).await?;
                return Ok(Some(merged));
            }
            self.push_head(index, key);
            if self.taken.len() >= MERGED_ROWS {
                return self.merged().map(Some);
            }
        }
        Ok(None)
    }

    /// Takes rows of an input while they are not behind the heads of the others; says whether its batch has ended.
    fn take_run(&mut self, index: usize) -> bool {
        let limit = self.heads.peek();
        let Some(input) = self.inputs.get_mut(index) else { return false };
        let room = MERGED_ROWS.saturating_sub(self.taken.len()).max(1);
        let end = input.batch.num_rows().min(input.next + room);
        while input.next < end {
            let before = limit.is_none_or(|Reverse((key, other))| {
                (input.keys.key(input.next), index) < (key.as_slice(), *other)
            });
            if !before {
                break;
            }
            self.taken.push((index, input.next));
            input.next += 1;
        }
        input.next == input.batch.num_rows()
    }

    fn push_head(&mut self, index: usize, mut key: Vec<u8>) {
        let Some(input) = self.inputs.get(index) else { return };
        key.clear();
        key.extend_from_slice(input.keys.key(input.next));
        self.heads.push(Reverse((key, index)));
    }

    /// Reads an input's next batch; where there is none the input has ended.
    async fn refill(&mut self, index: usize) -> Result<()> {
        let Some(input) = self.inputs.get_mut(index) else { return Ok(()) };
        loop {
            let Some(batch) = input.reader.next().await? else { return Ok(()) };
            if batch.num_rows() > 0 {
                input.keys = SortKeys::of(&batch, self.sorted_by)?;
                (input.batch, input.next) = (batch, 0);
                break;
            }
        }
        self.push_head(index, Vec::new());
        Ok(())
    }

    fn merged(&mut self) -> Result<RecordBatch> {
        let batches: Vec<_> = self.inputs.iter().map(|input| &input.batch).collect();
        let merged = interleave_record_batch(&batches, &self.taken).map_err(|error| unmergeable(&error));
        self.taken.clear();
        merged
    }
}

fn unmergeable(error: &ArrowError) -> Error {
    Error::new(ErrorKind::DataInvalid, format!("rows cannot be merged: {error}"))
}
