//! Books of the past against a slow twin that reads the same messages itself.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::sync::Arc;

use bytes::Bytes;
use depthlake_lake::commit::Lake;
use depthlake_lake::log::{EmbeddedLog, Log, Options, Partition, TopicPartition};
use depthlake_lake::record::{raw_record, topic_of_stream};
use depthlake_lake::sink::{Sink, SinkConfig};
use depthlake_orderbook::frame::{Envelope, FrameKind, RawStream};
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;
use reqwest::StatusCode;
use serde_json::Value;

use super::Served;
use crate::samples::{LakeInFolder, empty_lake};

const BEGIN: i64 = 1_723_116_000_000;
const STEP: i64 = 100;

/// What was received: its milliseconds, ids, and changes of both sides; `None` for a snapshot, which holds the whole book.
struct Received {
    at: i64,
    first: Option<u64>,
    last: u64,
    sides: [BTreeMap<u64, u64>; 2],
}

/// A market of invented changes, with a gap and a second snapshot after it.
fn received() -> Vec<Received> {
    let noise = |step: u64| (step + 7).wrapping_mul(6_364_136_223_846_793_005).rotate_left(23);
    let mut all = Vec::new();
    let mut book = [BTreeMap::new(), BTreeMap::new()];
    let mut id = 1_000;
    for step in 0..600_u64 {
        let at = BEGIN + i64::try_from(step).unwrap() * STEP;
        if step == 3 || step == 320 {
            all.push(Received { at: at - 10, first: None, last: id, sides: book.clone() });
        }
        let mut sides = [BTreeMap::new(), BTreeMap::new()];
        for part in 0..4 {
            let noise = noise(step * 4 + part);
            let (side, price) =
                if noise % 2 == 0 { (0, 9_000 + noise / 2 % 50) } else { (1, 9_050 + noise / 2 % 50) };
            let quantity = if noise / 200 % 3 == 0 { 0 } else { noise / 1_000 % 900 + 1 };
            sides[side].insert(price, quantity);
        }
        for (known, changes) in book.iter_mut().zip(&sides) {
            for (price, quantity) in changes {
                if *quantity == 0 {
                    known.remove(price)
                } else {
                    known.insert(*price, *quantity)
                };
            }
        }
        let first = id + 1;
        id += 3;
        // One is lost on the way.
        if step != 300 {
            all.push(Received { at, first: Some(first), last: id, sides });
        }
    }
    all
}

/// Quantities by price of bids and asks, the last update, and whether the book was live.
type Known = ([BTreeMap<u64, u64>; 2], u64, bool);

/// The book after everything up to a time, and whether it was live; none before the first snapshot.
fn twin(all: &[Received], until: i64) -> Option<Known> {
    let mut book: Option<Known> = None;
    let mut kept: Vec<&Received> = Vec::new();
    for message in all.iter().filter(|message| message.at <= until) {
        let Some(first) = message.first else {
            if book.as_ref().is_none_or(|(.., live)| !live) {
                book = Some((message.sides.clone(), message.last, true));
                for change in std::mem::take(&mut kept) {
                    if change.last > message.last {
                        apply(book.as_mut().unwrap(), change);
                    }
                }
            }
            continue;
        };
        match &mut book {
            Some(known @ (_, _, true)) if known.1 + 1 == first => apply(known, message),
            Some(known) => {
                known.2 = false;
                kept.push(message);
            }
            None => kept.push(message),
        }
    }
    book
}

fn apply(book: &mut ([BTreeMap<u64, u64>; 2], u64, bool), change: &Received) {
    for (known, changes) in book.0.iter_mut().zip(&change.sides) {
        for (price, quantity) in changes {
            if *quantity == 0 {
                known.remove(price)
            } else {
                known.insert(*price, *quantity)
            };
        }
    }
    book.1 = change.last;
}

/// Hundredths as decimal text, and thousandths.
fn texts((price, quantity): (&u64, &u64)) -> [String; 2] {
    [(price, 100), (quantity, 1_000)].map(|(units, one)| {
        let digits = one.to_string().len() - 1;
        let text = format!("{}.{:0digits$}", *units / one, *units % one);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    })
}

async fn land(folder: &LakeInFolder, all: &[Received]) {
    let symbol = Symbol::new("BTCUSDT").unwrap();
    let log = Arc::new(
        EmbeddedLog::open(&folder.folder.path().join("log"), &Options::new(NonZeroU16::MIN)).unwrap(),
    );
    let at = TopicPartition::new(topic_of_stream(RawStream::Orderbook), Partition(0));
    let append = |envelope: &Envelope, payload: String| {
        log.append(at, &raw_record(envelope, Bytes::from(payload))).unwrap();
    };
    let entry = r#"{"symbol":"BTCUSDT","filters":[{"filterType":"PRICE_FILTER","tickSize":"0.01"},
        {"filterType":"LOT_SIZE","stepSize":"0.001"}]}"#;
    let begun = Timestamp::from_milliseconds(BEGIN - 1_000);
    append(&Envelope::own(FrameKind::Instrument, Some(symbol), begun), entry.to_owned());
    for message in all {
        let side = |levels: &BTreeMap<u64, u64>| {
            let levels =
                levels.iter().map(texts).map(|[price, quantity]| format!("[\"{price}\",\"{quantity}\"]"));
            format!("[{}]", levels.collect::<Vec<_>>().join(","))
        };
        let [bids, asks] = &message.sides;
        let received = Timestamp::from_milliseconds(message.at);
        let last_id = Some(message.last);
        let (envelope, payload) = match message.first {
            None => {
                let own = Envelope::own(FrameKind::Snapshot, Some(symbol), received);
                let bids: BTreeMap<_, _> = bids.iter().map(|(price, quantity)| (*price, *quantity)).collect();
                let best_first = bids.iter().rev().map(texts).map(|[p, q]| format!("[\"{p}\",\"{q}\"]"));
                let bids = format!("[{}]", best_first.collect::<Vec<_>>().join(","));
                let payload =
                    format!(r#"{{"lastUpdateId":{},"bids":{bids},"asks":{}}}"#, message.last, side(asks));
                (Envelope { last_id, ..own }, payload)
            }
            Some(first) => {
                let own = Envelope::own(FrameKind::DepthUpdate, Some(symbol), received);
                let payload = format!(
                    r#"{{"e":"depthUpdate","E":{},"s":"BTCUSDT","U":{first},"u":{},"b":{},"a":{}}}"#,
                    message.at,
                    message.last,
                    side(bids),
                    side(asks)
                );
                (Envelope { event_time: Some(received), first_id: Some(first), last_id, ..own }, payload)
            }
        };
        append(&envelope, payload);
    }
    log.sync().unwrap();
    let lake: Lake = folder.lake.clone();
    Sink::new(log, lake, SinkConfig::default()).commit_once().await.unwrap();
}

fn levels(book: &Value, side: &str) -> Vec<[String; 2]> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    book[side].as_array().unwrap().iter().map(|level| [text(&level[0]), text(&level[1])]).collect()
}

fn assert_is_twin(book: &Value, all: &[Received], until: i64) {
    let (sides, update_id, live) = twin(all, until).unwrap();
    let [bids, asks] = &sides;
    let bids: Vec<_> = bids.iter().rev().take(20).map(texts).collect();
    let asks: Vec<_> = asks.iter().take(20).map(texts).collect();
    assert_eq!((levels(book, "bids"), levels(book, "asks")), (bids, asks), "at {until}");
    assert_eq!(book["update_id"].as_u64(), Some(update_id), "at {until}");
    assert_eq!(book["state"], if live { "live" } else { "resyncing" }, "at {until}");
}

#[tokio::test(flavor = "multi_thread")]
async fn books_of_the_past_are_those_of_a_twin() {
    let (folder, all) = (empty_lake().await, received());
    land(&folder, &all).await;
    let served = Served::over(folder).await;
    // To and fro, so that what was rebuilt before is used and not used; within and after the gap too.
    for step in [290, 10, 11, 150, 149, 299, 300, 305, 319, 330, 590, 12, 331] {
        let until = BEGIN + step * STEP + 37;
        let book = served.json(&format!("/api/v1/replay/BTCUSDT?at={until}")).await;
        assert_is_twin(&book, &all, until);
    }
    let (from, to) = (BEGIN + 1_000, BEGIN + 50_000);
    let range = served.json(&format!("/api/v1/replay/BTCUSDT/range?from={from}&to={to}&step=700")).await;
    let frames = range["frames"].as_array().unwrap();
    assert_eq!(frames.len(), 71);
    for (frame, at) in frames.iter().zip((from..=to).step_by(700)) {
        assert_is_twin(frame, &all, at);
    }
    let before = served.problem(&format!("/api/v1/replay/BTCUSDT?at={BEGIN}"), StatusCode::NOT_FOUND).await;
    let detail = before["detail"].as_str().unwrap();
    assert!(
        detail.contains("from 2024-08-08T11:20:00.290Z, its first snapshot, to 2024-08-08T11:20:59.900Z"),
        "{detail}"
    );
    let ahead = format!("/api/v1/replay/BTCUSDT?at={}", BEGIN + 3_600_000);
    served.problem(&ahead, StatusCode::NOT_FOUND).await;
}
