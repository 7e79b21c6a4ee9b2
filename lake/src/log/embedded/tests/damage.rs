//! Files that a crash cut short or a disk changed.

use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const GROUPS: u64 = 3;
const RECORDS_PER_BATCH: u64 = 2;
const RECORDS: u64 = GROUPS * RECORDS_PER_BATCH;

/// A log of one segment with a few groups, each a batch of raw frames and then one of trades.
struct Small {
    bytes: Vec<u8>,
    header: usize,
    /// Where each batch ends.
    batches: Vec<usize>,
}

impl Small {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let only_when_synced = Options { commit_interval: Duration::from_hours(1), ..options() };
        let log = EmbeddedLog::open(directory.path(), &only_when_synced).unwrap();
        for begin in (0..RECORDS).step_by(usize::try_from(RECORDS_PER_BATCH).unwrap()) {
            append_numbered(&log, TRADE, begin..begin + RECORDS_PER_BATCH);
            append_numbered(&log, RAW, begin..begin + RECORDS_PER_BATCH);
            log.sync().unwrap();
        }
        let mut batches = [RAW, TRADE].map(|at| batch_ends(&log, at)).concat();
        batches.sort_unstable();
        let header = usize::try_from(segment::header_length(log.slots)).unwrap();
        Self { bytes: fs::read(segment::path_of(directory.path(), 0)).unwrap(), header, batches }
    }

    /// Records of each of the two topic partitions within this many bytes.
    fn records_within(&self, length: usize) -> [u64; 2] {
        let batches = self.batches.iter().filter(|end| **end <= length).count() as u64;
        [batches.div_ceil(2), batches / 2].map(|batches| batches * RECORDS_PER_BATCH)
    }
}

fn batch_ends(log: &EmbeddedLog, at: TopicPartition) -> Vec<usize> {
    let found = log.index().find(log.slots.slot(at).unwrap(), Offset(0), usize::MAX);
    let Found::Batches(found) = found else { panic!("{found:?}") };
    let end = |entry: &BatchEntry| usize::try_from(entry.position + entry.length).unwrap();
    found.iter().map(|(_, entry)| end(entry)).collect()
}

fn open_with(bytes: &[u8]) -> (tempfile::TempDir, Result<EmbeddedLog, LogError>) {
    let directory = tempfile::tempdir().unwrap();
    fs::write(segment::path_of(directory.path(), 0), bytes).unwrap();
    let opened = EmbeddedLog::open(directory.path(), &options());
    (directory, opened)
}

/// Checks side by side, since a check mostly waits for the disk.
fn at_each(positions: Range<usize>, check: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(positions.start);
    let check_some = || {
        while let position = next.fetch_add(1, Ordering::Relaxed)
            && position < positions.end
        {
            check(position);
        }
    };
    thread::scope(|scope| (0..16).for_each(|_| drop(scope.spawn(check_some))));
}

fn ends(log: &EmbeddedLog) -> [u64; 2] {
    [RAW, TRADE].map(|at| log.durable_end(at).unwrap().0)
}

fn lost(log: &EmbeddedLog) -> [Vec<Range<u64>>; 2] {
    [RAW, TRADE].map(|at| check_numbered(log, at))
}

#[test]
fn a_log_cut_at_any_byte_holds_what_lies_before_it() {
    let small = Small::new();
    at_each(0..small.bytes.len() + 1, |length| {
        let (directory, opened) = open_with(&small.bytes[..length]);
        let log = opened.unwrap();
        let kept = small.records_within(length);
        assert_eq!(ends(&log), kept, "cut at {length}");
        assert_eq!(lost(&log), [vec![], vec![]], "cut at {length}");
        if length % 16 == 0 {
            append_numbered(&log, RAW, kept[0]..kept[0] + 1);
            drop(log);
            let log = open(directory.path());
            assert_eq!(ends(&log), [kept[0] + 1, kept[1]], "cut at {length}, and continued");
            assert_eq!(lost(&log), [vec![], vec![]], "cut at {length}, and continued");
        }
    });
}

#[test]
fn a_changed_bit_costs_its_batch_and_shows() {
    let small = Small::new();
    at_each(small.header..small.bytes.len(), |position| {
        let mut bytes = small.bytes.clone();
        bytes[position] ^= 1 << (position % 8);
        let (_directory, opened) = open_with(&bytes);
        let log = opened.unwrap();
        let before = small.records_within(position);
        let is_in_last_group = before[1] == RECORDS - RECORDS_PER_BATCH;
        if is_in_last_group {
            assert_eq!(ends(&log), before, "byte {position}");
            assert_eq!(lost(&log), [vec![], vec![]], "byte {position}");
        } else {
            let batch = std::iter::once(before[1]..before[1] + RECORDS_PER_BATCH).collect();
            let expected = if before[0] == before[1] { [batch, vec![]] } else { [vec![], batch] };
            assert_eq!(ends(&log), [RECORDS, RECORDS], "byte {position}");
            assert_eq!(lost(&log), expected, "byte {position}");
        }
    });
}

#[test]
fn a_changed_bit_in_the_header_is_refused_with_the_name_of_the_file() {
    let small = Small::new();
    at_each(0..small.header, |position| {
        let mut bytes = small.bytes.clone();
        bytes[position] ^= 1 << (position % 8);
        let (directory, opened) = open_with(&bytes);
        let error = opened.unwrap_err();
        assert!(matches!(error, LogError::Damaged { position: 0, .. } | LogError::Version { .. }), "{error}");
        assert!(error.to_string().contains(segment::path_of(directory.path(), 0).to_str().unwrap()));
        assert_eq!(fs::read(segment::path_of(directory.path(), 0)).unwrap(), bytes, "nothing was touched");
    });
}

/// A log of many segments with 100 records in each of two topic partitions.
fn many_segments() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    for offset in 0..100 {
        append_numbered(&log, RAW, offset..offset + 1);
        append_numbered(&log, TRADE, offset..offset + 1);
        log.sync().unwrap();
    }
    drop(log);
    assert!(segment_paths(directory.path()).len() > 4);
    directory
}

#[test]
fn damage_in_an_older_segment_loses_its_batch_only() {
    let directory = many_segments();
    let path = &segment_paths(directory.path())[1];
    let file = File::options().write(true).open(path).unwrap();
    file.write_all_at(b"spoilt", fs::metadata(path).unwrap().len() / 2).unwrap();
    let log = open(directory.path());
    let lost = [check_numbered(&log, RAW), check_numbered(&log, TRADE)].concat();
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert_eq!(lost[0].end - lost[0].start, 1, "{lost:?}");
    append_numbered(&log, RAW, 100..101);
}

#[test]
fn an_older_segment_that_is_cut_short_or_gone_is_noticed() {
    let directory = many_segments();
    let paths = segment_paths(directory.path());
    File::options().write(true).open(&paths[0]).unwrap().set_len(400).unwrap();
    fs::remove_file(&paths[2]).unwrap();
    let log = open(directory.path());
    for at in [RAW, TRADE] {
        assert_eq!(check_numbered(&log, at).len(), 2, "{at}");
        assert_eq!(log.durable_end(at).unwrap(), Offset(100));
    }
}

#[test]
fn a_segment_whose_creation_was_interrupted_is_created_again() {
    let directory = many_segments();
    let next = segment::path_of(directory.path(), segment_paths(directory.path()).len() as u64);
    for length in [0, 10, 100] {
        let whole = fs::read(&segment_paths(directory.path())[0]).unwrap();
        fs::write(&next, &whole[..length]).unwrap();
        let log = open(directory.path());
        assert_eq!((ends(&log), lost(&log)), ([100, 100], [vec![], vec![]]));
        drop(log);
        fs::remove_file(&next).unwrap();
    }
    fs::write(&next, b"").unwrap();
    for path in segment_paths(directory.path()).iter().rev().skip(1) {
        fs::remove_file(path).unwrap();
    }
    let error = EmbeddedLog::open(directory.path(), &options()).unwrap_err();
    assert!(matches!(error, LogError::Damaged { .. }), "offsets must not begin again at 0: {error}");
}

#[test]
fn garbage_behind_the_end_is_cut_off() {
    let directory = many_segments();
    let path = segment_paths(directory.path()).pop().unwrap();
    let whole = fs::read(&path).unwrap();
    fs::write(&path, [&whole[..], &batch::MAGIC, &vec![0; 100_000]].concat()).unwrap();
    drop(open(directory.path()));
    assert_eq!(fs::read(&path).unwrap(), whole);
}

#[test]
fn a_file_changed_under_a_reader_gives_an_error_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    append_numbered(&log, RAW, 0..1);
    log.sync().unwrap();
    let path = segment::path_of(directory.path(), 0);
    let length = fs::metadata(&path).unwrap().len();
    File::options().write(true).open(&path).unwrap().write_all_at(b"X", length - 1).unwrap();
    assert!(matches!(
        log.read(RAW, Offset(0), 1),
        Err(LogError::Damaged { defect: crate::log::Defect::Checksum, .. })
    ));
    File::options().write(true).open(&path).unwrap().set_len(length - 1).unwrap();
    assert!(matches!(log.read(RAW, Offset(0), 1), Err(LogError::Damaged { .. })));
}

#[test]
fn other_files_in_the_folder_are_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["notes.log", "00000000000000000003.txt", "0.log"] {
        fs::write(directory.path().join(name), "mine").unwrap();
    }
    drop(open(directory.path()));
    assert_eq!(segment_paths(directory.path()), [segment::path_of(directory.path(), 0)]);
    assert_eq!(fs::read(directory.path().join("0.log")).unwrap(), b"mine");
}

#[test]
fn a_folder_that_cannot_be_is_an_error_that_names_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = EmbeddedLog::open(&file.path().join("log"), &options()).unwrap_err();
    assert!(matches!(error, LogError::Io { operation: "create", .. }), "{error}");
    assert!(error.to_string().contains(file.path().to_str().unwrap()), "{error}");
}
