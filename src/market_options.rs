//! Whose market it is: flags, environment and configuration, for every command that has one.

use clap::Args;
use depthlake_ingest::product::Product;

use crate::configuration::Configuration;
use crate::venue::Venue;

/// Whose data it is.
#[derive(Debug, Args)]
pub struct VenueOptions {
    /// `sim`, `binance`, `binance-us`, or two addresses, `WS_URL,REST_URL` [default: sim].
    #[arg(long, env = "DEPTHLAKE_VENUE", value_name = "VENUE")]
    venue: Option<Venue>,
    /// spot, usdm or coinm [default: spot].
    #[arg(long, env = "DEPTHLAKE_PRODUCT", value_name = "PRODUCT")]
    product: Option<Product>,
    /// The pairs, separated by commas [default: 50 that are built in].
    #[arg(long, env = "DEPTHLAKE_SYMBOLS", value_delimiter = ',', value_name = "SYMBOL,…")]
    symbols: Vec<String>,
}

/// What the simulated venue generates.
#[derive(Debug, Args)]
pub struct GeneratorOptions {
    /// Decides the simulated markets: the same seed, the same events [default: 1].
    #[arg(long, env = "DEPTHLAKE_SEED", value_name = "NUMBER")]
    seed: Option<u64>,
    /// What the activity of the simulated markets is multiplied by [default: 1].
    #[arg(long, env = "DEPTHLAKE_RATE", value_name = "FACTOR", value_parser = rate)]
    rate: Option<f64>,
}

impl VenueOptions {
    pub fn venue(&self, configuration: &Configuration) -> Venue {
        self.venue.clone().or_else(|| configuration.venue.clone()).unwrap_or_default()
    }

    pub fn product(&self, configuration: &Configuration) -> anyhow::Result<Product> {
        product(self.product, configuration)
    }

    /// The symbols asked for; empty where the default is wanted.
    pub fn symbols<'a>(&'a self, configuration: &'a Configuration) -> &'a [String] {
        if self.symbols.is_empty() { &configuration.symbols } else { &self.symbols }
    }
}

impl GeneratorOptions {
    pub fn seed(&self, configuration: &Configuration) -> u64 {
        self.seed.or(configuration.seed).unwrap_or(1)
    }

    pub fn rate(&self, configuration: &Configuration) -> f64 {
        self.rate.or(configuration.rate).unwrap_or(1.0)
    }
}

/// The kind of market: the flag's, or else the configured one.
pub fn product(flag: Option<Product>, configuration: &Configuration) -> anyhow::Result<Product> {
    match (flag, &configuration.product) {
        (Some(product), _) => Ok(product),
        (None, Some(name)) => Ok(name.parse()?),
        (None, None) => Ok(Product::default()),
    }
}

/// Beyond a thousand times the usual activity no machine keeps up.
fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate <= 1_000.0 => Ok(rate),
        _ => Err("expected a factor above 0 and at most 1000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_checked() {
        assert_eq!(rate("2.5"), Ok(2.5));
        for text in ["0", "-1", "NaN", "1e9"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }
}
