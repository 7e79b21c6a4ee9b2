//! The levels near the touch: an array indexed by key, with a bitmap of its occupied slots and a summary of the bitmap.
//!
//! A window covers [`Window::KEYS`] keys from its `top`. The array is a ring: a key has the same slot wherever the window
//! lies, so that moving the window touches only the levels that enter or leave. It lies at whole groups of 4,096 keys,
//! one word of the summary, so that no word is ever split between its two ends.
//!
//! Invariants: a bit of `occupied` is set exactly where the slot's quantity is not zero; a bit of `summary` exactly where
//! its word of `occupied` is not zero; slots outside the window are zero.

const WORD: usize = 64;
const GROUPS: usize = Window::SLOTS / WORD / WORD;

/// How many keys one word of the summary stands for.
pub(super) const GROUP: i64 = 1 << 12;

#[derive(Clone)]
pub(super) struct Window {
    quantities: Box<[i64; Self::SLOTS]>,
    occupied: Box<[u64; Self::SLOTS / WORD]>,
    summary: [u64; GROUPS],
    top_group: i64,
    count: usize,
}

/// The levels of a window from some key on, in ascending order of keys.
pub(super) struct WindowLevels<'a> {
    window: &'a Window,
    word: i64,
    bits: u64,
}

impl Window {
    /// How many keys are covered.
    pub(super) const KEYS: i64 = 1 << 15;
    const SLOTS: usize = 1 << 15;

    pub(super) fn new() -> Self {
        Self { quantities: zeroed(), occupied: zeroed(), summary: [0; GROUPS], top_group: 0, count: 0 }
    }

    /// The least key covered.
    pub(super) const fn top(&self) -> i64 {
        self.top_group << 12
    }

    pub(super) const fn len(&self) -> usize {
        self.count
    }

    #[inline]
    pub(super) const fn covers(&self, key: i64) -> bool {
        key.wrapping_sub(self.top()).cast_unsigned() < Self::KEYS.cast_unsigned()
    }

    /// The quantity at a key that is covered.
    #[inline]
    pub(super) fn get(&self, key: i64) -> i64 {
        self.quantities[slot(key)]
    }

    /// Sets the quantity at a key that is covered and returns the one before. Without branches, for whether a level
    /// comes, changes or goes cannot be predicted.
    #[inline]
    pub(super) fn set(&mut self, key: i64, quantity: i64) -> i64 {
        let before = std::mem::replace(&mut self.quantities[slot(key)], quantity);
        let word = &mut self.occupied[word_index(key >> 6)];
        *word = with_bit(*word, key, quantity != 0);
        let group = &mut self.summary[group_index(key >> 12)];
        *group = with_bit(*group, key >> 6, *word != 0);
        self.count = self.count + usize::from(quantity != 0) - usize::from(before != 0);
        before
    }

    /// The level with the least key.
    #[inline]
    pub(super) fn first(&self) -> Option<(i64, i64)> {
        self.levels().next()
    }

    /// The levels from `key` on.
    #[inline]
    pub(super) fn levels_from(&self, key: i64) -> WindowLevels<'_> {
        let key = key.max(self.top());
        if !self.covers(key) {
            return WindowLevels { window: self, word: (self.end_group() << 6) - 1, bits: 0 };
        }
        let word = key >> 6;
        let bits = self.occupied[word_index(word)] & (u64::MAX << (key & 63));
        WindowLevels { window: self, word, bits }
    }

    #[inline]
    pub(super) fn levels(&self) -> WindowLevels<'_> {
        let word = self.top_group << 6;
        WindowLevels { window: self, word, bits: self.occupied[word_index(word)] }
    }

    /// Empties the window and moves it so that it begins at the group of `key`.
    pub(super) fn clear(&mut self, key: i64) {
        for group in self.top_group..self.end_group() {
            self.empty(group, &mut |_, _| {});
        }
        self.top_group = group_of(key);
    }

    /// Moves the window so that it begins at the group of `key`, and hands out every level it no longer covers.
    pub(super) fn move_to(&mut self, key: i64, mut leaves: impl FnMut(i64, i64)) {
        let before = self.top_group..self.end_group();
        self.top_group = group_of(key);
        let after = self.top_group..self.end_group();
        for group in before.filter(|group| !after.contains(group)) {
            self.empty(group, &mut leaves);
        }
    }

    fn empty(&mut self, group: i64, leaves: &mut impl FnMut(i64, i64)) {
        while self.summary[group_index(group)] != 0 {
            let word = (group << 6) | lowest_bit(self.summary[group_index(group)]);
            let key = (word << 6) | lowest_bit(self.occupied[word_index(word)]);
            leaves(key, self.set(key, 0));
        }
    }

    const fn end_group(&self) -> i64 {
        self.top_group + (Self::KEYS >> 12)
    }

    /// The first occupied word after `word`.
    #[inline]
    fn word_after(&self, word: i64) -> Option<i64> {
        let mut group = word >> 6;
        let mut words = self.summary[group_index(group)] & (u64::MAX << 1 << (word & 63));
        while words == 0 {
            group += 1;
            if group >= self.end_group() {
                return None;
            }
            words = self.summary[group_index(group)];
        }
        Some((group << 6) | lowest_bit(words))
    }
}

impl Iterator for WindowLevels<'_> {
    type Item = (i64, i64);

    #[inline]
    fn next(&mut self) -> Option<(i64, i64)> {
        if self.bits == 0 {
            self.word = self.window.word_after(self.word)?;
            self.bits = self.window.occupied[word_index(self.word)];
        }
        let key = (self.word << 6) | lowest_bit(self.bits);
        self.bits &= self.bits - 1;
        Some((key, self.window.get(key)))
    }
}

#[expect(clippy::unnecessary_box_returns, reason = "too large for the stack")]
fn zeroed<T: Clone + Default, const N: usize>() -> Box<[T; N]> {
    let mut zeros = vec![T::default(); N].into_boxed_slice();
    // Written to, so that the system gives the memory now and not at some level's first quantity.
    std::hint::black_box(&mut zeros).fill(T::default());
    zeros.try_into().unwrap_or_else(|_| unreachable!("it was made with {N} elements"))
}

/// The group of `key`, or the nearest one that leaves room for a window before the last key of all.
fn group_of(key: i64) -> i64 {
    const OUTERMOST: i64 = 1 << 62;
    key.clamp(-OUTERMOST, OUTERMOST) >> 12
}

#[inline]
const fn with_bit(word: u64, bit: i64, is_set: bool) -> u64 {
    let bit = bit & 63;
    (word & !(1 << bit)) | ((is_set as u64) << bit)
}

#[inline]
fn lowest_bit(word: u64) -> i64 {
    i64::from(word.trailing_zeros())
}

#[inline]
const fn slot(key: i64) -> usize {
    masked::<{ Window::SLOTS }>(key)
}

#[inline]
const fn word_index(word: i64) -> usize {
    masked::<{ Window::SLOTS / WORD }>(word)
}

#[inline]
const fn group_index(group: i64) -> usize {
    masked::<GROUPS>(group)
}

/// `number` modulo a power of two, also of a negative number.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the mask leaves fewer bits than any usize has")]
const fn masked<const POWER_OF_TWO: usize>(number: i64) -> usize {
    number.cast_unsigned() as usize & (POWER_OF_TWO - 1)
}
