//! What the REST side asks of a source of market data, generated or recorded.

use serde_json::Value;

use super::bars::{Bar, Trade};
use super::depth::Depth;
use super::listing::Listing;
use super::market::AggregateTrade;

/// A source of market data. Symbols are in upper case; an answer is `None` where the symbol is not listed.
pub(super) trait Exchange: Send + Sync {
    /// Listed first to last.
    fn symbols(&self) -> Vec<String>;

    fn listing(&self, symbol: &str) -> Option<Listing>;

    /// The symbol's entry of `exchangeInfo`.
    fn exchange_info_entry(&self, symbol: &str) -> Option<Value>;

    /// The book at the update id the stream has reached.
    fn depth(&self, symbol: &str, levels: usize) -> Option<Depth>;

    /// A book of long ago.
    fn stale_depth(&self, symbol: &str) -> Option<Depth>;

    fn bars(&self, symbol: &str, limit: usize) -> Option<Vec<Bar>>;

    fn trades(&self, symbol: &str, limit: usize) -> Option<Vec<Trade>>;

    fn aggregates(&self, symbol: &str, limit: usize) -> Option<Vec<AggregateTrade>>;

    /// Stops the markets after sending what is pending, so that the streams lead exactly to the books. A recording stops
    /// after the frame it is at.
    fn pause(&self);

    fn resume(&self);
}
