//! Reads one file of hftbacktest's collector: gzip, `UNIX_NANOSECONDS JSON` a line, one symbol a file.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use depthlake_orderbook::frame::{Envelope, FrameKind};
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;
use flate2::read::MultiGzDecoder;
use serde::de::IgnoredAny;

use super::{RecordedFrame, RecordingError, failed};
use crate::wire;

const BUFFER: usize = 1 << 18;

pub(super) struct CollectorFile {
    path: PathBuf,
    reader: BufReader<MultiGzDecoder<File>>,
    lines: u64,
    is_done: bool,
    /// Spot books do not say whose they are; the file's other messages do.
    symbol: Option<Symbol>,
    /// Books that came before the file's symbol was known.
    waiting: VecDeque<RecordedFrame>,
    ready: VecDeque<RecordedFrame>,
}

impl CollectorFile {
    pub(super) fn open(path: &Path) -> Result<Self, RecordingError> {
        let file = File::open(path).map_err(|source| failed(path, source))?;
        Ok(Self {
            path: path.to_owned(),
            reader: BufReader::with_capacity(BUFFER, MultiGzDecoder::new(file)),
            lines: 0,
            is_done: false,
            symbol: None,
            waiting: VecDeque::new(),
            ready: VecDeque::new(),
        })
    }

    /// The next line without its end; `None` at the end of the file.
    fn line(&mut self) -> Option<Result<Vec<u8>, RecordingError>> {
        if self.is_done {
            return None;
        }
        let mut line = Vec::new();
        match self.reader.read_until(b'\n', &mut line) {
            Ok(0) => {
                self.is_done = true;
                None
            }
            Ok(_) if line.last() == Some(&b'\n') => {
                self.lines += 1;
                line.pop();
                Some(Ok(line))
            }
            // The last line may lack its end, but then it must be whole.
            Ok(_) if split(&line).is_some_and(|(_, body)| is_json(body)) => Some(Ok(line)),
            Ok(_) => Some(Err(self.cut_off())),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Some(Err(self.cut_off())),
            Err(error) => {
                self.is_done = true;
                Some(Err(failed(&self.path, error)))
            }
        }
    }

    fn cut_off(&mut self) -> RecordingError {
        self.is_done = true;
        RecordingError::CutOff { path: self.path.clone(), lines: self.lines }
    }

    fn take(&mut self, line: Vec<u8>) {
        let line = Bytes::from(line);
        let Some((received, body)) = split(&line) else {
            self.unknown(Timestamp::default(), line.clone());
            return;
        };
        let payload = line.slice_ref(body);
        let envelope = wire::peek(&payload, received);
        if let Some(symbol) = envelope.symbol {
            self.symbol = Some(symbol);
            self.release_waiting(symbol);
        }
        if envelope.kind != FrameKind::Unknown {
            self.ready.push_back(RecordedFrame { envelope, payload });
        } else if let Some(envelope) = wire::peek_snapshot(&payload, self.symbol, received) {
            let frames = if self.symbol.is_some() { &mut self.ready } else { &mut self.waiting };
            frames.push_back(RecordedFrame { envelope, payload });
        } else if !wire::is_control_answer(&payload) {
            self.unknown(received, payload);
        }
    }

    fn release_waiting(&mut self, symbol: Symbol) {
        for mut frame in self.waiting.drain(..) {
            frame.envelope.symbol = Some(symbol);
            self.ready.push_back(frame);
        }
    }

    fn unknown(&mut self, received: Timestamp, payload: Bytes) {
        let envelope = Envelope::own(FrameKind::Unknown, self.symbol, received);
        self.ready.push_back(RecordedFrame { envelope, payload });
    }
}

impl Iterator for CollectorFile {
    type Item = Result<RecordedFrame, RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Some(Ok(frame));
            }
            match self.line()? {
                Ok(line) => self.take(line),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// The time of receipt and the message of a line.
fn split(line: &[u8]) -> Option<(Timestamp, &[u8])> {
    let space = line.iter().position(|&byte| byte == b' ')?;
    let nanoseconds = std::str::from_utf8(&line[..space]).ok()?.parse().ok()?;
    Some((Timestamp(nanoseconds), line[space + 1..].trim_ascii()))
}

fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    const TICKER: &str =
        r#"{"stream":"x@bookTicker","data":{"u":7,"s":"X","b":"1","B":"2","a":"3","A":"4"}}"#;
    const BOOK: &str = r#"{"lastUpdateId":5,"bids":[["1","2"]],"asks":[]}"#;

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: &[u8]) -> Vec<Result<RecordedFrame, RecordingError>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.gz");
        fs::write(&path, bytes).unwrap();
        CollectorFile::open(&path).unwrap().collect()
    }

    #[test]
    fn a_book_takes_the_symbol_of_its_file() {
        let frames =
            read(&gzip(&format!("1 {BOOK}\n2 {TICKER}\n3 {{\"result\":null,\"id\":1}}\n4 {BOOK}\n")));
        let found: Vec<_> = frames.iter().map(|frame| frame.as_ref().unwrap().envelope).collect();
        let symbol = Symbol::new("X").ok();
        assert_eq!(
            found.iter().map(|envelope| (envelope.received.0, envelope.kind)).collect::<Vec<_>>(),
            [(1, FrameKind::Snapshot), (2, FrameKind::BookTicker), (4, FrameKind::Snapshot)]
        );
        assert!(found.iter().all(|envelope| envelope.symbol == symbol));
    }

    #[test]
    fn a_line_that_is_no_json_is_kept_as_unknown() {
        let frames = read(&gzip(&format!("1 {TICKER}\nrubbish\n2 {{\"stream\n3 {TICKER}\n")));
        let kinds: Vec<_> = frames.iter().map(|frame| frame.as_ref().unwrap().envelope.kind).collect();
        assert_eq!(
            kinds,
            [FrameKind::BookTicker, FrameKind::Unknown, FrameKind::Unknown, FrameKind::BookTicker]
        );
    }

    #[test]
    fn a_file_cut_off_gives_what_came_before() {
        let whole = gzip(&format!("1 {TICKER}\n2 {TICKER}\n3 {TICKER}"));
        assert!(read(&whole).iter().all(Result::is_ok));
        let cut = read(&whole[..whole.len() - 10]);
        assert!(matches!(cut.last(), Some(Err(RecordingError::CutOff { .. }))));
        let mid_line = read(&gzip(&format!("1 {TICKER}\n2 {}", &TICKER[..20])));
        assert!(matches!(mid_line.as_slice(), [Ok(_), Err(RecordingError::CutOff { lines: 1, .. })]));
    }
}
