//! The keeper: a reader in the engine's process that puts a new base down whenever the journal has moved on from the last.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

use super::book::DepthBook;
use super::error::DepthError;
use super::mapping::Mapping;
use super::region::{NewestBase, Region};
use super::whole::WholeBook;
use crate::clock;

/// How long the keeper rests when no journal has moved on far. At real rates a journal takes seconds to do so.
const REST: Duration = Duration::from_millis(1);

/// The only writer of the bases of a depth file; says that the file is written. Dropping it marks the file closed.
#[derive(Debug)]
pub struct DepthKeeper {
    mapping: Arc<Mapping>,
    kept: Vec<KeptBook>,
}

/// A keeper at work on a thread of its own. Dropping it ends the thread, and with it the keeper.
#[derive(Debug)]
pub struct KeeperThread {
    is_stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct KeptBook {
    replica: DepthBook,
    /// Asks the shard for the whole book.
    is_wanted: Arc<AtomicBool>,
}

impl DepthKeeper {
    pub(super) fn new(
        mapping: Arc<Mapping>,
        kept: impl Iterator<Item = (Region, Symbol, Arc<AtomicBool>)>,
    ) -> Self {
        let kept = kept.map(|(region, symbol, is_wanted)| KeptBook {
            replica: DepthBook::new(region, symbol),
            is_wanted,
        });
        Self { mapping, kept: kept.collect() }
    }

    /// Looks at every journal once and puts down the bases that are due. `true` where there was something to do.
    pub fn turn(&mut self) -> bool {
        let mut worked = false;
        for kept in &mut self.kept {
            worked |= kept.turn();
        }
        worked
    }

    /// Says that the writer is alive at `now`; due every [`crate::board::HEARTBEAT_INTERVAL`].
    pub fn heartbeat(&self, now: Timestamp) {
        if let Some(header) = self.mapping.header() {
            header.heartbeat.store(now.0, Relaxed);
        }
    }

    /// Does all this on a thread until the handle is dropped.
    ///
    /// # Errors
    /// The operating system's, where no thread can be made.
    pub fn spawn(mut self) -> io::Result<KeeperThread> {
        let is_stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&is_stopped);
        let thread = thread::Builder::new().name("depth-keeper".to_owned()).spawn(move || {
            while !stop.load(Relaxed) {
                self.heartbeat(clock::now());
                if self.turn() {
                    thread::yield_now();
                } else {
                    thread::sleep(REST);
                }
            }
        })?;
        Ok(KeeperThread { is_stopped, thread: Some(thread) })
    }
}

impl Drop for DepthKeeper {
    fn drop(&mut self) {
        if let Some(header) = self.mapping.header() {
            header.closed.store(1, Release);
        }
    }
}

impl Drop for KeeperThread {
    fn drop(&mut self) {
        self.is_stopped.store(true, Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("the depth keeper panicked");
        }
    }
}

impl KeptBook {
    fn turn(&mut self) -> bool {
        if !is_due(self.replica.region()) {
            return false;
        }
        match self.replica.refresh() {
            Ok(_) => self.put_base(),
            Err(DepthError::Overtaken { .. }) => self.is_wanted.store(true, Relaxed),
            Err(error) => {
                tracing::warn!(%error, "no base can be put down");
                self.is_wanted.store(true, Relaxed);
            }
        }
        true
    }

    fn put_base(&self) {
        let replica = &self.replica;
        let Some(position) = replica.position() else { return };
        let region = replica.region();
        let whole = WholeBook::cut(replica.book(), replica.moment(), replica.ground(), region.geometry());
        region.append_base(position, |places| whole.store(places));
    }
}

/// Whether the journal has moved on by a quarter of its size from where a reader would begin.
fn is_due(region: &Region) -> bool {
    let base = region.newest_base().map_or(0, |NewestBase { position, .. }| position);
    let begin = base.max(region.last_whole());
    region.head().saturating_sub(begin) > region.geometry().ring_entries as u64 / 4
}
