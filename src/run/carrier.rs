//! The part of a run that carries the log into the lake: alone, as `--roles lake`, or beside the engine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use depthlake_lake::commit::Lake;
use depthlake_lake::log::Membership;
use depthlake_lake::record::Contracts;
use depthlake_lake::sink::{CommitReport, Sink, SinkConfig, SinkError, SinkMetrics, SinkSummary};
use depthlake_query::live::Market;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::background;
use super::deployment::{self, Layout};
use super::jobs::Jobs;
use super::lost_log;
use super::observing::Observing;
use super::open_log::OpenLog;
use super::stop;
use crate::arguments::RunOptions;
use crate::contracts;
use crate::data_folder::DataFolder;
use crate::lake_options::LakePlace;
use crate::maintain::Care;
use crate::messages::say;
use crate::serve::{Doors, Served};

const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// A running sink.
pub struct Carrier {
    pub lake: Lake,
    pub metrics: Arc<SinkMetrics>,
    sink: JoinHandle<Result<SinkSummary, SinkError>>,
    maintenance: Option<JoinHandle<()>>,
    stop: watch::Sender<bool>,
    /// Kept here so that the sink does not end it.
    membership: Option<Arc<Membership>>,
}

impl Carrier {
    /// Starts carrying what is durable in the log, or this process's share of it. `on_commit` hears of every commit.
    pub async fn start(
        opened: &OpenLog,
        lake: Lake,
        layout: &Layout,
        contracts: Contracts,
        mut on_commit: impl FnMut(&CommitReport) + Send + 'static,
    ) -> Result<Self> {
        let membership = opened.join(&lake).await?;
        let config = SinkConfig { commit_interval: layout.commit_interval, ..SinkConfig::default() };
        let mut sink = Sink::new(opened.log(), lake.clone(), config).with_contracts(contracts);
        if let Some(membership) = &membership {
            sink = sink.sharing(membership.assigned());
        }
        let member = membership.clone();
        let sink = sink.on_commit(move |report| {
            if let Some(member) = &member {
                member.commit(&report.positions);
            }
            on_commit(report);
        });
        let metrics = sink.metrics();
        let (stop, stopped) = watch::channel(false);
        let maintenance = spawn_maintenance(&lake, &layout.care, stopped.clone());
        let sink = background::spawn(sink.run(stopped));
        Ok(Self { lake, metrics, sink, maintenance, stop, membership })
    }

    /// Completes when the sink has stopped of itself, which it does only on an error.
    pub async fn failed(&mut self) -> anyhow::Error {
        match (&mut self.sink).await {
            Ok(Ok(_)) => anyhow!("the sink stopped before it was told to"),
            Ok(Err(error)) => anyhow::Error::from(error).context("the sink stopped"),
            Err(error) => anyhow::Error::from(error).context("the sink ended by a panic"),
        }
    }

    /// Commits what is durable in the log by now, and ends.
    pub async fn finish(self) -> Result<SinkSummary> {
        self.stop.send_replace(true);
        let summary = self.sink.await??;
        if let Some(maintenance) = self.maintenance {
            maintenance.await?;
        }
        // Leaving the group blocks.
        tokio::task::spawn_blocking(move || drop(self.membership)).await?;
        Ok(summary)
    }
}

/// Carries until the user, the system, the duration or a failure ends it.
pub async fn run(
    options: &RunOptions,
    place: &LakePlace,
    layout: &Layout,
    doors: Option<Doors>,
) -> Result<()> {
    let begun = Instant::now();
    let contracts = tokio::task::block_in_place(|| contracts::open(layout.schema_registry.as_deref()))?;
    let lake = place.open().await?;
    let folder = DataFolder::at(&place.folder);
    // Before the log is looked at, which others write and carry meanwhile.
    let known = deployment::committed(&lake).await?;
    let opened = tokio::task::block_in_place(|| {
        lost_log::checked(OpenLog::follow(&folder, layout)?, &folder, layout, &known)
    })?;
    let mut carrier = Carrier::start(&opened, lake, layout, contracts.clone(), |_| {}).await?;
    let jobs = Jobs::spawn(&carrier.lake, opened.log(), contracts, layout)?;
    let observing = Observing::of_carrier(&carrier, opened.log(), &place.folder, layout);
    let served = || {
        let market = Market::at(&DataFolder::at(&place.folder).board());
        Served { database: None, market, events: None }
    };
    let serving = doors.map(|doors| doors.serve(served(), &observing)).transpose()?;
    let lines = tokio::spawn(lines(carrier.lake.clone(), begun));
    let failure = tokio::select! {
        () = stop::stop_requested(options.duration) => None,
        error = carrier.failed() => Some(error),
    };
    lines.abort();
    drop(jobs);
    if let Some(serving) = serving {
        serving.close().await;
    }
    if let Some(error) = failure {
        return Err(error);
    }
    let summary = carrier.finish().await?;
    let seconds = begun.elapsed().as_secs_f64();
    let rows: BTreeMap<String, u64> =
        summary.rows.iter().map(|(table, rows)| (table.to_string(), *rows)).collect();
    println!("{seconds:.1} s: {} rows in {} commits", rows.values().sum::<u64>(), summary.commits);
    if let Some(path) = &options.summary {
        let json = serde_json::json!({ "seconds": seconds, "commits": summary.commits, "rows": rows });
        std::fs::write(path, format!("{json:#}\n"))
            .with_context(|| format!("the summary {} cannot be written", path.display()))?;
    }
    Ok(())
}

fn spawn_maintenance(lake: &Lake, care: &Care, stopped: watch::Receiver<bool>) -> Option<JoinHandle<()>> {
    let every = care.every?;
    Some(background::spawn(care.maintenance.clone().run(lake.clone(), every, stopped)))
}

async fn lines(lake: Lake, begun: Instant) {
    let mut tick = tokio::time::interval(LINE_INTERVAL);
    tick.tick().await;
    loop {
        tick.tick().await;
        match lake.tables().await {
            Ok(tables) => {
                let rows: u64 = tables.iter().map(|table| table.rows).sum();
                say!("{:.1} s: {rows} rows in the lake", begun.elapsed().as_secs_f64());
            }
            Err(error) => tracing::warn!(%error, "the tables could not be counted"),
        }
    }
}
