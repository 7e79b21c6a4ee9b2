//! Segment files: their names, their headers, and reading batches out of them.
//!
//! A segment begins with a header, which is durable before the first batch is written. All numbers are little-endian:
//! magic (8 bytes), version (4), sequence number (8), partitions per topic (2), number of topics (2), then for each
//! topic partition the offset it had reached before this segment (8 each), and the CRC32C of all that (4). Because
//! of those offsets no topic partition begins again at 0 when older segments are gone, and records that vanished
//! with a file are noticed.

use std::fs::{File, OpenOptions};
use std::io;
use std::num::NonZeroU16;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bytes::Buf;

use super::batch::{self, BatchHeader};
use crate::log::slots::Slots;
use crate::log::{Defect, LogError, Offset, Topic};

const MAGIC: [u8; 8] = *b"dl.log\r\n";
const VERSION: u32 = 1;
const FIXED: usize = 24;
const CHECKSUM: usize = 4;
const EXTENSION: &str = "log";

/// A segment's header, decoded.
#[derive(Debug)]
pub(super) struct SegmentHeader {
    /// The offset each slot had reached before the segment.
    pub bases: Vec<Offset>,
    /// Bytes of the header: where the first batch is.
    pub length: u32,
}

/// An open segment, read from any thread by position and written by one.
#[derive(Debug)]
pub(super) struct SegmentFile {
    pub path: PathBuf,
    pub sequence: u64,
    pub file: File,
}

impl SegmentFile {
    /// Creates a segment that begins at these offsets, durable when this returns. Whatever an attempt that died
    /// has left under the name is overwritten.
    pub(super) fn create(
        directory: &Path,
        sequence: u64,
        slots: Slots,
        bases: &[Offset],
    ) -> Result<Self, LogError> {
        let path = path_of(directory, sequence);
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(true).open(&path);
        let file = file.map_err(LogError::io("create", &path))?;
        file.write_all_at(&encode_header(sequence, slots, bases), 0)
            .map_err(LogError::io("write to", &path))?;
        file.sync_all().map_err(LogError::io("sync", &path))?;
        fail::fail_point!("log::segment_written");
        sync_directory(directory)?;
        Ok(Self { path, sequence, file })
    }

    pub(super) fn open(directory: &Path, sequence: u64) -> Result<Self, LogError> {
        let path = path_of(directory, sequence);
        let file = OpenOptions::new().read(true).write(true).open(&path);
        Ok(Self { file: file.map_err(LogError::io("open", &path))?, path, sequence })
    }

    pub(super) fn len(&self) -> Result<u64, LogError> {
        Ok(self.file.metadata().map_err(self.io("examine"))?.len())
    }

    /// Where the segment begins.
    pub(super) fn read_header(&self, slots: Slots) -> Result<SegmentHeader, LogError> {
        let fixed = self.read_up_to(FIXED, 0)?;
        let (partitions, topics) = self.decode_fixed(&fixed)?;
        let entries = usize::from(partitions.get()) * topics;
        let length = header_bytes(entries);
        let whole = self.read_up_to(length, 0)?;
        let bases = decode_bases(&whole, entries).map_err(|defect| self.damaged(0, defect))?;
        if partitions != slots.partitions() {
            return Err(LogError::PartitionCount {
                directory: self.path.parent().unwrap_or(&self.path).to_owned(),
                stored: partitions.get(),
                asked: slots.partitions().get(),
            });
        }
        // A topic that was added after the segment was written begins at 0.
        let bases = bases.into_iter().chain(std::iter::repeat(Offset(0))).take(slots.count()).collect();
        Ok(SegmentHeader { bases, length: narrow(length) })
    }

    /// The batch at this position as bytes, checked.
    pub(super) fn read_batch(&self, position: u64, length: u32) -> Result<(BatchHeader, Vec<u8>), LogError> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let bytes = self.read_up_to(length, position)?;
        let header = batch::decode_checked(&bytes).map_err(|defect| self.damaged(position, defect))?;
        Ok((header, bytes))
    }

    /// Up to `length` bytes at this position, fewer only at the end of the file.
    pub(super) fn read_up_to(&self, length: usize, position: u64) -> Result<Vec<u8>, LogError> {
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, position + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.io("read")(error)),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    pub(super) fn io(&self, operation: &'static str) -> impl FnOnce(io::Error) -> LogError {
        LogError::io(operation, &self.path)
    }

    pub(super) fn damaged(&self, position: u64, defect: Defect) -> LogError {
        LogError::Damaged { file: self.path.clone(), position, defect }
    }

    fn decode_fixed(&self, mut fixed: &[u8]) -> Result<(NonZeroU16, usize), LogError> {
        if fixed.len() < FIXED {
            return Err(self.damaged(0, Defect::Short));
        }
        if !fixed.starts_with(&MAGIC) {
            return Err(self.damaged(0, Defect::Magic));
        }
        fixed.advance(MAGIC.len());
        let version = fixed.get_u32_le();
        if version != VERSION {
            return Err(LogError::Version { file: self.path.clone(), found: version, known: VERSION });
        }
        if fixed.get_u64_le() != self.sequence {
            return Err(self.damaged(0, Defect::Sequence));
        }
        let partitions = NonZeroU16::new(fixed.get_u16_le());
        let topics = usize::from(fixed.get_u16_le());
        match partitions {
            Some(partitions) if topics <= Topic::ALL.len() => Ok((partitions, topics)),
            _ => Err(self.damaged(0, Defect::TopicPartition)),
        }
    }
}

/// Bytes before a segment's batches.
pub(super) fn header_length(slots: Slots) -> u32 {
    narrow(header_bytes(slots.count()))
}

/// The sequence numbers of the segments in a folder, ascending.
pub(super) fn sequences(directory: &Path) -> Result<Vec<u64>, LogError> {
    let entries = directory.read_dir().map_err(LogError::io("list", directory))?;
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.map_err(LogError::io("list", directory))?.file_name();
        found.extend(sequence_of(Path::new(&name)));
    }
    found.sort_unstable();
    Ok(found)
}

/// Makes the creation and removal of files in a folder durable.
pub(super) fn sync_directory(directory: &Path) -> Result<(), LogError> {
    let opened = File::open(directory).map_err(LogError::io("open", directory))?;
    opened.sync_all().map_err(LogError::io("sync", directory))
}

pub(super) fn path_of(directory: &Path, sequence: u64) -> PathBuf {
    directory.join(format!("{sequence:020}.{EXTENSION}"))
}

fn header_bytes(entries: usize) -> usize {
    FIXED + entries * size_of::<u64>() + CHECKSUM
}

/// Headers have at most 8 topics of 65,535 partitions: 4 MB, far below what saturates.
fn narrow(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn sequence_of(name: &Path) -> Option<u64> {
    if name.extension()? != EXTENSION {
        return None;
    }
    let stem = name.file_stem()?.to_str()?;
    (stem.len() == 20).then(|| stem.parse().ok()).flatten()
}

fn encode_header(sequence: u64, slots: Slots, bases: &[Offset]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&sequence.to_le_bytes());
    bytes.extend_from_slice(&slots.partitions().get().to_le_bytes());
    let topics = u16::try_from(Topic::ALL.len()).unwrap_or(u16::MAX);
    bytes.extend_from_slice(&topics.to_le_bytes());
    for base in bases {
        bytes.extend_from_slice(&base.0.to_le_bytes());
    }
    let checksum = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes
}

fn decode_bases(whole: &[u8], entries: usize) -> Result<Vec<Offset>, Defect> {
    let (checked, checksum) = whole.split_last_chunk::<CHECKSUM>().ok_or(Defect::Short)?;
    let bases = checked.get(FIXED..).ok_or(Defect::Short)?;
    let (bases, _) = bases.as_chunks::<8>();
    if bases.len() != entries {
        return Err(Defect::Short);
    }
    if crc32c::crc32c(checked) != u32::from_le_bytes(*checksum) {
        return Err(Defect::Checksum);
    }
    Ok(bases.iter().map(|base| Offset(u64::from_le_bytes(*base))).collect())
}
