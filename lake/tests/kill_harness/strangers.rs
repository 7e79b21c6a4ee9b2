//! Another program that writes to the topics of the log: what it has been told of is a dead letter in the end, once.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};

use crate::records::{Row, places};

/// A producer that knows nothing of us, and what the broker has of it.
pub struct Strangers {
    producer: BaseProducer<Told>,
    sent: u64,
}

/// What the broker has acknowledged: the rows that must come of it.
#[derive(Default, Clone)]
struct Told(Arc<Mutex<Vec<Row>>>);

impl ClientContext for Told {}

impl ProducerContext for Told {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let message = result.as_ref().map_err(|(error, _)| error.clone()).unwrap();
        self.0.lock().unwrap().push(Row {
            table: "ops.dead_letters",
            partition: u16::try_from(message.partition()).unwrap(),
            offset: u64::try_from(message.offset()).unwrap(),
            content: String::from_utf8(message.payload().unwrap().to_vec()).unwrap(),
        });
    }
}

impl Strangers {
    pub fn new(brokers: &str) -> Self {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers).set("enable.idempotence", "true");
        Self { producer: config.create_with_context(Told::default()).unwrap(), sent: 0 }
    }

    /// Sends a message to each partition, and waits until the broker has it.
    pub fn send(&mut self) {
        for at in places() {
            self.sent += 1;
            let text = format!("number {} of somebody else in {at}", self.sent);
            let message = BaseRecord::<(), str>::to(at.topic.name()).partition(at.partition.0.into());
            self.producer.send(message.payload(&text)).map_err(|(error, _)| error).unwrap();
        }
        self.producer.flush(Duration::from_mins(1)).unwrap();
    }

    /// The rows that must come of what was sent.
    pub fn rows(&self) -> Vec<Row> {
        self.producer.context().0.lock().unwrap().clone()
    }

    /// Checks that dead letters are about what was sent, each about another message.
    pub fn check(&self, letters: &[Row]) {
        let sent: BTreeSet<Row> = self.rows().into_iter().collect();
        let found: BTreeSet<Row> = letters.iter().cloned().collect();
        assert_eq!(found.len(), letters.len(), "a message has two dead letters: {letters:?}");
        assert!(found.is_subset(&sent), "dead letters about what nobody has sent: {letters:?}");
    }
}
