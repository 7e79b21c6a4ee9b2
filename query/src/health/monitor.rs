//! Watches: every second everything is looked at, judged, counted and told.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use depthlake_engine::board::Reader;
use depthlake_lake::log::Log;
use depthlake_lake::model;
use depthlake_lake::sink::SinkMetrics;
use depthlake_orderbook::metrics::{Counter, Distribution, Page, Source};
use depthlake_orderbook::time::Timestamp;
use tokio::sync::watch;

use super::judge::judge;
use super::observe::{Observation, SymbolObservation, observe_board, observe_disk};
use super::report::{Health, ServiceLevelName, Status};
use super::targets::Targets;
use crate::metrics::{RequestFigures, TableFigures};

const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Over how many looks gaps and requests are counted.
#[expect(clippy::cast_possible_truncation, reason = "minutes")]
const WINDOW: usize = model::Targets::GAP_WINDOW.as_secs() as usize;
/// The routes whose time is promised: those that are answered from memory. What takes long because much was asked for (SQL,
/// replays, pages of the lake) says nothing of how well it is.
pub(crate) const PROMPT_ROUTES: [&str; 5] = [
    "/api/v1/symbols",
    "/api/v1/tickers",
    "/api/v1/ticker/{symbol}",
    "/api/v1/book/{symbol}",
    "/api/v1/bars/{symbol}",
];

/// What is watched; what this process has no part in is absent.
#[derive(Default)]
pub struct Watched {
    /// The board of the live books.
    pub board: Option<PathBuf>,
    /// Whether a board without a living writer is a fault, as it is where the engine belongs to this process.
    pub expects_engine: bool,
    pub sink: Option<Arc<SinkMetrics>>,
    /// The log that this process appends to.
    pub log: Option<Arc<dyn Log>>,
    pub tables: Option<Arc<TableFigures>>,
    /// Folders that must not run out of room.
    pub folders: Vec<PathBuf>,
    pub requests: Option<Arc<RequestFigures>>,
}

/// Tells how well it is, now and at every change. Clones are the same; the watching ends with the last.
#[derive(Clone)]
pub struct HealthMonitor {
    current: watch::Receiver<Arc<Health>>,
    checks: Arc<Checks>,
    _stop: Arc<watch::Sender<()>>,
}

/// How often each promise was kept and missed; freshness counts every symbol.
#[derive(Default)]
struct Checks([[Counter; 2]; ServiceLevelName::ALL.len()]);

impl HealthMonitor {
    /// Begins to watch. To be called within a runtime.
    #[must_use]
    pub fn start(watched: Watched, targets: Targets) -> Self {
        let (stop, stopped) = watch::channel(());
        let mut look = Look::new(watched, targets);
        let first = Arc::new(look.now(None));
        let (tell, current) = watch::channel(first);
        let checks = Arc::new(Checks::default());
        let counted = Arc::clone(&checks);
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(LOOK_INTERVAL);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            while stopped.has_changed().is_ok() {
                ticks.tick().await;
                let before = Arc::clone(&tell.borrow());
                let health = look.now(Some(&before));
                counted.count(&health);
                tell.send_replace(Arc::new(health));
            }
        });
        Self { current, checks, _stop: Arc::new(stop) }
    }

    /// How well it was at the last look.
    #[must_use]
    pub fn current(&self) -> Arc<Health> {
        Arc::clone(&self.current.borrow())
    }

    /// Changes with every look, once a second.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<Health>> {
        self.current.clone()
    }
}

/// How long what waits for a broker has not become less.
#[derive(Debug, Default)]
struct Standstill {
    last: Option<(u64, Timestamp)>,
}

impl Standstill {
    fn age(&mut self, waiting: u64, now: Timestamp) -> Duration {
        let since = match self.last {
            Some((before, since)) if waiting > 0 && waiting >= before => since,
            _ => now,
        };
        self.last = Some((waiting, since));
        Duration::from_nanos(u64::try_from(now.0.saturating_sub(since.0)).unwrap_or(0))
    }
}

/// How long a log has not been able to write.
#[derive(Debug, Default)]
struct Stall {
    since: Option<Timestamp>,
}

impl Stall {
    fn age(&mut self, is_stalled: bool, now: Timestamp) -> Duration {
        self.since = if is_stalled { Some(self.since.unwrap_or(now)) } else { None };
        let age = self.since.map_or(0, |since| now.0.saturating_sub(since.0));
        Duration::from_nanos(u64::try_from(age).unwrap_or(0))
    }
}

/// What is needed to look, and what earlier looks have seen.
struct Look {
    watched: Watched,
    targets: Targets,
    reader: Mutex<Option<Reader>>,
    books: VecDeque<Vec<SymbolObservation>>,
    requests: VecDeque<Distribution>,
    broker: Standstill,
    stall: Stall,
}

impl Look {
    fn new(watched: Watched, targets: Targets) -> Self {
        Self {
            watched,
            targets,
            reader: Mutex::default(),
            books: VecDeque::new(),
            requests: VecDeque::new(),
            broker: Standstill::default(),
            stall: Stall::default(),
        }
    }

    fn now(&mut self, before: Option<&Health>) -> Health {
        let seen = self.observe();
        judge(&seen, &self.targets, before)
    }

    fn observe(&mut self) -> Observation {
        let now = now();
        let mut seen = Observation::at(now);
        self.observe_books(&mut seen);
        if let Some(sink) = &self.watched.sink {
            let lag = sink.lag();
            seen.commit_age = Some(lag.commit_age);
            seen.waiting_records = Some(lag.records);
            seen.troubles.extend(sink.failing());
        }
        if let Some(log) = &self.watched.log {
            let waiting = log.unacknowledged();
            let trouble = log.trouble();
            // A log that stalls gives the sink nothing to commit, so that nothing seems to wait.
            let age = self.broker.age(waiting, now).max(self.stall.age(trouble.is_some(), now));
            seen.commit_age = seen.commit_age.max(Some(age));
            seen.troubles.extend(trouble.map(|trouble| trouble.to_string()));
            seen.waiting_records = Some(seen.waiting_records.unwrap_or(0).saturating_add(waiting));
        }
        seen.troubles.extend(self.watched.folders.iter().filter_map(|folder| observe_disk(folder)));
        // The tables are looked at now and then only; a sink of this process knows at once.
        let of_tables = self.watched.tables.as_ref().and_then(|tables| tables.last_commit());
        let of_sink = self.watched.sink.as_ref().and_then(|sink| sink.last_commit());
        seen.last_commit = of_tables.max(of_sink);
        seen.api_p95 = self.api_p95();
        seen
    }

    fn observe_books(&mut self, seen: &mut Observation) {
        let Some(path) = &self.watched.board else { return };
        let mut known = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = known.as_ref().and_then(|reader| reader.replacement().ok().flatten()) {
            *known = Some(other);
            self.books.clear();
        }
        if known.is_none() {
            *known = Reader::open(path).ok();
        }
        let is_alive = known.as_ref().is_some_and(|reader| reader.is_writer_alive(seen.now));
        if !is_alive && !self.watched.expects_engine {
            return;
        }
        seen.engine = Some(is_alive);
        let Some(reader) = &*known else { return };
        seen.symbols = observe_board(reader, seen.now);
        self.books.push_back(seen.symbols.clone());
        if self.books.len() > WINDOW {
            self.books.pop_front();
        }
        if let Some(earliest) = self.books.front() {
            seen.gaps_per_hour = gaps_per_hour(earliest, &seen.symbols);
            forget_disagreements_before(earliest, &mut seen.symbols);
        }
    }

    fn api_p95(&mut self) -> Option<Duration> {
        let all = self.watched.requests.as_ref()?.durations_of(&PROMPT_ROUTES);
        let recent = self.requests.front().map(|earlier| all.since(earlier));
        self.requests.push_back(all);
        if self.requests.len() > WINDOW {
            self.requests.pop_front();
        }
        let recent = recent.filter(|recent| recent.count() > 0)?;
        Some(Duration::from_nanos(recent.percentile(95.0)))
    }
}

/// Gaps of a symbol in an hour, by those between the first and the last look. One gap shortly after the start is taken for one of
/// a whole window.
#[expect(clippy::cast_precision_loss, reason = "a rate")]
fn gaps_per_hour(first: &[SymbolObservation], last: &[SymbolObservation]) -> Option<f64> {
    let gaps = |books: &[SymbolObservation]| books.iter().map(|book| book.gaps).sum::<u64>();
    let window = LOOK_INTERVAL.as_secs_f64() * WINDOW as f64;
    let between = gaps(last).saturating_sub(gaps(first)) as f64;
    (!last.is_empty()).then(|| between * 3_600.0 / window / last.len() as f64)
}

/// Leaves those disagreements that came after the first look.
fn forget_disagreements_before(first: &[SymbolObservation], last: &mut [SymbolObservation]) {
    for book in last {
        let before = first.iter().find(|earlier| earlier.symbol == book.symbol);
        let known = before.map_or(0, |earlier| earlier.disagreements);
        book.disagreements = book.disagreements.saturating_sub(known);
    }
}

impl Checks {
    fn count(&self, health: &Health) {
        for level in &health.service_levels {
            let [good, bad] = &self.0[level.name as usize];
            // It has no budget that could be used up: each is told by an alert of its own.
            if level.name == ServiceLevelName::Agreement {
                continue;
            }
            if level.name == ServiceLevelName::Freshness && !health.symbols.is_empty() {
                let fresh = health.symbols.iter().filter(|symbol| symbol.status == Status::Ok).count();
                good.add(fresh as u64);
                bad.add((health.symbols.len() - fresh) as u64);
            } else {
                let outcome = if level.status == Status::Ok { good } else { bad };
                outcome.add(1);
            }
        }
    }
}

impl Source for HealthMonitor {
    fn tell(&self, page: &mut Page) {
        let health = self.current();
        page.gauge("depthlake_health_status", "How well it is: 0 ok, 1 degraded, 2 failing.")
            .whole(&[], health.status as u64);
        for level in &health.service_levels {
            let of = [("level", level.name.name())];
            page.gauge(
                "depthlake_service_level_status",
                "How a promise is kept: 0 ok, 1 degraded, 2 failing.",
            )
            .whole(&of, level.status as u64);
            page.gauge("depthlake_service_level_target", "What is promised, in the unit of the promise.")
                .number(&of, level.target);
            if let Some(value) = level.value {
                page.gauge("depthlake_service_level_value", "What was measured, in the unit of the promise.")
                    .number(&of, value);
            }
        }
        for symbol in &health.symbols {
            page.gauge("depthlake_symbol_fresh", "1 while a symbol's book is live and as young as promised.")
                .whole(&[("symbol", &symbol.symbol)], u64::from(symbol.status == Status::Ok));
        }
        let checks = page.counter(
            "depthlake_service_level_checks_total",
            "Looks at a promise, one a second, and one a symbol for freshness, by whether it was kept.",
        );
        for (name, [good, bad]) in ServiceLevelName::ALL.iter().zip(&self.checks.0) {
            checks.whole(&[("level", name.name()), ("outcome", "good")], good.get());
            checks.whole(&[("level", name.name()), ("outcome", "bad")], bad.get());
        }
    }
}

fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_1970.as_nanos()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::http::Request;
    use axum::middleware::from_fn_with_state;
    use axum::routing::any;
    use depthlake_engine::board::BoardState;
    use depthlake_orderbook::symbol::Symbol;
    use tower::ServiceExt;

    use super::*;
    use crate::metrics::measured;

    #[tokio::test]
    async fn only_what_is_answered_from_memory_is_measured() {
        let requests = Arc::new(RequestFigures::default());
        let routes = ["/api/v1/sql", "/api/v1/replay/{symbol}", "/api/v1/lake", "/api/v1/book/{symbol}"];
        let router = routes.iter().fold(Router::new(), |router, route| router.route(route, any("an answer")));
        let router = router.layer(from_fn_with_state(Arc::clone(&requests), measured));
        let ask = async |path: &str| {
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            router.clone().oneshot(request).await.unwrap();
        };
        let watched = Watched { requests: Some(Arc::clone(&requests)), ..Watched::default() };
        let mut look = Look::new(watched, Targets::default());
        assert_eq!(look.api_p95(), None);
        for path in ["/api/v1/sql", "/api/v1/replay/BTCUSDT", "/api/v1/lake"] {
            ask(path).await;
        }
        assert_eq!(look.api_p95(), None);
        ask("/api/v1/book/BTCUSDT").await;
        assert!(look.api_p95().is_some());
    }

    #[test]
    fn only_disagreements_since_the_first_look_count() {
        let book = |name, disagreements| SymbolObservation {
            symbol: Symbol::new(name).unwrap(),
            state: BoardState::Live,
            age: None,
            gaps: 0,
            disagreements,
        };
        let first = [book("BTCUSDT", 3), book("ETHUSDT", 0)];
        let mut last = [book("ETHUSDT", 0), book("BTCUSDT", 5), book("SOLUSDT", 1)];
        forget_disagreements_before(&first, &mut last);
        assert_eq!(last.map(|book| book.disagreements), [0, 2, 1]);
    }

    #[test]
    fn a_log_that_cannot_write_ages_until_it_can() {
        let mut stall = Stall::default();
        let looks = [(false, 1), (true, 2), (true, 5), (true, 9), (false, 10), (true, 11), (true, 12)];
        let seconds = |second: i64| Timestamp(second * 1_000_000_000);
        let ages = looks.map(|(is_stalled, second)| stall.age(is_stalled, seconds(second)).as_secs());
        assert_eq!(ages, [0, 0, 3, 7, 0, 0, 1]);
    }

    #[test]
    fn a_broker_that_takes_nothing_stands_still() {
        let mut broker = Standstill::default();
        let seconds = |second: i64| Timestamp(second * 1_000_000_000);
        let looks = [(5, 0), (7, 1), (3, 2), (3, 3), (90, 60), (80, 61), (0, 62), (4, 63), (4, 90), (0, 91)];
        let ages = looks.map(|(waiting, second)| broker.age(waiting, seconds(second)).as_secs());
        assert_eq!(ages, [0, 1, 0, 1, 58, 0, 0, 1, 28, 0]);
    }
}
