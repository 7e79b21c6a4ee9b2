//! The venue's REST interface: one request, one answer, and what the answer says of the weight used.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use thiserror::Error;

use super::clock;
use super::scheduler::Job;
use crate::product::Product;

/// The whole of `exchangeInfo` is the largest answer, some 20 MB.
const LARGEST_BODY: usize = 64 << 20;
/// How much of an error's body is quoted.
const QUOTED: usize = 200;
/// The book depths that the venue's documents list.
const CUTS: [u16; 8] = [5, 10, 20, 50, 100, 500, 1_000, 5_000];
/// Waits where the venue does not say how long: a whole window, and the shortest ban.
const WAIT_AFTER_LIMIT: Duration = Duration::from_mins(1);
const WAIT_AFTER_BAN: Duration = Duration::from_mins(2);
pub(super) const TIME_WEIGHT: u32 = 1;

/// A client of one venue's REST interface.
#[derive(Debug)]
pub(super) struct Rest {
    client: reqwest::Client,
    base: String,
    product: Product,
    /// The levels of a snapshot.
    levels: u16,
}

/// A body and when it had come.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) bytes: Bytes,
    pub(super) received: Timestamp,
}

/// What became of a request.
#[derive(Debug)]
pub(super) struct Reply {
    /// The weight used from this address within the venue's current minute.
    pub(super) used_weight: Option<u32>,
    pub(super) result: Result<Body, RequestError>,
}

/// Why a request brought no answer.
#[derive(Debug, Error)]
pub enum RequestError {
    /// 429, or 418 where the address is banned.
    #[error("the venue refuses requests for {} s (status {status})", wait.as_secs())]
    Limited { status: u16, wait: Duration },
    #[error("status {status}: {body}")]
    Status { status: u16, body: String },
    #[error("{0}")]
    Transport(String),
    #[error("the answer is larger than {LARGEST_BODY} bytes")]
    TooLarge,
    #[error("the answer is not what is documented: {0}")]
    Malformed(String),
}

impl Rest {
    pub(super) fn new(
        base: &str,
        product: Product,
        levels: u16,
        timeout: Duration,
    ) -> Result<Self, RequestError> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("depthlake/", env!("CARGO_PKG_VERSION")))
            .timeout(timeout)
            // WebSockets go to the configured address, and so does this.
            .no_proxy()
            .build()
            .map_err(|error| RequestError::Transport(chain(&error)))?;
        let levels = documented_cut(product, levels);
        Ok(Self { client, base: base.trim_end_matches('/').to_owned(), product, levels })
    }

    /// What a job costs of the request weight.
    pub(super) const fn weight(&self, job: Job) -> u32 {
        match job {
            Job::Snapshot(_) => snapshot_weight(self.product, self.levels),
            Job::Instrument(_) => exchange_info_weight(self.product),
        }
    }

    /// Carries out a job.
    pub(super) async fn get(&self, job: Job) -> Reply {
        match job {
            Job::Snapshot(symbol) => {
                let query = format!("depth?symbol={symbol}&limit={}", self.levels);
                self.request(&query).await
            }
            Job::Instrument(symbol) => self.exchange_info(&[symbol]).await,
        }
    }

    /// `exchangeInfo` of these symbols, or of all where none is named; where the venue offers no choice (futures), of
    /// all in any case.
    pub(super) async fn exchange_info(&self, symbols: &[Symbol]) -> Reply {
        let names: Vec<_> = symbols.iter().map(|symbol| format!("%22{symbol}%22")).collect();
        match (self.product, names.is_empty()) {
            (Product::Spot, false) => {
                self.request(&format!("exchangeInfo?symbols=%5B{}%5D", names.join(","))).await
            }
            _ => self.request("exchangeInfo").await,
        }
    }

    pub(super) async fn time(&self) -> Reply {
        self.request("time").await
    }

    pub(super) async fn klines(&self, query: &str) -> Reply {
        self.request(query).await
    }

    /// The address of a resource, as errors name it.
    pub(super) fn url(&self, resource: &str) -> String {
        format!("{}{}/{resource}", self.base, self.product.rest_prefix())
    }

    async fn request(&self, resource: &str) -> Reply {
        let response = match self.client.get(self.url(resource)).send().await {
            Ok(response) => response,
            Err(error) => {
                let result = Err(RequestError::Transport(chain(&error)));
                return Reply { used_weight: None, result };
            }
        };
        let used_weight = number(response.headers(), "x-mbx-used-weight-1m")
            .or_else(|| number(response.headers(), "x-mbx-used-weight"));
        Reply { used_weight, result: read(response).await }
    }
}

impl Reply {
    /// Whether the venue refused the request for the number of them.
    pub(super) const fn is_refusal(&self) -> bool {
        matches!(self.result, Err(RequestError::Limited { .. }))
    }
}

pub(super) const fn exchange_info_weight(product: Product) -> u32 {
    match product {
        Product::Spot => 20,
        Product::UsdM | Product::CoinM => 1,
    }
}

async fn read(response: Response) -> Result<Body, RequestError> {
    let status = response.status();
    let wait =
        number(response.headers(), RETRY_AFTER.as_str()).map(|wait| Duration::from_secs(u64::from(wait)));
    let default_wait = match status {
        StatusCode::TOO_MANY_REQUESTS => Some(WAIT_AFTER_LIMIT),
        StatusCode::IM_A_TEAPOT => Some(WAIT_AFTER_BAN),
        _ => None,
    };
    if let Some(default_wait) = default_wait {
        let wait = wait.unwrap_or(default_wait);
        return Err(RequestError::Limited { status: status.as_u16(), wait });
    }
    let bytes = read_body(response).await?;
    let received = clock::now();
    if !status.is_success() {
        let quoted = bytes.get(..QUOTED).unwrap_or(&bytes);
        let body = String::from_utf8_lossy(quoted).into_owned();
        return Err(RequestError::Status { status: status.as_u16(), body });
    }
    Ok(Body { bytes, received })
}

async fn read_body(mut response: Response) -> Result<Bytes, RequestError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| RequestError::Transport(chain(&error)))? {
        if body.len() + chunk.len() > LARGEST_BODY {
            return Err(RequestError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn number(headers: &HeaderMap, name: &str) -> Option<u32> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// The depth to ask for: a documented one, so that a book cut there is known to be cut.
fn documented_cut(product: Product, levels: u16) -> u16 {
    let deepest = match product {
        Product::Spot => 5_000,
        Product::UsdM | Product::CoinM => 1_000,
    };
    CUTS.into_iter().find(|cut| *cut >= levels).unwrap_or(deepest).min(deepest)
}

const fn snapshot_weight(product: Product, levels: u16) -> u32 {
    match (product, levels) {
        (Product::Spot, ..=100) => 5,
        (Product::Spot, ..=500) => 25,
        (Product::Spot, ..=1_000) => 50,
        (Product::Spot, _) => 250,
        (_, ..=50) => 2,
        (_, ..=100) => 5,
        (_, ..=500) => 10,
        (_, _) => 20,
    }
}

/// An error with its causes, for reqwest's own text leaves them out.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depths_are_those_the_venue_documents() {
        for (product, asked, cut, weight) in [
            (Product::Spot, 1_000, 1_000, 50),
            (Product::Spot, 1_001, 5_000, 250),
            (Product::Spot, u16::MAX, 5_000, 250),
            (Product::Spot, 1, 5, 5),
            (Product::UsdM, 1_000, 1_000, 20),
            (Product::UsdM, 5_000, 1_000, 20),
            (Product::CoinM, 60, 100, 5),
        ] {
            assert_eq!(documented_cut(product, asked), cut, "{product} {asked}");
            assert_eq!(snapshot_weight(product, cut), weight, "{product} {cut}");
        }
    }
}
