//! The venue's side: a REST interface that answers what the client asks at its start, and one WebSocket.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hdrhistogram::Histogram;
use serde_json::Value;
use tungstenite::{Message, WebSocket, accept};

use crate::arguments::{Arguments, Pace, Stamp, pin};
use crate::schedule::{Schedule, WARM_UP_SECONDS};

/// Streams of a symbol that the client subscribes.
const STREAMS_PER_SYMBOL: usize = 3;

/// A minute, in nanoseconds.
const LONGEST_DELAY: u64 = 60_000_000_000;
/// What sleeping is too coarse for is waited out awake, in nanoseconds.
const AWAKE: i64 = 50_000;

/// Serves one client and ends with it. Prints `PORTS WEBSOCKET REST` when it listens, and at the end how it kept its
/// schedule.
pub fn serve(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let schedule = Arc::new(Schedule::new(&arguments.recording, arguments.symbols)?);
    let (streams, rest) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
    println!("PORTS {} {}", streams.local_addr()?.port(), rest.local_addr()?.port());
    let answering = Arc::clone(&schedule);
    thread::spawn(move || answer_requests(&rest, &answering));
    let (stream, _) = streams.accept()?;
    stream.set_nodelay(true)?;
    let mut socket = accept(stream)?;
    confirm_subscriptions(&mut socket, schedule.listed.len() * STREAMS_PER_SYMBOL)?;
    pin("the venue", arguments.venue_core);
    send(&mut socket, &schedule, arguments)
}

fn send(
    socket: &mut WebSocket<TcpStream>,
    schedule: &Schedule,
    arguments: &Arguments,
) -> Result<(), Box<dyn Error>> {
    let mut late = Histogram::<u64>::new_with_bounds(1, LONGEST_DELAY, 3)?;
    let interval = 1_000_000_000 / i64::from(arguments.rate);
    let wanted = u64::from(arguments.rate) * u64::from(WARM_UP_SECONDS + arguments.seconds);
    let count = schedule.length().min(usize::try_from(wanted)?);
    let warm_up = usize::try_from(u64::from(arguments.rate) * u64::from(WARM_UP_SECONDS))?;
    let begin = now() + 100_000_000;
    let mut intended = begin;
    for number in 0..count {
        let frame = schedule.frame(number);
        let text = match arguments.stamp {
            Stamp::Intended => {
                let text = frame.at(intended);
                wait_until(intended, arguments.pace);
                text
            }
            Stamp::Actual => {
                wait_until(intended, arguments.pace);
                frame.at(now())
            }
        };
        if number >= warm_up {
            late.saturating_record(u64::try_from(now() - intended).unwrap_or_default());
        }
        socket.send(Message::text(text))?;
        intended += interval;
    }
    let taken = Duration::from_nanos((now() - begin).unsigned_abs());
    println!(
        "SENT {count} in {taken:.3?}, {:.0} a second",
        f64::from(u32::try_from(count)?) / taken.as_secs_f64()
    );
    let at = |percent| Duration::from_nanos(late.value_at_percentile(percent));
    println!("LATE p50 {:.1?} p99 {:.1?} p99.9 {:.1?} max {:.1?}", at(50.0), at(99.0), at(99.9), at(100.0));
    io::stdout().flush()?;
    // Until the client has read everything and goes.
    while socket.read().is_ok() {}
    Ok(())
}

fn wait_until(time: i64, pace: Pace) {
    loop {
        let left = time - now();
        if left <= 0 {
            return;
        }
        match pace {
            Pace::Nap if left > AWAKE => thread::sleep(Duration::from_nanos((left - AWAKE).unsigned_abs())),
            Pace::Spin | Pace::Nap => std::hint::spin_loop(),
        }
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

fn confirm_subscriptions(socket: &mut WebSocket<TcpStream>, streams: usize) -> Result<(), Box<dyn Error>> {
    let mut confirmed = 0;
    while confirmed < streams {
        let Message::Text(text) = socket.read()? else { continue };
        let request: Value = serde_json::from_str(&text)?;
        confirmed += request["params"].as_array().map_or(0, Vec::len);
        socket.send(Message::text(format!(r#"{{"result":null,"id":{}}}"#, request["id"])))?;
    }
    Ok(())
}

fn answer_requests(listener: &TcpListener, schedule: &Arc<Schedule>) {
    for connection in listener.incoming().flatten() {
        let schedule = Arc::clone(schedule);
        thread::spawn(move || answer_all(connection, &schedule));
    }
}

/// Answers the requests of one connection until it ends.
fn answer_all(connection: TcpStream, schedule: &Schedule) -> io::Result<()> {
    let mut requests = BufReader::new(connection.try_clone()?);
    let mut connection = connection;
    loop {
        let mut request = String::new();
        if requests.read_line(&mut request)? == 0 {
            return Ok(());
        }
        let mut header = String::new();
        while requests.read_line(&mut header)? > 2 {
            header.clear();
        }
        let body = answer(&request, schedule);
        let length = body.len();
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
        connection.write_all([head.as_bytes(), body.as_bytes()].concat().as_slice())?;
    }
}

fn answer(request: &str, schedule: &Schedule) -> String {
    let Schedule { markets, listed } = schedule;
    if request.contains("exchangeInfo") {
        let entries: Vec<_> =
            listed.iter().map(|listed| markets[listed.market].entry_of(&listed.name)).collect();
        let limit = r#"{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":6000}"#;
        return format!(r#"{{"rateLimits":[{limit}],"symbols":[{}]}}"#, entries.join(","));
    }
    if let Some(listed) = listed.iter().find(|listed| request.contains(&format!("={}&", listed.name))) {
        return markets[listed.market].snapshot.clone();
    }
    format!(r#"{{"serverTime":{}}}"#, now() / 1_000_000)
}
