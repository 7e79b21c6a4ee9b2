//! The log at a mock of librdkafka's, which errors are injected into, and at a real Apache Kafka.

mod away;
mod errors;
pub mod mock;
mod others;
pub mod real;

use std::path::Path;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

use super::*;
use crate::log::tests::{PARTITIONS, Place, RAW, TRADE, append_numbered, check_numbered, record};
use crate::log::{Partition, Topic};

/// Small, so that what is bounded is soon full.
fn options(brokers: &str, outbox: &Path) -> KafkaOptions {
    KafkaOptions {
        segment_bytes: 64 * 1024,
        queue_bytes: 256 * 1024,
        in_flight_bytes: 64 * 1024,
        patience: Duration::from_mins(1),
        ..KafkaOptions::new(Brokers::of_list(brokers).unwrap(), PARTITIONS, outbox.to_owned())
    }
}

fn open(options: &KafkaOptions) -> KafkaLog {
    KafkaLog::open(options).unwrap()
}

/// Waits for what another thread brings about.
fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !is_so() {
        assert!(Instant::now() < deadline, "not within a minute: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Makes a topic without a message in it, or removes it.
fn admin(brokers: &str) -> AdminClient<DefaultClientContext> {
    let brokers = Brokers::of_list(brokers).unwrap();
    client::config(&brokers).create().unwrap()
}

/// Sends a record of the log again, as a broker that has lost an answer would have it.
pub fn send_repeated(brokers: &str, at: TopicPartition, stored: &StoredRecord) {
    let payload = std::str::from_utf8(&stored.record.value).unwrap();
    send_foreign(brokers, at, payload, Some(wire::header(stored)));
}

/// The messages of a partition that are no records, with the broker's offsets.
pub fn foreign_messages(brokers: &str, at: TopicPartition) -> Vec<(u64, Vec<u8>)> {
    use rdkafka::error::KafkaError;
    use rdkafka::message::Message;
    use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
    let consumer = client::consumer(&Brokers::of_list(brokers).unwrap()).unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(at.topic.name(), at.partition.0.into(), Offset::Beginning).unwrap();
    consumer.assign(&list).unwrap();
    let mut found = Vec::new();
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        assert!(Instant::now() < deadline, "{at} has no end within a minute");
        match consumer.poll(Duration::from_millis(50)) {
            Some(Ok(message)) if wire::record(&message).is_none() => {
                let value = message.payload().unwrap_or_default().to_vec();
                found.push((u64::try_from(message.offset()).unwrap(), value));
            }
            Some(Err(KafkaError::PartitionEOF(_))) => return found,
            _ => {}
        }
    }
}

/// Sends a message that the log knows nothing of.
pub fn send_foreign(
    brokers: &str,
    at: TopicPartition,
    payload: &str,
    headers: Option<rdkafka::message::OwnedHeaders>,
) {
    use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
    let producer: BaseProducer = client::config(&Brokers::of_list(brokers).unwrap()).create().unwrap();
    let mut message =
        BaseRecord::<(), str>::to(at.topic.name()).partition(at.partition.0.into()).payload(payload);
    if let Some(headers) = headers {
        message = message.headers(headers);
    }
    producer.send(message).map_err(|(error, _)| error).unwrap();
    producer.flush(Duration::from_secs(20)).unwrap();
}
