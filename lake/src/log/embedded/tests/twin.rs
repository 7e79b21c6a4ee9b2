//! Any sequence of calls gives what a `Vec` of records for each topic partition gives.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index as Choice;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Append { place: Choice, key: u8, size: usize },
    Sync,
    Reopen,
    Read { place: Choice, from: Choice, max_bytes: usize },
    Release { place: Choice, to: Choice },
}

struct Twin {
    places: Vec<TopicPartition>,
    records: Vec<Vec<Record>>,
    released: Vec<u64>,
}

impl Twin {
    fn new() -> Self {
        let places: Vec<_> = Slots::new(options().partitions).all().collect();
        Self { records: vec![Vec::new(); places.len()], released: vec![0; places.len()], places }
    }

    fn apply(&mut self, log: EmbeddedLog, directory: &Path, step: &Step) -> EmbeddedLog {
        match *step {
            Step::Append { place, key, size } => self.append(&log, place, key, size),
            Step::Sync => {
                log.sync().unwrap();
                self.check_ends(&log);
            }
            Step::Reopen => {
                drop(log);
                let log = open(directory);
                self.check_ends(&log);
                return log;
            }
            Step::Read { place, from, max_bytes } => self.read(&log, place, from, max_bytes),
            Step::Release { place, to } => {
                let place = place.index(self.places.len());
                let to = to.index(self.records[place].len() + 1) as u64;
                self.released[place] = self.released[place].max(to);
                log.release(&[(self.places[place], Offset(to))]).unwrap();
            }
        }
        log
    }

    fn append(&mut self, log: &EmbeddedLog, place: Choice, key: u8, size: usize) {
        let place = place.index(self.places.len());
        let record = Record {
            key: Bytes::from(vec![key; usize::from(key % 9)]),
            header: Bytes::from(vec![key; usize::from(key % 5)]),
            value: Bytes::from(vec![key; size]),
        };
        let offset = log.append(self.places[place], &record).unwrap();
        assert_eq!(offset.0, self.records[place].len() as u64);
        self.records[place].push(record);
    }

    fn read(&self, log: &EmbeddedLog, place: Choice, from: Choice, max_bytes: usize) {
        let place = place.index(self.places.len());
        let (at, expected) = (self.places[place], &self.records[place]);
        let from = from.index(expected.len() + 2);
        let (start, end) = (log.start(at).unwrap(), log.durable_end(at).unwrap());
        assert!(start.0 <= self.released[place], "{at} lost what was not released");
        let offset = Offset(from as u64);
        match log.read(at, offset, max_bytes) {
            Ok(read) => {
                assert!(start <= offset && !(read.is_empty() && offset < end));
                for (number, stored) in (from..).zip(&read) {
                    assert_eq!((stored.offset.0, &stored.record), (number as u64, &expected[number]));
                }
                let size: usize = read.iter().map(|stored| stored.record.size()).sum();
                assert!(size <= max_bytes || read.len() == 1);
            }
            Err(LogError::Released { .. }) => assert!(offset < start),
            Err(LogError::Beyond { .. }) => assert!(offset > end),
            Err(error) => panic!("{error}"),
        }
    }

    fn check_ends(&self, log: &EmbeddedLog) {
        for (at, records) in self.places.iter().zip(&self.records) {
            assert_eq!(log.durable_end(*at).unwrap().0, records.len() as u64);
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let place = any::<Choice>;
    prop_oneof![
        20 => (place(), any::<u8>(), 0..400_usize).prop_map(|(place, key, size)| Step::Append { place, key, size }),
        1 => place().prop_map(|place| Step::Append { place, key: 7, size: 300_000 }),
        3 => Just(Step::Sync),
        1 => Just(Step::Reopen),
        8 => (place(), any::<Choice>(), 0..2_000_usize)
            .prop_map(|(place, from, max_bytes)| Step::Read { place, from, max_bytes }),
        2 => (place(), any::<Choice>()).prop_map(|(place, to)| Step::Release { place, to }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_log_equals_vectors(steps in vec(step(), 1..200)) {
        let directory = tempfile::tempdir().unwrap();
        let mut twin = Twin::new();
        let mut log = open(directory.path());
        for step in steps {
            log = twin.apply(log, directory.path(), &step);
        }
        log.sync().unwrap();
        for (place, from) in (0..twin.places.len()).flat_map(|place| (0..5).map(move |from| (place, from))) {
            let start = usize::try_from(log.start(twin.places[place]).unwrap().0).unwrap();
            let read = log.read(twin.places[place], Offset((start + from) as u64), usize::MAX);
            if let Ok(read) = read {
                let read: Vec<&Record> = read.iter().map(|stored| &stored.record).collect();
                prop_assert_eq!(read, twin.records[place][start + from..].iter().collect::<Vec<_>>());
            }
        }
    }
}
