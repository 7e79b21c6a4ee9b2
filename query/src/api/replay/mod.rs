//! Books of the past, rebuilt from what was received.
//!
//! The raw messages of a symbol go through the pipeline that runs live, from the last snapshot before the time asked for up to
//! it. What was rebuilt is kept for a while ([`cache`]), so that who moves on in time does not begin from the snapshot again.
//!
//! Invariant: a book of the past is what the engine had after the last message received at or before that time.

mod cache;
mod rebuild;

use axum::extract::State;
use axum::response::Response;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::authentication::Asker;
use super::encode::{self, BookView};
use super::extract::{Name, Parameters, time_of, within};
use super::market::known_symbol;
use super::problem::Problem;
use super::schema::{ProblemAnswer, ReplayAnswer, ReplayRangeAnswer};
use super::state::ApiState;
use super::{TAG_MARKET, answer};
use crate::json_text::{JsonText, rfc3339};
use cache::Cache;
use rebuild::{Extent, PastBook, Rebuilding};

const DEFAULT_DEPTH: usize = 20;
const MOST_DEPTH: usize = 5_000;
const MOST_RANGE_DEPTH: usize = 100;
const MOST_FRAMES: i64 = 500;

/// Rebuilding costs a processor, so few do it at once and the others wait.
const AT_ONCE: usize = 2;

/// What replays share.
#[derive(Debug)]
pub(crate) struct Replays {
    cache: Cache,
    turns: Semaphore,
}

impl Default for Replays {
    fn default() -> Self {
        Self { cache: Cache::default(), turns: Semaphore::new(AT_ONCE) }
    }
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReplayParameters {
    /// The time: RFC 3339, or milliseconds since 1970.
    at: String,
    /// Levels of each side, 1 to 5,000; 20 if not given.
    #[param(minimum = 1, maximum = 5000)]
    depth: Option<usize>,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RangeParameters {
    /// The time of the first frame; what lies before the first book there is has none.
    from: String,
    /// The time up to which there are frames.
    to: String,
    /// Milliseconds between frames; as many as make 100 frames if not given, and at most 500 frames.
    step: Option<i64>,
    /// Levels of each side, 1 to 100; 20 if not given.
    #[param(minimum = 1, maximum = 100)]
    depth: Option<usize>,
}

/// The order book of one trading pair as it was.
#[utoipa::path(get, path = "/api/v1/replay/{symbol}", tag = TAG_MARKET,
    params(("symbol" = String, Path, description = "The venue's name, such as BTCUSDT"), ReplayParameters),
    responses((status = 200, body = ReplayAnswer), (status = 400, body = ProblemAnswer),
        (status = 404, body = ProblemAnswer)))]
pub(crate) async fn book(
    State(state): State<ApiState>,
    Asker(principal): Asker,
    Name(name): Name,
    Parameters(parameters): Parameters<ReplayParameters>,
) -> Result<Response, Problem> {
    let at = time_of("at", &parameters.at)?;
    let depth = within("depth", parameters.depth, DEFAULT_DEPTH, MOST_DEPTH)?;
    let symbol = known_symbol(&state, &name)?;
    let _turn = turn(&state).await?;
    let rebuilding = Rebuilding::of(&state, principal, symbol).await?;
    let extent = rebuilding.extent();
    check_within(symbol, at, extent)?;
    let frames = rebuilding.run(vec![at], depth).await?;
    let book = frames.first().ok_or_else(|| Problem::outside_time(outside(symbol, extent)))?;
    let mut json = JsonText::with_capacity(1_024);
    json.raw("{\"at\":");
    json.time(at);
    json.raw(",");
    write_book(&mut json, book);
    encode::book_horizon(&mut json, &view(book));
    write_extent(&mut json, extent);
    json.raw("}");
    Ok(answer::json(json.into_bytes()))
}

/// The order book of one trading pair as it was, again and again between two times.
#[utoipa::path(get, path = "/api/v1/replay/{symbol}/range", tag = TAG_MARKET,
    params(("symbol" = String, Path, description = "The venue's name, such as BTCUSDT"), RangeParameters),
    responses((status = 200, body = ReplayRangeAnswer), (status = 400, body = ProblemAnswer),
        (status = 404, body = ProblemAnswer)))]
pub(crate) async fn range(
    State(state): State<ApiState>,
    Asker(principal): Asker,
    Name(name): Name,
    Parameters(parameters): Parameters<RangeParameters>,
) -> Result<Response, Problem> {
    let (from, to) = (time_of("from", &parameters.from)?, time_of("to", &parameters.to)?);
    let depth = within("depth", parameters.depth, DEFAULT_DEPTH, MOST_RANGE_DEPTH)?;
    let step = step_of(from, to, parameters.step)?;
    let symbol = known_symbol(&state, &name)?;
    let _turn = turn(&state).await?;
    let rebuilding = Rebuilding::of(&state, principal, symbol).await?;
    let extent = rebuilding.extent();
    if from > extent.latest || to < extent.earliest {
        return Err(Problem::outside_time(format!(
            "{} to {} is outside: {}",
            rfc3339(from),
            rfc3339(to),
            outside(symbol, extent)
        )));
    }
    let times = (0..).map(|frame: i64| Timestamp(from.0.saturating_add(frame.saturating_mul(step))));
    let times = times.take_while(|time| *time <= to.min(extent.latest));
    let times: Vec<_> = times.skip_while(|time| *time < extent.earliest).collect();
    let frames = rebuilding.run(times, depth).await?;
    let mut json = JsonText::with_capacity(1_024 * (frames.len() + 1));
    json.raw("{\"symbol\":");
    json.plain(symbol.as_str());
    json.raw(",\"from\":");
    json.time(from);
    json.raw(",\"to\":");
    json.time(to);
    json.raw(",\"step_ms\":");
    json.integer(step / MILLISECOND);
    write_extent(&mut json, extent);
    json.raw(",\"frames\":[");
    for (index, book) in frames.iter().enumerate() {
        json.raw(if index == 0 { "{\"at\":" } else { ",{\"at\":" });
        json.time(book.at);
        json.raw(",");
        write_book(&mut json, book);
        json.raw("}");
    }
    json.raw("]}");
    Ok(answer::json(json.into_bytes()))
}

const MILLISECOND: i64 = 1_000_000;

/// Frames of a range whose step was not given.
const DEFAULT_FRAMES: i64 = 100;

/// Nanoseconds between frames.
fn step_of(from: Timestamp, to: Timestamp, step: Option<i64>) -> Result<i64, Problem> {
    if from > to {
        return Err(Problem::bad_request("from is after to"));
    }
    let length = (to - from) / MILLISECOND;
    let step = step.unwrap_or((length / DEFAULT_FRAMES).max(1));
    if step < 1 || length / step >= MOST_FRAMES {
        let least = length / MOST_FRAMES + 1;
        let detail = format!("step is {step}: expected at least {least} ms, for {MOST_FRAMES} frames at most");
        return Err(Problem::bad_request(detail));
    }
    Ok(step.saturating_mul(MILLISECOND))
}

async fn turn(state: &ApiState) -> Result<tokio::sync::SemaphorePermit<'_>, Problem> {
    state.replays.turns.acquire().await.map_err(|_| Problem::unavailable("the server is shutting down"))
}

fn check_within(symbol: Symbol, at: Timestamp, extent: Extent) -> Result<(), Problem> {
    if (extent.earliest..=extent.latest).contains(&at) {
        return Ok(());
    }
    Err(Problem::outside_time(format!("{} is outside: {}", rfc3339(at), outside(symbol, extent))))
}

fn outside(symbol: Symbol, extent: Extent) -> String {
    let (earliest, latest) = (rfc3339(extent.earliest), rfc3339(extent.latest));
    format!("books of {symbol} can be rebuilt from {earliest}, its first snapshot, to {latest}, its last message")
}

fn view(book: &PastBook) -> BookView<'_> {
    BookView {
        symbol: book.symbol.as_str(),
        update_id: book.update_id,
        event_time: book.event_time,
        receive_time: book.receive_time,
        condition: book.condition,
        scales: book.units,
        horizon: book.horizon,
    }
}

fn write_book(json: &mut JsonText, book: &PastBook) {
    encode::book_head(json, &view(book));
    json.raw(",\"bids\":");
    encode::levels(json, book.bids.iter().copied(), book.units);
    json.raw(",\"asks\":");
    encode::levels(json, book.asks.iter().copied(), book.units);
}

fn write_extent(json: &mut JsonText, extent: Extent) {
    json.raw(",\"earliest\":");
    json.time(extent.earliest);
    json.raw(",\"latest\":");
    json.time(extent.latest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_make_a_bounded_number_of_frames() {
        let minute = Timestamp(60_000 * MILLISECOND);
        assert_eq!(step_of(Timestamp(0), minute, None).unwrap(), 600 * MILLISECOND);
        assert_eq!(step_of(Timestamp(0), Timestamp(0), None).unwrap(), MILLISECOND);
        assert_eq!(step_of(Timestamp(0), minute, Some(121)).unwrap(), 121 * MILLISECOND);
        assert!(step_of(Timestamp(0), minute, Some(120)).is_err());
        assert!(step_of(Timestamp(0), minute, Some(0)).is_err());
        assert!(step_of(minute, Timestamp(0), None).is_err());
    }
}
