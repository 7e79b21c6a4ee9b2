//! Reads the very texts that the venue sends, byte by byte, without a JSON parser between.
//!
//! A scanner knows one order of members, no white space and no escapes. At the first byte that is not the one it
//! expects it gives `None`, which says nothing about the message, only that the general decoder must look at it.
//! Invariant: an event that is given is the one that the general decoder would have given.

#![expect(
    clippy::inline_always,
    reason = "measured: with the compiler's own choice the scanner is a fifth slower"
)]

mod decimal;
mod depth;
mod digits;
mod text;
mod ticker;
mod trade;

#[cfg(test)]
mod equality;

use depthlake_orderbook::instrument::Instrument;

use super::MAX_MESSAGE;
use decimal::{Numbers, Tails};
use text::Text;

/// Scans messages; what it keeps of one only makes the next quicker.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    tails: Tails,
}

impl Scanner {
    #[inline(always)]
    fn with_numbers<T>(&mut self, instrument: &Instrument, scan: impl FnOnce(&mut Numbers) -> T) -> T {
        let mut numbers = Numbers::of(instrument, self.tails);
        let scanned = scan(&mut numbers);
        self.tails = numbers.tails();
        scanned
    }
}

/// What `read` reads from `payload`, alone or inside a combined message, where nothing stands behind it.
#[inline(always)]
fn message<T>(payload: &[u8], read: impl FnOnce(&mut Text<'_>) -> Option<T>) -> Option<T> {
    if payload.len() > MAX_MESSAGE {
        return None;
    }
    let mut text = Text::new(payload);
    let is_combined = text.accept(b"{\"stream\":");
    if is_combined {
        text.string()?;
        text.expect(b",\"data\":")?;
    }
    let event = read(&mut text)?;
    if is_combined {
        text.expect(b"}")?;
    }
    text.is_at_end().then_some(event)
}
