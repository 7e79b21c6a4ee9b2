//! The best levels of a side, copied out.

use std::ops::Deref;

use crate::event::Level;

/// Up to `N` levels of one side, best first.
#[derive(Debug, Clone, Copy)]
pub struct TopLevels<const N: usize> {
    levels: [Level; N],
    count: usize,
}

impl<const N: usize> TopLevels<N> {
    pub const EMPTY: Self = Self { levels: [Level::NONE; N], count: 0 };

    /// Lets `fill` put levels into the places and say how many.
    #[inline]
    pub fn refill(&mut self, fill: impl FnOnce(&mut [Level; N]) -> usize) {
        self.count = fill(&mut self.levels).min(N);
    }
}

/// Takes the first `N` levels, which must come best first.
impl<const N: usize> FromIterator<Level> for TopLevels<N> {
    fn from_iter<I: IntoIterator<Item = Level>>(levels: I) -> Self {
        let mut top = Self::EMPTY;
        top.refill(|places| places.iter_mut().zip(levels).map(|(place, level)| *place = level).count());
        top
    }
}

impl<const N: usize> Deref for TopLevels<N> {
    type Target = [Level];

    #[inline]
    fn deref(&self) -> &[Level] {
        self.levels.get(..self.count).unwrap_or_default()
    }
}

impl<const N: usize> PartialEq for TopLevels<N> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<const N: usize> Eq for TopLevels<N> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::tests::level;

    #[test]
    fn the_first_levels_are_kept() {
        let levels = (0..25).map(|price| level(price, 1));
        let top: TopLevels<20> = levels.clone().collect();
        assert!(top.iter().copied().eq(levels.take(20)));
        assert!(TopLevels::<20>::from_iter([]).is_empty());
    }
}
