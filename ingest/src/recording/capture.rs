//! Reads cryptofeed's raw captures: `ws.txt`, `http.txt` and `exchange_info.txt`.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use bytes::Bytes;
use depthlake_orderbook::frame::FrameKind;
use depthlake_orderbook::symbol::Symbol;
use depthlake_orderbook::time::Timestamp;

use super::{Frames, RecordedFrame, RecordingError, failed, seconds};
use crate::wire;

pub(super) const MESSAGES: &str = "ws.txt";
const ANSWERS: &str = "http.txt";
const EXCHANGE_INFO: &str = "exchange_info.txt";

pub(super) fn frames(folder: &Path) -> Result<Frames, RecordingError> {
    let mut frames: Vec<_> = lines(folder, ANSWERS)?.iter().filter_map(snapshot).collect();
    let messages = lines(folder, MESSAGES)?;
    let mut cut_off = None;
    for (number, line) in messages.iter().enumerate() {
        match message(line) {
            Some(frame) => frames.push(frame),
            None if number + 1 == messages.len() && !line.ends_with(b"\n") => {
                cut_off = Some(RecordingError::CutOff { path: folder.join(MESSAGES), lines: number as u64 });
            }
            None => {}
        }
    }
    // Stable: at equal times answers go before messages.
    frames.sort_by(|a, b| seconds(a).total_cmp(&seconds(b)));
    Ok(Box::new(frames.into_iter().map(Ok).chain(cut_off.map(Err))))
}

pub(super) fn exchange_info(folder: &Path) -> Result<Vec<serde_json::Value>, RecordingError> {
    let mut entries = Vec::new();
    for line in lines(folder, EXCHANGE_INFO)? {
        let Some((_, body)) = line_parts(&line) else { continue };
        if let Ok(serde_json::Value::Object(mut info)) = serde_json::from_slice(body)
            && let Some(serde_json::Value::Array(symbols)) = info.remove("symbols")
        {
            entries.extend(symbols);
        }
    }
    Ok(entries)
}

/// The lines of a file with their ends; none where there is no such file.
fn lines(folder: &Path, name: &str) -> Result<Vec<Bytes>, RecordingError> {
    let path = folder.join(name);
    let content = match fs::read(&path) {
        Ok(content) => Bytes::from(content),
        Err(error) if error.kind() == ErrorKind::NotFound && name != MESSAGES => return Ok(Vec::new()),
        Err(error) => return Err(failed(&path, error)),
    };
    Ok(content.split_inclusive(|&byte| byte == b'\n').map(|line| content.slice_ref(line)).collect())
}

fn snapshot(line: &Bytes) -> Option<RecordedFrame> {
    let arrow = find(line, b" -> ")?;
    let url = std::str::from_utf8(&line[..arrow]).ok()?;
    let (_, query) = url.split_once("depth?symbol=")?;
    let symbol = Symbol::new(query.split('&').next()?).ok()?;
    let (received, body) = line_parts(line)?;
    let envelope = wire::peek_snapshot(body, Some(symbol), received)?;
    Some(RecordedFrame { envelope, payload: line.slice_ref(body) })
}

fn message(line: &Bytes) -> Option<RecordedFrame> {
    let (received, body) = line_parts(line)?;
    let envelope = wire::peek(body, received);
    // Answers to subscriptions are no market data, and a last line that is cut short is none either.
    if envelope.kind == FrameKind::Unknown && (wire::is_control_answer(body) || !line.ends_with(b"\n")) {
        return None;
    }
    Some(RecordedFrame { envelope, payload: line.slice_ref(body) })
}

/// The time and the body of `[URL -> ]UNIX_SECONDS: JSON`.
fn line_parts(line: &[u8]) -> Option<(Timestamp, &[u8])> {
    let colon = find(line, b": {")?;
    let head = line.get(..colon)?;
    let start = head.iter().rposition(|&byte| byte == b' ').map_or(0, |space| space + 1);
    let time = parse_seconds(head.get(start..)?)?;
    Some((time, line.get(colon + 2..)?.trim_ascii_end()))
}

/// Decimal seconds, exactly; digits finer than nanoseconds are cut.
fn parse_seconds(text: &[u8]) -> Option<Timestamp> {
    const NANOSECOND_DIGITS: usize = 9;
    let text = std::str::from_utf8(text).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = fraction.get(..NANOSECOND_DIGITS.min(fraction.len()))?;
    let nanoseconds: i64 = format!("{fraction:0<NANOSECOND_DIGITS$}").parse().ok()?;
    let seconds: i64 = whole.parse().ok()?;
    Some(Timestamp(seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds)?))
}

fn find(text: &[u8], pattern: &[u8]) -> Option<usize> {
    text.windows(pattern.len()).position(|window| window == pattern)
}

#[cfg(test)]
mod tests {
    use depthlake_orderbook::frame::Envelope;

    use super::*;

    #[test]
    fn seconds_are_exact() {
        assert_eq!(parse_seconds(b"1633998512.0633569"), Some(Timestamp(1_633_998_512_063_356_900)));
        assert_eq!(parse_seconds(b"1633998512"), Some(Timestamp(1_633_998_512_000_000_000)));
        assert_eq!(parse_seconds(b"x"), None);
    }

    #[test]
    fn answers_and_messages_are_merged_by_time() {
        let folder = tempfile::tempdir().unwrap();
        let ticker = r#"{"stream":"x@bookTicker","data":{"u":7,"s":"X","b":"1","B":"2","a":"3","A":"4"}}"#;
        let book = r#"{"lastUpdateId":5,"bids":[],"asks":[]}"#;
        let write = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
        write(
            MESSAGES,
            format!(
                "wss://v/stream?streams=x <-> 1.5\n2.5: {ticker}\n4.0: {{\"result\":null}}\n5.0: {}",
                &ticker[..30]
            ),
        );
        write(
            ANSWERS,
            format!("3\nhttps://v/depth?symbol=X&limit=1000 -> 2.25: {book}\nhttps://v/ping -> 9.0: {{}}\n"),
        );
        let found: Vec<_> = frames(folder.path()).unwrap().collect();
        assert!(matches!(
            found.as_slice(),
            [
                Ok(RecordedFrame { envelope: Envelope { kind: FrameKind::Snapshot, .. }, .. }),
                Ok(RecordedFrame { envelope: Envelope { kind: FrameKind::BookTicker, .. }, .. }),
                Err(RecordingError::CutOff { lines: 3, .. })
            ]
        ));
    }
}
