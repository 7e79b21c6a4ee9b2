//! Where the program's own messages go: text for people or JSON for programs, each repeated one only so often, and traces
//! of what is slow to a collector, where one is named.

mod rate;
pub mod spoken;
mod traces;

use std::fs::File;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Mutex;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use rate::RateLimit;

pub(crate) use spoken::{complain, say};
pub use spoken::{may_move, speak};

/// How messages are written, and who gets traces.
#[derive(Debug, Clone, Args)]
pub struct MessageOptions {
    /// How messages are written.
    #[arg(
        long,
        global = true,
        env = "DEPTHLAKE_LOG_FORMAT",
        value_name = "FORMAT",
        value_enum,
        default_value_t
    )]
    log_format: LogFormat,
    /// Where traces of commits, queries and the care of tables are sent by OTLP over HTTP, e.g. `http://localhost:4318`
    /// [default: nowhere].
    #[arg(long, global = true, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    otlp: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// A line a message, for people.
    #[default]
    Text,
    /// A JSON object a line, for programs.
    Json,
}

/// Keeps what is sent to a collector; what waits is sent when it goes.
#[must_use]
#[derive(Debug)]
pub struct Messages(Option<traces::Traces>);

/// To standard error.
pub fn to_standard_error(options: &MessageOptions) -> Result<Messages> {
    begin(options, std::io::stderr, std::io::stderr().is_terminal())
}

/// To a file, while the terminal is used for something else.
pub fn to_file(options: &MessageOptions, path: &Path) -> Result<Messages> {
    let file = File::options()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("the file of messages {} cannot be opened", path.display()))?;
    begin(options, Mutex::new(file), false)
}

fn begin<W>(options: &MessageOptions, writer: W, is_terminal: bool) -> Result<Messages>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let written = tracing_subscriber::fmt::layer().with_ansi(is_terminal).with_writer(writer);
    let written = match options.log_format {
        LogFormat::Text => written.boxed(),
        LogFormat::Json => written.json().flatten_event(true).boxed(),
    };
    let traces = options.otlp.as_deref().map(traces::Traces::to).transpose()?;
    tracing_subscriber::registry()
        .with(written.with_filter(RateLimit::default()).with_filter(filter()))
        .with(traces.as_ref().map(traces::Traces::layer))
        .init();
    Ok(Messages(traces))
}

/// Quiet by default; `DEPTHLAKE_LOG=info` or finer tells more.
fn filter() -> EnvFilter {
    EnvFilter::try_from_env("DEPTHLAKE_LOG").unwrap_or_else(|_| EnvFilter::new("warn"))
}

impl MessageOptions {
    pub const fn format(&self) -> LogFormat {
        self.log_format
    }
}

impl LogFormat {
    /// What was asked for by somebody whose other arguments cannot be read.
    pub fn of_arguments() -> Self {
        let by_variable = std::env::var("DEPTHLAKE_LOG_FORMAT").ok();
        let arguments: Vec<_> = std::env::args().collect();
        let separate =
            arguments.windows(2).find(|pair| pair[0] == "--log-format").map(|pair| pair[1].clone());
        let joined = arguments.iter().find_map(|one| one.strip_prefix("--log-format=").map(str::to_owned));
        let asked = separate.or(joined).or(by_variable);
        asked.and_then(|text| Self::from_str(&text, false).ok()).unwrap_or_default()
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        if let Some(traces) = self.0.take() {
            traces.finish();
        }
    }
}
