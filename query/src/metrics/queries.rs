//! Queries: those that run, and what became of those that ended.

use std::time::{Duration, SystemTime};

use depthlake_orderbook::metrics::{Counter, Histogram, Page, Source, Unit};

use crate::{Database, Door, QueryInfo, QueryState};

const DOORS: [Door; 5] = [Door::Trino, Door::Postgres, Door::Flight, Door::Api, Door::Local];

/// States of a query that has not ended.
const UNDER_WAY: [QueryState; 3] = [QueryState::Queued, QueryState::Planning, QueryState::Running];

/// Counts and times of queries that have ended, by the door they came through.
#[derive(Debug, Default)]
pub struct EndedQueries([OfDoor; DOORS.len()]);

#[derive(Debug, Default)]
struct OfDoor {
    finished: Counter,
    failed: Counter,
    durations: Histogram,
}

impl EndedQueries {
    /// Takes note of a query that has ended.
    pub(crate) fn ended(&self, query: &QueryInfo) {
        let Some(of_door) = DOORS.iter().zip(&self.0).find(|(door, _)| **door == query.door) else { return };
        let counter = if query.error.is_some() { &of_door.1.failed } else { &of_door.1.finished };
        counter.add(1);
        let took = SystemTime::now().duration_since(query.created).unwrap_or(Duration::ZERO);
        of_door.1.durations.record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    fn tell(&self, page: &mut Page) {
        for (door, OfDoor { finished, failed, durations }) in DOORS.iter().zip(&self.0) {
            let door = name(*door);
            page.counter("depthlake_queries_total", "Queries that have ended, by outcome.")
                .whole(&[("protocol", door), ("outcome", "finished")], finished.get())
                .whole(&[("protocol", door), ("outcome", "failed")], failed.get());
            page.histogram(
                "depthlake_query_duration_seconds",
                "Time from a query's coming until its last row was taken.",
                Unit::Nanoseconds,
            )
            .distribution(&[("protocol", door)], durations.snapshot());
        }
    }
}

/// Tells of the queries of a database.
pub struct QueryFigures(Database);

impl QueryFigures {
    #[must_use]
    pub const fn of(database: Database) -> Self {
        Self(database)
    }
}

impl Source for QueryFigures {
    fn tell(&self, page: &mut Page) {
        let queries = self.0.queries();
        queries.ended_figures().tell(page);
        let known = queries.list();
        let under_way = page.gauge("depthlake_queries_under_way", "Queries that have not ended, by state.");
        for door in DOORS {
            for state in UNDER_WAY {
                let count = known.iter().filter(|query| query.door == door && query.state == state).count();
                under_way.whole(&[("protocol", name(door)), ("state", state_name(state))], count as u64);
            }
        }
        let running = known.iter().filter(|query| UNDER_WAY.contains(&query.state));
        page.gauge(
            "depthlake_query_memory_bytes",
            "The most memory that queries which have not ended have held, all together.",
        )
        .whole(&[], running.map(|query| query.peak_memory).sum());
    }
}

const fn name(door: Door) -> &'static str {
    match door {
        Door::Trino => "trino",
        Door::Postgres => "postgres",
        Door::Flight => "flight",
        Door::Api => "api",
        Door::Local => "local",
    }
}

const fn state_name(state: QueryState) -> &'static str {
    match state {
        QueryState::Queued => "queued",
        QueryState::Planning => "planning",
        QueryState::Running => "running",
        QueryState::Finished => "finished",
        QueryState::Failed => "failed",
    }
}
