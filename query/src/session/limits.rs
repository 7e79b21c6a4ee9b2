//! What a query may use, and how many may run at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::QueryError;

/// What queries may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that one query may hold in memory. Sorts, joins and groups beyond that go to disk where they can.
    pub memory_per_query: usize,
    /// Bytes that all queries together may hold in memory.
    pub memory: usize,
    /// How long one query may take, from its first row's planning to its last row's reading.
    pub time_per_query: Duration,
    /// Rows that one query may give.
    pub rows_per_query: u64,
    /// Queries that run at once.
    pub running: usize,
    /// Queries that wait for their turn; one more is refused.
    pub queued: usize,
    /// Bytes of the tables that clients have made.
    pub scratch: usize,
    /// Bytes of a statement.
    pub text_length: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_per_query: 1 << 30,
            memory: 2 << 30,
            time_per_query: Duration::from_mins(10),
            rows_per_query: 100_000_000,
            running: 16,
            queued: 200,
            scratch: 256 << 20,
            text_length: 1_000_000,
        }
    }
}

/// Lets so many queries run at once and so many wait.
#[derive(Debug)]
pub(crate) struct Turnstile {
    /// Places of queries that run or wait.
    places: Arc<Semaphore>,
    running: Arc<Semaphore>,
    queued: usize,
}

/// A query's leave to run, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _place: OwnedSemaphorePermit,
    _running: OwnedSemaphorePermit,
}

impl Turnstile {
    pub(crate) fn new(limits: &Limits) -> Self {
        let running = limits.running.max(1);
        Self {
            places: Arc::new(Semaphore::new(
                running.saturating_add(limits.queued).min(Semaphore::MAX_PERMITS),
            )),
            running: Arc::new(Semaphore::new(running.min(Semaphore::MAX_PERMITS))),
            queued: limits.queued,
        }
    }

    /// Waits for a turn, in the order of asking.
    pub(crate) async fn turn(&self) -> Result<Turn, QueryError> {
        let full = || QueryError::QueueFull { queued: self.queued };
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| full())?;
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(|_| full())?;
        Ok(Turn { _place: place, _running: running })
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use futures::poll;

    use super::*;

    #[tokio::test]
    async fn some_run_some_wait_and_the_rest_is_refused() {
        let turnstile = Turnstile::new(&Limits { running: 1, queued: 1, ..Limits::default() });
        let first = turnstile.turn().await.unwrap();
        let mut second = Box::pin(turnstile.turn());
        assert!(poll!(&mut second).is_pending());
        assert!(matches!(turnstile.turn().await, Err(QueryError::QueueFull { queued: 1 })));
        drop(first);
        assert!(matches!(poll!(&mut second), Poll::Ready(Ok(_))));
        assert!(turnstile.turn().await.is_ok());
    }
}
