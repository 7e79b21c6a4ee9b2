//! Messages that are not this process's: repeated ones, foreign ones, and those of a second writer.

use super::mock::Mock;
use super::*;

/// Sends a record as its writer would, behind the log's back.
fn send_numbered(brokers: &str, at: TopicPartition, offset: u64, value: &str) {
    let record = Record { value: value.to_owned().into(), ..record(at, offset) };
    let appended_at = depthlake_orderbook::time::Timestamp(1);
    let stored = StoredRecord { offset: Offset(offset), appended_at, record };
    send_foreign(brokers, at, value, Some(wire::header(&stored)));
}

#[test]
fn a_message_that_the_broker_has_twice_is_one_record() {
    let mock = Mock::new();
    let log = mock.open();
    append_numbered(&log, RAW, 0..10);
    log.sync().unwrap();
    for offset in [9, 3, 9] {
        send_numbered(&mock.brokers(), RAW, offset, "again");
    }
    append_numbered(&log, RAW, 10..20);
    log.sync().unwrap();
    assert_eq!(check_numbered(&log, RAW), []);
    for from in (0..20).rev() {
        let read = log.read(RAW, Offset(from), 1).unwrap();
        assert_eq!((read[0].offset, &read[0].record), (Offset(from), &record(RAW, from)));
    }
    drop(log);
    let log = mock.open();
    append_numbered(&log, RAW, 20..30);
    log.sync().unwrap();
    assert_eq!(check_numbered(&log, RAW), []);
}

#[test]
fn messages_of_other_programs_are_passed_over_and_stop_nothing() {
    let mock = Mock::new();
    for _ in 0..3 {
        send_foreign(&mock.brokers(), RAW, "before everything", None);
    }
    let log = mock.open();
    let follower = KafkaLog::follow(&mock.options()).unwrap();
    append_numbered(&log, RAW, 0..10);
    log.sync().unwrap();
    send_foreign(&mock.brokers(), RAW, "in between", None);
    send_foreign(&mock.brokers(), TRADE, "alone", None);
    append_numbered(&log, RAW, 10..20);
    log.sync().unwrap();
    send_foreign(&mock.brokers(), RAW, "at the end", None);
    assert_eq!(check_numbered(&log, RAW), []);
    assert_eq!(log.durable_end(RAW).unwrap(), Offset(20));
    eventually("who follows sees them", || follower.durable_end(RAW).unwrap() >= Offset(20));
    assert_eq!(follower.read(RAW, Offset(20), 1).unwrap(), []);
    eventually("what is no record does not count", || check_numbered(&follower, RAW).is_empty());
    drop((log, follower));
    let log = mock.open();
    assert_eq!(log.durable_end(RAW).unwrap(), Offset(20));
    append_numbered(&log, TRADE, 0..5);
    log.sync().unwrap();
    assert_eq!(check_numbered(&log, TRADE), []);
}

#[test]
fn a_partition_without_records_begins_where_its_first_will_be() {
    let mock = Mock::new();
    let log = mock.open();
    let follower = KafkaLog::follow(&mock.options()).unwrap();
    for _ in 0..5 {
        send_foreign(&mock.brokers(), TRADE, "no record", None);
    }
    eventually("who follows sees messages", || follower.durable_end(TRADE).unwrap() > Offset(0));
    assert_eq!(follower.start(TRADE).unwrap(), Offset(0));
    append_numbered(&log, TRADE, 0..3);
    log.sync().unwrap();
    assert_eq!(log.start(TRADE).unwrap(), Offset(0));
    assert_eq!(check_numbered(&log, TRADE), []);
}

#[test]
fn a_second_writer_is_noticed_and_nothing_is_mixed() {
    let mock = Mock::new();
    let log = mock.open();
    append_numbered(&log, RAW, 0..10);
    log.sync().unwrap();
    send_numbered(&mock.brokers(), RAW, 10, "of another process");
    append_numbered(&log, RAW, 10..11);
    let error = log.sync().unwrap_err();
    assert!(error.to_string().contains("another process writes to market.raw.orderbook[0]"), "{error}");
    assert!(matches!(log.append(RAW, &Record::default()), Err(LogError::Failed(_))));
    assert!(matches!(log.trouble(), Some(LogError::Failed(_))), "{:?}", log.trouble());
    assert_eq!(log.durable_end(RAW).unwrap(), Offset(10));
}

#[test]
fn an_outbox_that_has_been_sent_gives_way_to_what_others_wrote_since() {
    let mock = Mock::new();
    let log = mock.open();
    append_numbered(&log, RAW, 0..10);
    log.sync().unwrap();
    drop(log);
    let elsewhere = tempfile::tempdir().unwrap();
    let other = open(&KafkaOptions { outbox: elsewhere.path().join("outbox"), ..mock.options() });
    append_numbered(&other, RAW, 10..20);
    other.sync().unwrap();
    drop(other);
    let log = mock.open();
    append_numbered(&log, RAW, 20..30);
    log.sync().unwrap();
    assert_eq!(check_numbered(&log, RAW), []);
}

#[test]
fn an_outbox_with_records_in_the_place_of_others_is_refused() {
    let mock = Mock::new();
    let log = mock.open();
    append_numbered(&log, RAW, 0..10);
    log.sync().unwrap();
    mock.cluster.broker_down(-1).unwrap();
    append_numbered(&log, RAW, 10..12);
    eventually("it is on disk", || log.waiting() == 2);
    drop(log);
    mock.cluster.broker_up(-1).unwrap();
    send_numbered(&mock.brokers(), RAW, 10, "of another process");
    let error = KafkaLog::open(&mock.options()).unwrap_err();
    assert!(matches!(error, LogError::AnotherWriter { at: RAW, offset: Offset(10) }), "{error}");
}

#[test]
fn a_second_process_is_refused_the_outbox() {
    let mock = Mock::new();
    let log = mock.open();
    let refused = KafkaLog::open(&mock.options()).unwrap_err();
    assert!(matches!(refused, LogError::InUse { .. }), "{refused}");
    drop(log);
    mock.open();
}

#[test]
fn who_follows_reads_and_does_not_write() {
    let mock = Mock::new();
    let log = mock.open();
    let follower = KafkaLog::follow(&mock.options()).unwrap();
    let progress = follower.wait(Progress::default(), Duration::ZERO);
    append_numbered(&log, TRADE, 0..100);
    assert!(follower.wait(progress, Duration::from_mins(1)) > progress);
    eventually("all is seen", || follower.durable_end(TRADE).unwrap() == Offset(100));
    assert_eq!(check_numbered(&follower, TRADE), []);
    let refused = follower.append(TRADE, &Record::default()).unwrap_err();
    assert!(matches!(refused, LogError::Following { at: TRADE, .. }), "{refused}");
    follower.sync().unwrap();
}

#[test]
fn a_place_that_lies_too_far_hides_no_record() {
    let mock = Mock::new();
    let log = mock.open();
    append_numbered(&log, RAW, 0..10);
    log.sync().unwrap();
    let offsets = |from: u64, passed: u64| -> Vec<u64> {
        let taken = log.take(RAW, crate::log::Place { offset: Offset(from), passed }, usize::MAX).unwrap();
        assert_eq!((taken.foreign, taken.passed), (Vec::new(), passed));
        taken.records.iter().map(|stored| stored.offset.0).collect()
    };
    // As where messages of others that were passed have been lost by the broker since.
    for (from, passed) in [(0, 1), (3, 5), (0, 9), (9, 100), (5, 6)] {
        assert_eq!(offsets(from, passed), (from..10).collect::<Vec<_>>(), "from {from}, {passed} passed");
    }
    assert_eq!(offsets(10, 0), Vec::<u64>::new());
    append_numbered(&log, RAW, 10..11);
    log.sync().unwrap();
    assert_eq!(offsets(5, 5), (5..11).collect::<Vec<_>>());
}
