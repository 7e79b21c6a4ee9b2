//! JSON web tokens.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;

use super::{AccessError, JwtConfiguration, JwtKey};

/// RFC 7518, section 3.2: a key as long as the hash at least.
const SHORTEST_SECRET: usize = 32;

/// Verifies tokens by one key and one algorithm.
pub(super) struct Verifier {
    key: DecodingKey,
    validation: Validation,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

impl Verifier {
    pub(super) fn new(configuration: &JwtConfiguration) -> Result<Self, AccessError> {
        let (algorithm, key) = match &configuration.key {
            JwtKey::Secret(secret) if secret.len() < SHORTEST_SECRET => {
                return Err(AccessError::WeakSecret { bytes: secret.len() });
            }
            JwtKey::Secret(secret) => (Algorithm::HS256, DecodingKey::from_secret(secret.as_bytes())),
            JwtKey::PublicKey(path) => {
                let pem = std::fs::read(path)
                    .map_err(|source| AccessError::KeyUnreadable { path: path.clone(), source })?;
                let key = DecodingKey::from_rsa_pem(&pem)
                    .map_err(|source| AccessError::NoKey { path: path.clone(), source })?;
                (Algorithm::RS256, key)
            }
        };
        let mut validation = Validation::new(algorithm);
        validation.validate_nbf = true;
        match &configuration.audience {
            Some(audience) => validation.set_audience(&[audience]),
            None => validation.validate_aud = false,
        }
        let mut required = vec!["exp", "sub"];
        if let Some(issuer) = &configuration.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        if configuration.audience.is_some() {
            required.push("aud");
        }
        validation.set_required_spec_claims(&required);
        Ok(Self { key, validation })
    }

    /// Whom a token names, where it is signed, in time, and for us.
    pub(super) fn subject(&self, token: &str) -> Option<String> {
        decode::<Claims>(token, &self.key, &self.validation).ok().map(|token| token.claims.sub)
    }
}
