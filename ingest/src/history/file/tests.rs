//! Files as they lie on disk.

use depthlake_orderbook::history::Records;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::super::derive;
use super::*;

const AGGREGATES: &str =
    "7,61800.5,0.25,3,4,1723161240123,True,True\n8,61800.6,1,5,5,1723161240124,False,True\n";
const TRADES: &str = "3,61800.5,0.25,15450.125,1723161240123,true,true\n";

fn archive(path: &Path, members: &[(&str, &str)]) {
    let mut writer = ZipWriter::new(File::create(path).unwrap());
    for (name, text) in members {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap();
}

fn records(file: &HistoryFile) -> Vec<(String, Records)> {
    let mut found = Vec::new();
    for member in file.members() {
        file.read(
            member,
            1,
            || Timestamp(5),
            |chunk| {
                assert_eq!(chunk.received, Timestamp(5));
                found.push((chunk.symbol.to_string(), derive(&chunk)));
                Ok::<_, HistoryError>(())
            },
        )
        .unwrap();
    }
    found
}

fn refusal(path: &Path, content: Content) -> String {
    HistoryFile::open(path, content, None).unwrap_err().to_string()
}

#[test]
fn an_archive_of_several_files_is_read_as_all_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.zip");
    archive(
        &path,
        &[
            ("BTCUSDT-aggTrades-2024-08-08.csv", AGGREGATES),
            ("readme.txt", "nothing"),
            ("in/ETHUSDT-trades-2024-08-08.csv", TRADES),
        ],
    );
    let file = HistoryFile::open(&path, Content::Trades, None).unwrap();
    let found = records(&file);
    let counts: Vec<_> = found.iter().map(|(symbol, found)| (symbol.as_str(), found.trades.len())).collect();
    assert_eq!(counts, [("BTCUSDT", 2), ("ETHUSDT", 1)]);
    assert_eq!(file.members()[1].kind, ChunkKind::Trades);
    assert_eq!(file.members()[0].bytes, AGGREGATES.len() as u64);
}

#[test]
fn a_header_or_the_width_tell_where_the_name_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.csv");
    let symbol = Symbol::new("BTCUSDT").ok();
    let kind = |text: &str| {
        fs::write(&path, text).unwrap();
        HistoryFile::open(&path, Content::Trades, symbol).map(|file| file.members()[0].kind)
    };
    assert_eq!(kind(AGGREGATES).unwrap(), ChunkKind::AggregateTrades);
    assert_eq!(kind("id,price,qty,time,is_buyer_maker\n").unwrap(), ChunkKind::Trades);
    assert!(matches!(kind(TRADES), Err(HistoryError::WhichTrades { .. })), "seven columns are either");
    assert_eq!(kind("3,1,1,1,1723161240123,true\n").unwrap(), ChunkKind::Trades);
    assert!(refusal(&path, Content::Klines).contains("tells no symbol"));
}

#[test]
fn damage_is_found_before_anything_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("BTCUSDT-aggTrades-2024-08-08.zip");
    archive(&path, &[("BTCUSDT-aggTrades-2024-08-08.csv", &AGGREGATES.repeat(50))]);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 30]).unwrap();
    assert!(
        refusal(&path, Content::Trades).contains("no whole zip archive"),
        "{}",
        refusal(&path, Content::Trades)
    );
    let mut damaged = whole.clone();
    damaged[75] ^= 0xff;
    fs::write(&path, &damaged).unwrap();
    assert!(
        refusal(&path, Content::Trades).contains("damaged or cut off"),
        "{}",
        refusal(&path, Content::Trades)
    );

    fs::write(&path, &whole).unwrap();
    let sha256 = HistoryFile::open(&path, Content::Trades, None).unwrap().members()[0].source.sha256.clone();
    let checksum = folder.path().join("BTCUSDT-aggTrades-2024-08-08.zip.CHECKSUM");
    fs::write(&checksum, format!("{sha256}  BTCUSDT-aggTrades-2024-08-08.zip\n")).unwrap();
    HistoryFile::open(&path, Content::Trades, None).unwrap();
    fs::write(&checksum, format!("{}  x\n", "0".repeat(64))).unwrap();
    assert!(refusal(&path, Content::Trades).contains("load it anew"));
}

#[test]
fn wrong_columns_refuse_the_file_and_name_the_column() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |name: &str, text: &str, content| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        refusal(&path, content)
    };
    let missing = refused("BTCUSDT-trades-2024-08-08.csv", "id,price,time,is_buyer_maker\n", Content::Trades);
    assert!(missing.contains("trades-2024-08-08.csv line 1: column qty is missing"), "{missing}");
    let narrow = refused("BTCUSDT-1m-2024-08-08.csv", "1,2,3\n", Content::Klines);
    assert!(narrow.contains("line 1: 3 columns, expected 12 (open_time,"), "{narrow}");
    let hours = refused("BTCUSDT-1h-2024-08-08.csv", "1,2,3\n", Content::Klines);
    assert!(hours.contains("interval \"1h\", expected 1m"), "{hours}");
    let days = refused("AAPL.csv", "Date,Open,High,Low,Close\n", Content::DailyBars);
    assert!(days.contains("AAPL.csv line 1: column Volume is missing"), "{days}");
}

#[test]
fn files_are_found_at_any_depth_in_the_order_of_their_dates() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("a/b")).unwrap();
    for name in [
        "a/b/ETHUSDT-1m-2024-08-08.zip",
        "BTCUSDT-1m-2024-08-09.csv",
        "a/BTCUSDT-1m-2024-08-08.ZIP",
        "a/x.CHECKSUM",
    ] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    let paths = [folder.path().to_owned(), folder.path().join("BTCUSDT-1m-2024-08-09.csv")];
    let found = files_below(&paths).unwrap();
    let names: Vec<_> = found.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(
        names,
        ["BTCUSDT-1m-2024-08-08.ZIP", "ETHUSDT-1m-2024-08-08.zip", "BTCUSDT-1m-2024-08-09.csv"]
    );
    assert!(files_below(&[folder.path().join("absent")]).is_err());
}

#[test]
fn a_last_line_that_is_cut_refuses_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("BTCUSDT-aggTrades-2024-08-08.csv");
    let whole = AGGREGATES.trim_end();
    let last = whole.rfind('\n').unwrap() + 1;
    for end in last + 1..whole.len() {
        fs::write(&path, &whole[..end]).unwrap();
        let opened = HistoryFile::open(&path, Content::Trades, None);
        // Whether the best price matched is not read.
        if whole[last..end].matches(',').count() == 7 {
            assert!(opened.is_ok(), "{:?}", &whole[last..end]);
            continue;
        }
        let error = opened.unwrap_err().to_string();
        assert!(error.contains("aggTrades-2024-08-08.csv line 2: the file is cut off here"), "{error}");
    }
    fs::write(&path, whole).unwrap();
    assert_eq!(records(&HistoryFile::open(&path, Content::Trades, None).unwrap())[0].1.trades.len(), 2);
    fs::write(&path, format!("{AGGREGATES}9,61800.5\n")).unwrap();
    let found = records(&HistoryFile::open(&path, Content::Trades, None).unwrap());
    assert_eq!(found[0].1.refused.len(), 1, "a whole line is refused by itself");

    let path = folder.path().join("all.zip");
    archive(&path, &[("BTCUSDT-aggTrades-2024-08-08.csv", &whole[..whole.len() - 20])]);
    let error = refusal(&path, Content::Trades);
    assert!(
        error.contains("all.zip/BTCUSDT-aggTrades-2024-08-08.csv line 2: the file is cut off"),
        "{error}"
    );
}

#[test]
fn what_is_no_text_is_told_short_and_escaped() {
    let folder = tempfile::tempdir().unwrap();
    let mut rubbish = b"\x89PNG\x1b[31m\x00\xff,".repeat(9_000);
    for (content, name) in [
        (Content::Klines, "BTCUSDT-1m-2024-08-08.csv"),
        (Content::Trades, "BTCUSDT-trades-2024-08-08.csv"),
        (Content::Trades, "mine.csv"),
        (Content::DailyBars, "AAPL.csv"),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, &rubbish).unwrap();
        let error = refusal(&path, content);
        assert!(error.contains(&format!("{name} line 1: this is no text; found \"\\x89PNG")), "{error}");
        assert!(error.contains("expected ") && error.len() < 500, "{} bytes", error.len());
        assert!(error.chars().all(|letter| !letter.is_control() && letter != '\u{fffd}'), "{error}");
    }
    rubbish.retain(u8::is_ascii_graphic);
    fs::write(folder.path().join("AAPL.csv"), &rubbish).unwrap();
    let error = refusal(&folder.path().join("AAPL.csv"), Content::DailyBars);
    assert!(
        error.contains("line 1: column Date is missing; found \"PNG[31m,PNG") && error.len() < 300,
        "{error}"
    );
}
