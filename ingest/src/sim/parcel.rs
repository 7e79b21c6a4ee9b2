//! A message on its way to its listeners: built once, in each unit of time and each envelope that is listened to.

use std::ops::Range;

use axum::extract::ws::Utf8Bytes;

use super::numbers::TimeUnit;

/// Whether messages come bare or wrapped as `{"stream":…,"data":…}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Envelope {
    Raw,
    Combined,
}

/// A message of one stream, in both envelopes.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    text: Utf8Bytes,
    data: Range<usize>,
}

/// A message of one stream in each unit of time that is listened to.
#[derive(Debug, Clone)]
pub(super) struct Parcel {
    pub stream: String,
    frames: [Option<Frame>; 2],
}

impl Frame {
    pub(super) fn new(stream: &str, data: &str) -> Self {
        let text = format!(r#"{{"stream":"{stream}","data":{data}}}"#);
        let end = text.len() - 1;
        Self { data: end - data.len()..end, text: text.into() }
    }

    pub(super) fn text(&self, envelope: Envelope) -> Utf8Bytes {
        match envelope {
            Envelope::Combined => self.text.clone(),
            Envelope::Raw => self.text.get(self.data.clone()).unwrap_or_default().into(),
        }
    }

    /// The frame with its first colon inside the data made a semicolon: no JSON any more.
    fn malformed(&self) -> Self {
        let (head, data) = self.text.split_at_checked(self.data.start).unwrap_or_default();
        Self { text: format!("{head}{}", data.replacen(':', ";", 1)).into(), data: self.data.clone() }
    }

    /// The frame of a best bid and ask with another digit before the bid's quantity.
    fn mistaken(&self) -> Self {
        let (head, data) = self.text.split_at_checked(self.data.start).unwrap_or_default();
        let text = format!("{head}{}", data.replacen(r#""B":""#, r#""B":"9"#, 1));
        Self { data: self.data.start..self.data.end + text.len() - self.text.len(), text: text.into() }
    }

    /// The frame without its second half.
    fn truncated(&self) -> Self {
        let middle = self.data.start + self.data.len() / 2;
        let text = self.text.get(..middle).unwrap_or_default();
        Self { text: text.into(), data: self.data.start..text.len() }
    }
}

impl Parcel {
    /// `body` gives the data in a unit of time; it is asked for those of the audience only.
    pub(super) fn new(stream: String, audience: [bool; 2], body: impl Fn(TimeUnit) -> String) -> Self {
        let frame = |unit: TimeUnit| Frame::new(&stream, &body(unit));
        let [milliseconds, microseconds] = audience;
        let frames = [
            milliseconds.then(|| frame(TimeUnit::Milliseconds)),
            microseconds.then(|| frame(TimeUnit::Microseconds)),
        ];
        Self { stream, frames }
    }

    pub(super) fn malformed(self) -> Self {
        Self { frames: self.frames.map(|frame| frame.map(|frame| frame.malformed())), ..self }
    }

    pub(super) fn mistaken(self) -> Self {
        Self { frames: self.frames.map(|frame| frame.map(|frame| frame.mistaken())), ..self }
    }

    pub(super) fn truncated(self) -> Self {
        Self { frames: self.frames.map(|frame| frame.map(|frame| frame.truncated())), ..self }
    }

    pub(super) fn frame(&self, unit: TimeUnit) -> Option<&Frame> {
        let [milliseconds, microseconds] = &self.frames;
        match unit {
            TimeUnit::Milliseconds => milliseconds.as_ref(),
            TimeUnit::Microseconds => microseconds.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_shows_in_both_envelopes() {
        let frame = Frame::new("a@trade", r#"{"e":"trade"}"#);
        assert_eq!(frame.malformed().text(Envelope::Raw).as_str(), r#"{"e";"trade"}"#);
        assert_eq!(frame.truncated().text(Envelope::Raw).as_str(), r#"{"e":""#);
        assert_eq!(
            frame.truncated().text(Envelope::Combined).as_str(),
            r#"{"stream":"a@trade","data":{"e":""#
        );
    }

    #[test]
    fn a_mistake_leaves_a_whole_message() {
        let frame = Frame::new("a@bookTicker", r#"{"b":"2.5","B":"1","a":"2.6","A":"3"}"#);
        let wrong = r#"{"b":"2.5","B":"91","a":"2.6","A":"3"}"#;
        assert_eq!(frame.mistaken().text(Envelope::Raw).as_str(), wrong);
        assert_eq!(frame.mistaken().text(Envelope::Combined), Frame::new("a@bookTicker", wrong).text);
    }
}
