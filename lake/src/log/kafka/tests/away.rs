//! A broker that is away, and comes back.

use super::mock::Mock;
use super::*;

/// Some files more than the outbox keeps anyway.
const MANY: u64 = 3_000;

fn bytes_in(folder: &Path) -> u64 {
    // One that goes meanwhile does not count.
    let lengths =
        fs::read_dir(folder).unwrap().filter_map(|entry| Some(entry.unwrap().metadata().ok()?.len()));
    lengths.sum()
}

#[test]
fn what_comes_while_the_broker_is_away_is_on_disk_and_sent_in_order_later() {
    let mock = Mock::new();
    let log = mock.open();
    append_numbered(&log, RAW, 0..100);
    log.sync().unwrap();
    mock.cluster.broker_down(-1).unwrap();
    // The queue holds a part of this only, and so does what is on the way.
    append_numbered(&log, RAW, 100..MANY);
    append_numbered(&log, TRADE, 0..MANY);
    eventually("everything is on disk", || log.waiting() == 2 * MANY - 100);
    assert!(bytes_in(&mock.options().outbox) > 4 * mock.options().queue_bytes as u64);
    assert_eq!(log.durable_end(TRADE).unwrap(), Offset(0), "nothing is acknowledged");
    mock.cluster.broker_up(-1).unwrap();
    log.sync().unwrap();
    assert_eq!((check_numbered(&log, RAW), check_numbered(&log, TRADE)), (vec![], vec![]));
    assert_eq!(log.durable_end(TRADE).unwrap(), Offset(MANY));
    eventually("the outbox lets go", || {
        bytes_in(&mock.options().outbox) < 3 * u64::from(mock.options().segment_bytes)
    });
}

#[test]
fn what_was_not_sent_when_the_process_ended_is_sent_by_the_next() {
    let mock = Mock::new();
    let log = mock.open();
    append_numbered(&log, RAW, 0..100);
    log.sync().unwrap();
    mock.cluster.broker_down(-1).unwrap();
    append_numbered(&log, RAW, 100..MANY);
    append_numbered(&log, TRADE, 0..MANY);
    eventually("everything is on disk", || log.waiting() == 2 * MANY - 100);
    drop(log);
    mock.cluster.broker_up(-1).unwrap();

    let log = mock.open();
    assert_eq!(log.append(TRADE, &record(TRADE, MANY)).unwrap(), Offset(MANY));
    log.sync().unwrap();
    assert_eq!((check_numbered(&log, RAW), check_numbered(&log, TRADE)), (vec![], vec![]));
    assert_eq!(log.durable_end(TRADE).unwrap(), Offset(MANY + 1));
}

#[test]
fn nobody_waits_for_ever_for_a_broker_that_is_away() {
    let mock = Mock::new();
    let log = open(&KafkaOptions { patience: Duration::from_secs(6), ..mock.options() });
    mock.cluster.broker_down(-1).unwrap();
    append_numbered(&log, RAW, 0..10);
    let error = log.sync().unwrap_err();
    assert!(matches!(error, LogError::Stalled(_)), "{error}");
    assert!(error.to_string().ends_with("10 records wait in the outbox"), "{error}");
    assert!(matches!(log.trouble(), Some(LogError::BrokerSilent { waiting: 10, .. })), "{:?}", log.trouble());
    append_numbered(&log, RAW, 10..20);
    mock.cluster.broker_up(-1).unwrap();
    eventually("the broker has all", || log.durable_end(RAW).unwrap() == Offset(20));
    assert!(log.trouble().is_none(), "{:?}", log.trouble());
}

#[test]
fn what_is_derived_is_not_sent_before_what_it_comes_from() {
    let mock = Mock::of_brokers(2);
    for topic in Topic::ALL {
        for partition in 0..PARTITIONS.get() {
            mock.cluster.partition_leader(topic.name(), partition.into(), Some(1)).unwrap();
        }
    }
    mock.cluster.partition_leader(RAW.topic.name(), 0, Some(2)).unwrap();
    let log = mock.open();
    append_numbered(&log, RAW, 0..10);
    append_numbered(&log, TRADE, 0..10);
    log.sync().unwrap();
    mock.cluster.broker_down(2).unwrap();
    append_numbered(&log, RAW, 10..20);
    append_numbered(&log, TRADE, 10..20);
    let checkpoint = TopicPartition::new(Topic::Checkpoint, Partition(0));
    append_numbered(&log, checkpoint, 0..1);
    eventually("everything is on disk", || log.waiting() == 21);
    // Time enough to send it, if it would.
    thread::sleep(Duration::from_millis(300));
    let consumer = client::consumer(&mock.options().brokers).unwrap();
    let at_the_broker = |at: TopicPartition| {
        consumer.fetch_watermarks(at.topic.name(), at.partition.0.into(), client::ANSWER).unwrap().1
    };
    assert_eq!((at_the_broker(TRADE), at_the_broker(checkpoint)), (10, 0));
    mock.cluster.broker_up(2).unwrap();
    log.sync().unwrap();
    for at in [RAW, TRADE] {
        assert_eq!(check_numbered(&log, at), []);
        assert_eq!(log.durable_end(at).unwrap(), Offset(20));
    }
    assert_eq!(log.durable_end(checkpoint).unwrap(), Offset(1));
}
