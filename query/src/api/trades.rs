//! Trades, newest first.

use std::ops::ControlFlow;

use axum::extract::State;
use axum::response::Response;
use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::{Int64Type, TimestampNanosecondType};
use depthlake_engine::clock;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;
use serde::Deserialize;

use super::authentication::Asker;
use super::cursor::Cursor;
use super::extract::{Name, Parameters, within};
use super::market::known_symbol;
use super::problem::Problem;
use super::reference::sql_time;
use super::rows::{ask_as, integers, times, write_objects};
use super::schema::{ProblemAnswer, TradesAnswer};
use super::state::ApiState;
use super::{TAG_MARKET, answer};
use crate::json_text::JsonText;

const DEFAULT_TRADES: usize = 100;
const MOST_TRADES: usize = 1_000;

/// How far back is looked, in turn, until there are trades enough: the last minutes are where they nearly always are, and
/// cost the least to read.
const REACHES: [Option<i64>; 3] = [Some(10 * MINUTE), Some(24 * 60 * MINUTE), None];

const MINUTE: i64 = 60_000_000_000;

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TradeParameters {
    /// How many trades, 1 to 1,000; 100 if not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Trades before this time, or before a cursor of an answer.
    before: Option<String>,
}

/// Trades of one trading pair, newest first.
#[utoipa::path(get, path = "/api/v1/trades/{symbol}", tag = TAG_MARKET,
    params(("symbol" = String, Path, description = "The venue's name, such as BTCUSDT"), TradeParameters),
    responses((status = 200, body = TradesAnswer), (status = 400, body = ProblemAnswer),
        (status = 404, body = ProblemAnswer)))]
pub(crate) async fn trades(
    State(state): State<ApiState>,
    Asker(principal): Asker,
    Name(name): Name,
    Parameters(parameters): Parameters<TradeParameters>,
) -> Result<Response, Problem> {
    let limit = within("limit", parameters.limit, DEFAULT_TRADES, MOST_TRADES)?;
    let before = parameters.before.as_deref().map(|text| Cursor::parse("before", text)).transpose()?;
    let symbol = known_symbol(&state, &name)?;
    let mut found = Vec::new();
    for reach in REACHES {
        found = ask_as(&state, &principal, &question(symbol, before, reach, limit)).await?;
        if let ControlFlow::Break(()) = enough(&found, limit) {
            break;
        }
    }
    let mut json = JsonText::with_capacity(256 * limit + 128);
    json.raw("{\"symbol\":");
    json.plain(symbol.as_str());
    json.raw(",\"trades\":[");
    write_objects(&mut json, &found);
    json.raw("]");
    if let Some(next) = last_row(&found).filter(|_| enough(&found, limit).is_break()) {
        json.raw(",\"next\":");
        json.plain(&next.text());
    }
    json.raw("}");
    Ok(answer::json(json.into_bytes()))
}

fn question(symbol: Symbol, before: Option<Cursor>, reach: Option<i64>, limit: usize) -> String {
    let until = before.map_or_else(String::new, |Cursor { time, id }| {
        let time = sql_time(time);
        format!(
            " AND (event_time < TIMESTAMP '{time}' OR (event_time = TIMESTAMP '{time}' AND trade_id < {id}))"
        )
    });
    let newest = before.map_or_else(clock::now, |cursor| cursor.time);
    let from = reach.map_or_else(String::new, |reach| {
        format!(" AND event_time >= TIMESTAMP '{}'", sql_time(Timestamp(newest.0.saturating_sub(reach))))
    });
    format!(
        "SELECT trade_id, kind, price, quantity, taker_side = 'sell' AS buyer_is_maker, trade_time, event_time,
            received_at AS receive_time
        FROM normalized.trades WHERE symbol = '{symbol}'{from}{until}
        ORDER BY event_time DESC, trade_id DESC LIMIT {limit}"
    )
}

fn enough(found: &[RecordBatch], limit: usize) -> ControlFlow<()> {
    let rows: usize = found.iter().map(RecordBatch::num_rows).sum();
    if rows >= limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

fn last_row(found: &[RecordBatch]) -> Option<Cursor> {
    let batch = found.iter().rfind(|batch| batch.num_rows() > 0)?;
    let row = batch.num_rows().checked_sub(1)?;
    let time = times(batch, "event_time")?.as_primitive_opt::<TimestampNanosecondType>()?.value(row);
    let id = integers(batch, "trade_id")?.as_primitive_opt::<Int64Type>()?.value(row);
    Some(Cursor { time: Timestamp(time), id })
}
