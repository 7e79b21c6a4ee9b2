//! A reconciliation under way: what it has found, and the step that all layers share, from rows to breaks.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;

use anyhow::Result;
use arrow_array::RecordBatch;
use depthlake_lake::commit::{Lake, TableChange};
use depthlake_lake::reconcile::{
    Break, Comparison, Correction, Difference, Layer, Place, break_rows, breaks_of, conformed,
    judged_versions, received_within, repair, retained,
};
use depthlake_lake::table::Table;
use depthlake_orderbook::time::Timestamp;
use depthlake_query::Session;

use super::pair::Pair;
use super::rules::Rule;

/// What is looked at, and what is done about it.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Rows received in these times.
    pub received: Range<Timestamp>,
    /// By how much, relative to the expected, measures may differ.
    pub tolerance: f64,
    pub repairs: bool,
    /// Whether a program may be writing.
    pub is_written: bool,
}

/// A reconciliation under way.
pub struct Judge<'a> {
    pub(super) lake: &'a Lake,
    pub(super) session: Session,
    pub scope: Scope,
    pub(super) begun: Timestamp,
    /// Tables whose columns are not such that they can be read.
    pub(super) unreadable: BTreeSet<Table>,
    /// Raw rows of which there are several that differ, as partition and offset: nobody can say what follows from them.
    pub(super) disputed: BTreeMap<Table, BTreeSet<(i64, i64)>>,
    /// Tables whose files were looked at one by one.
    pub(super) examined: BTreeSet<Table>,
    /// What could not be compared, and why.
    pub failures: BTreeMap<String, String>,
    pub breaks: Vec<Break>,
    /// What people should know besides.
    pub notes: Vec<String>,
    /// Rows expected, by table, or by the topic that gives them.
    pub compared: BTreeMap<String, u64>,
    /// Rows expected, by pair of layers.
    pub(super) of_pairs: BTreeMap<Pair, u64>,
}

impl<'a> Judge<'a> {
    pub fn new(lake: &'a Lake, scope: Scope, begun: Timestamp) -> Result<Self> {
        let session = Session::new(lake.clone())?;
        Ok(Self {
            lake,
            session,
            scope,
            begun,
            unreadable: BTreeSet::new(),
            disputed: BTreeMap::new(),
            examined: BTreeSet::new(),
            failures: BTreeMap::new(),
            breaks: Vec::new(),
            notes: Vec::new(),
            compared: BTreeMap::new(),
            of_pairs: BTreeMap::new(),
        })
    }

    /// Keeps what was found in `ops.recon_breaks`, and with it what the table shall say of itself.
    pub async fn keep(&self, properties: BTreeMap<String, String>) -> Result<()> {
        if self.breaks.is_empty() && properties.is_empty() {
            return Ok(());
        }
        let rows =
            if self.breaks.is_empty() { Vec::new() } else { vec![break_rows(&self.breaks, self.begun)?] };
        let change = TableChange { properties, ..TableChange::append(Table::ReconBreaks, rows, Vec::new()) };
        self.lake.change(vec![change]).await?;
        Ok(())
    }

    /// Compares expected rows with those of the table at a place, of what was received in these times. What cannot be compared
    /// is told, and the rest goes on.
    pub(super) async fn compare(
        &mut self,
        rule: &Rule,
        expected: RecordBatch,
        place: &str,
        received: &Range<Timestamp>,
    ) {
        let compared = self.try_compare(rule, expected, place, received).await;
        self.go_on(compared, &rule.name(), rule.layer(), &[rule.table]).await;
    }

    async fn try_compare(
        &mut self,
        rule: &Rule,
        expected: RecordBatch,
        place: &str,
        received: &Range<Timestamp>,
    ) -> Result<()> {
        let Rule { table, given, .. } = *rule;
        if self.unreadable.contains(&table) {
            return Ok(());
        }
        let expected = received_within(&expected, received)?;
        let query = format!(
            "SELECT * FROM {table} WHERE {place} AND received_at >= {} AND received_at < {} AND {given}",
            literal(received.start),
            literal(received.end)
        );
        let found = self.rows(table, &query).await?;
        self.settle(rule, &expected, &found, &BTreeSet::new()).await
    }

    /// Tells how found rows differ from the expected ones, and puts them right where that is asked for. Rows of `found` whose
    /// numbers are among `copies` are there elsewhere too.
    pub(super) async fn settle(
        &mut self,
        rule: &Rule,
        expected: &RecordBatch,
        found: &RecordBatch,
        copies: &BTreeSet<usize>,
    ) -> Result<()> {
        let Rule { pair, table, key, .. } = *rule;
        let layer = pair.layer();
        let expected = retained(table, expected, self.lake.retained_from(table).await?)?;
        let comparison = rule.comparison(self.scope.tolerance);
        let judged;
        let found = if rule.has_versions() {
            judged = judged_versions(&comparison, &expected, found)?;
            &judged
        } else {
            found
        };
        let mut differences = self.differences(pair, rule.name(), &comparison, &expected, found)?;
        if rule.may_have_more() {
            differences.retain(|difference| !matches!(difference, Difference::Unfounded { .. }));
        }
        for difference in &mut differences {
            if let Difference::Unfounded { found } = *difference
                && copies.contains(&found)
            {
                *difference = Difference::Duplicate { found };
            }
        }
        if rule.has_versions() {
            differences = self.breaks_of_bars(rule, found, differences).await?;
        }
        if differences.is_empty() {
            return Ok(());
        }
        let name = table.to_string();
        let place = Place { layer, source: pair.source(), table: &name, key };
        let mut breaks = breaks_of(place, &expected, found, &differences)?;
        let mut repaired = Ok(());
        if self.scope.repairs {
            repaired = self.repair(rule, &expected, found, &differences).await;
            for (difference, broken) in differences.iter().zip(&mut breaks) {
                let is_right = repaired.is_ok() && is_repairable(layer, difference);
                broken.repaired_at = is_right.then_some(self.begun);
            }
        }
        if rule.may_have_more() {
            self.forget_known(&mut breaks);
        }
        self.breaks.append(&mut breaks);
        repaired
    }

    async fn repair(
        &self,
        rule: &Rule,
        expected: &RecordBatch,
        found: &RecordBatch,
        differences: &[Difference],
    ) -> Result<()> {
        if rule.has_versions() {
            return self.repair_bars(rule, expected, found, differences).await;
        }
        let repairable = |difference: &&Difference| is_repairable(rule.layer(), difference);
        let repairable: Vec<_> = differences.iter().filter(repairable).cloned().collect();
        let correction = Correction::of(rule.key, expected, found, &repairable)?;
        repair(self.lake, rule.table, rule.key, &correction).await?;
        Ok(())
    }

    /// Drops the breaks that another layer has shown already.
    pub(super) fn forget_known(&self, breaks: &mut Vec<Break>) {
        let which = |broken: &Break| (broken.class.name(), broken.table.clone(), broken.key.clone());
        let known: HashSet<_> = self.breaks.iter().map(which).collect();
        breaks.retain(|broken| !known.contains(&which(broken)));
    }

    pub(super) fn differences(
        &mut self,
        pair: Pair,
        name: String,
        comparison: &Comparison<'_>,
        expected: &RecordBatch,
        found: &RecordBatch,
    ) -> Result<Vec<Difference>> {
        let rows = expected.num_rows() as u64;
        *self.compared.entry(name).or_default() += rows;
        *self.of_pairs.entry(pair).or_default() += rows;
        Ok(comparison.differences(expected, found)?)
    }

    pub(super) async fn rows(&self, table: Table, query: &str) -> Result<RecordBatch> {
        Ok(conformed(table, &self.session.sql(query).await?.collect().await?)?)
    }

    pub(super) async fn long(&self, query: &str) -> Result<Option<i64>> {
        Ok(self.longs(query).await?.first().copied())
    }

    pub(super) async fn longs(&self, query: &str) -> Result<Vec<i64>> {
        let batches = self.session.sql(query).await?.collect().await?;
        super::derive::longs(&batches)
    }
}

/// What is in a raw table and not in the log stays: nothing else tells of it.
fn is_repairable(layer: Layer, difference: &Difference) -> bool {
    !(layer == Layer::Raw && matches!(difference, Difference::Unfounded { .. }))
}

/// A time as SQL, in microseconds; what lies beyond is cut to what SQL can tell.
pub(super) fn literal(time: Timestamp) -> String {
    literal_micros(time.microseconds())
}

pub(super) fn literal_micros(microseconds: i64) -> String {
    format!("to_timestamp_micros({microseconds})")
}
