//! What a load did: a line now and then, and the figures at the end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use depthlake_lake::log::Log;
use depthlake_lake::table::Table;

use crate::freshness::Freshness;
use crate::process::{cpu_time, memory_now, peak_memory};
use crate::way::Way;

const LINE_INTERVAL: Duration = Duration::from_secs(10);
const NOTE_INTERVAL: Duration = Duration::from_millis(20);
/// What an instrument's entry adds: it is in both raw tables.
const RAW_TABLES: [Table; 2] = [Table::RawOrderbookDiffs, Table::RawTrades];

pub struct Report {
    log: Arc<dyn Log>,
    freshness: Arc<Mutex<Freshness>>,
    begun: Instant,
    cpu_before: Duration,
    frames: u64,
    json_bytes: u64,
    last_line: (Instant, u64),
    last_note: Instant,
    feeding: Duration,
}

impl Report {
    pub fn begin(way: &Way) -> Self {
        let now = Instant::now();
        Self {
            log: Arc::clone(&way.log),
            freshness: Arc::clone(&way.freshness),
            begun: now,
            cpu_before: cpu_time(),
            frames: 0,
            json_bytes: 0,
            last_line: (now, 0),
            last_note: now,
            feeding: Duration::ZERO,
        }
    }

    pub fn frame(&mut self, bytes: usize) {
        self.frames += 1;
        self.json_bytes += bytes as u64;
    }

    /// To be called often: prints and takes note when it is time.
    pub fn look(&mut self) {
        let now = Instant::now();
        if now.duration_since(self.last_note) >= NOTE_INTERVAL {
            self.last_note = now;
            if let Err(error) = self.freshness().note(&*self.log) {
                tracing::warn!(%error, "the log does not tell where it ends");
            }
        }
        let (last, frames) = self.last_line;
        let since = now.duration_since(last);
        if since >= LINE_INTERVAL {
            let Freshness { commits, log_bytes, .. } = *self.freshness();
            println!(
                "{:5.0} s  {:9.0} frames/s  {commits} commits of {} MB  {} MiB",
                self.begun.elapsed().as_secs_f64(),
                rate(self.frames - frames, since),
                log_bytes / 1_000_000,
                memory_now(),
            );
            self.last_line = (now, self.frames);
        }
    }

    /// Says that the last frame was fed.
    pub fn fed(&mut self) {
        self.feeding = self.begun.elapsed();
    }

    /// Prints the figures.
    pub async fn tell(&self, way: &Way) -> Result<()> {
        let (whole, cpu) = (self.begun.elapsed(), cpu_time().saturating_sub(self.cpu_before));
        println!(
            "{} frames, {} MB of JSON: fed in {:.1} s, in the tables after {:.1} s = {:.0} frames/s",
            self.frames,
            self.json_bytes / 1_000_000,
            self.feeding.as_secs_f64(),
            whole.as_secs_f64(),
            rate(self.frames, whole),
        );
        println!(
            "CPU {:.1} s = {:.2} µs a frame, {:.2} cores; memory at most {} MiB",
            cpu.as_secs_f64(),
            per(cpu.as_secs_f64() * 1e6, self.frames),
            cpu.as_secs_f64() / whole.as_secs_f64(),
            peak_memory(),
        );
        {
            let freshness = self.freshness();
            println!(
                "{} commits; a record was in its table after p50 {} ms, p99 {} ms, at most {} ms",
                freshness.commits,
                freshness.percentile(50.0),
                freshness.percentile(99.0),
                freshness.percentile(100.0),
            );
        }
        self.tell_tables(way).await
    }

    async fn tell_tables(&self, way: &Way) -> Result<()> {
        let (mut stored, mut raw_rows) = (0, 0);
        for status in way.lake.tables().await?.iter().filter(|status| status.rows > 0) {
            println!(
                "{:24} {:10} rows {:6} files {:8.1} MB = {:5.2} % of the JSON, {:6.1} bytes a row",
                status.table.to_string(),
                status.rows,
                status.files,
                megabytes(status.bytes),
                100.0 * per(status.bytes.to_f64(), self.json_bytes),
                per(status.bytes.to_f64(), status.rows),
            );
            stored += status.bytes;
            raw_rows += if RAW_TABLES.contains(&status.table) { status.rows } else { 0 };
        }
        println!(
            "all tables: {:.1} MB = {:.2} % of the JSON",
            megabytes(stored),
            100.0 * per(stored.to_f64(), self.json_bytes)
        );
        if raw_rows < self.frames {
            bail!("{} frames were dropped", self.frames - raw_rows);
        }
        println!("nothing was dropped");
        Ok(())
    }

    fn freshness(&self) -> MutexGuard<'_, Freshness> {
        self.freshness.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts as doubles; figures need not be exact.
trait ToF64 {
    fn to_f64(self) -> f64;
}

impl ToF64 for u64 {
    #[expect(clippy::cast_precision_loss, reason = "figures need not be exact")]
    fn to_f64(self) -> f64 {
        self as f64
    }
}

fn rate(count: u64, time: Duration) -> f64 {
    count.to_f64() / time.as_secs_f64().max(1e-9)
}

fn per(total: f64, count: u64) -> f64 {
    total / count.max(1).to_f64()
}

fn megabytes(bytes: u64) -> f64 {
    bytes.to_f64() / 1e6
}
