//! The sink: from the log into the lake's tables.
//!
//! A commit takes what is durable in the log behind the committed positions, of all topics and partitions, makes rows of
//! it and appends them in one step together with the positions they reach. Invariants:
//!
//! - a record gives one row of its topic's table, or one of `ops.dead_letters` in the same commit that passes it, so a bad
//!   record stops nothing and is in the lake once as well; `market.dlq` is told of it too, once or, where the sink dies
//!   before the commit, more often. A message at a broker that is no record of the log is a dead letter as well: how many of
//!   these were passed is a position of its own, committed with the offset of the record behind them;
//! - a commit that failed is repeated as it was, with the same rows and ranges, so whether it had taken or not it is
//!   never doubled; after a restart the lake itself tells where to go on;
//! - two sinks on the same partitions do no harm: the one that comes second stops ([`SinkError::Superseded`]), or, where
//!   sinks share the partitions, says so and reads from the lake where it goes on;
//! - memory is bounded: a commit takes [`SinkConfig::commit_bytes`] of the log, and the next takes the rest.

mod backoff;
mod error;
mod gather;
mod metrics;
pub(crate) mod piece;
mod report;
mod share;
mod versions;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::field::Empty;
use tracing::{Instrument, debug, info_span, warn};

pub use error::SinkError;
pub use metrics::{SinkLag, SinkMetrics};
pub use report::{CommitReport, SinkSummary};

use backoff::Backoff;
use gather::{Gathered, gather};
use share::{Carried, Share};
use versions::closing_versions;

use crate::TRACED;
use crate::commit::{Lake, PartitionOfTable, Positions as LakePositions};
use crate::log::{Log, Offset, Partition, Place, Topic, TopicPartition};
use crate::record::{Contracts, table_of};
use crate::runs::Job;
use crate::table::Table;

/// How often a running sink looks whether more waits than one commit takes.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// What a record is taken to be, in bytes, before any was read.
const USUAL_RECORD: u64 = 256;

/// How often and how much a sink commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SinkConfig {
    /// The longest time from the beginning of a commit to that of the next. Where more waits than one takes, the next
    /// begins at once.
    pub commit_interval: Duration,
    /// Bytes of the log that one commit takes, about. It needs some times this much memory.
    pub commit_bytes: usize,
}

impl Default for SinkConfig {
    fn default() -> Self {
        Self { commit_interval: Duration::from_secs(10), commit_bytes: 32 * 1024 * 1024 }
    }
}

/// The topics that a sink carries.
#[must_use]
pub fn topics() -> Vec<Topic> {
    Topic::ALL.into_iter().filter(|topic| table_of(*topic).is_some()).collect()
}

/// So often in a row a sink that shares its partitions may come second.
const MOST_SUPERSEDED: u32 = 5;

/// Carries the records of a log into a lake.
pub struct Sink {
    log: Arc<dyn Log>,
    lake: Lake,
    config: SinkConfig,
    contracts: Contracts,
    share: Share,
    /// Where each partition goes on; `None` until the lake has been asked.
    next: Option<Places>,
    /// Bytes of a record, by the last commit.
    record_bytes: u64,
    /// A commit that is not known to have succeeded.
    pending: Option<Gathered>,
    on_commit: Option<OnCommit>,
    metrics: Arc<SinkMetrics>,
}

type Positions = BTreeMap<TopicPartition, Offset>;
type Places = BTreeMap<TopicPartition, Place>;
type OnCommit = Box<dyn FnMut(&CommitReport) + Send>;

impl Sink {
    /// A sink that goes on where the lake stands, and at the log's start in partitions the lake does not know.
    #[must_use]
    pub fn new(log: Arc<dyn Log>, lake: Lake, config: SinkConfig) -> Self {
        Self {
            metrics: Arc::new(SinkMetrics::new(Arc::clone(&log))),
            log,
            lake,
            config,
            share: Share::All,
            contracts: Contracts::own(),
            next: None,
            record_bytes: USUAL_RECORD,
            pending: None,
            on_commit: None,
        }
    }

    /// Reads records with the schema ids of `contracts`.
    #[must_use]
    pub fn with_contracts(mut self, contracts: Contracts) -> Self {
        self.contracts = contracts;
        self
    }

    /// Has the sink carry these partitions only, as they change: those that a group of sinks has given to this one.
    #[must_use]
    pub fn sharing(mut self, partitions: watch::Receiver<BTreeSet<Partition>>) -> Self {
        self.share = Share::given(partitions);
        self
    }

    /// Has `hook` called after each commit, with what it did: to release the log behind it, or to measure. It runs on the
    /// sink's task and must not block.
    #[must_use]
    pub fn on_commit(mut self, hook: impl FnMut(&CommitReport) + Send + 'static) -> Self {
        self.on_commit = Some(Box::new(hook));
        self
    }

    /// What it does, for whoever wants to know while it runs.
    #[must_use]
    pub fn metrics(&self) -> Arc<SinkMetrics> {
        Arc::clone(&self.metrics)
    }

    /// Commits what is durable in the log now, up to [`SinkConfig::commit_bytes`], in one step. An empty report says that
    /// nothing was there. A commit that failed before is repeated first, and alone.
    ///
    /// # Errors
    /// [`SinkError::Superseded`] where another sink has committed these records; other errors of the log and of the lake,
    /// of which [`SinkError::is_transient`] tells whether calling again may help.
    pub async fn commit_once(&mut self) -> Result<CommitReport, SinkError> {
        let begun = Instant::now();
        if self.share.has_changed() {
            self.forget();
        }
        let gathered = if let Some(pending) = self.pending.take() {
            pending
        } else {
            let gathered = self.gather().await?;
            self.remark(&gathered);
            gathered
        };
        if gathered.ends.is_empty() {
            self.metrics.found_nothing();
            return Ok(CommitReport::default());
        }
        let gathered = self.pending.insert(gathered);
        fail::fail_point!("sink::gathered");
        let changes = closing_versions(&self.lake, gathered.changes.clone()).await;
        let changed = match changes {
            Ok(changes) => self.lake.change(changes).await,
            Err(error) => Err(error),
        };
        let changed = changed.map_err(SinkError::of_commit)?;
        fail::fail_point!("sink::committed");
        let report = CommitReport::new(gathered, &changed, begun.elapsed());
        if let Some(next) = &mut self.next {
            next.extend(gathered.ends.iter().copied());
        }
        self.pending = None;
        self.record_bytes = report.log_bytes.checked_div(report.total_rows()).unwrap_or(USUAL_RECORD);
        debug!(rows = report.total_rows(), log_bytes = report.log_bytes, latency = ?report.latency, "committed");
        self.metrics.committed(&report);
        let figures = [("rows", report.total_rows()), ("bytes", report.file_bytes)].into();
        self.lake.runs().ended(Job::Sink, report.latency, Ok(figures));
        if let Some(hook) = &mut self.on_commit {
            hook(&report);
        }
        fail::fail_point!("sink::reported");
        Ok(report)
    }

    /// Commits every interval, and at once while more waits than one commit takes, until `stop` holds `true` or its sender
    /// is gone; then once more what is durable at that time. Failures that may pass are retried with growing delays.
    ///
    /// A sink that shares its partitions and was superseded, since it was slow to learn that others carry them, asks the lake
    /// where it goes on; it stops where that happens again and again.
    ///
    /// # Errors
    /// Those of [`Sink::commit_once`] that do not pass; and once told to stop, any. Nothing is lost by it: the next sink
    /// goes on where the lake stands.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) -> Result<SinkSummary, SinkError> {
        let mut ticks = interval(self.config.commit_interval.max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut summary = SinkSummary::default();
        loop {
            let next = self.next.as_ref().map(offsets).unwrap_or_default();
            let records = self.config.commit_bytes as u64 / self.record_bytes.max(1);
            let stopping = tokio::select! {
                biased;
                () = stopped(&mut stop) => true,
                _ = ticks.tick() => false,
                () = records_wait(&*self.log, &next, records) => false,
            };
            if stopping {
                self.share.wait_to_be_given().await;
            }
            self.drain(&mut stop, &mut summary).await?;
            if stopping {
                return Ok(summary);
            }
        }
    }

    /// Commits all that is durable now.
    async fn drain(
        &mut self,
        stop: &mut watch::Receiver<bool>,
        summary: &mut SinkSummary,
    ) -> Result<(), SinkError> {
        let goal = durable_ends(&*self.log)?;
        loop {
            let report = self.commit_retrying(stop).await?;
            summary.add(&report);
            let next = self.next.iter().flatten();
            let behind =
                |(at, next): (&TopicPartition, &Place)| goal.get(at).is_some_and(|goal| next.offset < *goal);
            if report.is_empty() || !next.into_iter().any(behind) {
                return Ok(());
            }
        }
    }

    async fn commit_retrying(&mut self, stop: &mut watch::Receiver<bool>) -> Result<CommitReport, SinkError> {
        let mut backoff = Backoff::default();
        let mut superseded = 0;
        loop {
            let (stopping, begun) = (is_stopped(stop), Instant::now());
            let span =
                info_span!(target: TRACED, "commit", rows = Empty, log_bytes = Empty, file_bytes = Empty);
            match self.commit_once().instrument(span.clone()).await {
                Ok(report) => {
                    span.record("rows", report.total_rows());
                    span.record("log_bytes", report.log_bytes).record("file_bytes", report.file_bytes);
                    return Ok(report);
                }
                Err(error @ SinkError::Superseded(_))
                    if self.share.is_given() && superseded < MOST_SUPERSEDED =>
                {
                    superseded += 1;
                    self.metrics.superseded.add(1);
                    warn!(%error, cause = %root_cause(&error), "the lake is asked where to go on");
                    self.forget();
                }
                Err(error) if error.is_transient() && !stopping => {
                    let delay = backoff.next_delay();
                    let cause = root_cause(&error).to_string();
                    warn!(%error, %cause, ?delay, "a commit failed, to be repeated");
                    self.metrics.failed((!error.is_rivalry()).then(|| format!("{error}: {cause}")));
                    self.lake.runs().ended(Job::Sink, begun.elapsed(), Err(cause));
                    tokio::select! {
                        () = sleep(delay) => {}
                        () = stopped(stop) => {}
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Tells those who read the topic of dead letters what gave no row.
    fn remark(&self, gathered: &Gathered) {
        for (at, record) in gathered.unusable.iter().map(|unusable| self.contracts.letter(unusable)) {
            if let Err(error) = self.log.remark(at, &record) {
                warn!(%error, "a dead letter is in the lake, but not in its topic");
            }
        }
    }

    /// Forgets where it stands: the lake knows.
    fn forget(&mut self) {
        self.next = None;
        self.pending = None;
    }

    /// Reads and decodes on threads that may block.
    async fn gather(&mut self) -> Result<Gathered, SinkError> {
        let from = if let Some(next) = &self.next {
            next.clone()
        } else {
            let carried = self.share.partitions();
            let committed = self.lake.positions().await.map_err(SinkError::Positions)?;
            let next = self.next.insert(next_places(&*self.log, &committed, &carried)?);
            self.metrics.begins_at(&offsets(next));
            next.clone()
        };
        let (log, contracts) = (Arc::clone(&self.log), self.contracts.clone());
        let bytes = self.config.commit_bytes;
        match spawn_blocking(move || gather(&*log, &contracts, &from, bytes)).await {
            Ok(gathered) => gathered,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(SinkError::ShuttingDown),
            },
        }
    }
}

/// The topic by whose name the lake keeps how many messages of a topic were passed that are no new records of the log.
fn foreign_topic(topic: Topic) -> String {
    format!("depthlake.foreign.{topic}")
}

fn offsets(places: &Places) -> Positions {
    places.iter().map(|(at, place)| (*at, place.offset)).collect()
}

/// Where each partition goes on: where the lake stands, or at the log's start.
fn next_places(log: &dyn Log, committed: &LakePositions, carried: &Carried) -> Result<Places, SinkError> {
    let next = |(at, table): (TopicPartition, Table)| {
        let partition = at.partition.0.into();
        let position = |table, topic| committed.get(&PartitionOfTable { table, topic, partition }).copied();
        let offset = match position(table, at.topic.name().to_owned()) {
            Some(next) => Offset(next),
            None => log.start(at)?,
        };
        let passed = position(Table::DeadLetters, foreign_topic(at.topic)).unwrap_or_default();
        Ok((at, Place { offset, passed }))
    };
    sources(log).filter(|(at, _)| carried.contains(at.partition)).map(next).collect()
}

fn durable_ends(log: &dyn Log) -> Result<Positions, SinkError> {
    sources(log).map(|(at, _)| Ok((at, log.durable_end(at)?))).collect()
}

/// Completes as soon as so many records wait.
async fn records_wait(log: &dyn Log, next: &Positions, records: u64) {
    loop {
        sleep(LOOK_INTERVAL).await;
        // What a log that does not tell has to say, the next commit will hear.
        let Ok(ends) = durable_ends(log) else { return };
        let end = |at| ends.get(at).copied().unwrap_or_default();
        let waiting: u64 = next.iter().map(|(at, next)| end(at).0.saturating_sub(next.0)).sum();
        if waiting >= records.max(1) {
            return;
        }
    }
}

/// Every partition of every topic that a table keeps.
pub(crate) fn sources(log: &dyn Log) -> impl Iterator<Item = (TopicPartition, Table)> {
    let partitions = log.partitions().get();
    let tables = Topic::ALL.into_iter().filter_map(|topic| Some((topic, table_of(topic)?)));
    tables.flat_map(move |(topic, table)| {
        (0..partitions).map(move |partition| (TopicPartition::new(topic, Partition(partition)), table))
    })
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink").field("config", &self.config).field("next", &self.next).finish_non_exhaustive()
    }
}

fn is_stopped(stop: &watch::Receiver<bool>) -> bool {
    *stop.borrow() || stop.has_changed().is_err()
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error says that the sender is gone, and with it who could tell to go on.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// What an error comes from in the end.
fn root_cause<'a>(error: &'a (dyn std::error::Error + 'static)) -> &'a (dyn std::error::Error + 'static) {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause
}
