//! Batches as bytes: records of one topic partition that are written and checked together.
//!
//! All numbers are little-endian. A batch is [`HEADER`] bytes and then its records:
//!
//! | at | bytes | what |
//! | --- | --- | --- |
//! | 0 | 4 | magic |
//! | 4 | 4 | length of the batch, these 32 bytes included |
//! | 8 | 4 | CRC32C of everything behind it |
//! | 12 | 2 | topic |
//! | 14 | 2 | partition |
//! | 16 | 4 | number of records |
//! | 20 | 4 | up to where its file was durable when the batch was written |
//! | 24 | 8 | offset of the first record |
//!
//! A record is its append time (8), the lengths of key, header and value (4 each), and their bytes.

use bytes::{Buf, Bytes, TryGetError};
use depthlake_orderbook::time::Timestamp;

use crate::log::{Defect, Offset, Partition, RECORD_LIMIT, Record, StoredRecord, Topic, TopicPartition};

/// Bytes before a batch's records.
pub(super) const HEADER: usize = 32;

/// What marks the beginning of a batch.
pub(super) const MAGIC: [u8; 4] = *b"dlB\x01";

/// From this size on a batch takes no more records, so that reading a little costs little.
const FULL: usize = 256 * 1024;

/// No batch is longer.
pub(super) const LIMIT: usize = HEADER + FULL + RECORD_LIMIT + RECORD_OVERHEAD;

const RECORD_OVERHEAD: usize = 20;
const CHECKED_FROM: usize = 12;

/// The beginning of a batch, decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BatchHeader {
    pub at: TopicPartition,
    pub base: Offset,
    pub count: u32,
    /// Length of the whole batch in bytes.
    pub length: u32,
    /// Up to where its file was durable when the batch was written.
    pub durable: u32,
    checksum: u32,
}

impl BatchHeader {
    /// The offset after the last record.
    pub(super) fn end(&self) -> Offset {
        Offset(self.base.0.saturating_add(u64::from(self.count)))
    }
}

/// A batch that still grows, in memory.
#[derive(Debug)]
pub(super) struct OpenBatch {
    pub base: Offset,
    pub count: u32,
    bytes: Vec<u8>,
}

impl OpenBatch {
    pub(super) fn new(base: Offset) -> Self {
        Self { base, count: 0, bytes: vec![0; HEADER] }
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= FULL
    }

    /// Length of the whole batch in bytes.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a record of at most [`RECORD_LIMIT`] bytes.
    pub(super) fn push(&mut self, appended_at: Timestamp, record: &Record) {
        self.bytes.extend_from_slice(&appended_at.0.to_le_bytes());
        for part in [&record.key, &record.header, &record.value] {
            self.bytes.extend_from_slice(&narrow(part.len()).to_le_bytes());
        }
        for part in [&record.key, &record.header, &record.value] {
            self.bytes.extend_from_slice(part);
        }
        self.count += 1;
    }

    /// The finished bytes. `durable` is the length of the part of the file that is known to be durable. A batch may be
    /// sealed again for another place.
    pub(super) fn seal(&mut self, at: TopicPartition, durable: u32) -> &[u8] {
        let length = narrow(self.bytes.len());
        let (header, records) = self.bytes.split_at_mut(HEADER);
        header[0..4].copy_from_slice(&MAGIC);
        header[4..8].copy_from_slice(&length.to_le_bytes());
        header[12..14].copy_from_slice(&(at.topic as u16).to_le_bytes());
        header[14..16].copy_from_slice(&at.partition.0.to_le_bytes());
        header[16..20].copy_from_slice(&self.count.to_le_bytes());
        header[20..24].copy_from_slice(&durable.to_le_bytes());
        header[24..32].copy_from_slice(&self.base.0.to_le_bytes());
        let checksum = crc32c::crc32c_append(crc32c::crc32c(&header[CHECKED_FROM..]), records);
        header[8..12].copy_from_slice(&checksum.to_le_bytes());
        &self.bytes
    }
}

/// Bytes that a record takes in a batch.
pub(super) fn encoded_size(record: &Record) -> usize {
    RECORD_OVERHEAD + record.size()
}

/// Decodes the first [`HEADER`] bytes of a batch; says nothing about the checksum.
pub(super) fn decode_header(mut bytes: &[u8]) -> Result<BatchHeader, Defect> {
    if bytes.len() < HEADER {
        return Err(Defect::Short);
    }
    if !bytes.starts_with(&MAGIC) {
        return Err(Defect::Magic);
    }
    bytes.advance(MAGIC.len());
    let length = bytes.get_u32_le();
    let checksum = bytes.get_u32_le();
    let topic = bytes.get_u16_le();
    let partition = Partition(bytes.get_u16_le());
    let count = bytes.get_u32_le();
    let durable = bytes.get_u32_le();
    let base = Offset(bytes.get_u64_le());
    let size = usize::try_from(length).unwrap_or(usize::MAX);
    if !(HEADER..=LIMIT).contains(&size) {
        return Err(Defect::Length);
    }
    let topic = *Topic::ALL.get(usize::from(topic)).ok_or(Defect::TopicPartition)?;
    Ok(BatchHeader { at: TopicPartition::new(topic, partition), base, count, length, durable, checksum })
}

/// Decodes the header of a whole batch and checks every byte of the batch.
pub(super) fn decode_checked(bytes: &[u8]) -> Result<BatchHeader, Defect> {
    let header = decode_header(bytes)?;
    if usize::try_from(header.length) != Ok(bytes.len()) {
        return Err(Defect::Length);
    }
    let checked = bytes.get(CHECKED_FROM..).ok_or(Defect::Short)?;
    if crc32c::crc32c(checked) != header.checksum {
        return Err(Defect::Checksum);
    }
    Ok(header)
}

/// The records of a whole, checked batch, without copying them.
pub(super) fn records(
    header: &BatchHeader,
    mut bytes: Bytes,
) -> impl Iterator<Item = Result<StoredRecord, Defect>> + use<> {
    bytes.advance(HEADER.min(bytes.len()));
    (header.base.0..header.end().0).map(move |offset| {
        let (appended_at, record) = take_record(&mut bytes).ok_or(Defect::Records)?;
        Ok(StoredRecord { offset: Offset(offset), appended_at, record })
    })
}

fn take_record(bytes: &mut Bytes) -> Option<(Timestamp, Record)> {
    let (time, [key, header, value]) = take_lengths(bytes).ok()?;
    let mut part = |length: usize| (length <= bytes.len()).then(|| bytes.split_to(length));
    Some((time, Record { key: part(key)?, header: part(header)?, value: part(value)? }))
}

fn take_lengths(bytes: &mut Bytes) -> Result<(Timestamp, [usize; 3]), TryGetError> {
    let time = Timestamp(bytes.try_get_i64_le()?);
    let mut length = || bytes.try_get_u32_le().map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    Ok((time, [length()?, length()?, length()?]))
}

/// Lengths here are bounded by [`LIMIT`], far below what saturates.
fn narrow(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(records: &[Record]) -> Vec<u8> {
        let mut batch = OpenBatch::new(Offset(7));
        for (second, record) in (0..).zip(records) {
            batch.push(Timestamp(second), record);
        }
        batch.seal(TopicPartition::new(Topic::Trade, Partition(3)), 4_096).to_vec()
    }

    fn some_records() -> [Record; 2] {
        let record = |text: &'static str| Record {
            key: Bytes::from_static(b"BTCUSDT"),
            header: Bytes::new(),
            value: Bytes::from_static(text.as_bytes()),
        };
        [record("first"), record("")]
    }

    #[test]
    fn a_batch_comes_back_as_it_went_in() {
        let bytes = Bytes::from(sealed(&some_records()));
        let header = decode_checked(&bytes).unwrap();
        assert_eq!((header.base, header.end(), header.durable), (Offset(7), Offset(9), 4_096));
        assert_eq!(header.at, TopicPartition::new(Topic::Trade, Partition(3)));
        let stored: Vec<StoredRecord> = records(&header, bytes).map(Result::unwrap).collect();
        assert_eq!(stored.iter().map(|record| record.record.clone()).collect::<Vec<_>>(), some_records());
        assert_eq!((stored[1].offset, stored[1].appended_at), (Offset(8), Timestamp(1)));
    }

    #[test]
    fn no_changed_bit_and_no_missing_byte_passes() {
        let whole = sealed(&some_records());
        for bit in 0..whole.len() * 8 {
            let mut changed = whole.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(decode_checked(&changed).is_err(), "bit {bit}");
        }
        for length in 0..whole.len() {
            assert!(decode_checked(&whole[..length]).is_err(), "length {length}");
        }
    }
}
