//! Who takes part in which comparison. depthlake is always first.

use depthlake_ingest::wire::{Decoder, GeneralDecoder};
use depthlake_orderbook::book::Book;

use crate::barter::{BarterBook, BarterPath};
use crate::contest::{BookContestant, Contestant, FrameContestant};
use crate::decoding::DecoderContestant;
use crate::depthlake::{DecoderAndBook, FrameToBoard};
use crate::hftbacktest::{HashMapBook, HashMapPath, RangeBook};
use crate::nautilus::{NautilusBook, NautilusPath};
use crate::order_engine::EngineBook;
use crate::ordered_maps::{OrderedMaps, StraightforwardPath};
use crate::track::Match;

/// What a contestant shows is compared with what depthlake's book shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Semantics {
    /// Keeps every level: must show the same.
    KeepsEveryLevel,
    /// Forgets what lies outside its range: may show less where the best five reach beyond.
    Forgets,
}

pub struct Entry<'a> {
    pub contestant: Box<dyn Contestant + 'a>,
    pub semantics: Semantics,
}

fn exact<'a>(contestant: impl Contestant + 'a) -> Entry<'a> {
    Entry { contestant: Box::new(contestant), semantics: Semantics::KeepsEveryLevel }
}

fn forgetful<'a>(contestant: impl Contestant + 'a) -> Entry<'a> {
    Entry { contestant: Box::new(contestant), semantics: Semantics::Forgets }
}

/// Books alone.
#[must_use]
pub fn books(played: &Match) -> Vec<Entry<'_>> {
    vec![
        exact(BookContestant::<Book>::new(played)),
        exact(BookContestant::<OrderedMaps>::new(played)),
        forgetful(BookContestant::<RangeBook<5>>::new(played)),
        forgetful(BookContestant::<RangeBook<50>>::new(played)),
        exact(BookContestant::<HashMapBook>::new(played)),
        exact(BookContestant::<NautilusBook>::new(played)),
        exact(BookContestant::<BarterBook>::new(played)),
        exact(BookContestant::<EngineBook>::new(played)),
    ]
}

/// Decoders alone.
#[must_use]
pub fn decoders(played: &Match) -> Vec<Entry<'_>> {
    vec![
        exact(DecoderContestant::<Decoder>::new(played)),
        exact(DecoderContestant::<GeneralDecoder>::new(played)),
    ]
}

/// Frames to books.
#[must_use]
pub fn frames(played: &Match) -> Vec<Entry<'_>> {
    vec![
        exact(FrameContestant::<FrameToBoard>::new(played)),
        exact(FrameContestant::<DecoderAndBook>::new(played)),
        exact(FrameContestant::<StraightforwardPath>::new(played)),
        exact(FrameContestant::<HashMapPath>::new(played)),
        exact(FrameContestant::<NautilusPath<false>>::new(played)),
        exact(FrameContestant::<NautilusPath<true>>::new(played)),
        exact(FrameContestant::<BarterPath>::new(played)),
    ]
}
