//! New facts against the versions there are: which are closed, which are opened.

use std::collections::HashMap;

use arrow_array::cast::AsArray;
use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::ArrowError;

use super::version::{END_OF_TIME, symbols, times, versions, with_ends};
use crate::table::Table;

/// What facts do to the versions of bars.
#[derive(Debug, Clone)]
pub struct Revision {
    /// The versions that were given, batch by batch and in their order; some are closed now.
    pub kept: Vec<RecordBatch>,
    /// How many of each batch were closed.
    pub closed: Vec<usize>,
    /// A version for each fact. One that a later fact of the same bar has overtaken is closed already.
    pub opened: RecordBatch,
}

/// Takes facts, in the order in which they were published, to the versions of a table of bars, such as [`Table::Bars`].
/// Each closes the current version of its bar and opens its own at the same moment: when it was published, or right after
/// its forerunner began where a clock went back. Several current versions of one bar, as two writers at once may leave
/// them, become a line again. Linear in the number of rows.
///
/// # Errors
/// Where the rows have not the columns of the table, or of [`facts_schema`](super::facts_schema).
pub fn revise(table: Table, stored: &[RecordBatch], facts: &RecordBatch) -> Result<Revision, ArrowError> {
    let mut history = History::of(stored)?;
    let (symbols, opens) = (symbols(facts)?, times(facts, "open_time")?);
    let published = times(facts, "published_at")?.values();
    let mut since = published.to_vec();
    let mut until = vec![END_OF_TIME; facts.num_rows()];
    for (fact, (symbol, open)) in symbols.iter().zip(opens.values()).enumerate() {
        let (Some(symbol), Some(begins)) = (symbol, since.get_mut(fact)) else { continue };
        let mut before = history.current.remove(&(symbol, *open)).unwrap_or_default();
        before.sort_by_key(|version| version.since);
        if let Some(last) = before.last() {
            *begins = (*begins).max(last.since.saturating_add(1));
        }
        let begins = *begins;
        let ends: Vec<_> = before.iter().skip(1).map(|next| next.since).chain([begins]).collect();
        for (version, end) in before.into_iter().zip(ends) {
            match version.place {
                Place::Stored { batch, row } => history.close(batch, row, end),
                Place::Fact(fact) => set(&mut until, fact, end),
            }
        }
        history.current.insert((symbol, *open), vec![Current { since: begins, place: Place::Fact(fact) }]);
    }
    let opened = versions(table, facts, &since, &until)?;
    history.into_revision(stored, opened)
}

/// The current versions, and when each stored version ends.
struct History<'a> {
    current: HashMap<(&'a str, i64), Vec<Current>>,
    ends: Vec<Vec<i64>>,
    closed: Vec<usize>,
}

struct Current {
    since: i64,
    place: Place,
}

enum Place {
    Stored { batch: usize, row: usize },
    Fact(usize),
}

impl<'a> History<'a> {
    fn of(stored: &'a [RecordBatch]) -> Result<Self, ArrowError> {
        let mut history = Self {
            current: HashMap::new(),
            ends: Vec::with_capacity(stored.len()),
            closed: vec![0; stored.len()],
        };
        for (batch, rows) in stored.iter().enumerate() {
            let (symbols, opens) = (symbols(rows)?, times(rows, "open_time")?);
            let (since, is_current) = (times(rows, "sys_from")?, flags(rows)?);
            for row in (0..rows.num_rows()).filter(|&row| is_current.value(row)) {
                let current = Current { since: since.value(row), place: Place::Stored { batch, row } };
                history.current.entry((symbols.value(row), opens.value(row))).or_default().push(current);
            }
            history.ends.push(times(rows, "sys_to")?.values().to_vec());
        }
        Ok(history)
    }

    fn close(&mut self, batch: usize, row: usize, end: i64) {
        if let (Some(ends), Some(closed)) = (self.ends.get_mut(batch), self.closed.get_mut(batch)) {
            set(ends, row, end);
            *closed += 1;
        }
    }

    fn into_revision(self, stored: &[RecordBatch], opened: RecordBatch) -> Result<Revision, ArrowError> {
        let kept = stored.iter().zip(&self.ends).map(|(rows, ends)| with_ends(rows, ends));
        Ok(Revision { kept: kept.collect::<Result<_, _>>()?, closed: self.closed, opened })
    }
}

fn set(ends: &mut [i64], row: usize, end: i64) {
    if let Some(slot) = ends.get_mut(row) {
        *slot = end;
    }
}

fn flags(rows: &RecordBatch) -> Result<&BooleanArray, ArrowError> {
    let flags = rows.column_by_name("is_current").and_then(|column| column.as_boolean_opt());
    flags.ok_or_else(|| ArrowError::SchemaError("is_current is no column of flags".to_owned()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::bitemporal::samples::{Fact, MINUTE, Version, facts, versions_of};

    /// What was published, in this order: symbol, minute, time, price.
    fn published() -> impl Strategy<Value = Vec<Fact>> {
        let fact = (prop::sample::select(vec!["A", "B"]), 0..3_i64, 0..40_i64, 1..5_i64);
        prop::collection::vec(fact, 0..30).prop_map(|facts| {
            let fact = |(symbol, minute, published, open): (&str, i64, i64, i64)| Fact {
                symbol: symbol.to_owned(),
                open_time: minute * MINUTE,
                published,
                open,
            };
            facts.into_iter().map(fact).collect()
        })
    }

    /// The slow twin: a list of versions, searched for each fact.
    fn expected(published: &[Fact]) -> Vec<Version> {
        let mut versions: Vec<Version> = Vec::new();
        for fact in published {
            let before =
                versions.iter_mut().filter(|v| (&v.symbol, v.open_time) == (&fact.symbol, fact.open_time));
            let last = before.max_by_key(|version| version.since);
            let since = last.as_ref().map_or(fact.published, |last| fact.published.max(last.since + 1));
            if let Some(last) = last {
                last.until = since;
            }
            versions.push(Version {
                symbol: fact.symbol.clone(),
                open_time: fact.open_time,
                open: fact.open,
                since,
                until: END_OF_TIME,
                is_current: true,
            });
        }
        for version in &mut versions {
            version.is_current = version.until == END_OF_TIME;
        }
        versions.sort();
        versions
    }

    /// All versions after the facts came in commits of `batch` facts.
    fn in_commits(published: &[Fact], batch: usize) -> Vec<Vec<Version>> {
        let mut stored: Vec<RecordBatch> = Vec::new();
        let mut states = Vec::new();
        for commit in published.chunks(batch) {
            let Revision { kept, opened, .. } = revise(Table::Bars, &stored, &facts(commit)).unwrap();
            stored = kept;
            stored.push(opened);
            let mut versions: Vec<_> = stored.iter().flat_map(versions_of).collect();
            versions.sort();
            states.push(versions);
        }
        states
    }

    proptest! {
        #[test]
        fn commits_of_any_size_give_the_same_versions(published in published(), batch in 1..8_usize) {
            let states = in_commits(&published, batch);
            prop_assert_eq!(states.last().cloned().unwrap_or_default(), expected(&published));
        }

        #[test]
        fn versions_of_a_bar_are_a_line_and_the_last_is_current(published in published(), batch in 1..8_usize) {
            for state in in_commits(&published, batch) {
                let mut lines: BTreeMap<_, Vec<Version>> = BTreeMap::new();
                for version in state {
                    lines.entry((version.symbol.clone(), version.open_time)).or_default().push(version);
                }
                for mut line in lines.into_values() {
                    line.sort_by_key(|version| version.since);
                    prop_assert!(line.iter().all(|version| version.since < version.until));
                    prop_assert!(line.windows(2).all(|pair| pair[0].until == pair[1].since));
                    let current: Vec<_> = line.iter().map(|version| version.is_current).collect();
                    let mut only_last = vec![false; line.len()];
                    only_last[line.len() - 1] = true;
                    prop_assert_eq!(current, only_last);
                    prop_assert_eq!(line[line.len() - 1].until, END_OF_TIME);
                }
            }
        }

        #[test]
        fn history_never_changes(published in published(), batch in 1..8_usize) {
            for pair in in_commits(&published, batch).windows(2) {
                for before in &pair[0] {
                    let same = |after: &&Version| {
                        let facts = |v: &Version| (v.symbol.clone(), v.open_time, v.open, v.since);
                        facts(after) == facts(before) && (before.is_current || after.until == before.until)
                    };
                    prop_assert_eq!(pair[1].iter().filter(same).count(), 1, "{:?}", before);
                }
            }
        }
    }

    #[test]
    fn two_current_versions_become_a_line_again() {
        let fact = |published, open| Fact { symbol: "A".to_owned(), open_time: 0, published, open };
        let one = crate::bitemporal::opened(Table::Bars, &facts(&[fact(20, 1)])).unwrap();
        let other = crate::bitemporal::opened(Table::Bars, &facts(&[fact(10, 2)])).unwrap();
        let Revision { kept, closed, opened } =
            revise(Table::Bars, &[one, other], &facts(&[fact(30, 3)])).unwrap();
        assert_eq!(closed, [1, 1]);
        let ends: Vec<_> =
            kept.iter().chain([&opened]).flat_map(versions_of).map(|v| (v.since, v.until)).collect();
        assert_eq!(ends, [(20, 30), (10, 20), (30, END_OF_TIME)]);
    }
}
