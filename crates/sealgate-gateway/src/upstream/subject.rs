//! Enters: a server certificate, and the names of which it must carry one. Leaves: acceptance,
//! when the chain is good and one of them is there. The name that the server was asked by says
//! nothing here, as the Gateway API wants it (BackendTLSPolicy `subjectAltNames`).

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};
use sealgate_config::resolved::{HostPattern, SubjectName};
use webpki::EndEntityCert;

/// Accepts certificates of trusted authorities that carry one of the names.
#[derive(Debug)]
pub(super) struct CarriesOneOf {
    names: Vec<SubjectName>,
    chain: Chain,
    algorithms: WebPkiSupportedAlgorithms,
}

/// Who judges the chain.
#[derive(Debug)]
pub(super) enum Chain {
    /// These authorities.
    Roots(Arc<RootCertStore>),
    /// The operating system.
    System(Arc<dyn ServerCertVerifier>),
}

/// The chain is good, and the certificate is somebody else's.
#[derive(Debug, thiserror::Error)]
#[error("it carries none of {} but {}", list(.wanted), list(.presented))]
struct NoneOf {
    wanted: Vec<String>,
    presented: Vec<String>,
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "no name".to_owned() } else { names.join(", ") }
}

// === impl CarriesOneOf ===

impl CarriesOneOf {
    pub(super) fn new(
        names: Vec<SubjectName>,
        chain: Chain,
        provider: &Arc<CryptoProvider>,
    ) -> Self {
        Self { names, chain, algorithms: provider.signature_verification_algorithms }
    }

    fn verify_chain(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<(), Error> {
        match &self.chain {
            Chain::Roots(roots) => verify_server_cert_signed_by_trust_anchor(
                &ParsedCertificate::try_from(end_entity)?,
                roots,
                intermediates,
                now,
                self.algorithms.all,
            ),
            Chain::System(verifier) => {
                // The system judges a chain only together with a name: one of the certificate's
                // own leaves the chain to be judged.
                let own = parse(end_entity)?
                    .valid_dns_names()
                    .find_map(|name| ServerName::try_from(name.replacen('*', "any", 1)).ok());
                let name = own.as_ref().unwrap_or(server_name);
                verifier
                    .verify_server_cert(end_entity, intermediates, name, ocsp_response, now)
                    .map(drop)
            }
        }
    }
}

impl ServerCertVerifier for CarriesOneOf {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verify_chain(end_entity, intermediates, server_name, ocsp_response, now)?;
        let certificate = parse(end_entity)?;
        if self.names.iter().any(|name| carries(&certificate, name)) {
            return Ok(ServerCertVerified::assertion());
        }
        let presented = certificate.valid_dns_names().chain(certificate.valid_uri_names());
        let refusal = NoneOf {
            wanted: self.names.iter().map(ToString::to_string).collect(),
            presented: presented.map(str::to_owned).collect(),
        };
        Err(CertificateError::Other(OtherError(Arc::new(refusal))).into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Result<EndEntityCert<'a>, Error> {
    EndEntityCert::try_from(certificate).map_err(|_| CertificateError::BadEncoding.into())
}

fn carries(certificate: &EndEntityCert<'_>, name: &SubjectName) -> bool {
    match name {
        SubjectName::Host(HostPattern::Exact(host)) => ServerName::try_from(host.as_str())
            .is_ok_and(|name| certificate.verify_is_valid_for_subject_name(&name).is_ok()),
        SubjectName::Host(HostPattern::Wildcard(suffix)) => {
            certificate.valid_dns_names().any(|name| {
                let first = name.split('.').next().unwrap_or_default();
                !first.is_empty() && name[first.len()..].eq_ignore_ascii_case(suffix)
            })
        }
        SubjectName::Uri(uri) => certificate.valid_uri_names().any(|name| name == uri),
    }
}
