//! A partition that is stopped anywhere and taken up again gives the same records as one that ran through.

use bytes::Bytes;
use depthlake_engine::pipeline::{Checkpoint, Output, Pipeline};
use depthlake_engine::recovery::Recovery;
use depthlake_ingest::wire;
use depthlake_orderbook::frame::{Envelope, FrameKind, RawStream};
use depthlake_orderbook::record::{Derived, Trigger};
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;
use proptest::prelude::*;

#[derive(Default)]
struct Records(Vec<(Trigger, Derived)>);

impl Output for Records {
    fn derived(&mut self, trigger: Trigger, record: Derived) {
        self.0.push((trigger, record));
    }
}

/// What may come next for one of two symbols.
#[derive(Debug, Clone, Copy)]
enum Step {
    Diff,
    LostDiff,
    BadDiff,
    Snapshot,
    Trade { seconds: i64 },
    Session,
    StreamEnd,
}

fn steps() -> impl Strategy<Value = Vec<(bool, Step)>> {
    let step = prop_oneof![
        8 => Just(Step::Diff),
        1 => Just(Step::LostDiff),
        1 => Just(Step::BadDiff),
        3 => Just(Step::Snapshot),
        6 => (0..45_i64).prop_map(|seconds| Step::Trade { seconds }),
        1 => Just(Step::Session),
        1 => Just(Step::StreamEnd),
    ];
    prop::collection::vec((any::<bool>(), step), 1..120)
}

struct Message {
    stream: RawStream,
    offset: u64,
    envelope: Envelope,
    payload: Bytes,
}

/// Turns steps into messages of both streams, with the offsets a log would give.
fn messages(steps: &[(bool, Step)]) -> Vec<Message> {
    let symbols = ["AB", "CD"].map(|text| Symbol::new(text).unwrap());
    let (mut ends, mut ids, mut time) = ([0_u64; 2], [100_u64; 2], 0_i64);
    let mut messages = Vec::new();
    let mut push = |envelope: Envelope, payload: String| {
        for &stream in envelope.kind.streams() {
            let end = &mut ends[stream as usize];
            messages.push(Message { stream, offset: *end, envelope, payload: Bytes::from(payload.clone()) });
            *end += 1;
        }
    };
    for symbol in symbols {
        let entry = format!(
            r#"{{"symbol":"{symbol}","filters":[{{"filterType":"PRICE_FILTER","tickSize":"0.1"}},{{"filterType":"LOT_SIZE","stepSize":"1"}}]}}"#
        );
        push(Envelope::own(FrameKind::Instrument, Some(symbol), Timestamp(0)), entry);
    }
    for (number, &(second, step)) in steps.iter().enumerate() {
        let received = Timestamp(time * 1_000_000 + i64::try_from(number).unwrap());
        let (symbol, id) = (symbols[usize::from(second)], &mut ids[usize::from(second)]);
        let quantity = number % 7;
        match step {
            Step::LostDiff => *id += 1,
            Step::Diff | Step::BadDiff => {
                *id += 1;
                let price = if matches!(step, Step::BadDiff) { "9.55" } else { "9.5" };
                let text = format!(
                    r#"{{"e":"depthUpdate","E":1,"s":"{symbol}","U":{id},"u":{id},"b":[["{price}","{quantity}"]],"a":[]}}"#
                );
                push(wire::peek(text.as_bytes(), received), text);
            }
            Step::Snapshot => {
                let text = format!(r#"{{"lastUpdateId":{id},"bids":[["9.0","1"]],"asks":[["10.0","2"]]}}"#);
                push(wire::peek_snapshot(text.as_bytes(), Some(symbol), received).unwrap(), text);
            }
            Step::Trade { seconds } => {
                time += seconds * 1_000;
                let text = format!(
                    r#"{{"e":"trade","E":{time},"T":{time},"s":"{symbol}","t":{number},"p":"9.5","q":"2","m":true}}"#
                );
                push(wire::peek(text.as_bytes(), received), text);
            }
            Step::StreamEnd => push(Envelope::own(FrameKind::StreamEnd, None, received), String::new()),
            Step::Session => {
                time /= 2;
                push(Envelope::own(FrameKind::SessionStart, None, received), String::new());
            }
        }
    }
    messages
}

fn run(pipeline: &mut Pipeline, messages: &[Message], records: &mut Records) {
    for message in messages {
        pipeline.frame(message.stream, message.offset, &message.envelope, &message.payload, records);
    }
}

/// The offset behind the last message of a stream.
fn end(messages: &[Message], stream: RawStream) -> u64 {
    messages.iter().filter(|message| message.stream == stream).count() as u64
}

fn checkpoint(pipeline: &Pipeline, handled: &[Message]) -> Checkpoint {
    let orderbook = end(handled, RawStream::Orderbook);
    let books =
        pipeline.books().filter_map(|(symbol, _)| pipeline.book_checkpoint(symbol, orderbook)).collect();
    let taken = Checkpoint {
        orderbook_offset: orderbook,
        books,
        trades: pipeline.trade_checkpoint(end(handled, RawStream::Trade)),
    };
    Checkpoint::decode(&taken.encode().unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn a_stop_anywhere_loses_and_doubles_nothing(
        steps in steps(), at in 0..1_000_usize, kept in 0..1_000_usize, with_checkpoint in any::<bool>(), then in 0..1_000_usize,
    ) {
        let messages = messages(&steps);
        let cut = |share: usize, length: usize| share * length / 1_000;
        let mut through = Records::default();
        run(&mut Pipeline::new(0), &messages, &mut through);

        // The first life: a checkpoint after `at`, a crash after `then`, with `kept` of the records behind the checkpoint.
        let checkpoint_at = cut(at, messages.len());
        let crash_at = checkpoint_at + cut(then, messages.len() - checkpoint_at);
        let (mut first, mut pipeline) = (Records::default(), Pipeline::new(0));
        run(&mut pipeline, &messages[..checkpoint_at], &mut first);
        let taken = with_checkpoint.then(|| checkpoint(&pipeline, &messages[..checkpoint_at]));
        let safe = first.0.len();
        run(&mut pipeline, &messages[checkpoint_at..crash_at], &mut first);
        let kept = if with_checkpoint { safe + cut(kept, first.0.len() - safe) } else { cut(kept, first.0.len()) };
        first.0.truncate(kept);

        // The second life reads the raw messages again, stream by stream, and goes on.
        let mut recovery = Recovery::new(0, taken.as_ref());
        for (trigger, record) in &first.0 {
            recovery.kept(record.kind(), *trigger);
        }
        for stream in [RawStream::Orderbook, RawStream::Trade] {
            let from = recovery.from(stream);
            for message in messages[..crash_at].iter().filter(|m| m.stream == stream && m.offset >= from) {
                recovery.frame(stream, message.offset, &message.envelope, &message.payload, |trigger, record| {
                    first.0.push((trigger, record));
                });
            }
        }
        let mut restored = recovery.finish();
        prop_assert_eq!(restored.orderbook_end, end(&messages[..crash_at], RawStream::Orderbook));
        prop_assert_eq!(restored.trade_end, end(&messages[..crash_at], RawStream::Trade));
        run(&mut restored.pipeline, &messages[crash_at..], &mut first);

        // Order across streams and kinds is the log's affair; within one it is kept.
        let order = |records: &mut Records| records.0.sort_by_key(|(trigger, record)| (record.kind(), *trigger));
        order(&mut through);
        order(&mut first);
        prop_assert_eq!(first.0, through.0);
    }
}
