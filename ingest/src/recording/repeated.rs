//! A recording again and again, as if the market had gone on: ids and times of each repetition lie behind those of the one
//! before, and not another byte differs.
//!
//! Between repetitions ids are missing, as after a lost connection, so books are built anew from the recording's snapshots.
//! Times move by whole minutes, so that bars are the same minutes again.

use std::num::NonZeroU32;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use depthlake_orderbook::frame::{Envelope, FrameKind};
use depthlake_orderbook::time::Timestamp;

use super::{Frames, RecordedFrame, RecordingError};
use crate::wire::{NumberKind, NumberPlace, number_places};

const NANOSECONDS_PER_MINUTE: i64 = 60_000_000_000;
const NANOSECONDS_PER_MILLISECOND: i64 = 1_000_000;
/// Payloads are cut from pieces of memory of this size.
const PIECE: usize = 1 << 20;
/// Room for the digits of any number, beyond the length of a payload.
const ROOM: usize = 160;

/// Repeats frames, which it holds in memory. What could not be read is told in the first repetition only.
pub(super) fn repeated(frames: Frames, times: NonZeroU32) -> Frames {
    let mut kept = Vec::new();
    let mut lost = Vec::new();
    for frame in frames {
        match frame {
            Ok(frame) => kept.push(Template::of(frame)),
            Err(error) => lost.push(error),
        }
    }
    let step = Step::over(&kept);
    let templates: Arc<[Template]> = kept.into();
    let lost = lost.into_iter().map(Err::<RecordedFrame, RecordingError>);
    let again = (0..times.get()).flat_map(move |number| Repetition {
        templates: Arc::clone(&templates),
        next: 0,
        shift: step.times(number),
        piece: BytesMut::new(),
    });
    Box::new(again.map(Ok).chain(lost))
}

/// By how much ids and times differ from those recorded.
#[derive(Debug, Clone, Copy, Default)]
struct Step {
    update_ids: u64,
    trade_ids: u64,
    nanoseconds: i64,
}

#[derive(Debug)]
struct Template {
    frame: RecordedFrame,
    places: Vec<NumberPlace>,
}

#[derive(Debug)]
struct Repetition {
    templates: Arc<[Template]>,
    next: usize,
    shift: Step,
    /// What payloads are cut from.
    piece: BytesMut,
}

impl Step {
    /// The step that puts everything behind everything.
    fn over(templates: &[Template]) -> Self {
        let span = |kind| {
            let values =
                || templates.iter().flat_map(|t| &t.places).filter(|p| p.kind == kind).map(|p| p.value);
            values().max().zip(values().min()).map_or(0, |(most, least)| most - least + 1)
        };
        let received = || templates.iter().map(|template| template.frame.envelope.received);
        let duration = received().max().zip(received().min()).map_or(0, |(last, first)| last - first);
        // One minute more than it needs: no minute has trades of two repetitions.
        let minutes = duration / NANOSECONDS_PER_MINUTE + 2;
        Self {
            update_ids: span(NumberKind::UpdateId),
            trade_ids: span(NumberKind::TradeId),
            nanoseconds: minutes * NANOSECONDS_PER_MINUTE,
        }
    }

    fn times(self, number: u32) -> Self {
        Self {
            update_ids: self.update_ids.saturating_mul(number.into()),
            trade_ids: self.trade_ids.saturating_mul(number.into()),
            nanoseconds: self.nanoseconds.saturating_mul(number.into()),
        }
    }

    fn id(self, kind: FrameKind) -> u64 {
        match kind {
            FrameKind::Trade | FrameKind::AggregateTrade | FrameKind::Kline => self.trade_ids,
            _ => self.update_ids,
        }
    }

    fn time(self, time: Timestamp) -> Timestamp {
        Timestamp(time.0.saturating_add(self.nanoseconds))
    }

    fn number(self, place: &NumberPlace) -> u64 {
        let shift = match place.kind {
            NumberKind::UpdateId => self.update_ids,
            NumberKind::TradeId => self.trade_ids,
            NumberKind::Time => {
                (self.nanoseconds / NANOSECONDS_PER_MILLISECOND).unsigned_abs()
                    * place.units_per_millisecond()
            }
        };
        place.value.saturating_add(shift)
    }

    fn envelope(self, envelope: &Envelope) -> Envelope {
        let id = |id: Option<u64>| id.map(|id| id.saturating_add(self.id(envelope.kind)));
        Envelope {
            received: self.time(envelope.received),
            event_time: envelope.event_time.map(|time| self.time(time)),
            first_id: id(envelope.first_id),
            last_id: id(envelope.last_id),
            ..*envelope
        }
    }
}

impl Template {
    fn of(frame: RecordedFrame) -> Self {
        Self { places: number_places(&frame.payload), frame }
    }
}

impl Repetition {
    fn payload(&mut self, template: usize) -> Bytes {
        let Some(Template { frame, places }) = self.templates.get(template) else { return Bytes::new() };
        let text = &frame.payload;
        if self.piece.capacity() < text.len() + ROOM {
            self.piece = BytesMut::with_capacity(PIECE.max(text.len() + ROOM));
        }
        let mut from = 0;
        for place in places {
            self.piece.extend_from_slice(text.get(from..place.at).unwrap_or_default());
            put_number(&mut self.piece, self.shift.number(place));
            from = place.at + place.digits;
        }
        self.piece.extend_from_slice(text.get(from..).unwrap_or_default());
        self.piece.split().freeze()
    }
}

impl Iterator for Repetition {
    type Item = RecordedFrame;

    fn next(&mut self) -> Option<RecordedFrame> {
        let number = self.next;
        let envelope = self.shift.envelope(&self.templates.get(number)?.frame.envelope);
        self.next += 1;
        Some(RecordedFrame { envelope, payload: self.payload(number) })
    }
}

/// Writes a number's digits.
fn put_number(text: &mut BytesMut, mut number: u64) {
    let mut digits = [0; 20];
    let mut first = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10).to_le_bytes()[0];
        number /= 10;
        first -= 1;
        if number == 0 {
            break;
        }
    }
    text.put_slice(digits.get(first..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire;

    fn frame(payload: &str, received: i64) -> RecordedFrame {
        let payload = Bytes::copy_from_slice(payload.as_bytes());
        RecordedFrame { envelope: wire::peek(&payload, Timestamp(received)), payload }
    }

    fn texts(frames: Frames) -> Vec<String> {
        let text = |frame: Result<RecordedFrame, _>| {
            let frame = frame.unwrap();
            let envelope = wire::peek(&frame.payload, frame.envelope.received);
            assert_eq!(envelope, frame.envelope, "the envelope is that of the text");
            String::from_utf8(frame.payload.to_vec()).unwrap()
        };
        frames.map(text).collect()
    }

    #[test]
    fn ids_and_times_go_on_and_nothing_else_changes() {
        let depth = |id: u64, time: u64| {
            format!(
                r#"{{"e":"depthUpdate","E":{time},"s":"X","U":{id},"u":{},"b":[["1","2"]],"a":[]}}"#,
                id + 1
            )
        };
        let trade = |id: u64, time: u64| {
            format!(r#"{{"e":"trade","E":{time},"s":"X","t":{id},"p":"1","q":"2","T":{time},"m":true}}"#)
        };
        let recorded = [frame(&depth(97, 1_000), 0), frame(&trade(9, 1_050), 61_000_000_000)];
        let three = repeated(Box::new(recorded.into_iter().map(Ok)), NonZeroU32::new(3).unwrap());
        let expected = [
            (depth(97, 1_000), trade(9, 1_050)),
            (depth(99, 181_000), trade(10, 181_050)),
            (depth(101, 361_000), trade(11, 361_050)),
        ];
        assert_eq!(texts(three), expected.into_iter().flat_map(|(d, t)| [d, t]).collect::<Vec<_>>());
    }

    #[test]
    fn numbers_are_written_as_everybody_writes_them() {
        for number in [0, 7, 10, 99, 1_000, u64::MAX] {
            let mut text = BytesMut::new();
            put_number(&mut text, number);
            assert_eq!(text, number.to_string().as_bytes());
        }
    }
}
