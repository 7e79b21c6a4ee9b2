//! What all requests share.

use std::io;
use std::sync::Arc;

use depthlake_engine::events::EventFeed;

use super::full_depth::FullDepth;
use super::health::{self, HealthSource};
use super::reference::{self, References};
use super::stream::{Hub, Pump, PumpSources, StreamCounts};
use crate::live::{Bars, Market, MarketFollower};
use crate::session::Database;

/// The state of the API. Clones share it; the threads behind it end when the last is dropped.
#[derive(Clone)]
pub struct ApiState(Arc<Shared>);

/// Where trades and closed bars are heard of as they happen.
#[derive(Debug, Clone, Default)]
pub struct Happenings {
    /// The events of an engine in this process; `None` where the engine is another's.
    pub events: Option<EventFeed>,
}

pub(crate) struct Shared {
    pub(crate) market: Market,
    pub(crate) database: Database,
    pub(crate) bars: Arc<Bars>,
    pub(crate) full_depth: Arc<FullDepth>,
    pub(crate) references: References,
    pub(crate) health: HealthSource,
    pub(crate) hub: Arc<Hub>,
    _follower: MarketFollower,
    _pump: Pump,
}

impl ApiState {
    /// Serves the books of `market` and the tables of `database`. Begins to follow the board, and to read from the lake what
    /// is answered from memory; to be called in a runtime.
    ///
    /// # Errors
    /// Where there is no thread to be had.
    pub fn start(market: Market, database: Database, happenings: Happenings) -> io::Result<Self> {
        let (bars, hub) = (Arc::new(Bars::default()), Arc::new(Hub::default()));
        // The first requests should find the board, where there is one; the follower tells of errors.
        let _ = market.look();
        let follower = market.follow()?;
        let full_depth = Arc::<FullDepth>::default();
        let references = References::default();
        let health = HealthSource::default();
        let sources = PumpSources {
            market: market.clone(),
            full_depth: Arc::clone(&full_depth),
            bars: Arc::clone(&bars),
            references: references.clone(),
            health: health.clone(),
            events: happenings.events,
        };
        let pump = Pump::start(Arc::clone(&hub), sources)?;
        let shared = Arc::new(Shared {
            market,
            database,
            bars,
            full_depth,
            references,
            health,
            hub,
            _follower: follower,
            _pump: pump,
        });
        tokio::spawn(reference::keep(Arc::downgrade(&shared)));
        tokio::spawn(health::keep(Arc::downgrade(&shared)));
        Ok(Self(shared))
    }

    pub(crate) fn of(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// What the streams have done so far.
    #[must_use]
    pub fn stream_counts(&self) -> Arc<StreamCounts> {
        self.0.hub.counts()
    }
}

impl std::ops::Deref for ApiState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
