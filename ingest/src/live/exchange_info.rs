//! What `exchangeInfo` says of limits and symbols, each symbol's entry kept as the venue wrote it.

use std::collections::BTreeMap;

use bytes::Bytes;
use depthlake_orderbook::symbol::Symbol;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::UnknownSymbol;
use super::rest::RequestError;

/// The smallest limit a product of the venue ever had, for answers that do not name it.
const SMALLEST_WEIGHT_LIMIT: u32 = 1_200;

/// The parts of an `exchangeInfo` that matter here.
#[derive(Debug)]
pub(super) struct ExchangeInfo {
    /// Request weight an address may use in a minute.
    pub(super) weight_limit: u32,
    entries: BTreeMap<Symbol, Bytes>,
}

impl ExchangeInfo {
    pub(super) fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let wire: Wire<'_> =
            serde_json::from_slice(body).map_err(|error| RequestError::Malformed(error.to_string()))?;
        let weight_limit = wire.rate_limits.iter().find_map(RateLimit::weight_in_a_minute);
        let entries = wire.symbols.iter().filter_map(|raw| entry(raw.get())).collect();
        Ok(Self { weight_limit: weight_limit.unwrap_or(SMALLEST_WEIGHT_LIMIT), entries })
    }

    /// The symbol's entry, as the venue wrote it.
    pub(super) fn entry(&self, symbol: Symbol) -> Option<&Bytes> {
        self.entries.get(&symbol)
    }

    /// Those of `symbols` that the venue does not list, each with the listed one most like it.
    pub(super) fn unknown(&self, symbols: &[Symbol]) -> Vec<UnknownSymbol> {
        let unlisted = symbols.iter().filter(|symbol| !self.entries.contains_key(symbol));
        unlisted.map(|symbol| UnknownSymbol { symbol: *symbol, nearest: self.nearest(*symbol) }).collect()
    }

    fn nearest(&self, symbol: Symbol) -> Option<Symbol> {
        let distance = |listed: &&Symbol| strsim::damerau_levenshtein(symbol.as_str(), listed.as_str());
        self.entries.keys().min_by_key(distance).copied()
    }
}

/// An entry whose name is no symbol is none that could be asked for.
fn entry(raw: &str) -> Option<(Symbol, Bytes)> {
    let named: Named = serde_json::from_str(raw).ok()?;
    Some((Symbol::new(&named.symbol).ok()?, Bytes::copy_from_slice(raw.as_bytes())))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(default)]
    rate_limits: Vec<RateLimit>,
    #[serde(borrow)]
    symbols: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RateLimit {
    #[serde(rename = "rateLimitType")]
    kind: String,
    interval: String,
    interval_num: u32,
    limit: u32,
}

impl RateLimit {
    fn weight_in_a_minute(&self) -> Option<u32> {
        let is_weight = self.kind == "REQUEST_WEIGHT" && self.interval == "MINUTE";
        if is_weight { self.limit.checked_div(self.interval_num) } else { None }
    }
}

#[derive(Deserialize)]
struct Named {
    symbol: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"timezone":"UTC","rateLimits":[{"rateLimitType":"RAW_REQUESTS","interval":"MINUTE","intervalNum":5,"limit":61000},{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":6000}],"symbols":[{"symbol":"BTCUSDT", "status":"TRADING"},{"symbol":"ETHUSDT"},{"symbol":"币安USDT"}]}"#;

    fn symbol(name: &str) -> Symbol {
        Symbol::new(name).unwrap()
    }

    #[test]
    fn limits_and_entries_are_found_as_they_stand() {
        let info = ExchangeInfo::parse(BODY.as_bytes()).unwrap();
        assert_eq!(info.weight_limit, 6_000);
        let entry = info.entry(symbol("BTCUSDT")).unwrap();
        assert_eq!(entry, r#"{"symbol":"BTCUSDT", "status":"TRADING"}"#);
    }

    #[test]
    fn unlisted_symbols_are_named_with_the_nearest() {
        let info = ExchangeInfo::parse(BODY.as_bytes()).unwrap();
        let unknown = info.unknown(&[symbol("ETHUSDT"), symbol("BTCUSTD")]);
        let expected = UnknownSymbol { symbol: symbol("BTCUSTD"), nearest: Some(symbol("BTCUSDT")) };
        assert_eq!(unknown, [expected]);
    }

    #[test]
    fn what_is_none_says_so() {
        assert!(matches!(ExchangeInfo::parse(b"{}"), Err(RequestError::Malformed(_))));
        let bare = ExchangeInfo::parse(br#"{"symbols":[]}"#).unwrap();
        assert_eq!(bare.weight_limit, SMALLEST_WEIGHT_LIMIT);
        assert_eq!(bare.unknown(&[symbol("X")]), [UnknownSymbol { symbol: symbol("X"), nearest: None }]);
    }
}
