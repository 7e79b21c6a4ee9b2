//! The board: every live book, readable by any thread and any process, without locks.
//!
//! A board is a memory-mapped file with one fixed-size slot a symbol ([`layout`] is its documented form). A shard
//! thread writes a slot through its [`SlotWriter`]; readers in any process open the file by path with
//! [`Reader`] and copy slots out, or follow one symbol with a [`Follower`], through restarts of the writer. Both can
//! wait until a slot changes.
//!
//! Invariants:
//! - Each slot has exactly one writer: a [`SlotWriter`] is handed out once and cannot be cloned.
//! - Readers never write to the file and never hold up a writer. A reader that meets a write under way tries again,
//!   so what it returns is always one whole row as it was written.
//! - Writing a slot neither allocates, nor locks, nor makes a system call; who sleeps until it changes is woken by a
//!   thread of the [`BoardWriter`].
//! - A board file never changes its size or its symbols. A restarted writer renames a new file into place; who holds
//!   the old one sees its writer dead and asks for the [`Reader::replacement`].
//!
//! The file belongs on a memory file system (`/dev/shm` on Linux). It works on a disk too, but there the kernel writes
//! its pages back from time to time, and a writer that meets this waits for the disk.

mod atomic;
mod error;
mod follower;
mod futex;
pub mod layout;
mod mapping;
mod notifier;
#[cfg(test)]
mod one_process;
pub(crate) mod process;
mod reader;
mod row;
mod seqlock;
#[cfg(test)]
mod seqlock_model;
mod slot;
#[cfg(test)]
mod two_processes;
mod waiting;
#[cfg(test)]
mod waits;
mod wake;
#[cfg(test)]
mod wake_model;
mod writer;

pub use error::BoardError;
pub use follower::{Followed, Follower};
pub use reader::{Reader, SlotIndex, WRITER_SILENCE_LIMIT};
pub use row::{
    BoardLadder, BoardRow, BoardState, BoardTouch, BookPart, FeedCounters, FeedPart, LADDER_LEVELS, Ladder,
    LastTrade,
};
pub use seqlock::{Version, Versioned};
pub use waiting::{WaitBy, Waited};
pub use writer::{BoardWriter, HEARTBEAT_INTERVAL, SlotSpec, SlotWriter};
