//! Who is connected, and who has to go.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use super::Limits;

/// The connections of a server. A clone is the same.
#[derive(Clone)]
pub(crate) struct Connections(Arc<Shared>);

struct Shared {
    capacity: usize,
    begun: Instant,
    next: AtomicU64,
    open: Mutex<BTreeMap<u64, Arc<State>>>,
    count: watch::Sender<usize>,
}

/// A connection, until it is dropped.
pub(crate) struct Connection {
    connections: Connections,
    number: u64,
    state: Arc<State>,
}

/// What a connection does.
struct State {
    begun: Instant,
    /// When the last request ended, or the connection began, in milliseconds since `begun`.
    idle_since: AtomicU64,
    has_asked: AtomicBool,
    under_way: AtomicUsize,
    close: Notify,
}

/// Begins the requests of a connection.
#[derive(Clone)]
pub(crate) struct Requests(Arc<State>);

/// A request that is under way until its answer is sent or given up.
pub(crate) struct Request(Arc<State>);

/// A body that belongs to a request.
pub(crate) struct Counted<B> {
    body: B,
    _request: Request,
}

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    ByClient,
    ByServer,
    /// No request came in time.
    Idle,
    /// Another connection took its place.
    Displaced,
}

impl Connections {
    pub(crate) fn new(capacity: usize) -> Self {
        Self(Arc::new(Shared {
            capacity: capacity.max(1),
            begun: Instant::now(),
            next: AtomicU64::new(0),
            open: Mutex::default(),
            count: watch::Sender::new(0),
        }))
    }

    /// Lets a connection in. Where there are too many, the longest idle one goes, of those that have never asked for anything
    /// if there are any; `None` where none is idle.
    pub(crate) fn enter(&self) -> Option<Connection> {
        let mut open = self.open();
        if open.len() >= self.0.capacity {
            let idle = open.iter().filter(|(_, state)| state.is_idle());
            let (&longest, _) = idle.min_by_key(|(_, state)| state.worth())?;
            if let Some(displaced) = open.remove(&longest) {
                displaced.close.notify_one();
            }
        }
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let state = Arc::new(State {
            begun: self.0.begun,
            idle_since: AtomicU64::new(0),
            has_asked: AtomicBool::new(false),
            under_way: AtomicUsize::new(0),
            close: Notify::new(),
        });
        state.is_idle_from_now();
        open.insert(number, Arc::clone(&state));
        drop(open);
        self.0.count.send_modify(|count| *count += 1);
        Some(Connection { connections: self.clone(), number, state })
    }

    /// Completes when nobody is connected any more.
    pub(crate) async fn none_left(&self) {
        let _ = self.0.count.subscribe().wait_for(|count| *count == 0).await;
    }

    pub(crate) fn close_all(&self) {
        for state in self.open().values() {
            state.close.notify_one();
        }
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<State>>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    pub(crate) fn requests(&self) -> Requests {
        Requests(Arc::clone(&self.state))
    }

    /// Completes when the connection has to end, for it is idle for too long or another needs its place.
    pub(crate) async fn ended(&self, limits: &Limits) -> Ended {
        loop {
            let deadline = self.state.deadline(limits);
            if deadline <= Instant::now() {
                return Ended::Idle;
            }
            tokio::select! {
                () = sleep_until(deadline) => {}
                () = self.state.close.notified() => return Ended::Displaced,
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.connections.open().remove(&self.number);
        self.connections.0.count.send_modify(|count| *count -= 1);
    }
}

impl State {
    fn is_idle(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) == 0
    }

    /// The least goes first when there are too many.
    fn worth(&self) -> (bool, u64) {
        (self.has_asked.load(Ordering::Relaxed), self.idle_since.load(Ordering::Relaxed))
    }

    fn is_idle_from_now(&self) {
        let since = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.idle_since.store(since, Ordering::Relaxed);
    }

    /// When the connection ends if nothing comes; in any case a time to look again.
    fn deadline(&self, limits: &Limits) -> Instant {
        if !self.is_idle() {
            return Instant::now() + limits.idle_time;
        }
        let since = self.begun + Duration::from_millis(self.idle_since.load(Ordering::Relaxed));
        since + if self.has_asked.load(Ordering::Relaxed) { limits.idle_time } else { limits.header_time }
    }
}

impl Requests {
    pub(crate) fn begin(&self) -> Request {
        self.0.has_asked.store(true, Ordering::Relaxed);
        self.0.under_way.fetch_add(1, Ordering::Relaxed);
        Request(Arc::clone(&self.0))
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.0.is_idle_from_now();
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<B> Counted<B> {
    pub(crate) fn new(body: B, request: Request) -> Self {
        Self { body, _request: request }
    }
}

impl<B: Body + Unpin> Body for Counted<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn when_there_are_too_many_the_longest_idle_goes() {
        let limits = Limits::default();
        let connections = Connections::new(2);
        let busy = connections.enter().unwrap();
        let request = busy.requests().begin();
        let idle = connections.enter().unwrap();
        let newer = connections.enter().unwrap();
        assert_eq!(idle.ended(&limits).await, Ended::Displaced);
        let of_newer = newer.requests().begin();
        assert!(connections.enter().is_none());
        drop((request, of_newer));
        assert!(connections.enter().is_some());
        drop((busy, idle, newer));
        connections.none_left().await;
    }

    #[tokio::test]
    async fn who_never_asked_goes_before_who_has() {
        let limits = Limits::default();
        let connections = Connections::new(2);
        let has_asked = connections.enter().unwrap();
        drop(has_asked.requests().begin());
        for _ in 0..3 {
            let has_not = connections.enter().unwrap();
            let next = connections.enter().unwrap();
            assert_eq!(has_not.ended(&limits).await, Ended::Displaced);
            drop((has_not, next));
        }
        assert!(connections.open().contains_key(&has_asked.number));
    }

    #[tokio::test]
    async fn a_connection_without_requests_ends() {
        let [short, never] = [Duration::from_millis(30), Duration::from_hours(24)];
        let connections = Connections::new(2);
        let connection = connections.enter().unwrap();
        let limits = Limits { header_time: short, idle_time: never, ..Limits::default() };
        assert_eq!(connection.ended(&limits).await, Ended::Idle);
        let request = connection.requests().begin();
        let limits = Limits { header_time: never, idle_time: short, ..Limits::default() };
        let lasts = tokio::time::timeout(short * 3, connection.ended(&limits)).await;
        assert!(lasts.is_err());
        drop(request);
        assert_eq!(connection.ended(&limits).await, Ended::Idle);
    }
}
