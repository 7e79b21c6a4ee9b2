//! What a server is started with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Bytes of a request's body, unless another limit is set.
pub(crate) const MOST_BODY: usize = 4 << 20;

/// Where and how to listen.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Port 0 takes any that is free.
    pub listen: SocketAddr,
    /// Without it the server speaks plain HTTP.
    pub tls: Option<TlsOptions>,
    pub limits: Limits,
}

/// The server's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsOptions {
    /// A PEM file: the server's certificate, then those that vouch for it.
    pub certificate: PathBuf,
    /// A PEM file with the certificate's private key.
    pub key: PathBuf,
}

/// What clients may take of the server.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at once. One more takes the place of an idle one, and is closed where none is idle.
    pub connections: usize,
    /// How long a client may take for its first request, and between two pieces of a body.
    pub header_time: Duration,
    /// How long a connection may be without a request.
    pub idle_time: Duration,
    /// How long a client may take nothing of an answer.
    pub write_time: Duration,
    /// Bytes of a request's body.
    pub body: usize,
    /// How long requests under way may take at the end.
    pub farewell: Duration,
}

impl ServerOptions {
    /// Plain HTTP at an address, with the usual limits.
    #[must_use]
    pub fn plain(listen: SocketAddr) -> Self {
        Self { listen, tls: None, limits: Limits::default() }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            header_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(75),
            write_time: Duration::from_mins(1),
            body: MOST_BODY,
            farewell: Duration::from_secs(5),
        }
    }
}
