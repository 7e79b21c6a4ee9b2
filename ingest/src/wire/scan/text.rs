//! A place in a message, moved on by what is read there.

use depthlake_orderbook::time::Timestamp;

use super::digits::{Digits, POWERS_OF_TEN, WORD};

/// The bytes of the longest number that is read at once: eight digits, a point, eight digits, a quote.
pub(super) const WINDOW: usize = 2 * WORD + 2;
pub(super) type Window = [u8; WINDOW];

/// The part of a message that is still to be read. After a `None` it stands anywhere.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    rest: &'a [u8],
}

impl<'a> Text<'a> {
    pub(super) const fn new(payload: &'a [u8]) -> Self {
        Self { rest: payload }
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Passes over `literal` where it stands here.
    #[inline(always)]
    pub(super) fn accept<const LENGTH: usize>(&mut self, literal: &[u8; LENGTH]) -> bool {
        match self.rest.split_first_chunk() {
            Some((start, rest)) if start == literal => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    #[inline(always)]
    pub(super) fn expect<const LENGTH: usize>(&mut self, literal: &[u8; LENGTH]) -> Option<()> {
        self.accept(literal).then_some(())
    }

    /// Reads a whole number as JSON has it, of at most 16 digits, which all of the venue's times and ids are.
    #[inline(always)]
    pub(super) fn number(&mut self) -> Option<u64> {
        let begins_with_zero = self.rest.first() == Some(&b'0');
        let length = self.rest.len();
        let number = self.digits()?;
        // JSON has no zeros before other digits.
        (!begins_with_zero || length - self.rest.len() == 1).then_some(number)
    }

    /// Reads digits, at least one and at most 16.
    #[inline(always)]
    pub(super) fn digits(&mut self) -> Option<u64> {
        let first = Digits::of(self.word(0));
        if !first.are_all() {
            let count = first.count();
            self.skip(count)?;
            return (count > 0).then(|| first.right_aligned(count).number());
        }
        self.skip(WORD)?;
        let second = Digits::of(self.word(0));
        let count = second.count();
        if count == 0 {
            return Some(first.number());
        }
        self.skip(count)?;
        Some(first.number() * POWERS_OF_TEN.get(count)? + second.right_aligned(count).number())
    }

    /// Reads a string of printable ASCII without escapes.
    #[inline(always)]
    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        self.expect(b"\"")?;
        let mut length = 0;
        let mut others = 0;
        while others == 0 {
            others = others_than_plain(self.word(length));
            length += WORD;
        }
        length -= WORD - others.trailing_zeros() as usize / WORD;
        let (string, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        self.expect(b"\"")?;
        Some(string)
    }

    /// Reads a time, in milliseconds or microseconds.
    #[inline(always)]
    pub(super) fn time(&mut self) -> Option<Timestamp> {
        let time = self.milliseconds().or_else(|| self.number())?;
        i64::try_from(time).ok().map(Timestamp::from_venue)
    }

    /// Reads a number of just the 13 digits that milliseconds have for some centuries. That the end need not be looked
    /// for lets the processor go on behind it at once.
    #[inline(always)]
    fn milliseconds(&mut self) -> Option<u64> {
        const LOW_DIGITS: usize = 13 - WORD;
        let (high, low) = (Digits::of(self.word(0)), Digits::of(self.word(WORD)));
        if !high.are_all() || !low.are_just(LOW_DIGITS) || self.rest.first() == Some(&b'0') {
            return None;
        }
        self.skip(WORD + LOW_DIGITS)?;
        Some(high.number() * POWERS_OF_TEN[LOW_DIGITS] + low.right_aligned(LOW_DIGITS).number())
    }

    /// Passes over a member with a number for value, where `key` stands here; `None` where no number follows it.
    #[inline(always)]
    pub(super) fn pass_number<const LENGTH: usize>(&mut self, key: &[u8; LENGTH]) -> Option<()> {
        if self.accept(key) {
            self.number()?;
        }
        Some(())
    }

    /// Passes over a member with a string for value, where `key` stands here; `None` where no string follows it.
    #[inline(always)]
    pub(super) fn pass_string<const LENGTH: usize>(&mut self, key: &[u8; LENGTH]) -> Option<()> {
        if self.accept(key) {
            self.string()?;
        }
        Some(())
    }

    #[inline(always)]
    pub(super) fn boolean(&mut self) -> Option<bool> {
        let is_true = self.accept(b"true");
        (is_true || self.accept(b"false")).then_some(is_true)
    }

    /// The bytes from here on, where there are that many.
    #[inline(always)]
    pub(super) fn window(&self) -> Option<&'a Window> {
        self.rest.first_chunk()
    }

    #[inline(always)]
    pub(super) fn skip(&mut self, length: usize) -> Option<()> {
        self.rest = self.rest.get(length..)?;
        Some(())
    }

    /// The eight bytes at `at`, with zero bytes for those behind the end.
    #[inline(always)]
    pub(super) fn word(&self, at: usize) -> u64 {
        let rest = self.rest.get(at..).unwrap_or_default();
        rest.first_chunk().map_or_else(|| last_word(rest), |word| u64::from_le_bytes(*word))
    }
}

/// The fewer than eight bytes of `rest`, with zero bytes behind them.
fn last_word(rest: &[u8]) -> u64 {
    match (rest.first_chunk(), rest.last_chunk()) {
        // Two halves, which overlap where there are fewer than eight bytes.
        (Some(first), Some(last)) => {
            let behind = 8 * (rest.len() - size_of::<u32>());
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << behind
        }
        _ => rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
    }
}

/// The high bit of the first byte that is a quote, a backslash, a control byte or not ASCII, and any of those above it.
const fn others_than_plain(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
    // A byte below its limit borrows from its high bit. Only what lies above such a byte can be disturbed by it.
    const fn below(word: u64, limit: u8) -> u64 {
        word.wrapping_sub(ONES * limit as u64) & !word
    }
    let quotes = below(word ^ (ONES * b'"' as u64), 1);
    let backslashes = below(word ^ (ONES * b'\\' as u64), 1);
    (below(word, b' ') | quotes | backslashes | word) & HIGH_BITS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_read_up_to_sixteen_digits() {
        for (text, number, rest) in [
            ("0,", Some(0), ","),
            ("7", Some(7), ""),
            ("12345678,", Some(12_345_678), ","),
            ("1723161255208,\"T\"", Some(1_723_161_255_208), ",\"T\""),
            ("1723161255208123}", Some(1_723_161_255_208_123), "}"),
            ("17231612552081234", Some(1_723_161_255_208_123), "4"),
            ("01", None, ""),
            ("-1", None, ""),
            ("", None, ""),
        ] {
            let mut here = Text::new(text.as_bytes());
            assert_eq!(here.number(), number, "{text}");
            assert!(number.is_none() || here.rest == rest.as_bytes(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn strings_end_at_the_first_quote(bytes in prop::collection::vec(any::<u8>(), 0..30)) {
            let text = [b"\"", &bytes[..]].concat();
            let is_plain = |byte: &u8| matches!(byte, b' '..=0x7F) && !matches!(byte, b'"' | b'\\');
            let length = bytes.iter().take_while(|byte| is_plain(byte)).count();
            let expected = (bytes.get(length) == Some(&b'"')).then_some(&bytes[..length]);
            prop_assert_eq!(Text::new(&text).string(), expected);
        }

        #[test]
        fn words_are_filled_with_zeros(bytes in prop::collection::vec(any::<u8>(), 0..12), at in 0..14_usize) {
            let padded: Vec<u8> = bytes.iter().copied().chain([0; 24]).skip(at).take(WORD).collect();
            prop_assert_eq!(Text::new(&bytes).word(at).to_le_bytes().to_vec(), padded);
        }
    }
}
