//! What must be known before anything runs: the symbols, the weight limit, the venue's clock.

use std::time::Duration;

use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;
use serde::Deserialize;
use tokio::time::sleep;

use super::backoff::Backoff;
use super::clock::{self, ClockOffset};
use super::exchange_info::ExchangeInfo;
use super::rest::{Body, RequestError, Rest};
use super::{FeedError, UnknownSymbols};

/// Attempts at a venue that does not answer before it is given up.
const ATTEMPTS: u32 = 5;
/// More names would make the address longer than servers take; all symbols are asked for then.
const MOST_NAMED: usize = 100;
/// The venue's answer to a list with a name it does not know.
const INVALID_SYMBOL: &str = "-1121";
pub(super) const CLOCK_SAMPLES: u32 = 5;

/// `exchangeInfo` with every one of `symbols` in it, and when it came.
pub(super) async fn learn_instruments(
    rest: &Rest,
    symbols: &[Symbol],
) -> Result<(ExchangeInfo, Timestamp), FeedError> {
    let failed = |source| FeedError::ExchangeInfo { url: rest.url("exchangeInfo"), source };
    let named = if symbols.len() > MOST_NAMED { &[] } else { symbols };
    let body = match fetch(rest, named).await {
        Err(RequestError::Status { body, .. }) if body.contains(INVALID_SYMBOL) => fetch(rest, &[]).await,
        result => result,
    };
    let body = body.map_err(failed)?;
    let info = ExchangeInfo::parse(&body.bytes).map_err(failed)?;
    let unknown = info.unknown(symbols);
    if unknown.is_empty() { Ok((info, body.received)) } else { Err(UnknownSymbols(unknown).into()) }
}

/// The venue's clock against ours, at the smallest round trip of a few.
pub(super) async fn measure_clock(rest: &Rest) -> Result<ClockOffset, RequestError> {
    let mut best = measure_clock_once(rest).await?;
    for _ in 1..CLOCK_SAMPLES {
        let offset = measure_clock_once(rest).await?;
        if offset.round_trip < best.round_trip {
            best = offset;
        }
    }
    Ok(best)
}

/// Tries again where another attempt may help.
async fn fetch(rest: &Rest, symbols: &[Symbol]) -> Result<Body, RequestError> {
    let mut backoff = Backoff::default();
    let mut attempts = 0;
    loop {
        let error = match rest.exchange_info(symbols).await.result {
            Ok(body) => return Ok(body),
            Err(error) => error,
        };
        let wait = match &error {
            RequestError::Limited { wait, .. } => *wait,
            RequestError::Status { status, .. } if *status < 500 => return Err(error),
            _ => {
                attempts += 1;
                backoff.delay(&mut rand::rng())
            }
        };
        if attempts >= ATTEMPTS {
            return Err(error);
        }
        log_retry(&error, wait);
        sleep(wait).await;
    }
}

fn log_retry(error: &RequestError, wait: Duration) {
    let retry_seconds = wait.as_secs_f64();
    tracing::warn!(%error, retry_seconds, "the venue's exchangeInfo cannot be had yet");
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServerTime {
    server_time: i64,
}

async fn measure_clock_once(rest: &Rest) -> Result<ClockOffset, RequestError> {
    let sent = clock::now();
    let body = rest.time().await.result?;
    let answer: ServerTime =
        serde_json::from_slice(&body.bytes).map_err(|error| RequestError::Malformed(error.to_string()))?;
    Ok(ClockOffset::measured(sent, Timestamp::from_venue(answer.server_time), body.received))
}
