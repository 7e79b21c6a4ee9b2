//! `depthlake run`: a venue's books, and everything about them in the lake.

mod background;
mod carrier;
pub mod deployment;
pub mod feed_source;
mod jobs;
pub mod landing;
pub mod lead;
mod lost_log;
pub mod observing;
pub mod open_log;
mod progress;
mod resume;
mod retention;
pub mod roles;
pub mod router;
pub mod stop;
mod summary;

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use depthlake_engine::clock;
use depthlake_ingest::live::{self, FeedConfig, FeedError, FeedMetrics, FeedReport, Request};
use depthlake_ingest::sim;
use depthlake_query::{Database, DatabaseOptions, Limits, health, live as live_market};
use futures::FutureExt;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::arguments::RunOptions;
use crate::configuration::Configuration;
use crate::data_folder::DataFolder;
use crate::lake_options::LakePlace;
use crate::messages::MessageOptions;
use crate::serve::{self, Doors, Served, Serving};
use crate::{messages, top};
use deployment::{Deployment, Layout};
use feed_source::{FeedSource, PENDING_REQUESTS};
use jobs::Jobs;
use observing::Observing;
use progress::Progress;
use roles::Roles;
use router::{Router, RouterCounts};
use summary::Summary;

/// How often the books in the terminal are drawn anew.
const REFRESH: Duration = Duration::from_millis(250);
/// How long the last frames of a simulated venue are given to arrive.
const LAST_FRAMES: Duration = Duration::from_secs(5);

/// Runs until the user, the system, the duration or a failure ends it.
pub fn run(
    options: &RunOptions,
    configuration: &Configuration,
    messages: &MessageOptions,
) -> Result<ExitCode> {
    let place = options.lake.place(configuration)?;
    let folder = DataFolder::create(&place.folder)?;
    let shows_books = options.roles != Roles::Lake && std::io::stdout().is_terminal();
    let _messages = if shows_books {
        messages::to_file(messages, &folder.messages())?
    } else {
        messages::to_standard_error(messages)?
    };
    let runtime = crate::runtime()?;
    let (log, roles) = (options.log(configuration), options.roles);
    let schema_registry = options.schema_registry(configuration);
    let layout =
        Layout { log, roles, schema_registry, new_log: options.new_log, ..Layout::of(configuration)? };
    if roles == Roles::Query {
        let serving = serve::serve(&place, &layout, options.listen, options.duration, configuration);
        runtime.block_on(serving)?;
        return Ok(ExitCode::SUCCESS);
    }
    roles.check(&layout.log)?;
    runtime.block_on(async {
        // Before anything begins that would have to be stopped again.
        let doors =
            if options.no_serve { None } else { Some(Doors::open(options.listen, &configuration.serve)?) };
        if roles == Roles::Lake {
            carrier::run(options, &place, &layout, doors).await?;
            return Ok(ExitCode::SUCCESS);
        }
        let opened = Opened { doors, limits: configuration.serve.limits.limits()? };
        let source = FeedSource::open(&options.venue, &options.generator, configuration).await?;
        configuration.health.check_symbols(&source.symbols)?;
        let summary = feed(options, &place, &layout, source, opened, shows_books).await?;
        if let Some(path) = &options.summary {
            std::fs::write(path, summary.to_json()?)
                .with_context(|| format!("the summary {} cannot be written", path.display()))?;
        }
        println!("{summary}");
        Ok(summary.exit_code())
    })
}

/// What was opened for clients before the feed begins.
struct Opened {
    doors: Option<Doors>,
    limits: Limits,
}

async fn open_doors(
    doors: Option<Doors>,
    deployment: &Deployment,
    folder: &Path,
    limits: Limits,
    observing: &Observing,
) -> Result<Option<Serving>> {
    match doors {
        Some(doors) => Ok(Some(doors.serve(served(deployment, folder, limits).await?, observing)?)),
        None => Ok(None),
    }
}

async fn feed(
    options: &RunOptions,
    place: &LakePlace,
    layout: &Layout,
    source: FeedSource,
    opened: Opened,
    shows_books: bool,
) -> Result<Summary> {
    let begun = Instant::now();
    let (requests, pending) = mpsc::channel(PENDING_REQUESTS);
    let (mut deployment, mut router) = Deployment::start(place, &source.symbols, layout, requests).await?;
    let detail =
        format!("depthlake {}, {} at {}", env!("CARGO_PKG_VERSION"), source.product, source.endpoints.rest);
    router.start_session(clock::now(), &detail)?;
    let counts = router.counts();
    let feed_metrics = Arc::new(FeedMetrics::default());
    let mut running = Feeding::start(&source, router, pending, Arc::clone(&feed_metrics));
    let observing = Observing::of_run(&deployment, &place.folder, feed_metrics, Arc::clone(&counts), layout);
    let view = View::start(
        &DataFolder::at(&place.folder),
        shows_books.then(|| layout.health.clone()),
        &deployment,
        Arc::clone(&counts),
    );
    let jobs = deployment
        .lake()
        .map(|lake| Jobs::spawn(lake, deployment.log(), deployment.contracts(), layout))
        .transpose()?;
    let stop = stop::stop_requested(options.duration).shared();
    // A broker or a catalog that is away keeps the doors closed, and nobody from ending the run.
    let serving = tokio::select! {
        biased;
        () = stop.clone() => None,
        serving = open_doors(opened.doors, &deployment, &place.folder, opened.limits, &observing) => serving?,
    };

    let failure = tokio::select! {
        () = stop => None,
        () = view.closed() => None,
        error = deployment.failed() => Some(error),
        () = running.ended() => None,
    };
    drop(jobs);
    if let Some(serving) = serving {
        serving.close().await;
    }
    view.stop().await?;
    let has_settled = match source.simulated.as_ref().filter(|_| failure.is_none()) {
        Some(venue) => settle(venue, &counts).await,
        None => false,
    };
    let (router, report) = running.stop().await?;
    if let Some(error) = failure {
        drop(router);
        return Err(match deployment.landing_error().await {
            Err(cause) => cause.context(error),
            Ok(()) => error,
        });
    }
    let resumed = std::mem::take(&mut deployment.resumed);
    let lake = deployment.lake().cloned();
    let outcome = deployment.finish(router).await?;
    let report = report?;
    let compared = source.simulated.as_ref().filter(|_| has_settled);
    Summary::of(begun.elapsed(), &source, compared, &report, &resumed, &outcome, lake.as_ref()).await
}

/// What a run has for clients: the books, and the tables with what is not committed yet.
async fn served(deployment: &Deployment, folder: &Path, limits: Limits) -> Result<Served> {
    let board = DataFolder::at(folder).board();
    let database = match deployment.lake() {
        Some(lake) => {
            let tail = deployment.tail(lake).await?;
            let options = DatabaseOptions { limits, tail: Some(tail), board: Some(board.clone()) };
            Some(Database::open(lake.clone(), options)?)
        }
        None => None,
    };
    Ok(Served { database, market: live_market::Market::at(&board), events: Some(deployment.events()) })
}

/// Halts a simulated venue and waits until its last frame was taken, so that its books and ours can be compared. `false`
/// where that took too long.
async fn settle(venue: &sim::Venue, counts: &RouterCounts) -> bool {
    venue.pause().await;
    let deadline = Instant::now() + LAST_FRAMES;
    let sent = || venue.counters().iter().map(|counter| counter.sent).sum::<u64>();
    while counts.messages() < sent() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    counts.messages() >= sent()
}

/// The feed on a thread of its own, with a runtime of its own: nothing else runs between socket and ring.
struct Feeding {
    stop: watch::Sender<bool>,
    ended: watch::Receiver<bool>,
    task: JoinHandle<(Router, Result<FeedReport, FeedError>)>,
}

impl Feeding {
    fn start(
        source: &FeedSource,
        mut router: Router,
        requests: mpsc::Receiver<Request>,
        metrics: Arc<FeedMetrics>,
    ) -> Self {
        let config = FeedConfig::new(source.endpoints.clone(), source.product, source.symbols.clone());
        let config = FeedConfig { metrics, ..config };
        let (stop, mut stopped) = watch::channel(false);
        let (end, ended) = watch::channel(false);
        let task = tokio::task::spawn_blocking(move || {
            let stopped = async {
                let _ = stopped.wait_for(|stopped| *stopped).await;
            };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let report = match runtime {
                Ok(runtime) => runtime.block_on(live::run(config, &mut router, requests, stopped)),
                Err(error) => Err(FeedError::Sink(live::SinkError(error.into()))),
            };
            end.send_replace(true);
            (router, report)
        });
        Self { stop, ended, task }
    }

    async fn ended(&mut self) {
        let _ = self.ended.wait_for(|ended| *ended).await;
    }

    async fn stop(self) -> Result<(Router, Result<FeedReport, FeedError>)> {
        self.stop.send_replace(true);
        self.task.await.context("the feed ended by a panic")
    }
}

/// What the user sees meanwhile: the books, or a line now and then.
enum View {
    Books { goes_on: Arc<AtomicBool>, closed: watch::Receiver<bool>, task: JoinHandle<Result<()>> },
    Lines(JoinHandle<()>),
}

impl View {
    /// The books, by what is promised of them, where somebody looks; else lines.
    fn start(
        folder: &DataFolder,
        shown: Option<health::Targets>,
        deployment: &Deployment,
        counts: Arc<RouterCounts>,
    ) -> Self {
        let board = folder.board();
        let Some(targets) = shown else {
            let progress = Progress::new(board, counts, deployment.lake().cloned());
            return Self::Lines(tokio::spawn(progress.run()));
        };
        let goes_on = Arc::new(AtomicBool::new(true));
        let (close, closed) = watch::channel(false);
        let flag = Arc::clone(&goes_on);
        let task = tokio::task::spawn_blocking(move || {
            let shown = top::accompany(&board, targets, REFRESH, || flag.load(Ordering::Relaxed));
            close.send_replace(true);
            shown
        });
        Self::Books { goes_on, closed, task }
    }

    /// Completes when the user has closed the books.
    async fn closed(&self) {
        match self {
            Self::Books { closed, .. } => {
                let _ = closed.clone().wait_for(|closed| *closed).await;
            }
            Self::Lines(_) => std::future::pending().await,
        }
    }

    async fn stop(self) -> Result<()> {
        match self {
            Self::Books { goes_on, task, .. } => {
                goes_on.store(false, Ordering::Relaxed);
                task.await?
            }
            Self::Lines(task) => {
                task.abort();
                Ok(())
            }
        }
    }
}
