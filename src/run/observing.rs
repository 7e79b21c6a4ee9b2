//! What a program tells of itself while it runs: figures, and how well it is.

use std::path::Path;
use std::sync::Arc;

use depthlake_ingest::live::FeedMetrics;
use depthlake_lake::commit::Lake;
use depthlake_lake::log::Log;
use depthlake_lake::maintenance::Maintenance;
use depthlake_orderbook::metrics::Page;
use depthlake_query::health::{HealthMonitor, Targets, Watched};
use depthlake_query::metrics::{BoardFigures, DiskFigures, Metrics, RequestFigures, TableFigures};

use super::carrier::Carrier;
use super::deployment::{Deployment, Layout};
use super::router::RouterCounts;
use crate::data_folder::DataFolder;

/// The figures of one program and who judges them.
pub struct Observing {
    pub metrics: Metrics,
    pub health: HealthMonitor,
    /// What the servers count requests in.
    pub requests: Arc<RequestFigures>,
}

impl Observing {
    /// Of a program that keeps books and, where it carries them there, the lake.
    pub fn of_run(
        deployment: &Deployment,
        folder: &Path,
        feed: Arc<FeedMetrics>,
        counts: Arc<RouterCounts>,
        layout: &Layout,
    ) -> Self {
        let metrics = Metrics::of_process();
        metrics.add(feed);
        metrics.add(counts);
        for shard in deployment.shards() {
            metrics.add(Arc::new(shard.clone()));
        }
        add_log(&metrics, deployment.log());
        let sink = deployment.sink();
        if let Some(sink) = &sink {
            metrics.add(Arc::clone(sink) as _);
        }
        let tables = deployment.lake().map(|lake| table_figures(&metrics, lake, &layout.care.maintenance));
        let log = Some(deployment.log());
        let watched = Watched { expects_engine: true, sink, log, tables, ..Watched::default() };
        Self::begin(metrics, folder, watched, layout.health.clone())
    }

    /// Of a program that only carries a log into the lake.
    pub fn of_carrier(carrier: &Carrier, log: Arc<dyn Log>, folder: &Path, layout: &Layout) -> Self {
        let metrics = Metrics::of_process();
        add_log(&metrics, log);
        metrics.add(Arc::clone(&carrier.metrics) as _);
        let tables = Some(table_figures(&metrics, &carrier.lake, &layout.care.maintenance));
        let watched = Watched { sink: Some(Arc::clone(&carrier.metrics)), tables, ..Watched::default() };
        Self::begin(metrics, folder, watched, layout.health.clone())
    }

    /// Of a program that only serves what lies in a folder, and a lake.
    pub fn of_server(folder: &Path, lake: &Lake, maintenance: &Maintenance, targets: Targets) -> Self {
        let metrics = Metrics::of_process();
        let tables = Some(table_figures(&metrics, lake, maintenance));
        Self::begin(metrics, folder, Watched { tables, ..Watched::default() }, targets)
    }

    fn begin(metrics: Metrics, folder: &Path, watched: Watched, targets: Targets) -> Self {
        let requests = Arc::new(RequestFigures::default());
        let board = DataFolder::at(folder).board();
        metrics.add(Arc::new(BoardFigures::at(board.clone())));
        metrics.add(Arc::new(DiskFigures::of(folder.to_owned(), "data")));
        metrics.add(Arc::clone(&requests) as _);
        let watched = Watched {
            board: Some(board),
            folders: vec![folder.to_owned()],
            requests: Some(Arc::clone(&requests)),
            ..watched
        };
        let health = HealthMonitor::start(watched, targets);
        metrics.add(Arc::new(health.clone()));
        Self { metrics, health, requests }
    }
}

fn add_log(metrics: &Metrics, log: Arc<dyn Log>) {
    metrics.add(Arc::new(move |page: &mut Page| log.tell(page)));
}

fn table_figures(metrics: &Metrics, lake: &Lake, maintenance: &Maintenance) -> Arc<TableFigures> {
    let tables = TableFigures::follow(lake.clone(), maintenance.clone());
    metrics.add(Arc::clone(&tables) as _);
    metrics.add(Arc::clone(lake.runs()) as _);
    tables
}
