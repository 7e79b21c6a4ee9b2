//! Reconciliation beside a run.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use depthlake_engine::clock;
use depthlake_lake::commit::Lake;
use depthlake_lake::log::Log;
use depthlake_lake::model::Targets;
use depthlake_lake::reconcile::Layer;
use depthlake_lake::runs::Job;
use depthlake_orderbook::time::Timestamp;
use tokio::time::{MissedTickBehavior, interval};

use super::judge::{Judge, Scope};
use super::{SETTLING, TOLERANCE};

/// Compares all layers every so often, each time what was received since the time before, until it is aborted. What differs is
/// kept in `ops.recon_breaks` and told in the program's log; nothing is repaired.
pub async fn compare_regularly(lake: Lake, log: Arc<dyn Log>, targets: Targets, every: Duration) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let mut compared_to = settled();
    loop {
        ticks.tick().await;
        let (to, begun) = (settled(), Instant::now());
        let compared = compare(&lake, &*log, targets, compared_to..to).await;
        match &compared {
            Ok(0) => tracing::debug!("the layers agree"),
            Ok(breaks) => tracing::warn!(breaks, "the layers differ: see ops.recon_breaks"),
            Err(error) => {
                tracing::warn!("the layers could not be compared, and are with the next: {error:#}");
            }
        }
        if compared.is_ok() {
            compared_to = to;
        }
        let result = compared.map(|breaks| [("breaks", breaks as u64)].into());
        let result = result.map_err(|error| format!("{error:#}"));
        lake.runs().ended(Job::Reconciliation, begun.elapsed(), result);
    }
}

/// Gives how many breaks there are.
async fn compare(
    lake: &Lake,
    log: &dyn Log,
    targets: Targets,
    received: std::ops::Range<Timestamp>,
) -> Result<usize> {
    let scope = Scope { received, tolerance: TOLERANCE, repairs: false };
    let mut judge = Judge::new(lake, scope, clock::now())?;
    judge.columns(&Layer::ALL).await?;
    judge.raw(log).await?;
    judge.normalized().await?;
    judge.landed(log).await?;
    judge.marts(targets, false).await?;
    judge.keep().await?;
    Ok(judge.breaks.len())
}

/// What was received before this time has given all it gives.
fn settled() -> Timestamp {
    Timestamp(clock::now().0.saturating_sub(SETTLING))
}
