//! What clients ask for, and the topics that this means.

use depthlake_engine::board::LADDER_LEVELS;
use depthlake_orderbook::symbol::Symbol;
use serde::Deserialize;

use super::topic::{Channel, Pace, Topic};
use crate::access::Principal;
use crate::api::market::{MOST_LEVELS, known_symbol};
use crate::api::state::ApiState;
use crate::catalog::CATALOG;

const NO_EVENTS: &str =
    "trades and bars are streamed by the process that keeps the books; this one only reads its board";

/// A message of a client.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub(crate) enum ClientMessage {
    Subscribe(Wish),
    Unsubscribe(Wish),
    Ping {},
    Pong {},
}

/// What a client wants, or wants no more.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Wish {
    pub(crate) channel: Channel,
    /// Names, or `*` for all; all where nothing is given.
    #[serde(default)]
    pub(crate) symbols: Vec<String>,
    pub(crate) depth: Option<usize>,
    pub(crate) conflate_ms: Option<u64>,
}

impl ClientMessage {
    /// Reads a message; why it is none, in words for who wrote it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| {
            format!("not understood: {error}; expected {{\"op\":\"subscribe\",\"channel\":\"tickers\",\"symbols\":[\"*\"]}} or the like")
        })
    }
}

impl Wish {
    /// Refuses what somebody may not be told; names the schema.
    pub(crate) fn check(&self, principal: &Principal) -> Result<(), &'static str> {
        let denied = |schema: &&str| !principal.grants.reads(CATALOG, schema);
        self.channel.schema().filter(denied).map_or(Ok(()), Err)
    }

    /// The topics that are meant.
    pub(crate) fn topics(&self, state: &ApiState) -> Result<Vec<Topic>, String> {
        let milliseconds = self.conflate_ms.unwrap_or(0);
        let pace = Pace::of(milliseconds).ok_or_else(|| {
            format!("conflate_ms is {milliseconds}: expected 0 to {}", Pace::MOST_MILLISECONDS)
        })?;
        let depth = self.levels()?;
        let topic = |symbol| Topic { channel: self.channel, symbol, depth, pace };
        if matches!(self.channel, Channel::Trades | Channel::Bars) && !state.hears_events {
            return Err(NO_EVENTS.to_owned());
        }
        let wants_all = self.symbols.is_empty() || self.symbols.iter().any(|name| name == "*");
        match self.channel {
            Channel::Health => return Ok(vec![topic(None)]),
            Channel::Tickers if wants_all => return Ok(vec![topic(None)]),
            Channel::Tickers | Channel::Book | Channel::Trades | Channel::Bars => {}
        }
        let symbols = if wants_all { all(state)? } else { self.named(state)? };
        Ok(symbols.into_iter().map(|symbol| topic(Some(symbol))).collect())
    }

    fn levels(&self) -> Result<u16, String> {
        if self.channel != Channel::Book {
            return Ok(0);
        }
        let depth = self.depth.unwrap_or(LADDER_LEVELS);
        let levels = u16::try_from(depth).ok().filter(|_| (1..=MOST_LEVELS).contains(&depth));
        levels.ok_or_else(|| format!("depth is {depth}: expected 1 to {MOST_LEVELS}"))
    }

    fn named(&self, state: &ApiState) -> Result<Vec<Symbol>, String> {
        let named = self.symbols.iter().map(|name| known_symbol(state, name));
        named.collect::<Result<_, _>>().map_err(|problem| problem.detail().to_owned())
    }
}

fn all(state: &ApiState) -> Result<Vec<Symbol>, String> {
    let board = state.market.board().ok_or("there are no live books here yet")?;
    Ok(board.symbols().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read() {
        let parsed = ClientMessage::parse(
            r#"{"op":"subscribe","channel":"book","symbols":["btcusdt"],"depth":5,"conflate_ms":60}"#,
        );
        let expected = Wish {
            channel: Channel::Book,
            symbols: vec!["btcusdt".to_owned()],
            depth: Some(5),
            conflate_ms: Some(60),
        };
        assert_eq!(parsed, Ok(ClientMessage::Subscribe(expected)));
        assert_eq!(ClientMessage::parse(r#"{"op":"ping"}"#), Ok(ClientMessage::Ping {}));
    }

    #[test]
    fn what_is_not_understood_says_why() {
        for (text, part) in [
            ("", "EOF"),
            (r#"{"op":"buy"}"#, "unknown variant `buy`"),
            (r#"{"op":"subscribe"}"#, "missing field `channel`"),
            (r#"{"op":"subscribe","channel":"news"}"#, "unknown variant `news`"),
            (r#"{"op":"subscribe","channel":"book","depth":-1}"#, "invalid value"),
        ] {
            let error = ClientMessage::parse(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn paces_are_few() {
        assert_eq!(Pace::of(0), Some(Pace::AtOnce));
        assert_eq!(Pace::of(60), Some(Pace::Milliseconds(100)));
        assert_eq!(Pace::of(5_001), None);
    }
}
