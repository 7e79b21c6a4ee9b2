//! `depthlake record`: a recording of a venue.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use depthlake_ingest::live::{self, FeedConfig};
use depthlake_ingest::recording::Recorder;
use tokio::sync::mpsc;

use crate::arguments::RecordOptions;
use crate::configuration::Configuration;
use crate::messages::say;
use crate::run::feed_source::{FeedSource, PENDING_REQUESTS};
use crate::run::stop::stop_requested;

/// Records until it is stopped.
pub fn run(options: &RecordOptions, configuration: &Configuration) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let source = runtime.block_on(FeedSource::open(&options.venue, &options.generator, configuration))?;
    let (sender, requests) = mpsc::channel(PENDING_REQUESTS);
    let mut recorder = Recorder::create(&options.folder, sender)?;
    let config = FeedConfig::new(source.endpoints.clone(), source.product, source.symbols.clone());
    say!("recording {} pairs into {}; Ctrl-C ends it", source.symbols.len(), options.folder.display());
    let report =
        runtime.block_on(live::run(config, &mut recorder, requests, stop_requested(options.duration)))?;
    let written = recorder.written();
    recorder.finish().context("the recording could not be ended")?;
    if written == 0 {
        bail!("no message came from {}", source.endpoints.websocket);
    }
    println!("{written} messages recorded, {} disconnects", report.disconnects);
    Ok(ExitCode::SUCCESS)
}
