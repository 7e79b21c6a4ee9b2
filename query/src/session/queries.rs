//! Every query that runs or has lately ended, and how to stop one.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use datafusion::arrow::temporal_conversions::timestamp_s_to_datetime;
use depthlake_lake::TRACED;
use tokio::sync::watch;
use tracing::field::Empty;
use tracing::{Span, info_span};

use crate::error::QueryError;
use crate::metrics::EndedQueries;
use crate::session::settings::{Door, SessionSettings};

/// Ended queries that are remembered.
const REMEMBERED: usize = 100;

/// The name of a query, such as `20240808_112031_00042_k3x9a`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueryId(String);

/// How far a query is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryState {
    Queued,
    Planning,
    Running,
    Finished,
    Failed,
}

/// What is known of a query.
#[derive(Debug, Clone)]
pub struct QueryInfo {
    pub id: QueryId,
    pub state: QueryState,
    /// The statement, as it came.
    pub text: String,
    pub user: String,
    pub door: Door,
    pub source: Option<String>,
    pub catalog: Option<String>,
    pub schema: Option<String>,
    pub created: SystemTime,
    /// When it left the queue.
    pub started: Option<SystemTime>,
    pub ended: Option<SystemTime>,
    /// Rows given so far.
    pub rows: u64,
    /// Bytes of the rows given so far, as they lie in memory.
    pub bytes: u64,
    /// The most bytes it has held in memory.
    pub peak_memory: u64,
    /// Why it failed.
    pub error: Option<QueryFailure>,
}

/// Why a query failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryFailure {
    pub message: String,
    pub name: &'static str,
    pub code: u32,
    pub kind: &'static str,
}

/// Why somebody stopped a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// Its own client did not want it any more.
    Cancelled,
    /// Somebody else killed it.
    Killed { message: String },
    /// Its client has gone.
    Abandoned,
}

/// The queries of a database.
#[derive(Debug)]
pub struct Queries {
    /// Tells queries of this process from those of another.
    suffix: String,
    next: AtomicU64,
    known: Mutex<Known>,
    ended_figures: EndedQueries,
}

#[derive(Debug, Default)]
struct Known {
    running: BTreeMap<QueryId, Arc<Query>>,
    ended: VecDeque<QueryInfo>,
}

/// A query that has not ended. Dropping the last hold of it by who runs it must be preceded by [`Queries::end`].
#[derive(Debug)]
pub(crate) struct Query {
    info: Mutex<QueryInfo>,
    rows: AtomicU64,
    bytes: AtomicU64,
    peak_memory: AtomicU64,
    stop: watch::Sender<Option<StopReason>>,
    /// From its coming to its end, for who traces the program.
    span: Span,
}

impl Queries {
    pub(crate) fn new() -> Self {
        let suffix = uuid::Uuid::new_v4().simple().to_string().chars().take(5).collect();
        Self {
            suffix,
            next: AtomicU64::new(0),
            known: Mutex::default(),
            ended_figures: EndedQueries::default(),
        }
    }

    /// A name that no other query has.
    #[must_use]
    pub fn next_id(&self) -> QueryId {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let time = i64::try_from(seconds).ok().and_then(timestamp_s_to_datetime).unwrap_or_default();
        let number = self.next.fetch_add(1, Ordering::Relaxed) % 100_000;
        QueryId(format!("{}_{number:05}_{}", time.format("%Y%m%d_%H%M%S"), self.suffix))
    }

    /// Every query that runs, waits, or has lately ended; the oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<QueryInfo> {
        let known = self.known();
        let running = known.running.values().map(|query| query.info());
        known.ended.iter().cloned().chain(running).collect()
    }

    /// What is known of a query, if anything.
    #[must_use]
    pub fn get(&self, id: &QueryId) -> Option<QueryInfo> {
        let known = self.known();
        let running = known.running.get(id).map(|query| query.info());
        running.or_else(|| known.ended.iter().find(|query| query.id == *id).cloned())
    }

    /// What became of all that have ended.
    pub(crate) const fn ended_figures(&self) -> &EndedQueries {
        &self.ended_figures
    }

    /// Stops a query. Whoever reads its rows gets an error that tells the reason. `false` where no such query runs.
    pub fn cancel(&self, id: &QueryId, reason: StopReason) -> bool {
        let query = self.known().running.get(id).cloned();
        query.is_some_and(|query| {
            query.stop.send_if_modified(|stop| {
                let is_first = stop.is_none();
                stop.get_or_insert(reason);
                is_first
            })
        })
    }

    pub(crate) fn begin(&self, id: QueryId, text: &str, settings: &SessionSettings) -> Arc<Query> {
        let info = QueryInfo {
            id: id.clone(),
            state: QueryState::Queued,
            text: text.to_owned(),
            user: settings.principal.user.clone(),
            door: settings.door,
            source: settings.source.clone(),
            catalog: settings.catalog.clone(),
            schema: settings.schema.clone(),
            created: SystemTime::now(),
            started: None,
            ended: None,
            rows: 0,
            bytes: 0,
            peak_memory: 0,
            error: None,
        };
        let query = Arc::new(Query {
            info: Mutex::new(info),
            rows: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            peak_memory: AtomicU64::new(0),
            stop: watch::Sender::new(None),
            span: info_span!(target: TRACED, "query", %id, protocol = ?settings.door, rows = Empty, failed = Empty),
        });
        self.known().running.insert(id, Arc::clone(&query));
        query
    }

    pub(crate) fn end(&self, query: &Query, failure: Option<QueryFailure>) {
        let mut info = query.info();
        info.state = if failure.is_some() { QueryState::Failed } else { QueryState::Finished };
        info.ended = Some(SystemTime::now());
        info.error = failure;
        self.ended_figures.ended(&info);
        query.span.record("rows", info.rows).record("failed", info.error.is_some());
        let mut known = self.known();
        known.running.remove(&info.id);
        if known.ended.len() >= REMEMBERED {
            known.ended.pop_front();
        }
        known.ended.push_back(info);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Query {
    pub(crate) fn id(&self) -> QueryId {
        self.lock().id.clone()
    }

    pub(crate) fn enter(&self, state: QueryState) {
        let mut info = self.lock();
        info.state = state;
        info.started.get_or_insert_with(SystemTime::now);
    }

    pub(crate) fn count(&self, rows: u64, bytes: u64) -> u64 {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.rows.fetch_add(rows, Ordering::Relaxed) + rows
    }

    pub(crate) fn saw_memory(&self, bytes: usize) {
        self.peak_memory.fetch_max(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Waits until somebody stops the query, and says why.
    pub(crate) async fn stopped(self: Arc<Self>) -> QueryError {
        let mut stop = self.stop.subscribe();
        let reason = stop.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
        QueryError::Stopped { reason: reason.unwrap_or(StopReason::Abandoned) }
    }

    /// Why somebody has stopped it, where somebody has.
    pub(crate) fn stop_reason(&self) -> Option<StopReason> {
        self.stop.borrow().clone()
    }

    fn info(&self) -> QueryInfo {
        let mut info = self.lock().clone();
        info.rows = self.rows.load(Ordering::Relaxed);
        info.bytes = self.bytes.load(Ordering::Relaxed);
        info.peak_memory = self.peak_memory.load(Ordering::Relaxed);
        info
    }

    fn lock(&self) -> MutexGuard<'_, QueryInfo> {
        self.info.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueryId {
    /// The query that a client names.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self(name.to_owned())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for QueryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled => f.write_str("Query was canceled"),
            Self::Killed { message } => write!(f, "Query killed. Message: {message}"),
            Self::Abandoned => f.write_str("Query was abandoned by the client"),
        }
    }
}

impl QueryState {
    /// The state as Trino's clients know it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::Planning => "PLANNING",
            Self::Running => "RUNNING",
            Self::Finished => "FINISHED",
            Self::Failed => "FAILED",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_query_is_known_while_it_runs_and_after() {
        let queries = Queries::new();
        let id = queries.next_id();
        let query = queries.begin(id.clone(), "SELECT 1", &SessionSettings::local());
        assert_eq!(queries.get(&id).unwrap().state, QueryState::Queued);
        assert_eq!(query.count(2, 16), 2);
        assert!(queries.cancel(&id, StopReason::Cancelled) && !queries.cancel(&id, StopReason::Abandoned));
        let error = Arc::clone(&query).stopped().await;
        assert!(matches!(error, QueryError::Stopped { reason: StopReason::Cancelled }));
        queries.end(&query, None);
        let info = queries.get(&id).unwrap();
        assert_eq!((info.state, info.rows, info.bytes), (QueryState::Finished, 2, 16));
        assert!(!queries.cancel(&id, StopReason::Cancelled));
    }

    #[test]
    fn only_so_many_are_remembered() {
        let queries = Queries::new();
        for _ in 0..REMEMBERED + 5 {
            let query = queries.begin(queries.next_id(), "SELECT 1", &SessionSettings::local());
            queries.end(&query, None);
        }
        assert_eq!(queries.list().len(), REMEMBERED);
    }
}
