//! One side of a book as an array indexed by price around the touch, with a bitmap of occupied slots, and an ordered
//! map for what lies outside.
//!
//! A *key* is a price turned so that the greater key is the better price: the price itself for bids, its negative for
//! asks. One piece of code serves both sides.
//!
//! Invariants:
//! - a level lies in the window if its key is within it, else in `far`;
//! - where there is a level, the best one is in the window, so `far` holds only worse keys than every key in the window;
//! - bit *i* of `occupied` is set exactly where `quantities[i]` is not zero, and bit *w* of `summary` exactly where
//!   word *w* of `occupied` is not zero.

use std::collections::BTreeMap;

const WORD_BITS: usize = 64;
const WINDOW: usize = 1 << 14;
const WINDOW_KEYS: i64 = 1 << 14;
const WORDS: usize = WINDOW / WORD_BITS;
const SUMMARY_WORDS: usize = WORDS / WORD_BITS;
/// Slots left above the best key when the window is laid anew: room for the touch to improve.
const HEADROOM: i64 = WINDOW_KEYS / 4;

pub(super) struct Ladder {
    quantities: Box<[i64]>,
    occupied: Box<[u64; WORDS]>,
    summary: [u64; SUMMARY_WORDS],
    /// The key of slot 0.
    base: i64,
    far: BTreeMap<i64, i64>,
    in_window: usize,
}

impl Ladder {
    pub(super) fn new() -> Self {
        Self {
            quantities: vec![0; WINDOW].into_boxed_slice(),
            occupied: Box::new([0; WORDS]),
            summary: [0; SUMMARY_WORDS],
            base: 0,
            far: BTreeMap::new(),
            in_window: 0,
        }
    }

    pub(super) fn clear(&mut self) {
        while let Some(slot) = self.best_slot() {
            self.vacate(slot);
        }
        self.far.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.in_window + self.far.len()
    }

    /// Sets the quantity at `key`; zero removes the level.
    pub(super) fn set(&mut self, key: i64, quantity: i64) {
        match self.slot(key) {
            Some(slot) if quantity == 0 => {
                self.vacate(slot);
                if self.in_window == 0 {
                    self.lay_around_best_far();
                }
            }
            Some(slot) => self.occupy(slot, quantity),
            None if quantity == 0 => {
                self.far.remove(&key);
            }
            None if self.in_window == 0 || key > self.base => {
                self.lay_window(key);
                if let Some(slot) = self.slot(key) {
                    self.occupy(slot, quantity);
                }
            }
            None => {
                self.far.insert(key, quantity);
            }
        }
    }

    pub(super) fn get(&self, key: i64) -> i64 {
        match self.slot(key) {
            Some(slot) => self.quantities[slot],
            None => self.far.get(&key).copied().unwrap_or(0),
        }
    }

    pub(super) fn best(&self) -> Option<(i64, i64)> {
        self.best_slot().map(|slot| self.level_at(slot))
    }

    /// Levels as (key, quantity), best first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i64, i64)> + '_ {
        let mut next = self.best_slot();
        let window = std::iter::from_fn(move || {
            let slot = next?;
            next = self.occupied_below(slot);
            Some(self.level_at(slot))
        });
        window.chain(self.far.iter().rev().map(|(&key, &quantity)| (key, quantity)))
    }

    #[inline]
    fn slot(&self, key: i64) -> Option<usize> {
        usize::try_from(key.wrapping_sub(self.base)).ok().filter(|&slot| slot < WINDOW)
    }

    #[expect(clippy::cast_possible_wrap, reason = "slots are below WINDOW")]
    fn level_at(&self, slot: usize) -> (i64, i64) {
        (self.base + slot as i64, self.quantities[slot])
    }

    #[inline]
    fn occupy(&mut self, slot: usize, quantity: i64) {
        let word = slot / WORD_BITS;
        self.in_window += usize::from(self.quantities[slot] == 0);
        self.quantities[slot] = quantity;
        self.occupied[word] |= 1 << (slot % WORD_BITS);
        self.summary[word / WORD_BITS] |= 1 << (word % WORD_BITS);
    }

    #[inline]
    fn vacate(&mut self, slot: usize) {
        let word = slot / WORD_BITS;
        self.in_window -= usize::from(self.quantities[slot] != 0);
        self.quantities[slot] = 0;
        self.occupied[word] &= !(1 << (slot % WORD_BITS));
        if self.occupied[word] == 0 {
            self.summary[word / WORD_BITS] &= !(1 << (word % WORD_BITS));
        }
    }

    fn best_slot(&self) -> Option<usize> {
        let group = (0..SUMMARY_WORDS).rev().find(|&group| self.summary[group] != 0)?;
        let word = group * WORD_BITS + highest_bit(self.summary[group]);
        Some(word * WORD_BITS + highest_bit(self.occupied[word]))
    }

    fn occupied_below(&self, slot: usize) -> Option<usize> {
        let word = slot / WORD_BITS;
        let rest = self.occupied[word] & below(slot % WORD_BITS);
        if rest != 0 {
            return Some(word * WORD_BITS + highest_bit(rest));
        }
        let mut group = word / WORD_BITS;
        let mut words = self.summary[group] & below(word % WORD_BITS);
        while words == 0 {
            group = group.checked_sub(1)?;
            words = self.summary[group];
        }
        let word = group * WORD_BITS + highest_bit(words);
        Some(word * WORD_BITS + highest_bit(self.occupied[word]))
    }

    fn lay_around_best_far(&mut self) {
        if let Some((&best, _)) = self.far.last_key_value() {
            self.lay_window(best);
        }
    }

    /// Moves the window so that `best` has [`HEADROOM`] above it, and with it the levels that enter or leave.
    fn lay_window(&mut self, best: i64) {
        while let Some(slot) = self.best_slot() {
            let (key, quantity) = self.level_at(slot);
            self.far.insert(key, quantity);
            self.vacate(slot);
        }
        self.base = best.saturating_add(HEADROOM).saturating_sub(WINDOW_KEYS);
        for (key, quantity) in self.far.split_off(&self.base) {
            if let Some(slot) = self.slot(key) {
                self.occupy(slot, quantity);
            }
        }
    }
}

/// The index of the highest set bit of a word that is not zero.
fn highest_bit(word: u64) -> usize {
    word.ilog2() as usize
}

/// A mask of the bits below `bit`.
const fn below(bit: usize) -> u64 {
    (1 << bit) - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The slow twin of a ladder.
    #[derive(Default)]
    struct Twin(BTreeMap<i64, i64>);

    impl Twin {
        fn set(&mut self, key: i64, quantity: i64) {
            if quantity == 0 {
                self.0.remove(&key);
            } else {
                self.0.insert(key, quantity);
            }
        }
    }

    /// Keys near a centre, far from it, and at the edges of where a window would lie.
    fn keys() -> impl Strategy<Value = i64> {
        prop_oneof![
            6 => -50..50_i64,
            2 => -3 * WINDOW_KEYS..3 * WINDOW_KEYS,
            1 => prop_oneof![Just(HEADROOM - 1), Just(HEADROOM), Just(HEADROOM - WINDOW_KEYS), Just(HEADROOM - WINDOW_KEYS - 1)],
            1 => -1_000_000_000_000..1_000_000_000_000_i64,
        ]
    }

    proptest! {
        #[test]
        fn equals_an_ordered_map(changes in prop::collection::vec((keys(), prop_oneof![Just(0), 1..9_i64]), 1..200)) {
            let (mut ladder, mut twin) = (Ladder::new(), Twin::default());
            for (key, quantity) in changes {
                ladder.set(key, quantity);
                twin.set(key, quantity);
                prop_assert_eq!(ladder.best(), twin.0.last_key_value().map(|(&k, &q)| (k, q)));
                prop_assert_eq!(ladder.get(key), quantity);
                prop_assert_eq!(ladder.len(), twin.0.len());
            }
            let levels: Vec<_> = ladder.iter().collect();
            let expected: Vec<_> = twin.0.iter().rev().map(|(&k, &q)| (k, q)).collect();
            prop_assert_eq!(levels, expected);
            ladder.clear();
            prop_assert_eq!((ladder.len(), ladder.best()), (0, None));
        }
    }
}
