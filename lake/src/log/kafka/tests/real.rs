//! An Apache Kafka of this machine, started by `infra/local/kafka/kafka.sh`. `DEPTHLAKE_KAFKA` names that script; without
//! it these tests do nothing.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::*;
use crate::log::tests::semantics;

/// A broker, which ends with this.
pub struct Broker {
    script: PathBuf,
    data: tempfile::TempDir,
    pub address: String,
}

impl Broker {
    pub fn start() -> Option<Self> {
        let Some(script) = env::var_os("DEPTHLAKE_KAFKA") else {
            eprintln!("skipped: DEPTHLAKE_KAFKA does not name the script that starts an Apache Kafka");
            return None;
        };
        let mut broker =
            Self { script: script.into(), data: tempfile::tempdir().unwrap(), address: String::new() };
        broker.address = broker.run("start");
        Some(broker)
    }

    pub fn kill(&self) {
        self.run("kill");
    }

    /// Starts it again at the same address.
    pub fn restart(&self) {
        assert_eq!(self.run("start"), self.address);
    }

    fn run(&self, command: &str) -> String {
        let output = Command::new(&self.script)
            .arg(command)
            .arg(self.data.path())
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(output.status.success(), "{} {command} failed", self.script.display());
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Removes what an earlier test left.
    fn remove_topics(&self) {
        let admin = admin(&self.address);
        let names: Vec<_> = Topic::ALL.iter().map(|topic| topic.name()).collect();
        let _ = client::block_on(admin.delete_topics(&names, &AdminOptions::new()));
        eventually("the topics are gone", || {
            let metadata = admin.inner().fetch_metadata(None, client::ANSWER).unwrap();
            !metadata.topics().iter().any(|topic| names.contains(&topic.name()))
        });
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.run("kill");
    }
}

struct Cleared<'a> {
    broker: &'a Broker,
    folder: tempfile::TempDir,
}

impl Cleared<'_> {
    fn options(&self) -> KafkaOptions {
        options(&self.broker.address, &self.folder.path().join("outbox"))
    }
}

impl Place for Cleared<'_> {
    fn open(&self, partitions: NonZeroU16) -> Result<Box<dyn Log>, LogError> {
        Ok(Box::new(KafkaLog::open(&KafkaOptions { partitions, ..self.options() })?))
    }
}

#[test]
fn a_real_broker_keeps_to_the_semantics() {
    let Some(broker) = Broker::start() else { return };
    for (name, rule) in semantics::ALL {
        eprintln!("{name}");
        broker.remove_topics();
        rule(&Cleared { broker: &broker, folder: tempfile::tempdir().unwrap() });
    }
}

#[test]
fn topics_are_made_as_they_are_configured() {
    let Some(broker) = Broker::start() else { return };
    let place = Cleared { broker: &broker, folder: tempfile::tempdir().unwrap() };
    drop(open(&place.options()));
    let admin = admin(&broker.address);
    let metadata = admin.inner().fetch_metadata(None, client::ANSWER).unwrap();
    for topic in Topic::ALL {
        let found = metadata.topics().iter().find(|found| found.name() == topic.name()).unwrap();
        assert_eq!(found.partitions().len(), usize::from(PARTITIONS.get()), "{topic}");
        let resource = rdkafka::admin::ResourceSpecifier::Topic(topic.name());
        let described = client::block_on(admin.describe_configs([&resource], &AdminOptions::new())).unwrap();
        let config = described.into_iter().next().unwrap().unwrap();
        let value = |name: &str| config.get(name).and_then(|entry| entry.value.clone()).unwrap();
        assert_eq!((value("retention.ms").as_str(), value("cleanup.policy").as_str()), ("-1", "delete"));
        assert_eq!(value("max.message.bytes"), wire::MESSAGE_LIMIT.to_string());
    }

    broker.remove_topics();
    let other = NewTopic::new(Topic::Trade.name(), 5, TopicReplication::Fixed(1));
    client::block_on(admin.create_topics([&other], &AdminOptions::new())).unwrap()[0].as_ref().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let refused = KafkaLog::open(&options(&broker.address, folder.path())).unwrap_err();
    assert!(
        matches!(refused, LogError::BrokerPartitions { topic: Topic::Trade, found: 5, asked: 2, .. }),
        "{refused}"
    );
}

#[test]
fn nothing_is_lost_or_doubled_by_a_broker_that_is_killed() {
    const RECORDS: u64 = 4_000;
    let Some(broker) = Broker::start() else { return };
    let place = Cleared { broker: &broker, folder: tempfile::tempdir().unwrap() };
    let log = open(&place.options());
    for kill in 0..3_u64 {
        let begin = kill * RECORDS;
        thread::scope(|scope| {
            let producer = scope.spawn(|| {
                for offset in begin..begin + RECORDS {
                    for at in [RAW, TRADE] {
                        assert_eq!(log.append(at, &record(at, offset)).unwrap(), Offset(offset));
                    }
                }
            });
            eventually("some of it is sent", || log.durable_end(RAW).unwrap() > Offset(begin + 200));
            broker.kill();
            let acknowledged = [RAW, TRADE].map(|at| log.durable_end(at).unwrap());
            producer.join().unwrap();
            broker.restart();
            log.sync().unwrap();
            for (at, acknowledged) in [RAW, TRADE].into_iter().zip(acknowledged) {
                assert!(log.durable_end(at).unwrap() >= acknowledged);
                assert_eq!(log.durable_end(at).unwrap(), Offset(begin + RECORDS));
                assert_eq!(check_numbered(&log, at), []);
            }
        });
    }
    drop(log);
    let follower = KafkaLog::follow(&place.options()).unwrap();
    assert_eq!(follower.durable_end(TRADE).unwrap(), Offset(3 * RECORDS));
    assert_eq!(check_numbered(&follower, TRADE), []);
}

#[test]
fn transactions_of_another_program_stop_nothing() {
    use rdkafka::producer::{BaseProducer, Producer};
    let Some(broker) = Broker::start() else { return };
    let place = Cleared { broker: &broker, folder: tempfile::tempdir().unwrap() };
    let log = open(&place.options());
    let mut config = client::config(&Brokers::of_list(&broker.address).unwrap());
    let producer: BaseProducer = config.set("transactional.id", "another program").create().unwrap();
    producer.init_transactions(client::ANSWER).unwrap();
    for begin in [0, 20] {
        append_numbered(&log, RAW, begin..begin + 10);
        log.sync().unwrap();
        // Its end takes an offset as well, and is given to nobody.
        producer.begin_transaction().unwrap();
        let message = BaseRecord::<(), str>::to(RAW.topic.name()).partition(RAW.partition.0.into());
        producer.send(message.payload("of another program")).map_err(|(error, _)| error).unwrap();
        producer.commit_transaction(client::ANSWER).unwrap();
        append_numbered(&log, RAW, begin + 10..begin + 20);
        log.sync().unwrap();
    }
    producer.begin_transaction().unwrap();
    let message = BaseRecord::<(), str>::to(RAW.topic.name()).partition(RAW.partition.0.into());
    producer.send(message.payload("taken back")).map_err(|(error, _)| error).unwrap();
    producer.flush(client::ANSWER).unwrap();
    producer.abort_transaction(client::ANSWER).unwrap();
    assert_eq!(check_numbered(&log, RAW), []);
    drop(log);
    let log = open(&place.options());
    append_numbered(&log, RAW, 40..50);
    log.sync().unwrap();
    assert_eq!(check_numbered(&log, RAW), []);
    let follower = KafkaLog::follow(&place.options()).unwrap();
    assert_eq!(check_numbered(&follower, RAW), []);
}
