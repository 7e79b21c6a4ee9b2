//! Many WebSocket clients on all tickers: how long a change takes from the board to a client.
//!
//!     cargo run --release -p depthlake-bench --bin stream_load -- [ADDRESS [CLIENTS [SECONDS]]]
//!
//! Each message tells when its live books were written. A sample of the clients compares that with their own clock, which is
//! the same; the others count messages. Server, engine and this share the machine.

mod client;
mod time;

use std::time::Duration;

use anyhow::{Context, Result, bail};
use client::{Counted, Latencies, follow};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Of so many clients one takes the time.
const SAMPLED: usize = 20;

/// Clients that connect at the same time.
const CONNECTING: usize = 50;

#[tokio::main]
async fn main() -> Result<()> {
    let mut given = std::env::args().skip(1);
    let address = given.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let clients = number(given.next(), 1_000).context("CLIENTS")?;
    let seconds = number(given.next(), 60).context("SECONDS")?;
    let (tell, told) = watch::channel(false);
    let mut running = JoinSet::new();
    for number in 0..clients {
        let is_sampled = number % SAMPLED == 0;
        running.spawn(follow(address.clone(), is_sampled, told.clone()));
        if number % CONNECTING == CONNECTING - 1 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    tokio::time::sleep(Duration::from_secs(seconds as u64)).await;
    tell.send_replace(true);
    let (mut counted, mut latencies) = (Counted::default(), Latencies::new()?);
    while let Some(ended) = running.join_next().await {
        let (count, measured) = ended??;
        counted.add(&count);
        if let Some(measured) = measured {
            latencies.add(&measured)?;
        }
    }
    println!(
        "{clients} clients, {seconds} s: {} messages ({:.0} a second), {:.1} MB a second, {} missed, {} ended early",
        counted.messages,
        counted.messages as f64 / seconds as f64,
        counted.bytes as f64 / 1e6 / seconds as f64,
        counted.missed,
        counted.ended_early
    );
    println!("board to client: {latencies}");
    if counted.missed > 0 || counted.ended_early > 0 {
        bail!("not every client was told everything");
    }
    Ok(())
}

fn number(text: Option<String>, default: usize) -> Result<usize> {
    Ok(text.map(|text| text.parse()).transpose()?.unwrap_or(default))
}
