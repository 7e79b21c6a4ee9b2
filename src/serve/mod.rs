//! `depthlake serve`: what a data folder or a shared lake has, for clients, without keeping books.

mod configuration;
mod doors;

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
use crate::maintain::Care;
use crate::run::observing::Observing;
use crate::run::stop::stop_requested;

#[derive(Debug, Args)]
pub struct ServeOptions {
    #[command(flatten)]
    lake: LakeOptions,
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
    serve(&place, options.listen, options.duration, configuration).await
}

/// Serves the lake of a place until the user, the system or the duration ends it.
///
/// # Errors
/// As [`run`].
pub async fn serve(
    place: &LakePlace,
    listen: Option<SocketAddr>,
    duration: Option<Duration>,
    configuration: &Configuration,
) -> Result<()> {
    let lake = place.existing().await?;
    // Nothing else is done here, so an address that is taken is a failure also where it is the default.
    let listen = listen.or(configuration.serve.listen).unwrap_or(doors::DEFAULT);
    let doors = Doors::open(Some(listen), &configuration.serve).await?;
    let board = DataFolder::at(&place.folder).board();
    let limits = configuration.serve.limits.limits()?;
    let database =
        Database::open(lake.clone(), DatabaseOptions { limits, tail: None, board: Some(board.clone()) })?;
    let care = Care::of(&configuration.lake)?;
    let targets = configuration.health.targets(&configuration.sla.targets())?;
    let observing = Observing::of_server(&place.folder, &lake, &care.maintenance, targets);
    let serving = doors.serve(
        Served { database: Some(database), market: live::Market::at(&board), events: None },
        &observing,
    )?;
    stop_requested(duration).await;
    serving.close().await;
    Ok(())
}
