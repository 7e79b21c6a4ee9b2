//! The one thread that writes: groups of batches into the newest segment, one fdatasync each, and new segments.
//!
//! A batch becomes visible, and its records acknowledged, only after the fdatasync behind it has succeeded. A kernel may drop
//! the pages of a failed fdatasync, so trying that again could succeed without the data being on the disk. What was
//! not durable at an error is therefore cut off and written anew, from memory, into a new segment, again and again until
//! it succeeds; the queue is full meanwhile.

use std::mem;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLockWriteGuard};
use std::time::{Duration, Instant};
use std::{io, thread};

use super::batch::OpenBatch;
use super::index::{BatchEntry, Index, Segment};
use super::segment::{self, SegmentFile};
use super::{Options, Shared};
use crate::log::slots::Slots;
use crate::log::{LogError, TopicPartition};

/// Bytes collected before they are handed to the operating system.
const STAGE: usize = 1024 * 1024;

/// How long to wait after a first failure; after each further one, twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    directory: PathBuf,
    slots: Slots,
    places: Vec<TopicPartition>,
    segment_bytes: u32,
    commit_interval: Duration,
    segment: Arc<SegmentFile>,
    /// The part of the segment that is durable.
    durable: u32,
    /// The part of the segment that is written or staged.
    position: u32,
    staged: Vec<u8>,
    /// Where the batches behind `durable` will be.
    entries: Vec<(usize, BatchEntry)>,
    /// Writing to the segment has failed, so it takes no more.
    is_suspect: bool,
}

impl Writer {
    /// A writer that goes on at this position of the newest segment.
    pub(super) fn new(
        shared: Arc<Shared>,
        directory: PathBuf,
        options: &Options,
        segment: Arc<SegmentFile>,
        position: u32,
    ) -> Self {
        let slots = Slots::new(options.partitions);
        Self {
            shared,
            directory,
            slots,
            places: slots.all().collect(),
            segment_bytes: options.segment_bytes,
            commit_interval: options.commit_interval,
            segment,
            durable: position,
            position,
            staged: Vec::new(),
            entries: Vec::new(),
            is_suspect: false,
        }
    }

    /// Writes until the queue is closed and empty, or closed while nothing can be written.
    pub(super) fn run(mut self) {
        let mut due = Instant::now() + self.commit_interval;
        while let Some(mut group) = self.shared.queue.take(due) {
            due = Instant::now() + self.commit_interval;
            fail::fail_point!("log::group_taken");
            match self.write_persistently(&mut group.batches) {
                Ok(()) => {
                    self.shared.queue.complete(group.records);
                    self.shared.metrics.acknowledged(group.oldest.elapsed());
                }
                Err(error) => return self.fail(error),
            }
        }
    }

    /// Writes a group, however often it takes; gives up only when the log is closed.
    fn write_persistently(&mut self, batches: &mut [(usize, OpenBatch)]) -> Result<(), LogError> {
        let mut written = 0;
        let mut delay = FIRST_PAUSE;
        loop {
            let Err(error) = self.write(batches, &mut written) else { return Ok(()) };
            tracing::warn!(%error, ?delay, "the log cannot be written, to be tried again");
            self.is_suspect = true;
            self.shared.metrics.failed_attempts.add(1);
            if !self.shared.queue.stall(error.clone(), delay) {
                return Err(error);
            }
            delay = (delay * 2).min(LONGEST_PAUSE);
        }
    }

    /// Writes the batches from `written` on, which counts those that are durable.
    fn write(&mut self, batches: &mut [(usize, OpenBatch)], written: &mut usize) -> Result<(), LogError> {
        if self.is_suspect {
            self.abandon_segment()?;
        }
        let mut staged = *written;
        for (slot, batch) in batches.iter_mut().skip(*written) {
            let length = u32::try_from(batch.len()).unwrap_or(u32::MAX);
            let holds_batches = self.position > segment::header_length(self.slots);
            if holds_batches && self.position.saturating_add(length) > self.segment_bytes {
                self.commit()?;
                *written = staged;
                self.begin_segment()?;
            }
            self.stage(*slot, batch, length);
            staged += 1;
            if self.staged.len() >= STAGE {
                self.flush()?;
            }
        }
        self.commit()?;
        *written = staged;
        Ok(())
    }

    fn stage(&mut self, slot: usize, batch: &mut OpenBatch, length: u32) {
        let entry = BatchEntry { base: batch.base, count: batch.count, position: self.position, length };
        self.staged.extend_from_slice(batch.seal(self.places[slot], self.durable));
        self.entries.push((slot, entry));
        self.position += length;
    }

    /// Makes durable what is staged, and shows it to consumers.
    fn commit(&mut self) -> Result<(), LogError> {
        self.flush()?;
        if self.durable == self.position {
            return Ok(());
        }
        fail::fail_point!("log::before_sync");
        let begun = Instant::now();
        self.segment.file.sync_data().map_err(self.segment.io("sync"))?;
        self.shared.metrics.synced(begun.elapsed(), self.position - self.durable);
        fail::fail_point!("log::after_sync");
        self.durable = self.position;
        let entries = mem::take(&mut self.entries);
        let mut index = self.index();
        for (slot, entry) in entries {
            index.add(slot, entry);
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), LogError> {
        let at = u64::from(self.position) - self.staged.len() as u64;
        self.segment.file.write_all_at(&self.staged, at).map_err(self.segment.io("write to"))?;
        self.staged.clear();
        Ok(())
    }

    /// Goes on in a new segment; everything in the old one must be durable.
    fn begin_segment(&mut self) -> Result<(), LogError> {
        fail::fail_point!("log::before_segment");
        let bases = self.index().ends().to_vec();
        let sequence = self.segment.sequence + 1;
        self.segment = Arc::new(SegmentFile::create(&self.directory, sequence, self.slots, &bases)?);
        fail::fail_point!("log::segment_begun");
        self.durable = segment::header_length(self.slots);
        self.position = self.durable;
        self.index().add_segment(Segment::new(Arc::clone(&self.segment), bases));
        Ok(())
    }

    /// After an error: cuts off what is not durable, and goes on in a new segment.
    fn abandon_segment(&mut self) -> Result<(), LogError> {
        self.staged.clear();
        self.entries.clear();
        self.cut_off()?;
        self.begin_segment()?;
        self.is_suspect = false;
        Ok(())
    }

    /// Removes what was never acknowledged from the segment, so that it cannot return from the page cache at the next start
    /// looking as if it were on the disk.
    fn cut_off(&self) -> Result<(), LogError> {
        let cut = self.segment.file.set_len(u64::from(self.durable));
        cut.and_then(|()| self.segment.file.sync_all()).map_err(self.segment.io("shorten"))
    }

    /// Refuses all that comes.
    fn fail(&mut self, error: LogError) {
        tracing::error!(%error, "the log takes no more records");
        if let Err(error) = self.cut_off() {
            tracing::warn!(%error, "what was not acknowledged may come back at the next start");
        }
        self.shared.queue.fail(error);
    }

    fn index(&self) -> RwLockWriteGuard<'_, Index> {
        self.shared.index.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Writer {
    /// A writer that panicked must not leave producers waiting for ever.
    fn drop(&mut self) {
        if thread::panicking() {
            let cause = io::Error::other("the writing thread panicked");
            self.shared.queue.fail(LogError::io("write to", &self.segment.path)(cause));
        }
    }
}
