//! A log that ends before the tables: it was lost, emptied, or is an old copy. What would be appended to it now would take
//! the offsets of records that are in the tables, and never come there.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result, bail};
use depthlake_engine::clock;
use depthlake_engine::pipeline::{Checkpoint, Pipeline};
use depthlake_lake::log::{EmbeddedLog, Log, Offset, Options, Partition, Record, Topic, TopicPartition};

use super::deployment::Layout;
use super::open_log::OpenLog;
use crate::data_folder::DataFolder;

/// How far the tables are in the log.
pub type Committed = [(TopicPartition, Offset)];

/// The log, where the tables are not beyond it; else a new one, if that is wanted. Nothing may be appended before.
pub fn checked(
    opened: OpenLog,
    folder: &DataFolder,
    layout: &Layout,
    committed: &Committed,
) -> Result<OpenLog> {
    let Some(lost) = lost(&*opened.log(), committed)? else { return Ok(opened) };
    match opened {
        OpenLog::Kafka(_) => bail!(
            "{lost}. Give the broker its topics back, or let what comes go into another lake (--data, or --catalog and \
             --warehouse); this one stays readable"
        ),
        OpenLog::Embedded(_) if !layout.new_log => bail!(
            "{lost}. Put the log back into {}, or begin a new one where the tables end: `depthlake run --new-log`. \
             What was in the log alone is lost then",
            folder.log().display()
        ),
        OpenLog::Embedded(log) => drop(log),
    }
    tracing::warn!("{lost}. A new one begins where the tables end");
    begin(folder, &Options::new(layout.partitions), committed).context("no new log can be begun")?;
    OpenLog::open(folder, layout)
}

/// What is lost, where the tables are beyond the log.
fn lost(log: &dyn Log, committed: &Committed) -> Result<Option<String>> {
    // What a broker has lost may wait for it, to be sent again.
    log.sync()?;
    for (at, next) in committed {
        let end = log.durable_end(*at)?;
        if *next > end {
            return Ok(Some(format!(
                "the tables have {at} up to offset {next}, but the log ends at {end}: it was lost or emptied, or is an old copy"
            )));
        }
    }
    Ok(None)
}

/// Puts a log without records in the place of the one there is, whose files are kept beside it. Made elsewhere, so that it
/// is there as a whole or not at all.
fn begin(folder: &DataFolder, options: &Options, committed: &Committed) -> Result<()> {
    let (place, made) = (folder.log(), folder.path().join("log.new"));
    if made.exists() {
        fs::remove_dir_all(&made)?;
    }
    let log = EmbeddedLog::open_going_on_at(&made, options, committed)?;
    for number in 0..options.partitions.get() {
        append_checkpoint(&log, Partition(number))?;
    }
    log.sync()?;
    drop(log);
    fs::rename(&place, folder.path().join(format!("log.lost-{}", clock::now().0 / 1_000_000_000)))?;
    fs::rename(&made, &place)?;
    sync_folder(folder.path())
}

/// Says that a partition, of which nothing is known, goes on where the log begins.
fn append_checkpoint(log: &EmbeddedLog, partition: Partition) -> Result<()> {
    let start = |topic| log.start(TopicPartition::new(topic, partition));
    let trades = Pipeline::new(partition.0).trade_checkpoint(start(Topic::RawTrade)?.0);
    let checkpoint =
        Checkpoint { orderbook_offset: start(Topic::RawOrderbook)?.0, books: Vec::new(), trades };
    let record = Record { value: checkpoint.encode()?.into(), ..Record::default() };
    log.append(TopicPartition::new(Topic::Checkpoint, partition), &record)?;
    Ok(())
}

fn sync_folder(folder: &Path) -> Result<()> {
    Ok(File::open(folder)?.sync_all()?)
}
