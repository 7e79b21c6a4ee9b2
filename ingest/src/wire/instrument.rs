//! Decodes a pair's entry of `exchangeInfo`.

use depthlake_orderbook::decimal::{Price, Quantity, Scale};
use depthlake_orderbook::instrument::{Instrument, TradingStatus};
use depthlake_orderbook::record::DeadLetterReason;
use depthlake_orderbook::symbol::Symbol;
use serde::Deserialize;

use super::DecodeError;

/// Decodes one element of `exchangeInfo`'s `symbols`: scales are those of `tickSize` and `stepSize`; where the venue
/// switched such a rule off (0), those of the precisions it prints with.
///
/// # Errors
/// [`DecodeError`] where the entry is no instrument, or its steps need more places than [`Scale::MAX`].
pub fn decode_instrument(payload: &[u8]) -> Result<Instrument, DecodeError> {
    let wire: WireInstrument =
        serde_json::from_slice(payload).map_err(|error| DecodeError::json(payload, &error))?;
    let wrong = |detail: String| DecodeError::new(DeadLetterReason::WrongType, detail);
    let symbol = Symbol::new(&wire.symbol).map_err(|error| wrong(error.to_string()))?;
    let (price_scale, tick) = wire.step("PRICE_FILTER", wire.price_precision.or(wire.quote_precision))?;
    let (quantity_scale, step) =
        wire.step("LOT_SIZE", wire.quantity_precision.or(wire.base_asset_precision))?;
    let status = match wire.status.as_deref().or(wire.contract_status.as_deref()) {
        Some("TRADING") | None => TradingStatus::Trading,
        Some(_) => TradingStatus::Halted,
    };
    Ok(Instrument { symbol, price_scale, quantity_scale, tick: Price(tick), step: Quantity(step), status })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireInstrument {
    symbol: String,
    status: Option<String>,
    contract_status: Option<String>,
    /// Futures print with these two, spot with the two below.
    price_precision: Option<u8>,
    quantity_precision: Option<u8>,
    quote_precision: Option<u8>,
    base_asset_precision: Option<u8>,
    #[serde(default)]
    filters: Vec<WireFilter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireFilter {
    filter_type: String,
    tick_size: Option<String>,
    step_size: Option<String>,
}

impl WireInstrument {
    /// The scale of a filter's step and the step in units of it.
    fn step(&self, filter_type: &str, precision: Option<u8>) -> Result<(Scale, i64), DecodeError> {
        let filter = self.filters.iter().find(|filter| filter.filter_type == filter_type);
        let text = filter.and_then(|filter| filter.tick_size.as_deref().or(filter.step_size.as_deref()));
        let Some(text) = text else { return Ok((fallback_scale(precision), 1)) };
        let named = |error| DecodeError::decimal(filter_type, text, error);
        let scale = Scale::of(text).map_err(named)?;
        match scale.parse(text.as_bytes()).map_err(named)? {
            ..=0 => Ok((fallback_scale(precision), 1)),
            units => Ok((scale, units)),
        }
    }
}

fn fallback_scale(precision: Option<u8>) -> Scale {
    precision.and_then(Scale::new).unwrap_or(Scale::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_those_of_the_steps() {
        let text = r#"{"symbol":"SUSHIUSDT","status":"TRADING","pricePrecision":4,"quantityPrecision":0,"baseAssetPrecision":8,"filters":[{"tickSize":"0.0050","filterType":"PRICE_FILTER"},{"stepSize":"1","filterType":"LOT_SIZE"}]}"#;
        let instrument = decode_instrument(text.as_bytes()).unwrap();
        assert_eq!((instrument.price_scale.decimals(), instrument.tick), (3, Price(5)));
        assert_eq!((instrument.quantity_scale.decimals(), instrument.step), (0, Quantity(1)));
        assert_eq!(instrument.status, TradingStatus::Trading);
    }

    #[test]
    fn a_rule_switched_off_falls_back_to_the_precision() {
        let text = r#"{"symbol":"X","contractStatus":"BREAK","quotePrecision":6,"filters":[{"filterType":"PRICE_FILTER","tickSize":"0.00000000"}]}"#;
        let instrument = decode_instrument(text.as_bytes()).unwrap();
        assert_eq!((instrument.price_scale.decimals(), instrument.tick), (6, Price(1)));
        assert_eq!(instrument.quantity_scale, Scale::MAX);
        assert_eq!(instrument.status, TradingStatus::Halted);
    }

    #[test]
    fn what_is_no_instrument_says_so() {
        assert!(decode_instrument(b"{}").unwrap_err().detail.contains("symbol"));
        assert!(decode_instrument(br#"{"symbol":"A B"}"#).unwrap_err().detail.contains("A B"));
    }
}
