//! The command line.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use depthlake_engine::replay::Speed;
use depthlake_ingest::product::Product;
use depthlake_ingest::sim::Fault;
use depthlake_lake::table::Table;

use crate::backfill::BackfillOptions;
use crate::build::{BuildOptions, ModelsOptions};
use crate::configuration::Configuration;
use crate::lake_options::LakeOptions;
use crate::log_address::LogAddress;
use crate::maintain::MaintainOptions;
use crate::market_options::{GeneratorOptions, VenueOptions, product};
use crate::messages::MessageOptions;
use crate::reconcile::ReconcileOptions;
use crate::run::roles::Roles;
use crate::serve::ServeOptions;
use crate::status::StatusOptions;
use crate::{sql, tables};

/// Exact order books of 50 and more trading pairs, and a lake of Iceberg tables behind them.
///
/// `depthlake run` needs nothing else: it starts a simulated venue, keeps its books, and lands everything in
/// `depthlake-data`. Then look around: `depthlake top`, `depthlake sql`, `depthlake tables`.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
#[command(
    after_help = "Exit status: 0 done, 1 failed, 2 wrong usage, 3 done, but figures of ours disagree with the venue's.\n\
    Messages go to standard error; DEPTHLAKE_LOG=info (or debug) shows more of them."
)]
pub struct Arguments {
    /// The configuration file [default: depthlake.toml, if there is one].
    #[arg(long, global = true, env = "DEPTHLAKE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    pub messages: MessageOptions,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Keeps books, features and bars of a venue and lands them in the lake.
    ///
    /// In a terminal it shows the live books (q ends the run); elsewhere a line now and then.
    #[command(after_help = "Examples:\n  \
        depthlake run                                   fifty simulated pairs\n  \
        depthlake run --venue binance                   the same pairs at Binance\n  \
        depthlake run --venue binance --product usdm --symbols BTCUSDT,ETHUSDT\n  \
        depthlake run --log kafka://localhost:9092      through Kafka or Redpanda\n  \
        depthlake run --log kafka://BROKER:9092 --roles ingest             the engine alone, and elsewhere:\n  \
        depthlake run --log kafka://BROKER:9092 --roles lake --catalog postgres://HOST/DB --warehouse s3://BUCKET\n  \
        depthlake run --duration 60 --summary run.json  a minute, then figures as JSON")]
    Run(RunOptions),
    /// Serves the tables of a data folder, or of a shared lake, without keeping books: SQL, the API and the page.
    ///
    /// `run` serves what it keeps; this is for what another program keeps, or kept.
    #[command(after_help = "Examples:\n  \
        depthlake serve --data depthlake-data\n  \
        depthlake serve --catalog postgres://HOST/DB --warehouse s3://BUCKET --listen 0.0.0.0:8080\n\
        Then: trino --server http://127.0.0.1:8080 --catalog depthlake, or open the address in a browser.")]
    Serve(ServeOptions),
    /// Starts a simulated venue that speaks Binance's REST and WebSocket protocol.
    #[command(after_help = "Examples:\n  \
        depthlake sim\n  \
        depthlake sim --symbols BTCUSDT --fault dropped-diff:every=500 --fault disconnect:every=20000\n  \
        depthlake sim --recording DIR --speed 10\n\
        Then: depthlake run --venue WS_URL,REST_URL with the two addresses it prints.")]
    Sim(SimOptions),
    /// Records a venue's messages, a gzip file a symbol and day.
    ///
    /// A line is `NANOSECONDS JSON`: the time of receipt and the message as it came. hftbacktest reads these files too.
    Record(RecordOptions),
    /// Plays a recording through the same code that runs live.
    #[command(
        after_help = "Reads folders of *.gz (hftbacktest's collector, `depthlake record`) and of ws.txt with http.txt\n\
        (cryptofeed's raw capture).\n\
        Without --data nothing is kept; with it the messages go through the log into the tables, as live ones do."
    )]
    Replay(ReplayOptions),
    /// Lands what was not received live: files of the venue's archive, its bars by REST, daily bars of stocks.
    #[command(after_help = "Examples:\n  \
        depthlake backfill klines archive/ --data lake\n  \
        depthlake backfill trades BTCUSDT-aggTrades-2024-08-08.zip\n  \
        depthlake backfill rest --venue binance --symbols BTCUSDT --from 2024-08-08 --to 2024-08-09\n  \
        depthlake backfill daily AAPL.csv\n  \
        depthlake backfill raw --topic market.raw.trade --partition 0 --from 0 --to 5000\n\n\
        May be repeated and run beside `depthlake run`: what is in the lake is not landed again.")]
    Backfill(BackfillOptions),
    /// Asks the tables a question in Trino's SQL, or many: without a query, a prompt with history and completion.
    #[command(after_help = "Examples:\n  \
        depthlake sql \"SELECT symbol, count(*) FROM normalized.book_ticker GROUP BY symbol\"\n  \
        depthlake sql --format csv \"SELECT * FROM normalized.ohlcv_1m\" > bars.csv\n  \
        depthlake sql --format parquet --output trades.parquet \"SELECT * FROM normalized.trades\"\n  \
        depthlake sql \"SELECT from_utf8(payload) FROM raw.orderbook_diffs LIMIT 1\"\n  \
        depthlake sql --server http://127.0.0.1:8080")]
    Sql(SqlOptions),
    /// Lists the tables: rows, files, sizes, last commits, and what a row means.
    Tables(TablesOptions),
    /// Cares for the tables now, as `depthlake run` does all the time: merges small files, lets go of old snapshots.
    #[command(after_help = "Examples:\n  \
        depthlake maintain --dry-run                    what would be done\n  \
        depthlake maintain --table raw.trades\n  \
        depthlake maintain --orphans                    lists files that nothing refers to; --remove removes them")]
    Maintain(MaintainOptions),
    /// Compares each layer with the one before it, tells what differs, and puts it right.
    #[command(after_help = "Examples:\n  \
        depthlake reconcile                             the log, raw, normalized and marts, all of them\n  \
        depthlake reconcile --layer normalized --from 2026-11-21\n  \
        depthlake reconcile --repair\n  \
        depthlake reconcile --accept normalized.trades.desk    a column that another engine added is meant to be there\n\
        What is found is kept in ops.recon_breaks. Exit status 1: something differs and is neither repaired nor accepted, or \
        could not be compared.")]
    Reconcile(ReconcileOptions),
    /// Brings the marts up to date, and bars that late trades have made wrong.
    ///
    /// Computes the minutes touched by what was landed since the last build, runs the models' tests, and commits. `run` does
    /// it every minute.
    #[command(after_help = "Examples:\n  \
        depthlake build                       everything, bit by bit\n  \
        depthlake build mart_liquidity        one mart\n  \
        depthlake build ohlcv_1m              only corrects bars, as new versions\n  \
        depthlake build --full-refresh        everything anew\n\
        Exit status 1: a test fails; its rows are printed, and the mart stays as it was.")]
    Build(BuildOptions),
    /// Lists the SQL models: what each reads, and how fresh the marts are.
    Models(ModelsOptions),
    /// Is it well? What is promised, what was measured, and which books are not fresh, on one screen.
    #[command(after_help = "Examples:\n  \
        depthlake status\n  \
        depthlake status --server http://localhost:8080\n\
        Exit status 1: it is not well.")]
    Status(StatusOptions),
    /// Shows the live books of a running `depthlake run`, from another terminal.
    Top(TopOptions),
}

/// Where data lies.
#[derive(Debug, Args)]
pub struct DataOption {
    /// The folder of the log, the lake and the board [default: depthlake-data].
    #[arg(long, env = "DEPTHLAKE_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct RunOptions {
    #[command(flatten)]
    pub venue: VenueOptions,
    #[command(flatten)]
    pub generator: GeneratorOptions,
    #[command(flatten)]
    pub lake: LakeOptions,
    /// Where messages go first: embedded, or a broker, kafka://HOST:PORT[,HOST:PORT…] [default: embedded].
    #[arg(long, env = "DEPTHLAKE_LOG_ADDRESS", value_name = "LOG")]
    log: Option<LogAddress>,
    /// Where the log in the data folder was lost, begins a new one where the tables end.
    #[arg(long)]
    pub new_log: bool,
    /// What this process does: ingest (venue to log), lake (log to tables), both, or query (serves the tables, as
    /// `depthlake serve` does). Ingest and lake apart need a broker.
    #[arg(long, env = "DEPTHLAKE_ROLES", default_value = "ingest,lake", value_name = "ROLE,…")]
    pub roles: Roles,
    /// A schema registry, http://HOST:PORT, whose ids the records get and which is asked whether their schemas will do
    /// [default: none].
    #[arg(long, env = "DEPTHLAKE_SCHEMA_REGISTRY", value_name = "URL")]
    schema_registry: Option<String>,
    /// The address of the HTTP server: SQL by Trino's protocol, the API, metrics, the page. Port 0 takes any that is free
    /// [default: 127.0.0.1:8080].
    #[arg(long, env = "DEPTHLAKE_LISTEN", value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Serves nothing.
    #[arg(long, conflicts_with = "listen")]
    pub no_serve: bool,
    /// Ends after so many seconds [default: runs until Ctrl-C].
    #[arg(long, value_name = "SECONDS", value_parser = positive_seconds)]
    pub duration: Option<Duration>,
    /// Writes figures of the run to a JSON file at its end.
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct SimOptions {
    /// The address to listen at; port 0 takes any that is free.
    #[arg(long, default_value = "127.0.0.1:9480", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// spot, usdm or coinm [default: spot].
    #[arg(long, env = "DEPTHLAKE_PRODUCT", value_name = "PRODUCT")]
    product: Option<Product>,
    /// The pairs, separated by commas [default: 50 that are built in].
    #[arg(long, env = "DEPTHLAKE_SYMBOLS", value_delimiter = ',', value_name = "SYMBOL,…")]
    symbols: Vec<String>,
    #[command(flatten)]
    pub generator: GeneratorOptions,
    /// Plays this recording instead of generating markets.
    #[arg(long, value_name = "DIR")]
    pub recording: Option<PathBuf>,
    /// How fast the recording is played: a factor, or max.
    #[arg(long, default_value = "1", value_name = "SPEED", value_parser = speed, requires = "recording")]
    pub speed: Speed,
    /// A fault to inject, again and again: NAME[:symbol=S,every=N,…]. May be given several times.
    #[arg(long = "fault", value_name = "FAULT")]
    pub faults: Vec<Fault>,
    /// Ends every connection at this age, as the venue does after 24 hours.
    #[arg(long, value_name = "SECONDS", value_parser = positive_seconds)]
    pub connection_lifetime: Option<Duration>,
    /// Ends after so many seconds [default: runs until Ctrl-C].
    #[arg(long, value_name = "SECONDS", value_parser = positive_seconds)]
    pub duration: Option<Duration>,
}

#[derive(Debug, Args)]
pub struct RecordOptions {
    /// The folder to write to; made if missing.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    #[command(flatten)]
    pub venue: VenueOptions,
    #[command(flatten)]
    pub generator: GeneratorOptions,
    /// Ends after so many seconds [default: runs until Ctrl-C].
    #[arg(long, value_name = "SECONDS", value_parser = positive_seconds)]
    pub duration: Option<Duration>,
}

#[derive(Debug, Args)]
pub struct ReplayOptions {
    /// The folder of the recording.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Writes a JSON line for each event applied to a book.
    #[arg(long, value_name = "FILE")]
    pub books: Option<PathBuf>,
    /// Writes a JSON line for each 1-minute bar.
    #[arg(long, value_name = "FILE")]
    pub bars: Option<PathBuf>,
    /// Lands the recording in the lake of this folder.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Plays it so many times, ids and times going on from one to the next.
    #[arg(long, default_value = "1", value_name = "TIMES")]
    pub repeat: NonZeroU32,
    /// How fast: a factor of the recorded pace, or max.
    #[arg(long, default_value = "max", value_name = "SPEED", value_parser = speed)]
    pub speed: Speed,
}

#[derive(Debug, Args)]
pub struct SqlOptions {
    /// The query, or several; without it those of the standard input, or a prompt.
    pub query: Option<String>,
    #[arg(long, value_enum, default_value_t = sql::Format::Table)]
    pub format: sql::Format,
    /// Writes the rows to this file instead of the standard output.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub server: ServerOptions,
    #[command(flatten)]
    pub lake: LakeOptions,
}

/// A server that answers instead of the lake.
#[derive(Debug, Args)]
pub struct ServerOptions {
    /// Asks this server by Trino's protocol, such as `http://127.0.0.1:8080`, instead of opening a lake.
    #[arg(long, env = "DEPTHLAKE_SERVER", value_name = "URL")]
    pub server: Option<String>,
    /// As whom the server is asked; the password is taken from `DEPTHLAKE_PASSWORD`, a token from `DEPTHLAKE_TOKEN`.
    #[arg(long, env = "DEPTHLAKE_USER", value_name = "USER", requires = "server")]
    pub user: Option<String>,
}

#[derive(Debug, Args)]
pub struct TablesOptions {
    /// Lists the states of this table that are kept instead, such as those of `normalized.ohlcv_1m`.
    #[arg(long, value_name = "TABLE")]
    pub snapshots: Option<Table>,
    #[arg(long, value_enum, default_value_t = tables::Format::Table)]
    pub format: tables::Format,
    #[command(flatten)]
    pub lake: LakeOptions,
}

#[derive(Debug, Args)]
pub struct TopOptions {
    /// The pair to begin with.
    pub symbol: Option<String>,
    /// Prints one table and ends, as it does where the output is no terminal.
    #[arg(long)]
    pub once: bool,
    /// Milliseconds between two looks at the board.
    #[arg(long, default_value_t = 250, value_name = "MILLISECONDS", value_parser = clap::value_parser!(u64).range(10..))]
    refresh: u64,
    #[command(flatten)]
    data: DataOption,
}

impl DataOption {
    pub fn folder(&self, configuration: &Configuration) -> PathBuf {
        let configured = self.data.clone().or_else(|| configuration.data.clone());
        configured.unwrap_or_else(|| PathBuf::from("depthlake-data"))
    }
}

impl RunOptions {
    pub fn log(&self, configuration: &Configuration) -> LogAddress {
        self.log.clone().or_else(|| configuration.lake.log.clone()).unwrap_or_default()
    }

    pub fn schema_registry(&self, configuration: &Configuration) -> Option<String> {
        self.schema_registry.clone().or_else(|| configuration.lake.schema_registry.clone())
    }
}

impl SimOptions {
    pub fn product(&self, configuration: &Configuration) -> anyhow::Result<Product> {
        product(self.product, configuration)
    }

    pub fn symbols<'a>(&'a self, configuration: &'a Configuration) -> &'a [String] {
        if self.symbols.is_empty() { &configuration.symbols } else { &self.symbols }
    }
}

impl TopOptions {
    pub fn data(&self, configuration: &Configuration) -> PathBuf {
        self.data.folder(configuration)
    }

    pub const fn refresh(&self) -> Duration {
        Duration::from_millis(self.refresh)
    }
}

pub fn positive_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected seconds, as 60 or 0.5".to_owned())?;
    let duration = Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
    if duration.is_zero() { Err("expected more than 0 seconds".to_owned()) } else { Ok(duration) }
}

fn speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed::Max);
    }
    match text.trim_end_matches('x').parse::<f64>() {
        Ok(times) if times.is_finite() && times > 0.0 => Ok(Speed::Times(times)),
        _ => Err("expected a factor above 0, as 1 or 10, or max".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn speeds_and_durations_are_checked() {
        assert_eq!(speed("max"), Ok(Speed::Max));
        assert_eq!(speed("2.5x"), Ok(Speed::Times(2.5)));
        for text in ["0", "-1", "NaN", "inf", "fast"] {
            assert!(speed(text).is_err(), "{text}");
        }
        assert_eq!(positive_seconds("0.5"), Ok(Duration::from_millis(500)));
        for text in ["0", "-1", "NaN", "1e300", "soon"] {
            assert!(positive_seconds(text).is_err(), "{text}");
        }
    }
}
