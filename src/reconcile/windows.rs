//! Which times a regular reconciliation looks at: on from where the one before ended, whichever process that was in.

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};

use anyhow::Result;
use depthlake_lake::commit::Lake;
use depthlake_lake::table::Table;
use depthlake_orderbook::time::Timestamp;

/// The property of `ops.recon_breaks` that tells until when what was received is compared, in microseconds since 1970 UTC.
const COMPARED_UNTIL: &str = "depthlake.compared-until";

const DAY: i64 = 86_400_000_000_000;

/// At most so much is compared at a time.
const LONGEST: i64 = DAY;

/// What was received longer ago and is not compared yet is given up.
const LOOK_BACK: i64 = 7 * DAY;

/// The times to look at next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    pub received: Range<Timestamp>,
    /// What is passed over, since it is too long ago.
    pub given_up: Option<Range<Timestamp>>,
}

impl Next {
    /// The times to look at in a lake in which everything before `settled` has given all it gives; `None` where nothing came.
    pub async fn of(lake: &Lake, settled: Timestamp) -> Result<Option<Self>> {
        let mut files = Vec::new();
        for table in [Table::RawOrderbookDiffs, Table::RawTrades, Table::RawHistory] {
            for times in lake.data_files(table).await?.files.into_iter().filter_map(|file| file.times) {
                let time = Timestamp::from_microseconds;
                files.push(time(times.least)..=time(times.greatest));
            }
        }
        Ok(Self::after(compared_until(lake).await?, &files, settled))
    }

    fn after(
        compared_until: Option<Timestamp>,
        files: &[RangeInclusive<Timestamp>],
        settled: Timestamp,
    ) -> Option<Self> {
        let earliest = Timestamp(settled.0.saturating_sub(LOOK_BACK));
        let from = compared_until.map_or(earliest, |until| until.max(earliest));
        let begins = files.iter().filter(|times| *times.end() >= from).map(|times| from.max(*times.start()));
        let begin = begins.min().filter(|begin| *begin < settled)?;
        let end = Timestamp(begin.0.saturating_add(LONGEST)).min(settled);
        let given_up = compared_until.filter(|until| *until < earliest).map(|until| until..earliest);
        Some(Self { received: begin..end, given_up })
    }

    /// What `ops.recon_breaks` says of itself once these times are compared.
    pub fn remembered(&self) -> BTreeMap<String, String> {
        [(COMPARED_UNTIL.to_owned(), self.received.end.microseconds().to_string())].into()
    }
}

/// Until when what was received is compared; `None` where nothing ever was.
async fn compared_until(lake: &Lake) -> Result<Option<Timestamp>> {
    let properties = lake.data_files(Table::ReconBreaks).await?.properties;
    let until = properties.get(COMPARED_UNTIL).and_then(|until| until.parse().ok());
    Ok(until.map(Timestamp::from_microseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000_000;
    const NOW: Timestamp = Timestamp(1_000 * DAY);

    fn ago(hours: i64) -> Timestamp {
        Timestamp(NOW.0 - hours * HOUR)
    }

    fn next(compared_until: Option<i64>, files: &[(i64, i64)]) -> Option<(Range<Timestamp>, bool)> {
        let files: Vec<_> = files.iter().map(|(from, until)| ago(*from)..=ago(*until)).collect();
        let next = Next::after(compared_until.map(ago), &files, NOW)?;
        Some((next.received, next.given_up.is_some()))
    }

    #[test]
    fn what_was_missed_is_made_up_for() {
        assert_eq!(next(Some(9), &[(30, 8), (8, 0)]), Some((ago(9)..NOW, false)));
        assert_eq!(next(Some(60), &[(80, 0)]), Some((ago(60)..ago(36), false)), "a day at a time");
        assert_eq!(next(None, &[(5, 1)]), Some((ago(5)..NOW, false)));
    }

    #[test]
    fn times_in_which_nothing_came_are_passed_over() {
        assert_eq!(next(Some(90), &[(200, 100), (7, 6), (5, 0)]), Some((ago(7)..NOW, false)));
        assert_eq!(next(Some(3), &[(200, 4)]), None);
        assert_eq!(next(None, &[]), None);
        assert_eq!(next(None, &[(-1, -2)]), None, "not settled yet");
    }

    #[test]
    fn what_is_too_long_ago_is_given_up() {
        assert_eq!(next(Some(200), &[(300, 0)]), Some((ago(168)..ago(144), true)));
        assert_eq!(next(None, &[(300, 0)]), Some((ago(168)..ago(144), false)));
    }
}
