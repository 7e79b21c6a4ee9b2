//! Bars have versions, so they are judged and put right otherwise than other rows: what was believed once stays.

use std::collections::{BTreeSet, HashSet};

use anyhow::{Context, Result, bail};
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{RecordBatch, StringArray};
use depthlake_lake::bitemporal::{Published, Restoration, is_current, restore};
use depthlake_lake::reconcile::{Copies, Correction, Difference, copies, remove_copies, repair, rows_of};
use depthlake_lake::table::Table;

use super::judge::{Judge, literal_micros};
use super::pair::Pair;
use super::rules::{FIRST_BELIEF, Rule};

/// What tells a version from all others.
const VERSION: [&str; 1] = ["bar_key"];

impl Judge<'_> {
    /// Of the differences between bars those that are breaks. A version that is closed is not: a later one tells what is
    /// believed now. Neither is a version that nothing gives, where it is not the first of its bar: it is a correction.
    pub(super) async fn breaks_of_bars(
        &mut self,
        rule: &Rule,
        found: &RecordBatch,
        mut differences: Vec<Difference>,
    ) -> Result<Vec<Difference>> {
        let current = is_current(found)?;
        let is_closed = |difference: &Difference| matches!(difference, Difference::Drift { found, .. } if current.get(*found) == Some(&false));
        if differences.iter().any(is_closed) {
            let note = format!(
                "bars of {} were at first believed otherwise than {} gives, and have a later version since: what was believed stays",
                rule.table,
                rule.pair.source()
            );
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
            differences.retain(|difference| !is_closed(difference));
        }
        if differences.iter().any(|difference| matches!(difference, Difference::Unfounded { .. })) {
            let firsts = self.first_versions(found).await?;
            let versions = version_keys(found)?;
            differences.retain(|difference| match difference {
                Difference::Unfounded { found } => firsts.contains(versions.value(*found)),
                _ => true,
            });
        }
        Ok(differences)
    }

    /// The first versions of the bars of these rows that were received live.
    async fn first_versions(&self, found: &RecordBatch) -> Result<HashSet<String>> {
        let opens = found.column_by_name("open_time");
        let opens = opens.and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
        let opens = opens.context("bars have no open_time")?.values();
        let (Some(&first), Some(&last)) = (opens.iter().min(), opens.iter().max()) else {
            return Ok(HashSet::new());
        };
        let query = format!(
            "SELECT * FROM {} WHERE open_time BETWEEN {} AND {} AND {FIRST_BELIEF}",
            Table::Bars,
            literal_micros(first),
            literal_micros(last)
        );
        let rows = self.rows(Table::Bars, &query).await?;
        Ok(version_keys(&rows)?.iter().flatten().map(str::to_owned).collect())
    }

    /// Puts bars right: see [`restore`]. Of a version that is there more than once, one row stays.
    pub(super) async fn repair_bars(
        &self,
        rule: &Rule,
        expected: &RecordBatch,
        found: &RecordBatch,
        differences: &[Difference],
    ) -> Result<()> {
        let (mut missing, mut drifted, mut unfounded) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut is_twice = false;
        for difference in differences {
            match *difference {
                Difference::Missing { expected } => _ = missing.insert(expected),
                Difference::Drift { expected, .. } => _ = drifted.insert(expected),
                Difference::Unfounded { found } => _ = unfounded.insert(found),
                Difference::Duplicate { .. } => is_twice = true,
            }
        }
        let table = rule.table;
        if !unfounded.is_empty() {
            let wrong = rows_of(found, &unfounded)?;
            let right = RecordBatch::new_empty(wrong.schema());
            repair(self.lake, table, &VERSION, &Correction { wrong, right }).await?;
        }
        let mut disputed = 0;
        if is_twice {
            let Copies { first, disputed: differing, .. } = copies(found, &VERSION)?;
            disputed = differing.len();
            if first.num_rows() > 0 {
                remove_copies(self.lake, table, &VERSION, &first).await?;
            }
        }
        let restoration = Restoration {
            drifted: rows_of(expected, &drifted)?,
            missing: rows_of(expected, &missing)?,
            published: match rule.pair {
                Pair::NormalizedWithLog => Published::AsTold,
                _ => Published::AfterReceipt,
            },
        };
        restore(self.lake, table, &restoration, self.begun).await?;
        if disputed > 0 {
            bail!("{disputed} rows of {table} have the key of a version that others have, and differ");
        }
        Ok(())
    }
}

fn version_keys(rows: &RecordBatch) -> Result<&StringArray> {
    let keys = rows.column_by_name("bar_key").and_then(|column| column.as_string_opt::<i32>());
    keys.context("bars have no bar_key")
}
