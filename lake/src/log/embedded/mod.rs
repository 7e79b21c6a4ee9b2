//! The log in a folder of this machine: one sequence of segment files, shared by all topics.
//!
//! Producers put records into a bounded queue ([`queue`]); one thread ([`writer`]) writes what has gathered there as
//! a group and makes it durable with one fdatasync for all topics; the [`index`] tells consumers where the durable
//! batches are, and they read them by position without meeting the writer. [`recovery`] builds the index when a log
//! is opened, and says there what it does with files that a crash or a disk has spoilt.
//!
//! Within a group raw topics are written before what is derived from them, so a derived record is never on the disk
//! without its source.

mod batch;
mod index;
pub(super) mod queue;
mod recovery;
mod segment;
mod writer;

use std::fs::{self, File, TryLockError};
use std::io;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use depthlake_orderbook::metrics::Page;

use index::{BatchEntry, Found, Index};
use queue::{Queue, WhenFull};
use recovery::Recovered;
use segment::SegmentFile;
use writer::Writer;

use super::metrics::{self, WriterMetrics};
use super::slots::Slots;
use super::{Log, LogError, Offset, Progress, RECORD_LIMIT, Record, StoredRecord, TopicPartition};

const LOCK_FILE: &str = "lock";

/// How a log is laid out and how much it may hold back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Partitions of each topic; fixed when the log is created.
    pub partitions: NonZeroU16,
    /// Size in bytes from which a segment takes no more batches.
    pub segment_bytes: u32,
    /// Bytes of records that may wait for being written.
    pub queue_bytes: usize,
    /// The least time between the beginnings of two groups, unless somebody waits for the queue.
    pub commit_interval: Duration,
}

impl Options {
    /// Segments of 256 MiB, a queue of 64 MiB, a group every 2 ms at most.
    #[must_use]
    pub fn new(partitions: NonZeroU16) -> Self {
        Self {
            partitions,
            segment_bytes: 256 * 1024 * 1024,
            queue_bytes: 64 * 1024 * 1024,
            commit_interval: Duration::from_millis(2),
        }
    }
}

/// The embedded log. Dropping it writes what waits and lets the folder go.
#[derive(Debug)]
pub struct EmbeddedLog {
    directory: PathBuf,
    slots: Slots,
    shared: Arc<Shared>,
    /// The highest released offset of each slot; held while segments are removed, so that they go in order.
    released: Mutex<Vec<Offset>>,
    writer: Option<JoinHandle<()>>,
    /// The kernel lets go of the lock on it when the process ends, however it ends.
    _lock: File,
}

/// What producers, consumers and the writer share.
#[derive(Debug)]
struct Shared {
    queue: Queue,
    index: RwLock<Index>,
    metrics: WriterMetrics,
}

impl EmbeddedLog {
    /// Opens the log in a folder, or creates both. Everything in it is read and checked, and what a crash has left
    /// unfinished is cut off.
    ///
    /// # Errors
    /// [`LogError::InUse`] when another process has it open, [`LogError::PartitionCount`] when it was created with
    /// another number of partitions, [`LogError::Version`] and [`LogError::Damaged`] for files that cannot be understood,
    /// and [`LogError::Io`].
    pub fn open(directory: &Path, options: &Options) -> Result<Self, LogError> {
        Self::open_beginning_at(directory, options, &vec![Offset(0); Slots::new(options.partitions).count()])
    }

    /// As [`EmbeddedLog::open`], but a log that is created begins at these offsets, and at 0 where none is given.
    ///
    /// # Errors
    /// Those of [`EmbeddedLog::open`], and [`LogError::UnknownPartition`].
    pub fn open_going_on_at(
        directory: &Path,
        options: &Options,
        begin: &[(TopicPartition, Offset)],
    ) -> Result<Self, LogError> {
        let slots = Slots::new(options.partitions);
        let mut offsets = vec![Offset(0); slots.count()];
        for (at, offset) in begin {
            offsets[slots.slot(*at)?] = *offset;
        }
        Self::open_beginning_at(directory, options, &offsets)
    }

    /// As [`EmbeddedLog::open`], but a log that is created begins at these offsets, one for each slot.
    pub(super) fn open_beginning_at(
        directory: &Path,
        options: &Options,
        begin: &[Offset],
    ) -> Result<Self, LogError> {
        fs::create_dir_all(directory).map_err(LogError::io("create", directory))?;
        let lock = lock(directory)?;
        if let Some(parent) = directory.canonicalize().ok().as_deref().and_then(Path::parent) {
            segment::sync_directory(parent)?;
        }
        let slots = Slots::new(options.partitions);
        let Recovered { index, segment, position } = recovery::recover(directory, slots, begin)?;
        let queue = Queue::new(index.ends(), options.queue_bytes);
        let shared = Arc::new(Shared { queue, index: RwLock::new(index), metrics: WriterMetrics::default() });
        let writer = Writer::new(Arc::clone(&shared), directory.to_owned(), options, segment, position);
        let thread = thread::Builder::new().name("log-writer".to_owned());
        let writer =
            thread.spawn(move || writer.run()).map_err(LogError::io("start the writer of", directory))?;
        Ok(Self {
            directory: directory.to_owned(),
            slots,
            shared,
            released: Mutex::new(vec![Offset(0); slots.count()]),
            writer: Some(writer),
            _lock: lock,
        })
    }

    /// Whether a log is in a folder.
    pub(super) fn exists(directory: &Path) -> Result<bool, LogError> {
        Ok(directory.is_dir() && !segment::sequences(directory)?.is_empty())
    }

    fn enqueue(&self, at: TopicPartition, record: &Record, when_full: WhenFull) -> Result<Offset, LogError> {
        let slot = self.slots.slot(at)?;
        let size = record.size();
        if size > RECORD_LIMIT {
            return Err(LogError::Oversized { at, size, limit: RECORD_LIMIT });
        }
        self.shared.queue.append(slot, at, record, when_full)
    }

    fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.shared.index.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log for EmbeddedLog {
    fn partitions(&self) -> NonZeroU16 {
        self.slots.partitions()
    }

    fn append(&self, at: TopicPartition, record: &Record) -> Result<Offset, LogError> {
        self.enqueue(at, record, WhenFull::Wait)
    }

    fn try_append(&self, at: TopicPartition, record: &Record) -> Result<Offset, LogError> {
        self.enqueue(at, record, WhenFull::Refuse)
    }

    fn sync(&self) -> Result<(), LogError> {
        self.shared.queue.sync()
    }

    fn start(&self, at: TopicPartition) -> Result<Offset, LogError> {
        let slot = self.slots.slot(at)?;
        Ok(self.index().start(slot))
    }

    fn durable_end(&self, at: TopicPartition) -> Result<Offset, LogError> {
        let slot = self.slots.slot(at)?;
        Ok(self.index().end(slot))
    }

    fn read(
        &self,
        at: TopicPartition,
        from: Offset,
        max_bytes: usize,
    ) -> Result<Vec<StoredRecord>, LogError> {
        let slot = self.slots.slot(at)?;
        let found = self.index().find(slot, from, max_bytes);
        match found {
            Found::Batches(batches) => read_batches(&batches, from, max_bytes),
            Found::End => Ok(Vec::new()),
            Found::Outside { start, end } if from < start => Err(LogError::Released { at, from, start, end }),
            Found::Outside { start, end } => Err(LogError::Beyond { at, from, start, end }),
            Found::Lost { next } => Err(LogError::Lost { at, from, next }),
        }
    }

    fn wait(&self, seen: Progress, timeout: Duration) -> Progress {
        self.shared.queue.wait(seen, timeout)
    }

    fn release(&self, committed: &[(TopicPartition, Offset)]) -> Result<(), LogError> {
        let mut released = self.released.lock().unwrap_or_else(PoisonError::into_inner);
        for (at, offset) in committed {
            let highest = &mut released[self.slots.slot(*at)?];
            *highest = (*highest).max(*offset);
        }
        loop {
            let Some(oldest) = self.index().releasable(&released) else { return Ok(()) };
            fail::fail_point!("log::before_release");
            remove(&oldest.path)?;
            fail::fail_point!("log::segment_removed");
            // One by one and oldest first: after a crash the segments that are left have no gap between them.
            segment::sync_directory(&self.directory)?;
            fail::fail_point!("log::after_release");
            self.shared.index.write().unwrap_or_else(PoisonError::into_inner).remove_oldest();
        }
    }

    fn tell(&self, page: &mut Page) {
        self.tell_as("log", page);
    }

    fn trouble(&self) -> Option<LogError> {
        self.shared.queue.trouble()
    }
}

impl EmbeddedLog {
    /// Tells how it does as the log of this role: `log`, or the `outbox` of one elsewhere.
    pub(super) fn tell_as(&self, role: &str, page: &mut Page) {
        let standing = self.shared.queue.standing();
        let segments = self.index().segments();
        metrics::tell_queue(page, role, &standing, self.shared.queue.limit());
        self.shared.metrics.tell(page, role);
        page.gauge("depthlake_log_segments", "Segment files of the log that are kept.")
            .whole(&[("log", role)], segments as u64);
    }
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        self.shared.queue.close();
        if self.writer.take().is_some_and(|writer| writer.join().is_err()) {
            tracing::error!(directory = %self.directory.display(), "the log's writer panicked");
        }
    }
}

fn lock(directory: &Path) -> Result<File, LogError> {
    let path = directory.join(LOCK_FILE);
    let file = File::create(&path).map_err(LogError::io("create", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LogError::InUse { directory: directory.to_owned() }),
        Err(TryLockError::Error(error)) => Err(LogError::io("lock", &path)(error)),
    }
}

/// Removes a file; one that an earlier attempt has removed already is no error.
fn remove(path: &Path) -> Result<(), LogError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(LogError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

fn read_batches(
    batches: &[(Arc<SegmentFile>, BatchEntry)],
    from: Offset,
    max_bytes: usize,
) -> Result<Vec<StoredRecord>, LogError> {
    let mut records = Vec::new();
    let mut held = 0;
    for (file, entry) in batches {
        let position = u64::from(entry.position);
        let (header, bytes) = file.read_batch(position, entry.length)?;
        for stored in batch::records(&header, Bytes::from(bytes)) {
            let stored = stored.map_err(|defect| file.damaged(position, defect))?;
            if stored.offset < from {
                continue;
            }
            held += stored.record.size();
            if held > max_bytes && !records.is_empty() {
                return Ok(records);
            }
            records.push(stored);
        }
    }
    Ok(records)
}

#[cfg(test)]
mod tests;
