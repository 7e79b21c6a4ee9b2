//! Our side: the live client, a ring, a shard and the board, as `depthlake run` has them; records are thrown away.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use core_affinity::CoreId;
use depthlake_engine::board::{BoardState, Reader};
use depthlake_engine::clock;
use depthlake_engine::events::EventWriter;
use depthlake_engine::latency::{Latencies, Stage};
use depthlake_engine::live_books::{LiveBooks, Outlet, depth_path};
use depthlake_engine::pipeline::Need;
use depthlake_engine::recovery::Restored;
use depthlake_engine::shard::{
    self, Inbound, NotSent, Outbound, ShardConfig, ShardMetrics, ShardSender, Worker, WorkerConfig,
};
use depthlake_ingest::live::{self, Endpoints, FeedConfig, FrameSink, Request, SinkError, SnapshotPriority};
use depthlake_ingest::product::Product;
use depthlake_orderbook::frame::{Envelope, RawStream};
use depthlake_orderbook::symbol::Symbol;
use rtrb::Consumer;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};
use tracing_subscriber::filter::LevelFilter;

use crate::arguments::{Arguments, pin};
use crate::schedule::{Schedule, WARM_UP_SECONDS};

/// How often what the shard hands to the log is thrown away.
const DRAIN_INTERVAL: Duration = Duration::from_millis(5);
/// What is on its way when the venue has sent everything.
const SETTLING: Duration = Duration::from_millis(500);

/// Runs a venue and measures it.
pub fn measure(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_max_level(LevelFilter::WARN).init();
    let listed = Schedule::new(&arguments.recording, arguments.symbols)?.listed;
    let symbols = listed.iter().map(|listed| Symbol::new(&listed.name)).collect::<Result<Vec<_>, _>>()?;
    let mut venue = start_venue()?;
    let mut told = BufReader::new(venue.stdout.take().ok_or("the venue has no output")?).lines();
    let endpoints = endpoints(&told.next().ok_or("the venue did not start")??)?;

    let path = std::env::temp_dir().join(format!("loopback-{}.board", std::process::id()));
    let (live_books, outlets, mut events) = LiveBooks::create(&path, &symbols, 1, clock::now())?;
    let (requests, to_serve) = mpsc::channel(1_024);
    let (way, outbound, probe) = start_shard(arguments, outlets, events.remove(0), requests)?;
    let draining = thread::spawn(move || drain(outbound));
    let warm = warm_probe(probe.clone());
    let (ended, stop) = oneshot::channel::<()>();
    let telling = thread::spawn(move || tell_until_the_end(told, ended));

    pin("the client", arguments.client_core);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let config = FeedConfig::new(endpoints, Product::Spot, symbols);
    let sink = Forward { way, next: [0; 2] };
    let report = runtime.block_on(live::run(config, sink, to_serve, until(stop, arguments.busy)))?;

    venue.kill()?;
    venue.wait()?;
    let ended = "a thread of the measurement has panicked";
    telling.join().map_err(|_| ended)?;
    draining.join().map_err(|_| ended)?;
    let warm = warm.join().map_err(|_| ended)?;
    let books = books_shown(&path)?;
    drop(live_books);
    std::fs::remove_file(depth_path(&path))?;
    std::fs::remove_file(&path)?;
    println!("client: {books}, {report:?}");
    print(&probe.latencies().since(&warm));
    Ok(())
}

/// From the venue's first line.
fn endpoints(ports: &str) -> Result<Endpoints, Box<dyn Error>> {
    let mut ports = ports.split(' ').skip(1);
    let (Some(streams), Some(rest)) = (ports.next(), ports.next()) else {
        return Err("the venue named no ports".into());
    };
    Ok(Endpoints {
        websocket: format!("ws://127.0.0.1:{streams}"),
        trades_websocket: None,
        rest: format!("http://127.0.0.1:{rest}"),
    })
}

fn start_shard(
    arguments: &Arguments,
    outlets: Vec<Outlet>,
    events: EventWriter,
    requests: mpsc::Sender<Request>,
) -> Result<(Way, Consumer<Outbound>, ShardMetrics), Box<dyn Error>> {
    let work = WorkerConfig {
        partitions: BTreeMap::from([(0, Restored::new(0))]),
        outlets,
        events,
        needs: Box::new(move |symbol, need| ask(&requests, symbol, need)),
    };
    if arguments.inline {
        let (worker, outbound, probe) = Worker::new(work);
        return Ok((Way::Inline(Box::new(worker)), outbound, probe));
    }
    let core = arguments.shard_core.map(|id| CoreId { id });
    let (sender, handle) = shard::spawn(ShardConfig { number: 0, core, idle: arguments.idle, work })?;
    let probe = handle.metrics();
    Ok((Way::Thread(sender), handle.outbound, probe))
}

/// Throws away what the shard hands to the log, until it ends.
fn drain(mut outbound: Consumer<Outbound>) {
    while !outbound.is_abandoned() {
        while outbound.pop().is_ok() {}
        thread::sleep(DRAIN_INTERVAL);
    }
}

/// Prints what the venue says; drops `ended` when it has sent everything.
fn tell_until_the_end(told: impl Iterator<Item = io::Result<String>>, ended: oneshot::Sender<()>) {
    for line in told.map_while(Result::ok) {
        println!("venue: {line}");
        if line.starts_with("LATE") {
            break;
        }
    }
    thread::sleep(SETTLING);
    drop(ended);
}

fn start_venue() -> Result<Child, Box<dyn Error>> {
    let given = std::env::args().skip(1);
    let venue =
        Command::new(std::env::current_exe()?).arg("venue").args(given).stdout(Stdio::piped()).spawn()?;
    Ok(venue)
}

/// What was measured until the warm-up was over.
fn warm_probe(probe: ShardMetrics) -> thread::JoinHandle<Latencies> {
    thread::spawn(move || {
        while probe.latencies().count(Stage::Total) == 0 {
            thread::sleep(Duration::from_millis(10));
        }
        thread::sleep(Duration::from_secs(u64::from(WARM_UP_SECONDS)));
        probe.latencies()
    })
}

fn ask(requests: &mpsc::Sender<Request>, symbol: Symbol, need: Need) {
    let request = match need {
        Need::FirstSnapshot => Request::Snapshot { symbol, priority: SnapshotPriority::StartUp },
        Need::NewSnapshot => Request::Snapshot { symbol, priority: SnapshotPriority::Gap },
        Need::Instrument => Request::Instrument { symbol },
    };
    if requests.try_send(request).is_err() {
        eprintln!("{symbol}: {need:?} could not be asked for");
    }
}

/// Completes as `stop` does. Where it stays awake it keeps the runtime from sleeping until then.
async fn until(mut stop: oneshot::Receiver<()>, is_awake: bool) {
    if is_awake {
        while stop.try_recv() == Err(TryRecvError::Empty) {
            tokio::task::yield_now().await;
        }
    } else {
        stop.await.unwrap_or_default();
    }
}

/// What the board says of the books at the end.
fn books_shown(path: &Path) -> Result<String, Box<dyn Error>> {
    let reader = Reader::open(path)?;
    let rows = reader.slots().map(|slot| reader.read(slot)).collect::<Result<Vec<_>, _>>()?;
    let live = rows.iter().filter(|row| row.state == BoardState::Live).count();
    let events: u64 = rows.iter().map(|row| row.counters.events_applied).sum();
    let gaps: u64 = rows.iter().map(|row| row.counters.gaps).sum();
    Ok(format!("{live} of {} books live, {events} events applied, {gaps} gaps", rows.len()))
}

/// The shard's thread, or the shard itself.
enum Way {
    Thread(ShardSender),
    Inline(Box<Worker>),
}

/// To the one shard, with offsets as a log would give them.
struct Forward {
    way: Way,
    next: [u64; 2],
}

impl FrameSink for Forward {
    fn accept(&mut self, envelope: &Envelope, payload: Bytes) -> Result<(), SinkError> {
        for &stream in envelope.kind.streams() {
            let next = match stream {
                RawStream::Orderbook => &mut self.next[0],
                RawStream::Trade => &mut self.next[1],
            };
            let mut message = Inbound {
                stream,
                partition: 0,
                offset: *next,
                envelope: *envelope,
                payload: payload.clone(),
            };
            *next += 1;
            let sender = match &mut self.way {
                Way::Thread(sender) => sender,
                Way::Inline(worker) => {
                    worker.handle(&message);
                    worker.keep_up();
                    continue;
                }
            };
            loop {
                match sender.send(message) {
                    Ok(()) => break,
                    Err(NotSent::Full(full)) => message = *full,
                    Err(NotSent::Ended) => return Err(SinkError("the shard has ended".into())),
                }
                thread::yield_now();
            }
        }
        Ok(())
    }
}

fn print(latencies: &Latencies) {
    println!("| µs | count | p50 | p90 | p99 | p99.9 | max |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for (stage, name) in [
        (Stage::Venue, "event time to receipt"),
        (Stage::Queue, "receipt to shard"),
        (Stage::Process, "shard"),
        (Stage::Whole, "event time to board"),
    ] {
        print!("| {name} | {} |", latencies.count(stage));
        for percent in [50.0, 90.0, 99.0, 99.9, 100.0] {
            let nanoseconds = latencies.percentile(stage, percent);
            print!(" {}.{} |", nanoseconds / 1_000, nanoseconds % 1_000 / 100);
        }
        println!();
    }
}
