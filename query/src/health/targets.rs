//! What is promised.

use std::time::Duration;

use depthlake_lake::model;

/// The service levels that are promised.
#[derive(Debug, Clone, PartialEq)]
pub struct Targets {
    /// Of the feed's books: by the same, `marts.mart_exchange_health` judges the minutes that are over.
    pub feed: model::Targets,
    /// The longest time between two commits while anything waits.
    pub commit_age: Duration,
    /// What 95 % of the API's requests for live books, tickers and bars may take at most.
    pub api_p95: Duration,
}

impl Default for Targets {
    fn default() -> Self {
        Self {
            feed: model::Targets::default(),
            commit_age: Duration::from_mins(1),
            api_p95: Duration::from_millis(500),
        }
    }
}
