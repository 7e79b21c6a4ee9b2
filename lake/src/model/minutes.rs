//! Ranges of minutes.

use depthlake_orderbook::time::Timestamp;

/// Microseconds in a minute.
pub(super) const MINUTE: i64 = 60_000_000;
/// All of time, as far as timestamps of SQL engines go.
const FIRST: i64 = -62_135_596_800_000_000;
const LAST: i64 = 253_402_214_400_000_000;

/// Whole minutes, from one to before another, in microseconds since 1970 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minutes {
    pub from: i64,
    pub until: i64,
}

impl Minutes {
    /// All of time.
    pub const ALL: Self = Self { from: FIRST, until: LAST };

    /// The minutes from that of `from` to before that of `until`.
    #[must_use]
    pub fn between(from: Timestamp, until: Timestamp) -> Self {
        Self { from: from.minute().microseconds(), until: until.minute().microseconds() }
    }

    #[must_use]
    pub const fn contains(self, time: i64) -> bool {
        self.from <= time && time < self.until
    }

    /// Whether a time from `least` to `greatest` may be among them.
    pub(super) const fn overlaps(self, least: i64, greatest: i64) -> bool {
        least < self.until && self.from <= greatest
    }

    /// These and so many more behind.
    pub(super) const fn reaching(self, minutes: u32) -> Self {
        Self { from: self.from, until: self.until.saturating_add(minutes as i64 * MINUTE) }
    }
}

/// The least number of ranges that have all the minutes; holes of less than `hole` minutes are filled, for one query is
/// cheaper than two.
pub(super) fn joined(mut ranges: Vec<Minutes>, hole: u32) -> Vec<Minutes> {
    ranges.sort();
    let mut joined: Vec<Minutes> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.from <= last.reaching(hole).until => last.until = last.until.max(range.until),
            _ => joined.push(range),
        }
    }
    joined
}

/// What of ranges lies before a minute, and from there on to the end of the last.
pub(super) fn before(ranges: &[Minutes], minute: i64) -> (Vec<Minutes>, Option<Minutes>) {
    let cut = |range: &Minutes| Minutes { from: range.from, until: range.until.min(minute) };
    let whole = ranges.iter().map(cut).filter(|range| range.from < range.until).collect();
    let until = ranges.iter().map(|range| range.until).max().filter(|until| *until > minute);
    (whole, until.map(|until| Minutes { from: minute, until }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn covered(ranges: &[Minutes]) -> BTreeSet<i64> {
        ranges.iter().flat_map(|range| (range.from / MINUTE)..(range.until / MINUTE)).collect()
    }

    #[test]
    fn ranges_are_cut_at_a_minute() {
        let range = |from, until| Minutes { from: from * MINUTE, until: until * MINUTE };
        let ranges = [range(0, 3), range(5, 9), range(11, 12)];
        let (whole, left) = before(&ranges, 7 * MINUTE);
        assert_eq!((whole, left), (vec![range(0, 3), range(5, 7)], Some(range(7, 12))));
        assert_eq!(before(&ranges, 12 * MINUTE), (ranges.to_vec(), None));
        assert_eq!(before(&ranges, -MINUTE), (Vec::new(), Some(range(-1, 12))));
    }

    proptest! {
        #[test]
        fn joined_ranges_have_all_minutes_and_lie_apart(
            ranges in prop::collection::vec((0..200_i64, 1..20_i64), 0..20),
            hole in 0..10_u32,
        ) {
            let ranges: Vec<_> = ranges
                .into_iter()
                .map(|(from, length)| Minutes { from: from * MINUTE, until: (from + length) * MINUTE })
                .collect();
            let joined = joined(ranges.clone(), hole);
            prop_assert!(covered(&ranges).is_subset(&covered(&joined)));
            for pair in joined.windows(2) {
                prop_assert!(pair[1].from - pair[0].until > i64::from(hole) * MINUTE);
            }
            if hole == 0 {
                prop_assert_eq!(covered(&ranges), covered(&joined));
            }
        }
    }
}
