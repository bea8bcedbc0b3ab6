//! Enters: a TLS description. Leaves: a client configuration, one per distinct policy, so that
//! session tickets are shared; and rustls errors in our own words.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, RootCertStore, SupportedProtocolVersion,
};
use sealgate_config::resolved::TlsVersions;

use super::error::TlsFailure;
use super::origin::{ClientIdentity, OriginError, TlsSpec, Trust};
use super::trust::TrustAnyone;

/// What one origin needs for a handshake.
pub(super) struct TlsSetup {
    pub(super) server_name: ServerName<'static>,
    policy: Arc<Policy>,
}

/// The configurations of a process, by policy.
#[derive(Default)]
pub(super) struct TlsConfigs {
    known: Mutex<HashMap<PolicyKey, Weak<Policy>>>,
    provider: OnceLock<Arc<CryptoProvider>>,
}

type PolicyKey = (Trust, Option<ClientIdentity>, TlsVersions);

/// Everything but the server name.
struct Policy {
    provider: Arc<CryptoProvider>,
    /// `None` asks the operating system.
    verifier: Option<Arc<dyn ServerCertVerifier>>,
    client: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    versions: Vec<&'static SupportedProtocolVersion>,
    config: OnceLock<Result<Arc<ClientConfig>, TlsFailure>>,
}

// === impl TlsSetup ===

impl TlsSetup {
    /// The configuration, built on first use: loading the system's roots takes milliseconds, and
    /// many gateways never need them.
    pub(super) fn config(&self) -> Result<Arc<ClientConfig>, TlsFailure> {
        self.policy.config.get_or_init(|| self.policy.build()).clone()
    }
}

// === impl TlsConfigs ===

impl TlsConfigs {
    pub(super) fn setup(&self, spec: &TlsSpec) -> Result<TlsSetup, OriginError> {
        let server_name = ServerName::try_from(spec.server_name.clone())
            .map_err(|_| OriginError::ServerName(spec.server_name.clone()))?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (spec.trust.clone(), spec.client.clone(), spec.versions);
        if let Some(policy) = known.get(&key).and_then(Weak::upgrade) {
            return Ok(TlsSetup { server_name, policy });
        }
        known.retain(|_, policy| policy.strong_count() > 0);
        let policy = Arc::new(self.policy(spec)?);
        known.insert(key, Arc::downgrade(&policy));
        Ok(TlsSetup { server_name, policy })
    }

    fn policy(&self, spec: &TlsSpec) -> Result<Policy, OriginError> {
        let provider = Arc::clone(
            self.provider.get_or_init(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider())),
        );
        let verifier: Option<Arc<dyn ServerCertVerifier>> = match &spec.trust {
            Trust::Anyone => Some(Arc::new(TrustAnyone::new(&provider))),
            Trust::Pem(pem) => Some(pem_verifier(pem, &provider)?),
            Trust::System => None,
        };
        let client = spec.client.as_ref().map(read_client).transpose()?;
        if let Some((chain, key)) = &client {
            rustls::sign::CertifiedKey::from_der(chain.clone(), key.clone_key(), &provider)
                .map_err(|error| OriginError::ClientCertificate(error.to_string()))?;
        }
        let versions = match spec.versions {
            TlsVersions::Both => vec![&TLS13, &TLS12],
            TlsVersions::Only12 => vec![&TLS12],
            TlsVersions::Only13 => vec![&TLS13],
        };
        Ok(Policy { provider, verifier, client, versions, config: OnceLock::new() })
    }
}

fn pem_verifier(
    pem: &[u8],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, OriginError> {
    let unreadable = |error: &dyn std::fmt::Display| OriginError::Authorities(error.to_string());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| unreadable(&error))?;
        roots.add(certificate).map_err(|error| unreadable(&error))?;
    }
    if roots.is_empty() {
        return Err(unreadable(&"there is no certificate in it"));
    }
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .build()
            .map_err(|error| unreadable(&error))?;
    Ok(verifier)
}

fn read_client(
    client: &ClientIdentity,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), OriginError> {
    let chain = CertificateDer::pem_slice_iter(&client.certificates)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| OriginError::ClientCertificate(error.to_string()))?;
    // The parser's own message may quote what it read, so it is not passed on.
    let key = PrivateKeyDer::from_pem_slice(client.key.expose().as_bytes())
        .map_err(|_| OriginError::ClientCertificate("the key is not PEM".to_owned()))?;
    if chain.is_empty() {
        return Err(OriginError::ClientCertificate("there is no certificate in it".to_owned()));
    }
    Ok((chain, key))
}

// === impl Policy ===

impl Policy {
    fn build(&self) -> Result<Arc<ClientConfig>, TlsFailure> {
        let setup = |error: rustls::Error| TlsFailure::Setup(error.to_string());
        let verifier = match &self.verifier {
            Some(verifier) => Arc::clone(verifier),
            None => Arc::new(
                rustls_platform_verifier::Verifier::new(Arc::clone(&self.provider))
                    .map_err(setup)?,
            ),
        };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&self.versions)
            .map_err(setup)?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match &self.client {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                builder.with_client_auth_cert(chain.clone(), key.clone_key()).map_err(setup)?
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// What a failed handshake, or a read after it, says about TLS.
pub(super) fn failure_within(error: &io::Error) -> Option<TlsFailure> {
    let inner = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    Some(match inner {
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired | AlertDescription::BadCertificate,
        ) => TlsFailure::ClientCertificateRequired,
        rustls::Error::AlertReceived(alert) => TlsFailure::Alert(format!("{alert:?}")),
        rustls::Error::InvalidCertificate(problem) => certificate_failure(problem),
        rustls::Error::InvalidMessage(_) => TlsFailure::NotTls,
        other => TlsFailure::Protocol(other.to_string()),
    })
}

fn certificate_failure(problem: &CertificateError) -> TlsFailure {
    match problem {
        // A bad signature is an authority of a trusted one's name with another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            TlsFailure::UnknownIssuer
        }
        CertificateError::NotValidForNameContext { expected, presented } => TlsFailure::WrongName {
            expected: expected.to_str().into_owned(),
            presented: presented.clone(),
        },
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => {
            TlsFailure::CertificateTime(problem.to_string())
        }
        other => TlsFailure::Certificate(other.to_string()),
    }
}
