//! What is the embedded log's own: groups, a bounded queue, segments that go, one process at a time.

use super::*;

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
