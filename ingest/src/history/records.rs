//! One line, or one row of an answer, as a record.

use depthlake_orderbook::decimal::{DecimalError, DecimalFormat};
use depthlake_orderbook::event::{Taker, TradeId, TradeKind};
use depthlake_orderbook::history::{DailyBar, HistoricalTrade, VenueBar};
use depthlake_orderbook::record::DeadLetterReason;
use depthlake_orderbook::time::Timestamp;

use super::excerpt::excerpt;

/// Why a line is refused: the reason, and what was found where something else was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) reason: DeadLetterReason,
    pub(super) detail: String,
}

/// The values of a line by the names of their columns, in the order in which they are wanted.
pub(super) struct Values<'a> {
    values: std::vec::IntoIter<(&'static str, Option<&'a [u8]>)>,
}

const MINUTE: i64 = 60_000_000_000;
const MILLISECOND: i64 = 1_000_000;
const DAY: i64 = 86_400_000_000_000;
/// What a provider prints for a day of which it knows nothing.
const NOTHING_KNOWN: [&str; 3] = ["null", "nan", ""];

impl<'a> Values<'a> {
    pub(super) fn new(values: Vec<(&'static str, Option<&'a [u8]>)>) -> Self {
        Self { values: values.into_iter() }
    }

    fn next(&mut self) -> (&'static str, Option<&'a [u8]>) {
        self.values.next().unwrap_or(("", None))
    }

    fn take(&mut self) -> Result<(&'static str, &'a [u8]), Refusal> {
        let (column, value) = self.next();
        let absent = || Refusal::new(DeadLetterReason::Malformed, format!("column {column} is absent"));
        Ok((column, value.ok_or_else(absent)?))
    }

    fn decimal(&mut self, format: DecimalFormat) -> Result<i128, Refusal> {
        let (column, text) = self.take()?;
        decimal(column, text, format)
    }

    fn number(&mut self) -> Result<u64, Refusal> {
        let (column, text) = self.take()?;
        let number = std::str::from_utf8(text).ok().filter(|_| text.first().is_some_and(u8::is_ascii_digit));
        let number =
            number.and_then(|text| text.parse().ok()).filter(|number| i64::try_from(*number).is_ok());
        number.ok_or_else(|| Refusal::found(column, text, "a whole number"))
    }

    fn time(&mut self) -> Result<Timestamp, Refusal> {
        let time = self.number()?;
        Ok(Timestamp::from_venue(time.cast_signed()))
    }

    fn truth(&mut self) -> Result<bool, Refusal> {
        let (column, text) = self.take()?;
        match text {
            text if text.eq_ignore_ascii_case(b"true") => Ok(true),
            text if text.eq_ignore_ascii_case(b"false") => Ok(false),
            text => Err(Refusal::found(column, text, "true or false")),
        }
    }
}

/// A bar of one minute; `None` where the minute had no trades.
pub(super) fn venue_bar(mut values: Values<'_>) -> Result<Option<VenueBar>, Refusal> {
    let open_time = values.time()?;
    let [open, high, low, close] = prices(&mut values, DecimalFormat::PRICE)?;
    let volume = values.decimal(DecimalFormat::QUANTITY)?;
    let close_time = values.time()?;
    let quote_volume = values.decimal(DecimalFormat::AMOUNT)?;
    let trades = values.number()?;
    let taker_buy_volume = values.decimal(DecimalFormat::QUANTITY)?;
    let taker_buy_quote_volume = values.decimal(DecimalFormat::AMOUNT)?;
    check_minute(open_time, close_time)?;
    check_range(open, high, low, close)?;
    if taker_buy_volume > volume || taker_buy_quote_volume > quote_volume {
        let detail = "takers bought more than was traded".to_owned();
        return Err(Refusal::new(DeadLetterReason::WrongType, detail));
    }
    if trades == 0 || volume == 0 {
        return Ok(None);
    }
    Ok(Some(VenueBar {
        open_time,
        open,
        high,
        low,
        close,
        volume,
        quote_volume,
        trades,
        taker_buy_volume,
        taker_buy_quote_volume,
    }))
}

/// An aggregate of trades; `None` for a row without a quantity, which is no trade on the market.
pub(super) fn aggregate_trade(mut values: Values<'_>) -> Result<Option<HistoricalTrade>, Refusal> {
    let id = TradeId(values.number()?);
    let price = values.decimal(DecimalFormat::PRICE)?;
    let quantity = values.decimal(DecimalFormat::QUANTITY)?;
    let (first, last) = (values.number()?, values.number()?);
    if last < first {
        let detail = format!("last_trade_id {last} is below first_trade_id {first}");
        return Err(Refusal::new(DeadLetterReason::WrongType, detail));
    }
    let kind = TradeKind::Aggregate { first: TradeId(first), last: TradeId(last) };
    trade(id, kind, price, quantity, &mut values)
}

/// A trade; `None` as for [`aggregate_trade`].
pub(super) fn single_trade(mut values: Values<'_>) -> Result<Option<HistoricalTrade>, Refusal> {
    let id = TradeId(values.number()?);
    let price = values.decimal(DecimalFormat::PRICE)?;
    let quantity = values.decimal(DecimalFormat::QUANTITY)?;
    trade(id, TradeKind::Trade, price, quantity, &mut values)
}

/// A day of a stock; `None` where the provider knows nothing of the day.
pub(super) fn daily_bar(mut values: Values<'_>) -> Result<Option<DailyBar>, Refusal> {
    let (column, text) = values.take()?;
    let day = date(text).ok_or_else(|| Refusal::found(column, text, "a date as 2024-08-08"))?;
    let rest: Vec<_> = values.values.collect();
    let known = |(_, value): &(_, Option<&[u8]>)| value.is_some_and(|text| !is_nothing_known(text));
    if !rest.iter().any(known) {
        return Ok(None);
    }
    let mut values = Values::new(rest);
    let [open, high, low, close] = prices(&mut values, DecimalFormat::STOCK_PRICE)?;
    let volume = values.decimal(DecimalFormat::QUANTITY)?;
    let adjusted_close = match values.next() {
        (_, None) => None,
        (_, Some(text)) if is_nothing_known(text) => None,
        (column, Some(text)) => Some(decimal(column, text, DecimalFormat::STOCK_PRICE)?),
    };
    Ok(Some(DailyBar { day, open, high, low, close, adjusted_close, volume }))
}

impl Refusal {
    pub(super) fn new(reason: DeadLetterReason, detail: String) -> Self {
        Self { reason, detail }
    }

    fn found(column: &str, text: &[u8], expected: &str) -> Self {
        let text = excerpt(text);
        Self::new(DeadLetterReason::WrongType, format!("column {column} is {text}, expected {expected}"))
    }
}

fn trade(
    id: TradeId,
    kind: TradeKind,
    price: i128,
    quantity: i128,
    values: &mut Values<'_>,
) -> Result<Option<HistoricalTrade>, Refusal> {
    let trade_time = values.time()?;
    let taker = if values.truth()? { Taker::Seller } else { Taker::Buyer };
    if quantity == 0 {
        return Ok(None);
    }
    Ok(Some(HistoricalTrade { id, kind, price, quantity, taker, trade_time }))
}

fn prices(values: &mut Values<'_>, format: DecimalFormat) -> Result<[i128; 4], Refusal> {
    Ok([values.decimal(format)?, values.decimal(format)?, values.decimal(format)?, values.decimal(format)?])
}

/// A number that may not be negative.
fn decimal(column: &'static str, text: &[u8], format: DecimalFormat) -> Result<i128, Refusal> {
    let shown = excerpt(text);
    let units = format.parse(text).map_err(|error| {
        let reason = match error {
            DecimalError::NotDecimal => DeadLetterReason::WrongType,
            DecimalError::Inexact { .. } | DecimalError::TooLarge { .. } => DeadLetterReason::Inexact,
        };
        Refusal::new(reason, format!("column {column} is {shown}: {error}"))
    })?;
    if units < 0 {
        let detail = format!("column {column} is {shown}, expected no negative number");
        return Err(Refusal::new(DeadLetterReason::WrongType, detail));
    }
    Ok(units)
}

/// Bars of another interval than a minute are not taken for such.
fn check_minute(open_time: Timestamp, close_time: Timestamp) -> Result<(), Refusal> {
    let length = close_time - open_time;
    if open_time.minute() == open_time && (MINUTE - MILLISECOND..MINUTE).contains(&length) {
        return Ok(());
    }
    let detail = format!(
        "open_time {} ms and close_time {} ms are not the ends of a minute",
        open_time.milliseconds(),
        close_time.milliseconds()
    );
    Err(Refusal::new(DeadLetterReason::WrongType, detail))
}

fn check_range(open: i128, high: i128, low: i128, close: i128) -> Result<(), Refusal> {
    if low <= open.min(close) && open.max(close) <= high {
        return Ok(());
    }
    let detail = "open and close do not lie between low and high".to_owned();
    Err(Refusal::new(DeadLetterReason::WrongType, detail))
}

fn is_nothing_known(text: &[u8]) -> bool {
    NOTHING_KNOWN.iter().any(|nothing| text.eq_ignore_ascii_case(nothing.as_bytes()))
}

/// Midnight UTC of the date a text begins with; a time of day may follow.
fn date(text: &[u8]) -> Option<Timestamp> {
    let (date, rest) = std::str::from_utf8(text).ok()?.split_at_checked(10)?;
    if !(rest.is_empty() || rest.starts_with([' ', 'T'])) {
        return None;
    }
    let date = date.parse::<chrono::NaiveDate>().ok()?;
    let days = date.signed_duration_since(chrono::NaiveDate::default()).num_days();
    days.checked_mul(DAY).map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_midnights() {
        assert_eq!(date(b"1970-01-02"), Some(Timestamp(DAY)));
        assert_eq!(date(b"2024-08-08 00:00:00-04:00"), Some(Timestamp::from_milliseconds(1_723_075_200_000)));
        assert_eq!(date(b"1969-12-31"), Some(Timestamp(-DAY)));
        for text in ["2024-13-01", "2024-8-8", "08/08/2024", "2024-08-08x", "", "99999-01-01"] {
            assert_eq!(date(text.as_bytes()), None, "{text}");
        }
    }
}
