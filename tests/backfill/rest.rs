//! Bars that the venue's REST API gives.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{LakeView, succeed};

/// A venue that answers for bars alone, and refuses its second request for their number.
struct BarVenue {
    address: String,
    requests: Arc<AtomicUsize>,
}

impl BarVenue {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let number = counted.fetch_add(1, Ordering::SeqCst);
                Self::answer(stream.unwrap(), number);
            }
        });
        Self { address, requests }
    }

    fn answer(mut stream: TcpStream, number: usize) {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
        let request = lines.next().unwrap();
        assert!(lines.any(|line| line.is_empty()));
        let of = |name: &str| {
            let (_, rest) = request.split_once(&format!("{name}=")).unwrap();
            rest.split(['&', ' ']).next().unwrap().to_owned()
        };
        let time = |name: &str| of(name).parse::<i64>().unwrap();
        assert!(request.starts_with("GET /api/v3/klines?symbol=") && of("interval") == "1m", "{request}");
        let minutes = (time("startTime")..=time("endTime")).step_by(60_000);
        let bar = |open: i64| {
            format!(r#"[{open},"1.5","2","1","1.25","10",{},"12.5",3,"4","5","0"]"#, open + 59_999)
        };
        let body = format!("[{}]", minutes.map(bar).collect::<Vec<_>>().join(","));
        let (status, body) = if number == 1 {
            ("429 Too Many Requests\r\nretry-after: 1", "{}".to_owned())
        } else {
            ("200 OK", body)
        };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nx-mbx-used-weight-1m: 5\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all((head + &body).as_bytes()).unwrap();
    }
}

#[test]
fn bars_by_rest_come_in_pages_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let venue = BarVenue::start();
    let address = format!("ws://127.0.0.1:1,{}", venue.address);
    let land = |to: &str| {
        let span = ["--from", "2024-08-08T10:00:00Z", "--to", to];
        let venue =
            ["backfill", "rest", "--venue", &address, "--symbols", "BTCUSDT,ETHUSDT", "--data", "data"];
        succeed(folder.path(), &[&venue[..], &span[..]].concat())
    };
    let told = land("2024-08-09T10:00:00Z");
    assert!(told.contains("bars: 2880 new, 0 corrected, 0 there before"), "{told}");
    let asked = venue.requests.load(Ordering::SeqCst);
    assert!(asked > 4, "{asked}");
    land("2024-08-09T10:00:00Z");
    assert_eq!(venue.requests.load(Ordering::SeqCst), asked, "what is landed is not asked for again");
    let told = land("2024-08-09T11:00:00Z");
    assert!(told.contains("bars: 120 new, 0 corrected"), "{told}");
    let view = LakeView::open(&folder.path().join("data"));
    assert_eq!(view.count("SELECT count(*) FROM normalized.ohlcv_1m"), 3_000);
    assert_eq!(
        view.count("SELECT count(DISTINCT open_time) FROM normalized.ohlcv_1m WHERE is_current"),
        1_500
    );
}
