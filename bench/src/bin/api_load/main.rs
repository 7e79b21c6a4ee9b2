//! Book, ticker and bars of all pairs at a fixed rate, one request after the other at even distances, and whether the targets
//! are met: no failure, p95 of 1 ms and p99 of 3 ms at 10,000 a second.
//!
//!     cargo run --release -p depthlake-bench --bin api_load -- [ADDRESS [RATE [SECONDS]]]
//!
//! Each connection has a thread and a timetable of its own. An answer's time is taken twice: from the sending of its request,
//! and from when the request was due, which also counts the wait behind a slow answer on the same connection.

mod connection;

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use connection::Connection;
use hdrhistogram::Histogram;
use serde_json::Value;

const CONNECTIONS: u32 = 50;
const P95: Duration = Duration::from_millis(1);
const P99: Duration = Duration::from_millis(3);

fn main() -> Result<()> {
    let mut given = std::env::args().skip(1);
    let address = given.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let rate = number(given.next(), 10_000).context("RATE")?;
    let seconds = number(given.next(), 60).context("SECONDS")?;
    let paths = paths(&mut Connection::open(&address)?)?;
    let begin = Instant::now() + Duration::from_millis(100);
    let distance = Duration::from_secs(1) * CONNECTIONS / rate;
    let times = rate * seconds / CONNECTIONS;
    let load = |connection: u32| -> Result<Times> {
        let timetable = Timetable { begin: begin + distance * connection / CONNECTIONS, distance, times };
        // Neighbours in time ask for different things.
        run(Connection::open(&address)?, &paths, connection as usize * 7, &timetable)
    };
    let mut times = Times::new()?;
    thread::scope(|scope| -> Result<()> {
        let threads: Vec<_> =
            (0..CONNECTIONS).map(|connection| scope.spawn(move || load(connection))).collect();
        for thread in threads {
            times.add(&thread.join().ok().context("a connection's thread panicked")??)?;
        }
        Ok(())
    })?;
    println!("{} requests in {:.1} s, {} failed", times.count(), begin.elapsed().as_secs_f64(), times.failed);
    println!("from sending: {}\nfrom due:     {}", Shown(&times.from_sending), Shown(&times.from_due));
    let at = |quantile| Duration::from_nanos(times.from_sending.value_at_quantile(quantile));
    if times.failed > 0 || at(0.95) > P95 || at(0.99) > P99 {
        bail!("MISSED: no failure, p95 <= {P95:?}, p99 <= {P99:?} from sending");
    }
    Ok(())
}

/// When a connection sends.
struct Timetable {
    begin: Instant,
    distance: Duration,
    times: u32,
}

/// How long answers took, in nanoseconds.
struct Times {
    from_sending: Histogram<u64>,
    from_due: Histogram<u64>,
    failed: u64,
}

impl Times {
    fn new() -> Result<Self> {
        Ok(Self { from_sending: Histogram::new(3)?, from_due: Histogram::new(3)?, failed: 0 })
    }

    fn count(&self) -> u64 {
        self.from_sending.len() + self.failed
    }

    fn add(&mut self, other: &Self) -> Result<()> {
        self.from_sending.add(&other.from_sending)?;
        self.from_due.add(&other.from_due)?;
        self.failed += other.failed;
        Ok(())
    }
}

fn run(mut connection: Connection, paths: &[String], first: usize, timetable: &Timetable) -> Result<Times> {
    let mut times = Times::new()?;
    for (number, path) in (0..timetable.times).zip(paths.iter().cycle().skip(first)) {
        let due = timetable.begin + timetable.distance * number;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let sent = Instant::now();
        if connection.get(path)?.status != 200 {
            times.failed += 1;
            continue;
        }
        times.from_sending.record(nanoseconds(sent.elapsed()))?;
        times.from_due.record(nanoseconds(due.elapsed()))?;
    }
    Ok(times)
}

/// What is asked for: three things of each live pair.
fn paths(connection: &mut Connection) -> Result<Vec<String>> {
    let answer = connection.get("/api/v1/symbols")?;
    let symbols: Value = serde_json::from_slice(answer.body).context("the list of symbols")?;
    let symbols = symbols["symbols"].as_array().context("no list of symbols")?;
    let live = symbols.iter().filter(|symbol| symbol["state"] == "live");
    let names: Vec<_> = live.filter_map(|symbol| symbol["symbol"].as_str()).collect();
    if names.is_empty() {
        bail!("no live book is served there");
    }
    let of =
        |name| [format!("book/{name}?depth=20"), format!("ticker/{name}"), format!("bars/{name}?limit=60")];
    Ok(names.into_iter().flat_map(of).map(|path| format!("/api/v1/{path}")).collect())
}

struct Shown<'a>(&'a Histogram<u64>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |quantile| Duration::from_nanos(self.0.value_at_quantile(quantile)).as_secs_f64() * 1e3;
        write!(f, "p50 {:.2} ms, p95 {:.2} ms, p99 {:.2} ms, ", at(0.5), at(0.95), at(0.99))?;
        write!(f, "p99.9 {:.2} ms, max {:.2} ms", at(0.999), at(1.0))
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn number(text: Option<String>, default: u32) -> Result<u32> {
    let number = text.map(|text| text.parse()).transpose()?.unwrap_or(default);
    if number == 0 {
        bail!("expected a number above 0");
    }
    Ok(number)
}
