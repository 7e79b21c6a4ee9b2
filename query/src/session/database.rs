//! What all sessions of a process share: the lake, its caches, the memory, and the list of queries.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::SessionState;
use depthlake_lake::commit::Lake;
use depthlake_lake::tail::Tail;
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::catalog::Scratch;
use crate::error::QueryError;
use crate::session::limits::{Limits, Turn, Turnstile};
use crate::session::memory::QueryMemory;
use crate::session::queries::{Queries, Query, QueryFailure, QueryId, QueryState, StopReason};
use crate::session::settings::SessionSettings;
use crate::session::state::{Language, engine_state, trino_state};
use crate::session::{Session, properties};
use crate::table::Tables;
use crate::warehouse_store::WarehouseStore;

/// Bytes of footers of data files that are kept, with the bounds of their pages: of some hundreds of millions of rows.
const FOOTERS: usize = 256 << 20;

/// One lake as it is asked by many. There is one in a process; a clone is the same.
#[derive(Clone)]
pub struct Database(Arc<Shared>);

/// What a database is opened with.
#[derive(Debug, Clone, Default)]
pub struct DatabaseOptions {
    pub limits: Limits,
    /// The rows behind the snapshots, which are then answered with them.
    pub tail: Option<Tail>,
    /// The file of the live books.
    pub board: Option<PathBuf>,
}

struct Shared {
    tables: Tables,
    scratch: Scratch,
    limits: Limits,
    queries: Queries,
    turnstile: Turnstile,
    memory: Arc<dyn MemoryPool>,
    runtime: Arc<RuntimeEnv>,
    /// What every query's state is a copy of.
    states: States,
}

/// The states with the functions of each language.
struct States {
    engine: SessionState,
    trino: SessionState,
}

/// A query on its way through the database. It counts as running until it ends or is dropped.
pub(crate) struct Run {
    database: Database,
    query: Arc<Query>,
    time_limit: Duration,
    deadline: tokio::time::Instant,
    /// Taken by whoever does the work.
    turn: Option<Turn>,
    has_ended: bool,
}

/// What the work for a query has of it. Others have their turn once it is dropped, for until then the work goes on.
pub(crate) struct Leave {
    database: Database,
    query: Arc<Query>,
    _turn: Option<Turn>,
}

impl Database {
    /// A database over a lake. Rows committed later are seen by the queries that follow.
    ///
    /// # Errors
    /// [`QueryError::Failed`] where the folder for temporary files cannot be found, or the warehouse has no proper name.
    pub fn open(lake: Lake, options: DatabaseOptions) -> Result<Self, QueryError> {
        let memory: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(options.limits.memory));
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::clone(&memory))
            .with_metadata_cache_limit(FOOTERS)
            .build_arc()
            .map_err(QueryError::of_execution)?;
        if let Some(store) = WarehouseStore::of(lake.warehouse()) {
            let (url, store) = store.map_err(QueryError::of_execution)?;
            runtime.register_object_store(url.as_ref(), Arc::new(store));
        }
        let mut tables = Tables::of(lake);
        if let Some(tail) = options.tail {
            tables = tables.with_tail(tail);
        }
        if let Some(board) = options.board {
            tables = tables.with_board(board);
        }
        Ok(Self(Arc::new(Shared {
            states: States {
                engine: engine_state(&runtime),
                trino: trino_state(&runtime).map_err(QueryError::of_planning)?,
            },
            tables,
            scratch: Scratch::new(options.limits.scratch),
            queries: Queries::new(),
            turnstile: Turnstile::new(&options.limits),
            limits: options.limits,
            memory,
            runtime,
        })))
    }

    /// A session for a client with these settings. It is cheap: one a statement is fine.
    #[must_use]
    pub fn session(&self, settings: SessionSettings) -> Session {
        Session::of(self.clone(), settings)
    }

    /// Every query that runs or has lately ended.
    #[must_use]
    pub fn queries(&self) -> &Queries {
        &self.0.queries
    }

    /// The lake that is asked.
    #[must_use]
    pub fn lake(&self) -> &Lake {
        self.0.tables.lake()
    }

    /// The tables of the lake and the live books.
    #[must_use]
    pub fn tables(&self) -> &Tables {
        &self.0.tables
    }

    /// The tables that clients have made.
    pub(crate) fn scratch(&self) -> &Scratch {
        &self.0.scratch
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn state(&self, language: Language) -> &SessionState {
        match language {
            Language::Engine => &self.0.states.engine,
            Language::Trino => &self.0.states.trino,
        }
    }

    /// Lets a query in and waits for its turn.
    pub(crate) async fn run(
        &self,
        id: QueryId,
        text: &str,
        settings: &SessionSettings,
    ) -> Result<Run, QueryError> {
        let query = self.0.queries.begin(id, text, settings);
        let allowed = properties::time_allowed(&settings.properties).unwrap_or(UNLIMITED);
        let time_limit = self.0.limits.time_per_query.min(allowed).min(UNLIMITED);
        let deadline = tokio::time::Instant::now() + time_limit;
        let mut run =
            Run { database: self.clone(), query, time_limit, deadline, turn: None, has_ended: false };
        let turn = tokio::select! {
            turn = self.0.turnstile.turn() => turn,
            stopped = run.stopped() => Err(stopped),
        };
        match turn {
            Ok(turn) => run.turn = Some(turn),
            Err(error) => {
                run.end(Some(&error));
                return Err(error);
            }
        }
        Ok(run)
    }
}

impl Run {
    pub(crate) fn id(&self) -> QueryId {
        self.query.id()
    }

    /// What the work needs; once.
    pub(crate) fn leave(&mut self) -> Leave {
        Leave { database: self.database.clone(), query: Arc::clone(&self.query), _turn: self.turn.take() }
    }

    /// Waits until the query has to stop, and says why.
    pub(crate) fn stopped(&self) -> BoxFuture<'static, QueryError> {
        let stopped = Arc::clone(&self.query).stopped();
        let deadline = self.deadline;
        let limit = self.time_limit;
        async move {
            tokio::select! {
                error = stopped => error,
                () = tokio::time::sleep_until(deadline) => QueryError::OutOfTime { limit },
            }
        }
        .boxed()
    }

    /// Counts rows that are about to be given.
    pub(crate) fn count(&self, batch: &RecordBatch) -> Result<(), QueryError> {
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let rows = self.query.count(number(batch.num_rows()), number(batch.get_array_memory_size()));
        let limit = self.database.0.limits.rows_per_query;
        if rows > limit { Err(QueryError::TooManyRows { limit }) } else { Ok(()) }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    pub(crate) fn end(&mut self, error: Option<&QueryError>) {
        if !self.has_ended {
            self.has_ended = true;
            self.turn = None;
            self.database.0.queries.end(&self.query, error.map(QueryFailure::of));
        }
    }
}

impl Leave {
    pub(crate) fn id(&self) -> QueryId {
        self.query.id()
    }

    pub(crate) fn enter(&self, state: QueryState) {
        self.query.enter(state);
    }

    /// The runtime in which the query has its own memory.
    pub(crate) fn runtime(&self) -> Arc<RuntimeEnv> {
        let shared = &self.database.0;
        let all = Arc::clone(&shared.memory);
        let own = QueryMemory::new(shared.limits.memory_per_query, all, Arc::clone(&self.query));
        Arc::new(RuntimeEnv { memory_pool: Arc::new(own), ..shared.runtime.as_ref().clone() })
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let reason = self.query.stop_reason().unwrap_or(StopReason::Abandoned);
        self.end(Some(&QueryError::Stopped { reason }));
    }
}

impl QueryFailure {
    fn of(error: &QueryError) -> Self {
        let trino = error.trino();
        Self { message: error.to_string(), name: trino.name, code: trino.code, kind: trino.kind.name() }
    }
}

/// How long a query without a limit may take.
pub(crate) const UNLIMITED: Duration = Duration::from_hours(365 * 24);
