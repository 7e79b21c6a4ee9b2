//! The statements that clients are fetching.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::headers::ClientContext;
use super::page::Failure;
use super::statement::Statement;
use crate::error::TrinoError;
use crate::session::{Database, StopReason};

/// What is kept of statements, and for how long.
#[derive(Debug, Clone)]
pub(super) struct Keeping {
    /// After so long without a word from its client a statement is stopped.
    pub abandoned: Duration,
    /// For so long the last page can be fetched again.
    pub finished: Duration,
    /// Bytes of last pages that are kept together.
    pub finished_bytes: usize,
    /// Statements at once.
    pub statements: usize,
}

impl Default for Keeping {
    fn default() -> Self {
        Self {
            abandoned: Duration::from_mins(5),
            finished: Duration::from_mins(1),
            finished_bytes: 64 << 20,
            statements: 500,
        }
    }
}

/// The statements by their queries' names.
pub(super) struct Statements {
    database: Database,
    keeping: Keeping,
    open: Mutex<HashMap<String, Arc<Statement>>>,
    finished_bytes: AtomicUsize,
}

impl Statements {
    /// Ends what is abandoned for as long as it is held by somebody. Must be called within a runtime.
    pub(super) fn new(database: Database, keeping: Keeping) -> Arc<Self> {
        let pause = (keeping.abandoned.min(keeping.finished) / 4).max(Duration::from_millis(10));
        let statements =
            Arc::new(Self { database, keeping, open: Mutex::default(), finished_bytes: AtomicUsize::new(0) });
        tokio::spawn(sweep_regularly(Arc::downgrade(&statements), pause));
        statements
    }

    pub(super) fn database(&self) -> &Database {
        &self.database
    }

    /// # Errors
    /// `QUERY_QUEUE_FULL` where clients have too many statements open.
    pub(super) fn begin(&self, context: ClientContext, text: String) -> Result<Arc<Statement>, Failure> {
        if self.open().len() >= self.keeping.statements {
            self.drop_finished(None);
        }
        let mut open = self.open();
        if open.len() >= self.keeping.statements {
            let message = format!("Too many statements are open: the limit is {}", self.keeping.statements);
            return Err(Failure { message, error: TrinoError::named("QUERY_QUEUE_FULL"), position: None });
        }
        let statement = Statement::begin(&self.database, context, text);
        open.insert(statement.query.as_str().to_owned(), Arc::clone(&statement));
        Ok(statement)
    }

    /// The statement whose pages have this address.
    pub(super) fn find(&self, query: &str, slug: &str) -> Option<Arc<Statement>> {
        self.open().get(query).filter(|statement| statement.slug == slug).cloned()
    }

    /// Whoever asked for it does not want it any more.
    pub(super) fn cancel(&self, query: &str) {
        self.end(query, StopReason::Cancelled);
    }

    /// Its last page was fetched; it may be fetched again as long as there is room for it.
    pub(super) fn finished(&self, statement: &Statement, bytes: usize) {
        if self.finished_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes > self.keeping.finished_bytes {
            self.drop_finished(Some(statement.query.as_str()));
        }
    }

    /// Lets go of a statement whose client has all of it.
    pub(super) fn forget(&self, query: &str) {
        self.open().remove(query);
    }

    fn drop_finished(&self, but: Option<&str>) {
        self.open()
            .retain(|query, statement| Some(query.as_str()) == but || statement.contact().finished.is_none());
        self.finished_bytes.store(0, Ordering::Relaxed);
    }

    fn sweep(&self) {
        let has_ended = |statement: &Statement| {
            let contact = statement.contact();
            let limit =
                if contact.finished.is_some() { self.keeping.finished } else { self.keeping.abandoned };
            contact.at.elapsed() >= limit
        };
        let open = self.open();
        let ended: Vec<_> = open.values().filter(|statement| has_ended(statement)).cloned().collect();
        drop(open);
        for statement in ended {
            let bytes = statement.contact().finished.unwrap_or_default();
            let _ = self
                .finished_bytes
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |all| Some(all.saturating_sub(bytes)));
            self.end(statement.query.as_str(), StopReason::Abandoned);
        }
    }

    fn end(&self, query: &str, reason: StopReason) {
        let removed = self.open().remove(query);
        if let Some(statement) = removed {
            self.database.queries().cancel(&statement.query, reason);
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<String, Arc<Statement>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn sweep_regularly(statements: Weak<Statements>, pause: Duration) {
    loop {
        tokio::time::sleep(pause).await;
        let Some(statements) = statements.upgrade() else { return };
        statements.sweep();
    }
}
