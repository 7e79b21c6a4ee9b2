//! Triggers as headers of records, little-endian at fixed places, so that an engine finds where it left off without
//! reading a value.

use depthlake_orderbook::frame::RawStream;
use depthlake_orderbook::record::Trigger;

/// The length of an encoded trigger: stream (1), partition (2), offset (8), ordinal (4).
pub const TRIGGER_LENGTH: usize = 15;

/// The header of a record derived from a raw message.
#[must_use]
pub fn encode_trigger(trigger: &Trigger) -> [u8; TRIGGER_LENGTH] {
    let mut bytes = [0; TRIGGER_LENGTH];
    bytes[0] = stream_number(trigger.stream);
    bytes[1..3].copy_from_slice(&trigger.partition.to_le_bytes());
    bytes[3..11].copy_from_slice(&trigger.offset.to_le_bytes());
    bytes[11..].copy_from_slice(&trigger.ordinal.to_le_bytes());
    bytes
}

/// The inverse of [`encode_trigger`]; `None` where the bytes are none of its results.
#[must_use]
pub fn decode_trigger(header: &[u8]) -> Option<Trigger> {
    let (&stream, rest) = header.split_first()?;
    let (partition, rest) = rest.split_first_chunk()?;
    let (offset, ordinal) = rest.split_first_chunk()?;
    Some(Trigger {
        stream: [RawStream::Orderbook, RawStream::Trade].into_iter().find(|&s| stream_number(s) == stream)?,
        partition: u16::from_le_bytes(*partition),
        offset: u64::from_le_bytes(*offset),
        ordinal: u32::from_le_bytes(ordinal.try_into().ok()?),
    })
}

/// These numbers are in logs: never renumber.
const fn stream_number(stream: RawStream) -> u8 {
    match stream {
        RawStream::Orderbook => 0,
        RawStream::Trade => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triggers_survive_encoding() {
        for stream in [RawStream::Orderbook, RawStream::Trade] {
            let trigger = Trigger { stream, partition: 0x1234, offset: u64::MAX - 1, ordinal: 0x89ab_cdef };
            assert_eq!(decode_trigger(&encode_trigger(&trigger)), Some(trigger));
        }
    }

    #[test]
    fn other_bytes_are_no_trigger() {
        assert_eq!(decode_trigger(&[]), None);
        assert_eq!(decode_trigger(&[0; TRIGGER_LENGTH - 1]), None);
        assert_eq!(decode_trigger(&[0; TRIGGER_LENGTH + 1]), None);
        assert_eq!(decode_trigger(&[2; TRIGGER_LENGTH]), None);
    }
}
