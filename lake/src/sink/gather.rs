//! Reading what waits in the log, and making rows of it: what one commit appends.
//!
//! Some threads take turns at the partitions, a piece at a time, until the budget is used up or nothing waits. So a
//! partition with much does not keep the others waiting, and what one commit leaves the next takes.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use arrow_array::RecordBatch;
use tracing::warn;

use super::piece::Piece;
use super::{Places, SinkError, foreign_topic};
use crate::commit::{OffsetRange, TableChange};
use crate::log::{Log, Offset, Place, TopicPartition};
use crate::record::{Contracts, Unusable, table_of, unusable_rows};
use crate::table::Table;

/// Bytes of a partition that are read at a time.
const PIECE_BYTES: usize = 1024 * 1024;
/// More threads than this would only hold memory.
const MOST_THREADS: usize = 4;

/// What one commit appends.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) changes: Vec<TableChange>,
    /// The partitions it reads on, and where it stops.
    pub(super) ends: Vec<(TopicPartition, Place)>,
    /// Bytes of the records read.
    pub(super) log_bytes: usize,
    /// What gave no row of its topic's table.
    pub(super) unusable: Vec<Unusable>,
}

/// Reads the log from `from` on, about `bytes` of it, and makes rows.
pub(super) fn gather(
    log: &dyn Log,
    contracts: &Contracts,
    from: &Places,
    bytes: usize,
) -> Result<Gathered, SinkError> {
    let mut waiting = VecDeque::new();
    for (&at, &next) in from {
        if log.has_more(at, next)? {
            waiting.push_back(Reading::new(at, next, log.durable_end(at)?));
        }
    }
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = threads.min(MOST_THREADS).min(waiting.len());
    let queue = Queue {
        contracts,
        waiting: Mutex::new(waiting),
        read: Mutex::default(),
        budget: bytes,
        taken: AtomicUsize::new(0),
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| queue.work(log))).collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    let mut readings = lock(&queue.read).split_off(0);
    readings.extend(lock(&queue.waiting).drain(..));
    into_changes(readings)
}

/// One partition on its way into a commit.
#[derive(Debug)]
struct Reading {
    at: TopicPartition,
    start: Place,
    next: Place,
    /// The end when the commit began: producers that go on do not keep it from ending.
    goal: Offset,
    bytes: usize,
    batches: Vec<RecordBatch>,
    unusable: Vec<Unusable>,
}

/// The partitions that the threads share.
#[derive(Debug)]
struct Queue<'a> {
    contracts: &'a Contracts,
    waiting: Mutex<VecDeque<Reading>>,
    read: Mutex<Vec<Reading>>,
    budget: usize,
    taken: AtomicUsize,
}

impl Queue<'_> {
    fn work(&self, log: &dyn Log) -> Result<(), SinkError> {
        while self.taken.load(Ordering::Relaxed) < self.budget {
            let Some(mut reading) = lock(&self.waiting).pop_front() else { break };
            self.taken.fetch_add(reading.read_piece(log, self.contracts)?, Ordering::Relaxed);
            if reading.next.offset < reading.goal {
                lock(&self.waiting).push_back(reading);
            } else {
                lock(&self.read).push(reading);
            }
        }
        Ok(())
    }
}

impl Reading {
    const fn new(at: TopicPartition, start: Place, goal: Offset) -> Self {
        Self { at, start, next: start, goal, bytes: 0, batches: Vec::new(), unusable: Vec::new() }
    }

    /// Reads on, and returns how many bytes were read.
    fn read_piece(&mut self, log: &dyn Log, contracts: &Contracts) -> Result<usize, SinkError> {
        let Some((piece, passed)) = Piece::take(log, contracts, self.at, self.next, PIECE_BYTES)? else {
            self.goal = self.next.offset;
            return Ok(0);
        };
        self.batches.extend(piece.rows.map(|rows| rows.batch));
        self.unusable.extend(piece.unusable);
        self.bytes += piece.bytes;
        self.next = Place { offset: piece.next, passed };
        Ok(piece.bytes)
    }
}

/// Sorts what was read by table. The order depends on the log alone, not on the threads.
fn into_changes(mut readings: Vec<Reading>) -> Result<Gathered, SinkError> {
    readings.retain(|reading| reading.next != reading.start);
    readings.sort_by_key(|reading| reading.at);
    let mut gathered = Gathered::default();
    let mut changes = BTreeMap::new();
    let mut unusable = Vec::new();
    for reading in readings {
        let Reading { at, start, next, .. } = reading;
        let Some(table) = table_of(at.topic) else { continue };
        let range = |topic: String, start: u64, end: u64| {
            let partition = at.partition.0.into();
            (start < end).then_some(OffsetRange { topic, partition, start, end })
        };
        if let Some(records) = range(at.topic.name().to_owned(), start.offset.0, next.offset.0) {
            let change = change_of(&mut changes, table);
            change.added.extend(reading.batches);
            change.positions.push(records);
        }
        if let Some(passed) = range(foreign_topic(at.topic), start.passed, next.passed) {
            change_of(&mut changes, Table::DeadLetters).positions.push(passed);
        }
        unusable.extend(reading.unusable);
        gathered.ends.push((at, next));
        gathered.log_bytes += reading.bytes;
    }
    if let Some(first) = unusable.first() {
        warn!(count = unusable.len(), %first, "records gave no rows and become dead letters");
        change_of(&mut changes, Table::DeadLetters).added.push(unusable_rows(&unusable)?);
    }
    gathered.unusable = unusable;
    gathered.changes = changes.into_values().collect();
    Ok(gathered)
}

fn change_of(changes: &mut BTreeMap<Table, TableChange>, table: Table) -> &mut TableChange {
    changes.entry(table).or_insert_with(|| TableChange::append(table, Vec::new(), Vec::new()))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
