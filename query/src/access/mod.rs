//! Who asks, and what they may read and write.
//!
//! [`Access`] is asked by every door (HTTP, `PostgreSQL`, Flight) with whatever the client showed, and gives a [`Principal`] or
//! says why not. Where no user is configured it is open: everybody is who they say they are. Where users are configured,
//! nobody else gets in, whatever they show.
//!
//! Invariant: a password or token is never kept, logged or compared in the clear.

mod configuration;
mod jwt;
mod passwords;
mod pattern;
mod principal;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

pub use configuration::{
    AccessConfiguration, AccessError, JwtConfiguration, JwtKey, PasswordHash, TokenHash, UserConfiguration,
};
pub use pattern::{InvalidPattern, SchemaPattern};
pub use principal::{Grant, Grants, Principal};

use jwt::Verifier;
use passwords::Passwords;

/// Under which name those appear who give none, where nobody needs to.
const ANONYMOUS: &str = "anonymous";

/// The headers a user name may come in, the first that is there counts.
const USER_HEADERS: [&str; 2] = ["x-trino-user", "x-presto-user"];

/// The catalog of scratch tables, which everybody may write where nobody is asked who they are.
const SCRATCH_CATALOG: &str = "memory";

/// What browsers and clients are asked for.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"depthlake\", Bearer");

/// Decides who gets in. Cheap to clone.
#[derive(Clone)]
pub struct Access(Entrance);

#[derive(Clone)]
enum Entrance {
    Open,
    Users(Arc<Users>),
}

struct Users {
    principals: BTreeMap<String, Principal>,
    passwords: Passwords,
    tokens: HashMap<[u8; 32], String>,
    jwt: Option<Verifier>,
}

/// Why somebody was not let in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Denied {
    #[error("Authentication is needed: a user name and password, or a bearer token")]
    NoCredentials,
    #[error("Access Denied: Invalid credentials")]
    InvalidCredentials,
    #[error("Access Denied: User {user} cannot impersonate user {other}")]
    Impersonation { user: String, other: String },
    #[error("The header {header} cannot be read: {expected}")]
    Malformed { header: &'static str, expected: &'static str },
}

impl Access {
    /// Everybody gets in, under whatever name they give.
    #[must_use]
    pub fn open() -> Self {
        Self(Entrance::Open)
    }

    /// Only the configured users get in; where there are none, everybody.
    ///
    /// # Errors
    /// Where the key of the JSON web tokens cannot be read, or they are configured and nobody could use one.
    pub fn new(configuration: &AccessConfiguration) -> Result<Self, AccessError> {
        let jwt = configuration.jwt.as_ref().map(Verifier::new).transpose()?;
        if configuration.users.is_empty() {
            return if jwt.is_some() { Err(AccessError::NoUsers) } else { Ok(Self::open()) };
        }
        let users = configuration.users.iter();
        let principals = users.clone().map(|(name, user)| (name.clone(), user.principal(name))).collect();
        let tokens = users
            .clone()
            .flat_map(|(name, user)| user.tokens.iter().map(|token| (token.digest(), name.clone())))
            .collect();
        let passwords =
            users.filter_map(|(name, user)| Some((name.clone(), user.password.clone()?))).collect();
        let users = Users { principals, passwords: Passwords::new(passwords), tokens, jwt };
        Ok(Self(Entrance::Users(Arc::new(users))))
    }

    /// Whether everybody gets in.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.0, Entrance::Open)
    }

    /// Who sends a request with these headers: `Authorization` (Basic or Bearer) and `X-Trino-User`.
    ///
    /// # Errors
    /// [`Denied`], which is a response as well.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Principal, Denied> {
        let named = named_user(headers)?;
        let credentials = Credentials::of(headers)?;
        if self.is_open() {
            let basic = match &credentials {
                Some(Credentials::Basic { user, .. }) => Some(user.as_str()),
                _ => None,
            };
            return Ok(anybody(named.or(basic).unwrap_or_default()));
        }
        let principal = match credentials {
            None => return Err(Denied::NoCredentials),
            Some(Credentials::Basic { user, password }) => self.with_password(&user, &password).await?,
            Some(Credentials::Bearer(token)) => self.with_token(token)?,
        };
        match named {
            Some(other) if other != principal.user => {
                Err(Denied::Impersonation { user: principal.user, other: other.to_owned() })
            }
            _ => Ok(principal),
        }
    }

    /// Who has this name and password. Takes some 50 ms of a core the first time, so that guessing is slow.
    ///
    /// # Errors
    /// [`Denied::InvalidCredentials`], also where there is no such user.
    pub async fn with_password(&self, user: &str, password: &str) -> Result<Principal, Denied> {
        match &self.0 {
            Entrance::Open => Ok(anybody(user)),
            Entrance::Users(users) => {
                let is_right = users.passwords.verify(user, password).await;
                let principal = users.principals.get(user).filter(|_| is_right);
                principal.cloned().ok_or(Denied::InvalidCredentials)
            }
        }
    }

    /// Whose token it is: one of those configured, or a signed JSON web token whose `sub` is a configured user.
    ///
    /// # Errors
    /// [`Denied::InvalidCredentials`].
    pub fn with_token(&self, token: &str) -> Result<Principal, Denied> {
        match &self.0 {
            Entrance::Open => Ok(anybody(ANONYMOUS)),
            Entrance::Users(users) => {
                let listed = users.tokens.get(&TokenHash::of(token).digest()).cloned();
                let name = listed.or_else(|| users.jwt.as_ref()?.subject(token));
                name.and_then(|name| users.principals.get(&name)).cloned().ok_or(Denied::InvalidCredentials)
            }
        }
    }
}

/// Whether a request says whose it is, be it true or not.
pub(crate) fn names_user(headers: &HeaderMap) -> bool {
    headers.contains_key(header::AUTHORIZATION) || named_user(headers).is_ok_and(|user| user.is_some())
}

/// Middleware that lets only those in whom `access` knows, and puts their [`Principal`] among the request's extensions.
pub async fn authenticated(State(access): State<Access>, mut request: Request, next: Next) -> Response {
    match access.authenticate(request.headers()).await {
        Ok(principal) => {
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Err(denied) => denied.into_response(),
    }
}

impl Denied {
    /// What a door that speaks HTTP answers with.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::NoCredentials | Self::InvalidCredentials => StatusCode::UNAUTHORIZED,
            Self::Impersonation { .. } => StatusCode::FORBIDDEN,
            Self::Malformed { .. } => StatusCode::BAD_REQUEST,
        }
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        let mut response = (self.status(), self.to_string()).into_response();
        if self.status() == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, CHALLENGE);
        }
        response
    }
}

/// What the header `Authorization` shows.
enum Credentials<'a> {
    Basic { user: String, password: String },
    Bearer(&'a str),
}

impl<'a> Credentials<'a> {
    fn of(headers: &'a HeaderMap) -> Result<Option<Self>, Denied> {
        let malformed = Denied::Malformed {
            header: "Authorization",
            expected: "expected Basic with base64 of USER:PASSWORD, or Bearer with a token",
        };
        let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
        let (scheme, rest) =
            value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or_else(|| malformed.clone())?;
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Ok(Some(Self::Bearer(rest)));
        }
        let decoded = STANDARD.decode(rest).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let decoded =
            decoded.filter(|_| scheme.eq_ignore_ascii_case("basic")).ok_or_else(|| malformed.clone())?;
        let (user, password) = decoded.split_once(':').ok_or(malformed)?;
        Ok(Some(Self::Basic { user: user.to_owned(), password: password.to_owned() }))
    }
}

/// Somebody where nobody is asked who they are.
fn anybody(user: &str) -> Principal {
    let user = if user.is_empty() { ANONYMOUS } else { user };
    let everything = SchemaPattern::ALL.grant(false);
    let scratch = Grant { catalog: Some(SCRATCH_CATALOG.to_owned()), schema: None, writes: true };
    Principal { user: user.to_owned(), grants: Grants::new(vec![everything, scratch]) }
}

fn named_user(headers: &HeaderMap) -> Result<Option<&str>, Denied> {
    let Some(value) = USER_HEADERS.iter().find_map(|name| headers.get(*name)) else { return Ok(None) };
    let name = std::str::from_utf8(value.as_bytes()).ok().map(str::trim);
    match name.filter(|name| !name.chars().any(char::is_control)) {
        Some("") => Ok(None),
        Some(name) => Ok(Some(name)),
        None => Err(Denied::Malformed { header: "X-Trino-User", expected: "expected a name in UTF-8" }),
    }
}

#[cfg(test)]
mod tests;
