//! Faults the venue can be asked for, each by name, and the text they are asked in.
//!
//! `dropped-diff:symbol=BTCUSDT,every=500` is a fault: a name, then settings. Without a trigger (`at`, `every`,
//! `probability`) it happens once, at the next opportunity. A fault touches only what its name says.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaultKind {
    /// A depth diff reaches no client; the venue's own book has it.
    DroppedDiff,
    /// A depth diff comes twice.
    DuplicatedDiff,
    /// A depth diff comes after the one that follows it.
    SwappedDiffs,
    /// A frame that is no JSON.
    MalformedFrame,
    /// A frame that ends in the middle.
    TruncatedFrame,
    /// The TCP connection ends without a close frame.
    Disconnect,
    /// The connection stays open, but the venue neither sends nor answers.
    HalfOpen,
    /// A depth request is answered with an old book.
    StaleSnapshot,
    /// A depth request is answered late.
    SlowSnapshot,
    /// A request is answered 429 although the weight is not used up.
    TooManyRequests,
    /// The address is banned: 418 until the ban is over.
    Banned,
    /// The venue announces its shutdown and closes the connections a little later.
    ServerShutdown,
    /// The tick becomes ten times finer, in `exchangeInfo` and in the prices.
    TickSizeChange,
    /// The symbol's status is HALT and no frame of it is sent, until it resumes.
    SymbolHalt,
    /// A request for the venue's time is answered with one that is ahead by the fault's length.
    WrongClock,
    /// A best bid and ask comes with a quantity that the venue's own book does not have.
    WrongTicker,
}

impl FaultKind {
    pub const ALL: [Self; 16] = [
        Self::DroppedDiff,
        Self::DuplicatedDiff,
        Self::SwappedDiffs,
        Self::MalformedFrame,
        Self::TruncatedFrame,
        Self::Disconnect,
        Self::HalfOpen,
        Self::StaleSnapshot,
        Self::SlowSnapshot,
        Self::TooManyRequests,
        Self::Banned,
        Self::ServerShutdown,
        Self::TickSizeChange,
        Self::SymbolHalt,
        Self::WrongClock,
        Self::WrongTicker,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DroppedDiff => "dropped-diff",
            Self::DuplicatedDiff => "duplicated-diff",
            Self::SwappedDiffs => "swapped-diffs",
            Self::MalformedFrame => "malformed-frame",
            Self::TruncatedFrame => "truncated-frame",
            Self::Disconnect => "disconnect",
            Self::HalfOpen => "half-open",
            Self::StaleSnapshot => "stale-snapshot",
            Self::SlowSnapshot => "slow-snapshot",
            Self::TooManyRequests => "too-many-requests",
            Self::Banned => "banned",
            Self::ServerShutdown => "server-shutdown",
            Self::TickSizeChange => "tick-size-change",
            Self::SymbolHalt => "symbol-halt",
            Self::WrongClock => "wrong-clock",
            Self::WrongTicker => "wrong-ticker",
        }
    }

    /// What counts as one opportunity for a fault of this kind.
    pub(super) const fn opportunity(self) -> Opportunity {
        match self {
            Self::DroppedDiff | Self::DuplicatedDiff | Self::SwappedDiffs => Opportunity::Diff,
            Self::MalformedFrame
            | Self::TruncatedFrame
            | Self::Disconnect
            | Self::HalfOpen
            | Self::ServerShutdown
            | Self::TickSizeChange
            | Self::SymbolHalt => Opportunity::Frame,
            Self::StaleSnapshot | Self::SlowSnapshot => Opportunity::DepthRequest,
            Self::TooManyRequests | Self::Banned => Opportunity::Request,
            Self::WrongClock => Opportunity::TimeRequest,
            Self::WrongTicker => Opportunity::Ticker,
        }
    }

    /// How long the fault lasts where nothing else is asked for; `None` where it has no length.
    const fn usual_length(self) -> Option<Duration> {
        match self {
            Self::SlowSnapshot | Self::SymbolHalt => Some(Duration::from_secs(2)),
            Self::WrongClock => Some(Duration::from_secs(5)),
            Self::TooManyRequests => Some(Duration::from_secs(1)),
            Self::Banned => Some(Duration::from_mins(2)),
            _ => None,
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for FaultKind {
    type Err = FaultError;

    fn from_str(name: &str) -> Result<Self, FaultError> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| FaultError::UnknownName {
            name: name.to_owned(),
            nearest: nearest(name, &names()),
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opportunity {
    Diff,
    Ticker,
    Frame,
    DepthRequest,
    TimeRequest,
    Request,
}

/// At which of its opportunities a fault happens. Counted from 1, of the fault's symbol if it names one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Trigger {
    /// Once, at the next opportunity.
    Next,
    /// Once, at the nth.
    At(u64),
    /// At every nth.
    Every(u64),
    /// At each with this probability, by the venue's seed.
    Probability(f64),
}

/// One fault as asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    pub kind: FaultKind,
    /// The only symbol it touches; any where `None`.
    pub symbol: Option<String>,
    pub trigger: Trigger,
    /// How long it lasts; zero for faults without a length.
    pub length: Duration,
}

impl Fault {
    /// A fault at the next opportunity, of the usual length.
    #[must_use]
    pub fn next(kind: FaultKind, symbol: Option<&str>) -> Self {
        Self {
            kind,
            symbol: symbol.map(str::to_ascii_uppercase),
            trigger: Trigger::Next,
            length: kind.usual_length().unwrap_or_default(),
        }
    }
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let (name, settings) = text.split_once(':').unwrap_or((text, ""));
        let mut fault = Self::next(name.parse()?, None);
        for setting in settings.split(',').filter(|setting| !setting.is_empty()) {
            let (key, value) = setting
                .split_once('=')
                .ok_or_else(|| FaultError::NotASetting { setting: setting.to_owned() })?;
            fault.set(key, value)?;
        }
        Ok(fault)
    }
}

const KEYS: [&str; 5] = ["symbol", "at", "every", "probability", "seconds"];

impl Fault {
    fn set(&mut self, key: &str, value: &str) -> Result<(), FaultError> {
        let wrong =
            |expected| FaultError::WrongValue { key: key.to_owned(), value: value.to_owned(), expected };
        let count = || {
            let parsed = value.parse::<u64>().ok().filter(|count| *count > 0);
            parsed.ok_or_else(|| wrong("a whole number above 0"))
        };
        match key {
            "symbol" if !value.is_empty() => self.symbol = Some(value.to_ascii_uppercase()),
            "symbol" => return Err(wrong("a symbol")),
            "at" => self.trigger = Trigger::At(count()?),
            "every" => self.trigger = Trigger::Every(count()?),
            "probability" => {
                let parsed = value.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
                self.trigger = Trigger::Probability(parsed.ok_or_else(|| wrong("a number from 0 to 1"))?);
            }
            "seconds" => {
                if self.kind.usual_length().is_none() {
                    return Err(FaultError::HasNoLength { kind: self.kind });
                }
                let parsed = value.parse::<f64>().ok().and_then(|s| Duration::try_from_secs_f64(s).ok());
                self.length = parsed.ok_or_else(|| wrong("a number of seconds"))?;
            }
            _ => {
                return Err(FaultError::UnknownKey { key: key.to_owned(), nearest: nearest(key, &KEYS) });
            }
        }
        Ok(())
    }
}

/// Why a text is no fault.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FaultError {
    #[error("unknown fault {name:?}; the nearest is {nearest:?}")]
    UnknownName { name: String, nearest: &'static str },
    #[error("unknown fault setting {key:?}; the nearest is {nearest:?}")]
    UnknownKey { key: String, nearest: &'static str },
    #[error("fault setting {setting:?} is not of the form key=value")]
    NotASetting { setting: String },
    #[error("fault setting {key}={value}: expected {expected}")]
    WrongValue { key: String, value: String, expected: &'static str },
    #[error("fault {kind} has no length: `seconds` does not apply")]
    HasNoLength { kind: FaultKind },
}

fn names() -> [&'static str; 16] {
    FaultKind::ALL.map(FaultKind::name)
}

/// The choice most like `word`.
fn nearest(word: &str, choices: &[&'static str]) -> &'static str {
    let distance = |choice: &&&str| strsim::damerau_levenshtein(&word.to_ascii_lowercase(), choice);
    choices.iter().min_by_key(distance).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_read_from_text() {
        let fault: Fault = "dropped-diff:symbol=btcusdt,every=500".parse().unwrap();
        assert_eq!(fault.kind, FaultKind::DroppedDiff);
        assert_eq!(fault.symbol.as_deref(), Some("BTCUSDT"));
        assert_eq!(fault.trigger, Trigger::Every(500));
        let halt: Fault = "symbol-halt:at=3,seconds=0.5".parse().unwrap();
        assert_eq!((halt.trigger, halt.length), (Trigger::At(3), Duration::from_millis(500)));
        assert_eq!("disconnect".parse::<Fault>().unwrap().trigger, Trigger::Next);
    }

    #[test]
    fn every_name_reads_back() {
        for kind in FaultKind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
    }

    #[test]
    fn errors_name_the_nearest_valid_word() {
        let name = "droped-dif".parse::<Fault>().unwrap_err();
        assert_eq!(name.to_string(), "unknown fault \"droped-dif\"; the nearest is \"dropped-diff\"");
        let key = "half-open:symbl=X".parse::<Fault>().unwrap_err();
        assert_eq!(key.to_string(), "unknown fault setting \"symbl\"; the nearest is \"symbol\"");
    }

    #[test]
    fn wrong_values_are_refused() {
        for text in [
            "disconnect:at=0",
            "disconnect:every=-1",
            "disconnect:probability=1.5",
            "disconnect:probability=NaN",
            "slow-snapshot:seconds=-1",
            "disconnect:seconds=1",
            "disconnect:at",
            "disconnect:symbol=",
        ] {
            assert!(text.parse::<Fault>().is_err(), "{text}");
        }
    }
}
