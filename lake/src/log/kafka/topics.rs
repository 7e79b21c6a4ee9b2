//! The topics at the broker: looked at, and made where they are missing.

use std::num::NonZeroU16;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::Client;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};

use super::client::{self, ANSWER, Quiet};
use super::wire::MESSAGE_LIMIT;
use super::{Brokers, KafkaOptions};
use crate::log::{LogError, Topic};

/// How long topics that were just made may take to appear.
const APPEARANCE: Duration = Duration::from_secs(30);
/// The broker's own default.
const DEFAULT_REPLICATION: i32 = -1;

/// Sees to it that every topic is there, with as many partitions as are configured.
pub(super) fn ensure(client: &Client<Quiet>, options: &KafkaOptions) -> Result<(), LogError> {
    let begun = Instant::now();
    let mut missing = missing(client, &options.brokers, options.partitions)?;
    if missing.is_empty() {
        return Ok(());
    }
    create(&missing, options).map_err(error(&options.brokers, "make topics"))?;
    while !missing.is_empty() {
        if begun.elapsed() > APPEARANCE {
            let cause = KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownTopicOrPartition);
            return Err(error(&options.brokers, "see the topics just made")(cause));
        }
        thread::sleep(Duration::from_millis(50));
        missing = self::missing(client, &options.brokers, options.partitions)?;
    }
    Ok(())
}

/// The topics that are not there yet.
fn missing(
    client: &Client<Quiet>,
    brokers: &Brokers,
    partitions: NonZeroU16,
) -> Result<Vec<Topic>, LogError> {
    let metadata = client.fetch_metadata(None, ANSWER).map_err(error(brokers, "list the topics"))?;
    let mut missing = Vec::new();
    for topic in Topic::ALL {
        let found = metadata.topics().iter().find(|found| found.name() == topic.name());
        let Some(found) = found.filter(|found| !found.partitions().is_empty()) else {
            missing.push(topic);
            continue;
        };
        if found.partitions().len() != usize::from(partitions.get()) {
            return Err(LogError::BrokerPartitions {
                topic,
                brokers: brokers.to_string(),
                found: found.partitions().len(),
                asked: partitions.get(),
            });
        }
        // A topic that was just made has no leader for a moment.
        if found.partitions().iter().any(|partition| partition.leader() < 0) {
            missing.push(topic);
        }
    }
    Ok(missing)
}

/// Makes topics that keep everything: what is no longer needed, nobody but we can tell. One that another process makes
/// at the same time is as good.
fn create(topics: &[Topic], options: &KafkaOptions) -> KafkaResult<()> {
    let limit = MESSAGE_LIMIT.to_string();
    let replication = options.replication.map_or(DEFAULT_REPLICATION, |replicas| replicas.get().into());
    let topics: Vec<_> = topics
        .iter()
        .map(|topic| {
            let replication = TopicReplication::Fixed(replication);
            NewTopic::new(topic.name(), options.partitions.get().into(), replication)
                .set("cleanup.policy", "delete")
                .set("retention.ms", "-1")
                .set("retention.bytes", "-1")
                .set("max.message.bytes", &limit)
        })
        .collect();
    let admin: AdminClient<Quiet> = client::config(&options.brokers).create_with_context(Quiet)?;
    let timeout = AdminOptions::new().request_timeout(Some(ANSWER)).operation_timeout(Some(ANSWER));
    for created in client::block_on(admin.create_topics(&topics, &timeout))? {
        match created {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(KafkaError::AdminOp(code)),
        }
    }
    Ok(())
}

/// Names the operation of an error of the broker's.
pub(super) fn error(brokers: &Brokers, operation: &'static str) -> impl Fn(KafkaError) -> LogError {
    let brokers = brokers.to_string();
    move |cause| LogError::Broker { operation, brokers: brokers.clone(), cause }
}
