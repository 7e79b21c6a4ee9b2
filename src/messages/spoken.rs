//! What a command says to who has called it, beside its output: addresses, progress, what went wrong. Plain lines for people;
//! where messages are JSON, objects of the same form as theirs, so that a program can read every line.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::panic::PanicHookInfo;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use depthlake_orderbook::time::Timestamp;
use depthlake_query::output::utc;
use serde_json::json;

use super::LogFormat;

static FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// With what a line begins that tells people of something that went wrong.
const NAME: &str = "depthlake: ";

/// Says something in a line.
macro_rules! say {
    ($($what:tt)*) => { $crate::messages::spoken::tell(&format_args!($($what)*)) };
}

/// Says in a line what went wrong.
macro_rules! complain {
    ($($what:tt)*) => { $crate::messages::spoken::tell_error(&format_args!($($what)*)) };
}

pub(crate) use {complain, say};

/// How lines are written from now on, those of a panic too; the first word holds.
pub fn speak(format: LogFormat) {
    if FORMAT.set(format).is_ok() && format == LogFormat::Json {
        std::panic::set_hook(Box::new(panicked));
    }
}

/// Whether a line may be written that moves: only a terminal can show one, and no program reads it.
pub fn may_move() -> bool {
    !is_json() && std::io::stderr().is_terminal()
}

pub fn tell(what: &dyn Display) {
    if is_json() { write(&object("INFO", what)) } else { write(what) }
}

pub fn tell_error(what: &dyn Display) {
    if is_json() { write(&object("ERROR", what)) } else { write(&format_args!("{NAME}{what}")) }
}

fn panicked(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(|place| format!(" at {}:{}", place.file(), place.line()));
    let what = panic.payload_as_str().unwrap_or("for no reason that can be told");
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("a thread");
    tell_error(&format_args!("{name} panicked{}: {what}", place.unwrap_or_default()));
}

fn is_json() -> bool {
    FORMAT.get() == Some(&LogFormat::Json)
}

fn object(level: &str, what: &dyn Display) -> String {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = Timestamp(i64::try_from(since_1970.as_nanos()).unwrap_or(i64::MAX));
    let message = what.to_string();
    json!({ "timestamp": utc(now), "level": level, "message": message.trim_end(), "target": "depthlake" })
        .to_string()
}

/// Whoever does not listen is not told.
fn write(line: &dyn Display) {
    _ = writeln!(std::io::stderr().lock(), "{line}");
}
