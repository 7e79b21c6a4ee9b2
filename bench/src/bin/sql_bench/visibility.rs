//! How soon after its receipt a row is seen by SQL, while a sink commits.

use std::num::NonZeroU16;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use depthlake_lake::log::{EmbeddedLog, Log, Options, Partition, TopicPartition};
use depthlake_lake::record::{raw_record, topic_of_stream};
use depthlake_lake::sink::{Sink, SinkConfig};
use depthlake_lake::tail::{Tail, TailOptions};
use depthlake_orderbook::frame::{Envelope, FrameKind, RawStream};
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;
use depthlake_query::{Database, DatabaseOptions, Door, Session, SessionSettings};
use tokio::sync::watch;

use crate::make::open;
use crate::measure::{milliseconds, percentile};

/// A frame is received so often.
const INTERVAL: Duration = Duration::from_millis(10);

/// Appends frames as they would be received, asks for the newest all the time, and tells how old it was when it was seen.
pub async fn run(folder: &Path, frames: u32) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let lake = open(folder).await?;
    let log = Arc::new(EmbeddedLog::open(&folder.join("log"), &Options::new(NonZeroU16::MIN))?);
    let tail = Tail::follow(log.clone(), lake.clone(), TailOptions::default()).await?;
    let config = SinkConfig { commit_interval: Duration::from_secs(1), ..SinkConfig::default() };
    let (stop, stopped) = watch::channel(false);
    let sink = tokio::spawn(Sink::new(log.clone(), lake.clone(), config).run(stopped));
    let options = DatabaseOptions { tail: Some(tail), ..DatabaseOptions::default() };
    let principal = depthlake_query::access::Principal::reader("bench");
    let session = Database::open(lake, options)?.session(SessionSettings::new(principal, Door::Local));
    let at = TopicPartition::new(topic_of_stream(RawStream::Trade), Partition(0));
    let symbol = Symbol::new("BTCUSDT")?;
    let mut delays = Vec::new();
    for _ in 0..frames {
        let received = now();
        let envelope = Envelope::own(FrameKind::Trade, Some(symbol), received);
        log.append(at, &raw_record(&envelope, br#"{"e":"trade"}"#.as_slice().into()))?;
        while newest(&session).await? < received.0 {}
        delays.push(Duration::from_nanos((now() - received).unsigned_abs()));
        tokio::time::sleep(INTERVAL).await;
    }
    stop.send_replace(true);
    sink.await??;
    delays.sort();
    let [p50, p99, most] = [50, 99, 100].map(|percent| milliseconds(percentile(&delays, percent)));
    println!(
        "a row is seen by SQL after {p50:.1} ms (p50), {p99:.1} ms (p99), {most:.1} ms at most; {frames} rows"
    );
    Ok(())
}

async fn newest(session: &Session) -> Result<i64> {
    let batches =
        session.sql("SELECT coalesce(max(received_ns), 0) FROM raw.trades").await?.collect().await?;
    let newest = batches.first().and_then(|batch| batch.columns().first()).context("no row")?;
    Ok(newest.as_primitive::<Int64Type>().value(0))
}

fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_1970.as_nanos()).unwrap_or(i64::MAX))
}
