//! The server's certificate.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;

use super::TlsOptions;

/// Why a certificate cannot be used.
#[derive(Debug, Error)]
pub enum TlsError {
    #[error("{} cannot be read as PEM with {expected}: {source}", .path.display())]
    Unreadable { path: PathBuf, expected: &'static str, source: pem::Error },
    #[error("the certificate {} and its key do not fit or are none: {source}", .path.display())]
    Unusable { path: PathBuf, source: rustls::Error },
}

/// What takes the server's side of handshakes, with HTTP/2 where the client knows it.
pub(super) fn acceptor(options: &TlsOptions) -> Result<TlsAcceptor, TlsError> {
    let mut config = server_config(options)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The certificate for listeners that speak other protocols.
///
/// # Errors
/// Where the files cannot be read, or do not fit together.
pub fn server_config(options: &TlsOptions) -> Result<ServerConfig, TlsError> {
    let unusable = |source| TlsError::Unusable { path: options.certificate.clone(), source };
    let certificates = CertificateDer::pem_file_iter(&options.certificate)
        .and_then(Iterator::collect)
        .map_err(|source| unreadable(&options.certificate, "certificates", source))?;
    let key = PrivateKeyDer::from_pem_file(&options.key)
        .map_err(|source| unreadable(&options.key, "a private key", source))?;
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(unusable)
}

fn unreadable(path: &Path, expected: &'static str, source: pem::Error) -> TlsError {
    TlsError::Unreadable { path: path.to_owned(), expected, source }
}
