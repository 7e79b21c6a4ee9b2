//! Names of trading pairs, held inline so that records copy without allocating.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A trading pair's name as the venue writes it, e.g. `BTCUSDT` or `BTCUSD_PERP`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol {
    bytes: [u8; Symbol::MAX_LENGTH],
    length: u8,
}

/// A symbol's place in the table that a component keeps of the symbols it handles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SymbolId(pub u32);

impl SymbolId {
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Why a text is not a symbol.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} is not a symbol: expected 1 to {max} of A-Z, a-z, 0-9, '-', '_' and '.'", max = Symbol::MAX_LENGTH)]
pub struct SymbolError {
    pub text: String,
}

impl Symbol {
    /// Venues allow 20 characters.
    pub const MAX_LENGTH: usize = 23;

    /// Upper-cases and checks `text`.
    ///
    /// # Errors
    /// [`SymbolError`] where the text is empty, too long, or has other characters than venues use.
    pub fn new(text: &str) -> Result<Self, SymbolError> {
        let refuse = || SymbolError { text: text.to_owned() };
        let length = u8::try_from(text.len()).map_err(|_| refuse())?;
        let mut bytes = [0; Self::MAX_LENGTH];
        let room = bytes.get_mut(..text.len()).ok_or_else(refuse)?;
        room.copy_from_slice(text.as_bytes());
        room.make_ascii_uppercase();
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        if text.is_empty() || !text.as_bytes().iter().all(allowed) {
            return Err(refuse());
        }
        Ok(Self { bytes, length })
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl FromStr for Symbol {
    type Err = SymbolError;

    fn from_str(text: &str) -> Result<Self, SymbolError> {
        Self::new(text)
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_upper_cased_and_checked() {
        assert_eq!(Symbol::new("btcusd_perp").unwrap().as_str(), "BTCUSD_PERP");
        assert_eq!(Symbol::new("BTCUSDT"), Symbol::new("btcusdt"));
        for text in ["", "BTC USDT", "BTC/USDT", "ÄÖÜ", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"] {
            assert!(Symbol::new(text).is_err(), "{text:?}");
        }
    }
}
