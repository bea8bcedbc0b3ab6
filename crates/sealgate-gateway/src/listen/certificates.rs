//! Enters: the certificates of an address. Leaves: a TLS server configuration that presents the
//! right one by server name.

use std::sync::{Arc, LazyLock};

use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sealgate_config::resolved::{HostPattern, ListenerTls};

use super::protocol::ALPN;
use super::spec::Certificate;

/// Why certificates cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The chain is not PEM, or is empty.
    #[error("the certificate chain is not PEM certificates; give the leaf first")]
    Chain,
    /// The key is not PEM.
    #[error("the private key is not a PEM key (PKCS#8, PKCS#1 or SEC1)")]
    Key,
    /// The key is of an unknown kind or does not belong to the certificate.
    #[error("the certificate cannot be served: {0}; check that the key belongs to it")]
    Mismatch(rustls::Error),
}

/// Certificates by host.
#[derive(Debug)]
struct ByHost(Vec<(Option<HostPattern>, Arc<CertifiedKey>)>);

static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));

/// The configuration of an address; `None` when it has no certificates and serves plain HTTP.
pub(super) fn server_config(
    certificates: &[Certificate],
) -> Result<Option<Arc<rustls::ServerConfig>>, CertificateError> {
    if certificates.is_empty() {
        return Ok(None);
    }
    let known = certificates
        .iter()
        .map(|certificate| Ok((certificate.host.clone(), read(&certificate.material)?)))
        .collect::<Result<_, CertificateError>>()?;
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::clone(&PROVIDER))
        .with_safe_default_protocol_versions()
        .map_err(CertificateError::Mismatch)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(ByHost(known)));
    config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
    // Tickets rather than a cache: a client may resume on any worker.
    if let Ok(ticketer) = rustls::crypto::aws_lc_rs::Ticketer::new() {
        config.ticketer = ticketer;
    }
    Ok(Some(Arc::new(config)))
}

fn read(material: &ListenerTls) -> Result<Arc<CertifiedKey>, CertificateError> {
    let chain = CertificateDer::pem_slice_iter(&material.certificate_pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| CertificateError::Chain)?;
    if chain.is_empty() {
        return Err(CertificateError::Chain);
    }
    let key = PrivateKeyDer::from_pem_slice(material.key_pem.expose().as_bytes())
        .map_err(|_| CertificateError::Key)?;
    CertifiedKey::from_der(chain, key, &PROVIDER).map(Arc::new).map_err(CertificateError::Mismatch)
}

/// Whether a certificate carries a name.
fn is_for(key: &CertifiedKey, name: &str) -> bool {
    let Ok(name) = ServerName::try_from(name) else { return false };
    key.end_entity_cert()
        .and_then(ParsedCertificate::try_from)
        .is_ok_and(|certificate| verify_server_name(&certificate, &name).is_ok())
}

// === impl ByHost ===

impl ResolvesServerCert for ByHost {
    /// An exact host before a wildcard, a wildcard before the certificates for all; of several
    /// for one host the one that carries the name, else the first.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().unwrap_or_default();
        let rank = |host: &Option<HostPattern>| match host {
            Some(HostPattern::Exact(_)) => 0,
            Some(HostPattern::Wildcard(_)) => 1,
            None => 2,
        };
        self.0
            .iter()
            .filter(|(host, _)| host.as_ref().is_none_or(|pattern| pattern.matches(name)))
            .min_by_key(|(host, key)| (rank(host), !is_for(key, name)))
            .map(|(_, key)| Arc::clone(key))
    }
}
