//! The configuration file. Flags and the environment go before it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use depthlake_lake::address::Secret;
use depthlake_orderbook::symbol::Symbol;
use depthlake_query::health::Targets;
use serde::Deserialize;

use crate::log_address::LogAddress;
use crate::serve::ServeConfiguration;
use crate::venue::Venue;

/// What is read where no other file is named, if it is there.
const DEFAULT_FILE: &str = "depthlake.toml";

/// The file as it is written; `depthlake.toml` in the repository explains each option.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Configuration {
    pub venue: Option<Venue>,
    pub product: Option<String>,
    pub symbols: Vec<String>,
    pub data: Option<PathBuf>,
    pub seed: Option<u64>,
    pub rate: Option<f64>,
    pub engine: EngineConfiguration,
    pub lake: LakeConfiguration,
    pub serve: ServeConfiguration,
    pub health: HealthConfiguration,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineConfiguration {
    pub shards: Option<usize>,
    pub idle: Option<String>,
    pub pin: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LakeConfiguration {
    /// May hold a password.
    pub catalog: Option<Secret>,
    pub catalog_token: Option<Secret>,
    pub warehouse: Option<String>,
    pub s3: S3Configuration,
    pub log: Option<LogAddress>,
    pub partitions: Option<u16>,
    pub commit_seconds: Option<f64>,
    pub schema_registry: Option<String>,
    pub maintenance_seconds: Option<f64>,
    pub snapshot_minutes: Option<f64>,
    pub keep_days: BTreeMap<String, u32>,
    pub reconcile_minutes: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct S3Configuration {
    pub endpoint: Option<String>,
    pub region: Option<String>,
    pub access_key_id: Option<String>,
    pub secret_access_key: Option<Secret>,
}

/// What is promised, and judged while the program runs.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HealthConfiguration {
    pub freshness_seconds: Option<f64>,
    pub freshness_seconds_of: BTreeMap<String, f64>,
    pub commit_age_seconds: Option<f64>,
    pub gaps_per_hour: Option<f64>,
    pub api_p95_ms: Option<f64>,
}

impl HealthConfiguration {
    /// The promises, those that are not set at their defaults.
    pub fn targets(&self) -> Result<Targets> {
        let above_nothing = |name: &str, value: f64, seconds: f64| {
            let duration = Duration::try_from_secs_f64(seconds).ok().filter(|duration| !duration.is_zero());
            duration.with_context(|| format!("health.{name} is {value}: expected a number above 0"))
        };
        let seconds = |name: &str, value: f64| above_nothing(name, value, value);
        let mut targets = Targets::default();
        if let Some(fresh) = self.freshness_seconds {
            targets.feed.freshness = seconds("freshness_seconds", fresh)?;
        }
        for (name, &fresh) in &self.freshness_seconds_of {
            let symbol = Symbol::new(name)
                .with_context(|| format!("health.freshness_seconds_of.{name}: expected a symbol"))?;
            let fresh = seconds(&format!("freshness_seconds_of.{name}"), fresh)?;
            targets.feed.freshness_of.insert(symbol, fresh);
        }
        if let Some(age) = self.commit_age_seconds {
            targets.commit_age = seconds("commit_age_seconds", age)?;
        }
        if let Some(gaps) = self.gaps_per_hour {
            if !gaps.is_finite() || gaps < 0.0 {
                bail!("health.gaps_per_hour is {gaps}: expected a number of at least 0");
            }
            targets.feed.gaps_per_hour = gaps;
        }
        if let Some(milliseconds) = self.api_p95_ms {
            targets.api_p95 = above_nothing("api_p95_ms", milliseconds, milliseconds / 1e3)?;
        }
        Ok(targets)
    }

    /// Whether every symbol of which something is promised is one of those that are followed.
    pub fn check_symbols(&self, followed: &[Symbol]) -> Result<()> {
        for name in self.freshness_seconds_of.keys() {
            if Symbol::new(name).is_ok_and(|symbol| followed.contains(&symbol)) {
                continue;
            }
            let nearest = followed.iter().min_by_key(|symbol| {
                strsim::damerau_levenshtein(&name.to_ascii_uppercase(), symbol.as_str())
            });
            let nearest = nearest.map_or_else(String::new, |symbol| format!("; the nearest is {symbol}"));
            bail!(
                "health.freshness_seconds_of.{name}: expected one of the symbols that are followed{nearest}"
            );
        }
        Ok(())
    }
}

impl Configuration {
    /// Reads `file`, or the default file where none is named.
    pub fn read(file: Option<&Path>) -> Result<Self> {
        let path = file.unwrap_or(Path::new(DEFAULT_FILE));
        if file.is_none() && !path.exists() {
            return Ok(Self::default());
        }
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the configuration file {} cannot be read", path.display()))?;
        Self::parse(&text).with_context(|| format!("the configuration file {}", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        toml::from_str(text).map_err(|error| match nearest_option(error.message()) {
            Some(nearest) => anyhow!("{error}the nearest option is `{nearest}`"),
            None => anyhow!("{error}"),
        })
    }
}

/// The option most like the unknown one, out of a message that names the unknown one first and then those expected.
fn nearest_option(message: &str) -> Option<&str> {
    let mut names = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    let unknown = names.next()?;
    names.min_by_key(|name| strsim::damerau_levenshtein(unknown, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_in_the_repository_is_valid_with_every_option_set() {
        let text = include_str!("../depthlake.toml");
        assert_eq!(Configuration::parse(text).unwrap(), Configuration::default());
        let all_set: String = text
            .lines()
            .map(|line| line.strip_prefix("#: ").unwrap_or(line))
            .fold(String::new(), |all, line| all + line + "\n");
        let set = Configuration::parse(&all_set).unwrap();
        assert_eq!(set.venue, Some(Venue::Simulated));
        assert!(set.product.is_some() && !set.symbols.is_empty() && set.data.is_some());
        assert!(set.seed.is_some() && set.rate.is_some());
        assert!(set.engine.shards.is_some() && set.engine.idle.is_some() && set.engine.pin.is_some());
        assert!(set.lake.partitions.is_some() && set.lake.commit_seconds.is_some());
        assert!(set.lake.schema_registry.is_some());
        assert!(set.lake.maintenance_seconds.is_some() && set.lake.snapshot_minutes.is_some());
        assert!(!set.lake.keep_days.is_empty() && set.lake.reconcile_minutes.is_some());
        assert!(
            set.lake.catalog.is_some() && set.lake.catalog_token.is_some() && set.lake.warehouse.is_some()
        );
        let S3Configuration { endpoint, region, access_key_id, secret_access_key } = set.lake.s3;
        assert!(
            endpoint.is_some() && region.is_some() && access_key_id.is_some() && secret_access_key.is_some()
        );
        assert!(
            set.serve.listen.is_some() && set.serve.postgres.is_some() && set.serve.connections.is_some()
        );
        assert_eq!(set.serve.limits.limits().unwrap(), depthlake_query::Limits::default());
        let promised = &set.health;
        assert!(promised.freshness_seconds.is_some() && !promised.freshness_seconds_of.is_empty());
        assert!(promised.commit_age_seconds.is_some() && promised.gaps_per_hour.is_some());
        assert!(promised.api_p95_ms.is_some());
        let mut told = promised.targets().unwrap();
        told.feed.freshness_of.clear();
        assert_eq!(told, Targets::default());
    }

    #[test]
    fn promises_that_cannot_be_kept_are_refused_by_name() {
        let refused = |text: &str| {
            let configuration = Configuration::parse(&format!("[health]\n{text}\n")).unwrap();
            configuration.health.targets().unwrap_err().to_string()
        };
        for text in ["-1.0", "nan", "inf"] {
            let error = refused(&format!("gaps_per_hour = {text}"));
            assert!(error.starts_with("health.gaps_per_hour is "), "{error}");
            assert!(error.ends_with(": expected a number of at least 0"), "{error}");
        }
        for name in ["freshness_seconds", "commit_age_seconds", "api_p95_ms"] {
            for text in ["0.0", "-5.0", "nan", "inf", "1e30"] {
                let error = refused(&format!("{name} = {text}"));
                assert!(error.starts_with(&format!("health.{name} is ")), "{error}");
                assert!(error.ends_with(": expected a number above 0"), "{error}");
            }
        }
        let error = refused("freshness_seconds_of = { BTCUSDT = -1.0 }");
        assert_eq!(error, "health.freshness_seconds_of.BTCUSDT is -1: expected a number above 0");
        assert!(refused("freshness_seconds_of = { \"a b\" = 1.0 }").contains("expected a symbol"));
    }

    #[test]
    fn what_is_promised_of_nobody_is_refused() {
        let text = "[health]\nfreshness_seconds_of = { btcusdt = 5.0, ETHUSTD = 5.0 }\n";
        let health = Configuration::parse(text).unwrap().health;
        let followed = ["BTCUSDT", "ETHUSDT"].map(|name| Symbol::new(name).unwrap());
        let error = health.check_symbols(&followed).unwrap_err().to_string();
        assert_eq!(
            error,
            "health.freshness_seconds_of.ETHUSTD: expected one of the symbols that are followed; the nearest is ETHUSDT"
        );
        assert!(Configuration::default().health.check_symbols(&followed).is_ok());
    }

    #[test]
    fn an_unknown_option_is_named_with_the_nearest() {
        let error = Configuration::parse("[engine]\nshard = 2\n").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("nearest option is `shards`"), "{error}");
    }
}
