//! `depthlake backfill`: what was not received live, landed beside what was.

mod files;
mod landing;
mod progress;
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
use depthlake_lake::history::Historian;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

use crate::arguments::VenueOptions;
use crate::configuration::Configuration;
use crate::lake_options::LakeOptions;
use crate::venue::Venue;
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
    /// The first minute, as 2024-08-08 or 2024-08-08T12:30 (UTC).
    #[arg(long, value_name = "TIME", value_parser = utc)]
    from: Timestamp,
    /// The end, exclusive [default and latest: ten minutes ago, for later ones may still be on their way].
    #[arg(long, value_name = "TIME", value_parser = utc)]
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
        }
    })?;
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
        let historian = historian(&self.lake, configuration).await?;
        files::land(historian, &self.paths, content, self.symbol, self.jobs).await
    }
}

impl RestOptions {
    async fn land(&self, configuration: &Configuration) -> Result<Summary> {
        let Some(endpoints) = endpoints(&self.venue.venue(configuration), self.venue.product(configuration)?)
        else {
            bail!(
                "a simulated venue of this process has no past: name one by its addresses, WS_URL,REST_URL"
            );
        };
        let symbols = self.venue.symbols(configuration);
        if symbols.is_empty() {
            bail!("no symbols: name them by --symbols");
        }
        let symbols = symbols.iter().map(|text| Symbol::new(text)).collect::<Result<Vec<_>, _>>()?;
        let product = self.venue.product(configuration)?;
        if product == Product::CoinM {
            bail!("bars of COIN-M futures do not give price * quantity: land their trades");
        }
        let historian = historian(&self.lake, configuration).await?;
        rest::land(historian, &endpoints, product, &symbols, self.from, self.to).await
    }
}

/// How long a minute may be on its way from the venue into the lake.
const UNDER_WAY: Duration = Duration::from_mins(10);

async fn historian(lake: &LakeOptions, configuration: &Configuration) -> Result<Historian> {
    Ok(Historian::open(lake.place(configuration)?.open().await?).await?)
}

fn endpoints(venue: &Venue, product: Product) -> Option<String> {
    venue.endpoints(product).ok().flatten().map(|endpoints| endpoints.rest)
}

/// A time as people write it, in UTC: a date, or a date and a time of day.
fn utc(text: &str) -> Result<Timestamp, String> {
    let refuse = || format!("expected a time in UTC as 2024-08-08 or 2024-08-08T12:30, not {text:?}");
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let numbers = |text: &str, separator: char| -> Option<Vec<i64>> {
        text.trim_end_matches('Z').split(separator).map(|part| part.parse().ok()).collect()
    };
    let days = numbers(date, '-').and_then(|parts| match parts[..] {
        [year, month @ 1..=12, day] => days_since_1970(year, month, day),
        _ => None,
    });
    let seconds = numbers(time, ':').and_then(|parts| match parts[..] {
        [hour @ 0..=23, minute @ 0..=59] => Some(hour * 3_600 + minute * 60),
        [hour @ 0..=23, minute @ 0..=59, second @ 0..=59] => Some(hour * 3_600 + minute * 60 + second),
        _ => None,
    });
    let (days, seconds) = days.zip(seconds).ok_or_else(refuse)?;
    Ok(Timestamp::from_milliseconds((days * 86_400 + seconds) * 1_000))
}

/// Days of the Gregorian calendar; `None` for a date that is none, or beyond what the lake's times hold.
fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let lengths = [31, if is_leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before = usize::try_from(month - 1).ok()?;
    let is_date = (1970..2262).contains(&year) && (1..=*lengths.get(before)?).contains(&day);
    let leap_days = |year: i64| year / 4 - year / 100 + year / 400;
    let years = (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969);
    is_date.then(|| years + lengths.iter().take(before).sum::<i64>() + day - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_utc() {
        let milliseconds = |text| utc(text).map(Timestamp::milliseconds);
        assert_eq!(milliseconds("2024-08-08"), Ok(1_723_075_200_000));
        assert_eq!(milliseconds("2024-08-08T12:30"), Ok(1_723_120_200_000));
        assert_eq!(milliseconds("2024-08-08 23:59:59Z"), Ok(1_723_161_599_000));
        assert_eq!(milliseconds("1970-01-01"), Ok(0));
        assert_eq!(milliseconds("2000-03-01"), Ok(951_868_800_000));
        for text in ["2024-02-30", "2023-02-29", "2024-13-01", "08.08.2024", "2024-08-08T24:00", "now", ""] {
            assert!(utc(text).is_err(), "{text}");
        }
    }
}
