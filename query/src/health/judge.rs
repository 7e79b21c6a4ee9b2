//! From what was observed to how well it is.
//!
//! A promise is *ok* while its target is kept, *failing* where it is missed five times over, else *degraded*. Freshness fails
//! when more than half of the symbols are not fresh, and with the engine itself. While something cannot be written, no commit
//! is soon enough. A single best price that the venue contradicts is one too many.

use std::time::Duration;

use depthlake_engine::board::BoardState;

use super::observe::{Observation, SymbolObservation};
use super::report::{Health, LakeHealth, ServiceLevel, ServiceLevelName, Status, SymbolHealth};
use super::targets::Targets;
use crate::metrics::state_name;

/// How many times a target is missed where the promise fails.
const BY_FAR: f64 = 5.0;

/// Judges an observation; `before` tells since when something has been as it is.
#[must_use]
pub fn judge(seen: &Observation, targets: &Targets, before: Option<&Health>) -> Health {
    let symbols: Vec<_> = seen.symbols.iter().map(|symbol| judge_symbol(symbol, targets)).collect();
    let mut levels = Vec::new();
    if seen.engine.is_some() {
        levels.push(freshness(seen, &symbols, targets));
    }
    if seen.commit_age.is_some() || !seen.troubles.is_empty() {
        levels.push(commit_age(seen, targets));
    }
    if let Some(gaps) = seen.gaps_per_hour {
        levels.push(level(
            ServiceLevelName::GapRate,
            targets.feed.gaps_per_hour,
            Some(gaps),
            "gaps per symbol and hour",
        ));
    }
    if seen.engine.is_some() {
        levels.push(level(ServiceLevelName::Agreement, 0.0, Some(disagreements(seen)), "best prices"));
    }
    if let Some(p95) = seen.api_p95 {
        levels.push(level(
            ServiceLevelName::ApiP95,
            milliseconds(targets.api_p95),
            Some(milliseconds(p95)),
            "ms",
        ));
    }
    for level in &mut levels {
        let known =
            before.and_then(|before| before.level(level.name)).filter(|known| known.status == level.status);
        level.since = known.map_or(seen.now, |known| known.since);
    }
    let reasons = reasons(seen, &levels, &symbols);
    Health {
        status: levels.iter().map(|level| level.status).max().unwrap_or(Status::Ok),
        time: seen.now,
        service_levels: levels,
        symbols,
        lake: LakeHealth {
            last_commit: seen.last_commit,
            commit_age_ms: seen.commit_age.map(milliseconds),
            waiting_records: seen.waiting_records,
        },
        reasons,
    }
}

fn judge_symbol(seen: &SymbolObservation, targets: &Targets) -> SymbolHealth {
    let is_fresh = seen.state == BoardState::Live
        && seen.age.is_some_and(|age| age <= targets.feed.freshness_of(seen.symbol));
    SymbolHealth {
        symbol: seen.symbol.to_string(),
        state: state_name(seen.state).to_owned(),
        age_ms: seen.age.map(milliseconds),
        status: if is_fresh { Status::Ok } else { Status::Degraded },
    }
}

fn freshness(seen: &Observation, symbols: &[SymbolHealth], targets: &Targets) -> ServiceLevel {
    let stale = symbols.iter().filter(|symbol| symbol.status != Status::Ok).count();
    let oldest = seen.symbols.iter().filter_map(|symbol| symbol.age).max();
    let status = match seen.engine {
        Some(true) if stale == 0 && !symbols.is_empty() => Status::Ok,
        Some(true) if stale * 2 <= symbols.len() && !symbols.is_empty() => Status::Degraded,
        _ => Status::Failing,
    };
    let target = milliseconds(targets.feed.freshness);
    ServiceLevel { status, ..level(ServiceLevelName::Freshness, target, oldest.map(milliseconds), "ms") }
}

fn commit_age(seen: &Observation, targets: &Targets) -> ServiceLevel {
    let (target, age) = (milliseconds(targets.commit_age), seen.commit_age.map(milliseconds));
    let judged = level(ServiceLevelName::CommitAge, target, age, "ms");
    let least = if seen.troubles.is_empty() { Status::Ok } else { Status::Degraded };
    ServiceLevel { status: judged.status.max(least), ..judged }
}

fn level(name: ServiceLevelName, target: f64, value: Option<f64>, unit: &str) -> ServiceLevel {
    let status = match value {
        Some(value) if value > target * BY_FAR => Status::Failing,
        Some(value) if value > target => Status::Degraded,
        _ => Status::Ok,
    };
    ServiceLevel {
        name,
        target,
        value,
        unit: unit.to_owned(),
        status,
        since: depthlake_orderbook::time::Timestamp(0),
    }
}

fn reasons(seen: &Observation, levels: &[ServiceLevel], symbols: &[SymbolHealth]) -> Vec<String> {
    let mut reasons = Vec::new();
    if seen.engine == Some(false) {
        reasons.push("nobody writes the live books: the engine is not running".to_owned());
    }
    reasons.extend(seen.troubles.iter().cloned());
    let stale: Vec<_> = symbols.iter().filter(|symbol| symbol.status != Status::Ok).collect();
    if let (false, [first, ..]) = (stale.is_empty(), stale.as_slice()) {
        reasons.push(format!(
            "{} of {} books are not fresh: {} ({}){}",
            stale.len(),
            symbols.len(),
            first.symbol,
            first.state,
            and_more(stale.len())
        ));
    }
    let differing: Vec<_> = seen.symbols.iter().filter(|symbol| symbol.disagreements > 0).collect();
    if let [first, ..] = differing.as_slice() {
        reasons.push(format!(
            "best prices of {} of {} books differed from the venue's own: {} ({} times){}",
            differing.len(),
            symbols.len(),
            first.symbol,
            first.disagreements,
            and_more(differing.len())
        ));
    }
    let told = [ServiceLevelName::Freshness, ServiceLevelName::Agreement];
    for level in levels.iter().filter(|level| !told.contains(&level.name)) {
        let value = level.value.unwrap_or_default();
        if value <= level.target {
            continue;
        }
        reasons.push(format!(
            "{} is {value:.0} {}, promised are {:.0}",
            level.name.name(),
            level.unit,
            level.target
        ));
    }
    reasons
}

/// Beside the first of so many.
fn and_more(count: usize) -> String {
    match count {
        0 | 1 => String::new(),
        _ => format!(" and {} more", count - 1),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a handful")]
fn disagreements(seen: &Observation) -> f64 {
    seen.symbols.iter().map(|symbol| symbol.disagreements).sum::<u64>() as f64
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
