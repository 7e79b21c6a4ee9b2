//! A cluster in this process.

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use super::*;
use crate::log::tests::semantics::keeps_to_the_semantics;

/// A cluster of one broker with our topics, and a folder for the outbox.
pub struct Mock {
    pub cluster: MockCluster<'static, DefaultProducerContext>,
    pub folder: tempfile::TempDir,
}

// SAFETY: librdkafka guards the mock cluster by a lock of its own; it may be used from any thread.
unsafe impl Sync for Mock {}

impl Mock {
    pub fn new() -> Self {
        Self::of_brokers(1)
    }

    pub fn of_brokers(count: i32) -> Self {
        let cluster = MockCluster::new(count).unwrap();
        for topic in Topic::ALL {
            cluster.create_topic(topic.name(), PARTITIONS.get().into(), 1).unwrap();
        }
        Self { cluster, folder: tempfile::tempdir().unwrap() }
    }

    pub fn brokers(&self) -> String {
        self.cluster.bootstrap_servers()
    }

    pub fn options(&self) -> KafkaOptions {
        options(&self.brokers(), &self.folder.path().join("outbox"))
    }

    /// The values of messages that are none of the log's records, once there are so many.
    pub fn messages(&self, at: TopicPartition, count: usize) -> Vec<Vec<u8>> {
        use rdkafka::message::Message;
        use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
        let consumer = client::consumer(&self.options().brokers).unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(at.topic.name(), at.partition.0.into(), Offset::Beginning).unwrap();
        consumer.assign(&list).unwrap();
        let mut values = Vec::new();
        eventually("the messages are there", || {
            if let Some(Ok(message)) = consumer.poll(Duration::from_millis(50))
                && wire::record(&message).is_none()
            {
                values.push(message.payload().unwrap_or_default().to_vec());
            }
            values.len() >= count
        });
        values
    }

    pub fn open(&self) -> KafkaLog {
        open(&self.options())
    }
}

impl Place for Mock {
    fn open(&self, partitions: NonZeroU16) -> Result<Box<dyn Log>, LogError> {
        Ok(Box::new(KafkaLog::open(&KafkaOptions { partitions, ..self.options() })?))
    }
}

keeps_to_the_semantics!(Some(Mock::new()));
