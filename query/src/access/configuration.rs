//! Users, tokens and grants as they are configured.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::pattern::SchemaPattern;
use super::{Grant, Grants, Principal};

/// Catalogs that hold nobody's data: the description of the others, and generated tables.
const PUBLIC_CATALOGS: [&str; 2] = ["system", "tpch"];

/// Who may come in; nobody named means everybody.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AccessConfiguration {
    pub users: BTreeMap<String, UserConfiguration>,
    pub jwt: Option<JwtConfiguration>,
}

/// One user: `[serve.users.NAME]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserConfiguration {
    /// Without one, the user needs a token.
    pub password: Option<PasswordHash>,
    #[serde(default)]
    pub tokens: Vec<TokenHash>,
    /// Schemas whose tables the user may read.
    #[serde(default = "everything")]
    pub read: Vec<SchemaPattern>,
    /// Schemas in which the user may make tables, where the catalog can be written.
    #[serde(default)]
    pub write: Vec<SchemaPattern>,
}

/// How JSON web tokens are verified: `[serve.jwt]`. Their `sub` names a configured user, and they must expire.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JwtConfiguration {
    /// What they are signed with.
    pub key: JwtKey,
    /// Which `iss` they must have, where it matters.
    pub issuer: Option<String>,
    /// Which `aud` they must have, where it matters.
    pub audience: Option<String>,
}

/// The key decides the algorithm, whatever a token says about itself.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum JwtKey {
    /// HS256 with this secret.
    Secret(String),
    /// RS256 with the public key in this PEM file.
    PublicKey(PathBuf),
}

/// A bcrypt hash, as `htpasswd -nB` writes them.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PasswordHash(String);

/// The SHA-256 of a token of high entropy, in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct TokenHash([u8; 32]);

/// Why a configuration lets nobody in.
#[derive(Debug, Error)]
pub enum AccessError {
    #[error("a password is no bcrypt hash ($2y$…): `htpasswd -nB USER` makes one")]
    NoPasswordHash,
    #[error("a token is no SHA-256 in hexadecimal: `printf %s TOKEN | sha256sum` makes one")]
    NoTokenHash,
    #[error("the public key {} of the JSON web tokens cannot be read", .path.display())]
    KeyUnreadable { path: PathBuf, source: std::io::Error },
    #[error("the public key {} of the JSON web tokens is no RSA key in PEM", .path.display())]
    NoKey { path: PathBuf, source: jsonwebtoken::errors::Error },
    #[error("the secret of the JSON web tokens has {bytes} bytes: HS256 needs at least 32")]
    WeakSecret { bytes: usize },
    #[error("JSON web tokens are configured but no users whom they could name")]
    NoUsers,
}

fn everything() -> Vec<SchemaPattern> {
    vec![SchemaPattern::ALL]
}

impl UserConfiguration {
    pub(super) fn principal(&self, name: &str) -> Principal {
        let public = PUBLIC_CATALOGS.map(|catalog| Grant {
            catalog: Some(catalog.to_owned()),
            schema: None,
            writes: false,
        });
        let read = self.read.iter().map(|pattern| pattern.grant(false));
        let written = self.write.iter().map(|pattern| pattern.grant(true));
        let grants = Grants::new(public.into_iter().chain(read).chain(written).collect());
        Principal { user: name.to_owned(), grants }
    }
}

impl PasswordHash {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PasswordHash {
    type Error = AccessError;

    fn try_from(text: String) -> Result<Self, AccessError> {
        // The names of the variants differ by who wrote the hash, not by how it is computed.
        let text = if let Some(rest) = text.strip_prefix("$2y$") { format!("$2b${rest}") } else { text };
        match text.parse::<bcrypt::HashParts>() {
            Ok(_) => Ok(Self(text)),
            Err(_) => Err(AccessError::NoPasswordHash),
        }
    }
}

impl TokenHash {
    /// The hash of a token.
    #[must_use]
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    pub(super) const fn digest(self) -> [u8; 32] {
        self.0
    }
}

impl TryFrom<String> for TokenHash {
    type Error = AccessError;

    fn try_from(text: String) -> Result<Self, AccessError> {
        let mut digest = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(AccessError::NoTokenHash);
        }
        for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| AccessError::NoTokenHash)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| AccessError::NoTokenHash)?;
        }
        Ok(Self(digest))
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash")
    }
}

impl fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(_) => f.write_str("Secret"),
            Self::PublicKey(path) => f.debug_tuple("PublicKey").field(path).finish(),
        }
    }
}
