//! depthlake's decoders: the one that scans the venue's own texts, and the general one by simd-json with serde.

use std::hint::black_box;
use std::marker::PhantomData;
use std::time::Duration;

use depthlake_engine::shard::Inbound;
use depthlake_ingest::wire::{Decoder, GeneralDecoder};
use depthlake_orderbook::event::{DepthUpdate, Level, Provenance};
use depthlake_orderbook::instrument::Instrument;

use crate::contest::{Contestant, InUnits, TopFive, first_five, is_checked, play};
use crate::track::{Match, Track};

/// Makes depth events of their texts.
pub trait DepthDecoder: Default {
    const NAME: &'static str;

    /// `None` where it refuses the text.
    fn decode(&mut self, frame: &Inbound, instrument: &Instrument) -> Option<&DepthUpdate>;
}

impl DepthDecoder for Decoder {
    const NAME: &'static str = "depthlake";

    fn decode(&mut self, frame: &Inbound, instrument: &Instrument) -> Option<&DepthUpdate> {
        self.depth(&frame.payload, instrument, Provenance::default()).ok()
    }
}

impl DepthDecoder for GeneralDecoder {
    const NAME: &'static str = "simd-json, serde";

    fn decode(&mut self, frame: &Inbound, instrument: &Instrument) -> Option<&DepthUpdate> {
        self.depth(&frame.payload, instrument, Provenance::default()).ok()
    }
}

/// Plays frames to a decoder.
pub struct DecoderContestant<'a, D> {
    tracks: &'a [Track],
    decoder: PhantomData<D>,
}

impl<'a, D: DepthDecoder> DecoderContestant<'a, D> {
    #[must_use]
    pub fn new(played: &'a Match) -> Self {
        Self { tracks: &played.tracks, decoder: PhantomData }
    }
}

impl<D: DepthDecoder> Contestant for DecoderContestant<'_, D> {
    fn name(&self) -> String {
        D::NAME.to_owned()
    }

    fn play(&self) -> Duration {
        let decode = |track: &Track| {
            let mut decoder = D::default();
            play(&track.frames, |frame| {
                black_box(decoder.decode(frame, &track.instrument));
            })
        };
        self.tracks.iter().map(decode).sum()
    }

    /// The first five levels a side of events.
    fn shown(&self) -> Vec<TopFive<InUnits>> {
        let mut shown = Vec::new();
        for Track { frames, instrument, .. } in self.tracks {
            let mut decoder = D::default();
            for (number, frame) in frames.iter().enumerate() {
                let decoded = decoder.decode(frame, instrument);
                if is_checked(number, frames.len()) {
                    shown.push(decoded.map(first_levels).unwrap_or_default());
                }
            }
        }
        shown
    }
}

fn first_levels(update: &DepthUpdate) -> TopFive<InUnits> {
    let in_units = |level: &Level| (level.price.0, level.quantity.0);
    TopFive {
        bids: first_five(update.bids.iter().map(in_units)),
        asks: first_five(update.asks.iter().map(in_units)),
    }
}
