//! A file cut into chunks of whole lines, the bytes unchanged.

use std::io::{self, Read};

/// Bytes a chunk has at most, but where a single line is longer. Large enough to compress well, small enough that a commit
/// can be cut anywhere.
pub(super) const CHUNK_BYTES: usize = 1024 * 1024;

/// Some lines as they came, the line ends with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LineChunk {
    pub(super) first_line: u64,
    pub(super) lines: u64,
    pub(super) bytes: Vec<u8>,
}

/// Why no more lines come.
#[derive(Debug)]
pub(super) enum LineError {
    Io(io::Error),
    /// A line is longer than a chunk.
    TooLong {
        line: u64,
    },
}

/// Chunks of the lines from `from_line` on.
#[derive(Debug)]
pub(super) struct LineChunks<R> {
    reader: R,
    next_line: u64,
    from_line: u64,
    limit: usize,
    /// What was read behind the last chunk.
    rest: Vec<u8>,
}

impl<R: Read> LineChunks<R> {
    pub(super) const fn new(reader: R, from_line: u64, limit: usize) -> Self {
        Self { reader, next_line: 1, from_line, limit, rest: Vec::new() }
    }

    /// The next chunk; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<LineChunk>, LineError> {
        loop {
            let Some(mut chunk) = self.read()? else { return Ok(None) };
            let skipped = self.from_line.saturating_sub(chunk.first_line).min(chunk.lines);
            chunk.drop_lines(skipped);
            if chunk.lines > 0 {
                return Ok(Some(chunk));
            }
        }
    }

    fn read(&mut self) -> Result<Option<LineChunk>, LineError> {
        let mut bytes = std::mem::take(&mut self.rest);
        let room = self.limit.saturating_sub(bytes.len()) as u64;
        let read = (&mut self.reader).take(room).read_to_end(&mut bytes).map_err(LineError::Io)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        if read as u64 == room {
            let end = bytes.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1);
            let end = end.ok_or(LineError::TooLong { line: self.next_line })?;
            self.rest = bytes.split_off(end);
        }
        let lines = count_lines(&bytes);
        let chunk = LineChunk { first_line: self.next_line, lines, bytes };
        self.next_line += lines;
        Ok(Some(chunk))
    }
}

impl LineChunk {
    fn drop_lines(&mut self, count: u64) {
        let Some(last) = count.checked_sub(1).and_then(|last| usize::try_from(last).ok()) else { return };
        let mut ends =
            self.bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
        let end = ends.nth(last).unwrap_or(self.bytes.len());
        self.bytes.drain(..end);
        self.first_line += count;
        self.lines -= count;
    }
}

/// Lines, the last of which may lack its end.
fn count_lines(bytes: &[u8]) -> u64 {
    bytes.split_inclusive(|byte| *byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chunks(text: &[u8], from_line: u64, limit: usize) -> Vec<LineChunk> {
        let mut chunks = LineChunks::new(text, from_line, limit);
        std::iter::from_fn(|| chunks.next().unwrap()).collect()
    }

    #[test]
    fn a_line_longer_than_a_chunk_is_no_line() {
        let mut chunks = LineChunks::new(&b"one\ntwo is too long"[..], 1, 8);
        assert_eq!(chunks.next().unwrap().unwrap().bytes, b"one\n");
        assert!(matches!(chunks.next(), Err(LineError::TooLong { line: 2 })));
    }

    proptest! {
        #[test]
        fn chunks_are_the_lines_from_anywhere(
            lines in prop::collection::vec("[a-z]{0,9}\r?", 0..40),
            ends in any::<bool>(),
            from_line in 1..45_u64,
            limit in 16..64_usize,
        ) {
            let text = lines.join("\n") + if ends { "\n" } else { "" };
            let whole: Vec<&[u8]> = text.as_bytes().split_inclusive(|byte| *byte == b'\n').collect();
            let found = chunks(text.as_bytes(), from_line, limit);
            let expected: Vec<u8> = whole.iter().skip(usize::try_from(from_line).unwrap() - 1).copied().flatten().copied().collect();
            let joined: Vec<u8> = found.iter().flat_map(|chunk| chunk.bytes.clone()).collect();
            prop_assert_eq!(joined, expected);
            let mut next = from_line;
            for chunk in found {
                prop_assert_eq!(chunk.first_line, next);
                prop_assert!(chunk.lines > 0 && chunk.bytes.len() <= limit);
                next += chunk.lines;
            }
            prop_assert_eq!(next, (whole.len() as u64 + 1).max(from_line));
        }
    }
}
