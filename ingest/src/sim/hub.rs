//! Who listens to what: subscriptions, the frames on their way to each connection, and the count of them.
//!
//! Every connection has one bounded queue for all its streams, so frames keep their order across streams. A frame is
//! built once and shared. Streams nobody can publish to (unknown symbols) are subscribed like any other and stay silent.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::ws::Utf8Bytes;
use tokio::sync::{Notify, mpsc, watch};

use super::numbers::TimeUnit;
use super::parcel::{Envelope, Frame, Parcel};

/// How often a stream's frames went out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamCount {
    /// The stream's name, e.g. `btcusdt@depth@100ms`.
    pub stream: String,
    /// Frames that had at least one subscriber, duplicates by a fault included.
    pub published: u64,
    /// Frames written to sockets: one for each connection that got it.
    pub sent: u64,
}

/// A frame in a connection's queue. Dropped unsent, it counts as not sent.
pub(super) struct Outgoing {
    frame: Frame,
    sent: Arc<AtomicU64>,
    waiting: Arc<AtomicUsize>,
}

/// What the venue tells one connection to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    GoSilent,
    AnnounceShutdown,
}

/// Which connections are meant.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope<'a> {
    All,
    /// Those with a stream of this symbol (lower case).
    Symbol(&'a str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct ConnectionId(u64);

pub(super) struct Hub {
    state: Mutex<State>,
    /// Counts the changes of the subscriptions.
    changes: watch::Sender<u64>,
    waiting_frames: usize,
}

#[derive(Default)]
struct State {
    topics: HashMap<String, Topic>,
    connections: HashMap<ConnectionId, Entry>,
    last_connection: u64,
}

#[derive(Default)]
struct Topic {
    subscribers: Vec<ConnectionId>,
    published: u64,
    sent: Arc<AtomicU64>,
}

struct Entry {
    unit: TimeUnit,
    streams: BTreeSet<String>,
    outbox: mpsc::Sender<Outgoing>,
    waiting: Arc<AtomicUsize>,
    orders: mpsc::UnboundedSender<Order>,
    cut: Arc<Notify>,
}

/// A connection's end of the hub. Dropping it ends all its subscriptions.
pub(super) struct Line {
    hub: Arc<Hub>,
    id: ConnectionId,
    pub outbox: mpsc::Receiver<Outgoing>,
    pub orders: mpsc::UnboundedReceiver<Order>,
    /// Notified when the connection has to end at once.
    pub cut: Arc<Notify>,
}

impl Hub {
    pub(super) fn new(waiting_frames: usize) -> Arc<Self> {
        let state = Mutex::new(State::default());
        Arc::new(Self { state, changes: watch::Sender::new(0), waiting_frames: waiting_frames.max(1) })
    }

    pub(super) fn connect(self: &Arc<Self>, unit: TimeUnit) -> Line {
        let (outbox, outbox_end) = mpsc::channel(self.waiting_frames);
        let (orders, orders_end) = mpsc::unbounded_channel();
        let cut = Arc::new(Notify::new());
        let entry = Entry {
            unit,
            streams: BTreeSet::new(),
            outbox,
            waiting: Arc::default(),
            orders,
            cut: Arc::clone(&cut),
        };
        let mut state = self.state();
        state.last_connection += 1;
        let id = ConnectionId(state.last_connection);
        state.connections.insert(id, entry);
        Line { hub: Arc::clone(self), id, outbox: outbox_end, orders: orders_end, cut }
    }

    /// The units in which a stream is listened to, as [`TimeUnit::ALL`] has them.
    pub(super) fn audience(&self, stream: &str) -> [bool; 2] {
        let state = self.state();
        let Some(topic) = state.topics.get(stream) else { return [false; 2] };
        let listens = |unit| {
            let entries = topic.subscribers.iter().filter_map(|id| state.connections.get(id));
            entries.into_iter().any(|entry| entry.unit == unit)
        };
        TimeUnit::ALL.map(listens)
    }

    /// Puts a frame into the queue of every listener; a listener whose queue is full is cut off.
    pub(super) fn deliver(&self, parcel: &Parcel) {
        for (outbox, outgoing, cut) in self.addressed(parcel) {
            if outbox.try_send(outgoing).is_err() {
                cut.notify_one();
            }
        }
    }

    /// As [`Hub::deliver`], but waits for slow listeners.
    pub(super) async fn deliver_patiently(&self, parcel: &Parcel) {
        for (outbox, outgoing, _) in self.addressed(parcel) {
            // A closed queue belongs to a connection that is gone.
            let _ = outbox.send(outgoing).await;
        }
    }

    pub(super) fn order(&self, scope: Scope<'_>, order: Order) {
        for entry in self.state().connections.values().filter(|entry| scope.has(entry)) {
            let _ = entry.orders.send(order);
        }
    }

    /// Gives an order to the oldest connection in scope.
    pub(super) fn order_oldest(&self, scope: Scope<'_>, order: Order) {
        if let Some(entry) = self.state().oldest(scope) {
            let _ = entry.orders.send(order);
        }
    }

    /// Ends the oldest connection in scope without a close frame.
    pub(super) fn cut_oldest(&self, scope: Scope<'_>) {
        if let Some(entry) = self.state().oldest(scope) {
            entry.cut.notify_one();
        }
    }

    pub(super) fn counts(&self) -> Vec<StreamCount> {
        let state = self.state();
        let mut counts: Vec<_> = state
            .topics
            .iter()
            .filter(|(_, topic)| topic.published > 0)
            .map(|(stream, topic)| StreamCount {
                stream: stream.clone(),
                published: topic.published,
                sent: topic.sent.load(Ordering::Acquire),
            })
            .collect();
        counts.sort_by(|one, other| one.stream.cmp(&other.stream));
        counts
    }

    pub(super) fn connection_count(&self) -> usize {
        self.state().connections.len()
    }

    /// Whether every frame so far is written to its socket.
    pub(super) fn is_drained(&self) -> bool {
        self.state().connections.values().all(|entry| entry.waiting.load(Ordering::Acquire) == 0)
    }

    /// Whether anyone listens to anything.
    pub(super) fn has_subscribers(&self) -> bool {
        self.state().topics.values().any(|topic| !topic.subscribers.is_empty())
    }

    /// Changes whenever a subscription begins or ends.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn addressed(&self, parcel: &Parcel) -> Vec<(mpsc::Sender<Outgoing>, Outgoing, Arc<Notify>)> {
        let State { topics, connections, .. } = &mut *self.state();
        let Some(topic) = topics.get_mut(&parcel.stream) else { return Vec::new() };
        let mut addressed = Vec::with_capacity(topic.subscribers.len());
        for entry in topic.subscribers.iter().filter_map(|id| connections.get(id)) {
            let Some(frame) = parcel.frame(entry.unit) else { continue };
            entry.waiting.fetch_add(1, Ordering::AcqRel);
            let (sent, waiting) = (Arc::clone(&topic.sent), Arc::clone(&entry.waiting));
            let outgoing = Outgoing { frame: frame.clone(), sent, waiting };
            addressed.push((entry.outbox.clone(), outgoing, Arc::clone(&entry.cut)));
        }
        topic.published += u64::from(!addressed.is_empty());
        addressed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn oldest(&self, scope: Scope<'_>) -> Option<&Entry> {
        let concerned = self.connections.iter().filter(|(_, entry)| scope.has(entry));
        concerned.min_by_key(|(id, _)| **id).map(|(_, entry)| entry)
    }
}

impl Scope<'_> {
    fn has(self, entry: &Entry) -> bool {
        match self {
            Self::All => true,
            Self::Symbol(symbol) => {
                entry.streams.iter().any(|stream| stream.split('@').next() == Some(symbol))
            }
        }
    }
}

impl Line {
    /// Adds streams, or refuses all of them where the connection would have more than `limit`.
    pub(super) fn subscribe(&self, streams: &[String], limit: usize) -> bool {
        let State { topics, connections, .. } = &mut *self.hub.state();
        let Some(entry) = connections.get_mut(&self.id) else { return false };
        let new: BTreeSet<_> = streams.iter().filter(|stream| !entry.streams.contains(*stream)).collect();
        if entry.streams.len() + new.len() > limit {
            return false;
        }
        for stream in new {
            entry.streams.insert(stream.clone());
            topics.entry(stream.clone()).or_default().subscribers.push(self.id);
        }
        self.hub.changes.send_modify(|count| *count += 1);
        true
    }

    pub(super) fn unsubscribe(&self, streams: &[String]) {
        let State { topics, connections, .. } = &mut *self.hub.state();
        let Some(entry) = connections.get_mut(&self.id) else { return };
        for stream in streams.iter().filter(|stream| entry.streams.remove(*stream)) {
            forget(topics, stream, self.id);
        }
        self.hub.changes.send_modify(|count| *count += 1);
    }

    pub(super) fn streams(&self) -> Vec<String> {
        let state = self.hub.state();
        state.connections.get(&self.id).map_or_else(Vec::new, |entry| entry.streams.iter().cloned().collect())
    }

    /// Ends all subscriptions and throws away what waits, while the connection itself stays.
    pub(super) fn disconnect(&mut self) {
        let State { topics, connections, .. } = &mut *self.hub.state();
        if let Some(entry) = connections.remove(&self.id) {
            for stream in &entry.streams {
                forget(topics, stream, self.id);
            }
        }
        self.outbox.close();
        self.hub.changes.send_modify(|count| *count += 1);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.disconnect();
    }
}

fn forget(topics: &mut HashMap<String, Topic>, stream: &str, id: ConnectionId) {
    let Some(topic) = topics.get_mut(stream) else { return };
    topic.subscribers.retain(|subscriber| *subscriber != id);
    if topic.subscribers.is_empty() && topic.published == 0 {
        topics.remove(stream);
    }
}

impl Outgoing {
    pub(super) fn text(&self, envelope: Envelope) -> Utf8Bytes {
        self.frame.text(envelope)
    }

    /// Counts the frame as written to its socket.
    pub(super) fn settle(self) {
        self.sent.fetch_add(1, Ordering::AcqRel);
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcel(data: &str) -> Parcel {
        Parcel::new("a@trade".to_owned(), [true, false], |_| data.to_owned())
    }

    #[tokio::test]
    async fn frames_reach_the_subscribers_of_their_stream_and_are_counted_when_sent() {
        let hub = Hub::new(8);
        let mut line = hub.connect(TimeUnit::Milliseconds);
        assert!(line.subscribe(&["a@trade".to_owned()], 1));
        assert!(!line.subscribe(&["b@trade".to_owned()], 1));
        hub.deliver(&parcel("{}"));
        assert!(!hub.is_drained());
        let outgoing = line.outbox.recv().await.unwrap();
        assert_eq!(outgoing.text(Envelope::Raw).as_str(), "{}");
        assert_eq!(outgoing.text(Envelope::Combined).as_str(), r#"{"stream":"a@trade","data":{}}"#);
        outgoing.settle();
        assert!(hub.is_drained());
        line.unsubscribe(&["a@trade".to_owned()]);
        hub.deliver(&parcel("{}"));
        assert_eq!(hub.counts(), [StreamCount { stream: "a@trade".to_owned(), published: 1, sent: 1 }]);
        drop(line);
        assert_eq!(hub.connection_count(), 0);
    }

    #[tokio::test]
    async fn a_full_queue_cuts_the_connection() {
        let hub = Hub::new(1);
        let line = hub.connect(TimeUnit::Milliseconds);
        assert!(line.subscribe(&["a@trade".to_owned()], 9));
        hub.deliver(&parcel("{}"));
        hub.deliver(&parcel("{}"));
        line.cut.notified().await;
    }
}
