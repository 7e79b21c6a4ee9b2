//! The bytes of checkpoints: a mark, the version of the format, and the state in `postcard`'s encoding.
//!
//! The first version had no mark, nor when books ceased to be live. No state of it begins with the mark: it would hold an
//! instrument whose name is longer than any.

use serde::Deserialize;

use super::{BookCheckpoint, Checkpoint, CheckpointError, InstrumentState, LiveState, TradeCheckpoint};

const MARK: &[u8] = b"DLCP";
/// The version that is written. These numbers are in logs: a change of the state takes the next.
const VERSION: u8 = 2;

/// Bytes to write the state behind.
pub(super) fn header() -> Vec<u8> {
    [MARK, &[VERSION]].concat()
}

/// Reads a state of any version so far.
pub(super) fn decode(bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
    match bytes.strip_prefix(MARK) {
        None => Ok(postcard::from_bytes::<First>(bytes)?.into()),
        Some([VERSION, state @ ..]) => Ok(postcard::from_bytes(state)?),
        Some(rest) => Err(CheckpointError::Version { found: rest.first().copied(), latest: VERSION }),
    }
}

/// A state of the first version.
#[derive(Deserialize)]
struct First {
    orderbook_offset: u64,
    books: Vec<FirstBook>,
    trades: TradeCheckpoint,
}

#[derive(Deserialize)]
struct FirstBook {
    instrument: InstrumentState,
    next_offset: u64,
    epoch: u32,
    live: Option<LiveState>,
}

impl From<First> for Checkpoint {
    fn from(first: First) -> Self {
        let First { orderbook_offset, books, trades } = first;
        Self { orderbook_offset, books: books.into_iter().map(BookCheckpoint::from).collect(), trades }
    }
}

impl From<FirstBook> for BookCheckpoint {
    fn from(first: FirstBook) -> Self {
        let FirstBook { instrument, next_offset, epoch, live } = first;
        Self { instrument, next_offset, epoch, live, not_live_since: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_of_the_first_version_is_read() {
        // Offset 7; one book: BTCUSDT, scales 2 and 5, tick 1, step 10, trading; from offset 9 on, epoch 3, not live; bars:
        // offset 4, latest trade at -1, no session begun, no symbols.
        let mut bytes = vec![7, 1, 7];
        bytes.extend_from_slice(b"BTCUSDT");
        bytes.extend_from_slice(&[2, 5, 2, 20, 1, 9, 3, 0, 4, 1, 0, 0]);
        let checkpoint = Checkpoint::decode(&bytes).unwrap();
        assert_eq!((checkpoint.orderbook_offset(), checkpoint.trade_offset()), (7, 4));
        let [book] = &checkpoint.books[..] else { panic!("{checkpoint:?}") };
        assert_eq!((book.next_offset(), book.epoch, book.not_live_since()), (9, 3, None));
        assert_eq!(book.instrument().unwrap().symbol.as_str(), "BTCUSDT");
        assert_eq!(Checkpoint::decode(&checkpoint.encode().unwrap()).unwrap(), checkpoint);
    }

    #[test]
    fn a_checkpoint_of_a_later_version_is_refused() {
        let error = Checkpoint::decode(b"DLCP\x03\x00\x00").unwrap_err();
        assert_eq!(error.to_string(), "a checkpoint has version 3 of its format; up to 2 is understood");
        assert!(matches!(Checkpoint::decode(b"DLCP"), Err(CheckpointError::Version { found: None, .. })));
    }
}
