//! Latency from a venue's socket to the board, over loopback: `cargo run --release -p depthlake-bench --bin loopback`.
//!
//! A child process is the venue: it sends recorded depth frames of fifty symbols over one WebSocket at a constant rate,
//! each at its intended time, whatever became of the ones before. This process is the way that `depthlake run` takes,
//! without the log: `ingest::live`, a ring, a shard, the board. Both read the same clock; a frame's event time (`E`) is
//! the intended time of sending, so a frame that had to wait for others is charged with its wait.

mod arguments;
mod client;
mod schedule;
mod venue;

use std::process::ExitCode;

use arguments::Arguments;

fn main() -> ExitCode {
    let mut given = std::env::args().skip(1).peekable();
    let is_venue = given.next_if(|first| first == "venue").is_some();
    let ended = Arguments::parse(given)
        .and_then(|arguments| if is_venue { venue::serve(&arguments) } else { client::measure(&arguments) });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
