//! Reconciliation beside a run.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use depthlake_engine::clock;
use depthlake_lake::commit::Lake;
use depthlake_lake::log::Log;
use depthlake_lake::model::Targets;
use depthlake_lake::reconcile::{Break, Layer};
use depthlake_lake::record::Contracts;
use depthlake_lake::runs::Job;
use depthlake_orderbook::time::Timestamp;
use depthlake_query::output::utc;

use super::judge::{Judge, Scope};
use super::landed::Upstream;
use super::report::advice;
use super::windows::Next;
use super::{SETTLING, TOLERANCE};

/// How soon a round follows the one before, or the beginning of the process, where times wait to be compared.
const CATCHING_UP: Duration = Duration::from_mins(1);

/// Compares all layers every so often, each time what was received since the time before, in whichever process that was. What
/// differs is kept in `ops.recon_breaks` and told in the program's log, that a column drifts once; nothing is repaired.
pub struct Regularly {
    pub lake: Lake,
    pub log: Arc<dyn Log>,
    pub contracts: Contracts,
    pub targets: Targets,
}

impl Regularly {
    /// Compares until it is aborted.
    pub async fn compare(self, every: Duration) {
        let mut told = BTreeSet::new();
        let mut pause = CATCHING_UP.min(every);
        loop {
            tokio::time::sleep(pause).await;
            let begun = Instant::now();
            let compared = self.round(&mut told).await;
            match &compared {
                Ok(Outcome { breaks: 0, failures: 0, .. }) => tracing::debug!("the layers agree"),
                Ok(Outcome { breaks: 0, .. }) => {}
                Ok(Outcome { breaks, .. }) => {
                    tracing::warn!(breaks, "the layers differ: see ops.recon_breaks");
                }
                Err(error) => {
                    tracing::warn!("the layers could not be compared, and are with the next: {error:#}");
                }
            }
            let is_behind = compared.as_ref().is_ok_and(|outcome| outcome.is_behind);
            pause = if is_behind { CATCHING_UP.min(every) } else { every };
            let figures = |done: Outcome| {
                [("breaks", done.breaks as u64), ("not_compared", done.failures as u64)].into()
            };
            let result = compared.map(figures).map_err(|error| format!("{error:#}"));
            self.lake.runs().ended(Job::Reconciliation, begun.elapsed(), result);
        }
    }

    async fn round(&self, told: &mut BTreeSet<String>) -> Result<Outcome> {
        let begun = clock::now();
        let settled = Timestamp(begun.0.saturating_sub(SETTLING));
        let Some(next) = Next::of(&self.lake, settled).await? else { return Ok(Outcome::default()) };
        if let Some(Range { start, end }) = &next.given_up {
            let (from, until) = (utc(*start), utc(*end));
            tracing::warn!(%from, %until, "what was received then is not compared: it is too long ago");
        }
        let received = next.received.clone();
        let scope = Scope { received, tolerance: TOLERANCE, repairs: false, is_written: true };
        let mut judge = Judge::new(&self.lake, scope, begun)?;
        judge.columns(&Layer::ALL).await;
        tell_once(&mut judge.breaks, told);
        let upstream = Upstream { log: &*self.log, contracts: &self.contracts };
        judge.raw(upstream).await?;
        judge.repeated().await;
        judge.normalized().await;
        judge.history().await;
        judge.landed(upstream).await?;
        judge.marts(self.targets.clone(), false).await?;
        let (breaks, failures) = (judge.breaks.len(), judge.failures.len());
        // Where something fails and nothing is at fault, it may pass: the same times are looked at again.
        let is_compared = failures == 0 || breaks > 0;
        judge.keep(if is_compared { next.remembered() } else { BTreeMap::new() }).await?;
        for note in judge.breaks.iter().filter_map(advice).chain(judge.notes.iter().cloned()) {
            tracing::warn!("{note}");
        }
        for (what, why) in &judge.failures {
            tracing::warn!("{what} could not be compared: {why}");
        }
        Ok(Outcome { breaks, failures, is_behind: is_compared && next.received.end < settled })
    }
}

#[derive(Default)]
struct Outcome {
    breaks: usize,
    /// Things that could not be compared. Where a file is at fault, that is a break too.
    failures: usize,
    /// Whether more waits to be compared.
    is_behind: bool,
}

/// Drops the drifts of columns that the round before has told: they last until somebody changes the columns.
fn tell_once(drifts: &mut Vec<Break>, told: &mut BTreeSet<String>) {
    let name = |drift: &Break| format!("{} {} {:?}", drift.table, drift.key, drift.value);
    let now: BTreeSet<_> = drifts.iter().map(name).collect();
    drifts.retain(|drift| !told.contains(&name(drift)));
    *told = now;
}

#[cfg(test)]
mod tests {
    use depthlake_lake::reconcile::BreakClass;

    use super::*;

    #[test]
    fn a_drift_is_told_when_it_comes_and_when_it_comes_back() {
        let drift = |column: &str| Break {
            layer: Layer::Normalized,
            class: BreakClass::SchemaDrift,
            table: "normalized.trades".to_owned(),
            key: column.to_owned(),
            value: None,
            detail: String::new(),
            repaired_at: None,
        };
        let mut told = BTreeSet::new();
        let mut round = |columns: &[&str]| {
            let mut drifts: Vec<_> = columns.iter().map(|column| drift(column)).collect();
            tell_once(&mut drifts, &mut told);
            drifts.into_iter().map(|drift| drift.key).collect::<Vec<_>>()
        };
        assert_eq!(round(&["desk"]), ["desk"]);
        assert_eq!(round(&["desk", "note"]), ["note"]);
        assert_eq!(round(&["note"]), Vec::<String>::new());
        assert_eq!(round(&["desk", "note"]), ["desk"]);
    }
}
