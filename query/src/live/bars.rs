//! A read model of each symbol's last bars.
//!
//! The bars of the lake fill it once; then closed bars come as the engine tells of them, and running ones as trades do. Each
//! bar is written as JSON when it comes, so that answering costs no more than copying bytes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use bytes::Bytes;
use depthlake_engine::events::Scales;
use depthlake_orderbook::bars::Bar;
use depthlake_orderbook::decimal::Scale;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

use crate::json_text::JsonText;

/// How many minutes of closed bars of a symbol are kept.
pub const BAR_MINUTES: usize = 60;

/// The decimal places of prices and quantities.
const DECIMALS: u8 = Scale::MAX.decimals();

/// The bars not yet closed that there may be: the minute that runs, and the one before while it waits for late trades.
const RUNNING: usize = 2;

/// One bar, exact: prices and quantities in units of 10^-8, amounts of the quote currency in units of 10^-16, as in the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveBar {
    pub open_time: Timestamp,
    /// The end, exclusive.
    pub close_time: Timestamp,
    pub open: i128,
    pub high: i128,
    pub low: i128,
    pub close: i128,
    /// In base currency.
    pub volume: i128,
    /// In quote currency.
    pub quote_volume: i128,
    pub taker_buy_volume: i128,
    pub trades: u64,
    /// Whether the minute is closed.
    pub is_final: bool,
}

/// A bar with its JSON.
#[derive(Debug)]
pub struct KeptBar {
    pub bar: LiveBar,
    /// An object, e.g. `{"open_time":"2024-08-08T11:20:00Z","open":"61837.63",…}`.
    pub json: Bytes,
}

/// The bars of one symbol, oldest first.
#[derive(Debug, Clone, Default)]
pub struct BarsOfSymbol {
    bars: Vec<Arc<KeptBar>>,
    /// Whether there are no older ones in the lake.
    are_all: bool,
}

/// Whether the lake has bars from before those of the read model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Older {
    Some,
    None,
}

/// The last bars of every symbol. Reading takes no lock.
#[derive(Debug, Default)]
pub struct Bars {
    symbols: ArcSwap<HashMap<Symbol, Arc<ArcSwap<BarsOfSymbol>>>>,
    /// Held by whoever writes.
    turn: Mutex<()>,
}

impl LiveBar {
    /// A bar of the engine.
    #[must_use]
    pub fn of(bar: &Bar, scales: Scales, is_final: bool) -> Self {
        let factor = |scale: Scale| 10_i128.pow(u32::from(DECIMALS.saturating_sub(scale.decimals())));
        let (per_price, per_quantity) = (factor(scales.price), factor(scales.quantity));
        let price = |units: i64| i128::from(units).saturating_mul(per_price);
        let quantity = |units: i128| units.saturating_mul(per_quantity);
        let amount = |units: i128| quantity(units).saturating_mul(per_price);
        Self {
            open_time: bar.open_time,
            close_time: bar.open_time.next_minute(),
            open: price(bar.open.0),
            high: price(bar.high.0),
            low: price(bar.low.0),
            close: price(bar.close.0),
            volume: quantity(bar.volume),
            quote_volume: amount(bar.quote_volume),
            taker_buy_volume: quantity(bar.taker_buy_volume),
            trades: bar.trades,
            is_final,
        }
    }

    /// `quote_volume` over `volume`; `None` without volume.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a derived figure")]
    pub fn vwap(&self) -> Option<f64> {
        (self.volume > 0).then(|| self.quote_volume as f64 / self.volume as f64 / 1e8)
    }

    /// Takes in the bar that follows.
    pub fn extend(&mut self, next: &Self) {
        self.high = self.high.max(next.high);
        self.low = self.low.min(next.low);
        self.close = next.close;
        self.volume += next.volume;
        self.quote_volume += next.quote_volume;
        self.taker_buy_volume += next.taker_buy_volume;
        self.trades += next.trades;
        self.is_final &= next.is_final;
    }

    /// The bar as a JSON object.
    #[must_use]
    pub fn to_json(&self) -> Bytes {
        let mut json = JsonText::with_capacity(320);
        json.raw("{\"open_time\":");
        json.time(self.open_time);
        json.raw(",\"close_time\":");
        json.time(self.close_time);
        for (name, units, decimals) in [
            (",\"open\":", self.open, DECIMALS),
            (",\"high\":", self.high, DECIMALS),
            (",\"low\":", self.low, DECIMALS),
            (",\"close\":", self.close, DECIMALS),
            (",\"volume\":", self.volume, DECIMALS),
            (",\"quote_volume\":", self.quote_volume, 2 * DECIMALS),
            (",\"taker_buy_volume\":", self.taker_buy_volume, DECIMALS),
        ] {
            json.raw(name);
            json.decimal(units, decimals);
        }
        json.raw(",\"vwap\":");
        json.double(self.vwap());
        json.raw(",\"trades\":");
        json.integer(self.trades);
        json.raw(if self.is_final { ",\"is_final\":true}" } else { ",\"is_final\":false}" });
        json.into_bytes()
    }
}

impl Bars {
    /// The bars of a symbol; `None` where none was told of. O(1).
    #[must_use]
    pub fn of(&self, symbol: Symbol) -> Option<Arc<BarsOfSymbol>> {
        self.symbols.load().get(&symbol).map(|bars| bars.load_full())
    }

    /// Takes a bar as it is now: in the place of the one of the same minute, unless that is closed and this is not.
    pub fn put(&self, symbol: Symbol, bar: LiveBar) {
        self.change(symbol, |bars| bars.put(bar, true));
    }

    /// Takes closed bars of the lake: those of minutes that are known already stay.
    pub fn fill(&self, symbol: Symbol, bars: impl IntoIterator<Item = LiveBar>) {
        self.change(symbol, |known| bars.into_iter().for_each(|bar| known.put(bar, false)));
    }

    /// The symbols of which fewer bars are here than are kept. O(symbols).
    #[must_use]
    pub fn short(&self) -> Vec<Symbol> {
        let symbols = self.symbols.load();
        let is_short = |bars: &ArcSwap<BarsOfSymbol>| bars.load().bars.len() < BAR_MINUTES;
        symbols.iter().filter(|(_, bars)| is_short(bars)).map(|(symbol, _)| *symbol).collect()
    }

    /// Says whether the lake has older bars than those that are here.
    pub fn set_older(&self, symbol: Symbol, older: Older) {
        self.change(symbol, |known| {
            known.are_all = older == Older::None && known.bars.len() < BAR_MINUTES;
        });
    }

    fn change(&self, symbol: Symbol, change: impl FnOnce(&mut BarsOfSymbol)) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let symbols = self.symbols.load_full();
        let place = symbols.get(&symbol).cloned().unwrap_or_else(|| {
            let place = Arc::<ArcSwap<BarsOfSymbol>>::default();
            let mut more = HashMap::clone(&symbols);
            more.insert(symbol, Arc::clone(&place));
            self.symbols.store(Arc::new(more));
            place
        });
        let mut bars = BarsOfSymbol::clone(&place.load());
        change(&mut bars);
        place.store(Arc::new(bars));
    }
}

impl BarsOfSymbol {
    /// The last `count` bars, oldest first; fewer where there are no more here.
    #[must_use]
    pub fn last(&self, count: usize) -> &[Arc<KeptBar>] {
        self.bars.get(self.bars.len().saturating_sub(count)..).unwrap_or_default()
    }

    /// Whether the lake has nothing to add to the last `count` bars.
    #[must_use]
    pub fn suffices(&self, count: usize) -> bool {
        self.bars.len() >= count || self.are_all
    }

    fn put(&mut self, bar: LiveBar, replaces: bool) {
        let kept = || Arc::new(KeptBar { bar, json: bar.to_json() });
        match self.bars.binary_search_by_key(&bar.open_time, |kept| kept.bar.open_time) {
            Ok(place) => {
                if let Some(known) = self.bars.get_mut(place)
                    && replaces
                    && (bar.is_final || !known.bar.is_final)
                {
                    *known = kept();
                }
            }
            Err(place) => self.bars.insert(place, kept()),
        }
        let surplus = self.bars.len().saturating_sub(BAR_MINUTES + RUNNING);
        self.bars.drain(..surplus);
        self.are_all &= surplus == 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(minute: i64, close: i128, is_final: bool) -> LiveBar {
        const HUNDREDTH: i128 = 1_000_000;
        LiveBar {
            open_time: Timestamp(minute * 60_000_000_000),
            close_time: Timestamp((minute + 1) * 60_000_000_000),
            open: 100 * HUNDREDTH,
            high: close.max(100) * HUNDREDTH,
            low: close.min(100) * HUNDREDTH,
            close: close * HUNDREDTH,
            volume: 200 * HUNDREDTH,
            quote_volume: 2 * close * HUNDREDTH * 100_000_000,
            taker_buy_volume: 50 * HUNDREDTH,
            trades: 3,
            is_final,
        }
    }

    #[test]
    fn bars_are_in_order_and_what_is_closed_stays_closed() {
        let (bars, symbol) = (Bars::default(), Symbol::new("BTCUSDT").unwrap());
        assert!(bars.of(symbol).is_none());
        bars.put(symbol, bar(30, 150, false));
        bars.fill(symbol, [bar(29, 140, true), bar(28, 130, true), bar(30, 999, true)]);
        bars.put(symbol, bar(29, 777, false));
        bars.put(symbol, bar(30, 151, true));
        let known = bars.of(symbol).unwrap();
        let closes: Vec<_> =
            known.last(5).iter().map(|kept| (kept.bar.close / 1_000_000, kept.bar.is_final)).collect();
        assert_eq!(closes, [(130, true), (140, true), (151, true)]);
        bars.put(symbol, bar(28, 131, true));
        assert_eq!(bars.of(symbol).unwrap().last(9)[0].bar.close / 1_000_000, 131, "a correction replaces");
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let (bars, symbol) = (Bars::default(), Symbol::new("BTCUSDT").unwrap());
        for minute in 1..=200 {
            bars.put(symbol, bar(minute, 150, true));
        }
        let known = bars.of(symbol).unwrap();
        assert!(known.suffices(BAR_MINUTES) && !known.suffices(BAR_MINUTES + RUNNING + 1));
        assert!(bars.short().is_empty());
        assert_eq!(known.last(usize::MAX).len(), BAR_MINUTES + RUNNING);
        assert_eq!(known.last(1)[0].bar.open_time, Timestamp(200 * 60_000_000_000));
    }

    #[test]
    fn few_bars_suffice_where_there_are_no_older_ones() {
        let (bars, symbol) = (Bars::default(), Symbol::new("BTCUSDT").unwrap());
        bars.put(symbol, bar(1, 150, true));
        assert_eq!(bars.short(), [symbol]);
        assert!(!bars.of(symbol).unwrap().suffices(2));
        bars.set_older(symbol, Older::None);
        assert!(bars.of(symbol).unwrap().suffices(2));
        bars.set_older(symbol, Older::Some);
        assert!(!bars.of(symbol).unwrap().suffices(2));
        bars.set_older(symbol, Older::None);
        for minute in 2..=200 {
            bars.put(symbol, bar(minute, 150, true));
        }
        assert!(!bars.of(symbol).unwrap().suffices(100), "the oldest are only in the lake by now");
    }

    #[test]
    fn a_bar_is_json_with_exact_numbers() {
        let json: serde_json::Value = serde_json::from_slice(&bar(28_719_340, 150, true).to_json()).unwrap();
        assert_eq!(json["open_time"], "2024-08-08T23:40:00Z");
        assert_eq!(json["close_time"], "2024-08-08T23:41:00Z");
        assert_eq!((json["close"].as_str(), json["volume"].as_str()), (Some("1.5"), Some("2")));
        assert_eq!((json["vwap"].as_f64(), json["trades"].as_u64()), (Some(1.5), Some(3)));
        assert_eq!(json["is_final"], true);
    }
}
