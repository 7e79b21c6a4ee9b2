//! One symbol's part of the file: appending to its journal and bases, and copying from them.

use std::iter::Chain;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use depthlake_orderbook::symbol::Symbol;

use super::layout::{BASES, BaseHeader, Control, Entry, Geometry, SYMBOL_SIZE};
use super::mapping::Mapping;
use super::record::{self, Words};

/// One symbol's journal and bases.
///
/// Whoever holds a region of a writable mapping may append: the shard to the journal, the keeper to the bases, and nobody
/// else to either.
#[derive(Debug, Clone)]
pub(super) struct Region {
    mapping: Arc<Mapping>,
    geometry: Geometry,
    index: usize,
}

/// Where the words of one append go, in order.
pub(super) type Places<'a> = Chain<slice::Iter<'a, Entry>, slice::Iter<'a, Entry>>;

/// A base that may be overwritten at any time.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewestBase {
    number: u64,
    /// The journal's position that it reaches to, if it was not overwritten since.
    pub position: u64,
}

impl Region {
    /// `None` where the file is too short for it.
    pub(super) fn new(mapping: &Arc<Mapping>, geometry: Geometry, index: usize) -> Option<Self> {
        let region = Self { mapping: Arc::clone(mapping), geometry, index };
        region.control()?;
        region.journal()?;
        (0..BASES as u64).all(|number| region.base(number).is_some()).then_some(region)
    }

    pub(super) const fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Names the region; before the file is visible to anybody.
    pub(super) fn set_symbol(&self, symbol: Symbol) {
        let Some(control) = self.control() else { return };
        for (place, byte) in control.symbol.iter().zip(symbol.as_str().bytes()) {
            place.store(byte, Relaxed);
        }
    }

    /// The bytes of the symbol, without the zeros that fill it up.
    pub(super) fn symbol_text(&self) -> String {
        let Some(control) = self.control() else { return String::new() };
        let bytes: [u8; SYMBOL_SIZE] = control.symbol.each_ref().map(|byte| byte.load(Relaxed));
        String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_owned()
    }

    /// The position after the last whole record of the journal.
    #[inline]
    pub(super) fn head(&self) -> u64 {
        self.control().map_or(0, |control| control.journal.head())
    }

    /// Where the last record of a whole book begins. A head loaded afterwards is beyond it.
    pub(super) fn last_whole(&self) -> u64 {
        self.control().map_or(0, |control| control.last_whole.get())
    }

    /// Appends one record to the journal.
    #[inline]
    pub(super) fn append(&self, length: usize, store: impl FnOnce(&mut Places<'_>)) {
        let (Some(control), Some(journal)) = (self.control(), self.journal()) else { return };
        control.journal.append(length as u64, |first| {
            let (before, from) = journal.split_at(self.place(first));
            store(&mut from.iter().chain(before));
        });
    }

    /// Appends the record of a whole book to the journal.
    pub(super) fn append_whole(&self, length: usize, store: impl FnOnce(&mut Places<'_>)) {
        let begin = self.head();
        self.append(length, store);
        if let Some(control) = self.control() {
            control.last_whole.set(begin);
        }
    }

    /// Replaces the older base by the record of a whole book as of `position`.
    pub(super) fn append_base(&self, position: u64, store: impl FnOnce(&mut Places<'_>)) {
        let Some(control) = self.control() else { return };
        control.bases.append(1, |number| {
            let Some((header, entries)) = self.base(number) else { return };
            header.position.store(position, Relaxed);
            store(&mut entries.iter().chain(&[]));
        });
    }

    /// Adds the journal's entries from `first` to `end` to `copied`. `false` where the writer has overwritten some of them.
    pub(super) fn copy_journal(&self, first: u64, end: u64, copied: &mut Vec<Words>) -> bool {
        let (Some(control), Some(journal)) = (self.control(), self.journal()) else { return false };
        let size = self.geometry.ring_entries;
        let Some(count) = usize::try_from(end.wrapping_sub(first)).ok().filter(|count| *count <= size) else {
            return false;
        };
        let (before, from) = journal.split_at(self.place(first));
        copied.extend(from.iter().chain(before).take(count).map(load));
        control.journal.is_intact(first, size as u64)
    }

    /// The newest base, if there is any yet.
    pub(super) fn newest_base(&self) -> Option<NewestBase> {
        let number = self.control()?.bases.head().checked_sub(1)?;
        let (header, _) = self.base(number)?;
        Some(NewestBase { number, position: header.position.load(Relaxed) })
    }

    /// Adds a base's record to `copied` and returns the journal's position that it reaches to. `None` where the keeper has
    /// overwritten the base.
    pub(super) fn copy_base(&self, base: NewestBase, copied: &mut Vec<Words>) -> Option<u64> {
        let (header, entries) = self.base(base.number)?;
        let position = header.position.load(Relaxed);
        let [first, _] = load(entries.first()?);
        copied.extend(entries.iter().take(record::length(first)).map(load));
        self.control()?.bases.is_intact(base.number, BASES as u64).then_some(position)
    }

    fn control(&self) -> Option<&Control> {
        self.mapping.control(self.geometry.control(self.index))
    }

    fn journal(&self) -> Option<&[Entry]> {
        self.mapping.entries(self.geometry.journal(self.index), self.geometry.ring_entries)
    }

    fn base(&self, number: u64) -> Option<(&BaseHeader, &[Entry])> {
        let base = usize::from(!number.is_multiple_of(BASES as u64));
        let offset = self.geometry.base(self.index, base);
        let entries = self.mapping.entries(offset + size_of::<BaseHeader>(), self.geometry.base_entries())?;
        Some((self.mapping.base_header(offset)?, entries))
    }

    #[expect(clippy::cast_possible_truncation, reason = "below the size of the ring")]
    const fn place(&self, position: u64) -> usize {
        (position & (self.geometry.ring_entries as u64 - 1)) as usize
    }
}

/// Stores words at the next places.
#[inline]
pub(super) fn store(places: &mut Places<'_>, words: impl Iterator<Item = Words>) {
    // Asks for words first, so that no place is taken without one.
    for ([first, second], Entry(place)) in words.zip(places) {
        let [first_place, second_place] = place;
        first_place.store(first, Relaxed);
        second_place.store(second, Relaxed);
    }
}

#[inline]
fn load(Entry([first, second]): &Entry) -> Words {
    [first.load(Relaxed), second.load(Relaxed)]
}
