//! Which venue is meant.

use std::str::FromStr;

use anyhow::{Result, bail};
use depthlake_ingest::live::Endpoints;
use depthlake_ingest::product::Product;
use serde::Deserialize;

/// A venue as a user names it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub enum Venue {
    /// A venue of generated markets in this process.
    #[default]
    Simulated,
    Binance,
    BinanceUs,
    /// Anything that speaks the protocol: a testnet, a proxy, `depthlake sim` elsewhere.
    At {
        websocket: String,
        rest: String,
    },
}

impl Venue {
    /// Where the venue is found; `None` for the simulated one, which is found where it was started.
    pub fn endpoints(&self, product: Product) -> Result<Option<Endpoints>> {
        Ok(match self {
            Self::Simulated => None,
            Self::Binance => Some(Endpoints::binance(product)),
            Self::BinanceUs if product != Product::Spot => {
                bail!("binance-us has spot markets only, not {product}")
            }
            Self::BinanceUs => Some(Endpoints::binance_us()),
            Self::At { websocket, rest } => {
                Some(Endpoints { websocket: websocket.clone(), trades_websocket: None, rest: rest.clone() })
            }
        })
    }
}

impl FromStr for Venue {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const NAMES: [&str; 3] = ["sim", "binance", "binance-us"];
        match text {
            "sim" => Ok(Self::Simulated),
            "binance" => Ok(Self::Binance),
            "binance-us" => Ok(Self::BinanceUs),
            _ => match text.split_once(',') {
                Some((websocket, rest)) if websocket.starts_with("ws") && rest.starts_with("http") => {
                    let base = |url: &str| url.trim_end_matches('/').to_owned();
                    Ok(Self::At { websocket: base(websocket), rest: base(rest) })
                }
                _ => {
                    let nearest =
                        NAMES.into_iter().min_by_key(|name| strsim::damerau_levenshtein(text, name));
                    Err(format!(
                        "unknown venue {text:?}: expected sim, binance, binance-us or WS_URL,REST_URL; the nearest is {}",
                        nearest.unwrap_or_default()
                    ))
                }
            },
        }
    }
}

impl TryFrom<String> for Venue {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn venues_are_named_or_given_by_their_addresses() {
        assert_eq!("sim".parse(), Ok(Venue::Simulated));
        let at =
            Venue::At { websocket: "ws://127.0.0.1:9".to_owned(), rest: "http://127.0.0.1:9".to_owned() };
        assert_eq!("ws://127.0.0.1:9/,http://127.0.0.1:9".parse(), Ok(at));
        assert!("binanse".parse::<Venue>().unwrap_err().ends_with("the nearest is binance"));
        assert!("http://x,ws://y".parse::<Venue>().is_err());
    }
}
