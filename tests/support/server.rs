//! A program that keeps two simulated books and serves them, for tests that ask it over the network.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::depthlake;

/// How long the program may take to listen on a busy machine.
const START: Duration = Duration::from_mins(2);

pub struct Serving {
    child: Option<Child>,
    pub folder: TempDir,
    /// Such as `http://127.0.0.1:40001`.
    pub url: String,
}

impl Serving {
    /// `depthlake run` with two pairs, and with these lines of configuration, as soon as its books are there: one that ends
    /// without has failed.
    pub fn start(configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("depthlake.toml"), configuration).unwrap();
        let arguments = ["run", "--symbols", "BTCUSDT,ETHUSDT", "--listen", "127.0.0.1:0", "--data", "data"];
        let (child, url) = listening(folder.path(), &arguments);
        let serving = Self { child: Some(child), folder, url };
        let deadline = Instant::now() + START;
        while !serving.is_ready() {
            assert!(Instant::now() < deadline, "the program's books are not there");
            sleep(Duration::from_millis(50));
        }
        serving
    }

    fn is_ready(&self) -> bool {
        let ask = || -> std::io::Result<String> {
            let mut connection = TcpStream::connect(self.address())?;
            connection.set_read_timeout(Some(START))?;
            connection.write_all(b"GET /readyz HTTP/1.1\r\nHost: depthlake\r\nConnection: close\r\n\r\n")?;
            let mut answer = String::new();
            connection.read_to_string(&mut answer)?;
            Ok(answer)
        };
        ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        self.url.split_once("://").unwrap().1
    }

    /// Asks the program to end, and asserts that it ends well.
    pub fn stop(mut self) {
        super::stop(self.child.take().unwrap());
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Starts the program and waits until it says where it listens.
pub fn listening(folder: &Path, arguments: &[&str]) -> (Child, String) {
    let mut child =
        depthlake(folder, arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let said = BufReader::new(child.stderr.take().unwrap());
    let (tell, told) = mpsc::channel();
    // Reads on to the end, so that the program never waits for somebody to read.
    std::thread::spawn(move || {
        for line in said.lines().map_while(Result::ok) {
            match line.strip_prefix("listening on ") {
                Some(url) if url.starts_with("http") => {
                    let _ = tell.send(url.to_owned());
                }
                _ => eprintln!("depthlake: {line}"),
            }
        }
    });
    match told.recv_timeout(START) {
        Ok(url) => (child, url),
        Err(error) => {
            let _ = child.kill();
            panic!("the program does not listen: {error}");
        }
    }
}
