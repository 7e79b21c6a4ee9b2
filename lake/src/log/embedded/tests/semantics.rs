//! What producers, consumers and operators may rely on.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::*;

#[test]
fn producers_and_a_consumer_meet_in_order() {
    const RECORDS: u64 = 2_000;
    let directory = tempfile::tempdir().unwrap();
    let options = Options { queue_bytes: 20_000, segment_bytes: 100_000, ..options() };
    let log = EmbeddedLog::open(directory.path(), &options).unwrap();
    thread::scope(|scope| {
        for at in [RAW, TRADE] {
            scope.spawn({
                let log = &log;
                move || append_numbered(log, at, 0..RECORDS)
            });
        }
        let consumed: &dyn Log = &log;
        let mut progress = Progress::default();
        let mut next = Offset(0);
        while next.0 < RECORDS {
            let seen = progress;
            progress = consumed.wait(seen, Duration::from_mins(1));
            assert!(progress > seen, "nothing came behind {next}");
            while let read = consumed.read(TRADE, next, 10_000).unwrap()
                && !read.is_empty()
            {
                for stored in read {
                    assert_eq!((stored.offset, &stored.record), (next, &record(TRADE, next.0)));
                    next = Offset(next.0 + 1);
                }
            }
        }
    });
    log.sync().unwrap();
    assert_eq!(check_numbered(&log, RAW), []);
    assert_eq!(log.durable_end(RAW).unwrap(), Offset(RECORDS));
}

#[test]
fn sync_acknowledges_and_wakes_those_who_wait() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    append_numbered(&log, RAW, 0..3);
    log.sync().unwrap();
    assert_eq!(log.durable_end(RAW).unwrap(), Offset(3));
    let progress = log.wait(Progress::default(), Duration::ZERO);
    assert!(progress > Progress::default());
    let began = Instant::now();
    assert_eq!(log.wait(progress, Duration::from_millis(20)), progress);
    assert!(began.elapsed() >= Duration::from_millis(20));
    let appended_at = log.read(RAW, Offset(2), 1).unwrap()[0].appended_at;
    assert!(i128::from(appended_at.0) >= i128::try_from(before.as_nanos()).unwrap());
}

#[test]
fn a_read_of_no_bytes_gives_one_record() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    append_numbered(&log, RAW, 0..3);
    log.sync().unwrap();
    let read = log.read(RAW, Offset(1), 0).unwrap();
    assert_eq!(read.iter().map(|stored| stored.offset.0).collect::<Vec<_>>(), [1]);
}

#[test]
fn a_group_waits_for_its_interval_but_not_for_a_sync() {
    let directory = tempfile::tempdir().unwrap();
    let slow = Options { commit_interval: Duration::from_hours(1), ..options() };
    let log = EmbeddedLog::open(directory.path(), &slow).unwrap();
    append_numbered(&log, RAW, 0..2);
    assert_eq!(log.wait(Progress::default(), Duration::from_millis(20)), Progress::default());
    log.sync().unwrap();
    assert_eq!(log.durable_end(RAW).unwrap(), Offset(2));
}

#[test]
fn a_full_queue_refuses_or_waits_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(directory.path(), &Options { queue_bytes: 10_000, ..options() }).unwrap();
    let stalled_writer = log.index();
    let mut next = 0;
    let refused = loop {
        match log.try_append(RAW, &record(RAW, next)) {
            Ok(offset) => assert_eq!(offset, Offset(next)),
            Err(error) => break error,
        }
        next += 1;
    };
    assert!(matches!(refused, LogError::Full { at: RAW, limit: 10_000 }));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| log.append(RAW, &record(RAW, next)));
        drop(stalled_writer);
        assert_eq!(waiting.join().unwrap().unwrap(), Offset(next));
    });
    log.sync().unwrap();
    assert_eq!(log.durable_end(RAW).unwrap(), Offset(next + 1));
    assert_eq!(check_numbered(&log, RAW), []);
}

#[test]
fn released_segments_go_and_offsets_stay() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    for begin in (0..100).step_by(10) {
        append_numbered(&log, RAW, begin..begin + 10);
        append_numbered(&log, TRADE, begin..begin + 10);
        log.sync().unwrap();
    }
    let all = segment_paths(directory.path()).len();
    assert!(all > 5, "{all} segments");
    log.release(&[(RAW, Offset(100))]).unwrap();
    assert_eq!(segment_paths(directory.path()).len(), all, "the trades are still needed");
    log.release(&[(TRADE, Offset(50))]).unwrap();
    assert!(segment_paths(directory.path()).len() < all);
    assert!(log.start(TRADE).unwrap() <= Offset(50));
    log.release(&[(TRADE, Offset(100))]).unwrap();
    assert_eq!(segment_paths(directory.path()).len(), 1, "the newest stays");
    let start = log.start(RAW).unwrap();
    let error = log.read(RAW, Offset(0), 1_000).unwrap_err();
    assert_eq!(error.to_string(), format!("offset 0 of {RAW} has been released: {start} to 100 are kept"));
    assert!(matches!(log.read(RAW, Offset(101), 1_000), Err(LogError::Beyond { end: Offset(100), .. })));
    drop(log);

    let log = open(directory.path());
    assert_eq!(log.start(RAW).unwrap(), start);
    append_numbered(&log, RAW, 100..110);
    log.sync().unwrap();
    assert_eq!(check_numbered(&log, RAW), []);
}

#[test]
fn a_reader_keeps_what_it_found_in_a_segment_that_is_then_removed() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    append_numbered(&log, RAW, 0..100);
    log.sync().unwrap();
    let Found::Batches(found) = log.index().find(0, Offset(0), 1) else { panic!("nothing found") };
    append_numbered(&log, RAW, 100..101);
    log.sync().unwrap();
    log.release(&[(RAW, Offset(101))]).unwrap();
    assert!(!found[0].0.path.exists());
    assert_eq!(read_batches(&found, Offset(0), 1).unwrap()[0].record, record(RAW, 0));
}

#[test]
fn a_second_opener_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let first = open(directory.path());
    let refused = EmbeddedLog::open(directory.path(), &options()).unwrap_err();
    assert!(
        matches!(&refused, LogError::InUse { directory: named } if named == directory.path()),
        "{refused}"
    );
    drop(first);
    open(directory.path());
}

#[test]
fn another_partition_count_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()));
    let options = Options::new(NonZeroU16::new(3).unwrap());
    let refused = EmbeddedLog::open(directory.path(), &options).unwrap_err();
    assert!(matches!(refused, LogError::PartitionCount { stored: 2, asked: 3, .. }), "{refused}");
}

#[test]
fn places_and_sizes_outside_the_log_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    let outside = TopicPartition::new(Topic::Trade, Partition(2));
    assert!(matches!(
        log.append(outside, &Record::default()),
        Err(LogError::UnknownPartition { partitions: 2, .. })
    ));
    assert!(matches!(log.read(outside, Offset(0), 1), Err(LogError::UnknownPartition { .. })));
    assert!(matches!(log.release(&[(outside, Offset(0))]), Err(LogError::UnknownPartition { .. })));
    let largest = Record { value: Bytes::from(vec![1; RECORD_LIMIT]), ..Record::default() };
    let larger = Record { key: Bytes::from_static(b"K"), ..largest.clone() };
    let error = log.append(RAW, &larger).unwrap_err();
    assert!(error.to_string().contains("16777217 bytes"), "{error}");
    assert_eq!(log.append(RAW, &largest).unwrap(), Offset(0));
    log.sync().unwrap();
    assert_eq!(log.read(RAW, Offset(0), 1).unwrap()[0].record, largest);
    drop(log);
    assert_eq!(open(directory.path()).durable_end(RAW).unwrap(), Offset(1));
}
