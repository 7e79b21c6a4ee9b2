//! `depthlake backfill`: what was not received live, landed beside what was.

mod files;
mod landing;
mod progress;
mod raw;
mod rest;
mod summary;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use depthlake_ingest::history::Content;
use depthlake_ingest::product::Product;
use depthlake_lake::commit::Lake;
use depthlake_lake::history::Historian;
use depthlake_lake::model::Mode;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

use crate::build;
use crate::configuration::Configuration;
use crate::lake_options::LakeOptions;
use crate::market_options::VenueOptions;
use crate::reconcile::time;
use raw::RawOptions;
use summary::Summary;

#[derive(Debug, Args)]
pub struct BackfillOptions {
    #[command(subcommand)]
    source: Source,
}

#[derive(Debug, Subcommand)]
enum Source {
    /// One-minute bars from files of Binance's archive, SYMBOL-1m-DATE.zip or .csv.
    Klines(FileOptions),
    /// Trades from files of Binance's archive, SYMBOL-aggTrades-DATE or SYMBOL-trades-DATE, .zip or .csv.
    Trades(FileOptions),
    /// Daily bars of stocks from CSV files with Yahoo's columns, SYMBOL.csv.
    Daily(FileOptions),
    /// One-minute bars from the venue's REST interface.
    Rest(RestOptions),
    /// What a range of a raw topic gives, derived again from the raw tables.
    Raw(RawOptions),
}

#[derive(Debug, Args)]
struct FileOptions {
    /// Files, and folders of files at any depth.
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// The symbol, where the files' names do not tell it.
    #[arg(long, value_name = "SYMBOL")]
    symbol: Option<Symbol>,
    /// spot, usdm or coinm [default: spot].
    #[arg(long, env = "DEPTHLAKE_PRODUCT", value_name = "PRODUCT")]
    product: Option<Product>,
    /// How many files are read side by side [default: as many as there are cores].
    #[arg(long, value_name = "NUMBER")]
    jobs: Option<NonZeroUsize>,
    #[command(flatten)]
    lake: LakeOptions,
}

#[derive(Debug, Args)]
struct RestOptions {
    #[command(flatten)]
    venue: VenueOptions,
    /// The first minute, as 2024-08-08 or 2024-08-08T12:30:00Z.
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Timestamp,
    /// The end, exclusive [default and latest: ten minutes ago, for later ones may still be on their way].
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<Timestamp>,
    #[command(flatten)]
    lake: LakeOptions,
}

/// Lands what the options name. Fails where a file or an answer could not be used; everything else is landed then.
pub fn run(options: &BackfillOptions, configuration: &Configuration) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let summary = runtime.block_on(async {
        match &options.source {
            Source::Klines(files) => files.land(Content::Klines, configuration).await,
            Source::Trades(files) => files.land(Content::Trades, configuration).await,
            Source::Daily(files) => files.land(Content::DailyBars, configuration).await,
            Source::Rest(rest) => rest.land(configuration).await,
            Source::Raw(raw) => {
                print!("{}", raw.land(configuration).await?);
                return Ok(None);
            }
        }
        .map(Some)
    })?;
    let Some(summary) = summary else { return Ok(ExitCode::SUCCESS) };
    println!("{summary}");
    Ok(if summary.failures > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl FileOptions {
    async fn land(&self, content: Content, configuration: &Configuration) -> Result<Summary> {
        if content == Content::Klines && self.product == Some(Product::CoinM) {
            bail!(
                "bars of COIN-M futures count contracts and the base currency, which do not give price * quantity: land their trades"
            );
        }
        let lake = self.lake.place(configuration)?.open().await?;
        let historian = Historian::open(lake.clone()).await?;
        let summary = files::land(historian, &self.paths, content, self.symbol, self.jobs).await?;
        if content == Content::Trades {
            make_bars(&lake, configuration).await?;
        }
        Ok(summary)
    }
}

impl RestOptions {
    async fn land(&self, configuration: &Configuration) -> Result<Summary> {
        let product = self.venue.product(configuration)?;
        if product == Product::CoinM {
            bail!("bars of COIN-M futures do not give price * quantity: land their trades");
        }
        let Some(endpoints) = self.venue.venue(configuration).endpoints(product)? else {
            bail!(
                "a simulated venue of this process has no past: name one by its addresses, WS_URL,REST_URL"
            );
        };
        let symbols = self.venue.symbols(configuration);
        if symbols.is_empty() {
            bail!("no symbols: name them by --symbols");
        }
        let symbols = symbols.iter().map(|text| Symbol::new(text)).collect::<Result<Vec<_>, _>>()?;
        let historian = Historian::open(self.lake.place(configuration)?.open().await?).await?;
        rest::land(historian, &endpoints.rest, product, &symbols, self.from, self.to).await
    }
}

/// How long a minute may be on its way from the venue into the lake.
const UNDER_WAY: Duration = Duration::from_mins(10);

/// Bars of the minutes that got trades, as versions: the same that corrections make of late trades.
async fn make_bars(lake: &Lake, configuration: &Configuration) -> Result<()> {
    let builder = build::builder(lake, configuration.health.targets()?.feed)?;
    for built in builder.build(&["ohlcv_1m".to_owned()], Mode::Incremental).await? {
        println!("{}: {} bars made or corrected", built.name, built.rows);
    }
    Ok(())
}
