//! Offsets: which part of the log a table holds, and whether a range may be appended.
//!
//! A table's position in a partition is the offset of the next record it needs. A range may be appended only where it
//! begins at that position, so that no row is missing and none comes twice, whoever writes and however often.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use super::error::CommitError;
use crate::table::Table;

/// A partition of a topic as one table holds it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionOfTable {
    pub table: Table,
    pub topic: String,
    pub partition: u32,
}

/// The committed positions: for each partition of each table, the offset of the next record needed.
pub type Positions = BTreeMap<PartitionOfTable, u64>;

/// The records `start..end` of one partition, from which the rows of an append were derived, all of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OffsetRange {
    pub topic: String,
    pub partition: u32,
    /// The first offset.
    pub start: u64,
    /// The offset after the last.
    pub end: u64,
}

/// What is to be done with ranges, as the committed positions have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// All begin where the tables end: to be appended.
    Next,
    /// All end where the tables end: they have been appended.
    Done,
}

impl fmt::Display for OffsetRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} {}..{}", self.topic, self.partition, self.start, self.end)
    }
}

/// Refuses ranges that are empty or name a partition twice.
pub(super) fn check_ranges(table: Table, ranges: &[OffsetRange]) -> Result<(), CommitError> {
    let mut seen = HashSet::new();
    for range in ranges {
        let malformed = |reason| Err(CommitError::Malformed { table, reason });
        if range.start >= range.end {
            return malformed(format!("the range {range} is empty"));
        }
        if i64::try_from(range.end).is_err() {
            return malformed(format!("the range {range} ends beyond 63 bits"));
        }
        if !seen.insert((&range.topic, range.partition)) {
            return malformed(format!("{}/{} is given twice", range.topic, range.partition));
        }
    }
    Ok(())
}

/// Judges ranges against what is committed. A partition never committed may begin anywhere: the log may have begun
/// there.
pub(super) fn judge<'a>(
    ranges: impl Iterator<Item = (Table, &'a OffsetRange)>,
    committed: &Positions,
) -> Result<Standing, CommitError> {
    let (mut done, mut open) = (None, None);
    for (table, range) in ranges {
        match standing_of(table, range, committed)? {
            Standing::Done => done = Some((table, range)),
            Standing::Next => open = Some((table, range)),
        }
    }
    match (done, open) {
        (Some((done_table, done)), Some((open_table, open))) => Err(CommitError::PartlyDone {
            done: format!("{done} of {done_table}"),
            open: format!("{open} of {open_table}"),
        }),
        (Some(_), None) => Ok(Standing::Done),
        (None, _) => Ok(Standing::Next),
    }
}

fn standing_of(table: Table, range: &OffsetRange, committed: &Positions) -> Result<Standing, CommitError> {
    let OffsetRange { topic, partition, start, end } = range.clone();
    let key = PartitionOfTable { table, topic: topic.clone(), partition };
    match committed.get(&key).copied() {
        None => Ok(Standing::Next),
        Some(committed) if committed == start => Ok(Standing::Next),
        Some(committed) if committed == end => Ok(Standing::Done),
        Some(committed) if start < committed && committed < end => {
            Err(CommitError::PartialOverlap { table, topic, partition, start, end, committed })
        }
        Some(committed) => Err(CommitError::Superseded { table, topic, partition, start, committed }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(topic: &str, start: u64, end: u64) -> OffsetRange {
        OffsetRange { topic: topic.to_owned(), partition: 0, start, end }
    }

    fn committed(topic: &str, next: u64) -> Positions {
        let key = PartitionOfTable { table: Table::Trades, topic: topic.to_owned(), partition: 0 };
        Positions::from([(key, next)])
    }

    fn judged(ranges: &[OffsetRange], committed: &Positions) -> Result<Standing, CommitError> {
        judge(ranges.iter().map(|range| (Table::Trades, range)), committed)
    }

    #[test]
    fn a_range_is_appended_only_where_the_table_ends() {
        assert_eq!(judged(&[range("a", 7, 9)], &Positions::new()).unwrap(), Standing::Next);
        assert_eq!(judged(&[range("a", 7, 9)], &committed("b", 3)).unwrap(), Standing::Next);
        assert_eq!(judged(&[range("a", 7, 9)], &committed("a", 7)).unwrap(), Standing::Next);
        assert_eq!(judged(&[range("a", 7, 9)], &committed("a", 9)).unwrap(), Standing::Done);
    }

    #[test]
    fn a_gap_and_a_step_back_are_superseded() {
        for next in [5, 6, 10, 11] {
            let error = judged(&[range("a", 7, 9)], &committed("a", next)).unwrap_err();
            assert!(
                matches!(error, CommitError::Superseded { start: 7, committed, .. } if committed == next),
                "{error}"
            );
        }
    }

    #[test]
    fn a_partial_overlap_is_refused() {
        let error = judged(&[range("a", 7, 9)], &committed("a", 8)).unwrap_err();
        assert!(matches!(error, CommitError::PartialOverlap { committed: 8, .. }), "{error}");
    }

    #[test]
    fn ranges_of_one_commit_stand_together() {
        let both = [range("a", 7, 9), range("b", 0, 4)];
        let error = judged(&both, &committed("a", 9)).unwrap_err();
        assert!(matches!(error, CommitError::PartlyDone { .. }), "{error}");
        let mut all = committed("a", 9);
        all.extend(committed("b", 4));
        assert_eq!(judged(&both, &all).unwrap(), Standing::Done);
    }

    #[test]
    fn malformed_ranges_are_refused() {
        for ranges in
            [vec![range("a", 3, 3)], vec![range("a", 0, u64::MAX)], vec![range("a", 0, 1), range("a", 1, 2)]]
        {
            assert!(
                matches!(check_ranges(Table::Trades, &ranges), Err(CommitError::Malformed { .. })),
                "{ranges:?}"
            );
        }
        assert!(check_ranges(Table::Trades, &[range("a", 0, 1), range("b", 0, 1)]).is_ok());
    }
}
