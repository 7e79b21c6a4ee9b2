//! Rows that are not held in memory, read from the log by the query that needs them.

use std::fmt;
use std::sync::Arc;

use arrow_array::RecordBatch;

use super::{Shared, TailError};
use crate::log::{Offset, Topic, TopicPartition};
use crate::record::{Unusable, unusable_rows};
use crate::sink::piece::{MadeRows, Piece};
use crate::table::Table;

/// Bytes of the log that are read at a time.
const PIECE_BYTES: usize = 1024 * 1024;

/// Records of one partition whose rows are still to be read.
#[derive(Clone)]
pub struct Unread {
    shared: Arc<Shared>,
    at: TopicPartition,
    table: Table,
    next: Offset,
    end: Offset,
}

impl Unread {
    pub(super) const fn new(
        shared: Arc<Shared>,
        at: TopicPartition,
        table: Table,
        next: Offset,
        end: Offset,
    ) -> Self {
        Self { shared, at, table, next, end }
    }

    /// The next rows, in the order of the log; `None` after the last. Blocks while the log is read.
    ///
    /// # Errors
    /// [`TailError::Log`] where the log cannot be read or, since the rows have been committed meanwhile, has let them go;
    /// then the query is to be asked again.
    pub fn read(&mut self) -> Result<Option<Vec<RecordBatch>>, TailError> {
        while self.next < self.end {
            let Shared { log, contracts, .. } = &*self.shared;
            let Some(piece) = Piece::read(&**log, contracts, self.at, self.next, PIECE_BYTES)? else {
                return Ok(None);
            };
            self.next = piece.next;
            let batches = self.rows_of(piece)?;
            if !batches.is_empty() {
                return Ok(Some(batches));
            }
        }
        Ok(None)
    }

    fn rows_of(&self, piece: Piece) -> Result<Vec<RecordBatch>, TailError> {
        let Piece { rows, unusable, .. } = piece;
        let is_letters = self.table == Table::DeadLetters;
        let own = rows.filter(|_| !is_letters || self.at.topic == Topic::DeadLetter);
        let own = own.map(|made| MadeRows::until(made, self.end).batch);
        let mut batches: Vec<_> = own.into_iter().filter(|batch| batch.num_rows() > 0).collect();
        let unusable: Vec<Unusable> =
            unusable.into_iter().filter(|place| is_letters && place.offset < self.end).collect();
        if !unusable.is_empty() {
            batches.push(unusable_rows(&unusable)?);
        }
        Ok(batches)
    }
}

impl fmt::Debug for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}..{}", self.at, self.next, self.end)
    }
}
