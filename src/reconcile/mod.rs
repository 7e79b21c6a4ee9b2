//! `depthlake reconcile`: whether each layer holds what the one before it gives.

mod bars;
mod columns;
mod course;
mod damage;
mod derive;
mod derived;
mod history;
mod job;
mod judge;
mod landed;
mod marts;
mod pair;
mod repeated;
mod report;
mod rules;
mod upstream;
mod windows;

use std::collections::BTreeMap;
use std::ops::Range;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use depthlake_engine::clock;
use depthlake_lake::reconcile::{Break, Layer};
use depthlake_lake::record::Contracts;
use depthlake_lake::table::Table;
use depthlake_orderbook::frame::RawStream;
use depthlake_orderbook::time::Timestamp;
use depthlake_query::output::utc;

use crate::configuration::Configuration;
use crate::contracts;
use crate::data_folder::DataFolder;
use crate::lake_options::{LakeOptions, LakePlace};
use crate::log_address::LogAddress;
use crate::messages::complain;
pub use job::Regularly;
use judge::{Judge, Scope};
use landed::Upstream;
use report::{advice, is_harmless, report, report_pairs};
use upstream::UpstreamLog;

const STREAMS: [RawStream; 2] = [RawStream::Orderbook, RawStream::Trade];

/// Rows received later than this before now are left alone while something may still be writing: what they give may not be
/// there yet.
const SETTLING: i64 = 300_000_000_000;

/// By how much, relative to the expected, measures may differ unless told otherwise: 0.01 %.
const TOLERANCE: f64 = 1e-4;

#[derive(Debug, Args)]
pub struct ReconcileOptions {
    /// Only this layer, and the one before it: raw, normalized or marts. May be given several times.
    #[arg(long = "layer", value_name = "LAYER")]
    layers: Vec<Layer>,
    /// Only what was received from this time on: 2026-11-21, or 2026-11-21T10:30:00Z.
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Timestamp>,
    /// Only what was received before this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<Timestamp>,
    /// By how much, relative to the expected, prices, quantities and other measures may differ.
    #[arg(long, default_value_t = TOLERANCE, value_name = "PART", value_parser = tolerance)]
    tolerance: f64,
    /// A column that others have added and that is meant to be there, as normalized.trades.desk: it is told, but does not count
    /// for the exit status. May be given several times.
    #[arg(long = "accept", value_name = "TABLE.COLUMN", value_parser = column)]
    accepted: Vec<AcceptedColumn>,
    /// Puts right what differs, from the layer before.
    #[arg(long)]
    repair: bool,
    /// The log that raw is compared with: embedded, or a broker, kafka://HOST:PORT[,HOST:PORT…] [default: embedded].
    #[arg(long, env = "DEPTHLAKE_LOG_ADDRESS", value_name = "LOG")]
    log: Option<LogAddress>,
    /// The schema registry, http://HOST:PORT, that gave the ids of the log's records [default: none].
    #[arg(long, env = "DEPTHLAKE_SCHEMA_REGISTRY", value_name = "URL")]
    schema_registry: Option<String>,
    #[command(flatten)]
    lake: LakeOptions,
}

/// Compares, keeps and prints what differs. The exit status is 1 where something does and is not repaired nor accepted, or could
/// not be compared.
///
/// # Errors
/// Where there is no lake, its catalog or the log cannot be read, or what was found cannot be kept.
pub async fn run(options: &ReconcileOptions, configuration: &Configuration) -> Result<ExitCode> {
    let place = options.lake.place(configuration)?;
    let lake = place.existing_unchecked().await?;
    let folder = DataFolder::at(&place.folder);
    let begun = clock::now();
    let layers = options.layers();
    let upstream = UpstreamLog::open(&folder, options.log.as_ref(), configuration)?;
    let registry = options.schema_registry.as_ref().or(configuration.lake.schema_registry.as_ref());
    let contracts = match &upstream.log {
        Ok(_) => tokio::task::block_in_place(|| contracts::reading(registry.map(String::as_str)))?,
        Err(_) => Contracts::own(),
    };
    let log_away = upstream.log.as_ref().err().cloned();
    let records = upstream.log.as_ref().ok().map(|log| Upstream { log: &**log, contracts: &contracts });
    let scope = Scope {
        received: options.received(begun, upstream.is_written)?,
        tolerance: options.tolerance,
        repairs: options.repair,
        is_written: upstream.is_written,
    };
    let mut judge = Judge::new(&lake, scope, begun)?;
    judge.columns(&layers).await;
    if layers.contains(&Layer::Raw)
        && let Some(records) = records
    {
        judge.raw(records).await?;
    }
    if layers.iter().any(|layer| *layer != Layer::Marts) {
        judge.repeated().await;
    }
    if layers.contains(&Layer::Normalized) {
        // Where rows are put right, those of the log come first: they tell when they were published.
        if let Some(records) = records.filter(|_| options.repair) {
            judge.landed(records).await?;
        }
        judge.normalized().await;
        judge.history().await;
        if let Some(records) = records.filter(|_| !options.repair) {
            judge.landed(records).await?;
        }
    }
    if layers.contains(&Layer::Marts) {
        judge.marts(configuration.health.targets()?.feed, true).await?;
    }
    judge.keep(BTreeMap::new()).await?;
    let times = judge.times();
    if !times.is_empty() {
        println!("compared is what was received{times}");
    }
    print!("{}", report_pairs(&judge.pairs(&layers, log_away.as_deref()).await?));
    print!("{}", report(&judge.compared, &judge.breaks));
    let is_accepted = |broken: &Break| options.accepts(broken);
    let advice = judge.breaks.iter().filter(|broken| !is_accepted(broken)).filter_map(advice);
    for note in advice.chain(judge.notes.iter().cloned()) {
        complain!("{note}");
    }
    for (what, why) in &judge.failures {
        complain!("{what} could not be compared: {why}");
    }
    let is_settled = |broken: &Break| broken.repaired_at.is_some() || is_accepted(broken);
    let is_right = judge.failures.is_empty() && judge.breaks.iter().all(is_settled);
    Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Derives the raw rows of some offsets again, and puts right what the normalized tables have of them otherwise or not at
/// all. Gives what was compared and what was put right, as text. What was received within the last minutes is left alone while
/// a program is writing.
///
/// # Errors
/// Where the lake does not have these offsets, or a table cannot be read or changed.
pub async fn derive_again(
    place: &LakePlace,
    log: Option<&LogAddress>,
    configuration: &Configuration,
    stream: RawStream,
    partition: u16,
    offsets: Range<u64>,
) -> Result<String> {
    let lake = place.existing().await?;
    let folder = DataFolder::at(&place.folder);
    let UpstreamLog { is_written, .. } = UpstreamLog::open(&folder, log, configuration)?;
    let begun = clock::now();
    let received = Timestamp(0)..Timestamp(i64::MAX);
    let everything = Scope { received, tolerance: 0.0, repairs: true, is_written };
    let mut judge = Judge::new(&lake, everything, begun)?;
    let Some(mut received) = judge.received(stream, partition, &offsets).await? else {
        bail!("the lake has no raw rows of these offsets");
    };
    if is_written {
        received.end = received.end.min(Timestamp(begun.0.saturating_sub(SETTLING)));
    }
    if received.is_empty() {
        bail!("what these offsets give may still be on its way: they are younger than five minutes");
    }
    judge.scope.received = received;
    judge.stream(stream, partition).await?;
    judge.keep(BTreeMap::new()).await?;
    if let Some((what, why)) = judge.failures.first_key_value() {
        bail!("{what} could not be derived again: {why}");
    }
    Ok(report(&judge.compared, &judge.breaks))
}

/// A column that a table may have besides.
#[derive(Debug, Clone)]
struct AcceptedColumn {
    table: Table,
    column: String,
}

impl ReconcileOptions {
    fn accepts(&self, broken: &Break) -> bool {
        let names = |accepted: &AcceptedColumn| {
            accepted.table.to_string() == broken.table && accepted.column == broken.key
        };
        is_harmless(broken) && self.accepted.iter().any(names)
    }

    fn layers(&self) -> Vec<Layer> {
        if self.layers.is_empty() { Layer::ALL.to_vec() } else { self.layers.clone() }
    }

    fn received(&self, now: Timestamp, is_written: bool) -> Result<Range<Timestamp>> {
        let settled = Timestamp(now.0.saturating_sub(SETTLING));
        let last = if is_written { settled } else { Timestamp(i64::MAX) };
        let received = self.from.unwrap_or(Timestamp(0))..self.to.unwrap_or(last).min(last);
        if received.is_empty() {
            let left_alone = if is_written {
                "; what was received within the last five minutes is left alone while a program is writing"
            } else {
                ""
            };
            bail!("there is no time from {} until {}{left_alone}", utc(received.start), utc(received.end));
        }
        Ok(received)
    }
}

fn tolerance(text: &str) -> Result<f64> {
    let part = text.parse::<f64>().ok().filter(|part| part.is_finite() && *part >= 0.0);
    part.with_context(|| format!("expected a part of at least 0, as {TOLERANCE}"))
}

fn column(text: &str) -> Result<AcceptedColumn> {
    let (table, column) =
        text.rsplit_once('.').context("expected a table and a column, as normalized.trades.desk")?;
    Ok(AcceptedColumn { table: table.parse()?, column: column.to_owned() })
}

/// A time as people write it: a date, or a date and a time of day, in UTC where it names no zone.
pub fn time(text: &str) -> Result<Timestamp> {
    let nanoseconds = arrow_cast::parse::string_to_timestamp_nanos(text);
    nanoseconds.map(Timestamp).map_err(|_| anyhow!("expected a time, as 2026-11-21 or 2026-11-21T10:30:00Z"))
}
