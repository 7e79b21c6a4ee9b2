//! Where a broker is.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

const SCHEME: &str = "kafka://";

/// Brokers of one cluster to begin with, as `kafka://HOST:PORT[,HOST:PORT…]`; they name the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brokers {
    /// `HOST:PORT`, separated by commas, as Kafka's clients want them.
    list: String,
}

/// Why a text names no brokers.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} names no brokers: expected kafka://HOST:PORT, or several separated by commas")]
pub struct BrokersError {
    text: String,
}

impl Brokers {
    /// Takes `HOST:PORT[,HOST:PORT…]`.
    ///
    /// # Errors
    /// [`BrokersError`] where a host or a port is missing.
    pub fn of_list(list: &str) -> Result<Self, BrokersError> {
        let is_broker = |broker: &str| {
            broker.rsplit_once(':').is_some_and(|(host, port)| {
                !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
            })
        };
        if list.split(',').all(is_broker) {
            Ok(Self { list: list.to_owned() })
        } else {
            Err(BrokersError { text: list.to_owned() })
        }
    }

    /// `HOST:PORT`, separated by commas.
    #[must_use]
    pub fn list(&self) -> &str {
        &self.list
    }
}

impl FromStr for Brokers {
    type Err = BrokersError;

    fn from_str(text: &str) -> Result<Self, BrokersError> {
        let named = || BrokersError { text: text.to_owned() };
        Self::of_list(text.strip_prefix(SCHEME).ok_or_else(named)?).map_err(|_| named())
    }
}

impl fmt::Display for Brokers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{SCHEME}{}", self.list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown() {
        let text = "kafka://one:9092,[::1]:9093";
        let brokers: Brokers = text.parse().unwrap();
        assert_eq!(brokers.list(), "one:9092,[::1]:9093");
        assert_eq!(brokers.to_string(), text);
    }

    #[test]
    fn what_lacks_a_host_or_a_port_is_refused() {
        for text in [
            "",
            "kafka://",
            "one:9092",
            "kafka://one",
            "kafka://one:0",
            "kafka://:1",
            "kafka://a:1,",
            "http://a:1",
        ] {
            let refused = text.parse::<Brokers>().unwrap_err();
            assert!(refused.to_string().contains(&format!("{text:?}")), "{refused}");
        }
    }
}
