//! What is promised of a feed, stated once: `marts.mart_exchange_health` judges minutes that are over by it, and who watches a
//! running program judges the present.

use std::collections::BTreeMap;
use std::time::Duration;

use depthlake_orderbook::symbol::Symbol;

/// Over how many minutes gaps are counted.
const GAP_MINUTES: u32 = 5;

/// What the feed is measured against.
#[derive(Debug, Clone, PartialEq)]
pub struct Targets {
    /// A symbol is fresh while the last that was heard of it is not older than this.
    pub freshness: Duration,
    /// Symbols that are promised otherwise.
    pub freshness_of: BTreeMap<Symbol, Duration>,
    /// The most gaps of a symbol in an hour, on average over all symbols.
    pub gaps_per_hour: f64,
}

impl Default for Targets {
    fn default() -> Self {
        Self { freshness: Duration::from_secs(10), freshness_of: BTreeMap::new(), gaps_per_hour: 6.0 }
    }
}

impl Targets {
    /// The time over which gaps are counted.
    pub const GAP_WINDOW: Duration = Duration::from_secs(60 * GAP_MINUTES as u64);

    /// What is promised of a symbol.
    #[must_use]
    pub fn freshness_of(&self, symbol: Symbol) -> Duration {
        self.freshness_of.get(&symbol).copied().unwrap_or(self.freshness)
    }

    /// The placeholders of a model's query, and what stands for each.
    pub(super) fn placeholders(&self) -> [(&'static str, String); 3] {
        [
            (":promised_freshness_seconds", self.freshness_in_sql()),
            (":promised_gaps_per_hour", double(self.gaps_per_hour)),
            (":gap_minutes", GAP_MINUTES.to_string()),
        ]
    }

    /// The promise of the row's symbol, in seconds.
    fn freshness_in_sql(&self) -> String {
        let usual = double(self.freshness.as_secs_f64());
        if self.freshness_of.is_empty() {
            return usual;
        }
        let case = |(symbol, promised): (&Symbol, &Duration)| {
            format!("WHEN '{symbol}' THEN {}", double(promised.as_secs_f64()))
        };
        let cases: Vec<String> = self.freshness_of.iter().map(case).collect();
        format!("CASE symbol {} ELSE {usual} END", cases.join(" "))
    }
}

fn double(value: f64) -> String {
    format!("CAST({value} AS DOUBLE)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_symbol_has_its_own_promise() {
        let quiet = Symbol::new("XMRUSDT").unwrap();
        let usual = Targets::default();
        let targets = Targets { freshness_of: [(quiet, Duration::from_mins(1))].into(), ..usual.clone() };
        assert_eq!(targets.freshness_of(quiet), Duration::from_mins(1));
        assert_eq!(targets.freshness_of(Symbol::new("BTCUSDT").unwrap()), Duration::from_secs(10));
        assert_eq!(usual.placeholders()[0].1, "CAST(10 AS DOUBLE)");
        assert_eq!(
            targets.placeholders()[0].1,
            "CASE symbol WHEN 'XMRUSDT' THEN CAST(60 AS DOUBLE) ELSE CAST(10 AS DOUBLE) END"
        );
    }
}
