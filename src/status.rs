//! `depthlake status`: is it well? One screen, and an exit status for programs.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use depthlake_engine::board::{BoardError, Reader};
use depthlake_engine::clock;
use depthlake_orderbook::time::Timestamp;
use depthlake_query::health::{self, Health, Observation, ServiceLevelName, Status, SymbolHealth};
use reqwest::{StatusCode, Url};
use tokio::time::timeout;

use crate::configuration::Configuration;
use crate::credentials::{Credentials, NEEDS_LOGIN};
use crate::data_folder::DataFolder;
use crate::lake_options::{LakeOptions, LakePlace};
use crate::tables::grouped;
use crate::top::duration;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Symbols that are named; of more only the number is told.
const MOST_NAMED: usize = 10;

#[derive(Debug, Args)]
pub struct StatusOptions {
    /// Asks a running program, `http://HOST:PORT`, instead of looking into the data folder.
    #[arg(long, env = "DEPTHLAKE_SERVER", value_name = "URL")]
    server: Option<String>,
    /// As whom the server is asked; the password is taken from `DEPTHLAKE_PASSWORD`, a token from `DEPTHLAKE_TOKEN`.
    #[arg(long, env = "DEPTHLAKE_USER", value_name = "USER")]
    user: Option<String>,
    #[command(flatten)]
    lake: LakeOptions,
}

/// Prints how well it is; the exit status is 1 where it is not.
///
/// # Errors
/// Where the server does not answer, or the folder holds nothing that could be looked at.
pub async fn run(options: &StatusOptions, configuration: &Configuration) -> Result<ExitCode> {
    let health = match &options.server {
        Some(server) => ask(server, options.user.as_deref()).await?,
        None => look(options, configuration).await?,
    };
    print!("{}", screen(&health));
    Ok(if health.status == Status::Ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn ask(server: &str, user: Option<&str>) -> Result<Health> {
    let url = Url::parse(&format!("{}/api/v1/health", server.trim_end_matches('/')))
        .context("the server's address is no URL: expected http://HOST:PORT")?;
    let shown = without_credentials(url.clone());
    let failed = || format!("{shown} cannot be asked");
    let client = reqwest::Client::builder().timeout(PATIENCE).build().with_context(failed)?;
    let sent = Credentials::of_environment(user).shown(client.get(url)).send().await;
    let answer = sent.map_err(reqwest::Error::without_url).with_context(failed)?;
    let status = answer.status();
    if status == StatusCode::UNAUTHORIZED {
        bail!("{shown} answers {status}: {NEEDS_LOGIN}");
    }
    if !status.is_success() {
        bail!("{shown} answers {status}");
    }
    let health = answer.json().await.map_err(reqwest::Error::without_url);
    health.with_context(|| format!("{shown} does not answer as depthlake does"))
}

fn without_credentials(mut url: Url) -> Url {
    // An address of a server can be without them.
    let _ = url.set_password(None).and_then(|()| url.set_username(""));
    url
}

async fn look(options: &StatusOptions, configuration: &Configuration) -> Result<Health> {
    let place = options.lake.place(configuration)?;
    let now = clock::now();
    let reader = match Reader::open(&DataFolder::at(&place.folder).board()) {
        Ok(reader) => Some(reader),
        Err(BoardError::Missing { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let mut seen = match &reader {
        Some(reader) => health::observe_engine(reader, now),
        None => Observation::at(now),
    };
    match timeout(PATIENCE, last_commit(&place)).await {
        Ok(Ok(last_commit)) => seen.last_commit = last_commit,
        Ok(Err(error)) if reader.is_none() => return Err(error),
        Ok(Err(error)) => seen.troubles.push(format!("{error:#}")),
        Err(_) => seen.troubles.push(format!("the lake does not answer within {} s", PATIENCE.as_secs())),
    }
    seen.troubles.extend(health::observe_disk(&place.folder));
    let newest = reader.iter().filter_map(newest_event).max();
    seen.commit_age = commit_age(newest, seen.last_commit, now);
    let targets = configuration.health.targets()?;
    Ok(health::judge(&seen, &targets, None))
}

async fn last_commit(place: &LakePlace) -> Result<Option<Timestamp>> {
    let tables = place.existing().await?.tables().await?;
    Ok(tables.iter().filter_map(|table| table.last_commit).max())
}

fn newest_event(reader: &Reader) -> Option<Timestamp> {
    reader.slots().filter_map(|slot| Some(reader.read(slot).ok()?.value.receive_time)).max()
}

/// Nothing waits where the newest event is older than the last commit.
fn commit_age(newest: Option<Timestamp>, last_commit: Option<Timestamp>, now: Timestamp) -> Option<Duration> {
    let (newest, last_commit) = (newest?, last_commit?);
    let age = if newest > last_commit { now - last_commit } else { 0 };
    u64::try_from(age).ok().map(Duration::from_nanos)
}

fn screen(health: &Health) -> String {
    let mut text = format!("depthlake is {}\n", in_words(health.status));
    // Writing to a text cannot fail.
    for reason in &health.reasons {
        _ = writeln!(text, "  {reason}");
    }
    _ = writeln!(text, "\n{:<12} {:>12} {:>12}  {:<9} since", "promise", "measured", "promised", "status");
    for level in &health.service_levels {
        let figure = |value: f64| match level.name {
            ServiceLevelName::GapRate => format!("{value:.1}/h"),
            ServiceLevelName::Agreement => format!("{value:.0} wrong"),
            _ => milliseconds(value),
        };
        let since = duration((health.time - level.since).max(0));
        _ = writeln!(
            text,
            "{:<12} {:>12} {:>12}  {:<9} {since}",
            level.name.name(),
            level.value.map_or_else(|| "–".to_owned(), figure),
            figure(level.target),
            level.status.name(),
        );
    }
    text.push('\n');
    let stale: Vec<&SymbolHealth> =
        health.symbols.iter().filter(|symbol| symbol.status != Status::Ok).collect();
    if !health.symbols.is_empty() {
        let fresh = health.symbols.len() - stale.len();
        _ = writeln!(text, "{fresh} of {} books are live and fresh", health.symbols.len());
    }
    for symbol in stale.iter().take(MOST_NAMED) {
        let age = symbol
            .age_ms
            .map_or_else(|| "no event yet".to_owned(), |age| format!("last event {} ago", milliseconds(age)));
        _ = writeln!(text, "  {:<14} {:<10} {age}", symbol.symbol, symbol.state);
    }
    if stale.len() > MOST_NAMED {
        _ = writeln!(text, "  and {} more", stale.len() - MOST_NAMED);
    }
    if let Some(last_commit) = health.lake.last_commit {
        _ = write!(text, "last commit to the lake {} ago", duration((health.time - last_commit).max(0)));
        if let Some(records) = health.lake.waiting_records {
            _ = write!(text, ", {} records wait", grouped(records));
        }
        text.push('\n');
    }
    text
}

const fn in_words(status: Status) -> &'static str {
    match status {
        Status::Ok => "well",
        Status::Degraded => "not well: a promise is missed",
        Status::Failing => "failing: what it serves is not to be relied on",
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a duration for display")]
fn milliseconds(value: f64) -> String {
    duration((value * 1e6) as i64)
}

#[cfg(test)]
mod tests {
    use depthlake_engine::board::BoardState;
    use depthlake_orderbook::symbol::Symbol;
    use depthlake_query::health::{SymbolObservation, Targets, judge};

    use super::*;

    const NOW: Timestamp = Timestamp(1_723_161_255_208_000_000);

    fn seen(age: u64) -> Observation {
        let symbol = Symbol::new("BTCUSDT").unwrap();
        let age = Some(Duration::from_millis(age));
        Observation {
            engine: Some(true),
            symbols: vec![SymbolObservation {
                symbol,
                state: BoardState::Live,
                age,
                gaps: 0,
                disagreements: 0,
            }],
            last_commit: Some(Timestamp(NOW.0 - 3_000_000_000)),
            commit_age: Some(Duration::from_secs(3)),
            gaps_per_hour: Some(0.0),
            ..Observation::at(NOW)
        }
    }

    #[test]
    fn the_screen_answers_in_its_first_line() {
        let well = screen(&judge(&seen(250), &Targets::default(), None));
        assert!(well.starts_with("depthlake is well\n"), "{well}");
        assert!(well.contains("1 of 1 books are live and fresh"), "{well}");
        let stale = screen(&judge(&seen(60_000), &Targets::default(), None));
        assert!(stale.starts_with("depthlake is failing"), "{stale}");
        assert!(stale.contains("BTCUSDT") && stale.contains("0 of 1 books"), "{stale}");
    }

    #[test]
    fn credentials_are_not_shown() {
        let url = Url::parse("http://ana:secret@127.0.0.1:1/api/v1/health").unwrap();
        assert_eq!(without_credentials(url).as_str(), "http://127.0.0.1:1/api/v1/health");
    }

    #[test]
    fn nothing_waits_where_nothing_came_after_the_last_commit() {
        let (before, after) = (Some(Timestamp(NOW.0 - 5)), Some(Timestamp(NOW.0 - 1)));
        assert_eq!(commit_age(before, after, NOW), Some(Duration::ZERO));
        assert_eq!(commit_age(after, before, NOW), Some(Duration::from_nanos(5)));
        assert_eq!(commit_age(after, None, NOW), None);
    }
}
