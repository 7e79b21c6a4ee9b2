//! Opening what is on the disk: every segment is read and checked, and the index built from it.
//!
//! Two kinds of bad bytes are told apart. A *torn tail* is what a crash leaves of a group that was never
//! acknowledged; it is cut off. *Damage* is anything else: bad bytes in a segment that has a successor, or bad
//! bytes with a batch behind them that was written when the place was already durable (each batch says how far its
//! file was durable then). Damage is never cut off: the good batches behind it are kept under their offsets, the
//! lost range is logged as an error, and a read that reaches it gets [`LogError::Lost`]. Offsets are never given out
//! twice. What remains: damage to the very last group cannot be told from a torn tail.

use std::path::Path;
use std::sync::Arc;

use super::batch::{self, BatchHeader, MAGIC};
use super::index::{BatchEntry, Index, Segment};
use super::segment::{self, SegmentFile, SegmentHeader};
use crate::log::slots::Slots;
use crate::log::{Defect, LogError, Offset, TopicPartition};

/// Bytes read at a time when looking for the next good batch.
const WINDOW: usize = 64 * 1024;

/// A log as found on the disk, ready to be continued.
#[derive(Debug)]
pub(super) struct Recovered {
    pub index: Index,
    /// The newest segment.
    pub segment: Arc<SegmentFile>,
    /// Where its next batch goes.
    pub position: u32,
}

/// Whether a segment has a successor, and so was durable as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Sealed,
    Newest,
}

/// Opens the segments in a folder, or creates the first, which begins at the offsets in `begin`.
pub(super) fn recover(directory: &Path, slots: Slots, begin: &[Offset]) -> Result<Recovered, LogError> {
    let mut sequences = segment::sequences(directory)?;
    let newest = sequences.pop();
    let mut older = None;
    for sequence in sequences {
        let file = Arc::new(SegmentFile::open(directory, sequence)?);
        let header = file.read_header(slots)?;
        let mut index = extended(older, &file, header.bases, slots)?;
        scan(&mut index, &file, header.length, slots, Role::Sealed)?;
        older = Some(index);
    }
    let (file, header) = match newest {
        Some(sequence) => open_newest(directory, sequence, slots, older.as_ref(), begin)?,
        None => create(directory, 0, slots, begin.to_vec())?,
    };
    let segment = Arc::new(file);
    let mut index = extended(older, &segment, header.bases, slots)?;
    let end = scan(&mut index, &segment, header.length, slots, Role::Newest)?;
    let position = u32::try_from(end).map_err(|_| segment.damaged(end, Defect::Length))?;
    // What a process that was killed had written may be in memory only; from here on it counts as durable.
    segment.file.sync_all().map_err(segment.io("sync"))?;
    segment::sync_directory(directory)?;
    Ok(Recovered { index, segment, position })
}

/// Opens the newest segment. One whose header a crash kept from being completed holds nothing yet and is created again.
fn open_newest(
    directory: &Path,
    sequence: u64,
    slots: Slots,
    older: Option<&Index>,
    begin: &[Offset],
) -> Result<(SegmentFile, SegmentHeader), LogError> {
    let file = SegmentFile::open(directory, sequence)?;
    let error = match file.read_header(slots) {
        Ok(header) => return Ok((file, header)),
        Err(error) => error,
    };
    let bases = match older {
        Some(index) => index.ends().to_vec(),
        None if sequence == 0 => begin.to_vec(),
        None => return Err(error),
    };
    let is_unfinished =
        matches!(error, LogError::Damaged { .. }) && next_batch(&file, 0, file.len()?)?.is_none();
    if !is_unfinished {
        return Err(error);
    }
    tracing::warn!(file = %file.path.display(), "creating again a log segment without a header and without records");
    create(directory, sequence, slots, bases)
}

fn create(
    directory: &Path,
    sequence: u64,
    slots: Slots,
    bases: Vec<Offset>,
) -> Result<(SegmentFile, SegmentHeader), LogError> {
    let file = SegmentFile::create(directory, sequence, slots, &bases)?;
    Ok((file, SegmentHeader { bases, length: segment::header_length(slots) }))
}

/// The index with one more segment.
fn extended(
    older: Option<Index>,
    file: &Arc<SegmentFile>,
    bases: Vec<Offset>,
    slots: Slots,
) -> Result<Index, LogError> {
    let Some(mut index) = older else {
        return Ok(Index::new(Segment::new(Arc::clone(file), bases)));
    };
    for ((at, end), base) in slots.all().zip(index.ends()).zip(&bases) {
        check_continues(file, 0, at, *end, *base)?;
    }
    index.add_segment(Segment::new(Arc::clone(file), bases));
    Ok(index)
}

/// Adds the batches of a segment to the index, and returns where they end.
fn scan(
    index: &mut Index,
    file: &SegmentFile,
    begin: u32,
    slots: Slots,
    role: Role,
) -> Result<u64, LogError> {
    let length = file.len()?;
    let mut position = u64::from(begin);
    while position < length {
        let defect = match read_batch(file, position, length)? {
            Ok(header) => {
                add(index, file, slots, &header, position)?;
                position += u64::from(header.length);
                continue;
            }
            Err(defect) => defect,
        };
        let file_name = file.path.display();
        match (batch_behind(file, position, length, role)?, role) {
            (Some(next), _) => {
                tracing::error!(file = %file_name, position, next, %defect, "the log is damaged");
                position = next;
            }
            (None, Role::Sealed) => {
                tracing::error!(file = %file_name, position, next = length, %defect, "the log is damaged");
                position = length;
            }
            (None, Role::Newest) => {
                tracing::warn!(file = %file_name, position, length, %defect, "cutting off the log's torn tail");
                file.file.set_len(position).map_err(file.io("shorten"))?;
                return Ok(position);
            }
        }
    }
    Ok(position)
}

fn add(
    index: &mut Index,
    file: &SegmentFile,
    slots: Slots,
    header: &BatchHeader,
    position: u64,
) -> Result<(), LogError> {
    let slot = slots.slot(header.at).map_err(|_| file.damaged(position, Defect::TopicPartition))?;
    check_continues(file, position, header.at, index.end(slot), header.base)?;
    let entry_position = u32::try_from(position).map_err(|_| file.damaged(position, Defect::Length))?;
    index.add(slot, BatchEntry::new(header, entry_position));
    Ok(())
}

/// Compares where a topic partition goes on with where it should; a range left out has been lost.
fn check_continues(
    file: &SegmentFile,
    position: u64,
    at: TopicPartition,
    expected: Offset,
    found: Offset,
) -> Result<(), LogError> {
    if found < expected {
        return Err(file.damaged(position, Defect::Offsets));
    }
    if found > expected {
        tracing::error!(%at, from = %expected, next = %found, "records of the log are lost");
    }
    Ok(())
}

/// Where the good batches behind bad bytes begin, if there are any that show the bad bytes to have been durable.
fn batch_behind(file: &SegmentFile, bad: u64, length: u64, role: Role) -> Result<Option<u64>, LogError> {
    let mut first = None;
    let mut from = bad + 1;
    while let Some((position, header)) = next_batch(file, from, length)? {
        first = first.or(Some(position));
        if role == Role::Sealed || u64::from(header.durable) > bad {
            return Ok(first);
        }
        from = position + u64::from(header.length);
    }
    Ok(None)
}

/// The first good batch at or behind a position.
fn next_batch(file: &SegmentFile, from: u64, length: u64) -> Result<Option<(u64, BatchHeader)>, LogError> {
    let mut begin = from;
    loop {
        let window = file.read_up_to(WINDOW, begin)?;
        for (at, bytes) in (begin..).zip(window.windows(MAGIC.len())) {
            if bytes != MAGIC {
                continue;
            }
            if let Ok(header) = read_batch(file, at, length)? {
                return Ok(Some((at, header)));
            }
        }
        if window.len() < WINDOW {
            return Ok(None);
        }
        // The magic bytes may lie across the end of the window.
        begin += (WINDOW - MAGIC.len() + 1) as u64;
    }
}

/// The header of the batch at a position, if every byte of the batch is good.
fn read_batch(
    file: &SegmentFile,
    position: u64,
    length: u64,
) -> Result<Result<BatchHeader, Defect>, LogError> {
    let header = match batch::decode_header(&file.read_up_to(batch::HEADER, position)?) {
        Ok(header) => header,
        Err(defect) => return Ok(Err(defect)),
    };
    if position + u64::from(header.length) > length {
        return Ok(Err(Defect::Short));
    }
    match file.read_batch(position, header.length) {
        Ok((header, _)) => Ok(Ok(header)),
        Err(LogError::Damaged { defect, .. }) => Ok(Err(defect)),
        Err(error) => Err(error),
    }
}
