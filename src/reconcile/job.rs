//! Reconciliation beside a run.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use depthlake_engine::clock;
use depthlake_lake::commit::Lake;
use depthlake_lake::log::Log;
use depthlake_lake::model::Targets;
use depthlake_lake::reconcile::{Break, Layer};
use depthlake_lake::runs::Job;
use depthlake_orderbook::time::Timestamp;
use tokio::time::{MissedTickBehavior, interval};

use super::judge::{Judge, Scope};
use super::report::advice;
use super::{SETTLING, TOLERANCE};

/// Compares all layers every so often, each time what was received since the time before, until it is aborted. What differs is
/// kept in `ops.recon_breaks` and told in the program's log, that a column drifts once; nothing is repaired.
pub async fn compare_regularly(lake: Lake, log: Arc<dyn Log>, targets: Targets, every: Duration) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let mut compared_to = settled();
    let mut told = BTreeSet::new();
    loop {
        ticks.tick().await;
        let (to, begun) = (settled(), Instant::now());
        let compared = compare(&lake, &*log, targets.clone(), compared_to..to, &mut told).await;
        match &compared {
            Ok(Outcome { breaks: 0, failures: 0 }) => tracing::debug!("the layers agree"),
            Ok(Outcome { breaks: 0, .. }) => {}
            Ok(Outcome { breaks, .. }) => tracing::warn!(breaks, "the layers differ: see ops.recon_breaks"),
            Err(error) => {
                tracing::warn!("the layers could not be compared, and are with the next: {error:#}");
            }
        }
        if let Ok(Outcome { failures: 0, .. } | Outcome { breaks: 1.., .. }) = compared {
            compared_to = to;
        }
        let figures =
            |done: Outcome| [("breaks", done.breaks as u64), ("not_compared", done.failures as u64)].into();
        let result = compared.map(figures).map_err(|error| format!("{error:#}"));
        lake.runs().ended(Job::Reconciliation, begun.elapsed(), result);
    }
}

struct Outcome {
    breaks: usize,
    /// Things that could not be compared. Where a file is at fault, that is a break too.
    failures: usize,
}

async fn compare(
    lake: &Lake,
    log: &dyn Log,
    targets: Targets,
    received: Range<Timestamp>,
    told: &mut BTreeSet<String>,
) -> Result<Outcome> {
    let scope = Scope { received, tolerance: TOLERANCE, repairs: false };
    let mut judge = Judge::new(lake, scope, clock::now())?;
    judge.columns(&Layer::ALL).await;
    tell_once(&mut judge.breaks, told);
    judge.raw(log).await?;
    judge.normalized().await;
    judge.history().await;
    judge.landed(log).await?;
    judge.marts(targets, false).await?;
    judge.keep().await?;
    for note in judge.breaks.iter().filter_map(advice).chain(judge.notes.iter().cloned()) {
        tracing::warn!("{note}");
    }
    for (what, why) in &judge.failures {
        tracing::warn!("{what} could not be compared: {why}");
    }
    Ok(Outcome { breaks: judge.breaks.len(), failures: judge.failures.len() })
}

/// Drops the drifts of columns that the round before has told: they last until somebody changes the columns.
fn tell_once(drifts: &mut Vec<Break>, told: &mut BTreeSet<String>) {
    let name = |drift: &Break| format!("{} {} {:?}", drift.table, drift.key, drift.value);
    let now: BTreeSet<_> = drifts.iter().map(name).collect();
    drifts.retain(|drift| !told.contains(&name(drift)));
    *told = now;
}

/// What was received before this time has given all it gives.
fn settled() -> Timestamp {
    Timestamp(clock::now().0.saturating_sub(SETTLING))
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
