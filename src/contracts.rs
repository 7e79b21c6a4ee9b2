//! The schema registry of a run, where there is one.

use anyhow::{Context, Result};
use depthlake_lake::record::Contracts;
use depthlake_lake::registry::Registry;

/// Opens the contracts of records: by the ids of the registry at `url`, or by our own. Blocks while the registry is asked.
pub fn open(url: Option<&str>) -> Result<Contracts> {
    let Some(url) = url else { return Ok(Contracts::own()) };
    Contracts::registered(Registry::at(url)?).context("the schemas of the records cannot be agreed upon")
}

/// Opens the contracts for reading records alone: nothing is registered. Blocks while the registry is asked.
pub fn reading(url: Option<&str>) -> Result<Contracts> {
    let Some(url) = url else { return Ok(Contracts::own()) };
    Contracts::reading(Registry::at(url)?).context("the schemas of the records cannot be looked up")
}
