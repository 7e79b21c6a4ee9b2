//! The rows that wait for being committed, for a program that does not write them.

use std::sync::Arc;

use anyhow::{Context, Result};
use depthlake_lake::commit::Lake;
use depthlake_lake::log::Log;
use depthlake_lake::tail::{Tail, TailOptions};

use crate::contracts;
use crate::data_folder::DataFolder;
use crate::lake_options::LakePlace;
use crate::log_address::LogAddress;
use crate::messages::say;
use crate::run::deployment::Layout;
use crate::run::open_log::OpenLog;

/// What a broker has and the tables have not. None of an embedded log: what is durable there only its writer knows, and what is
/// not must not be shown, for it may never have been.
///
/// # Errors
/// Where the broker, the schema registry or the lake cannot be read.
pub async fn tail(place: &LakePlace, layout: &Layout, lake: &Lake) -> Result<Option<Tail>> {
    if layout.log == LogAddress::Embedded {
        say!(
            "rows are shown once they are committed; the program that keeps the books shows them at once, at its own address"
        );
        return Ok(None);
    }
    let (log, contracts) = tokio::task::block_in_place(|| -> Result<(Arc<dyn Log>, _)> {
        let contracts = contracts::open(layout.schema_registry.as_deref())?;
        Ok((OpenLog::follow(&DataFolder::at(&place.folder), layout)?.log(), contracts))
    })?;
    let options = TailOptions { contracts, ..TailOptions::default() };
    Ok(Some(Tail::follow(log, lake.clone(), options).await.context("the log cannot be followed")?))
}
