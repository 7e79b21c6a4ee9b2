//! A piece of a topic partition as rows: what both a commit and the [tail](crate::tail) are made of, so that a row that is
//! shown before its commit is the row that will be committed.

use std::time::{SystemTime, UNIX_EPOCH};

use arrow_array::RecordBatch;
use bytes::Bytes;
use depthlake_orderbook::time::Timestamp;

use super::SinkError;
use crate::log::{Foreign, Log, LogError, Offset, Place, StoredRecord, Taken, TopicPartition};
use crate::record::{Contracts, Fault, Rows, Unusable};

/// Records of one topic partition that follow each other, read.
#[derive(Debug)]
pub(crate) struct Piece {
    /// None where the log has lost the records.
    pub(crate) rows: Option<MadeRows>,
    /// The places that gave no row.
    pub(crate) unusable: Vec<Unusable>,
    /// The offset behind the last record.
    pub(crate) next: Offset,
    /// Bytes of the records.
    pub(crate) bytes: usize,
}

/// Rows of a topic's table, and of each the record that it was made of.
#[derive(Debug)]
pub(crate) struct MadeRows {
    pub(crate) batch: RecordBatch,
    pub(crate) offsets: Vec<Offset>,
}

impl Piece {
    /// Reads acknowledged records from an offset on, of so many bytes together, but one at least; `None` at the end.
    pub(crate) fn read(
        log: &dyn Log,
        contracts: &Contracts,
        at: TopicPartition,
        from: Offset,
        bytes: usize,
    ) -> Result<Option<Self>, SinkError> {
        match log.read(at, from, bytes) {
            Ok(records) => Self::of_records(contracts, at, from, records),
            Err(LogError::Lost { next, .. }) => Ok(Some(Self::lost(at, from, next))),
            Err(error) => Err(error.into()),
        }
    }

    /// As [`Piece::read`], but with the messages of others that stand there, which give no rows; returns how many messages
    /// are passed then as well.
    pub(crate) fn take(
        log: &dyn Log,
        contracts: &Contracts,
        at: TopicPartition,
        from: Place,
        bytes: usize,
    ) -> Result<Option<(Self, u64)>, SinkError> {
        let Taken { records, foreign, passed } = match log.take(at, from, bytes) {
            Ok(taken) => taken,
            Err(LogError::Lost { next, .. }) => {
                return Ok(Some((Self::lost(at, from.offset, next), from.passed)));
            }
            Err(error) => return Err(error.into()),
        };
        let piece = Self::of_records(contracts, at, from.offset, records)?;
        if piece.is_none() && passed == from.passed {
            return Ok(None);
        }
        let nothing = || Self { rows: None, unusable: Vec::new(), next: from.offset, bytes: 0 };
        let mut piece = piece.unwrap_or_else(nothing);
        piece.bytes += foreign.iter().map(Foreign::size).sum::<usize>();
        piece.unusable.extend(foreign.into_iter().map(|message| of_another_program(at, message)));
        Ok(Some((piece, passed)))
    }

    fn of_records(
        contracts: &Contracts,
        at: TopicPartition,
        from: Offset,
        records: Vec<StoredRecord>,
    ) -> Result<Option<Self>, SinkError> {
        let records = not_seen_before(from, records);
        let Some(last) = records.last() else { return Ok(None) };
        let next = Offset(last.offset.0.saturating_add(1));
        let bytes = records.iter().map(|stored| stored.record.size()).sum();
        let Rows { batch, offsets, unusable } = contracts.rows(at, &records)?;
        Ok(Some(Self { rows: Some(MadeRows { batch, offsets }), unusable, next, bytes }))
    }

    /// Notes that the log has lost the records before `next`.
    fn lost(at: TopicPartition, from: Offset, next: Offset) -> Self {
        let lost = Unusable {
            at,
            offset: from,
            fault: Fault::Lost { next },
            symbol: None,
            time: now(),
            payload: Bytes::new(),
        };
        Self { rows: None, unusable: vec![lost], next, bytes: 0 }
    }
}

fn of_another_program(at: TopicPartition, message: Foreign) -> Unusable {
    let Foreign { broker_offset, time, value } = message;
    Unusable { at, offset: Offset(broker_offset), fault: Fault::Foreign, symbol: None, time, payload: value }
}

/// Leaves out what was read already: a broker may deliver records again.
fn not_seen_before(mut next: Offset, mut records: Vec<StoredRecord>) -> Vec<StoredRecord> {
    records.retain(|stored| {
        let is_new = stored.offset >= next;
        if is_new {
            next = Offset(stored.offset.0.saturating_add(1));
        }
        is_new
    });
    records
}

fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_1970.as_nanos()).unwrap_or(i64::MAX))
}
