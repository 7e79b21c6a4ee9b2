//! Where the program's own messages go.

use std::fs::File;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Mutex;

use anyhow::{Context, Result};
use tracing_subscriber::EnvFilter;

/// To standard error.
pub fn to_standard_error() {
    let is_terminal = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter())
        .with_ansi(is_terminal)
        .with_writer(std::io::stderr)
        .init();
}

/// To a file, while the terminal is used for something else.
pub fn to_file(path: &Path) -> Result<()> {
    let file = File::options()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("the file of messages {} cannot be opened", path.display()))?;
    tracing_subscriber::fmt().with_env_filter(filter()).with_ansi(false).with_writer(Mutex::new(file)).init();
    Ok(())
}

/// Quiet by default; `DEPTHLAKE_LOG=info` or finer tells more.
fn filter() -> EnvFilter {
    EnvFilter::try_from_env("DEPTHLAKE_LOG").unwrap_or_else(|_| EnvFilter::new("warn"))
}
