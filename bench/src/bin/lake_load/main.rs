//! The whole way of recorded frames into the lake, as `depthlake replay --speed max --repeat …` goes: router, log, shards,
//! landing, sink, Iceberg tables on a local disk. Tells frames a second, freshness of commits, memory, CPU, and what the
//! tables take beside the JSON they came from.
//!
//! Router, landing, retention and the lead of the reader are the very files of the program.

mod arguments;
mod freshness;
mod process;
mod report;
mod way;

#[path = "../../../../src/run/landing.rs"]
#[expect(dead_code, reason = "a load is never taken up again")]
mod landing;
#[path = "../../../../src/run/lead.rs"]
mod lead;
#[path = "../../../../src/run/retention.rs"]
mod retention;
#[path = "../../../../src/run/router.rs"]
#[expect(dead_code, reason = "a load has no session to mark")]
mod router;

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Parser;
use depthlake_ingest::recording::Recording;
use depthlake_orderbook::frame::{Envelope, FrameKind};

use arguments::Arguments;
use report::Report;
use router::Router;
use way::Way;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many frames go between two looks at the clock.
const FRAMES_PER_LOOK: u64 = 256;

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_writer(std::io::stderr).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let folder = arguments.folder()?;
    let recording = Recording::open(&arguments.recording)?;
    let (way, router) = runtime.block_on(Way::start(folder.path(), &recording, &arguments))?;
    let mut report = Report::begin(&way);
    feed(&recording, &way, router, &arguments, &mut report)?;
    report.fed();
    let spilled = runtime.block_on(way.finish())?;
    println!("{spilled} records had to wait in memory for the log");
    runtime.block_on(report.tell(&way))
}

/// Plays the recording again and again until the time is over.
fn feed(
    recording: &Recording,
    way: &Way,
    mut router: Router,
    arguments: &Arguments,
    report: &mut Report,
) -> Result<()> {
    let instruments = recording.instruments()?;
    let endless = recording.clone().repeated(NonZeroU32::MAX);
    let pace = Pace::new(arguments.rate);
    let end = Instant::now() + Duration::from_secs(arguments.seconds);
    for (number, frame) in (0_u64..).zip(endless.frames()?) {
        let frame = frame?;
        if number == 0 {
            for found in &instruments {
                let (symbol, received) = (Some(found.instrument.symbol), frame.envelope.received);
                let envelope = Envelope::own(FrameKind::Instrument, symbol, received);
                router.message(&envelope, &found.entry.clone().into())?;
            }
        }
        router.message(&frame.envelope, &frame.payload)?;
        report.frame(frame.payload.len());
        way.lead.wait(number);
        if number.is_multiple_of(FRAMES_PER_LOOK) {
            pace.wait(number);
            report.look();
            if Instant::now() >= end {
                break;
            }
        }
    }
    Ok(())
}

/// Keeps frames from going faster than so many a second.
struct Pace {
    begun: Instant,
    rate: Option<u32>,
}

impl Pace {
    fn new(rate: Option<u32>) -> Self {
        Self { begun: Instant::now(), rate }
    }

    #[expect(clippy::cast_precision_loss, reason = "a pace need not be exact")]
    fn wait(&self, number: u64) {
        if let Some(rate) = self.rate {
            let due = Duration::from_secs_f64(number as f64 / f64::from(rate));
            std::thread::sleep(due.saturating_sub(self.begun.elapsed()));
        }
    }
}
