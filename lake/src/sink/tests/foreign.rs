//! Messages of other programs in the topics of the log: dead letters, each once, and nothing stops.

use std::collections::BTreeSet;

use rdkafka::config::ClientConfig;
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use super::*;
use crate::log::{
    Broker, Brokers, KafkaLog, KafkaOptions, Mock, foreign_messages, send_foreign, send_repeated,
};

const ORDERBOOK: TopicPartition = TopicPartition::new(Topic::RawOrderbook, Partition(0));
const TRADES: TopicPartition = TopicPartition::new(Topic::Trade, Partition(1));
const LETTERS: TopicPartition = TopicPartition::new(Topic::DeadLetter, Partition(0));

/// A dead letter: topic, partition, offset, payload.
type Letter = (String, String, String, String);

/// The dead letters about messages of others.
async fn letters(place: &Place) -> Vec<Letter> {
    let rows = rows_of(&place.lake().await, Table::DeadLetters).await;
    let foreign = rows.into_iter().filter(|row| row["reason"] == "foreign");
    let columns = ["source_topic", "source_partition", "source_offset", "payload"];
    let mut letters: Vec<Letter> = foreign
        .map(|row| {
            assert!(row["detail"].contains("another program"), "{row:?}");
            let [topic, partition, offset, payload] = columns.map(|column| row[column].clone());
            (topic, partition, offset, payload)
        })
        .collect();
    letters.sort();
    letters
}

/// What the letters must be: everything at the broker that is no record, but for the topic of dead letters.
fn expected(log: &dyn Log, brokers: &str) -> Vec<Letter> {
    let mut expected = Vec::new();
    for (at, _) in sources(log).filter(|(at, _)| at.topic != Topic::DeadLetter) {
        for (offset, value) in foreign_messages(brokers, at) {
            let payload = format!("{value:?}");
            expected.push((at.topic.to_string(), at.partition.to_string(), offset.to_string(), payload));
        }
    }
    expected.sort();
    expected
}

/// Commits, by a new sink each time, until the lake has a letter of every such message and every row of the log.
async fn carry<L: Log + 'static>(place: &Place, log: &Arc<L>, brokers: &str) {
    let expected = expected(&**log, brokers);
    for _ in 0..600 {
        let mut sink = place.sink(log).await;
        while !sink.commit_once().await.unwrap().is_empty() {}
        if letters(place).await.len() >= expected.len() {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(letters(place).await, expected);
    assert_rows(place, &**log).await;
}

/// Checks that the lake holds each row of the log once, and beside that only the sink's own dead letters.
async fn assert_rows(place: &Place, log: &dyn Log) {
    let lake = place.lake().await;
    for (table, expected) in rows_of_log(log) {
        let mut ours = rows_of(&lake, table).await;
        ours.retain(|row| {
            table != Table::DeadLetters || !["foreign", "undecodable"].contains(&row["reason"].as_str())
        });
        assert_eq!(without_versions(ours), without_versions(expected), "{table}");
    }
}

#[tokio::test]
async fn what_another_program_has_written_is_a_dead_letter_once() {
    let (mock, place) = (Mock::new(), Place::new());
    let brokers = mock.brokers();
    let mut runner = TestRunner::deterministic();
    for text in ["before everything", "and after that"] {
        send_foreign(&brokers, ORDERBOOK, text, None);
    }
    let log = Arc::new(mock.open());
    feed(&*log, &mut runner, 60);
    carry(&place, &log, &brokers).await;
    send_foreign(&brokers, ORDERBOOK, "in between", None);
    send_foreign(&brokers, TRADES, "with a header of its own", Some(OwnedHeaders::new()));
    feed(&*log, &mut runner, 60);
    carry(&place, &log, &brokers).await;
    // Nothing of ours follows these.
    send_foreign(&brokers, ORDERBOOK, "at the end", None);
    send_foreign(&brokers, TopicPartition { partition: Partition(0), ..TRADES }, "alone", None);
    carry(&place, &log, &brokers).await;
    assert_eq!(letters(&place).await.len(), 6);
    drop(log);
    let log = Arc::new(mock.open());
    carry(&place, &log, &brokers).await;
    feed(&*log, &mut runner, 60);
    carry(&place, &log, &brokers).await;

    let told = mock.messages(LETTERS, 4);
    for text in ["before everything", "in between", "at the end"] {
        let says = |value: &Vec<u8>| value.windows(text.len()).any(|part| part == text.as_bytes());
        assert!(told.iter().any(says), "{text} is not told in the topic of dead letters");
    }
}

#[tokio::test]
async fn who_follows_a_log_makes_dead_letters_too() {
    let (mock, place) = (Mock::new(), Place::new());
    let log = Arc::new(mock.open());
    let follower = Arc::new(KafkaLog::follow(&mock.options()).unwrap());
    let mut runner = TestRunner::deterministic();
    for text in ["the first", "the second"] {
        feed(&*log, &mut runner, 60);
        send_foreign(&mock.brokers(), ORDERBOOK, text, None);
        send_foreign(&mock.brokers(), TRADES, text, None);
        let end = |log: &KafkaLog, at| log.durable_end(at).unwrap();
        let is_seen = || sources(&*log).all(|(at, _)| end(&follower, at) >= end(&log, at));
        while !is_seen() {
            sleep(Duration::from_millis(20)).await;
        }
        carry(&place, &follower, &mock.brokers()).await;
        assert_rows(&place, &*log).await;
    }
}

#[tokio::test]
async fn a_commit_that_did_not_happen_or_was_not_heard_of_doubles_no_letter() {
    let (mock, place) = (Mock::new(), Place::new());
    let log = Arc::new(mock.open());
    let mut runner = TestRunner::deterministic();
    feed(&*log, &mut runner, 30);
    send_foreign(&mock.brokers(), ORDERBOOK, "found and not committed", None);
    feed(&*log, &mut runner, 30);
    let mut dies = place.sink(&log).await;
    assert!(!dies.gather().await.unwrap().unusable.is_empty());
    drop(dies);
    let (mut winner, mut loser) = (place.sink(&log).await, place.sink(&log).await);
    loser.pending = Some(loser.gather().await.unwrap());
    winner.commit_once().await.unwrap();
    // It takes what it finds done for its own work.
    loser.commit_once().await.unwrap();
    carry(&place, &log, &mock.brokers()).await;
    send_foreign(&mock.brokers(), ORDERBOOK, "while somebody sleeps", None);
    feed(&*log, &mut runner, 60);
    loser.pending = Some(loser.gather().await.unwrap());
    feed(&*log, &mut runner, 60);
    winner.commit_once().await.unwrap();
    let error = loser.commit_once().await.unwrap_err();
    assert!(matches!(error, SinkError::Superseded(_)), "{error:?}");
    carry(&place, &log, &mock.brokers()).await;
}

#[tokio::test]
async fn more_messages_of_others_than_a_commit_takes_are_taken_by_several() {
    let (mock, place) = (Mock::new(), Place::new());
    let log = Arc::new(mock.open());
    let mut runner = TestRunner::deterministic();
    let text = "a rather long message of somebody who has taken our topic for his ".repeat(400);
    for _ in 0..3 {
        feed(&*log, &mut runner, 30);
        (0..60).for_each(|_| send_foreign(&mock.brokers(), ORDERBOOK, &text, None));
    }
    feed(&*log, &mut runner, 30);
    let config = SinkConfig { commit_bytes: 300_000, ..SinkConfig::default() };
    let mut counts = BTreeSet::new();
    loop {
        let mut sink = Sink::new(Arc::clone(&log) as Arc<dyn Log>, place.lake().await, config);
        if sink.commit_once().await.unwrap().is_empty() {
            break;
        }
        counts.insert(letters(&place).await.len());
    }
    assert!(counts.len() > 2, "{counts:?}");
    carry(&place, &log, &mock.brokers()).await;
}

#[tokio::test]
async fn a_record_that_the_broker_has_twice_is_no_dead_letter() {
    let (mock, place) = (Mock::new(), Place::new());
    let log = Arc::new(mock.open());
    let record = Record { value: b"plain text".to_vec().into(), ..Record::default() };
    for _ in 0..5 {
        log.append(TRADES, &record).unwrap();
    }
    log.sync().unwrap();
    carry(&place, &log, &mock.brokers()).await;
    for stored in log.read(TRADES, Offset(1), 1_000).unwrap() {
        send_repeated(&mock.brokers(), TRADES, &stored);
        send_foreign(&mock.brokers(), TRADES, "of somebody else", None);
    }
    carry(&place, &log, &mock.brokers()).await;
    log.append(TRADES, &record).unwrap();
    log.sync().unwrap();
    carry(&place, &log, &mock.brokers()).await;
    assert_eq!(letters(&place).await.len(), 4);
    let undecodable = rows_of(&place.lake().await, Table::DeadLetters).await.len() - 4;
    assert_eq!(undecodable, 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_a_real_broker_transactions_of_others_are_dead_letters_too() {
    let Some(broker) = Broker::start() else { return };
    let place = Place::new();
    let options = KafkaOptions::new(
        Brokers::of_list(&broker.address).unwrap(),
        NonZeroU16::new(PARTITIONS).unwrap(),
        place.folder.path().join("outbox"),
    );
    let log = Arc::new(KafkaLog::open(&options).unwrap());
    let mut runner = TestRunner::deterministic();
    feed(&*log, &mut runner, 60);
    send_foreign(&broker.address, ORDERBOOK, "in between", None);
    feed(&*log, &mut runner, 60);
    transaction(&broker.address, "in a transaction");
    carry(&place, &log, &broker.address).await;
    // The end of the transaction takes an offset too, behind which there is no message.
    let mut sink = place.sink(&log).await;
    sink.commit_once().await.unwrap();
    assert!(sink.commit_once().await.unwrap().is_empty());
    broker.kill();
    broker.restart();
    feed(&*log, &mut runner, 60);
    send_foreign(&broker.address, TRADES, "after a restart of the broker", None);
    drop((sink, log));
    let log = Arc::new(KafkaLog::open(&options).unwrap());
    transaction(&broker.address, "in another transaction");
    carry(&place, &log, &broker.address).await;
    feed(&*log, &mut runner, 60);
    carry(&place, &log, &broker.address).await;
    assert_eq!(letters(&place).await.len(), 8);
}

/// Sends some messages as one transaction.
fn transaction(brokers: &str, text: &str) {
    let patience = Duration::from_mins(1);
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("transactional.id", "somebody else");
    let producer: BaseProducer = config.create().unwrap();
    producer.init_transactions(patience).unwrap();
    producer.begin_transaction().unwrap();
    for at in [ORDERBOOK, TRADES, ORDERBOOK] {
        let message = BaseRecord::<(), str>::to(at.topic.name()).partition(at.partition.0.into());
        producer.send(message.payload(text)).map_err(|(error, _)| error).unwrap();
    }
    producer.commit_transaction(patience).unwrap();
}
