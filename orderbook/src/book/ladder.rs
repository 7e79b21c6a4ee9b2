//! One side of a book: a [`Window`] of levels around the touch, and [`Far`] for what lies outside it.
//!
//! A *key* is a price turned so that the lesser key is the better price: the price itself for asks, its negative for bids.
//! One piece of code serves both sides.
//!
//! The window follows the touch, but not at any price: moving it costs the levels that enter or leave, so it moves only
//! when as much work has been done beside it. A level that comes and goes far from the others costs
//! no more than any other level outside the window.
//!
//! Invariant: a level is in the window exactly if its key is covered by it.

use super::far::{Far, FarLevels};
use super::window::{GROUP, Window, WindowLevels};

/// The best level belongs in the better half of the window.
const BEST_WITHIN: i64 = Window::KEYS / 2;

/// How many levels a move of the window may have to touch for each event since the window's place was last good.
const LEVELS_AN_EVENT: usize = 4;

#[derive(Clone)]
pub(super) struct Ladder {
    window: Window,
    far: Far,
    best: Option<(i64, i64)>,
    /// Events since the window's place was last good.
    astray: usize,
}

/// Levels as (key, quantity), best first.
pub(super) struct LadderLevels<'a> {
    window: WindowLevels<'a>,
    far: FarLevels<'a>,
    next_window: Option<(i64, i64)>,
    next_far: Option<(i64, i64)>,
}

impl Ladder {
    pub(super) fn new() -> Self {
        Self { window: Window::new(), far: Far::new(), best: None, astray: 0 }
    }

    /// Replaces everything by `levels`, of which the first should be the best.
    pub(super) fn load(&mut self, levels: impl Iterator<Item = (i64, i64)>) {
        let mut levels = levels.peekable();
        let best = levels.peek().map_or(0, |&(key, _)| key);
        self.far.clear();
        self.window.clear(best.saturating_sub(GROUP));
        self.apply(levels, |_, _| {});
    }

    pub(super) const fn len(&self) -> usize {
        self.window.len() + self.far.len()
    }

    /// Sets the quantities of one event; zero removes a level. `changed` is told each key with the change of its quantity.
    #[inline]
    pub(super) fn apply(
        &mut self,
        event: impl Iterator<Item = (i64, i64)>,
        mut changed: impl FnMut(i64, i64),
    ) {
        for (key, quantity) in event {
            let before = if self.window.covers(key) {
                self.window.set(key, quantity)
            } else {
                self.far.set(key, quantity)
            };
            changed(key, quantity.wrapping_sub(before));
        }
        self.best = self.find_best();
        if let Some((best, _)) = self.best {
            self.settle(best);
        }
    }

    pub(super) fn get(&self, key: i64) -> i64 {
        if self.window.covers(key) { self.window.get(key) } else { self.far.get(key) }
    }

    #[inline]
    pub(super) const fn best(&self) -> Option<(i64, i64)> {
        self.best
    }

    /// Levels as (key, quantity), best first.
    #[inline]
    pub(super) fn levels(&self) -> LadderLevels<'_> {
        LadderLevels::new(self.window.levels(), self.far.levels())
    }

    /// The levels from `key` on, best first.
    pub(super) fn levels_from(&self, key: i64) -> LadderLevels<'_> {
        LadderLevels::new(self.window.levels_from(key), self.far.levels_from(key))
    }

    /// Puts the best levels into `places`, as many as there are, and returns how many.
    #[inline]
    pub(super) fn best_into<T>(&self, places: &mut [T], level: impl Fn((i64, i64)) -> T) -> usize {
        let near = if self.is_far_ahead() { 0 } else { fill(places, self.window.levels(), &level) };
        if near == places.len() {
            return near;
        }
        fill(places, self.levels(), level)
    }

    fn is_far_ahead(&self) -> bool {
        self.far.first().is_some_and(|far| far < self.window.top())
    }

    #[inline]
    fn find_best(&self) -> Option<(i64, i64)> {
        let near = if self.is_far_ahead() { None } else { self.window.first() };
        near.or_else(|| self.far.levels().next())
    }

    /// Moves the window to the best level where that pays for itself.
    #[inline]
    fn settle(&mut self, best: i64) {
        if (0..BEST_WITHIN).contains(&best.wrapping_sub(self.window.top())) {
            self.astray = 0;
        } else {
            self.follow(best);
        }
    }

    #[cold]
    fn follow(&mut self, best: i64) {
        self.astray += 1;
        if self.len() > LEVELS_AN_EVENT * self.astray {
            return;
        }
        self.astray = 0;
        let Self { window, far, .. } = self;
        window.move_to(best.saturating_sub(GROUP), |key, quantity| {
            far.set(key, quantity);
        });
        while let Some((key, quantity)) =
            far.levels_from(window.top()).next().filter(|&(key, _)| window.covers(key))
        {
            far.set(key, 0);
            window.set(key, quantity);
        }
    }
}

#[inline]
fn fill<T>(
    places: &mut [T],
    levels: impl Iterator<Item = (i64, i64)>,
    level: impl Fn((i64, i64)) -> T,
) -> usize {
    let mut count = 0;
    for (place, found) in places.iter_mut().zip(levels) {
        *place = level(found);
        count += 1;
    }
    count
}

impl<'a> LadderLevels<'a> {
    fn new(mut window: WindowLevels<'a>, mut far: FarLevels<'a>) -> Self {
        let (next_window, next_far) = (window.next(), far.next());
        Self { window, far, next_window, next_far }
    }
}

impl Iterator for LadderLevels<'_> {
    type Item = (i64, i64);

    #[inline]
    fn next(&mut self) -> Option<(i64, i64)> {
        let is_near = match (self.next_window, self.next_far) {
            (Some((near, _)), Some((far, _))) => near < far,
            (near, _) => near.is_some(),
        };
        if is_near {
            std::mem::replace(&mut self.next_window, self.window.next())
        } else {
            std::mem::replace(&mut self.next_far, self.far.next())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEYS: i64 = Window::KEYS;

    /// Keys near a centre that moves, far from it, and at the edges of where a window would lie.
    fn keys() -> impl Strategy<Value = i64> {
        prop_oneof![
            6 => -50..50_i64,
            2 => -3 * KEYS..3 * KEYS,
            1 => (-10..10_i64, -1..=1_i64).prop_map(|(group, beside)| group * GROUP + beside),
            1 => -1_000_000_000_000..1_000_000_000_000_i64,
            1 => prop_oneof![Just(i64::MIN), Just(i64::MIN / 2), Just(i64::MAX / 2), Just(i64::MAX)],
        ]
    }

    fn events() -> impl Strategy<Value = Vec<(i64, Vec<(i64, i64)>)>> {
        let level = (keys(), prop_oneof![Just(0), 1..9_i64]);
        let centre = prop_oneof![4 => Just(0), 1 => -2 * KEYS..2 * KEYS];
        prop::collection::vec((centre, prop::collection::vec(level, 0..8)), 1..100)
    }

    proptest! {
        #[test]
        fn equals_an_ordered_map(
            events in events(),
            before in prop::collection::vec((keys(), 1..9_i64), 0..100),
            loaded in prop::collection::btree_map(keys(), 1..9_i64, 0..100),
        ) {
            let mut ladder = Ladder::new();
            ladder.apply(before.into_iter(), |_, _| {});
            ladder.load(loaded.iter().map(|(&key, &quantity)| (key, quantity)));
            let mut twin = loaded.clone();
            for (centre, mut event) in events {
                for (key, _) in &mut event {
                    *key = key.saturating_add(centre);
                }
                // Takes the best away now and then, so that the touch walks.
                if centre != 0 && let Some(&key) = twin.keys().next() {
                    event.push((key, 0));
                }
                let mut changes = Vec::new();
                ladder.apply(event.iter().copied(), |key, change| changes.push((key, change)));
                for ((key, quantity), changed) in event.into_iter().zip(changes) {
                    let before = if quantity == 0 { twin.remove(&key) } else { twin.insert(key, quantity) };
                    prop_assert_eq!(changed, (key, quantity - before.unwrap_or(0)));
                    }
                for &key in twin.keys() {
                    prop_assert_eq!(ladder.get(key), twin[&key]);
                }
                let expected: Vec<_> = twin.iter().map(|(&key, &quantity)| (key, quantity)).collect();
                prop_assert_eq!(ladder.best(), expected.first().copied());
                prop_assert_eq!(ladder.len(), expected.len());
                prop_assert_eq!(ladder.levels().collect::<Vec<_>>(), &expected[..]);
                let mut best = [(0, 0); 5];
                let count = ladder.best_into(&mut best, |level| level);
                prop_assert_eq!(&best[..count], &expected[..expected.len().min(5)]);
                let behind: Vec<_> = twin.range(centre..).map(|(&key, &quantity)| (key, quantity)).collect();
                prop_assert_eq!(ladder.levels_from(centre).collect::<Vec<_>>(), behind);
            }
            ladder.load(loaded.iter().map(|(&key, &quantity)| (key, quantity)));
            prop_assert!(ladder.levels().eq(loaded.iter().map(|(&key, &quantity)| (key, quantity))));
        }
    }
}
