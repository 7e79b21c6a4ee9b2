//! Benches of the stages between socket and board, on recorded frames, each beside a slow twin in the same run.
//!
//! `cargo bench -p depthlake-bench` prints them; `bench/README.md` has the figures.
//!
//! ```
//! let mut twin = depthlake_bench::TwinBook::default();
//! twin.apply(&Default::default());
//! assert_eq!(twin.best_five(), 0);
//! ```

pub mod invented;
pub mod path;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use depthlake_engine::shard::Inbound;
use depthlake_ingest::recording::{RecordedFrame, RecordedInstrument, Recording};
use depthlake_ingest::wire::{self, Decoder};
use depthlake_orderbook::event::{DepthUpdate, Level, Provenance, Snapshot};
use depthlake_orderbook::frame::{Envelope, FrameKind, RawStream};
use depthlake_orderbook::instrument::Instrument;

/// What a person would write first: two ordered maps.
#[derive(Debug, Default)]
pub struct TwinBook {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
}

impl TwinBook {
    pub fn load(&mut self, snapshot: &Snapshot) {
        set(&mut self.bids, &snapshot.bids);
        set(&mut self.asks, &snapshot.asks);
    }

    pub fn apply(&mut self, update: &DepthUpdate) {
        set(&mut self.bids, &update.bids);
        set(&mut self.asks, &update.asks);
    }

    /// The sum of the quantities of the best five levels of both sides.
    #[must_use]
    pub fn best_five(&self) -> i64 {
        self.bids.values().rev().take(5).sum::<i64>() + self.asks.values().take(5).sum::<i64>()
    }
}

fn set(side: &mut BTreeMap<i64, i64>, levels: &[Level]) {
    for level in levels {
        if level.quantity.is_zero() {
            side.remove(&level.price.0);
        } else {
            side.insert(level.price.0, level.quantity.0);
        }
    }
}

/// A recorded symbol, ready to be played.
pub struct Recorded {
    pub name: String,
    pub instrument: Instrument,
    pub frames: Vec<RecordedFrame>,
    pub snapshot: Snapshot,
    pub updates: Vec<DepthUpdate>,
    /// Levels in all updates.
    pub levels: u64,
    /// Bytes of the frames that the updates came in.
    pub depth_bytes: u64,
    /// What makes a shard's book live: the instrument, and frames up to the first snapshot.
    pub preparation: Vec<Inbound>,
    /// The depth frames after that.
    pub live: Vec<Inbound>,
    /// Levels in `live`.
    pub live_levels: u64,
}

/// The folder of recordings beside the checkout, or the one that `DEPTHLAKE_SHARED` names; `None` where there is none.
#[must_use]
pub fn recordings() -> Option<Vec<PathBuf>> {
    let shared = std::env::var_os("DEPTHLAKE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let entries = std::fs::read_dir(shared.join("data")).ok()?;
    let mut folders: Vec<_> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    Some(folders)
}

/// Every symbol of a recording that has a snapshot; empty where the folder cannot be read.
#[must_use]
pub fn load(folder: &Path) -> Vec<Recorded> {
    let Ok(recording) = Recording::open(folder) else { return Vec::new() };
    let (Ok(instruments), Ok(frames)) = (recording.instruments(), recording.frames()) else {
        return Vec::new();
    };
    let frames: Vec<_> = frames.flatten().collect();
    let folder = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    instruments.iter().filter_map(|found| symbol(&folder, found, &frames)).collect()
}

fn symbol(folder: &str, found: &RecordedInstrument, frames: &[RecordedFrame]) -> Option<Recorded> {
    let instrument = found.instrument;
    let of_symbol = |frame: &&RecordedFrame| frame.envelope.symbol == Some(instrument.symbol);
    let frames: Vec<_> = frames.iter().filter(of_symbol).cloned().collect();
    let of_kind = |kind| frames.iter().filter(move |frame| frame.envelope.kind == kind);
    let snapshot = wire::decode_snapshot(&of_kind(FrameKind::Snapshot).next()?.payload, &instrument).ok()?;
    let mut decoder = Decoder::default();
    let updates: Vec<_> = of_kind(FrameKind::DepthUpdate)
        .filter_map(|frame| decoder.depth(&frame.payload, &instrument, Provenance::default()).ok().cloned())
        .collect();
    let first_snapshot = frames.iter().position(|frame| frame.envelope.kind == FrameKind::Snapshot)?;
    let (before, after) = frames.split_at(first_snapshot + 1);
    let entry =
        Envelope::own(FrameKind::Instrument, Some(instrument.symbol), before.first()?.envelope.received);
    let entry = message(entry, Bytes::copy_from_slice(found.entry.as_bytes()));
    let mut preparation = vec![entry];
    preparation.extend(messages_of_book(before));
    let live =
        messages_of_book(after).filter(|message| message.envelope.kind == FrameKind::DepthUpdate).collect();
    let levels_before = before.iter().filter(|frame| frame.envelope.kind == FrameKind::DepthUpdate).count();
    Some(Recorded {
        name: format!("{folder}/{}", instrument.symbol),
        instrument,
        levels: levels_of(&updates),
        live_levels: levels_of(updates.get(levels_before..)?),
        preparation,
        live,
        depth_bytes: of_kind(FrameKind::DepthUpdate).map(|frame| frame.payload.len() as u64).sum(),
        snapshot,
        updates,
        frames,
    })
}

/// How many levels updates tell of.
#[must_use]
pub fn levels_of(updates: &[DepthUpdate]) -> u64 {
    updates.iter().map(|update| (update.bids.len() + update.asks.len()) as u64).sum()
}

/// What a shard is told of a book.
fn messages_of_book(frames: &[RecordedFrame]) -> impl Iterator<Item = Inbound> {
    let of_book = frames.iter().filter(|frame| frame.envelope.kind.streams().contains(&RawStream::Orderbook));
    of_book.map(|frame| message(frame.envelope, frame.payload.clone()))
}

fn message(envelope: Envelope, payload: Bytes) -> Inbound {
    Inbound { stream: RawStream::Orderbook, partition: 0, offset: 0, envelope, payload }
}
