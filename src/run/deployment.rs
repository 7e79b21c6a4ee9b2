//! Everything from the log to the tables, in one process: log, shards, board, landing, sink.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use depthlake_engine::board::HEARTBEAT_INTERVAL;
use depthlake_engine::clock;
use depthlake_engine::events::{EventFeed, EventWriter};
use depthlake_engine::latency::Latencies;
use depthlake_engine::live_books::{LiveBooks, Outlet};
use depthlake_engine::pipeline::{Need, Pipeline};
use depthlake_engine::recovery::Restored;
use depthlake_engine::shard::{self, Idle, ShardConfig, ShardHandle, ShardSender, WorkerConfig};
use depthlake_ingest::live::{Request, SnapshotPriority};
use depthlake_lake::commit::Lake;
use depthlake_lake::log::{Log, Offset, Partition, TopicPartition};
use depthlake_lake::record::Contracts;
use depthlake_lake::sink::{CommitReport, SinkMetrics};
use depthlake_lake::tail::{Tail, TailOptions};
use depthlake_orderbook::partition::partition_of;
use depthlake_orderbook::symbol::Symbol;
use depthlake_query::health;
use tokio::sync::{mpsc, watch};

use super::carrier::Carrier;
use super::landing::Landing;
use super::lead::Lead;
use super::lost_log;
use super::open_log::OpenLog;
use super::resume::{self, Resumed};
use super::retention::Retention;
use super::roles::Roles;
use super::router::Router;
use crate::configuration::Configuration;
use crate::contracts;
use crate::data_folder::DataFolder;
use crate::lake_options::LakePlace;
use crate::log_address::LogAddress;
use crate::maintain::Care;

/// How a deployment is laid out.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    pub log: LogAddress,
    /// Whether a log that was lost is begun anew.
    pub new_log: bool,
    pub shards: usize,
    pub idle: Idle,
    pub pin: bool,
    pub partitions: NonZeroU16,
    pub commit_interval: Duration,
    pub roles: Roles,
    /// The URL of the schema registry, where the ids of records are to come from one.
    pub schema_registry: Option<String>,
    pub care: Care,
    /// What is promised while it runs.
    pub health: health::Targets,
    /// How often the layers are compared while the program runs; `None`: not at all.
    pub reconcile_every: Option<Duration>,
}

/// A running deployment.
pub struct Deployment {
    pub resumed: Resumed,
    /// How far the tables are behind those who hand messages on.
    pub lead: Lead,
    log: Arc<dyn Log>,
    contracts: Contracts,
    events: EventFeed,
    shards: Vec<shard::ShardMetrics>,
    landing: Landing,
    carrier: Option<Carrier>,
    stop_heartbeat: watch::Sender<bool>,
}

/// What a deployment did, told at its end.
pub struct Outcome {
    pub pipelines: BTreeMap<u16, Pipeline>,
    pub spilled: u64,
    pub latencies: Latencies,
}

impl Layout {
    pub fn of(configuration: &Configuration) -> Result<Self> {
        const DEFAULT_PARTITIONS: NonZeroU16 = NonZeroU16::new(4).unwrap();
        const DEFAULT_COMMIT_SECONDS: f64 = 10.0;
        let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let shards = configuration.engine.shards.filter(|&shards| shards > 0);
        let partitions = match configuration.lake.partitions {
            None => DEFAULT_PARTITIONS,
            Some(count) => NonZeroU16::new(count).context("lake.partitions must be at least 1")?,
        };
        let commit = configuration.lake.commit_seconds.unwrap_or(DEFAULT_COMMIT_SECONDS);
        Ok(Self {
            log: LogAddress::Embedded,
            new_log: false,
            shards: shards.unwrap_or(cores.saturating_sub(1)).clamp(1, usize::from(partitions.get())),
            idle: configuration.engine.idle.as_deref().map_or(Ok(Idle::default()), str::parse)?,
            pin: configuration.engine.pin.unwrap_or(true),
            partitions,
            roles: Roles::All,
            commit_interval: Duration::try_from_secs_f64(commit)
                .ok()
                .filter(|interval| !interval.is_zero())
                .with_context(|| format!("lake.commit_seconds is {commit}: expected more than 0"))?,
            schema_registry: configuration.lake.schema_registry.clone(),
            care: Care::of(&configuration.lake)?,
            health: configuration.health.targets()?,
            reconcile_every: reconcile_every(configuration.lake.reconcile_minutes)?,
        })
    }
}

/// An hour where nothing is configured; 0 means not at all.
fn reconcile_every(minutes: Option<f64>) -> Result<Option<Duration>> {
    const DEFAULT_MINUTES: f64 = 60.0;
    let minutes = minutes.unwrap_or(DEFAULT_MINUTES);
    let every = Duration::try_from_secs_f64(minutes * 60.0)
        .with_context(|| format!("lake.reconcile_minutes is {minutes}: expected 0 or more"))?;
    Ok(Some(every).filter(|every| !every.is_zero()))
}

impl Deployment {
    /// Takes up what lies in the folder and the lake, or begins it. Needs of the books go to `requests`.
    pub async fn start(
        place: &LakePlace,
        symbols: &[Symbol],
        layout: &Layout,
        requests: mpsc::Sender<Request>,
    ) -> Result<(Self, Router)> {
        // Before anything is produced.
        let contracts = tokio::task::block_in_place(|| contracts::open(layout.schema_registry.as_deref()))?;
        let folder = DataFolder::at(&place.folder);
        let opened = tokio::task::block_in_place(|| OpenLog::open(&folder, layout))?;
        let lake = if layout.roles.carry_to_lake() { Some(place.open().await?) } else { None };
        let known = match &lake {
            Some(lake) => committed(lake).await?,
            None => Vec::new(),
        };
        let opened = tokio::task::block_in_place(|| lost_log::checked(opened, &folder, layout, &known))?;
        let log = opened.log();
        let mut resumed = tokio::task::block_in_place(|| resume::resume(&*log, &contracts))?;
        let (live_books, outlets, events) =
            LiveBooks::create(&folder.board(), symbols, layout.shards, clock::now())?;
        let partitions = std::mem::take(&mut resumed.partitions);
        let (senders, handles) = spawn_shards(layout, partitions, outlets, events, &requests)?;
        let retention = Arc::new(Mutex::new(Retention::new(known)));
        let shards = handles.iter().map(ShardHandle::metrics).collect();
        let last_kept = std::mem::take(&mut resumed.last_kept);
        let landing =
            Landing::spawn(Arc::clone(&log), contracts.clone(), handles, Arc::clone(&retention), last_kept)?;
        let lead = Lead::default();
        let carrier = match lake {
            Some(lake) => {
                let hook = on_commit(&log, retention, lead.clone());
                Some(Carrier::start(&opened, lake, layout, contracts.clone(), hook).await?)
            }
            None => None,
        };
        let router = Router::new(Arc::clone(&log), senders);
        let events = live_books.feed().clone();
        let stop_heartbeat = spawn_heartbeat(live_books);
        let started =
            Self { resumed, lead, log, contracts, events, shards, landing, carrier, stop_heartbeat };
        Ok((started, router))
    }

    /// The lake, where this process carries the log into it.
    pub fn lake(&self) -> Option<&Lake> {
        self.carrier.as_ref().map(|carrier| &carrier.lake)
    }

    /// What is in the log and not in the tables of the lake yet.
    pub async fn tail(&self, lake: &Lake) -> Result<Tail> {
        let options = TailOptions { contracts: self.contracts.clone(), ..TailOptions::default() };
        Ok(Tail::follow(self.log(), lake.clone(), options).await?)
    }

    /// How the records of the log are to be read.
    pub fn contracts(&self) -> Contracts {
        self.contracts.clone()
    }

    /// What happens to the books, as it happens.
    pub fn events(&self) -> EventFeed {
        self.events.clone()
    }

    /// What each shard tells of itself.
    pub fn shards(&self) -> &[shard::ShardMetrics] {
        &self.shards
    }

    /// What the sink tells of itself, where this process carries the log into the lake.
    pub fn sink(&self) -> Option<Arc<SinkMetrics>> {
        self.carrier.as_ref().map(|carrier| Arc::clone(&carrier.metrics))
    }

    pub fn log(&self) -> Arc<dyn Log> {
        Arc::clone(&self.log)
    }

    /// Completes when the sink or the landing has stopped of itself, which they do only on an error. The landing's own is
    /// told by [`Deployment::finish`].
    pub async fn failed(&mut self) -> anyhow::Error {
        let carrier_failed = async {
            match &mut self.carrier {
                Some(carrier) => carrier.failed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            error = carrier_failed => error,
            () = self.landing.ended() => anyhow!("what is derived can no longer be kept"),
        }
    }

    /// Why the landing ended, after it did; no error where it did not.
    pub async fn landing_error(self) -> Result<()> {
        self.landing.join().await.map(drop)
    }

    /// Waits until all that was routed is derived, kept and committed, and ends.
    pub async fn finish(self, router: Router) -> Result<Outcome> {
        drop(router);
        let reports = self.landing.join().await?;
        let log = Arc::clone(&self.log);
        tokio::task::spawn_blocking(move || log.sync()).await??;
        if let Some(carrier) = self.carrier {
            carrier.finish().await?;
        }
        self.stop_heartbeat.send_replace(true);
        let mut latencies = Latencies::default();
        for shard in &self.shards {
            latencies.add(&shard.latencies());
        }
        Ok(Outcome {
            spilled: reports.iter().map(|report| report.spilled).sum(),
            pipelines: reports.into_iter().flat_map(|report| report.pipelines).collect(),
            latencies,
        })
    }
}

/// How far the tables are in the log. Positions of what is no topic of it, such as the builds of marts, do not count.
pub async fn committed(lake: &Lake) -> Result<Vec<(TopicPartition, Offset)>> {
    let positions = lake.positions().await?;
    let known = positions.into_iter().filter_map(|(of, next)| {
        let topic = of.topic.parse().ok()?;
        let partition = u16::try_from(of.partition).map(Partition).map_err(anyhow::Error::from);
        Some(partition.map(|partition| (TopicPartition::new(topic, partition), Offset(next))))
    });
    known.collect()
}

fn spawn_shards(
    layout: &Layout,
    partitions: BTreeMap<u16, Restored>,
    outlets: Vec<Outlet>,
    events: Vec<EventWriter>,
    requests: &mpsc::Sender<Request>,
) -> Result<(Vec<ShardSender>, Vec<ShardHandle>)> {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let mut configs: Vec<ShardConfig> = events
        .into_iter()
        .enumerate()
        .map(|(number, events)| ShardConfig {
            number,
            // From the last core down: the first is where most systems handle their interrupts.
            core: cores.iter().rev().nth(number).copied().filter(|_| layout.pin),
            idle: layout.idle,
            work: WorkerConfig {
                partitions: BTreeMap::new(),
                outlets: Vec::new(),
                events,
                needs: need_sink(requests.clone()),
            },
        })
        .collect();
    let count = layout.shards;
    for (number, restored) in partitions {
        configs[usize::from(number) % count].work.partitions.insert(number, restored);
    }
    for outlet in outlets {
        let partition = partition_of(Some(outlet.slot.symbol()), layout.partitions);
        configs[usize::from(partition) % count].work.outlets.push(outlet);
    }
    let mut started = (Vec::new(), Vec::new());
    for config in configs {
        let (sender, handle) = shard::spawn(config).context("a shard's thread could not be made")?;
        started.0.push(sender);
        started.1.push(handle);
    }
    Ok(started)
}

fn need_sink(requests: mpsc::Sender<Request>) -> shard::NeedSink {
    Box::new(move |symbol, need| {
        let request = match need {
            Need::FirstSnapshot => Request::Snapshot { symbol, priority: SnapshotPriority::StartUp },
            Need::NewSnapshot => Request::Snapshot { symbol, priority: SnapshotPriority::Gap },
            Need::Instrument => Request::Instrument { symbol },
        };
        if let Err(error) = requests.try_send(request) {
            tracing::debug!(%symbol, ?need, %error, "nobody takes requests");
        }
    })
}

/// Lets the log go of what is committed, and tells those who hand messages on how far the tables are.
fn on_commit(
    log: &Arc<dyn Log>,
    retention: Arc<Mutex<Retention>>,
    lead: Lead,
) -> impl FnMut(&CommitReport) + Send + 'static {
    let released = Arc::clone(log);
    move |report| {
        lead.committed(report);
        let mut retention = retention.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = retention.release(&*released, report.positions.iter().copied()) {
            tracing::warn!(%error, "the log could not let go of what is committed");
        }
    }
}

/// Says on the board that its writer lives, until it is told to stop; then the board is closed.
fn spawn_heartbeat(live_books: LiveBooks) -> watch::Sender<bool> {
    let (stop, mut stopped) = watch::channel(false);
    tokio::spawn(async move {
        let mut beat = tokio::time::interval(HEARTBEAT_INTERVAL);
        loop {
            tokio::select! {
                _ = beat.tick() => live_books.heartbeat(clock::now()),
                _ = stopped.changed() => return,
            }
        }
    });
    stop
}
