//! What a run is told.

use std::error::Error;

use core_affinity::CoreId;
use depthlake_engine::shard::Idle;

/// Settings of a run, with what the target of the issue asks for as defaults.
#[derive(Debug, Clone)]
pub struct Arguments {
    /// Messages a second.
    pub rate: u32,
    /// How long is measured, after the warm-up.
    pub seconds: u32,
    pub symbols: usize,
    pub idle: Idle,
    /// The shard runs in the client's thread.
    pub inline: bool,
    /// The client's thread never sleeps.
    pub busy: bool,
    pub stamp: Stamp,
    pub pace: Pace,
    pub venue_core: Option<usize>,
    pub client_core: Option<usize>,
    pub shard_core: Option<usize>,
    /// The folder of the recording that is played.
    pub recording: String,
}

/// What the event time of a frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// When it was to be sent.
    Intended,
    /// When it was given to the socket.
    Actual,
}

/// How the venue waits for the time to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    Spin,
    /// Sleeps until shortly before.
    Nap,
}

impl Arguments {
    pub fn parse(mut given: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut arguments = Self {
            rate: 10_000,
            seconds: 12,
            symbols: 50,
            idle: Idle::Park,
            inline: false,
            busy: false,
            stamp: Stamp::Intended,
            pace: Pace::Spin,
            venue_core: Some(1),
            client_core: Some(0),
            shard_core: Some(0),
            recording: "binance-spot-2024".to_owned(),
        };
        while let Some(name) = given.next() {
            let value = given.next().ok_or_else(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--rate" => arguments.rate = value.parse()?,
                "--seconds" => arguments.seconds = value.parse()?,
                "--symbols" => arguments.symbols = value.parse()?,
                "--idle" => arguments.idle = value.parse()?,
                "--inline" => arguments.inline = value.parse()?,
                "--busy" => arguments.busy = value.parse()?,
                "--stamp" => arguments.stamp = Stamp::named(&value)?,
                "--pace" => arguments.pace = Pace::named(&value)?,
                "--venue-core" => arguments.venue_core = core(&value)?,
                "--client-core" => arguments.client_core = core(&value)?,
                "--shard-core" => arguments.shard_core = core(&value)?,
                "--recording" => arguments.recording = value,
                _ => return Err(format!("unknown setting {name}").into()),
            }
        }
        Ok(arguments)
    }
}

impl Stamp {
    fn named(name: &str) -> Result<Self, String> {
        match name {
            "intended" => Ok(Self::Intended),
            "actual" => Ok(Self::Actual),
            _ => Err(format!("unknown stamp {name}: expected intended or actual")),
        }
    }
}

impl Pace {
    fn named(name: &str) -> Result<Self, String> {
        match name {
            "spin" => Ok(Self::Spin),
            "nap" => Ok(Self::Nap),
            _ => Err(format!("unknown pace {name}: expected spin or nap")),
        }
    }
}

fn core(text: &str) -> Result<Option<usize>, Box<dyn Error>> {
    Ok(if text == "any" { None } else { Some(text.parse()?) })
}

/// Pins this thread; where that is refused the figures are of an unpinned thread, and it is said.
pub fn pin(who: &str, core: Option<usize>) {
    if let Some(id) = core
        && !core_affinity::set_for_current(CoreId { id })
    {
        eprintln!("{who} could not be pinned to core {id}");
    }
}
