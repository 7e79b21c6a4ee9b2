//! Sharing the partitions among sinks: a consumer group of the broker's.
//!
//! The broker tells who carries what, and nothing else: members fetch no messages by the group, and where a sink goes on,
//! the lake tells. The offsets committed to the group are for tools that show how far behind it is.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset as BrokerOffset, TopicPartitionList};
use tokio::sync::watch;

use super::{KafkaLog, Shared, client, spawn, topics};
use crate::log::{LogError, Offset, Partition, Topic, TopicPartition};

/// A member that says nothing for so long has its partitions given to others.
const SESSION_TIMEOUT: &str = "10000";
const POLL: Duration = Duration::from_millis(200);

/// A place in the group of those who carry a log. Dropping it leaves the group.
pub struct Membership {
    shared: Arc<Shared>,
    consumer: Arc<BaseConsumer<Member>>,
    assigned: watch::Receiver<BTreeSet<Partition>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What the group's callbacks tell.
struct Member {
    topics: Vec<Topic>,
    assigned: watch::Sender<BTreeSet<Partition>>,
}

impl ClientContext for Member {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "librdkafka");
    }
}

impl ConsumerContext for Member {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if !matches!(rebalance, Rebalance::Assign(_)) {
            self.assigned.send_replace(BTreeSet::new());
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let Rebalance::Assign(list) = rebalance else { return };
        if let Err(error) = consumer.pause(list) {
            tracing::debug!(%error, "messages are fetched that nobody reads");
        }
        let assigned = self.partitions(list);
        tracing::info!(partitions = ?assigned, "the group has given partitions");
        self.assigned.send_replace(assigned);
    }
}

impl Member {
    /// The partitions that are given of every topic, as all members are when they ask for the same topics.
    fn partitions(&self, list: &TopicPartitionList) -> BTreeSet<Partition> {
        let of_topic = |topic: &Topic| -> BTreeSet<Partition> {
            let elements = list.elements_for_topic(topic.name());
            elements
                .iter()
                .filter_map(|element| u16::try_from(element.partition()).ok())
                .map(Partition)
                .collect()
        };
        let each = self.topics.iter().map(of_topic);
        each.reduce(|common, of_topic| &common & &of_topic).unwrap_or_default()
    }
}

impl KafkaLog {
    /// Joins the group of this name, whose members share the partitions of these topics: a partition of all topics goes to
    /// one member.
    ///
    /// # Errors
    /// [`LogError::Broker`] where no client can be made. A broker that does not answer is no error: no partition is
    /// assigned until it does.
    pub fn join(&self, group: &str, topics: &[Topic]) -> Result<Membership, LogError> {
        let options = &self.shared.options;
        let names: Vec<&str> = topics.iter().map(|topic| topic.name()).collect();
        let (told, assigned) = watch::channel(BTreeSet::new());
        let consumer: Result<BaseConsumer<Member>, _> = client::config(&options.brokers)
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "latest")
            .set("partition.assignment.strategy", "range")
            .set("session.timeout.ms", SESSION_TIMEOUT)
            .create_with_context(Member { topics: topics.to_vec(), assigned: told });
        let joined = consumer.and_then(|consumer| {
            consumer.subscribe(&names)?;
            Ok(Arc::new(consumer))
        });
        let consumer = joined.map_err(topics::error(&options.brokers, "join a group"))?;
        let stop = Arc::new(AtomicBool::new(false));
        let (polled, stopped) = (Arc::clone(&consumer), Arc::clone(&stop));
        let thread = spawn(options, "sink-group", move || {
            while !stopped.load(Ordering::Relaxed) {
                // Rebalances are told from within; nothing is fetched.
                drop(polled.poll(POLL));
            }
        })?;
        Ok(Membership { shared: Arc::clone(&self.shared), consumer, assigned, stop, thread: Some(thread) })
    }
}

impl Membership {
    /// The partitions this member carries, as they change.
    #[must_use]
    pub fn assigned(&self) -> watch::Receiver<BTreeSet<Partition>> {
        self.assigned.clone()
    }

    /// Tells the group how far the lake has come. Who reads it is a tool: that it does not arrive is no error.
    pub fn commit(&self, positions: &[(TopicPartition, Offset)]) {
        let mut list = TopicPartitionList::new();
        for (at, offset) in positions {
            let Ok(slot) = self.shared.slots.slot(*at) else { continue };
            let offset = self.shared.reader.least_broker_offset(slot, *offset);
            let offset = BrokerOffset::Offset(i64::try_from(offset).unwrap_or(i64::MAX));
            if let Err(error) = list.add_partition_offset(at.topic.name(), at.partition.0.into(), offset) {
                tracing::debug!(%error, %at, "a group takes no such offset");
            }
        }
        if let Err(error) = self.consumer.commit(&list, CommitMode::Async) {
            tracing::debug!(%error, "the group was not told how far the lake is");
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the group's thread panicked");
        }
    }
}

impl std::fmt::Debug for Membership {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Membership").field("assigned", &*self.assigned.borrow()).finish_non_exhaustive()
    }
}
