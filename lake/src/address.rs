//! Where a lake is: its catalog and its warehouse, as people write them. Secrets are kept out of every message.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use reqwest::Url;
use serde::Deserialize;
use thiserror::Error;

/// The catalog and the warehouse of one lake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LakeAddress {
    pub catalog: CatalogAddress,
    pub warehouse: WarehouseAddress,
}

/// Who knows each table's current version, and moves it on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CatalogAddress {
    /// A database file of this machine.
    Sqlite(PathBuf),
    /// A `PostgreSQL` database that several machines share.
    Postgres(DatabaseUrl),
    /// A server of the Iceberg REST protocol.
    Rest(RestAddress),
}

/// Where the tables' files lie.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WarehouseAddress {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A prefix in a bucket of S3 or of what speaks its protocol.
    S3(S3Address),
}

/// `postgres://USER:PASSWORD@HOST:PORT/DATABASE`. Shown without the password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(Url);

/// `http(s)://HOST/PATH`, with `?warehouse=NAME` where the server has several warehouses, and the token it wants to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestAddress {
    pub(crate) base: Url,
    pub(crate) warehouse: Option<String>,
    /// Sent as a bearer token with every request.
    pub token: Option<Secret>,
}

/// A prefix in a bucket, and how its server is reached. Buckets are named in the path of a request, not in the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Address {
    pub(crate) bucket: String,
    /// Without slashes at its ends; may be empty.
    pub(crate) prefix: String,
    pub settings: S3Settings,
}

/// What is not given is taken from the usual variables of the environment (`AWS_ENDPOINT_URL`, `AWS_REGION`,
/// `AWS_ACCESS_KEY_ID`, …) and files of AWS's tools.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct S3Settings {
    /// The server's address; AWS's own where it is not given.
    pub endpoint: Option<String>,
    pub region: Option<String>,
    pub credentials: Option<S3Credentials>,
}

/// Who asks a server of S3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Credentials {
    pub access_key_id: String,
    pub secret_access_key: Secret,
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

/// A text that is no address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AddressError {
    #[error("expected a catalog as sqlite, postgres://USER@HOST/DATABASE or http(s)://HOST/PATH")]
    UnknownCatalog,
    #[error("expected a warehouse as a folder or s3://BUCKET/PREFIX")]
    UnknownWarehouse,
    #[error("the address is malformed: {reason}")]
    Malformed { reason: String },
}

impl LakeAddress {
    /// A lake in files of this machine.
    #[must_use]
    pub fn local(catalog: &Path, warehouse: &Path) -> Self {
        Self {
            catalog: CatalogAddress::Sqlite(catalog.to_owned()),
            warehouse: WarehouseAddress::Folder(warehouse.to_owned()),
        }
    }
}

impl FromStr for CatalogAddress {
    type Err = AddressError;

    /// Reads the address of a shared catalog.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let url = || Url::parse(text).map_err(|error| malformed(&error));
        match text.split_once("://") {
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres(DatabaseUrl(url()?))),
            Some(("http" | "https", _)) => Ok(Self::Rest(RestAddress::of(url()?))),
            _ => Err(AddressError::UnknownCatalog),
        }
    }
}

impl RestAddress {
    fn of(mut base: Url) -> Self {
        let warehouse =
            base.query_pairs().find(|(key, _)| key == "warehouse").map(|(_, name)| name.into_owned());
        base.set_query(None);
        base.set_fragment(None);
        Self { base, warehouse, token: None }
    }
}

impl FromStr for WarehouseAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text.split_once("://") {
            Some(("s3", path)) => {
                let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
                let has_empty_part = prefix.trim_matches('/').contains("//");
                if bucket.is_empty() || has_empty_part {
                    return Err(AddressError::UnknownWarehouse);
                }
                let (bucket, prefix) = (bucket.to_owned(), prefix.trim_matches('/').to_owned());
                Ok(Self::S3(S3Address { bucket, prefix, settings: S3Settings::default() }))
            }
            Some(("file", path)) if path.starts_with('/') => Ok(Self::Folder(path.into())),
            None if !text.is_empty() => Ok(Self::Folder(text.into())),
            _ => Err(AddressError::UnknownWarehouse),
        }
    }
}

impl S3Address {
    /// The Iceberg location, without a slash at its end.
    pub(crate) fn location(&self) -> String {
        match self.prefix.as_str() {
            "" => format!("s3://{}", self.bucket),
            prefix => format!("s3://{}/{prefix}", self.bucket),
        }
    }
}

impl DatabaseUrl {
    pub(crate) fn with_password(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        // A URL that cannot take a password has none.
        let _ = shown.set_password(None);
        shown.set_query(None);
        shown.fmt(f)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for CatalogAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgres(url) => url.fmt(f),
            Self::Rest(RestAddress { base, .. }) => {
                let mut shown = base.clone();
                let _ = shown.set_password(None);
                shown.fmt(f)
            }
        }
    }
}

impl fmt::Display for WarehouseAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(f),
            Self::S3(address) => address.location().fmt(f),
        }
    }
}

impl Secret {
    /// The text, for those it is meant for.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

fn malformed(error: &impl fmt::Display) -> AddressError {
    AddressError::Malformed { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn catalogs_are_told_by_their_scheme() {
        let postgres: CatalogAddress = "postgres://ana:hidden@db:5433/lake?password=hidden".parse().unwrap();
        assert_eq!(postgres.to_string(), "postgres://ana@db:5433/lake");
        assert!(!format!("{postgres:?}").contains("hidden"));
        let CatalogAddress::Rest(rest) = "https://host/api/catalog?warehouse=one+two".parse().unwrap() else {
            panic!("no REST catalog")
        };
        assert_eq!(
            (rest.base.as_str(), rest.warehouse.as_deref()),
            ("https://host/api/catalog", Some("one two"))
        );
        for text in ["sqlite", "mysql://host/db", "", "catalog.db"] {
            assert_eq!(text.parse::<CatalogAddress>(), Err(AddressError::UnknownCatalog), "{text}");
        }
        assert!(matches!(
            "postgres://host:x/db".parse::<CatalogAddress>(),
            Err(AddressError::Malformed { .. })
        ));
    }

    #[test]
    fn warehouses_are_folders_or_buckets() {
        for (text, location) in [
            ("s3://b", "s3://b"),
            ("s3://b/", "s3://b"),
            ("s3://b/a/c/", "s3://b/a/c"),
            ("ware house", "ware house"),
        ] {
            assert_eq!(text.parse::<WarehouseAddress>().unwrap().to_string(), location);
        }
        let folder = WarehouseAddress::Folder("/lake".into());
        assert_eq!("file:///lake".parse(), Ok(folder));
        for text in ["", "s3://", "s3:///key", "s3://b/a//c", "gs://b", "file://host/lake"] {
            assert_eq!(text.parse::<WarehouseAddress>(), Err(AddressError::UnknownWarehouse), "{text}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let secret_access_key = Secret::from("hidden".to_owned());
        let credentials = S3Credentials { access_key_id: "id".to_owned(), secret_access_key };
        assert!(!format!("{credentials:?}").contains("hidden"));
    }
}
