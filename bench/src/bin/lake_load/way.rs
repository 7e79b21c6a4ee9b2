//! Log, shards, landing and sink, wired as the program wires them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use depthlake_engine::clock;
use depthlake_engine::live_books::LiveBooks;
use depthlake_engine::recovery::Recovery;
use depthlake_engine::shard::{self, Idle, ShardConfig, ShardHandle, ShardReport, ShardSender, WorkerConfig};
use depthlake_ingest::recording::Recording;
use depthlake_lake::commit::Lake;
use depthlake_lake::log::{EmbeddedLog, Log, Options};
use depthlake_lake::record::Contracts;
use depthlake_lake::sink::{Sink, SinkConfig, SinkError, SinkSummary};
use depthlake_orderbook::partition::partition_of;
use depthlake_orderbook::symbol::Symbol;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::arguments::Arguments;
use crate::freshness::Freshness;
use crate::landing::Landing;
use crate::lead::Lead;
use crate::retention::Retention;
use crate::router::Router;

pub struct Way {
    pub log: Arc<dyn Log>,
    pub lake: Lake,
    pub lead: Lead,
    pub freshness: Arc<Mutex<Freshness>>,
    running: Mutex<Option<Running>>,
}

struct Running {
    landing: Landing,
    sink: JoinHandle<Result<SinkSummary, SinkError>>,
    stop_sink: watch::Sender<bool>,
    _live_books: LiveBooks,
}

impl Way {
    pub async fn start(
        folder: &Path,
        recording: &Recording,
        arguments: &Arguments,
    ) -> Result<(Self, Router)> {
        let symbols: Vec<Symbol> =
            recording.instruments()?.iter().map(|found| found.instrument.symbol).collect();
        let options = Options::new(arguments.partitions);
        let log: Arc<dyn Log> = Arc::new(EmbeddedLog::open(&folder.join("log"), &options)?);
        let lake = Lake::open(&folder.join("catalog.db"), &folder.join("warehouse")).await?;
        let (live_books, senders, handles) = spawn_shards(folder, &symbols, arguments)?;
        let retention = Arc::new(Mutex::new(Retention::new([])));
        let (contracts, kept) = (Contracts::default(), BTreeMap::new());
        let landing = Landing::spawn(Arc::clone(&log), contracts, handles, Arc::clone(&retention), kept)?;
        let freshness = Arc::new(Mutex::new(Freshness::default()));
        let (stop_sink, stopped) = watch::channel(false);
        let lead = Lead::default();
        let sink = sink(&log, &lake, arguments, retention, Arc::clone(&freshness), lead.clone());
        let running =
            Running { landing, sink: tokio::spawn(sink.run(stopped)), stop_sink, _live_books: live_books };
        let router = Router::new(Arc::clone(&log), senders);
        Ok((Self { log, lake, lead, freshness, running: Mutex::new(Some(running)) }, router))
    }

    /// Waits until everything that was fed is in the tables. Gives how many records waited in memory for the log.
    pub async fn finish(&self) -> Result<u64> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(running) = running else { return Ok(0) };
        let reports: Vec<ShardReport> = running.landing.join().await?;
        let log = Arc::clone(&self.log);
        spawn_blocking(move || log.sync()).await??;
        running.stop_sink.send_replace(true);
        running.sink.await??;
        Ok(reports.iter().map(|report| report.spilled).sum())
    }
}

fn spawn_shards(
    folder: &Path,
    symbols: &[Symbol],
    arguments: &Arguments,
) -> Result<(LiveBooks, Vec<ShardSender>, Vec<ShardHandle>)> {
    let count = arguments.shards.clamp(1, usize::from(arguments.partitions.get()));
    let (live_books, outlets, events) =
        LiveBooks::create(&folder.join("board"), symbols, count, clock::now())?;
    let config = |(number, events)| ShardConfig {
        number,
        core: None,
        idle: Idle::Park,
        work: WorkerConfig {
            partitions: BTreeMap::new(),
            outlets: Vec::new(),
            events,
            // A recording has the snapshots that it has.
            needs: Box::new(|_, _| {}),
        },
    };
    let mut configs: Vec<_> = events.into_iter().enumerate().map(config).collect();
    for partition in 0..arguments.partitions.get() {
        let restored = Recovery::new(partition, None).finish();
        configs[usize::from(partition) % count].work.partitions.insert(partition, restored);
    }
    for outlet in outlets {
        let partition = partition_of(Some(outlet.slot.symbol()), arguments.partitions);
        configs[usize::from(partition) % count].work.outlets.push(outlet);
    }
    let mut started = (live_books, Vec::new(), Vec::new());
    for config in configs {
        let (sender, handle) = shard::spawn(config)?;
        started.1.push(sender);
        started.2.push(handle);
    }
    Ok(started)
}

fn sink(
    log: &Arc<dyn Log>,
    lake: &Lake,
    arguments: &Arguments,
    retention: Arc<Mutex<Retention>>,
    freshness: Arc<Mutex<Freshness>>,
    lead: Lead,
) -> Sink {
    let commit_interval = Duration::from_secs_f64(arguments.commit_seconds);
    let config = SinkConfig { commit_interval, ..SinkConfig::default() };
    let released = Arc::clone(log);
    Sink::new(Arc::clone(log), lake.clone(), config).on_commit(move |report| {
        lead.committed(report);
        freshness.lock().unwrap_or_else(PoisonError::into_inner).committed(report);
        let mut retention = retention.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = retention.release(&*released, report.positions.iter().copied()) {
            tracing::warn!(%error, "the log could not let go of what is committed");
        }
    })
}
