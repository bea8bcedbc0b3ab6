//! Enters: the certificates of an address. Leaves: a TLS server configuration that presents the
//! right one by server name.

use std::sync::Arc;

use rustls::client::verify_server_name;
use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sealgate_config::certificate::{self, CertificateError};
use sealgate_config::resolved::HostPattern;

use super::protocol::ALPN;
use super::spec::Certificate;

/// Certificates by host.
#[derive(Debug)]
struct ByHost(Vec<(Option<HostPattern>, Arc<CertifiedKey>)>);

/// The configuration of an address; `None` when it has no certificates and serves plain HTTP.
pub(super) fn server_config(
    certificates: &[Certificate],
) -> Result<Option<Arc<rustls::ServerConfig>>, CertificateError> {
    if certificates.is_empty() {
        return Ok(None);
    }
    let known = certificates
        .iter()
        .map(|Certificate { host, material }| {
            let certified = certificate::certified(&material.certificate_pem, &material.key_pem);
            Ok((host.clone(), certified?))
        })
        .collect::<Result<_, CertificateError>>()?;
    let mut config =
        rustls::ServerConfig::builder_with_provider(Arc::clone(certificate::provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| CertificateError::Unusable(error.to_string()))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(ByHost(known)));
    config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
    // Tickets rather than a cache: a client may resume on any worker.
    if let Ok(ticketer) = rustls::crypto::aws_lc_rs::Ticketer::new() {
        config.ticketer = ticketer;
    }
    Ok(Some(Arc::new(config)))
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
