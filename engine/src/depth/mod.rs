//! Full depth: every level of every live book, for any thread and any process, without slowing the writer.
//!
//! A depth file lies beside the board and has a region for each symbol ([`layout`] is its documented form). In it the
//! book is twice:
//!
//! - as a *journal*, a ring of level changes. The shard thread appends each event as one record, and does nothing else. A
//!   book that is built anew is appended whole. Quantities are absolute.
//! - as two *bases* in turn, each the whole book as of a position of the journal. The [`DepthKeeper`], a thread that reads
//!   the journal as anybody does and holds replicas of the books, puts a new base down in place of the older one whenever
//!   the journal has moved on by a quarter of its size.
//!
//! A reader copies a base and what the journal holds after it, and so has the book after the last event that is complete:
//! an [`orderbook::book::Book`](depthlake_orderbook::book::Book) of its own, to be brought forward by replaying what is new.
//!
//! # Invariants
//!
//! - *One writer each.* A [`JournalWriter`] is handed out once and cannot be cloned; only the keeper writes bases.
//! - *The shard waits for nobody.* An append is a fixed number of stores: two positions, the record's head, two words a
//!   level. It neither allocates, nor locks, nor makes a system call, whether there are readers or not, and looks at nothing
//!   but a flag that the keeper seldom sets.
//! - *Readers see whole events.* The journal's head moves over a record once all of it is stored
//!   ([`crate::broadcast`] has the argument, and the model check).
//! - *No torn copy is used.* A reader first copies the words, then asks whether the writer could have reached them
//!   meanwhile, and makes sense of them only if not.
//!
//! # Every step of a reader is bounded
//!
//! Let *n* be the entries of a journal. A copy loads at most *n* / 2 entries of a base and *n* of the journal, and then
//! replays them; there is no inner loop that waits. It fails only where
//!
//! 1. the base was overwritten while it was copied. The keeper takes the older base, and turns to the one being copied only
//!    after it has put down another and the journal has moved on by a quarter again: the shard must have appended more than
//!    *n* / 4 entries during the copy;
//! 2. or the journal was overtaken. A base is put down at the latest when the journal is *n* / 4 + *d* beyond the last one,
//!    where *d* is what the shard appends while the keeper gets to it, so the shard must have appended more than
//!    3 *n* / 4 - *d* entries since the base was chosen. Right after a whole book that fills half of the journal, *n* / 2
//!    takes the place of 3 *n* / 4.
//!
//! So a reader that is not held up succeeds at once unless the shard appends 8,192 entries (of 32,768) in the time of
//! copying some hundred kilobytes, which is tens of microseconds. One that is held up tries again, sixteen times at most, and then
//! is told [`DepthError::Overtaken`]; what it had before stays valid. No writer ever notices.
//!
//! Where the keeper itself is overtaken, as when it does not get a core while a recording is played at full speed, it asks
//! the shard for the whole book, which comes with the symbol's next event. A reader begins with the last whole book in the journal where
//! that is newer than the bases.
//!
//! # What does not fit
//!
//! A base, and a whole book in the journal, has room for 8,190 levels a side. Of a deeper book they hold the best, and the
//! horizon says beyond which price it is unknown, as at the end of a venue's snapshot. An update that would fill half of the
//! journal is told as a whole book.
//!
//! # Writers that end
//!
//! A writer killed in the middle of an append leaves a claim that the head never follows: readers go on with what was complete.
//! Heartbeat and process id tell that it is dead; a restarted one renames a new file into place, and
//! [`DepthReader::replacement`] finds it.
//!
//! ```
//! use depthlake_engine::{clock, depth};
//! use depthlake_engine::depth::{DepthReader, Refreshed};
//! use depthlake_orderbook::book::{Book, Side};
//! use depthlake_orderbook::decimal::{Price, Quantity, Scale};
//! use depthlake_orderbook::event::{DepthUpdate, Level, Snapshot, UpdateId};
//! use depthlake_orderbook::instrument::Instrument;
//! use depthlake_orderbook::symbol::Symbol;
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("depth");
//! let symbol = Symbol::new("BTCUSDT")?;
//! let instrument = Instrument::with_scales(symbol, Scale::default(), Scale::default());
//! let level = |price, quantity| Level { price: Price(price), quantity: Quantity(quantity) };
//!
//! // The engine's side.
//! let (keeper, mut journals) = depth::create(&path, &[symbol], clock::now())?;
//! let _keeping = keeper.spawn()?;
//! let mut book = Book::new();
//! book.load(&Snapshot { bids: vec![level(99, 1), level(98, 1)], last_update_id: UpdateId(1), ..Snapshot::default() });
//! journals[0].load(&instrument, &book, clock::now(), clock::now());
//!
//! // Any process.
//! let mut copy = DepthReader::open(&path)?.copy(symbol)?;
//! assert_eq!(copy.book().depth(Side::Bid), 2);
//!
//! let update = DepthUpdate { bids: vec![level(98, 0)], last: UpdateId(2), ..DepthUpdate::default() };
//! book.apply(&update);
//! journals[0].apply(&instrument, &book, &update);
//! assert_eq!(copy.refresh()?, Refreshed::Advanced { events: 1 });
//! assert_eq!(copy.book().depth(Side::Bid), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod book;
mod error;
mod keeper;
pub mod layout;
mod mapping;
mod reader;
mod record;
mod region;
#[cfg(test)]
mod tests;
mod whole;
mod writer;

pub use book::{DepthBook, Refreshed};
pub use error::DepthError;
pub use keeper::{DepthKeeper, KeeperThread};
pub use reader::DepthReader;
pub use record::NO_PRICE;
pub use writer::{JournalWriter, create};
