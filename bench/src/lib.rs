//! Benches of the stages between socket and board, on recorded frames, each beside a slow twin in the same run.
//!
//! `cargo bench -p depthlake-bench` prints them; `bench/README.md` has the figures.
//!
//! ```
//! let mut twin = depthlake_bench::TwinBook::default();
//! twin.apply(&Default::default());
//! assert_eq!(twin.best_five(), 0);
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use depthlake_ingest::recording::{RecordedFrame, Recording};
use depthlake_ingest::wire::{self, Decoder};
use depthlake_orderbook::event::{DepthUpdate, Level, Provenance, Snapshot};
use depthlake_orderbook::frame::FrameKind;
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
    instruments.iter().filter_map(|found| symbol(&folder, found.instrument, &frames)).collect()
}

fn symbol(folder: &str, instrument: Instrument, frames: &[RecordedFrame]) -> Option<Recorded> {
    let of_symbol = |frame: &&RecordedFrame| frame.envelope.symbol == Some(instrument.symbol);
    let frames: Vec<_> = frames.iter().filter(of_symbol).cloned().collect();
    let of_kind = |kind| frames.iter().filter(move |frame| frame.envelope.kind == kind);
    let snapshot = wire::decode_snapshot(&of_kind(FrameKind::Snapshot).next()?.payload, &instrument).ok()?;
    let mut decoder = Decoder::default();
    let updates: Vec<_> = of_kind(FrameKind::DepthUpdate)
        .filter_map(|frame| decoder.depth(&frame.payload, &instrument, Provenance::default()).ok().cloned())
        .collect();
    Some(Recorded {
        name: format!("{folder}/{}", instrument.symbol),
        instrument,
        levels: updates.iter().map(|update| (update.bids.len() + update.asks.len()) as u64).sum(),
        depth_bytes: of_kind(FrameKind::DepthUpdate).map(|frame| frame.payload.len() as u64).sum(),
        snapshot,
        updates,
        frames,
    })
}
