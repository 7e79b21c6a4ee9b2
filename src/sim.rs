//! `depthlake sim`: a simulated venue of its own.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use depthlake_engine::replay::Speed;
use depthlake_ingest::product::Product;
use depthlake_ingest::recording::Recording;
use depthlake_ingest::sim::{self, Limits, MarketSpec, Source, VenueConfig};

use crate::arguments::SimOptions;
use crate::configuration::Configuration;
use crate::run::stop::stop_requested;

/// Runs the venue until it is stopped.
pub fn run(options: &SimOptions, configuration: &Configuration) -> Result<ExitCode> {
    let product = options.product(configuration)?;
    let source = match &options.recording {
        Some(folder) => {
            Source::Recording { recording: Recording::open(folder)?, speed: venue_speed(options.speed) }
        }
        None => Source::Generated {
            markets: markets(options.symbols(configuration))?,
            rate: options.generator.rate(configuration),
        },
    };
    let mut limits = Limits::of(product);
    limits.connection_lifetime = options.connection_lifetime.unwrap_or(limits.connection_lifetime);
    let config = VenueConfig {
        listen: options.listen,
        product,
        source,
        limits,
        faults: options.faults.clone(),
        seed: options.generator.seed(configuration),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(config, product, options))
}

async fn serve(config: VenueConfig, product: Product, options: &SimOptions) -> Result<ExitCode> {
    let venue = sim::start(config).await?;
    println!("a simulated {product} venue of {} pairs; feed from it by", venue.symbols().len());
    println!("  depthlake run --product {product} --venue {},{}", venue.websocket_url(), venue.rest_url());
    stop_requested(options.duration).await;
    let frames: u64 = venue.counters().iter().map(|counter| counter.sent).sum();
    for fault in venue.fault_counters() {
        println!("fault {}: {} times", fault.kind, fault.count);
    }
    venue.shutdown().await;
    println!("{frames} frames sent");
    Ok(ExitCode::SUCCESS)
}

/// The generated markets of these symbols; of all built in where none is named.
pub fn markets(symbols: &[String]) -> Result<Vec<MarketSpec>> {
    if symbols.is_empty() {
        return Ok(sim::default_markets());
    }
    symbols.iter().map(|symbol| market(symbol)).collect()
}

fn market(symbol: &str) -> Result<MarketSpec> {
    let upper = symbol.to_ascii_uppercase();
    if let Some(found) = sim::market_for(&upper) {
        return Ok(found);
    }
    let known = sim::default_markets();
    let nearest = known
        .iter()
        .min_by_key(|market| strsim::damerau_levenshtein(&upper, &market.symbol))
        .context("the simulated venue has no markets")?;
    bail!("the simulated venue has no market {symbol:?}; the nearest is {}", nearest.symbol)
}

const fn venue_speed(speed: Speed) -> sim::Speed {
    match speed {
        Speed::Times(times) => sim::Speed::Times(times),
        Speed::Max => sim::Speed::Max,
    }
}
