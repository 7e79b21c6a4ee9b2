//! Where live books are shown: the [board](crate::board), the [full depth](crate::depth) beside it, and events ([`crate::events`])
//! in process.

use std::io;
use std::path::{Path, PathBuf};

use depthlake_orderbook::decimal::Scale;
use depthlake_orderbook::symbol::{Symbol, SymbolId};
use depthlake_orderbook::time::Timestamp;
use thiserror::Error;

use crate::board::{BoardError, BoardWriter, SlotSpec, SlotWriter};
use crate::depth::{self, DepthError, JournalWriter, KeeperThread};
use crate::events::{self, EventFeed, EventWriter};

/// Everything that shows the books of one engine, for as long as it is held.
#[derive(Debug)]
pub struct LiveBooks {
    board: BoardWriter,
    feed: EventFeed,
    _keeper: KeeperThread,
}

/// Where one symbol is shown; for the worker that has its book.
#[derive(Debug)]
pub struct Outlet {
    pub slot: SlotWriter,
    pub journal: JournalWriter,
    pub id: SymbolId,
}

/// Why live books cannot be shown.
#[derive(Debug, Error)]
pub enum LiveBooksError {
    #[error(transparent)]
    Board(#[from] BoardError),
    #[error(transparent)]
    Depth(#[from] DepthError),
    #[error("no thread for keeping full depth: {0}")]
    Thread(#[source] io::Error),
}

impl LiveBooks {
    /// Makes the board at `path` and the depth file at [`depth_path`], both with nothing in them.
    ///
    /// Returns the outlets in the order of `symbols`, and the event writers of the shards.
    ///
    /// # Errors
    /// [`LiveBooksError`] where a symbol is given twice or a file cannot be made.
    pub fn create(
        path: &Path,
        symbols: &[Symbol],
        shards: usize,
        now: Timestamp,
    ) -> Result<(Self, Vec<Outlet>, Vec<EventWriter>), LiveBooksError> {
        let unknown = Scale::default();
        let spec = |&symbol| SlotSpec { symbol, price_scale: unknown, quantity_scale: unknown };
        let specs: Vec<_> = symbols.iter().map(spec).collect();
        let (board, slots) = BoardWriter::create(path, &specs, now)?;
        let (keeper, journals) = depth::create(&depth_path(path), symbols, now)?;
        let (feed, events) = events::feed(symbols.to_vec(), shards);
        let outlets = slots.into_iter().zip(journals).zip(0..);
        let outlets =
            outlets.map(|((slot, journal), id)| Outlet { slot, journal, id: SymbolId(id) }).collect();
        let keeper = keeper.spawn().map_err(LiveBooksError::Thread)?;
        Ok((Self { board, feed, _keeper: keeper }, outlets, events))
    }

    /// Says that the writer is alive at `now`; due every [`crate::board::HEARTBEAT_INTERVAL`].
    pub fn heartbeat(&self, now: Timestamp) {
        self.board.heartbeat(now);
    }

    /// Where to subscribe to events.
    #[must_use]
    pub const fn feed(&self) -> &EventFeed {
        &self.feed
    }
}

/// The depth file that belongs to a board.
#[must_use]
pub fn depth_path(board: &Path) -> PathBuf {
    let mut name = board.as_os_str().to_owned();
    name.push(".depth");
    PathBuf::from(name)
}
