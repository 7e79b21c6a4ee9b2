//! Why a schema registry cannot be used, or will not take a schema.

use thiserror::Error;

use super::named;
use crate::record::{Incompatibility, SchemaError};

/// Why the schemas of the records are not known to a registry, or those of a registry not to us.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RegistryError {
    #[error("{url:?} is no address of a schema registry: {reason}")]
    Url { url: String, reason: String },
    #[error("the schema registry {url} does not answer ({attempts} attempts)")]
    Away { url: String, attempts: u32, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("the schema registry {url} answers {path} with status {status}: {detail}")]
    Answer { url: String, path: String, status: u16, detail: String },
    #[error("version {version} of {subject} in the schema registry cannot be read by this program: {source}")]
    Incompatible { subject: String, version: u64, source: Box<Incompatibility> },
    #[error("version {version} of {subject} in the schema registry is not understood: {source}")]
    Unreadable { subject: String, version: u64, source: Box<SchemaError> },
    #[error(
        "the schema registry refuses this program's schema after version {version} of {subject}: {}{reason}",
        named(.difference.as_deref())
    )]
    Refused { subject: String, version: u64, difference: Option<Box<Incompatibility>>, reason: String },
}
