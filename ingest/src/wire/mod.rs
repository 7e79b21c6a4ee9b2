//! The venue's messages: what they say, in exact numbers, or why they cannot be used.
//!
//! [`peek`] reads off a message what is needed to route and to find it; [`Decoder`] decodes it whole. A decoder gives a
//! complete event or none: nothing of a bad message reaches a book. `scan` knows the venue's texts byte by byte and is
//! several times as fast as [`GeneralDecoder`], which knows JSON; what the one does not expect goes to the other.

mod cursor;
mod general;
mod instrument;
mod market;
mod numbers;
mod peek;
mod scales;
mod scan;
mod shape;
mod snapshot;

use std::fmt;

use depthlake_orderbook::decimal::DecimalError;
use depthlake_orderbook::record::DeadLetterReason;

pub use general::{GeneralDecoder, Kline};
pub use instrument::decode_instrument;
pub use market::Decoder;
pub use numbers::{NumberKind, NumberPlace, number_places};
pub use peek::{is_control_answer, peek, peek_snapshot};
pub use scales::NeededScales;
pub use snapshot::decode_snapshot;

/// The largest message taken: ten times the largest depth message that the venue's 5,000 levels can make.
pub const MAX_MESSAGE: usize = 8 << 20;

/// Why a message cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    pub reason: DeadLetterReason,
    /// What was found and what was expected.
    pub detail: String,
}

impl DecodeError {
    pub(crate) fn new(reason: DeadLetterReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }

    fn decimal(name: &str, text: &str, error: DecimalError) -> Self {
        let reason = match error {
            DecimalError::NotDecimal => DeadLetterReason::WrongType,
            DecimalError::Inexact { .. } | DecimalError::TooLarge { .. } => DeadLetterReason::Inexact,
        };
        Self::new(reason, format!("{name} {text:?} {error}"))
    }

    /// Tells JSON of the wrong shape from what is no JSON at all.
    fn json(payload: &[u8], error: &impl fmt::Display) -> Self {
        let reason = match serde_json::from_slice::<serde::de::IgnoredAny>(payload) {
            Ok(_) => DeadLetterReason::WrongType,
            Err(_) => DeadLetterReason::Malformed,
        };
        Self::new(reason, error.to_string())
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason.name(), self.detail)
    }
}

impl std::error::Error for DecodeError {}
