//! The markets the venue can generate: fifty real Binance pairs, and any other plausible symbol.
//!
//! Ticks, lots, price levels and their proportions are those of the real pairs; the real ones change over time.

/// What a generated market looks like. Sizes are in units of 10⁻⁸, the finest a venue prints.
#[derive(Debug, Clone, PartialEq)]
pub struct MarketSpec {
    /// Upper case, as the venue prints it.
    pub symbol: String,
    pub base: String,
    pub quote: String,
    /// Price of one tick (`tickSize`).
    pub tick_units: i64,
    /// Quantity of one lot (`stepSize`).
    pub lot_units: i64,
    /// The price the market starts at, in ticks.
    pub start_ticks: i64,
    /// The usual distance from best bid to best ask, in ticks.
    pub spread_ticks: i64,
    /// The usual number of price levels a side.
    pub levels: usize,
    /// Orders, cancellations and market orders a second, on average.
    pub events_per_second: f64,
    /// The usual order in lots.
    pub order_lots: i64,
    /// Standard deviation of the fair price over a second, relative to the price.
    pub volatility: f64,
}

/// The fifty markets of a venue that is told nothing else, busiest first.
#[must_use]
pub fn default_markets() -> Vec<MarketSpec> {
    TABLE.iter().map(Row::spec).collect()
}

/// The market of `symbol`: from the table, or invented from the letters of the symbol (always the same for the same
/// symbol). `None` where the symbol does not end in a currency that pairs are quoted in.
#[must_use]
pub fn market_for(symbol: &str) -> Option<MarketSpec> {
    let symbol = symbol.to_ascii_uppercase();
    let plausible = (5..=24).contains(&symbol.len())
        && symbol.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !plausible {
        return None;
    }
    let listed = TABLE.iter().map(Row::spec).find(|spec| spec.symbol == symbol);
    listed.or_else(|| coin_margined(&symbol)).or_else(|| invented(&symbol))
}

/// A number that is always the same for the same text (FNV-1a).
pub(super) fn hash_of(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

/// One line of the table: base, quote, decimals of tick and lot, start in ticks, spread in ticks, levels a side,
/// events a second, order in lots.
struct Row(&'static str, &'static str, u32, u32, i64, i64, usize, u32, i64);

impl Row {
    fn spec(&self) -> MarketSpec {
        let Self(
            base,
            quote,
            tick_decimals,
            lot_decimals,
            start_ticks,
            spread_ticks,
            levels,
            events,
            order_lots,
        ) = *self;
        MarketSpec {
            symbol: format!("{base}{quote}"),
            base: base.to_owned(),
            quote: quote.to_owned(),
            tick_units: units(tick_decimals),
            lot_units: units(lot_decimals),
            start_ticks,
            spread_ticks,
            levels,
            events_per_second: f64::from(events),
            order_lots,
            volatility: volatility(start_ticks),
        }
    }
}

/// A calm market: about 0.1 % an hour, and no more than twenty ticks in a second, so that makers keep the spread closed
/// where the ticks are fine.
fn volatility(start_ticks: i64) -> f64 {
    let twenty_ticks = i32::try_from(start_ticks).map_or(0.0, |ticks| 20.0 / f64::from(ticks));
    twenty_ticks.min(1.5e-5)
}

const QUOTES: [&str; 12] =
    ["FDUSD", "USDT", "USDC", "TUSD", "BUSD", "BTC", "ETH", "BNB", "EUR", "TRY", "BRL", "JPY"];

/// 10⁻ᵈ in units of 10⁻⁸.
fn units(decimals: u32) -> i64 {
    10_i64.pow(8_u32.saturating_sub(decimals))
}

/// A perpetual or quarterly like `BTCUSD_PERP`: the price of the coin in dollars, contracts as lots.
fn coin_margined(symbol: &str) -> Option<MarketSpec> {
    let (pair, _) = symbol.split_once('_')?;
    let base = pair.strip_suffix("USD")?;
    let mut spec = market_for(&format!("{base}USDT"))?;
    symbol.clone_into(&mut spec.symbol);
    "USD".clone_into(&mut spec.quote);
    if spec.tick_units < units(1) && spec.start_ticks > 100_000 {
        spec.start_ticks = spec.start_ticks * spec.tick_units / units(1);
        spec.tick_units = units(1);
    }
    spec.lot_units = units(0);
    spec.order_lots = 60;
    Some(spec)
}

fn invented(symbol: &str) -> Option<MarketSpec> {
    let quote = QUOTES.into_iter().find(|quote| symbol.ends_with(quote) && symbol.len() > quote.len())?;
    let base = symbol.strip_suffix(quote)?;
    let hash = hash_of(symbol);
    let pick = |shift: u32, choices: u64| (hash >> shift) % choices;
    let tick_decimals = 2 + u32::try_from(pick(0, 5)).unwrap_or_default();
    let lot_decimals = 5_u32.saturating_sub(tick_decimals);
    let start_ticks = 2_000 + i64::try_from(pick(8, 40_000)).unwrap_or_default();
    Some(MarketSpec {
        symbol: symbol.to_owned(),
        base: base.to_owned(),
        quote: quote.to_owned(),
        tick_units: units(tick_decimals),
        lot_units: units(lot_decimals),
        start_ticks,
        spread_ticks: 1 + i64::try_from(pick(24, 3)).unwrap_or_default(),
        levels: 300 + usize::try_from(pick(32, 700)).unwrap_or_default(),
        events_per_second: f64::from(u32::try_from(pick(44, 20)).unwrap_or_default() + 5),
        order_lots: 500,
        volatility: volatility(start_ticks),
    })
}

#[rustfmt::skip]
const TABLE: [Row; 50] = [
    Row("BTC",    "USDT",  2, 5,  6_425_000,   1, 5000, 420,     900),
    Row("ETH",    "USDT",  2, 4,    342_156,   1, 5000, 320,   4_000),
    Row("SOL",    "USDT",  2, 3,     17_234,   1, 2500, 190,   9_000),
    Row("BTC",    "FDUSD", 2, 5,  6_425_000,   1, 3000, 180,     700),
    Row("XRP",    "USDT",  4, 1,     23_456,   1, 3500, 150,   8_000),
    Row("DOGE",   "USDT",  5, 0,     21_345,   1, 3000, 130,   6_000),
    Row("BNB",    "USDT",  2, 3,     61_245,   1, 3000, 120,   1_500),
    Row("BTC",    "USDC",  2, 5,  6_425_000,   1, 2500, 120,     600),
    Row("ETH",    "USDC",  2, 4,    342_156,   1, 2000, 100,   2_500),
    Row("SUI",    "USDT",  4, 1,     34_567,   1, 2500,  90,   3_000),
    Row("PEPE",   "USDT",  8, 0,      1_123,   1,  900,  85, 9_000_000),
    Row("ADA",    "USDT",  4, 1,      7_654,   1, 2000,  75,   9_000),
    Row("TRX",    "USDT",  4, 1,      2_876,   1, 1500,  70,  20_000),
    Row("AVAX",   "USDT",  2, 2,      2_734,   1, 1200,  65,   4_000),
    Row("LINK",   "USDT",  2, 2,      1_732,   1, 1000,  60,   6_000),
    Row("SHIB",   "USDT",  8, 0,      1_345,   1,  900,  55, 50_000_000),
    Row("LTC",    "USDT",  2, 3,      9_234,   1, 1500,  50,   8_000),
    Row("WIF",    "USDT",  3, 2,      1_876,   1,  900,  48,  40_000),
    Row("NEAR",   "USDT",  3, 1,      4_523,   1, 1000,  46,   2_000),
    Row("BCH",    "USDT",  1, 3,      4_567,   1, 1200,  44,   1_500),
    Row("TON",    "USDT",  3, 2,      5_432,   1, 1000,  42,  12_000),
    Row("APT",    "USDT",  3, 2,      8_765,   1, 1000,  40,   8_000),
    Row("DOT",    "USDT",  3, 2,      6_123,   1, 1000,  40,  10_000),
    Row("UNI",    "USDT",  3, 2,      8_234,   1, 1000,  38,   7_000),
    Row("ARB",    "USDT",  4, 1,      5_678,   1, 1000,  36,   8_000),
    Row("ENA",    "USDT",  4, 2,      4_321,   1,  900,  36, 120_000),
    Row("FET",    "USDT",  3, 1,      1_345,   1,  800,  34,   4_000),
    Row("SEI",    "USDT",  4, 1,      4_123,   1,  900,  32,  11_000),
    Row("TIA",    "USDT",  3, 2,      5_234,   1,  900,  32,   9_000),
    Row("WLD",    "USDT",  3, 1,      2_134,   1,  900,  30,   2_500),
    Row("BONK",   "USDT",  8, 0,      2_345,   1,  900,  30, 18_000_000),
    Row("FIL",    "USDT",  3, 2,      4_876,   2,  900,  28,   9_000),
    Row("ATOM",   "USDT",  3, 2,      6_543,   2,  900,  28,   7_000),
    Row("ICP",    "USDT",  3, 2,      9_876,   2,  900,  26,   4_000),
    Row("OP",     "USDT",  3, 2,      1_876,   1,  800,  26,  25_000),
    Row("INJ",    "USDT",  2, 1,      2_187,   1,  700,  26,     200),
    Row("AAVE",   "USDT",  2, 3,     15_678,   2, 1200,  26,   3_000),
    Row("ETC",    "USDT",  2, 2,      2_345,   1,  700,  24,   2_500),
    Row("HBAR",   "USDT",  5, 0,     17_654,   2, 1200,  24,   4_000),
    Row("XLM",    "USDT",  4, 0,      2_876,   1,  800,  22,   3_000),
    Row("RENDER", "USDT",  3, 2,      6_789,   2,  900,  22,   8_000),
    Row("RUNE",   "USDT",  3, 1,      4_987,   2,  900,  22,   1_200),
    Row("LDO",    "USDT",  4, 2,     12_345,   3, 1000,  20,  40_000),
    Row("ORDI",   "USDT",  3, 2,     34_567,   9, 1000,  20,   1_500),
    Row("ETH",    "BTC",   5, 3,      5_325,   1, 1500,  45,     800),
    Row("SOL",    "BTC",   6, 2,      2_682,   1, 1000,  20,     300),
    Row("BNB",    "BTC",   6, 2,      9_532,   2,  900,  18,     120),
    Row("BTC",    "EUR",   2, 5,  5_912_000, 150, 1500,  30,     300),
    Row("ETH",    "EUR",   2, 4,    314_800,  20, 1200,  22,   1_500),
    Row("XRP",    "BTC",   8, 0,      3_651,   1,  900,  18,     900),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_table_has_fifty_different_markets() {
        let markets = default_markets();
        let symbols: HashSet<_> = markets.iter().map(|spec| spec.symbol.as_str()).collect();
        assert_eq!(symbols.len(), 50);
        assert!(markets.iter().all(|spec| spec.spread_ticks < spec.start_ticks / 10));
    }

    #[test]
    fn any_plausible_symbol_has_a_market_and_always_the_same() {
        assert_eq!(market_for("btcusdt").unwrap().tick_units, 1_000_000);
        assert_eq!(market_for("NKNUSDT"), market_for("NKNUSDT"));
        assert_eq!(market_for("NKNUSDT").unwrap().base, "NKN");
        let coin = market_for("BTCUSD_PERP").unwrap();
        assert_eq!(
            (coin.symbol.as_str(), coin.tick_units, coin.start_ticks),
            ("BTCUSD_PERP", 10_000_000, 642_500)
        );
        for symbol in ["", "USDT", "HELLO", "BTC USDT", "ÄÖÜUSDT"] {
            assert_eq!(market_for(symbol), None, "{symbol}");
        }
    }
}
