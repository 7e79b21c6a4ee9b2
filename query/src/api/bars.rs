//! Bars: the last ones from the read model, the lake behind it.

use axum::extract::State;
use axum::response::Response;
use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::{Decimal128Type, Int64Type, TimestampNanosecondType};
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;
use serde::Deserialize;

use super::authentication::Asker;
use super::cursor::Cursor;
use super::extract::{Name, Parameters, within};
use super::market::known_symbol;
use super::problem::Problem;
use super::reference::{sql_time, symbol_at};
use super::rows::{ask_as, integers, times};
use super::schema::{BarsAnswer, ProblemAnswer};
use super::state::ApiState;
use super::{TAG_MARKET, answer};
use crate::access::Principal;
use crate::json_text::JsonText;
use crate::live::{BAR_MINUTES, LiveBar};

/// The columns that [`bars_of_rows`] reads.
pub(crate) const COLUMNS: &str =
    "symbol, open_time, open, high, low, close, volume, quote_volume, taker_buy_volume, trades";

const DEFAULT_BARS: usize = BAR_MINUTES;
const MOST_BARS: usize = 1_000;

/// Minutes that one request may sum up at most.
const MOST_MINUTES: usize = 200_000;

const MINUTE: i64 = 60_000_000_000;

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct BarParameters {
    /// How many bars, 1 to 1,000; 60 if not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Bars before this time, or before a cursor of an answer.
    before: Option<String>,
    /// 1m, 5m, 15m, 30m, 1h, 4h or 1d; 1m if not given.
    interval: Option<String>,
}

/// How long a bar is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Interval {
    name: &'static str,
    minutes: usize,
}

/// Bars of one trading pair, oldest first.
#[utoipa::path(get, path = "/api/v1/bars/{symbol}", tag = TAG_MARKET,
    params(("symbol" = String, Path, description = "The venue's name, such as BTCUSDT"), BarParameters),
    responses((status = 200, body = BarsAnswer), (status = 400, body = ProblemAnswer),
        (status = 404, body = ProblemAnswer)))]
pub(crate) async fn bars(
    State(state): State<ApiState>,
    Asker(principal): Asker,
    Name(name): Name,
    Parameters(parameters): Parameters<BarParameters>,
) -> Result<Response, Problem> {
    let limit = within("limit", parameters.limit, DEFAULT_BARS, MOST_BARS)?;
    let interval = Interval::parse(parameters.interval.as_deref())?;
    let before = parameters.before.as_deref().map(|text| Cursor::parse("before", text)).transpose()?;
    let symbol = known_symbol(&state, &name)?;
    if before.is_none()
        && interval == Interval::MINUTE
        && let Some(known) = state.bars.of(symbol)
        && known.suffices(limit)
    {
        let bars = known.last(limit);
        let mut json = begin(symbol, interval, bars.len());
        for (index, kept) in bars.iter().enumerate() {
            json.raw(if index == 0 { "" } else { "," });
            json.raw(&kept.json);
        }
        let oldest = bars.first().filter(|_| bars.len() == limit);
        return Ok(end(json, oldest.map(|kept| kept.bar.open_time)));
    }
    let (bars, more) =
        of_lake((&state, &principal), symbol, interval, limit, before.map(|cursor| cursor.time)).await?;
    let mut json = begin(symbol, interval, bars.len());
    for (index, bar) in bars.iter().enumerate() {
        json.raw(if index == 0 { "" } else { "," });
        json.raw(bar.to_json());
    }
    Ok(end(json, bars.first().filter(|_| more).map(|bar| bar.open_time)))
}

fn begin(symbol: Symbol, interval: Interval, bars: usize) -> JsonText {
    let mut json = JsonText::with_capacity(340 * bars + 128);
    json.raw("{\"symbol\":");
    json.plain(symbol.as_str());
    json.raw(",\"interval\":");
    json.plain(interval.name);
    json.raw(",\"bars\":[");
    json
}

fn end(mut json: JsonText, next: Option<Timestamp>) -> Response {
    json.raw("]");
    if let Some(time) = next {
        json.raw(",\"next\":");
        json.plain(&Cursor { time, id: 0 }.text());
    }
    json.raw("}");
    answer::json(json.into_bytes())
}

/// The last `limit` bars before a time, and whether there may be more.
async fn of_lake(
    (state, principal): (&ApiState, &Principal),
    symbol: Symbol,
    interval: Interval,
    limit: usize,
    before: Option<Timestamp>,
) -> Result<(Vec<LiveBar>, bool), Problem> {
    let minutes = limit * interval.minutes;
    if minutes > MOST_MINUTES {
        let most = MOST_MINUTES / interval.minutes;
        let detail = format!("limit is {limit}: of bars of {} expected 1 to {most}", interval.name);
        return Err(Problem::bad_request(detail));
    }
    let until = before.map_or_else(String::new, |time| {
        format!(" AND open_time < TIMESTAMP '{}'", sql_time(interval.begin(time)))
    });
    // One minute more than a page of them tells whether there is another page.
    let wanted = minutes + 1;
    let sql = format!(
        "SELECT {COLUMNS} FROM normalized.ohlcv_1m
        WHERE symbol = '{symbol}' AND is_current{until} ORDER BY open_time DESC LIMIT {wanted}"
    );
    let mut found: Vec<LiveBar> = Vec::with_capacity(wanted);
    for batch in ask_as(state, principal, &sql).await? {
        found.extend(bars_of_rows(&batch).map(|(_, bar)| bar));
    }
    let more = found.len() == wanted;
    found.reverse();
    if before.is_none() {
        add_newer(&mut found, state, symbol);
    }
    let mut bars = summed(found, interval);
    let surplus = bars.len().saturating_sub(limit);
    bars.drain(..surplus);
    Ok((bars, more || surplus > 0))
}

/// Adds the bars of the read model that the lake does not have yet.
fn add_newer(bars: &mut Vec<LiveBar>, state: &ApiState, symbol: Symbol) {
    let newest = bars.last().map_or(i64::MIN, |bar| bar.open_time.0);
    if let Some(known) = state.bars.of(symbol) {
        let newer = known.last(usize::MAX).iter().map(|kept| kept.bar);
        bars.extend(newer.filter(|bar| bar.open_time.0 > newest));
    }
}

/// Bars of a longer interval, of those of minutes in order.
fn summed(minutes: Vec<LiveBar>, interval: Interval) -> Vec<LiveBar> {
    if interval == Interval::MINUTE {
        return minutes;
    }
    let mut bars: Vec<LiveBar> = Vec::new();
    for minute in minutes {
        let open_time = interval.begin(minute.open_time);
        match bars.last_mut().filter(|bar| bar.open_time == open_time) {
            Some(bar) => bar.extend(&minute),
            None => bars.push(LiveBar { open_time, close_time: interval.end(open_time), ..minute }),
        }
    }
    bars
}

/// Closed bars of rows with [`COLUMNS`]; none where a column is missing.
pub(crate) fn bars_of_rows(batch: &RecordBatch) -> impl Iterator<Item = (Symbol, LiveBar)> {
    let bar = |row: usize| {
        let exact =
            |name: &str| Some(batch.column_by_name(name)?.as_primitive_opt::<Decimal128Type>()?.value(row));
        let open_time = times(batch, "open_time")?;
        let open_time = Timestamp(open_time.as_primitive_opt::<TimestampNanosecondType>()?.value(row));
        let trades = integers(batch, "trades")?;
        let bar = LiveBar {
            open_time,
            close_time: open_time.next_minute(),
            open: exact("open")?,
            high: exact("high")?,
            low: exact("low")?,
            close: exact("close")?,
            volume: exact("volume")?,
            quote_volume: exact("quote_volume")?,
            taker_buy_volume: exact("taker_buy_volume")?,
            trades: u64::try_from(trades.as_primitive_opt::<Int64Type>()?.value(row)).ok()?,
            is_final: true,
        };
        Some((symbol_at(batch, row)?, bar))
    };
    (0..batch.num_rows()).filter_map(bar).collect::<Vec<_>>().into_iter()
}

impl Interval {
    const MINUTE: Self = Self { name: "1m", minutes: 1 };
    const ALL: [Self; 7] = [
        Self::MINUTE,
        Self { name: "5m", minutes: 5 },
        Self { name: "15m", minutes: 15 },
        Self { name: "30m", minutes: 30 },
        Self { name: "1h", minutes: 60 },
        Self { name: "4h", minutes: 240 },
        Self { name: "1d", minutes: 1_440 },
    ];

    fn parse(text: Option<&str>) -> Result<Self, Problem> {
        let Some(text) = text else { return Ok(Self::MINUTE) };
        Self::ALL.into_iter().find(|interval| interval.name == text).ok_or_else(|| {
            let names = Self::ALL.map(|interval| interval.name).join(", ");
            Problem::bad_request(format!("interval is {text:?}: expected one of {names}"))
        })
    }

    fn nanoseconds(self) -> i64 {
        i64::try_from(self.minutes).unwrap_or(1).saturating_mul(MINUTE)
    }

    /// Where the bar begins that has this time.
    fn begin(self, time: Timestamp) -> Timestamp {
        Timestamp(time.0.saturating_sub(time.0.rem_euclid(self.nanoseconds())))
    }

    fn end(self, begin: Timestamp) -> Timestamp {
        Timestamp(begin.0.saturating_add(self.nanoseconds()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(minute: i64, close: i128, is_final: bool) -> LiveBar {
        let open_time = Timestamp(minute * MINUTE);
        LiveBar {
            open_time,
            close_time: open_time.next_minute(),
            open: close - 1,
            high: close + 2,
            low: close - 3,
            close,
            volume: 10,
            quote_volume: 10 * close,
            taker_buy_volume: 4,
            trades: 2,
            is_final,
        }
    }

    #[test]
    fn longer_bars_are_sums_of_minutes() {
        let minutes =
            vec![minute(9, 100, true), minute(10, 200, true), minute(12, 150, true), minute(14, 175, false)];
        let five = Interval::parse(Some("5m")).unwrap();
        let bars = summed(minutes, five);
        let [before, bar] = &bars[..] else { panic!("{bars:?}") };
        assert_eq!((before.open_time, before.close_time), (Timestamp(5 * MINUTE), Timestamp(10 * MINUTE)));
        assert_eq!((bar.open, bar.high, bar.low, bar.close), (199, 202, 147, 175));
        assert_eq!((bar.volume, bar.quote_volume, bar.trades), (30, 5_250, 6));
        assert!(before.is_final && !bar.is_final);
    }

    #[test]
    fn unknown_intervals_are_refused() {
        assert!(Interval::parse(Some("2m")).is_err());
        assert_eq!(Interval::parse(None).unwrap(), Interval::MINUTE);
    }
}
