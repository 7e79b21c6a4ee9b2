//! What is judged well and what is not.

use std::time::Duration;

use depthlake_engine::board::BoardState;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

use super::*;

const NOW: Timestamp = Timestamp(1_723_161_255_208_000_123);

fn symbol(name: &str, state: BoardState, age: Option<Duration>) -> SymbolObservation {
    SymbolObservation { symbol: Symbol::new(name).unwrap(), state, age, gaps: 0, disagreements: 0 }
}

fn well() -> Observation {
    let age = Some(Duration::from_millis(250));
    Observation {
        engine: Some(true),
        symbols: ["BTCUSDT", "ETHUSDT", "XRPUSDT"].map(|name| symbol(name, BoardState::Live, age)).into(),
        last_commit: Some(NOW),
        commit_age: Some(Duration::from_secs(7)),
        waiting_records: Some(100),
        gaps_per_hour: Some(0.0),
        api_p95: Some(Duration::from_millis(3)),
        ..Observation::at(NOW)
    }
}

#[test]
fn all_is_well_where_every_target_is_kept() {
    let health = judge(&well(), &Targets::default(), None);
    assert_eq!((health.status, health.is_ready()), (Status::Ok, true));
    assert_eq!(health.reasons, Vec::<String>::new());
    assert_eq!(health.service_levels.len(), ServiceLevelName::ALL.len());
    assert!(health.symbols.iter().all(|symbol| symbol.status == Status::Ok));
}

#[test]
fn one_best_price_that_the_venue_contradicts_is_too_many() {
    let mut seen = well();
    seen.symbols[2].disagreements = 2;
    let health = judge(&seen, &Targets::default(), None);
    assert_eq!((health.status, health.is_ready()), (Status::Failing, false));
    let reason = "best prices of 1 of 3 books differed from the venue's own: XRPUSDT (2 times)";
    assert_eq!(health.reasons, [reason]);
}

#[test]
fn one_stale_book_degrades_and_most_of_them_fail() {
    let mut seen = well();
    seen.symbols[1].age = Some(Duration::from_secs(11));
    let health = judge(&seen, &Targets::default(), None);
    assert_eq!((health.status, health.symbols[1].status), (Status::Degraded, Status::Degraded));
    assert_eq!(health.reasons, ["1 of 3 books are not fresh: ETHUSDT (live)"]);
    assert!(health.is_ready());
    let mut promised = Targets::default();
    promised.feed.freshness_of.insert(seen.symbols[1].symbol, Duration::from_mins(1));
    assert_eq!(judge(&seen, &promised, None).status, Status::Ok, "a quiet symbol is promised otherwise");
    seen.symbols[0].state = BoardState::Resyncing;
    let health = judge(&seen, &Targets::default(), None);
    assert_eq!((health.status, health.is_ready()), (Status::Failing, false));
}

#[test]
fn what_is_missed_by_far_fails() {
    for (age, status) in [(60, Status::Ok), (61, Status::Degraded), (301, Status::Failing)] {
        let seen = Observation { commit_age: Some(Duration::from_secs(age)), ..well() };
        let health = judge(&seen, &Targets::default(), None);
        assert_eq!(health.level(ServiceLevelName::CommitAge).unwrap().status, status, "{age} s");
        assert_eq!(health.status, status);
    }
}

#[test]
fn what_cannot_be_written_is_told_at_once() {
    let trouble = "the log cannot be written at present: No space left on device".to_owned();
    let seen = Observation { troubles: vec![trouble.clone()], ..well() };
    let health = judge(&seen, &Targets::default(), None);
    assert_eq!(health.level(ServiceLevelName::CommitAge).unwrap().status, Status::Degraded);
    assert_eq!((health.status, health.is_ready(), health.reasons), (Status::Degraded, true, vec![trouble]));
    let seen = Observation { commit_age: Some(Duration::from_mins(6)), ..seen };
    let health = judge(&seen, &Targets::default(), None);
    assert_eq!((health.status, health.is_ready(), health.reasons.len()), (Status::Failing, false, 2));
    // Who only looks into the folder may not know when anything was committed.
    let seen = Observation { commit_age: None, ..seen };
    assert_eq!(judge(&seen, &Targets::default(), None).status, Status::Degraded);
}

#[test]
fn slow_answers_fail_and_are_still_relied_on() {
    let seen = Observation { api_p95: Some(Duration::from_secs(3)), ..well() };
    let health = judge(&seen, &Targets::default(), None);
    assert_eq!((health.status, health.is_ready()), (Status::Failing, true));
    let seen = Observation { commit_age: Some(Duration::from_hours(1)), ..seen };
    assert!(!judge(&seen, &Targets::default(), None).is_ready());
}

#[test]
fn a_dead_engine_fails_and_an_absent_one_does_not() {
    let dead = Observation { engine: Some(false), symbols: Vec::new(), ..well() };
    let health = judge(&dead, &Targets::default(), None);
    assert_eq!(health.status, Status::Failing);
    assert!(health.reasons[0].contains("not running"), "{:?}", health.reasons);
    assert_eq!(judge(&Observation::at(NOW), &Targets::default(), None).status, Status::Ok);
}

#[test]
fn a_status_is_known_since_it_began() {
    let first = judge(&well(), &Targets::default(), None);
    let later = Observation { now: Timestamp(NOW.0 + 5), ..well() };
    let second = judge(&later, &Targets::default(), Some(&first));
    assert!(second.service_levels.iter().all(|level| level.since == NOW));
    let missed = Observation { api_p95: Some(Duration::from_secs(1)), ..later };
    let third = judge(&missed, &Targets::default(), Some(&second));
    assert_eq!(third.level(ServiceLevelName::ApiP95).unwrap().since, missed.now);
}

#[test]
fn health_reads_back_from_json() {
    let health = judge(&well(), &Targets::default(), None);
    let text = serde_json::to_string(&health).unwrap();
    for part in [r#""status":"ok""#, r#""name":"api_p95""#, r#""since":"2024-08-08T23:54:15.208000123Z""#] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert_eq!(serde_json::from_str::<Health>(&text).unwrap(), health);
}
