//! `depthlake build` and `depthlake models`: the marts.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use clap::Args;
use depthlake_lake::commit::Lake;
use depthlake_lake::model::{BuildError, Builder, Built, FailedTest, Freshness, Mode, Model, Targets};
use depthlake_lake::table::Table;
use depthlake_orderbook::time::Timestamp;
use depthlake_query::Session;
use depthlake_query::output::{table_of_rows, utc};

use crate::configuration::Configuration;
use crate::lake_options::LakeOptions;
use crate::messages::complain;

#[derive(Debug, Args)]
pub struct BuildOptions {
    /// What to build, such as `mart_ohlcv` [default: everything]; `ohlcv_1m` corrects the bars, a view is tested.
    #[arg(value_name = "MODEL")]
    models: Vec<String>,
    /// Computes everything anew from what is landed, whatever was built before, and corrects all bars. Minutes of which
    /// retention has let go are then gone from the marts too.
    #[arg(long)]
    full_refresh: bool,
    #[command(flatten)]
    lake: LakeOptions,
}

#[derive(Debug, Args)]
pub struct ModelsOptions {
    #[command(flatten)]
    lake: LakeOptions,
}

/// Builds, and prints what was built.
pub async fn build(options: &BuildOptions, configuration: &Configuration) -> Result<ExitCode> {
    let lake = options.lake.place(configuration)?.existing().await?;
    let mode = if options.full_refresh { Mode::Full } else { Mode::Incremental };
    match builder(&lake, configuration.health.targets()?.feed)?.build(&options.models, mode).await {
        Ok(built) => {
            io::stdout().write_all(told(&built).as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        Err(BuildError::Test(failed)) => {
            print_failed(&failed)?;
            Ok(ExitCode::FAILURE)
        }
        Err(error) => Err(error.into()),
    }
}

/// A builder over a lake.
pub fn builder(lake: &Lake, targets: Targets) -> Result<Builder> {
    Ok(Builder::new(lake.clone(), Arc::new(Session::new(lake.clone())?), targets))
}

fn told(built: &[Built]) -> String {
    let line = |built: &Built| {
        let (Some(first), Some(last)) = (built.minutes.first(), built.minutes.last()) else {
            return format!("{}: nothing new\n", built.name);
        };
        let (from, until) = (time(first.from), time(last.until));
        format!("{}: {} rows, of minutes from {from} to {until}\n", built.name, built.rows)
    };
    if built.is_empty() { "all tests pass\n".to_owned() } else { built.iter().map(line).collect() }
}

fn time(microseconds: i64) -> String {
    utc(Timestamp::from_microseconds(microseconds))
}

fn print_failed(failed: &FailedTest) -> Result<()> {
    complain!("{} fails its test: {}; nothing of it was committed", failed.model, failed.what);
    let mut out = io::stdout();
    out.write_all(table_of_rows(&failed.rows)?.as_bytes())?;
    Ok(())
}

/// Prints the models, what each reads, and how fresh the tables are.
pub async fn models(options: &ModelsOptions, configuration: &Configuration) -> Result<()> {
    let lake = options.lake.place(configuration)?.existing().await.ok();
    let mut text = String::new();
    let is_read =
        |name: &str| Model::all().iter().any(|model| model.declaration.reads.iter().any(|read| read == name));
    for model in Model::all().iter().filter(|model| !is_read(model.name)) {
        describe(model, "", lake.as_ref(), &mut text).await?;
    }
    io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

/// A model and, indented, what it reads.
async fn describe(model: &'static Model, indent: &str, lake: Option<&Lake>, text: &mut String) -> Result<()> {
    let mut waiting = vec![(model.name.to_owned(), indent.to_owned())];
    while let Some((name, indent)) = waiting.pop() {
        let Some(model) = Model::named(&name) else {
            text.extend([&indent, name.as_str(), "\n"]);
            continue;
        };
        let kind = match &model.declaration.incremental {
            Some(table) => {
                let state = freshness(model, table.freshness_seconds, lake).await?;
                format!("table, by minutes{state}")
            }
            None => "view".to_owned(),
        };
        let key = model.declaration.key.join(", ");
        text.extend([&indent, name.as_str(), "  (", &kind, "; key ", &key, ")\n"]);
        let below = format!("{indent}    ");
        waiting.extend(model.declaration.reads.iter().rev().map(|read| (read.clone(), below.clone())));
    }
    Ok(())
}

/// When a mart was built last, up to which minute it has rows, and whether that is as fresh as declared.
async fn freshness(model: &Model, seconds: u32, lake: Option<&Lake>) -> Result<String> {
    let (Some(lake), Ok(table)) = (lake, model.name.parse::<Table>()) else { return Ok(String::new()) };
    Ok(match Freshness::of(lake, table).await? {
        Freshness { built_at: None, last_minute: None } => "; never built".to_owned(),
        Freshness { built_at, last_minute } => {
            let is_fresh = built_at.is_some_and(|time| now() - time <= i64::from(seconds) * 1_000_000_000);
            let built =
                built_at.map_or("built nobody knows when".to_owned(), |time| format!("built {}", utc(time)));
            let rows = last_minute.map_or(String::new(), |minute| format!(" up to {}", utc(minute)));
            format!("; {built}{rows}, {}", if is_fresh { "fresh" } else { "late" })
        }
    })
}

fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_1970.as_nanos()).unwrap_or(i64::MAX))
}
