//! What the program tells of itself, at `/metrics`, in Prometheus' text format.
//!
//! Whoever counts something is a [`Source`]; this module joins them on one page and writes it. A scrape reads cells: it
//! takes no lock that the way of the market takes, and waits for no disk but `/proc`. What costs more (the state of the
//! tables) is looked up in the background, now and then ([`TableFigures`]).

mod board;
mod disk;
mod process;
mod queries;
mod requests;
mod streams;
mod tables;
mod tail;
mod text;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use depthlake_orderbook::metrics::{Page, Source};
use tower_http::catch_panic::CatchPanicLayer;

pub use board::BoardFigures;
pub(crate) use board::state_name;
pub use disk::DiskFigures;
pub use process::ProcessFigures;
pub use queries::{EndedQueries, QueryFigures};
pub use requests::{RequestFigures, measured};
pub use streams::StreamFigures;
pub use tables::TableFigures;
pub use tail::TailFigures;

/// Everything that has figures to tell. Clones are the same.
#[derive(Clone, Default)]
pub struct Metrics {
    sources: Arc<RwLock<Vec<Arc<dyn Source>>>>,
}

impl Metrics {
    /// A page that tells of the process itself.
    #[must_use]
    pub fn of_process() -> Self {
        let metrics = Self::default();
        metrics.add(Arc::new(ProcessFigures));
        metrics
    }

    /// Has `source` tell its figures too.
    pub fn add(&self, source: Arc<dyn Source>) {
        self.sources.write().unwrap_or_else(PoisonError::into_inner).push(source);
    }

    /// What all sources tell now.
    #[must_use]
    pub fn page(&self) -> Page {
        let mut page = Page::default();
        for source in self.sources.read().unwrap_or_else(PoisonError::into_inner).iter() {
            source.tell(&mut page);
        }
        page
    }

    /// The page as Prometheus reads it.
    #[must_use]
    pub fn text(&self) -> String {
        text::write(&self.page())
    }
}

/// Counts the requests of a router, those that end in a panic among the failures.
pub fn counted(router: Router, requests: &Arc<RequestFigures>) -> Router {
    let measured = axum::middleware::from_fn_with_state(Arc::clone(requests), measured);
    router.layer(CatchPanicLayer::new()).layer(measured)
}

/// Serves `/metrics`.
pub fn router(metrics: Metrics) -> Router {
    Router::new().route("/metrics", get(scrape)).with_state(metrics)
}

async fn scrape(State(metrics): State<Metrics>) -> impl IntoResponse {
    ([(CONTENT_TYPE, text::CONTENT_TYPE)], metrics.text())
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}
