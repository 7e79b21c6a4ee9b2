//! The marts of a run, kept up to date beside it.

use std::time::Duration;

use anyhow::Result;
use depthlake_lake::commit::Lake;
use depthlake_lake::model::{Mode, Targets};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::build::builder;

/// The time from the beginning of a build to that of the next.
const PERIOD: Duration = Duration::from_mins(1);

/// Builds the marts every minute until it is aborted, which loses nothing: a build that was not committed is none. One that
/// fails is tried again with the next; the sink goes on all the while.
pub fn spawn(lake: &Lake, targets: Targets) -> Result<JoinHandle<()>> {
    let builder = builder(lake, targets)?;
    Ok(tokio::spawn(async move {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        ticks.tick().await;
        loop {
            ticks.tick().await;
            match builder.build(&[], Mode::Incremental).await {
                Ok(built) => tracing::debug!(?built, "the marts are built"),
                Err(error) => {
                    let error = anyhow::Error::from(error);
                    tracing::warn!("the marts could not be built, and are tried again: {error:#}");
                }
            }
        }
    }))
}
