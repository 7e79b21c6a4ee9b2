//! A program that is being watched, at a simulated venue of this process.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use depthlake_ingest::product::Product;
use depthlake_ingest::sim::{self, Venue, VenueConfig};
use tokio::runtime::Runtime;

use crate::support::{depthlake, kill, signal, stop};

/// How long anything may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_mins(8);

/// A venue, and the program that keeps its books.
pub struct Watched {
    pub runtime: Runtime,
    pub venue: Venue,
    pub folder: tempfile::TempDir,
    /// Where the program serves; the same after every start.
    pub port: u16,
    child: Option<Child>,
}

impl Watched {
    /// Starts both and waits until the program serves; `configuration` is its `depthlake.toml`.
    pub fn start(symbols: usize, configuration: &str) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), symbols, configuration)
    }

    /// As [`Watched::start`], in a folder whose `data` may be there already.
    pub fn start_in(folder: tempfile::TempDir, symbols: usize, configuration: &str) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let markets = sim::default_markets().into_iter().take(symbols).collect();
        let mut config = VenueConfig::generated(Product::Spot, markets, 5);
        // Many gaps take more weight than a venue grants.
        config.limits.request_weight = 1_000_000;
        let venue = runtime.block_on(sim::start(config)).unwrap();
        std::fs::write(folder.path().join("depthlake.toml"), configuration).unwrap();
        let port = free_port();
        let child = Some(launch(folder.path(), &venue, port));
        let watched = Self { runtime, venue, folder, port, child };
        watched.wait_until_served();
        watched
    }

    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Kills the program at once.
    pub fn kill(&mut self) {
        kill(self.child.as_mut().unwrap());
    }

    /// Asks the program to end, and asserts that it ends well.
    pub fn stop(&mut self) {
        stop(self.child.take().unwrap());
    }

    /// Sends the program's process a signal.
    pub fn signal(&self, name: &str) {
        signal(self.child.as_ref().unwrap(), name);
    }

    /// Of the program's process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Starts the program again, where it was.
    pub fn start_again(&mut self) {
        self.child = Some(launch(self.folder.path(), &self.venue, self.port));
        self.wait_until_served();
    }

    /// The body of an answer; `None` where there is none, or it is no success.
    pub fn get(&self, path: &str) -> Option<String> {
        get(&self.runtime, &format!("{}{path}", self.address()))
    }

    pub fn inject(&self, fault: &str) {
        self.venue.inject(fault.parse().unwrap()).unwrap();
    }

    fn wait_until_served(&self) {
        until("the program serves its figures", || self.get("/metrics").map(drop));
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A program that only serves what another keeps; it ends with this.
pub struct Beside {
    pub port: u16,
    child: Child,
}

impl Beside {
    pub fn start(watched: &Watched) -> Self {
        let port = free_port();
        let arguments = ["serve", "--data", "data", "--listen", &format!("127.0.0.1:{port}")];
        let mut command = depthlake(watched.folder.path(), &arguments);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let beside = Self { port, child };
        let url = format!("http://127.0.0.1:{port}/metrics");
        until("the program beside serves its figures", || get(&watched.runtime, &url));
        beside
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something is there.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

pub fn get(runtime: &Runtime, url: &str) -> Option<String> {
    runtime.block_on(async {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
        let answer = client.get(url).send().await.ok()?;
        if answer.status().is_success() { answer.text().await.ok() } else { None }
    })
}

/// A port that nobody listens at now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn launch(folder: &Path, venue: &Venue, port: u16) -> Child {
    let endpoints = format!("{},{}", venue.websocket_url(), venue.rest_url());
    let (symbols, listen) = (venue.symbols().join(","), format!("127.0.0.1:{port}"));
    let arguments =
        ["run", "--venue", &endpoints, "--symbols", &symbols, "--data", "data", "--listen", &listen];
    let mut command = depthlake(folder, &arguments);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let messages = BufReader::new(child.stderr.take().unwrap());
    // Read to the end, so that the program never waits for us; shown where the test fails.
    std::thread::spawn(move || {
        messages.lines().map_while(Result::ok).for_each(|line| eprintln!("program: {line}"));
    });
    child
}
