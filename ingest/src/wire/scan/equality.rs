//! The scanner against the general decoder: on recordings, on messages of every shape, on messages with damaged bytes.

use std::path::{Path, PathBuf};

use depthlake_orderbook::decimal::Scale;
use depthlake_orderbook::event::{DepthUpdate, Provenance};
use depthlake_orderbook::frame::FrameKind;
use depthlake_orderbook::instrument::Instrument;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::super::{Decoder, GeneralDecoder};
use super::Scanner;
use crate::recording::Recording;

const PROVENANCE: Provenance = Provenance { received: Timestamp(1), offset: 2 };

/// What the venue is known to send; `L` stands for levels.
const SHAPES: [&str; 12] = [
    r#"{"e":"depthUpdate","E":1633998512068,"s":"NKNUSDT","U":499869750,"u":499869752,"b":L,"a":L}"#,
    r#"{"e":"depthUpdate","E":1633998512068123,"s":"BTCUSDT","U":5,"u":5,"b":L,"a":L}"#,
    r#"{"e":"depthUpdate","E":1626992741037,"T":1626992741024,"s":"SUSHIUSDT","U":600859599090,"u":600859600917,"pu":600859598061,"b":L,"a":L}"#,
    r#"{"e":"depthUpdate","E":1723161257440,"T":1723161257432,"s":"BTCUSD_PERP","ps":"BTCUSD","U":1007198631260,"u":1007198631565,"pu":1007198631198,"b":L,"a":L}"#,
    r#"{"u":499869768,"s":"NKNUSDT","b":"0.35210000","B":"672.00000000","a":"0.35260000","A":"3199.00000000"}"#,
    r#"{"e":"bookTicker","u":600859600576,"s":"SUSHIUSDT","b":"7.6110","B":"2","a":"7.6120","A":"297","T":1626992741012,"E":1626992741017}"#,
    r#"{"u":1007198632021,"e":"bookTicker","s":"BTCUSD_PERP","ps":"BTCUSD","b":"61804.7","B":"35","a":"61804.8","A":"1645","T":1723161257465,"E":1723161257476}"#,
    r#"{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}"#,
    r#"{"e":"trade","E":1633998523963,"s":"BTCUSDT","t":12345,"p":"0.001","q":"100","b":88,"a":50,"T":1633998523960,"m":true,"M":true}"#,
    r#"{"e":"trade","E":1723161257687,"T":1723161257679,"s":"BTCUSD_PERP","t":849714402,"p":"0","q":"4","X":"INSURANCE_FUND","m":false}"#,
    r#"{"e":"aggTrade","E":1633998523963,"s":"NKNUSDT","a":15683430,"p":"0.35280000","q":"58.00000000","f":19862790,"l":19862790,"T":1633998523963,"m":false,"M":true}"#,
    r#"{"e":"aggTrade","E":1626992741575,"a":16599292,"s":"CTKUSDT","p":"1.01100","q":"10","nq":"9","f":23961322,"l":23961322,"T":1626992741421,"m":false}"#,
];

fn instrument(price: u8, quantity: u8) -> Instrument {
    let scale = |decimals| Scale::new(decimals).unwrap();
    Instrument::with_scales(Symbol::new("BTCUSDT").unwrap(), scale(price), scale(quantity))
}

/// Whether both decoders say the same of `payload`, whichever kind of message it is taken for.
fn agree(decoder: &mut Decoder, payload: &[u8], instrument: &Instrument) -> Result<(), TestCaseError> {
    let text = String::from_utf8_lossy(payload);
    let mut general = GeneralDecoder::default();
    let (scanned, parsed) =
        (decoder.depth(payload, instrument, PROVENANCE), general.depth(payload, instrument, PROVENANCE));
    prop_assert_eq!(scanned, parsed, "depth {}", text);
    let (scanned, parsed) =
        (decoder.trade(payload, instrument, PROVENANCE), general.trade(payload, instrument, PROVENANCE));
    prop_assert_eq!(scanned, parsed, "trade {}", text);
    let (scanned, parsed) =
        (decoder.book_ticker(payload, instrument), general.book_ticker(payload, instrument));
    prop_assert_eq!(scanned, parsed, "book ticker {}", text);
    Ok(())
}

fn is_scanned(scanner: &mut Scanner, kind: FrameKind, payload: &[u8], instrument: &Instrument) -> bool {
    match kind {
        FrameKind::DepthUpdate => {
            scanner.depth(payload, instrument, PROVENANCE, &mut DepthUpdate::default()).is_some()
        }
        FrameKind::BookTicker => scanner.book_ticker(payload, instrument).is_some(),
        _ => scanner.trade(payload, instrument, PROVENANCE).is_some(),
    }
}

#[test]
fn known_shapes_are_scanned() {
    let mut scanner = Scanner::default();
    for shape in SHAPES {
        for levels in ["[]", r#"[["61737.63000000","0.00000000"]]"#, r#"[["7.5040","813"],["7.6090","0"]]"#] {
            let raw = shape.replace('L', levels);
            let combined = format!(r#"{{"stream":"x@y@100ms","data":{raw}}}"#);
            for text in [raw, combined] {
                let kind = crate::wire::peek(text.as_bytes(), Timestamp(0)).kind;
                assert!(is_scanned(&mut scanner, kind, text.as_bytes(), &instrument(5, 5)), "{text}");
            }
        }
    }
}

#[test]
fn recorded_messages_are_scanned_and_equal() {
    let Some(folders) = recordings() else {
        eprintln!("SKIPPED: no recordings; DEPTHLAKE_SHARED names their folder");
        return;
    };
    for folder in folders {
        let recording = Recording::open(&folder).unwrap();
        let instruments = recording.instruments().unwrap();
        let (mut scanner, mut decoder) = (Scanner::default(), Decoder::default());
        let mut compared = 0;
        for frame in recording.frames().unwrap() {
            let frame = frame.unwrap();
            let kind = frame.envelope.kind;
            if !matches!(
                kind,
                FrameKind::DepthUpdate | FrameKind::BookTicker | FrameKind::Trade | FrameKind::AggregateTrade
            ) {
                continue;
            }
            let found =
                instruments.iter().find(|found| Some(found.instrument.symbol) == frame.envelope.symbol);
            let instrument = found.unwrap().instrument;
            let text = String::from_utf8_lossy(&frame.payload);
            assert!(
                is_scanned(&mut scanner, kind, &frame.payload, &instrument),
                "left to the general decoder: {text}"
            );
            agree(&mut decoder, &frame.payload, &instrument).unwrap();
            compared += 1;
        }
        assert!(compared > 0, "{} has no messages", folder.display());
    }
}

fn recordings() -> Option<Vec<PathBuf>> {
    let shared = std::env::var_os("DEPTHLAKE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let entries = std::fs::read_dir(shared.join("data")).ok()?;
    Some(entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect())
}

#[test]
fn messages_at_the_edges_are_equal() {
    let mut decoder = Decoder::default();
    let book_ticker =
        |number: &str| format!(r#"{{"u":1,"s":"X","b":"{number}","B":"1","a":"1","A":"{number}"}}"#);
    for number in NUMBERS {
        agree(&mut decoder, book_ticker(number).as_bytes(), &instrument(2, 5)).unwrap();
        agree(&mut decoder, book_ticker(number).as_bytes(), &instrument(8, 0)).unwrap();
    }
    let id = |id: &str| format!(r#"{{"u":{id},"s":"X","b":"1","B":"1","a":"1","A":"1"}}"#);
    for text in IDS {
        agree(&mut decoder, id(text).as_bytes(), &instrument(2, 5)).unwrap();
    }
    let plain = id("7");
    for text in [
        format!("{plain}\n"),
        format!("{plain} "),
        format!("{plain}}}"),
        format!("{plain}{plain}"),
        format!("\u{feff}{plain}"),
        plain.replace('X', "\u{e9}"),
        plain.replace('X', "\\u0041"),
        plain.replace('X', "\u{1}"),
        plain.replace('X', "\u{7f}"),
        plain.replace(r#""s":"X""#, r#""s":"X","s":"Y""#),
        plain.replace(r#""s":"X""#, r#""s":"X","b":"1""#),
        format!(r#"{{"stream":"a","data":{plain},"data":{plain}}}"#),
        format!(r#"{{"stream":"a\"b","data":{plain}}}"#),
        format!(r#"{{"stream":"a","data":{plain}"#),
    ] {
        agree(&mut decoder, text.as_bytes(), &instrument(2, 5)).unwrap();
    }
}

/// Nothing of a message that is refused half-way shows in the next.
#[test]
fn a_refused_message_leaves_nothing_behind() {
    let whole = SHAPES[3].replace('L', r#"[["2","1"],["1","1"]]"#);
    let next = SHAPES[0].replace('L', "[]");
    for length in 0..whole.len() {
        let mut decoder = Decoder::default();
        agree(&mut decoder, &whole.as_bytes()[..length], &instrument(1, 0)).unwrap();
        agree(&mut decoder, next.as_bytes(), &instrument(1, 0)).unwrap();
        agree(&mut decoder, format!(" {next}").as_bytes(), &instrument(1, 0)).unwrap();
    }
}

const NUMBERS: [&str; 24] = [
    "0",
    "-0",
    "-0.0",
    "00",
    "007.5",
    "7.",
    ".5",
    "",
    "-1",
    "+1",
    "1e3",
    "1.5",
    "0.00000000",
    "1.000000000",
    "1.00000001",
    "9999999999.99",
    "10000000000",
    "92233720368547758.07",
    "92233720368547758.08",
    "9223372036854775807",
    "9999999999999999",
    "1234567890123456.5",
    "12345678",
    "123456789.12345678",
];
const IDS: [&str; 12] = [
    "0",
    "-0",
    "-1",
    "00",
    "07",
    "1.0",
    "1e3",
    "null",
    "\"7\"",
    "1234567890123456",
    "18446744073709551615",
    "18446744073709551616",
];

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[0-9]{1,5}\\.[0-9]{2}0{0,6}",
        2 => "[0-9]{1,9}(\\.[0-9]{1,9})?",
        1 => "-?[0-9]{0,20}(\\.[0-9]{0,12})?",
        1 => select(&NUMBERS[..]).prop_map(str::to_owned),
    ]
}

fn id() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[1-9][0-9]{0,15}", 1 => "-?[0-9]{1,21}", 1 => select(&IDS[..]).prop_map(str::to_owned)]
}

fn levels() -> impl Strategy<Value = String> {
    let level = (number(), number()).prop_map(|(price, quantity)| format!(r#"["{price}","{quantity}"]"#));
    prop::collection::vec(level, 0..5).prop_map(|levels| format!("[{}]", levels.join(",")))
}

fn value(name: &str) -> BoxedStrategy<String> {
    match name {
        "e" | "s" | "ps" | "X" => select(vec![
            r#""depthUpdate""#,
            r#""trade""#,
            r#""aggTrade""#,
            r#""bookTicker""#,
            r#""X""#,
            r#""MARKET""#,
            "null",
            "3",
        ])
        .prop_map(str::to_owned)
        .boxed(),
        "m" | "M" => select(vec!["true", "false", "null", "1"]).prop_map(str::to_owned).boxed(),
        "p" | "q" | "nq" | "B" | "A" => number().prop_map(|number| format!("\"{number}\"")).boxed(),
        "b" | "a" => {
            prop_oneof![levels(), number().prop_map(|number| format!("\"{number}\"")), id(),].boxed()
        }
        _ => id().boxed(),
    }
}

/// A message of any members, most often in an order that the venue knows.
fn message() -> impl Strategy<Value = String> {
    let orders = vec![
        vec!["e", "E", "s", "U", "u", "b", "a"],
        vec!["e", "E", "T", "s", "ps", "U", "u", "pu", "b", "a"],
        vec!["e", "E", "T", "s", "t", "p", "q", "X", "m"],
        vec!["e", "E", "s", "a", "p", "q", "nq", "f", "l", "T", "m", "M"],
        vec!["e", "u", "s", "b", "B", "a", "A", "T", "E"],
    ];
    let order =
        (select(orders), any::<[Index; 2]>(), 0..12_u8).prop_map(|(mut order, [one, other], change)| {
            let (one, other) = (one.index(order.len()), other.index(order.len()));
            match change {
                0 => order.swap(one, other),
                1 => drop(order.remove(one)),
                2 => order.insert(one, order[other]),
                _ => {}
            }
            order
        });
    let members = order.prop_flat_map(|order| {
        order
            .into_iter()
            .map(|name| value(name).prop_map(move |value| format!(r#""{name}":{value}"#)))
            .collect::<Vec<_>>()
    });
    (members, select(vec![",", ",", ",", ", ", "\n,"]), any::<bool>()).prop_map(
        |(members, comma, is_combined)| {
            let data = format!("{{{}}}", members.join(comma));
            if is_combined { format!(r#"{{"stream":"x@y","data":{data}}}"#) } else { data }
        },
    )
}

/// A message that the venue is known to send, with other numbers.
fn known_message() -> impl Strategy<Value = String> {
    (select(&SHAPES[..]), levels(), levels(), any::<bool>()).prop_map(|(shape, bids, asks, is_combined)| {
        let data = shape.replacen('L', &bids, 1).replacen('L', &asks, 1);
        if is_combined { format!(r#"{{"stream":"btcusdt@depth@100ms","data":{data}}}"#) } else { data }
    })
}

fn scales() -> impl Strategy<Value = Instrument> {
    (0..=8_u8, 0..=8_u8).prop_map(|(price, quantity)| instrument(price, quantity))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn messages_of_every_shape_are_equal(messages in prop::collection::vec(message(), 1..3), instrument in scales()) {
        let mut decoder = Decoder::default();
        for text in messages {
            agree(&mut decoder, text.as_bytes(), &instrument)?;
        }
    }

    #[test]
    fn known_messages_are_equal(messages in prop::collection::vec(known_message(), 1..4), instrument in scales()) {
        let mut decoder = Decoder::default();
        for text in messages {
            agree(&mut decoder, text.as_bytes(), &instrument)?;
        }
    }

    #[test]
    fn damaged_messages_are_equal(
        text in known_message(),
        damages in prop::collection::vec((any::<Index>(), any::<u8>(), 0..3_u8), 1..4),
        instrument in scales(),
    ) {
        let mut payload = text.clone().into_bytes();
        for (place, byte, damage) in damages {
            let at = place.index(payload.len());
            match damage {
                0 => payload[at] = byte,
                1 => payload.insert(at, byte),
                _ => drop(payload.remove(at)),
            }
        }
        let mut decoder = Decoder::default();
        agree(&mut decoder, text.as_bytes(), &instrument)?;
        agree(&mut decoder, &payload, &instrument)?;
    }
}
