//! Which part of the way from venue to lake a process takes on.

use std::str::FromStr;

use anyhow::{Result, bail};

use crate::log_address::LogAddress;

/// The roles of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Roles {
    /// The whole way.
    #[default]
    All,
    /// From the venue to the log: books, features and bars, and the board.
    Ingest,
    /// From the log to the lake. Several such processes share the partitions.
    Lake,
    /// From the lake to clients.
    Query,
}

impl Roles {
    pub const fn carry_to_lake(self) -> bool {
        matches!(self, Self::All | Self::Lake)
    }

    /// # Errors
    /// Where the parts are taken apart but the log is one that only this process can reach.
    pub fn check(self, log: &LogAddress) -> Result<()> {
        if self != Self::All && *log == LogAddress::Embedded {
            bail!(
                "roles that are taken apart need a log that all of them reach: --log kafka://HOST:PORT; the embedded log is this process's own"
            );
        }
        Ok(())
    }
}

impl FromStr for Roles {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (mut ingest, mut lake, mut query) = (false, false, false);
        for role in text.split(',') {
            match role.trim() {
                "ingest" => ingest = true,
                "lake" => lake = true,
                "query" => query = true,
                other => {
                    return Err(format!(
                        "unknown role {other:?}: expected ingest, lake or query, several as ingest,lake"
                    ));
                }
            }
        }
        // Whoever keeps books serves them too, so that `query` beside other roles says nothing new.
        Ok(match (ingest, lake) {
            (true, false) => Self::Ingest,
            (false, false) if query => Self::Query,
            (false, _) => Self::Lake,
            (true, true) => Self::All,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_named_alone_or_together() {
        for (text, roles) in [
            ("ingest", Roles::Ingest),
            ("lake", Roles::Lake),
            ("lake, ingest", Roles::All),
            ("ingest,lake", Roles::All),
            ("ingest,lake,query", Roles::All),
            ("query", Roles::Query),
        ] {
            assert_eq!(text.parse(), Ok(roles), "{text}");
        }
        for text in ["", "queries", "ingest,", "ingest;lake"] {
            assert!(text.parse::<Roles>().unwrap_err().contains("expected ingest, lake"), "{text}");
        }
    }

    #[test]
    fn only_what_is_together_can_use_the_embedded_log() {
        let broker = LogAddress::Kafka("kafka://host:9092".parse().unwrap());
        assert!(Roles::All.check(&LogAddress::Embedded).is_ok());
        for roles in [Roles::Ingest, Roles::Lake] {
            assert!(roles.check(&broker).is_ok());
            assert!(roles.check(&LogAddress::Embedded).unwrap_err().to_string().contains("kafka://"));
        }
    }
}
