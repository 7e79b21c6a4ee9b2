//! Where the venue's products differ.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A market of the venue with an interface of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Product {
    #[default]
    Spot,
    /// Futures margined in USDT and the like.
    UsdM,
    /// Futures margined in the coin.
    CoinM,
}

/// A name that no product has.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown product {0:?}: expected spot, usdm or coinm")]
pub struct UnknownProduct(pub String);

impl Product {
    pub const ALL: [Self; 3] = [Self::Spot, Self::UsdM, Self::CoinM];

    /// What REST paths begin with.
    #[must_use]
    pub const fn rest_prefix(self) -> &'static str {
        match self {
            Self::Spot => "/api/v3",
            Self::UsdM => "/fapi/v1",
            Self::CoinM => "/dapi/v1",
        }
    }

    /// The stream of trades: futures document the aggregated one only.
    #[must_use]
    pub const fn trade_stream(self) -> &'static str {
        match self {
            Self::Spot => "trade",
            Self::UsdM | Self::CoinM => "aggTrade",
        }
    }

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Spot => "spot",
            Self::UsdM => "usdm",
            Self::CoinM => "coinm",
        }
    }
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Product {
    type Err = UnknownProduct;

    fn from_str(text: &str) -> Result<Self, UnknownProduct> {
        Self::ALL
            .into_iter()
            .find(|product| product.name() == text)
            .ok_or_else(|| UnknownProduct(text.to_owned()))
    }
}
