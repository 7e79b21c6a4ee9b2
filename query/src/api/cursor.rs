//! Where the next page begins, as a text that clients hand back and do not look into.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use depthlake_orderbook::time::Timestamp;

use super::extract::time_of;
use super::problem::Problem;

/// The mark of a cursor: no time begins so.
const MARK: &str = "c.";

/// The last row of a page: rows before it are on the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) time: Timestamp,
    /// What tells rows of the same time apart; 0 where one time has one row.
    pub(crate) id: i64,
}

impl Cursor {
    pub(crate) fn text(self) -> String {
        let mut bytes = [0; 16];
        let (time, id) = bytes.split_at_mut(8);
        time.copy_from_slice(&self.time.0.to_be_bytes());
        id.copy_from_slice(&self.id.to_be_bytes());
        format!("{MARK}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// A cursor, or a time, before which rows are wanted.
    pub(crate) fn parse(name: &str, text: &str) -> Result<Self, Problem> {
        let Some(encoded) = text.strip_prefix(MARK) else {
            return time_of(name, text).map(|time| Self { time, id: i64::MIN });
        };
        let decoded = URL_SAFE_NO_PAD.decode(encoded).ok().and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
        let [time, id] = decoded.map(halves).ok_or_else(|| {
            Problem::bad_request(format!("{name} is no cursor that this server has given: {text:?}"))
        })?;
        Ok(Self { time: Timestamp(time), id })
    }
}

fn halves(bytes: [u8; 16]) -> [i64; 2] {
    let half = |from: usize| {
        let mut half = [0; 8];
        for (place, byte) in half.iter_mut().zip(bytes.iter().skip(from)) {
            *place = *byte;
        }
        i64::from_be_bytes(half)
    };
    [half(0), half(8)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back() {
        for cursor in [
            Cursor { time: Timestamp(1_723_116_031_120_000_000), id: 7 },
            Cursor { time: Timestamp(-5), id: -1 },
        ] {
            assert_eq!(Cursor::parse("before", &cursor.text()).unwrap(), cursor);
        }
        let time = Cursor::parse("before", "2024-08-08T11:20:31.12Z").unwrap();
        assert_eq!(time.time, Timestamp(1_723_116_031_120_000_000));
        for text in ["", "c.", "c.AAAA", "c.!!", "yesterday"] {
            assert!(Cursor::parse("before", text).is_err(), "{text:?}");
        }
    }
}
