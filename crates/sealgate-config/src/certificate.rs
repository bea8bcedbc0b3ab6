//! PEM text in; certificates, keys and authorities that can be used out. What is wrong is named
//! without a word of what was read: a key may stand where a certificate is expected.

use std::sync::{Arc, LazyLock};

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use sealgate_aws::Secret;

/// Why PEM text is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// There is a block that is not PEM, or no certificate at all.
    #[error("it holds no PEM certificate; give the chain, leaf first")]
    Chain,
    /// There is no key in a form that is known.
    #[error("it holds no PEM private key (PKCS#8, PKCS#1 or SEC1)")]
    Key,
    /// The key is of an unknown kind, or the certificate is malformed.
    #[error("the certificate cannot be used: {0}")]
    Unusable(String),
    /// The key belongs to another certificate.
    #[error("the private key does not belong to the certificate")]
    Mismatch,
    /// There is no authority.
    #[error("it holds no PEM certificate of an authority")]
    NoAuthority,
    /// One of the authorities cannot be read.
    #[error("certificate {number} of the authorities cannot be read: {problem}")]
    Authority {
        /// Counted from 1.
        number: usize,
        /// What the parser says about its structure.
        problem: String,
    },
}

static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));

/// The cryptography of every TLS connection of the process.
pub fn provider() -> &'static Arc<CryptoProvider> {
    &PROVIDER
}

/// A chain with the key that belongs to it.
///
/// # Errors
/// [`CertificateError`], for text that no TLS peer could be shown.
pub fn certified(chain: &[u8], key: &Secret) -> Result<Arc<CertifiedKey>, CertificateError> {
    let chain = self::chain(chain)?;
    // The parser's own message may quote what it read, so it is not passed on.
    let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes())
        .map_err(|_| CertificateError::Key)?;
    match CertifiedKey::from_der(chain, key, provider()) {
        Ok(certified) => Ok(Arc::new(certified)),
        Err(rustls::Error::InconsistentKeys(_)) => Err(CertificateError::Mismatch),
        Err(error) => Err(CertificateError::Unusable(error.to_string())),
    }
}

/// Every authority of a bundle.
///
/// # Errors
/// [`CertificateError`], when there is none or one of them is no certificate.
pub fn authorities(pem: &[u8]) -> Result<RootCertStore, CertificateError> {
    let mut roots = RootCertStore::empty();
    for (index, certificate) in CertificateDer::pem_slice_iter(pem).enumerate() {
        let unreadable =
            |problem: String| CertificateError::Authority { number: index + 1, problem };
        let certificate = certificate.map_err(|_| unreadable("it is not PEM".to_owned()))?;
        roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
    }
    if roots.is_empty() { Err(CertificateError::NoAuthority) } else { Ok(roots) }
}

/// Whether TLS can ask a server for this name: a DNS name or an IP address.
pub fn is_server_name(name: &str) -> bool {
    ServerName::try_from(name).is_ok()
}

fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    chain.ok().filter(|chain| !chain.is_empty()).ok_or(CertificateError::Chain)
}

#[cfg(test)]
mod tests;
