//! `depthlake reconcile`: whether each layer holds what the one before it gives.

mod course;
mod derive;
mod job;
mod judge;
mod marts;
mod rules;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use depthlake_engine::clock;
use depthlake_lake::log::{EmbeddedLog, Log, LogError, Options};
use depthlake_lake::reconcile::{Break, BreakClass, Layer};
use depthlake_orderbook::frame::RawStream;
use depthlake_orderbook::time::Timestamp;

use crate::configuration::Configuration;
use crate::data_folder::DataFolder;
use crate::lake_options::{LakeOptions, LakePlace};
use crate::log_address::LogAddress;
use crate::run::deployment::Layout;
use crate::run::open_log::OpenLog;
pub use job::compare_regularly;
use judge::{Judge, Scope};

/// How many breaks are printed; the table holds them all.
const PRINTED: usize = 40;

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
    /// Puts right what differs, from the layer before.
    #[arg(long)]
    repair: bool,
    /// The log that raw is compared with: embedded, or a broker, kafka://HOST:PORT[,HOST:PORT…] [default: embedded].
    #[arg(long, env = "DEPTHLAKE_LOG_ADDRESS", value_name = "LOG")]
    log: Option<LogAddress>,
    #[command(flatten)]
    lake: LakeOptions,
}

/// Compares, keeps and prints what differs. The exit status is 1 where something does and is not repaired.
///
/// # Errors
/// Where there is no lake, or a layer cannot be read.
pub async fn run(options: &ReconcileOptions, configuration: &Configuration) -> Result<ExitCode> {
    let place = options.lake.place(configuration)?;
    let lake = place.existing_unchecked().await?;
    let folder = DataFolder::at(&place.folder);
    let begun = clock::now();
    let UpstreamLog { log, is_written } = UpstreamLog::open(&folder, options.log.as_ref(), configuration)?;
    let scope = Scope {
        received: options.received(begun, is_written)?,
        tolerance: options.tolerance,
        repairs: options.repair,
    };
    let mut judge = Judge::new(&lake, scope, begun)?;
    judge.columns(&options.layers()).await?;
    for layer in options.layers() {
        match (layer, &log) {
            (Layer::Raw, Some(log)) => judge.raw(&**log).await?,
            (Layer::Raw, None) => {
                eprintln!("the log is in use by a running depthlake: raw is not compared with it");
            }
            (Layer::Normalized, log) => {
                judge.normalized().await?;
                if let Some(log) = log {
                    judge.landed(&**log).await?;
                }
            }
            (Layer::Marts, _) => judge.marts(configuration.sla.targets(), true).await?,
        }
    }
    judge.keep().await?;
    print!("{}", report(&judge.compared, &judge.breaks));
    let is_right = judge.breaks.iter().all(|broken| broken.repaired_at.is_some());
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
    let everything = Scope { received: Timestamp(0)..Timestamp(i64::MAX), tolerance: 0.0, repairs: true };
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
    judge.keep().await?;
    Ok(report(&judge.compared, &judge.breaks))
}

impl ReconcileOptions {
    fn layers(&self) -> Vec<Layer> {
        if self.layers.is_empty() { Layer::ALL.to_vec() } else { self.layers.clone() }
    }

    fn received(&self, now: Timestamp, is_written: bool) -> Result<Range<Timestamp>> {
        let settled = Timestamp(now.0.saturating_sub(SETTLING));
        let last = if is_written { settled } else { Timestamp(i64::MAX) };
        let received = self.from.unwrap_or(Timestamp(0))..self.to.unwrap_or(last).min(last);
        if received.is_empty() {
            bail!("nothing was received from {} to {} ns", received.start.0, received.end.0);
        }
        Ok(received)
    }
}

/// The log that the raw tables are compared with.
struct UpstreamLog {
    /// None where a running program has it for itself.
    log: Option<Arc<dyn Log>>,
    /// Whether others may be writing it.
    is_written: bool,
}

impl UpstreamLog {
    /// Opens the log that is given, or else the one that the configuration names.
    fn open(folder: &DataFolder, log: Option<&LogAddress>, configuration: &Configuration) -> Result<Self> {
        let log = log.or(configuration.lake.log.as_ref()).cloned().unwrap_or_default();
        let layout = Layout { log, ..Layout::of(configuration)? };
        if layout.log != LogAddress::Embedded {
            let log = tokio::task::block_in_place(|| OpenLog::follow(folder, &layout))?.log();
            return Ok(Self { log: Some(log), is_written: true });
        }
        match EmbeddedLog::open(&folder.log(), &Options::new(layout.partitions)) {
            Ok(log) => Ok(Self { log: Some(Arc::new(log)), is_written: false }),
            Err(LogError::InUse { .. }) => Ok(Self { log: None, is_written: true }),
            Err(error) => Err(error).with_context(|| display(&folder.log())),
        }
    }
}

fn display(path: &Path) -> String {
    format!("the log in {}", path.display())
}

const CLASSES: [BreakClass; 4] =
    [BreakClass::Missing, BreakClass::Duplicate, BreakClass::ValueDrift, BreakClass::SchemaDrift];

fn report(compared: &BTreeMap<String, u64>, breaks: &[Break]) -> String {
    let mut tables: BTreeMap<&str, u64> = compared.iter().map(|(table, rows)| (&**table, *rows)).collect();
    for broken in breaks {
        tables.entry(&broken.table).or_default();
    }
    let heading = line("table", "rows", &CLASSES.map(|class| class.name().to_owned()));
    let counts = tables.into_iter().map(|(table, rows)| {
        let of =
            |class| breaks.iter().filter(|broken| broken.table == table && broken.class == class).count();
        line(table, &rows.to_string(), &CLASSES.map(|class| of(class).to_string()))
    });
    let mut lines: Vec<String> = [heading].into_iter().chain(counts).collect();
    lines.extend(breaks.iter().take(PRINTED).map(told));
    if breaks.len() > PRINTED {
        lines.push(format!("… and {} more: SELECT * FROM ops.recon_breaks", breaks.len() - PRINTED));
    }
    lines.into_iter().map(|line| line + "\n").collect()
}

fn line(table: &str, rows: &str, [missing, duplicate, drift, schema]: &[String; 4]) -> String {
    format!("{table:<28} {rows:>14} {missing:>12} {duplicate:>12} {drift:>12} {schema:>12}")
}

fn told(Break { class, table, key, value, detail, repaired_at, .. }: &Break) -> String {
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "null".to_owned());
    let values = value.as_ref().map_or_else(String::new, |value| {
        format!(" ({} instead of {})", shown(&value.found), shown(&value.expected))
    });
    let repaired = if repaired_at.is_some() { "; repaired" } else { "" };
    format!("{class} {table} {key}: {detail}{values}{repaired}")
}

fn tolerance(text: &str) -> Result<f64> {
    let part = text.parse::<f64>().ok().filter(|part| part.is_finite() && *part >= 0.0);
    part.with_context(|| format!("expected a part of at least 0, as {TOLERANCE}"))
}

/// A time as people write it: a date, or a date and a time of day, in UTC where it names no zone.
pub fn time(text: &str) -> Result<Timestamp> {
    let nanoseconds = arrow_cast::parse::string_to_timestamp_nanos(text);
    nanoseconds.map(Timestamp).map_err(|_| anyhow!("expected a time, as 2026-11-21 or 2026-11-21T10:30:00Z"))
}
