//! SQL over tables of a real size: makes them, and times queries over them in this process.
//!
//! `sql_bench make FOLDER --rows N` lands N invented rows of `normalized.book_ticker` and the bars of the same days in
//! `marts.mart_ohlcv`, by the lake's own commits and compaction. `sql_bench run FOLDER` times the queries of `queries.sql`, which
//! `bench/sql/duckdb_reader.py` puts to `DuckDB`'s reader of the same Iceberg tables.

mod make;
mod measure;
mod rows;
mod visibility;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Makes the tables in a folder that is not there yet.
    Make {
        folder: PathBuf,
        /// Rows of `normalized.book_ticker`.
        #[arg(long, default_value_t = 5_000_000)]
        rows: u64,
        /// The days that they lie on, from 2024-08-08 on.
        #[arg(long, default_value_t = 4)]
        days: u32,
    },
    /// Times the queries.
    Run {
        folder: PathBuf,
        /// How often each is asked, after a first time that does not count.
        #[arg(long, default_value_t = 20)]
        repeat: u32,
    },
    /// Tells how soon after its receipt a row is seen, while a sink commits every second.
    Visibility {
        folder: PathBuf,
        #[arg(long, default_value_t = 1_000)]
        frames: u32,
    },
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match Arguments::parse().task {
            Task::Make { folder, rows, days } => make::make(&folder, rows, days).await,
            Task::Run { folder, repeat } => measure::run(&folder, repeat).await,
            Task::Visibility { folder, frames } => visibility::run(&folder, frames).await,
        }
    })
}
