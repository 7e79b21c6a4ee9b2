//! What is played: recorded events of one symbol from its snapshot on, as frames and as decoded levels.

use std::path::Path;

use bytes::Bytes;
use depthlake_bench::{Recorded, load};
use depthlake_engine::shard::Inbound;
use depthlake_ingest::wire::Decoder;
use depthlake_orderbook::book::{Book, Side};
use depthlake_orderbook::event::{DepthUpdate, Provenance, Snapshot};
use depthlake_orderbook::frame::{Envelope, FrameKind, RawStream};
use depthlake_orderbook::instrument::Instrument;

/// Recordings of fewer events are played together.
const FEW: usize = 1_000;

/// One symbol's recorded events that follow its first snapshot.
pub struct Track {
    pub name: String,
    pub instrument: Instrument,
    pub snapshot: Snapshot,
    pub updates: Vec<DepthUpdate>,
    /// The same events as a shard finds them on its ring: peeked, their text what the venue sends on a raw stream,
    /// without the combined stream's wrapping.
    pub frames: Vec<Inbound>,
    /// Where they are from; its preparation is the instrument and the snapshot, and nothing between.
    pub recorded: Recorded,
    /// The lowest and the highest of the best prices, in units.
    pub touched: (i64, i64),
}

/// Tracks that are measured as one.
pub struct Match {
    pub name: String,
    pub tracks: Vec<Track>,
}

impl Match {
    #[must_use]
    pub fn levels(&self) -> u64 {
        self.updates().map(|update| (update.bids.len() + update.asks.len()) as u64).sum()
    }

    #[must_use]
    pub fn events(&self) -> u64 {
        self.updates().count() as u64
    }

    /// The number of levels that `percent` of the events do not exceed.
    #[must_use]
    pub fn levels_at_percentile(&self, percent: usize) -> usize {
        let mut levels: Vec<_> = self.updates().map(|update| update.bids.len() + update.asks.len()).collect();
        levels.sort_unstable();
        levels.get((levels.len() * percent).div_ceil(100).saturating_sub(1)).copied().unwrap_or_default()
    }

    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.tracks.iter().flat_map(|track| &track.frames).map(|frame| frame.payload.len() as u64).sum()
    }

    fn updates(&self) -> impl Iterator<Item = &DepthUpdate> {
        self.tracks.iter().flat_map(|track| &track.updates)
    }
}

/// A match for each symbol with at least a thousand events, and one of all the others.
#[must_use]
pub fn matches(folders: &[impl AsRef<Path>]) -> Vec<Match> {
    let tracks = folders.iter().flat_map(|folder| tracks(folder.as_ref()));
    let (large, small): (Vec<_>, Vec<_>) = tracks.partition(|track| track.updates.len() >= FEW);
    let mut matches: Vec<_> =
        large.into_iter().map(|track| Match { name: track.name.clone(), tracks: vec![track] }).collect();
    if !small.is_empty() {
        matches.push(Match { name: format!("2021, {} small symbols", small.len()), tracks: small });
    }
    matches
}

fn tracks(folder: &Path) -> Vec<Track> {
    load(folder).into_iter().filter_map(track).collect()
}

fn track(mut recorded: Recorded) -> Option<Track> {
    let Recorded { name, instrument, snapshot, frames: all, preparation, .. } = &mut recorded;
    let mut decoder = Decoder::default();
    let (mut updates, mut frames) = (Vec::new(), Vec::new());
    for frame in all.iter().filter(|frame| frame.envelope.kind == FrameKind::DepthUpdate) {
        let payload = bare(&frame.payload);
        let Ok(update) = decoder.depth(&payload, instrument, Provenance::default()) else { continue };
        if is_after(snapshot, update) {
            updates.push(update.clone());
            frames.push(inbound(frame.envelope, payload));
        }
    }
    preparation
        .retain(|message| matches!(message.envelope.kind, FrameKind::Instrument | FrameKind::Snapshot));
    Some(Track {
        name: name.clone(),
        instrument: *instrument,
        snapshot: snapshot.clone(),
        touched: touched(snapshot, &updates)?,
        updates,
        frames,
        recorded,
    })
}

fn inbound(envelope: Envelope, payload: Bytes) -> Inbound {
    Inbound { stream: RawStream::Orderbook, partition: 0, offset: 0, envelope, payload }
}

/// Futures begin with an event that may end exactly where the snapshot stands.
fn is_after(snapshot: &Snapshot, update: &DepthUpdate) -> bool {
    let is_at = update.previous.is_some() && update.last == snapshot.last_update_id;
    is_at || update.last > snapshot.last_update_id
}

/// The event within a combined stream's message.
fn bare(payload: &Bytes) -> Bytes {
    let marker = br#""data":"#;
    let Some(at) = payload.windows(marker.len()).position(|window| window == marker) else {
        return payload.clone();
    };
    let event = payload.slice(at + marker.len()..);
    event.strip_suffix(b"}").map_or_else(|| event.clone(), |within| event.slice_ref(within))
}

fn touched(snapshot: &Snapshot, updates: &[DepthUpdate]) -> Option<(i64, i64)> {
    let mut book = Book::new();
    book.load(snapshot);
    let best = |book: &Book| Some((book.best(Side::Bid)?.price.0, book.best(Side::Ask)?.price.0));
    let (mut low, mut high) = best(&book)?;
    for update in updates {
        book.apply(update);
        if let Some((bid, ask)) = best(&book) {
            (low, high) = (low.min(bid), high.max(ask));
        }
    }
    Some((low, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapping_is_taken_off() {
        let event = Bytes::from_static(br#"{"e":"depthUpdate"}"#);
        let combined = Bytes::from_static(br#"{"stream":"x@depth","data":{"e":"depthUpdate"}}"#);
        assert_eq!(bare(&combined), event);
        assert_eq!(bare(&event), event);
    }
}
