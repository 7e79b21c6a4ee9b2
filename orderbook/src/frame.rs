//! Raw messages as they came, with what is needed to find and to order them.

use crate::symbol::Symbol;
use crate::time::Timestamp;

/// What a raw message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FrameKind {
    /// Changes to a book, from the depth stream.
    DepthUpdate = 1,
    /// The venue's own best bid and ask.
    BookTicker = 2,
    Trade = 3,
    AggregateTrade = 4,
    /// The venue's own bars.
    Kline = 5,
    /// A book from the REST interface.
    Snapshot = 6,
    /// A pair's entry of `exchangeInfo`.
    Instrument = 7,
    /// What a connection could not make sense of.
    Unknown = 8,
    /// Ours: the engine started; books begin anew after it.
    SessionStart = 9,
    /// Ours: a connection was lost and its streams with it.
    Disconnected = 10,
    /// Ours: a connection stands again.
    Reconnected = 11,
    /// Ours: a symbol was silent for longer than is usual for it.
    Silent = 12,
    /// Ours: a recording ended; no bar waits for more trades.
    StreamEnd = 13,
}

/// The two streams of raw messages. Books come from one alone and bars from the other, so that each can be derived
/// again from its own order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RawStream {
    Orderbook,
    Trade,
}

impl FrameKind {
    pub const ALL: [Self; 13] = [
        Self::DepthUpdate,
        Self::BookTicker,
        Self::Trade,
        Self::AggregateTrade,
        Self::Kline,
        Self::Snapshot,
        Self::Instrument,
        Self::Unknown,
        Self::SessionStart,
        Self::Disconnected,
        Self::Reconnected,
        Self::Silent,
        Self::StreamEnd,
    ];

    /// The kind's name in the lake.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DepthUpdate => "depth_update",
            Self::BookTicker => "book_ticker",
            Self::Trade => "trade",
            Self::AggregateTrade => "agg_trade",
            Self::Kline => "kline",
            Self::Snapshot => "snapshot",
            Self::Instrument => "instrument",
            Self::Unknown => "unknown",
            Self::SessionStart => "session_start",
            Self::Disconnected => "disconnected",
            Self::Reconnected => "reconnected",
            Self::Silent => "silent",
            Self::StreamEnd => "stream_end",
        }
    }

    /// The streams that keep messages of this kind. Both need to know instruments and where a session began.
    #[must_use]
    pub const fn streams(self) -> &'static [RawStream] {
        match self {
            Self::Trade | Self::AggregateTrade | Self::Kline | Self::StreamEnd => &[RawStream::Trade],
            Self::Instrument | Self::SessionStart => &[RawStream::Orderbook, RawStream::Trade],
            _ => &[RawStream::Orderbook],
        }
    }
}

/// What was read off a message in passing, without decoding it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope {
    pub kind: FrameKind,
    pub symbol: Option<Symbol>,
    pub received: Timestamp,
    /// The venue's time (`E`), where the message has one.
    pub event_time: Option<Timestamp>,
    /// `U` of a depth event, or the trade's number.
    pub first_id: Option<u64>,
    /// `u` of a depth event or book ticker, `lastUpdateId` of a snapshot.
    pub last_id: Option<u64>,
}

impl Envelope {
    /// The length of [`Envelope::encode`]'s result. The symbol is not in it: it is the record's key.
    pub const ENCODED: usize = 33;
    /// Ids and times of the venue are never negative, so this stands for "none".
    const ABSENT: i64 = -1;

    /// A message of ours about a whole stream.
    #[must_use]
    pub const fn own(kind: FrameKind, symbol: Option<Symbol>, received: Timestamp) -> Self {
        Self { kind, symbol, received, event_time: None, first_id: None, last_id: None }
    }

    /// Kind, receive time, event time, first and last id, little-endian.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::ENCODED] {
        let id = |id: Option<u64>| id.and_then(|id| i64::try_from(id).ok()).unwrap_or(Self::ABSENT);
        let fields = [
            self.received.0,
            self.event_time.map_or(Self::ABSENT, |time| time.0),
            id(self.first_id),
            id(self.last_id),
        ];
        let mut bytes = [0; Self::ENCODED];
        bytes[0] = self.kind as u8;
        for (chunk, field) in bytes[1..].chunks_exact_mut(8).zip(fields) {
            chunk.copy_from_slice(&field.to_le_bytes());
        }
        bytes
    }

    /// The inverse of [`Envelope::encode`]; `None` where the bytes are none of its results.
    #[must_use]
    pub fn decode(bytes: &[u8], symbol: Option<Symbol>) -> Option<Self> {
        let bytes: &[u8; Self::ENCODED] = bytes.try_into().ok()?;
        let kind = FrameKind::ALL.into_iter().find(|&kind| kind as u8 == bytes[0])?;
        let field = |index: usize| {
            let chunk = bytes[1 + 8 * index..][..8].try_into().ok()?;
            Some(i64::from_le_bytes(chunk))
        };
        let id = |index| field(index).and_then(|id| u64::try_from(id).ok());
        Some(Self {
            kind,
            symbol,
            received: Timestamp(field(0)?),
            event_time: field(1).filter(|&time| time != Self::ABSENT).map(Timestamp),
            first_id: id(2),
            last_id: id(3),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelopes_survive_encoding() {
        let symbol = Symbol::new("BTCUSDT").ok();
        for kind in FrameKind::ALL {
            for envelope in [
                Envelope::own(kind, symbol, Timestamp(5)),
                Envelope {
                    event_time: Some(Timestamp(7)),
                    first_id: Some(0),
                    last_id: Some(9),
                    ..Envelope::own(kind, None, Timestamp(1))
                },
            ] {
                assert_eq!(Envelope::decode(&envelope.encode(), envelope.symbol), Some(envelope));
            }
        }
        assert_eq!(Envelope::decode(&[0; Envelope::ENCODED], None), None);
        assert_eq!(Envelope::decode(&[1; 5], None), None);
    }
}
