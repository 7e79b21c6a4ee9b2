//! What years of small commits do to a table that is cared for: `lake_years COMMITS FOLDER`.
//!
//! Commits 100 rows at a time as fast as they go, with rounds of care all the while, and measures as it goes: the time of a
//! commit, the time to plan a query in the same process and in one that has just opened the lake, the size of
//! `metadata.json`, and files and snapshots of the table. Writes `lake_years.csv` and `lake_years.svg` into the folder.

mod rows;

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use depthlake_lake::commit::{Lake, OffsetRange, TableChange};
use depthlake_lake::maintenance::Maintenance;
use depthlake_lake::table::Table;

const TABLE: Table = Table::RawTrades;
const ROWS: usize = 100;
/// Commits between two rounds of care, as many as there are in a minute of commits every ten seconds.
const COMMITS_OF_A_ROUND: usize = 6;
/// How many points are measured.
const POINTS: usize = 200;

struct Point {
    commits: usize,
    commit: Duration,
    planning: Duration,
    cold_planning: Duration,
    metadata_bytes: u64,
    files: usize,
    snapshots: usize,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(commits), Some(output)) = (arguments.next(), arguments.next()) else {
        return Err("usage: lake_years COMMITS FOLDER".into());
    };
    let commits: usize = commits.parse()?;
    let output = Path::new(&output);
    std::fs::create_dir_all(output)?;
    let points = measure(commits, &output.join("lake")).await?;
    std::fs::write(output.join("lake_years.csv"), csv(&points))?;
    std::fs::write(output.join("lake_years.svg"), svg(&points))?;
    if let Some(last) = points.last() {
        println!(
            "after {} commits: commit {:.1} ms, planning {:.1} ms ({:.1} ms cold), metadata {} bytes, {} files, {} snapshots",
            last.commits,
            milliseconds(last.commit),
            milliseconds(last.planning),
            milliseconds(last.cold_planning),
            last.metadata_bytes,
            last.files,
            last.snapshots
        );
    }
    Ok(())
}

async fn measure(commits: usize, folder: &Path) -> Result<Vec<Point>, Box<dyn Error>> {
    let (catalog, warehouse) = (folder.join("catalog.db"), folder.join("warehouse"));
    let lake = Lake::open(&catalog, &warehouse).await?;
    let care = Maintenance::default();
    let step = (commits / POINTS).max(1);
    let (mut points, mut spent) = (Vec::new(), Vec::with_capacity(step));
    for commit in 0..commits {
        let change = change(commit)?;
        let begun = Instant::now();
        lake.change(vec![change]).await?;
        spent.push(begun.elapsed());
        if (commit + 1).is_multiple_of(COMMITS_OF_A_ROUND) {
            care.care(&lake, TABLE).await?;
        }
        if (commit + 1).is_multiple_of(step) {
            spent.sort_unstable();
            let median = spent.get(spent.len() / 2).copied().unwrap_or_default();
            spent.clear();
            points.push(point(&lake, &catalog, &warehouse, commit + 1, median).await?);
        }
    }
    Ok(points)
}

async fn point(
    lake: &Lake,
    catalog: &Path,
    warehouse: &Path,
    commits: usize,
    commit: Duration,
) -> Result<Point, Box<dyn Error>> {
    let begun = Instant::now();
    let contents = lake.data_files(TABLE).await?;
    let planning = begun.elapsed();
    let other = Lake::open(catalog, warehouse).await?;
    let begun = Instant::now();
    other.data_files(TABLE).await?;
    let cold_planning = begun.elapsed();
    Ok(Point {
        commits,
        commit,
        planning,
        cold_planning,
        metadata_bytes: newest_metadata(&warehouse.join("raw/trades/metadata"))?,
        files: contents.files.len(),
        snapshots: lake.snapshots(TABLE).await?.len(),
    })
}

/// The size of the last metadata file: their names begin with their number.
fn newest_metadata(folder: &Path) -> Result<u64, Box<dyn Error>> {
    let mut newest = (String::new(), 0);
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.contains("metadata.json") && name > newest.0 {
            newest = (name, entry.metadata()?.len());
        }
    }
    Ok(newest.1)
}

fn change(commit: usize) -> Result<TableChange, Box<dyn Error>> {
    let rows = rows::trades(commit * ROWS, ROWS)?;
    let (start, end) = ((commit * ROWS) as u64, ((commit + 1) * ROWS) as u64);
    let range = OffsetRange { topic: "market.raw.trade".to_owned(), partition: 0, start, end };
    Ok(TableChange::append(TABLE, vec![rows], vec![range]))
}

fn csv(points: &[Point]) -> String {
    let header = "commits,commit_ms,planning_ms,cold_planning_ms,metadata_bytes,files,snapshots\n".to_owned();
    points.iter().fold(header, |mut text, point| {
        let (commit, planning) = (milliseconds(point.commit), milliseconds(point.planning));
        let cold = milliseconds(point.cold_planning);
        let Point { commits, metadata_bytes, files, snapshots, .. } = point;
        _ = writeln!(
            text,
            "{commits},{commit:.3},{planning:.3},{cold:.3},{metadata_bytes},{files},{snapshots}"
        );
        text
    })
}

/// A panel for each figure, its greatest value at the top.
fn svg(points: &[Point]) -> String {
    type Figure = (&'static str, fn(&Point) -> f64);
    const FIGURES: [Figure; 6] = [
        ("commit, ms (median)", |point| milliseconds(point.commit)),
        ("planning, ms", |point| milliseconds(point.planning)),
        ("planning in a new process, ms", |point| milliseconds(point.cold_planning)),
        ("metadata.json, KiB", |point| whole(point.metadata_bytes) / 1_024.0),
        ("data files", |point| whole(point.files as u64)),
        ("snapshots", |point| whole(point.snapshots as u64)),
    ];
    const WIDTH: f64 = 640.0;
    const HEIGHT: f64 = 110.0;
    let last = points.last().map_or(1.0, |point| whole(point.commits as u64));
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" font-size=\"12\">\n",
        WIDTH + 20.0,
        whole(FIGURES.len() as u64) * (HEIGHT + 30.0)
    );
    let mut top = 0.0;
    for (name, value) in FIGURES {
        let most = points.iter().map(value).fold(1e-9, f64::max);
        let line = points.iter().fold(String::new(), |mut line, point| {
            let x = 10.0 + whole(point.commits as u64) / last * WIDTH;
            let y = top + 20.0 + HEIGHT * (1.0 - value(point) / most);
            _ = write!(line, "{x:.1},{y:.1} ");
            line
        });
        _ = writeln!(text, "<text x=\"10\" y=\"{:.0}\">{name}: at most {most:.1}</text>", top + 14.0);
        _ = writeln!(text, "<polyline fill=\"none\" stroke=\"#1769aa\" points=\"{}\"/>", line.trim_end());
        top += HEIGHT + 30.0;
    }
    text + "</svg>\n"
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

#[expect(clippy::cast_precision_loss, reason = "a plot needs no more")]
fn whole(number: u64) -> f64 {
    number as f64
}
