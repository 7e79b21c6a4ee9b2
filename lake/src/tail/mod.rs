//! The hot tail: rows of records that the log has and the tables do not have yet, in memory, so that a query need not wait
//! for a commit.
//!
//! A thread follows the log behind the committed positions and makes rows by the code of the [sink](crate::sink). Invariants:
//!
//! - [`Tail::join`] gives one snapshot and exactly the rows behind it: of each partition those of the offsets from the
//!   position on that was current with the snapshot, none twice, none left out, while commits, compactions and restarts
//!   go on. It takes hold of the rows *before* it asks for the snapshot; what is let go of meanwhile was committed before
//!   that, so the snapshot has it;
//! - the rows are those that the sink will commit: dead letters, and versions that later bars close, among them;
//! - what is visible is of each partition all records up to some offset, and that never goes back;
//! - memory is bounded. What has no room is read from the log again by the query that needs it: slower, never wrong. Where
//!   the log does not have it any more, the query fails and says so.

mod arrivals;
mod follower;
mod held;
mod join;
mod unread;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::watch;
use tokio::task::{JoinHandle as TaskHandle, spawn_blocking};
use tokio::time::{sleep, timeout};
use tracing::debug;

pub use arrivals::{Arrival, Subscription, Told};
pub use join::Joined;
pub use unread::Unread;

use arrivals::Arrivals;
use follower::Follower;
use held::Held;

use crate::commit::{CommitError, Lake, LakeError, PartitionOfTable, Positions};
use crate::log::{Log, LogError, Offset, TopicPartition};
use crate::record::{Contracts, RowsError, table_of};
use crate::sink::{SinkError, sources};
use crate::table::Table;

/// How often the lake is asked what it has committed. Queries tell it as well, and nothing but memory depends on it.
const COMMITTED_INTERVAL: Duration = Duration::from_secs(1);

/// How long a query waits for a tail that has not read all yet that was in the log when it began.
const CATCH_UP_LIMIT: Duration = Duration::from_mins(1);

/// How a tail reads, and how much it may hold.
#[derive(Debug, Clone)]
pub struct TailOptions {
    /// How schema ids are understood: as by the sink.
    pub contracts: Contracts,
    /// Bytes of rows that are held, about.
    pub memory_bytes: usize,
}

impl Default for TailOptions {
    /// Our own schema ids, and 256 MiB.
    fn default() -> Self {
        Self { contracts: Contracts::own(), memory_bytes: 256 * 1024 * 1024 }
    }
}

/// The rows behind the snapshots of a lake. Clones share them; when the last is dropped, the following ends.
#[derive(Clone)]
pub struct Tail {
    running: Arc<Running>,
}

/// How a tail stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TailStatus {
    /// Rows that are held.
    pub rows: u64,
    /// Bytes that they take.
    pub bytes: u64,
    /// Records that the log has and no query sees yet.
    pub behind: u64,
    /// Whether all has been read once that the log had at the start.
    pub caught_up: bool,
    /// Why reading fails at present.
    pub failing: Option<String>,
}

/// Why the rows behind a snapshot cannot be told.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TailError {
    #[error("cannot read the lake")]
    Lake(#[from] LakeError),
    #[error("cannot read the log")]
    Log(#[from] LogError),
    #[error(transparent)]
    Rows(#[from] RowsError),
    #[error("cannot take new bars to the versions there are")]
    Versions(#[from] CommitError),
    #[error("records {} to {} of {at} are in no table and no longer in the log", .from.0, .next.0)]
    Gap { at: TopicPartition, from: Offset, next: Offset },
    #[error("the tail of the log is still being read{}", because(.failing.as_deref()))]
    Behind { failing: Option<String> },
    #[error("the tail of the log has ended")]
    Ended,
}

/// What the thread, the task and the callers share.
struct Shared {
    log: Arc<dyn Log>,
    contracts: Contracts,
    memory_bytes: usize,
    state: Mutex<State>,
    /// What the tables are known to have of each partition.
    committed: Mutex<BTreeMap<TopicPartition, Offset>>,
    arrivals: Arrivals,
    caught_up: watch::Sender<bool>,
    failing: Mutex<Option<String>>,
    stop: AtomicBool,
}

/// What is held. The follower's thread alone changes it.
#[derive(Debug, Default)]
struct State {
    partitions: BTreeMap<TopicPartition, Held>,
}

struct Running {
    lake: Lake,
    shared: Arc<Shared>,
    follower: Option<JoinHandle<()>>,
    watcher: TaskHandle<()>,
}

impl Tail {
    /// Follows a log behind what the lake has committed; at the log's start in partitions that the lake does not know.
    /// Returns before all is read that the log has; queries wait for that.
    ///
    /// # Errors
    /// [`TailError::Lake`] and [`TailError::Log`] where the positions cannot be read.
    pub async fn follow(log: Arc<dyn Log>, lake: Lake, options: TailOptions) -> Result<Self, TailError> {
        let committed = committed_of(&lake.positions().await?);
        let asked = Arc::clone(&log);
        let known = committed.clone();
        let partitions = spawn_blocking(move || beginnings(&*asked, &known)).await;
        let partitions = partitions.map_err(|_| TailError::Ended)??;
        let shared = Arc::new(Shared {
            log,
            contracts: options.contracts,
            memory_bytes: options.memory_bytes,
            state: Mutex::new(State { partitions }),
            committed: Mutex::new(committed),
            arrivals: Arrivals::default(),
            caught_up: watch::Sender::new(false),
            failing: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let follower = Follower::new(Arc::clone(&shared));
        let follower = thread::Builder::new().name("tail".to_owned()).spawn(move || follower.run());
        let follower = follower.map_err(|error| LogError::Io {
            operation: "start the follower of",
            file: "the log".into(),
            cause: Arc::new(error),
        })?;
        let watcher = tokio::spawn(watch_committed(lake.clone(), Arc::downgrade(&shared)));
        Ok(Self { running: Arc::new(Running { lake, shared, follower: Some(follower), watcher }) })
    }

    /// Whether rows of a table come by the log.
    #[must_use]
    pub fn follows(table: Table) -> bool {
        crate::sink::topics().into_iter().any(|topic| table_of(topic) == Some(table))
    }

    /// Rows of a table as they are read from the log from now on: of a bar, its version when it was told. A subscriber that
    /// is too slow is told how many arrivals it has missed.
    #[must_use]
    pub fn subscribe(&self, table: Table) -> Subscription {
        self.running.shared.arrivals.subscribe(table)
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> TailStatus {
        let shared = &self.running.shared;
        let state = shared.state();
        let behind = state.partitions.iter().map(|(at, held)| {
            let end = shared.log.durable_end(*at).unwrap_or_default();
            end.0.saturating_sub(held.visible().0)
        });
        TailStatus {
            rows: state.partitions.values().map(Held::rows).sum(),
            bytes: state.bytes() as u64,
            behind: behind.sum(),
            caught_up: *shared.caught_up.borrow(),
            failing: shared.why_failing(),
        }
    }

    /// Waits until all has been read once that was in the log at the start.
    async fn caught_up(&self) -> Result<(), TailError> {
        let shared = &self.running.shared;
        let mut caught_up = shared.caught_up.subscribe();
        let waited = timeout(CATCH_UP_LIMIT, caught_up.wait_for(|caught_up| *caught_up)).await;
        match waited {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(TailError::Ended),
            Err(_) => Err(TailError::Behind { failing: shared.why_failing() }),
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn why_failing(&self) -> Option<String> {
        lock(&self.failing).clone()
    }

    fn committed(&self, at: TopicPartition) -> Offset {
        lock(&self.committed).get(&at).copied().unwrap_or_default()
    }

    /// Takes note of what the tables have; positions only grow.
    fn note_committed(&self, positions: &Positions) {
        let mut committed = lock(&self.committed);
        for (at, next) in committed_of(positions) {
            let known = committed.entry(at).or_default();
            *known = (*known).max(next);
        }
    }
}

impl State {
    fn bytes(&self) -> usize {
        self.partitions.values().map(Held::bytes).sum()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.watcher.abort();
        if self.follower.take().is_some_and(|follower| follower.join().is_err()) {
            tracing::error!("the follower of the log panicked");
        }
    }
}

impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tail").field("status", &self.status()).finish()
    }
}

impl From<SinkError> for TailError {
    fn from(error: SinkError) -> Self {
        match error {
            SinkError::Log(error) => Self::Log(error),
            SinkError::Rows(error) => Self::Rows(error),
            SinkError::Commit(error) | SinkError::Superseded(error) => Self::Versions(error),
            SinkError::Positions(error) => Self::Lake(error),
            SinkError::ShuttingDown => Self::Ended,
        }
    }
}

/// The next record that a table needs of each partition that it reads.
fn committed_of(positions: &Positions) -> BTreeMap<TopicPartition, Offset> {
    let of_log = |(of, next): (&PartitionOfTable, &u64)| {
        let topic = of.topic.parse().ok().filter(|topic| table_of(*topic) == Some(of.table))?;
        let partition = crate::log::Partition(of.partition.try_into().ok()?);
        Some((TopicPartition::new(topic, partition), Offset(*next)))
    };
    positions.iter().filter_map(of_log).collect()
}

/// Where the tail of each partition begins.
fn beginnings(
    log: &dyn Log,
    committed: &BTreeMap<TopicPartition, Offset>,
) -> Result<BTreeMap<TopicPartition, Held>, TailError> {
    let beginning = |at: TopicPartition| match committed.get(&at) {
        Some(next) => Ok(*next),
        None => log.start(at),
    };
    sources(log).map(|(at, _)| Ok((at, Held::beginning_at(beginning(at)?)))).collect()
}

async fn watch_committed(lake: Lake, shared: Weak<Shared>) {
    loop {
        sleep(COMMITTED_INTERVAL).await;
        let positions = lake.positions().await;
        let Some(shared) = shared.upgrade() else { return };
        match positions {
            Ok(positions) => shared.note_committed(&positions),
            Err(error) => debug!(%error, "the positions of the lake are not known"),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn because(failing: Option<&str>) -> String {
    failing.map(|reason| format!(": {reason}")).unwrap_or_default()
}
