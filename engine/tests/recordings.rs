//! Every recording, rebuilt here and by an independent tool in exact decimals: line for line the same.

use std::fs;
use std::num::{NonZeroU16, NonZeroU32};
use std::path::{Path, PathBuf};
use std::process::Command;

use depthlake_engine::replay::{self, BarLines, BookLines, OfflinePipelines, Report, Speed, SymbolCounts};
use depthlake_ingest::recording::{Recording, RecordingError};

/// The folder of recordings and tools beside the checkout, or the one that `DEPTHLAKE_SHARED` names.
fn shared() -> Option<PathBuf> {
    let folder = std::env::var_os("DEPTHLAKE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let found = folder.join("data").is_dir();
    if !found {
        eprintln!("SKIPPED: no recordings at {}", folder.display());
    }
    found.then_some(folder)
}

struct Replayed {
    books: String,
    bars: String,
    disagreed: u64,
    agreed: u64,
    klines: u64,
    wrong_klines: u64,
    dead_letters: u64,
}

fn replay(recording: &Recording, partitions: u16) -> Replayed {
    let mut pipelines = OfflinePipelines::new(NonZeroU16::new(partitions).unwrap());
    let mut books = Vec::new();
    let mut report = Report {
        books: Some(BookLines::new(&mut books)),
        bars: BarLines::default(),
        counts: SymbolCounts::default(),
    };
    let lost = |error: RecordingError| panic!("{error}");
    let played: Result<u64, RecordingError> =
        replay::play(recording, Speed::Max, lost, |envelope, payload| {
            pipelines.frame(envelope, payload, &mut report);
            Ok(())
        });
    assert!(played.unwrap() > 0);
    pipelines.finish(&mut report);
    let mut bars = Vec::new();
    report.bars.write(&mut bars).unwrap();
    let (mut tickers, mut klines) = ((0, 0), (0, 0));
    for pipeline in pipelines.pipelines() {
        for (symbol, status) in pipeline.books() {
            tickers = (tickers.0 + status.tickers.agreed, tickers.1 + status.tickers.disagreed);
            let agreement = pipeline.kline_agreement(symbol);
            klines = (klines.0 + agreement.agreed, klines.1 + agreement.disagreed);
        }
    }
    let dead_letters = report.counts.dead_letters.values().sum();
    drop(report);
    Replayed {
        books: String::from_utf8(books).unwrap(),
        bars: String::from_utf8(bars).unwrap(),
        agreed: tickers.0,
        disagreed: tickers.1,
        klines: klines.0,
        wrong_klines: klines.1,
        dead_letters,
    }
}

fn assert_same_lines(ours: &str, reference: &str, what: &str) {
    for (number, (ours, reference)) in ours.lines().zip(reference.lines()).enumerate() {
        assert_eq!(ours, reference, "{what}, line {}", number + 1);
    }
    assert_eq!(ours.lines().count(), reference.lines().count(), "{what}: number of lines");
}

#[test]
fn every_recording_equals_the_reference() {
    let Some(shared) = shared() else { return };
    let mut folders: Vec<_> = fs::read_dir(shared.join("data"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    assert!(!folders.is_empty());
    let scratch = tempfile::tempdir().unwrap();
    let mut klines = 0;
    for folder in folders {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let (books, bars) = (scratch.path().join("books"), scratch.path().join("bars"));
        let reference = Command::new("python3")
            .arg(shared.join("tools/reference_book.py"))
            .arg(&folder)
            .args([Path::new("--out"), &books, Path::new("--bars"), &bars])
            .output()
            .expect("python3 runs the reference tool");
        assert!(reference.status.success(), "{}", String::from_utf8_lossy(&reference.stderr));
        let recording = Recording::open(&folder).unwrap();
        let ours = replay(&recording, 4);
        assert_same_lines(&ours.books, &fs::read_to_string(&books).unwrap(), &format!("{name} books"));
        assert_same_lines(&ours.bars, &fs::read_to_string(&bars).unwrap(), &format!("{name} bars"));
        assert_eq!((ours.disagreed, ours.wrong_klines, ours.dead_letters), (0, 0, 0), "{name}");
        let agreed: u64 = String::from_utf8_lossy(&reference.stderr)
            .split_whitespace()
            .filter_map(|field| field.strip_prefix("agreed=")?.parse::<u64>().ok())
            .sum();
        assert_eq!(ours.agreed, agreed, "{name}: tickers compared");
        klines += ours.klines;
        assert_eq!(replay(&recording, 1).books, ours.books, "{name}: on one partition");
    }
    assert!(klines > 0, "no bar was compared with the venue's own");
}

#[test]
fn a_repeated_recording_agrees_with_the_venue_in_each_repetition() {
    let Some(shared) = shared() else { return };
    for name in ["binance-spot-2021", "binance-usdm-2021", "binance-spot-2024"] {
        let recording = Recording::open(&shared.join("data").join(name)).unwrap();
        let once = replay(&recording, 1);
        let thrice = replay(&recording.repeated(NonZeroU32::new(3).unwrap()), 1);
        assert_eq!((thrice.disagreed, thrice.wrong_klines, thrice.dead_letters), (0, 0, 0), "{name}");
        assert_eq!(thrice.agreed, 3 * once.agreed, "{name}: tickers compared");
        assert_eq!(thrice.books.lines().count(), 3 * once.books.lines().count(), "{name}: events applied");
        assert_eq!(thrice.bars.lines().count(), 3 * once.bars.lines().count(), "{name}: bars");
    }
}
