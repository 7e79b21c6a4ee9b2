//! The last line of a file, where it lacks its end: the file may be cut off there.

use std::io::{self, Write};

/// Longer than any line of values.
const LONGEST: usize = 64 * 1024;

/// A last line without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LastLine {
    /// From 1.
    pub(super) number: u64,
    pub(super) bytes: Vec<u8>,
}

/// Lines that go by.
#[derive(Debug, Default)]
pub(super) struct Lines {
    ended: u64,
    /// What has come since the last end, at most so much.
    rest: Vec<u8>,
}

impl Lines {
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.ended += (bytes.split(|byte| *byte == b'\n').count() as u64).saturating_sub(1);
        let rest = match bytes.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => {
                self.rest.clear();
                bytes.get(end + 1..).unwrap_or_default()
            }
            None => bytes,
        };
        let room = LONGEST - self.rest.len();
        self.rest.extend(rest.iter().take(room));
    }

    /// The last line, where it lacks its end.
    pub(super) fn unended(self) -> Option<LastLine> {
        let Self { ended, rest: bytes } = self;
        (!bytes.is_empty()).then_some(LastLine { number: ended + 1, bytes })
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.take(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_last_line_is_found_however_it_comes(text in "[a\n]{0,30}", pieces in 1..7_usize) {
            let mut lines = Lines::default();
            text.as_bytes().chunks(pieces).for_each(|piece| lines.take(piece));
            let last = text.rsplit('\n').next().unwrap_or_default();
            let number = text.matches('\n').count() as u64 + 1;
            let expected = LastLine { number, bytes: last.as_bytes().to_vec() };
            prop_assert_eq!(lines.unended(), (!last.is_empty()).then_some(expected));
        }
    }
}
