//! Timing the queries.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use depthlake_lake::commit::Lake;
use depthlake_lake::table::Table;
use depthlake_query::Session;

use crate::make::{BEGIN, DAY, MINUTE, open};

const QUERIES: &str = include_str!("queries.sql");

/// Asks each query and prints a row of a table for it.
pub async fn run(folder: &Path, repeat: u32) -> Result<()> {
    let lake = open(folder).await?;
    let session = Session::new(lake.clone())?;
    let places = places(&lake).await?;
    println!("| query | rows | first, ms | p50, ms | p95, ms |\n| --- | ---: | ---: | ---: | ---: |");
    for (title, text) in queries() {
        let text = places.iter().fold(text, |text, (name, time)| text.replace(name, time));
        let (first, rows) = ask(&session, &text).await.with_context(|| title.clone())?;
        let mut times = Vec::new();
        for _ in 0..repeat {
            times.push(ask(&session, &text).await?.0);
        }
        times.sort();
        let [first, p50, p95] = [first, percentile(&times, 50), percentile(&times, 95)].map(milliseconds);
        println!("| {title} | {rows} | {first:.2} | {p50:.2} | {p95:.2} |");
    }
    println!("\nof which, before DataFusion plans: {:.2} ms", milliseconds(lookup(&lake, repeat).await?));
    Ok(())
}

/// How long the catalog takes to tell the current snapshot and its files.
async fn lookup(lake: &Lake, repeat: u32) -> Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..repeat.max(1) {
        let begun = Instant::now();
        lake.current(Table::MartOhlcv).await?.files().await?;
        times.push(begun.elapsed());
    }
    times.sort();
    Ok(percentile(&times, 50))
}

async fn ask(session: &Session, text: &str) -> Result<(Duration, usize)> {
    let begun = Instant::now();
    let batches = session.sql(text).await?.collect().await?;
    Ok((begun.elapsed(), batches.iter().map(arrow_array::RecordBatch::num_rows).sum()))
}

/// The titles and texts of the queries.
fn queries() -> impl Iterator<Item = (String, String)> {
    QUERIES.split("-- ").filter_map(|part| {
        let (title, text) = part.split_once('\n')?;
        Some((title.to_owned(), text.trim().trim_end_matches(';').to_owned()))
    })
}

/// What stands for the times in the queries.
async fn places(lake: &Lake) -> Result<[(&'static str, String); 5]> {
    let files = lake.current(Table::BookTicker).await?.files().await?;
    let last = files.iter().filter_map(|file| Some(file.times?.greatest)).max().unwrap_or(BEGIN);
    let end = last - last.rem_euclid(DAY) + DAY;
    let (day, minute) = (end - DAY, end - DAY + 754 * MINUTE);
    Ok([
        ("{last_hour}", text(end - 60 * MINUTE)),
        ("{minute}", text(minute)),
        ("{minute_end}", text(minute + MINUTE)),
        ("{day}", text(day)),
        ("{day_end}", text(end)),
    ])
}

/// A time as SQL has it; the tables begin in August 2024 and end in it.
fn text(time: i64) -> String {
    let since = time - BEGIN;
    let (day, minute) = (8 + since.div_euclid(DAY), since.rem_euclid(DAY) / MINUTE);
    format!("2024-08-{day:02} {:02}:{:02}:00", minute / 60, minute % 60)
}

pub fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or_default()
}

pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
