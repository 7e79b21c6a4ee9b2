//! Who is told what.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::ws::Utf8Bytes;

use super::books::ShownBook;
use super::client::Client;
use super::tickers::ShownTickers;
use super::topic::Topic;
use crate::health::Health;
use crate::json_text::JsonText;

/// Clients that may be connected at once.
pub(crate) const MOST_CLIENTS: u64 = 8_192;

/// Topics that one client may have at once.
pub(crate) const MOST_TOPICS: usize = 1_024;

/// What it costs to hand a message to one client: a busy topic leaves at least so much time between messages for each of
/// its members, so that the processor is not spent on messages that nobody can keep up with.
const COST_OF_A_MEMBER: Duration = Duration::from_micros(8);

/// The topics with those who asked for them.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    topics: Mutex<Topics>,
    counts: Arc<StreamCounts>,
}

/// What the streams have done so far.
#[derive(Debug, Default)]
pub struct StreamCounts {
    /// Clients connected now.
    pub clients: AtomicU64,
    /// Clients that were let go because they did not keep up.
    pub dropped: AtomicU64,
    /// Messages handed to clients.
    pub messages: AtomicU64,
}

/// The topics that somebody has asked for.
pub(crate) type Topics = HashMap<Topic, Audience>;

/// Those who asked for one topic, and what they were told last.
#[derive(Debug)]
pub(crate) struct Audience {
    /// The number of the last message; 0 before the first.
    seq: u64,
    members: Vec<Member>,
    last_told: Option<Instant>,
    pub(crate) shown: Shown,
}

#[derive(Debug)]
struct Member {
    client: Arc<Client>,
    /// Has not been told the whole yet.
    is_new: bool,
}

/// What the members of an audience know, for the changes to be told.
#[derive(Debug, Default)]
pub(crate) enum Shown {
    #[default]
    Nothing,
    Tickers(ShownTickers),
    Book(Box<ShownBook>),
    Health(Arc<Health>),
}

/// Writes a message, given its number.
type Write<'a> = &'a mut dyn FnMut(&mut JsonText, u64);

/// A client's place, given up when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    counts: Arc<StreamCounts>,
}

impl Hub {
    pub(crate) fn counts(&self) -> Arc<StreamCounts> {
        Arc::clone(&self.counts)
    }

    /// A place for one more client; `None` where all are taken.
    pub(crate) fn seat(&self) -> Option<Seat> {
        let seat = Seat { counts: self.counts() };
        let before = self.counts.clients.fetch_add(1, Ordering::Relaxed);
        (before < MOST_CLIENTS).then_some(seat)
    }

    /// Adds a client to a topic; does nothing where it is there.
    pub(crate) fn join(&self, topic: Topic, client: &Arc<Client>) {
        let mut topics = self.topics();
        let audience = topics.entry(topic).or_default();
        if !audience.members.iter().any(|member| Arc::ptr_eq(&member.client, client)) {
            audience.members.push(Member { client: Arc::clone(client), is_new: true });
        }
    }

    /// Takes a client from a topic.
    pub(crate) fn leave(&self, topic: &Topic, client: &Arc<Client>) {
        let mut topics = self.topics();
        if let Some(audience) = topics.get_mut(topic) {
            audience.members.retain(|member| !Arc::ptr_eq(&member.client, client));
            if audience.members.is_empty() {
                topics.remove(topic);
            }
        }
    }

    /// The topics, for the pump to tell.
    pub(crate) fn topics(&self) -> MutexGuard<'_, Topics> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a client that was let go because it did not keep up.
    pub(crate) fn count_dropped(&self) {
        self.counts.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

impl Default for Audience {
    fn default() -> Self {
        Self { seq: 0, members: Vec::new(), last_told: None, shown: Shown::Nothing }
    }
}

impl Audience {
    /// Whether somebody has not been told the whole yet.
    pub(crate) fn has_newcomers(&self) -> bool {
        self.members.iter().any(|member| member.is_new)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether the next change may be told already.
    pub(crate) fn is_due(&self, topic: &Topic, now: Instant) -> bool {
        let members = u32::try_from(self.members.len()).unwrap_or(u32::MAX);
        let rest = topic.pace.interval().max(COST_OF_A_MEMBER.saturating_mul(members));
        self.last_told.is_none_or(|last| now.saturating_duration_since(last) >= rest)
    }

    /// Whether nothing was told for so long.
    pub(crate) fn is_silent_for(&self, time: Duration, now: Instant) -> bool {
        self.last_told.is_none_or(|last| now.saturating_duration_since(last) >= time)
    }

    /// Tells a change: `update` writes it, given its number, for those who know what was before, and `whole` everything, for
    /// newcomers. An `update` of `None` stands for everything too.
    pub(crate) fn tell_change(
        &mut self,
        now: Instant,
        counts: &StreamCounts,
        update: Option<Write<'_>>,
        whole: Write<'_>,
    ) {
        self.seq += 1;
        self.last_told = Some(now);
        let everybody_anew = update.is_none();
        if let Some(update) = update
            && self.members.iter().any(|member| !member.is_new)
        {
            let message = written(self.seq, update);
            self.tell(&message, counts, |member| !member.is_new);
        }
        if everybody_anew || self.has_newcomers() {
            let message = written(self.seq, whole);
            self.tell(&message, counts, |member| everybody_anew || member.is_new);
        }
        self.settle();
    }

    /// Tells newcomers what the others know.
    pub(crate) fn tell_newcomers(&mut self, counts: &StreamCounts, whole: Write<'_>) {
        let message = written(self.seq, whole);
        self.tell(&message, counts, |member| member.is_new);
        self.settle();
    }

    /// Tells news that have no whole, such as trades.
    pub(crate) fn tell_news(&mut self, now: Instant, counts: &StreamCounts, news: Write<'_>) {
        self.seq += 1;
        self.last_told = Some(now);
        let message = written(self.seq, news);
        self.tell(&message, counts, |_| true);
        self.settle();
    }

    fn tell(&mut self, message: &Utf8Bytes, counts: &StreamCounts, whom: impl Fn(&Member) -> bool) {
        let mut told = 0;
        self.members.retain(|member| {
            if !whom(member) {
                return true;
            }
            let keeps_up = member.client.tell(message);
            told += u64::from(keeps_up);
            keeps_up
        });
        counts.messages.fetch_add(told, Ordering::Relaxed);
    }

    fn settle(&mut self) {
        for member in &mut self.members {
            member.is_new = false;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.counts.clients.fetch_sub(1, Ordering::Relaxed);
    }
}

fn written(seq: u64, write: Write<'_>) -> Utf8Bytes {
    let mut json = JsonText::with_capacity(1_024);
    write(&mut json, seq);
    // JSON is UTF-8.
    Utf8Bytes::try_from(json.into_bytes()).unwrap_or_default()
}
