//! The venue's own bars of the past, a page at a time, within the request weight.

use std::time::Instant;

use bytes::Bytes;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;
use tokio::time::sleep;

use super::SnapshotPriority;
use super::backoff::Backoff;
use super::budget::WeightBudget;
use super::rest::{Reply, RequestError, Rest};
use super::{Timing, choose_cryptography};
use crate::product::Product;

/// Bars of one page; the venue gives no more.
const PAGE_MINUTES: i64 = 1_000;
const MINUTE: i64 = 60_000_000_000;
/// Attempts at a page that does not come before it is given up.
const ATTEMPTS: u32 = 8;

/// Bars of one symbol that are asked for at once: those that begin from `from` on and before `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KlinePage {
    pub symbol: Symbol,
    pub from: Timestamp,
    pub to: Timestamp,
}

/// An answer as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KlineAnswer {
    pub payload: Bytes,
    pub received: Timestamp,
}

/// A client of the REST interface that asks for bars only, and leaves half of the weight to a feed at the same address.
#[derive(Debug)]
pub struct KlineClient {
    rest: Rest,
    budget: WeightBudget,
    weight: u32,
}

impl KlinePage {
    /// The pages of a span of time. They begin at multiples of their length since 1970, so that those of another span are
    /// the same but at its ends.
    pub fn of_span(symbol: Symbol, from: Timestamp, to: Timestamp) -> impl Iterator<Item = Self> {
        const LENGTH: i64 = PAGE_MINUTES * MINUTE;
        let mut next = from.minute();
        std::iter::from_fn(move || {
            let end = next.0.div_euclid(LENGTH).saturating_add(1).saturating_mul(LENGTH);
            let page = Self { symbol, from: next, to: Timestamp(end).min(to) };
            next = page.to;
            (page.from < page.to).then_some(page)
        })
    }

    fn query(&self) -> String {
        format!(
            "klines?symbol={}&interval=1m&startTime={}&endTime={}&limit={PAGE_MINUTES}",
            self.symbol,
            self.from.milliseconds(),
            self.to.milliseconds() - 1
        )
    }
}

impl KlineClient {
    /// A client of the interface at `base`, e.g. `https://api.binance.com`.
    ///
    /// # Errors
    /// [`RequestError::Transport`] where the HTTP client cannot be set up.
    pub fn new(base: &str, product: Product) -> Result<Self, RequestError> {
        choose_cryptography();
        let (limit, weight) = match product {
            Product::Spot => (6_000, 2),
            Product::UsdM | Product::CoinM => (2_400, 5),
        };
        // It never asks for books, so their depth is of no account.
        let rest = Rest::new(base, product, 5, Timing::default().request)?;
        Ok(Self { rest, budget: WeightBudget::new(limit), weight })
    }

    /// The address a page is asked for at.
    #[must_use]
    pub fn address(&self, page: &KlinePage) -> String {
        self.rest.url(&page.query())
    }

    /// Asks for a page, as late as the weight allows, and again where the venue refuses or does not answer.
    ///
    /// # Errors
    /// [`RequestError`] where the venue does not take the request, or has failed to answer many times.
    pub async fn fetch(&mut self, page: &KlinePage) -> Result<KlineAnswer, RequestError> {
        let (mut backoff, mut attempts) = (Backoff::default(), 0);
        loop {
            while let Err(at) = self.budget.admit(self.weight, SnapshotPriority::Audit, Instant::now()) {
                sleep(at.saturating_duration_since(Instant::now())).await;
            }
            let Reply { used_weight, result } = self.rest.klines(&page.query()).await;
            if let Some(used) = used_weight {
                self.budget.observe(used, Instant::now());
            }
            let error = match result {
                Ok(body) => return Ok(KlineAnswer { payload: body.bytes, received: body.received }),
                Err(error) => error,
            };
            let wait = match &error {
                RequestError::Limited { wait, .. } => *wait,
                RequestError::Status { status, .. } if *status < 500 => return Err(error),
                _ => {
                    attempts += 1;
                    backoff.delay(&mut rand::rng())
                }
            };
            if attempts >= ATTEMPTS {
                return Err(error);
            }
            tracing::warn!(%error, retry_seconds = wait.as_secs_f64(), "the venue's bars cannot be had yet");
            sleep(wait).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_cover_a_span_once_and_are_the_same_for_others() {
        let symbol = Symbol::new("BTCUSDT").unwrap();
        let at = |minute: i64| Timestamp(minute * MINUTE);
        let pages: Vec<_> = KlinePage::of_span(symbol, at(1_500), at(3_700)).collect();
        let spans: Vec<_> = pages.iter().map(|page| (page.from, page.to)).collect();
        assert_eq!(spans, [(at(1_500), at(2_000)), (at(2_000), at(3_000)), (at(3_000), at(3_700))]);
        let wider: Vec<_> = KlinePage::of_span(symbol, at(0), at(9_000)).collect();
        assert!(wider.contains(&pages[1]));
        assert_eq!(KlinePage::of_span(symbol, at(5), at(5)).count(), 0);
        assert!(pages[1].query().ends_with("startTime=120000000&endTime=179999999&limit=1000"));
    }
}
