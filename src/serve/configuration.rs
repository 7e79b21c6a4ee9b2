//! `[serve]`: where to listen, who may come in, what they may use.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use depthlake_lake::address::{S3Credentials, Secret};
use depthlake_query::Limits;
use depthlake_query::access::{Access, AccessConfiguration, JwtConfiguration, UserConfiguration};
use depthlake_query::server::{self, TlsOptions};
use serde::Deserialize;

/// `[serve]` of the configuration file.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServeConfiguration {
    pub listen: Option<SocketAddr>,
    pub postgres: Option<SocketAddr>,
    pub connections: Option<usize>,
    pub tls: Option<TlsConfiguration>,
    pub limits: LimitsConfiguration,
    pub jwt: Option<JwtConfiguration>,
    pub users: BTreeMap<String, UserConfiguration>,
    pub reader: Option<ReaderConfiguration>,
}

/// `[serve.reader]`: credentials that can only read the lake's bucket. They are given to programs that read the tables
/// through the Iceberg catalog, ask for credentials, and may read every table.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReaderConfiguration {
    pub access_key_id: String,
    pub secret_access_key: Secret,
}

/// `[serve.tls]`: PEM files.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfiguration {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// `[serve.limits]`: what queries may use.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfiguration {
    pub memory_mb: Option<usize>,
    pub memory_per_query_mb: Option<usize>,
    pub seconds_per_query: Option<f64>,
    pub rows_per_query: Option<u64>,
    pub running: Option<usize>,
    pub queued: Option<usize>,
}

impl ServeConfiguration {
    /// # Errors
    /// Where the key of JSON web tokens cannot be read, or nobody could use one.
    pub fn access(&self) -> Result<Access> {
        let configuration = AccessConfiguration { users: self.users.clone(), jwt: self.jwt.clone() };
        Access::new(&configuration).context("serve")
    }

    pub fn tls(&self) -> Option<TlsOptions> {
        let TlsConfiguration { certificate, key } = self.tls.clone()?;
        Some(TlsOptions { certificate, key })
    }

    pub fn reader(&self) -> Option<S3Credentials> {
        let ReaderConfiguration { access_key_id, secret_access_key } = self.reader.clone()?;
        Some(S3Credentials { access_key_id, secret_access_key })
    }

    pub fn connections(&self) -> server::Limits {
        let usual = server::Limits::default();
        server::Limits { connections: self.connections.unwrap_or(usual.connections), ..usual }
    }
}

impl LimitsConfiguration {
    /// The limits, those that are not set at their defaults.
    ///
    /// # Errors
    /// Where a limit is none.
    pub fn limits(&self) -> Result<Limits> {
        let usual = Limits::default();
        let megabytes =
            |set: Option<usize>, usual: usize| set.map_or(usual, |set| set.saturating_mul(1 << 20));
        let time_per_query = match self.seconds_per_query {
            None => usual.time_per_query,
            Some(seconds) => {
                Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero()).with_context(
                    || format!("serve.limits.seconds_per_query is {seconds}: expected more than 0"),
                )?
            }
        };
        Ok(Limits {
            memory: megabytes(self.memory_mb, usual.memory),
            memory_per_query: megabytes(self.memory_per_query_mb, usual.memory_per_query),
            time_per_query,
            rows_per_query: self.rows_per_query.unwrap_or(usual.rows_per_query),
            running: self.running.unwrap_or(usual.running),
            queued: self.queued.unwrap_or(usual.queued),
            ..usual
        })
    }
}
