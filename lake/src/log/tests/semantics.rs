//! What producers and consumers may rely on.

use std::num::NonZeroU16;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::{PARTITIONS, Place, RAW, TRADE, append_numbered, check_numbered, record};
use crate::log::{Log, LogError, Offset, Partition, Progress, RECORD_LIMIT, Record, Topic, TopicPartition};

/// Makes a test of each of these rules; `$place` makes a fresh place, or none where it cannot be had here.
macro_rules! keeps_to_the_semantics {
    ($place:expr) => {
        $crate::log::tests::semantics::keeps_to_the_semantics! { @each $place;
            producers_and_a_consumer_meet_in_order
            sync_acknowledges_and_wakes_those_who_wait
            a_read_of_no_bytes_gives_one_record
            any_offset_can_be_read_in_any_order
            consumers_of_many_partitions_do_not_disturb_each_other
            a_log_that_is_opened_again_goes_on
            what_is_released_may_go_and_offsets_stay
            another_partition_count_is_refused
            places_and_sizes_outside_the_log_are_refused
        }
    };
    (@each $place:expr; $($rule:ident)*) => {
        $(#[test]
        fn $rule() {
            if let Some(place) = $place {
                $crate::log::tests::semantics::$rule(&place);
            }
        })*
    };
}
pub(in crate::log) use keeps_to_the_semantics;

/// A rule and its name.
pub type Rule = (&'static str, fn(&dyn Place));

/// All of the rules, for places that are too costly to be made for each.
pub const ALL: [Rule; 9] = [
    ("producers_and_a_consumer_meet_in_order", producers_and_a_consumer_meet_in_order),
    ("sync_acknowledges_and_wakes_those_who_wait", sync_acknowledges_and_wakes_those_who_wait),
    ("a_read_of_no_bytes_gives_one_record", a_read_of_no_bytes_gives_one_record),
    ("any_offset_can_be_read_in_any_order", any_offset_can_be_read_in_any_order),
    (
        "consumers_of_many_partitions_do_not_disturb_each_other",
        consumers_of_many_partitions_do_not_disturb_each_other,
    ),
    ("a_log_that_is_opened_again_goes_on", a_log_that_is_opened_again_goes_on),
    ("what_is_released_may_go_and_offsets_stay", what_is_released_may_go_and_offsets_stay),
    ("another_partition_count_is_refused", another_partition_count_is_refused),
    ("places_and_sizes_outside_the_log_are_refused", places_and_sizes_outside_the_log_are_refused),
];

fn open(place: &dyn Place) -> Box<dyn Log> {
    place.open(PARTITIONS).unwrap()
}

pub fn producers_and_a_consumer_meet_in_order(place: &dyn Place) {
    const RECORDS: u64 = 2_000;
    let log = open(place);
    thread::scope(|scope| {
        for at in [RAW, TRADE] {
            let log = &*log;
            scope.spawn(move || append_numbered(log, at, 0..RECORDS));
        }
        let mut progress = Progress::default();
        let mut next = Offset(0);
        while next.0 < RECORDS {
            let seen = progress;
            progress = log.wait(seen, Duration::from_mins(1));
            assert!(progress > seen, "nothing came behind {next}");
            while let read = log.read(TRADE, next, 10_000).unwrap()
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
    assert_eq!(check_numbered(&*log, RAW), []);
    assert_eq!(log.durable_end(RAW).unwrap(), Offset(RECORDS));
}

pub fn sync_acknowledges_and_wakes_those_who_wait(place: &dyn Place) {
    let log = open(place);
    let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    append_numbered(&*log, RAW, 0..3);
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

pub fn a_read_of_no_bytes_gives_one_record(place: &dyn Place) {
    let log = open(place);
    append_numbered(&*log, RAW, 0..3);
    log.sync().unwrap();
    let read = log.read(RAW, Offset(1), 0).unwrap();
    assert_eq!(read.iter().map(|stored| stored.offset.0).collect::<Vec<_>>(), [1]);
}

pub fn any_offset_can_be_read_in_any_order(place: &dyn Place) {
    const RECORDS: u64 = 300;
    let log = open(place);
    append_numbered(&*log, RAW, 0..RECORDS);
    append_numbered(&*log, TRADE, 0..RECORDS);
    log.sync().unwrap();
    for step in 0..60 {
        let (at, from) = (if step % 3 == 0 { TRADE } else { RAW }, step * 7_919 % (RECORDS + 1));
        let max_bytes = usize::try_from(step * 613 % 5_000).unwrap();
        let read = log.read(at, Offset(from), max_bytes).unwrap();
        assert_eq!(read.is_empty(), from == RECORDS);
        for (number, stored) in (from..).zip(&read) {
            assert_eq!((stored.offset.0, &stored.record), (number, &record(at, number)));
        }
        let size: usize = read.iter().map(|stored| stored.record.size()).sum();
        assert!(size <= max_bytes || read.len() == 1);
    }
    assert!(matches!(
        log.read(RAW, Offset(RECORDS + 1), 1),
        Err(LogError::Beyond { start: Offset(0), end: Offset(RECORDS), .. })
    ));
}

pub fn consumers_of_many_partitions_do_not_disturb_each_other(place: &dyn Place) {
    let log = open(place);
    let places: Vec<_> = Topic::ALL
        .into_iter()
        .flat_map(|topic| (0..PARTITIONS.get()).map(move |n| TopicPartition::new(topic, Partition(n))))
        .collect();
    for at in &places {
        append_numbered(&*log, *at, 0..150);
    }
    log.sync().unwrap();
    thread::scope(|scope| {
        for mine in places.chunks(5) {
            let log = &*log;
            scope.spawn(move || {
                for at in mine {
                    assert_eq!(log.durable_end(*at).unwrap(), Offset(150));
                    assert_eq!(check_numbered(log, *at), []);
                }
            });
        }
    });
}

pub fn a_log_that_is_opened_again_goes_on(place: &dyn Place) {
    for begin in [0, 100, 200] {
        let log = open(place);
        assert_eq!(log.durable_end(RAW).unwrap(), Offset(begin));
        append_numbered(&*log, RAW, begin..begin + 100);
        log.sync().unwrap();
    }
    let log = open(place);
    assert_eq!(log.durable_end(TRADE).unwrap(), Offset(0));
    assert_eq!(log.durable_end(RAW).unwrap(), Offset(300));
    assert_eq!(check_numbered(&*log, RAW), []);
}

pub fn what_is_released_may_go_and_offsets_stay(place: &dyn Place) {
    let log = open(place);
    append_numbered(&*log, RAW, 0..100);
    append_numbered(&*log, TRADE, 0..100);
    log.sync().unwrap();
    log.release(&[(RAW, Offset(100)), (TRADE, Offset(40))]).unwrap();
    assert!(log.start(TRADE).unwrap() <= Offset(40));
    drop(log);
    let log = open(place);
    append_numbered(&*log, RAW, 100..110);
    log.sync().unwrap();
    assert_eq!(check_numbered(&*log, RAW), []);
    assert_eq!(check_numbered(&*log, TRADE), []);
}

pub fn another_partition_count_is_refused(place: &dyn Place) {
    let log = open(place);
    append_numbered(&*log, RAW, 0..1);
    log.sync().unwrap();
    drop(log);
    let refused = place.open(NonZeroU16::new(3).unwrap()).err().unwrap();
    assert!(refused.to_string().contains("2 partitions"), "{refused}");
    assert!(refused.to_string().contains("3 are configured"), "{refused}");
}

pub fn places_and_sizes_outside_the_log_are_refused(place: &dyn Place) {
    let log = open(place);
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
    assert_eq!(log.append(RAW, &Record::default()).unwrap(), Offset(1));
    log.sync().unwrap();
    assert_eq!(log.read(RAW, Offset(0), 1).unwrap()[0].record, largest);
    assert_eq!(log.read(RAW, Offset(1), 1).unwrap()[0].record, Record::default());
    drop(log);
    assert_eq!(open(place).durable_end(RAW).unwrap(), Offset(2));
}
