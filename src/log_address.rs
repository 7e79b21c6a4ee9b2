//! Where the log is.

use std::str::FromStr;

use depthlake_lake::log::{Brokers, BrokersError};
use serde::Deserialize;

/// The log as a user names it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub enum LogAddress {
    /// In the data folder.
    #[default]
    Embedded,
    /// At a Kafka-compatible broker.
    Kafka(Brokers),
}

impl FromStr for LogAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "embedded" => Ok(Self::Embedded),
            _ => text.parse().map(Self::Kafka).map_err(|_: BrokersError| {
                format!("unknown log {text:?}: expected embedded or kafka://HOST:PORT[,HOST:PORT…]")
            }),
        }
    }
}

impl TryFrom<String> for LogAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_embedded_or_at_a_broker() {
        assert_eq!("embedded".parse(), Ok(LogAddress::Embedded));
        let brokers = "kafka://one:9092,two:9092";
        assert_eq!(brokers.parse(), Ok(LogAddress::Kafka(brokers.parse().unwrap())));
        for text in ["", "kafka", "one:9092", "kafka://one"] {
            assert!(text.parse::<LogAddress>().unwrap_err().contains("kafka://HOST:PORT"), "{text}");
        }
    }
}
