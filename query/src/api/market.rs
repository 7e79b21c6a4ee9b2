//! Symbols, tickers and books: straight from the board.

use std::cmp::Reverse;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use depthlake_engine::board::LADDER_LEVELS;
use depthlake_engine::clock;
use depthlake_orderbook::book::Side;
use depthlake_orderbook::symbol::Symbol;
use serde::Deserialize;
use strsim::damerau_levenshtein;

use super::encode::{self, BookView, LEVEL_BYTES, Moment, TICKER_BYTES};
use super::extract::{Name, Parameters, symbol_of, within};
use super::full_depth::NoDepth;
use super::problem::Problem;
use super::schema::{BookAnswer, ProblemAnswer, SymbolsAnswer, TickerAnswer, TickersAnswer};
use super::state::ApiState;
use super::{TAG_MARKET, answer};
use crate::json_text::JsonText;
use crate::live::{Board, Quote, Writer};

/// The most levels of a side that may be asked for: as many as a venue's snapshot has.
pub(crate) const MOST_LEVELS: usize = 5_000;

/// How many names a refusal of an unknown one tells.
const NEAREST: usize = 3;

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct BookParameters {
    /// Levels of each side, 1 to 5,000; 20 if not given.
    #[param(minimum = 1, maximum = 5000)]
    depth: Option<usize>,
}

/// All trading pairs.
#[utoipa::path(get, path = "/api/v1/symbols", tag = TAG_MARKET,
    responses((status = 200, body = SymbolsAnswer), (status = 503, body = ProblemAnswer)))]
pub(crate) async fn symbols(State(state): State<ApiState>) -> Result<Response, Problem> {
    let board = board(&state)?;
    let is_written = is_written(&board);
    let mut json = JsonText::with_capacity(160 * board.symbols().len() + 16);
    json.raw("{\"symbols\":[");
    for (index, quote) in board.quotes().enumerate() {
        let known = state.references.entry(quote.symbol);
        let known = known.as_deref();
        json.raw(if index == 0 { "{\"symbol\":" } else { ",{\"symbol\":" });
        json.plain(quote.symbol.as_str());
        json.raw(",\"venue\":\"binance\"");
        for (name, text) in [
            (",\"base\":", known.and_then(|known| known.base.as_deref())),
            (",\"quote\":", known.and_then(|known| known.quote.as_deref())),
        ] {
            if let Some(text) = text {
                json.raw(name);
                json.string(text);
            }
        }
        for (name, text, scale) in [
            (",\"tick_size\":", known.and_then(|known| known.tick_size.as_deref()), quote.row.price_scale),
            (",\"step_size\":", known.and_then(|known| known.step_size.as_deref()), quote.row.quantity_scale),
        ] {
            json.raw(name);
            match text {
                Some(text) => json.string(text),
                None => json.units(1, scale),
            }
        }
        json.raw(",\"state\":");
        json.plain(quote.condition(is_written).name());
        json.raw("}");
    }
    json.raw("]}");
    Ok(answer::json(json.into_bytes()))
}

/// The best prices of all trading pairs.
#[utoipa::path(get, path = "/api/v1/tickers", tag = TAG_MARKET,
    responses((status = 200, body = TickersAnswer), (status = 503, body = ProblemAnswer)))]
pub(crate) async fn tickers(State(state): State<ApiState>) -> Result<Response, Problem> {
    let board = board(&state)?;
    let (now, is_writer_alive) = (clock::now(), is_written(&board));
    let mut json = JsonText::with_capacity(TICKER_BYTES * board.symbols().len() + 16);
    json.raw("{\"tickers\":[");
    for (index, quote) in board.quotes().enumerate() {
        if index > 0 {
            json.raw(",");
        }
        let reference = state.references.price_a_day_ago(quote.symbol);
        encode::ticker(&mut json, &quote, &Moment { now, is_writer_alive, reference });
    }
    json.raw("]}");
    Ok(answer::json(json.into_bytes()))
}

/// The best prices of one trading pair.
#[utoipa::path(get, path = "/api/v1/ticker/{symbol}", tag = TAG_MARKET,
    params(("symbol" = String, Path, description = "The venue's name, such as BTCUSDT")),
    responses((status = 200, body = TickerAnswer), (status = 304, description = "As the client has it"),
        (status = 404, body = ProblemAnswer), (status = 503, body = ProblemAnswer)))]
pub(crate) async fn ticker(
    State(state): State<ApiState>,
    Name(name): Name,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (board, quote) = quote(&state, &name)?;
    let is_writer_alive = is_written(&board);
    let row = &quote.row;
    let condition = quote.condition(is_writer_alive).name();
    let etag = format!("W/\"{}-{}-{}-{condition}\"", row.epoch, row.update_id.0, row.publish_time.0);
    Ok(answer::versioned(&headers, &etag, || {
        let reference = state.references.price_a_day_ago(quote.symbol);
        let mut json = JsonText::with_capacity(TICKER_BYTES);
        encode::ticker(&mut json, &quote, &Moment { now: clock::now(), is_writer_alive, reference });
        json.into_bytes()
    }))
}

/// The order book of one trading pair: the best levels of both sides.
#[utoipa::path(get, path = "/api/v1/book/{symbol}", tag = TAG_MARKET,
    params(("symbol" = String, Path, description = "The venue's name, such as BTCUSDT"), BookParameters),
    responses((status = 200, body = BookAnswer), (status = 304, description = "As the client has it"),
        (status = 400, body = ProblemAnswer), (status = 404, body = ProblemAnswer),
        (status = 503, body = ProblemAnswer)))]
pub(crate) async fn book(
    State(state): State<ApiState>,
    Name(name): Name,
    Parameters(parameters): Parameters<BookParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let depth = within("depth", parameters.depth, LADDER_LEVELS, MOST_LEVELS)?;
    let (board, quote) = quote(&state, &name)?;
    let is_writer_alive = is_written(&board);
    if depth > LADDER_LEVELS {
        return deep_book(&state, &quote, is_writer_alive, depth, &headers);
    }
    let view = BookView::of_quote(&quote, is_writer_alive);
    let etag = etag_of(&view, quote.row.epoch, depth);
    Ok(answer::versioned(&headers, &etag, || {
        let mut json = JsonText::with_capacity(256 + 2 * depth * LEVEL_BYTES);
        let side = |levels: &[_]| levels.iter().copied().take(depth).collect::<Vec<_>>();
        encode::book(&mut json, &view, side(&quote.row.bids), side(&quote.row.asks));
        json.into_bytes()
    }))
}

fn deep_book(
    state: &ApiState,
    quote: &Quote,
    is_writer_alive: bool,
    depth: usize,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let answered = state.full_depth.with(&state.market, quote.symbol, |copy| {
        let view = BookView::of_depth(quote.symbol.as_str(), copy, quote.condition(is_writer_alive));
        let etag = etag_of(&view, copy.epoch(), depth);
        answer::versioned(headers, &etag, || {
            let levels = |side| copy.book().levels(side).take(depth);
            let known = copy.book().depth(Side::Bid).min(depth) + copy.book().depth(Side::Ask).min(depth);
            let mut json = JsonText::with_capacity(256 + known * LEVEL_BYTES);
            encode::book(&mut json, &view, levels(Side::Bid), levels(Side::Ask));
            json.into_bytes()
        })
    });
    answered.map_err(|why| match why {
        NoDepth::Nowhere | NoDepth::UnknownSymbol => Problem::unavailable(format!(
            "no more than {LADDER_LEVELS} levels are shown of {}: the whole book is not published here",
            quote.symbol
        )),
        NoDepth::Failed(error) => Problem::unavailable(error.to_string()),
    })
}

/// The board; a problem where there is none.
pub(crate) fn board(state: &ApiState) -> Result<Arc<Board>, Problem> {
    state.market.board().ok_or_else(|| {
        Problem::unavailable("there are no live books here: no engine has written to this data folder")
    })
}

/// The board with one symbol's book; a problem with the nearest names where it has none.
pub(crate) fn quote(state: &ApiState, name: &str) -> Result<(Arc<Board>, Quote), Problem> {
    let board = board(state)?;
    let unknown = || unknown_symbol(name, board.symbols());
    let symbol = Symbol::new(name).map_err(|_| unknown())?;
    match board.quote(symbol) {
        Ok(Some(quote)) => Ok((board, quote)),
        Ok(None) => Err(unknown()),
        Err(error) => Err(Problem::internal(error.to_string())),
    }
}

/// A symbol that the board has, or, where there is no board, any: then the lake tells.
pub(crate) fn known_symbol(state: &ApiState, name: &str) -> Result<Symbol, Problem> {
    let symbol = symbol_of(name);
    match state.market.board() {
        None => symbol,
        Some(board) => {
            let known = symbol.ok().filter(|symbol| board.find(*symbol).is_some());
            known.ok_or_else(|| unknown_symbol(name, board.symbols()))
        }
    }
}

pub(crate) fn is_written(board: &Board) -> bool {
    matches!(board.writer(clock::now()), Writer::Alive { .. })
}

fn etag_of(view: &BookView<'_>, epoch: u64, depth: usize) -> String {
    format!("\"{epoch}-{}-{}-{depth}\"", view.update_id, view.condition.name())
}

fn unknown_symbol(name: &str, known: &[Symbol]) -> Problem {
    let name: String = name.chars().take(64).collect();
    let upper = name.to_ascii_uppercase();
    let mut nearest: Vec<&str> = known.iter().map(Symbol::as_str).collect();
    nearest.sort_by_key(|other| (damerau_levenshtein(&upper, other), Reverse(common_start(&upper, other))));
    nearest.truncate(NEAREST);
    Problem::unknown_symbol(&name, &nearest)
}

fn common_start(one: &str, other: &str) -> usize {
    one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count()
}
