//! Raw rows that are there more than once. The log cannot tell of them for ever, so they are found among the raw rows
//! themselves: an offset comes once.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use depthlake_lake::reconcile::{
    Copies, Difference, Layer, OffsetSet, Place, breaks_of, copies, remove_copies,
};
use depthlake_lake::table::Table;
use futures::TryStreamExt;

use super::judge::{Judge, literal};
use super::pair::Pair;

const KEY: [&str; 3] = ["topic", "partition", "offset"];

/// The raw tables, and of how many offsets the rows are compared at a time: those of history are large.
const RAW: [(Table, usize); 3] =
    [(Table::RawOrderbookDiffs, 1_000), (Table::RawTrades, 1_000), (Table::RawHistory, 16)];

impl Judge<'_> {
    /// Looks for raw rows received in these times of which there are several, by topic, partition and offset. Copies of a row
    /// are taken out where that is asked for; rows that differ stay, and what follows from them is not looked at.
    pub async fn repeated(&mut self) {
        for (table, at_once) in RAW {
            if self.unreadable.contains(&table) {
                continue;
            }
            let looked = self.repeated_in(table, at_once).await;
            self.go_on(looked, &format!("the offsets of {table}"), Layer::Raw, &[table]).await;
        }
    }

    async fn repeated_in(&mut self, table: Table, at_once: usize) -> Result<()> {
        let (start, end) = (literal(self.scope.received.start), literal(self.scope.received.end));
        let query = format!(
            r#"SELECT CAST(partition AS BIGINT) AS partition, "offset" FROM {table} WHERE received_at >= {start} AND received_at < {end}"#
        );
        let mut seen: BTreeMap<i64, OffsetSet> = BTreeMap::new();
        let mut repeated: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
        let mut batches = self.session.sql(&query).await?;
        while let Some(batch) = batches.try_next().await? {
            let column = |name| {
                let column =
                    batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>());
                column.with_context(|| format!("{table} has no numbers in {name}"))
            };
            let (partitions, offsets) = (column("partition")?, column("offset")?);
            for (&partition, &offset) in partitions.values().iter().zip(offsets.values()) {
                if !seen.entry(partition).or_default().insert(offset) {
                    repeated.entry(partition).or_default().insert(offset);
                }
            }
        }
        for (partition, offsets) in repeated {
            let offsets: Vec<i64> = offsets.into_iter().collect();
            for offsets in offsets.chunks(at_once) {
                self.copies_of(table, partition, offsets).await?;
            }
        }
        Ok(())
    }

    async fn copies_of(&mut self, table: Table, partition: i64, offsets: &[i64]) -> Result<()> {
        let listed: Vec<_> = offsets.iter().map(i64::to_string).collect();
        let query = format!(
            r#"SELECT * FROM {table} WHERE partition = {partition} AND "offset" IN ({})"#,
            listed.join(", ")
        );
        let rows = self.rows(table, &query).await?;
        let Copies { first, surplus, disputed } = copies(&rows, &KEY)?;
        let name = table.to_string();
        let place = Place { layer: Layer::Raw, source: Pair::RawWithLog.source(), table: &name, key: &KEY };
        let broken = |found: &[usize]| {
            let duplicates: Vec<_> = found.iter().map(|&found| Difference::Duplicate { found }).collect();
            breaks_of(place, &rows, &rows, &duplicates)
        };
        let (mut of_copies, mut of_disputed) = (broken(&surplus)?, broken(&disputed)?);
        for broken in &mut of_disputed {
            "several rows have this offset and differ: nothing tells which is right, and what follows from them is not looked at"
                .clone_into(&mut broken.detail);
        }
        let offset_of = |row: &usize| offset(&rows, *row).map(|offset| (partition, offset));
        let disputed = disputed.iter().map(offset_of).collect::<Result<BTreeSet<_>>>()?;
        self.disputed.entry(table).or_default().extend(disputed);
        let mut removed = Ok(0);
        if self.scope.repairs && first.num_rows() > 0 {
            removed = remove_copies(self.lake, table, &KEY, &first).await;
            for broken in &mut of_copies {
                broken.repaired_at = removed.is_ok().then_some(self.begun);
            }
        }
        let mut breaks = [of_copies, of_disputed].concat();
        self.forget_known(&mut breaks);
        self.breaks.append(&mut breaks);
        Ok(removed.map(drop)?)
    }

    /// The offsets of a partition of which there are several rows that differ.
    pub(super) fn disputed_offsets(&self, table: Table, partition: i64) -> BTreeSet<i64> {
        let of_table = self.disputed.get(&table).into_iter().flatten();
        of_table.filter(|(of, _)| *of == partition).map(|(_, offset)| *offset).collect()
    }
}

fn offset(rows: &RecordBatch, row: usize) -> Result<i64> {
    let offsets = rows.column_by_name("offset").and_then(|column| column.as_primitive_opt::<Int64Type>());
    Ok(offsets.context("the raw rows have no offset")?.value(row))
}
