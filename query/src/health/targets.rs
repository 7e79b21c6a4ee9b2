//! What is promised.

use std::collections::BTreeMap;
use std::time::Duration;

use depthlake_lake::model;
use depthlake_orderbook::symbol::Symbol;

/// The service levels that are promised.
#[derive(Debug, Clone, PartialEq)]
pub struct Targets {
    /// A symbol is fresh while its book is live and its last event was received within this time.
    pub freshness: Duration,
    /// Symbols that are promised otherwise.
    pub freshness_of: BTreeMap<Symbol, Duration>,
    /// The longest time between two commits while anything waits.
    pub commit_age: Duration,
    /// The most gaps of a symbol in an hour, on average over all symbols.
    pub gaps_per_hour: f64,
    /// What 95 % of the API's requests for live books, tickers and bars may take at most.
    pub api_p95: Duration,
}

impl Default for Targets {
    fn default() -> Self {
        Self::with(&model::Targets::default())
    }
}

impl Targets {
    /// The usual targets, with the freshness that `marts.mart_exchange_health` measures against.
    #[must_use]
    pub fn with(sla: &model::Targets) -> Self {
        Self {
            freshness: Duration::from_secs(sla.silent_seconds.into()),
            freshness_of: BTreeMap::new(),
            commit_age: Duration::from_mins(1),
            gaps_per_hour: 6.0,
            api_p95: Duration::from_millis(500),
        }
    }

    pub(super) fn freshness_of(&self, symbol: Symbol) -> Duration {
        self.freshness_of.get(&symbol).copied().unwrap_or(self.freshness)
    }
}
