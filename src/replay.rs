//! `depthlake replay`: a recording through the same code that runs live.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Error, Result, bail};
use bytes::Bytes;
use depthlake_engine::clock;
use depthlake_engine::pipeline::{Agreement, Pipeline};
use depthlake_engine::replay::{self, BarLines, BookLines, OfflinePipelines, Report, SymbolCounts};
use depthlake_ingest::recording::{Recording, RecordingError};
use depthlake_orderbook::frame::Envelope;
use depthlake_orderbook::symbol::Symbol;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::arguments::ReplayOptions;
use crate::configuration::Configuration;
use crate::data_folder::DataFolder;
use crate::lake_options::LakePlace;
use crate::messages::{self, complain, say};
use crate::run::deployment::{Deployment, Layout};
use crate::run::router::Router;

const MESSAGES_PER_PROGRESS: u64 = 50_000;
/// Without a log the number of partitions shows nowhere.
const PARTITIONS: NonZeroU16 = NonZeroU16::MIN;

/// Plays the recording to its end.
pub fn run(options: &ReplayOptions, configuration: &Configuration) -> Result<ExitCode> {
    let recording = Recording::open(&options.folder)?.repeated(options.repeat);
    let begun = Instant::now();
    let books = options.books.as_deref().map(create).transpose()?;
    let mut report = Report {
        books: books.map(BookLines::new),
        bars: BarLines::default(),
        counts: SymbolCounts::default(),
    };
    let mut lake = match &options.data {
        Some(data) => Some(Landing::start(data, &recording, &options.folder, configuration)?),
        None => None,
    };
    let mut pipelines = OfflinePipelines::new(PARTITIONS);
    let mut progress = Progress::new();
    let mut is_readable = true;
    let lost = |error: RecordingError| {
        is_readable &= matches!(error, RecordingError::CutOff { .. });
        complain!("{error}");
    };
    let messages = replay::play(&recording, options.speed, lost, |envelope, payload| {
        pipelines.frame(envelope, payload, &mut report);
        if let Some(lake) = &mut lake {
            lake.message(envelope, payload)?;
        }
        progress.message();
        Ok::<(), Error>(())
    })?;
    pipelines.finish(&mut report);
    if let (Some(books), Some(path)) = (report.books.take(), &options.books) {
        books.finish().with_context(|| format!("{} cannot be written", path.display()))?;
    }
    if let Some(path) = &options.bars {
        report.bars.write(create(path)?).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    if let Some(lake) = lake {
        say!("{} rows in the lake", lake.finish()?);
    }
    let agreement = tell(&pipelines, &report.counts);
    println!(
        "{messages} messages in {:.2} s: best bid and ask equalled the venue's at {} of {} shared updates, {} disagreements",
        begun.elapsed().as_secs_f64(),
        agreement.agreed,
        agreement.agreed + agreement.disagreed,
        agreement.disagreed
    );
    if !is_readable {
        bail!("not all of {} could be read", options.folder.display());
    }
    Ok(if agreement.disagreed > 0 { ExitCode::from(3) } else { ExitCode::SUCCESS })
}

/// The way into the lake that live messages take.
struct Landing {
    runtime: Runtime,
    deployment: Deployment,
    router: Router,
    /// Messages handed to the router.
    handed: u64,
}

impl Landing {
    fn start(
        data: &Path,
        recording: &Recording,
        source: &Path,
        configuration: &Configuration,
    ) -> Result<Self> {
        if DataFolder::at(data).catalog().exists() {
            bail!("{} holds a lake already: a replay lands in a folder of its own", data.display());
        }
        let place = LakePlace::local(&DataFolder::create(data)?);
        let symbols: Vec<Symbol> =
            recording.instruments()?.iter().map(|found| found.instrument.symbol).collect();
        let layout = Layout::of(configuration)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        // The books ask for snapshots as they would of a venue; a recording has those it has.
        let (requests, _) = mpsc::channel(1);
        let (deployment, mut router) = runtime.block_on(async {
            // On a worker, where blocking is allowed.
            tokio::spawn(async move { Deployment::start(&place, &symbols, &layout, requests).await }).await?
        })?;
        router.start_session(clock::now(), &format!("replay of {}", source.display()))?;
        Ok(Self { runtime, deployment, router, handed: 0 })
    }

    fn message(&mut self, envelope: &Envelope, payload: &Bytes) -> Result<()> {
        self.router.message(envelope, payload)?;
        self.handed += 1;
        self.deployment.lead.wait(self.handed);
        Ok(())
    }

    /// Waits until everything is committed. Gives the number of rows in the lake.
    fn finish(mut self) -> Result<u64> {
        self.router.end_streams(clock::now())?;
        self.runtime.block_on(async {
            let lake = self.deployment.lake().cloned().context("a replay lands what it plays")?;
            self.deployment.finish(self.router).await?;
            Ok(lake.tables().await?.iter().map(|table| table.rows).sum())
        })
    }
}

fn create(path: &Path) -> Result<BufWriter<File>> {
    let file = File::create(path).with_context(|| format!("{} cannot be made", path.display()))?;
    Ok(BufWriter::new(file))
}

/// A line a symbol, as the reference tool prints it, and what became of bars and dead letters.
fn tell(pipelines: &OfflinePipelines, counts: &SymbolCounts) -> Agreement {
    let mut all = Agreement::default();
    for pipeline in pipelines.pipelines() {
        for (symbol, status) in pipeline.books() {
            let trades = counts.trades.get(&symbol).copied().unwrap_or_default();
            say!(
                "{symbol} applied={} stale={} gaps={} snapshots={} agreed={} disagreed={} trades={trades}{}",
                status.applied,
                status.stale,
                status.gaps,
                status.snapshots,
                status.tickers.agreed,
                status.tickers.disagreed,
                bars(pipeline, symbol),
            );
            let klines = pipeline.kline_agreement(symbol);
            all.agreed += status.tickers.agreed;
            all.disagreed += status.tickers.disagreed + klines.disagreed;
        }
    }
    for (reason, count) in &counts.dead_letters {
        say!("dead letters: {count} {reason}");
    }
    all
}

fn bars(pipeline: &Pipeline, symbol: Symbol) -> String {
    match pipeline.kline_agreement(symbol) {
        Agreement { agreed: 0, disagreed: 0 } => String::new(),
        Agreement { agreed, disagreed } => format!(" bars_agreed={agreed} bars_disagreed={disagreed}"),
    }
}

/// Counts on a terminal while a long recording is read.
struct Progress {
    count: u64,
    is_shown: bool,
}

impl Progress {
    fn new() -> Self {
        Self { count: 0, is_shown: messages::may_move() }
    }

    fn message(&mut self) {
        self.count += 1;
        if self.is_shown && self.count.is_multiple_of(MESSAGES_PER_PROGRESS) {
            eprint!("\r{} messages", self.count);
            let _ = std::io::stderr().flush();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown && self.count >= MESSAGES_PER_PROGRESS {
            eprintln!();
        }
    }
}
