//! `depthlake serve`: what a data folder or a shared lake has, for clients, without keeping books.

mod configuration;
mod doors;
mod following;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use depthlake_query::{Database, DatabaseOptions, live};

pub use configuration::ServeConfiguration;
pub use doors::{Doors, Served, Serving};

use crate::arguments::positive_seconds;
use crate::configuration::Configuration;
use crate::data_folder::DataFolder;
use crate::lake_options::{LakeOptions, LakePlace};
use crate::log_address::LogAddress;
use crate::run::deployment::Layout;
use crate::run::observing::Observing;
use crate::run::stop::stop_requested;

#[derive(Debug, Args)]
pub struct ServeOptions {
    #[command(flatten)]
    lake: LakeOptions,
    /// The broker whose messages wait for being committed, kafka://HOST:PORT[,HOST:PORT…]: their rows are shown as well. Those
    /// of an embedded log only the program that writes it can show [default: embedded].
    #[arg(long, env = "DEPTHLAKE_LOG_ADDRESS", value_name = "LOG")]
    log: Option<LogAddress>,
    /// The address of the HTTP server; port 0 takes any that is free [default: 127.0.0.1:8080].
    #[arg(long, env = "DEPTHLAKE_LISTEN", value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Ends after so many seconds [default: runs until Ctrl-C].
    #[arg(long, value_name = "SECONDS", value_parser = positive_seconds)]
    duration: Option<Duration>,
}

/// Serves until the user or the system asks for the end.
///
/// # Errors
/// Where there is no lake, or an address cannot be had.
pub async fn run(options: &ServeOptions, configuration: &Configuration) -> Result<()> {
    let place = options.lake.place(configuration)?;
    let log = options.log.clone().or_else(|| configuration.lake.log.clone()).unwrap_or_default();
    let layout = Layout { log, ..Layout::of(configuration)? };
    serve(&place, &layout, options.listen, options.duration, configuration).await
}

/// Serves the lake of a place until the user, the system or the duration ends it. `layout` says where the log is.
///
/// # Errors
/// As [`run`].
pub async fn serve(
    place: &LakePlace,
    layout: &Layout,
    listen: Option<SocketAddr>,
    duration: Option<Duration>,
    configuration: &Configuration,
) -> Result<()> {
    let lake = place.existing().await?;
    // Nothing else is done here, so an address that is taken is a failure also where it is the default.
    let listen = listen.or(configuration.serve.listen).unwrap_or(doors::DEFAULT);
    let doors = Doors::open(Some(listen), &configuration.serve)?;
    let board = DataFolder::at(&place.folder).board();
    let limits = configuration.serve.limits.limits()?;
    let tail = following::tail(place, layout, &lake).await?;
    let database =
        Database::open(lake.clone(), DatabaseOptions { limits, tail, board: Some(board.clone()) })?;
    let observing =
        Observing::of_server(&place.folder, &lake, &layout.care.maintenance, layout.health.clone());
    let serving = doors.serve(
        Served { database: Some(database), market: live::Market::at(&board), events: None },
        &observing,
    )?;
    stop_requested(duration).await;
    serving.close().await;
    Ok(())
}
