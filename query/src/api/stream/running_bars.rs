//! Bars of minutes that are not closed yet, from trades as they happen.

use std::collections::{HashMap, HashSet};

use depthlake_engine::events::Scales;
use depthlake_orderbook::bars::{Bars as OpenBars, Watermark};
use depthlake_orderbook::event::Trade;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

use crate::live::LiveBar;

/// The bars that run, of every symbol. Of a minute of which not all trades were heard there is none.
#[derive(Debug)]
pub(super) struct RunningBars {
    /// The first minute of which all trades are heard.
    whole_from: Timestamp,
    symbols: HashMap<Symbol, OfSymbol>,
    changed: HashSet<Symbol>,
}

#[derive(Debug)]
struct OfSymbol {
    scales: Scales,
    open: OpenBars,
    watermark: Watermark,
}

impl RunningBars {
    /// Hears all trades from `now` on.
    pub(super) fn from(now: Timestamp) -> Self {
        Self { whole_from: now.next_minute(), symbols: HashMap::new(), changed: HashSet::new() }
    }

    /// Begins anew, for trades were missed.
    pub(super) fn restart(&mut self, now: Timestamp) {
        *self = Self::from(now);
    }

    pub(super) fn trade(&mut self, symbol: Symbol, trade: &Trade, scales: Scales) {
        if trade.trade_time < self.whole_from {
            return;
        }
        let begun = || OfSymbol { scales, open: OpenBars::default(), watermark: Watermark::default() };
        let running = self.symbols.entry(symbol).or_insert_with(begun);
        if running.scales != scales {
            *running = begun();
        }
        running.watermark.observe(trade.trade_time.min(trade.provenance.received));
        while running.open.close_next(running.watermark).is_some() {}
        if running.open.add(trade, running.watermark).is_ok() {
            self.changed.insert(symbol);
        }
    }

    /// The bars of symbols that were traded since the last call, oldest first.
    pub(super) fn take_changed(&mut self) -> Vec<(Symbol, Vec<LiveBar>)> {
        let bars = |symbol: &Symbol| {
            let running = self.symbols.get(symbol)?;
            let bars = running.open.open().map(|bar| LiveBar::of(bar, running.scales, false));
            Some((*symbol, bars.collect()))
        };
        let changed = self.changed.iter().filter_map(bars).collect();
        self.changed.clear();
        changed
    }
}
