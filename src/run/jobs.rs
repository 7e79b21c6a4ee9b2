//! What a run does for its lake at intervals, beside carrying the log into it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use depthlake_lake::commit::Lake;
use depthlake_lake::log::Log;
use depthlake_lake::model::{Builder, Built, Mode};
use depthlake_lake::record::Contracts;
use depthlake_lake::runs::{Figures, Job};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::background;
use super::deployment::Layout;
use crate::build::builder;
use crate::reconcile;

/// The time from the beginning of a build of the marts to that of the next.
const BUILD_PERIOD: Duration = Duration::from_mins(1);

/// The running jobs. Dropping them ends them, which loses nothing: what they have not committed is done again by the next.
pub struct Jobs(Vec<JoinHandle<()>>);

impl Jobs {
    /// Builds the marts every minute, and compares the layers as often as the layout says.
    pub fn spawn(lake: &Lake, log: Arc<dyn Log>, contracts: Contracts, layout: &Layout) -> Result<Self> {
        let targets = layout.health.feed.clone();
        let building = background::spawn(build(lake.clone(), builder(lake, targets.clone())?));
        let comparing = layout.reconcile_every.map(|every| {
            let compared = reconcile::Regularly { lake: lake.clone(), log, contracts, targets };
            background::spawn(compared.compare(every))
        });
        Ok(Self([Some(building), comparing].into_iter().flatten().collect()))
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// A build that fails is tried again with the next; the sink goes on all the while.
async fn build(lake: Lake, builder: Builder) {
    let mut ticks = interval(BUILD_PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let begun = Instant::now();
        let result = match builder.build(&[], Mode::Incremental).await {
            Ok(built) => {
                tracing::debug!(?built, "the marts are built");
                Ok(figures(&built))
            }
            Err(error) => {
                let error = anyhow::Error::from(error);
                tracing::warn!("the marts could not be built, and are tried again: {error:#}");
                Err(format!("{error:#}"))
            }
        };
        lake.runs().ended(Job::Marts, begun.elapsed(), result);
    }
}

fn figures(built: &[Built]) -> Figures {
    let tables = built.iter().filter(|built| built.rows > 0).count();
    [("rows", built.iter().map(|built| built.rows).sum()), ("tables", tables as u64)].into()
}
