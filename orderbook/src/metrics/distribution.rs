//! How values are distributed, as it was at one moment.
//!
//! Values below 128 have a cell each; above, every power of two is cut into 128 cells, so that a value is known to within
//! 0.8 %. What is beyond 2³⁷ (137 s in nanoseconds) counts as that.

/// Cells of a power of two, as a power of two.
const PRECISION: u32 = 7;
/// Values of so many bits are told apart.
const MOST_BITS: u32 = 37;
/// Cells of a histogram.
pub(super) const CELLS: usize = ((MOST_BITS - PRECISION + 1) as usize) << PRECISION;

/// The counts of a histogram at one moment. Those of several threads may be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    counts: Vec<u64>,
    count: u64,
    sum: u64,
}

impl Default for Distribution {
    fn default() -> Self {
        Self::new(vec![0; CELLS], 0)
    }
}

impl Distribution {
    pub(super) fn new(counts: Vec<u64>, sum: u64) -> Self {
        Self { count: counts.iter().sum(), counts, sum }
    }

    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The sum of all values, exactly.
    #[must_use]
    pub const fn sum(&self) -> u64 {
        self.sum
    }

    /// Adds what another thread recorded.
    pub fn add(&mut self, other: &Self) {
        self.combine(other, u64::saturating_add);
    }

    /// What was recorded after `earlier` was taken of the same histogram.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut since = self.clone();
        since.combine(earlier, u64::saturating_sub);
        since
    }

    /// The value that `percent` of the values did not exceed, to within 0.8 %; 0 where there is none.
    #[must_use]
    pub fn percentile(&self, percent: f64) -> u64 {
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let rank = ((self.count as f64 * percent / 100.0).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        let reached = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        reached.map_or(0, highest_of)
    }

    /// How many values did not exceed `bound`, to within the cell that it lies in.
    #[must_use]
    pub fn at_most(&self, bound: u64) -> u64 {
        self.counts.iter().take(cell_of(bound) + 1).sum()
    }

    fn combine(&mut self, other: &Self, with: impl Fn(u64, u64) -> u64) {
        for (ours, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *ours = with(*ours, *theirs);
        }
        self.count = self.counts.iter().sum();
        self.sum = with(self.sum, other.sum);
    }
}

/// The cell that a value is counted in.
#[inline]
pub(super) const fn cell_of(value: u64) -> usize {
    let most = (1 << MOST_BITS) - 1;
    let value = if value > most { most } else { value };
    let bits = u64::BITS - value.leading_zeros();
    let shift = bits.saturating_sub(PRECISION + 1);
    // Below 2^MOST_BITS, so it fits.
    #[expect(clippy::cast_possible_truncation, reason = "below the number of cells")]
    let cell = (value >> shift) as usize + ((shift as usize) << PRECISION);
    cell
}

/// The highest value that is counted in a cell.
fn highest_of(cell: usize) -> u64 {
    let shift = (cell >> PRECISION).saturating_sub(1);
    let first = (cell - (shift << PRECISION)) as u64;
    ((first + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[u64]) -> Distribution {
        let mut counts = vec![0; CELLS];
        for &value in values {
            counts[cell_of(value)] += 1;
        }
        Distribution::new(counts, values.iter().sum())
    }

    proptest! {
        #[test]
        fn a_value_is_known_to_within_a_hundredth(value in 0..(1_u64 << MOST_BITS)) {
            let highest = highest_of(cell_of(value));
            prop_assert!(highest >= value && highest - value <= value / 128, "{value}: {highest}");
        }

        #[test]
        fn percentiles_are_those_of_the_sorted_values(
            mut values in prop::collection::vec(0..1_000_000_u64, 1..200),
            percent in 0.0..=100.0_f64,
        ) {
            let distribution = of(&values);
            values.sort_unstable();
            #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let rank = ((values.len() as f64 * percent / 100.0).ceil() as usize).max(1);
            let (told, exact) = (distribution.percentile(percent), values[rank - 1]);
            prop_assert!(told >= exact && told - exact <= exact / 128);
            prop_assert_eq!(distribution.at_most(u64::MAX), values.len() as u64);
        }
    }

    #[test]
    fn cells_follow_each_other_without_holes() {
        assert_eq!(cell_of(u64::MAX), CELLS - 1);
        for cell in 0..CELLS - 1 {
            let highest = highest_of(cell);
            assert_eq!((cell_of(highest), cell_of(highest + 1)), (cell, cell + 1));
        }
    }

    #[test]
    fn what_was_recorded_before_is_left_out() {
        let (earlier, later) = (of(&[5, 9]), of(&[5, 9, 100]));
        let since = later.since(&earlier);
        assert_eq!((since.count(), since.sum(), since.percentile(100.0)), (1, 100, 100));
        let mut both = earlier.clone();
        both.add(&since);
        assert_eq!(both, later);
        assert_eq!(Distribution::default().percentile(50.0), 0);
    }
}
