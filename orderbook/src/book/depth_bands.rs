//! What rests within some distances of the mid, kept up to date level by level instead of summed over thousands of levels.

use super::ladder::Ladder;

/// The distances from the mid within which a book keeps its depth, in basis points.
pub const DEPTH_BPS: [u32; BANDS] = [5, 10, 25];

const BANDS: usize = 3;

/// Σ key · quantity of one side's levels, exact where it fits into an `i128`, cut at the keys that lie at [`DEPTH_BPS`] of the mid.
#[derive(Clone)]
pub(super) struct DepthBands {
    /// The last key of each band, ascending.
    limits: [i64; BANDS],
    /// What lies between a limit and the one before it; the last element, what lies beyond all of them.
    sums: [i128; BANDS + 1],
}

impl DepthBands {
    /// Bands that end before every key: nothing lies within them.
    pub(super) const EMPTY: Self = Self { limits: [i64::MIN; BANDS], sums: [0; BANDS + 1] };

    /// Takes in that the quantity at `key` has changed by `change`.
    #[inline]
    pub(super) fn changed(&mut self, key: i64, change: i64) {
        let band = self.limits.iter().filter(|&&limit| key > limit).count();
        let sum = &mut self.sums[band];
        *sum = sum.wrapping_add(i128::from(key) * i128::from(change));
    }

    /// Moves the limits. The levels of `ladder` that come to lie in another band are added up.
    #[inline]
    pub(super) fn move_to(&mut self, limits: [i64; BANDS], ladder: &Ladder) {
        for (band, (before, after)) in self.limits.into_iter().zip(limits).enumerate() {
            if before != after {
                let moved = sum_between(ladder, before.min(after), before.max(after));
                let joined = if after > before { moved } else { moved.wrapping_neg() };
                self.sums[band] = self.sums[band].wrapping_add(joined);
                self.sums[band + 1] = self.sums[band + 1].wrapping_sub(joined);
            }
        }
        self.limits = limits;
    }

    /// The last key of each band, and Σ key · quantity from the best level to there.
    #[inline]
    pub(super) fn bands(&self) -> impl Iterator<Item = (i64, i128)> + '_ {
        let mut within = 0;
        self.limits.iter().zip(&self.sums).map(move |(&limit, &sum)| {
            within = sum.wrapping_add(within);
            (limit, within)
        })
    }
}

/// Over the levels behind `after`, up to and including `last`.
fn sum_between(ladder: &Ladder, after: i64, last: i64) -> i128 {
    let levels = ladder.levels_from(after.saturating_add(1)).take_while(|&(key, _)| key <= last);
    let notionals = levels.map(|(key, quantity)| i128::from(key) * i128::from(quantity));
    notionals.fold(0, i128::wrapping_add)
}

/// The last bid price that lies within M(1 − bps/10⁴), M the mid, for each of [`DEPTH_BPS`].
#[inline]
pub(super) fn bid_limits(twice_mid: i64) -> [i64; BANDS] {
    DEPTH_BPS.map(|bps| twentieth_thousandths(twice_mid.saturating_neg(), 10_000 - bps).saturating_neg())
}

/// The last ask price that lies within M(1 + bps/10⁴), M the mid, for each of [`DEPTH_BPS`].
#[inline]
pub(super) fn ask_limits(twice_mid: i64) -> [i64; BANDS] {
    DEPTH_BPS.map(|bps| twentieth_thousandths(twice_mid, 10_000 + bps))
}

/// `count` / 20,000 of a number, rounded down.
#[inline]
fn twentieth_thousandths(number: i64, count: u32) -> i64 {
    const DIVISOR: i64 = 20_000;
    if let Some(product) = number.checked_mul(i64::from(count)) {
        return product.div_euclid(DIVISOR);
    }
    let product = i128::from(number) * i128::from(count);
    i64::try_from(product.div_euclid(i128::from(DIVISOR))).unwrap_or(i64::MAX)
}
