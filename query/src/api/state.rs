//! What all requests share.

use std::io;
use std::sync::Arc;

use depthlake_engine::events::EventFeed;

use super::full_depth::FullDepth;
use super::reference::{self, References};
use super::replay::Replays;
use super::stream::{Hub, Pump, PumpSources, StreamCounts};
use super::tickets::Tickets;
use crate::access::Access;
use crate::health::HealthMonitor;
use crate::live::{Bars, Market, MarketFollower};
use crate::session::Database;

/// The state of the API. Clones share it; the threads behind it end when the last is dropped.
#[derive(Clone)]
pub struct ApiState(Arc<Shared>);

/// What the API serves.
pub struct ApiParts {
    pub market: Market,
    pub database: Database,
    pub health: HealthMonitor,
    pub access: Access,
    /// The events of an engine in this process; `None` where the engine is another's: then trades and bars are not streamed.
    pub events: Option<EventFeed>,
}

pub struct Shared {
    pub(crate) market: Market,
    pub(crate) database: Database,
    pub(crate) health: HealthMonitor,
    pub(crate) access: Access,
    pub(crate) bars: Arc<Bars>,
    pub(crate) full_depth: Arc<FullDepth>,
    pub(crate) references: References,
    pub(crate) replays: Replays,
    pub(crate) hub: Arc<Hub>,
    pub(crate) tickets: Tickets,
    /// Whether the engine's events are heard here; where not, bars come from the lake alone.
    pub(crate) hears_events: bool,
    _follower: MarketFollower,
    _pump: Pump,
}

impl ApiState {
    /// Begins to follow the board, and to read from the lake what is answered from memory. To be called within a runtime.
    ///
    /// # Errors
    /// Where there is no thread to be had.
    pub fn start(parts: ApiParts) -> io::Result<Self> {
        let ApiParts { market, database, health, access, events } = parts;
        // The first requests should find the board, where there is one; the follower tells of errors.
        let _ = market.look();
        let follower = market.follow()?;
        let (bars, hub, full_depth) = (Arc::<Bars>::default(), Arc::<Hub>::default(), Arc::default());
        let references = References::default();
        let hears_events = events.is_some();
        let sources = PumpSources {
            market: market.clone(),
            full_depth: Arc::clone(&full_depth),
            bars: Arc::clone(&bars),
            references: references.clone(),
            health: health.clone(),
            events,
        };
        let pump = Pump::start(Arc::clone(&hub), sources)?;
        let shared = Arc::new(Shared {
            market,
            database,
            health,
            access,
            bars,
            full_depth,
            references,
            replays: Replays::default(),
            hub,
            tickets: Tickets::default(),
            hears_events,
            _follower: follower,
            _pump: pump,
        });
        tokio::spawn(reference::keep(Arc::downgrade(&shared)));
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
