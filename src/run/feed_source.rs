//! Where a feed comes from: a venue elsewhere, or a simulated one started here.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use depthlake_ingest::live::Endpoints;
use depthlake_ingest::product::Product;
use depthlake_ingest::sim::{self, Limits, MarketSpec, Source, VenueConfig};
use depthlake_orderbook::symbol::Symbol;

use crate::configuration::Configuration;
use crate::market_options::{GeneratorOptions, VenueOptions};
use crate::sim::markets;

/// How many requests of the books may wait for the feed. Each book has at most a few, so this is never reached.
pub const PENDING_REQUESTS: usize = 1 << 16;

/// A venue to feed from.
pub struct FeedSource {
    pub endpoints: Endpoints,
    pub product: Product,
    pub symbols: Vec<Symbol>,
    /// The venue itself, where it is simulated here.
    pub simulated: Option<sim::Venue>,
}

impl FeedSource {
    /// Finds the venue that the options name, and starts it where it is the simulated one.
    pub async fn open(
        options: &VenueOptions,
        generator: &GeneratorOptions,
        configuration: &Configuration,
    ) -> Result<Self> {
        let product = options.product(configuration)?;
        let names = options.symbols(configuration);
        let Some(endpoints) = options.venue(configuration).endpoints(product)? else {
            let rate = generator.rate(configuration);
            return Self::simulated(product, markets(names)?, generator.seed(configuration), rate).await;
        };
        let symbols = match names {
            [] => built_in(product),
            names => names.iter().map(|name| Symbol::new(name)).collect::<Result<_, _>>()?,
        };
        Ok(Self { endpoints, product, symbols, simulated: None })
    }

    async fn simulated(product: Product, markets: Vec<MarketSpec>, seed: u64, rate: f64) -> Result<Self> {
        let symbols = markets.iter().map(|market| Symbol::new(&market.symbol)).collect::<Result<_, _>>()?;
        let config = VenueConfig {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            product,
            source: Source::Generated { markets, rate },
            limits: Limits::of(product),
            faults: Vec::new(),
            seed,
        };
        let venue = sim::start(config).await.context("the simulated venue did not start")?;
        let endpoints =
            Endpoints { websocket: venue.websocket_url(), trades_websocket: None, rest: venue.rest_url() };
        Ok(Self { endpoints, product, symbols, simulated: Some(venue) })
    }
}

/// The pairs fed where none is named. COIN-M futures are named after the pair and its kind.
fn built_in(product: Product) -> Vec<Symbol> {
    let names = sim::default_markets().into_iter().filter_map(|market| match product {
        Product::Spot => Some(market.symbol),
        Product::UsdM => (market.quote == "USDT").then_some(market.symbol),
        Product::CoinM => {
            COIN_MARGINED.contains(&market.base.as_str()).then(|| format!("{}USD_PERP", market.base))
        }
    });
    names.filter_map(|name| Symbol::new(&name).ok()).collect()
}

/// Coins that have a perpetual future margined in them.
const COIN_MARGINED: [&str; 10] = ["BTC", "ETH", "BNB", "SOL", "XRP", "ADA", "DOGE", "LINK", "LTC", "DOT"];
