//! The same recording gives the same bytes, on any number of shards, at any speed.

mod support;

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::path::Path;
use std::thread;
use std::time::Duration;

use depthlake_engine::clock;
use depthlake_engine::live_books::LiveBooks;
use depthlake_engine::recovery::Restored;
use depthlake_engine::shard::{
    self, Idle, Inbound, NotSent, Outbound, ShardConfig, ShardHandle, WorkerConfig,
};
use depthlake_ingest::recording::{RecordedFrame, Recording};
use depthlake_lake::record::encode;
use depthlake_orderbook::frame::{Envelope, FrameKind};
use depthlake_orderbook::partition::partition_of;

const PARTITIONS: NonZeroU16 = NonZeroU16::new(4).unwrap();

/// How fast messages come.
#[derive(Clone, Copy)]
enum Pace {
    AtOnce,
    /// With a pause after every so many messages.
    Pausing(usize),
}

/// The records of each partition as the log gets them, headers and values.
type Written = BTreeMap<u16, Vec<u8>>;

/// Instruments first, then the frames, then the end of the recording, as `replay` has them.
fn messages(recording: &Recording) -> Vec<RecordedFrame> {
    let frames: Vec<RecordedFrame> = recording.frames().unwrap().map(Result::unwrap).collect();
    let received = frames[0].envelope.received;
    let entries = recording.instruments().unwrap().into_iter().map(|found| RecordedFrame {
        envelope: Envelope::own(FrameKind::Instrument, Some(found.instrument.symbol), received),
        payload: found.entry.into_bytes().into(),
    });
    entries.chain(frames).collect()
}

fn run(recording: &Recording, messages: &[RecordedFrame], shards: usize, pace: Pace) -> Written {
    let folder = tempfile::tempdir().unwrap();
    let symbols: Vec<_> =
        recording.instruments().unwrap().iter().map(|found| found.instrument.symbol).collect();
    let (_live_books, outlets, events) =
        LiveBooks::create(&folder.path().join("board"), &symbols, shards, clock::now()).unwrap();
    let shard_of = |partition: u16| usize::from(partition) % shards;
    let mut work: Vec<WorkerConfig> = events
        .into_iter()
        .map(|events| WorkerConfig {
            partitions: BTreeMap::new(),
            outlets: Vec::new(),
            events,
            needs: Box::new(|_, _| {}),
        })
        .collect();
    for partition in 0..PARTITIONS.get() {
        work[shard_of(partition)].partitions.insert(partition, Restored::new(partition));
    }
    for outlet in outlets {
        let partition = partition_of(Some(outlet.slot.symbol()), PARTITIONS);
        work[shard_of(partition)].outlets.push(outlet);
    }
    let started = work.into_iter().enumerate().map(|(number, work)| {
        shard::spawn(ShardConfig { number, core: None, idle: Idle::Park, work }).unwrap()
    });
    let (mut senders, handles): (Vec<_>, Vec<_>) = started.unzip();
    let writers: Vec<_> = handles.into_iter().map(|handle| thread::spawn(move || write(handle))).collect();

    let mut next: BTreeMap<_, u64> = BTreeMap::new();
    for (number, message) in messages.iter().enumerate() {
        let partition = partition_of(message.envelope.symbol, PARTITIONS);
        for &stream in message.envelope.kind.streams() {
            let offset = next.entry((partition, stream)).or_default();
            let RecordedFrame { envelope, payload } = message.clone();
            let mut inbound = Inbound { stream, partition, offset: *offset, envelope, payload };
            *offset += 1;
            while let Err(NotSent::Full(full)) = senders[shard_of(partition)].send(inbound) {
                inbound = *full;
                thread::yield_now();
            }
        }
        if let Pace::Pausing(every) = pace
            && number.is_multiple_of(every)
        {
            thread::sleep(Duration::from_micros(200));
        }
    }
    drop(senders);
    writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
}

/// What a shard hands to the log, encoded as the log gets it; checkpoints are taken by time and so left out.
fn write(mut handle: ShardHandle) -> Written {
    let mut written = Written::new();
    loop {
        let is_last = handle.is_finished();
        while let Ok(outbound) = handle.outbound.pop() {
            if let Outbound::Record(trigger, record) = outbound {
                let (topic, encoded) = encode(&trigger, &record).unwrap();
                let bytes = written.entry(trigger.partition).or_default();
                bytes.extend_from_slice(topic.to_string().as_bytes());
                bytes.extend_from_slice(&encoded.header);
                bytes.extend_from_slice(&encoded.value);
            }
        }
        if is_last {
            return written;
        }
        thread::yield_now();
    }
}

fn play(folder: &Path) {
    let recording = Recording::open(folder).unwrap();
    let messages = messages(&recording);
    let expected = run(&recording, &messages, 1, Pace::AtOnce);
    assert!(expected.values().map(Vec::len).sum::<usize>() > 10_000, "{}", folder.display());
    for (shards, pace) in
        [(1, Pace::Pausing(50)), (2, Pace::AtOnce), (3, Pace::Pausing(97)), (4, Pace::AtOnce)]
    {
        let found = run(&recording, &messages, shards, pace);
        assert!(found == expected, "{} on {shards} shards differs", folder.display());
    }
}

#[test]
fn the_same_bytes_on_any_number_of_shards_at_any_speed() {
    let Some(shared) = support::shared() else { return eprintln!("SKIPPED: no recordings") };
    let folders = std::fs::read_dir(shared.join("data")).unwrap().map(|entry| entry.unwrap().path());
    folders.filter(|path| path.is_dir()).for_each(|folder| play(&folder));
}
