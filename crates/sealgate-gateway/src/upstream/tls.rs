//! Enters: a TLS description. Leaves: a client configuration, one per distinct policy, so that
//! session tickets are shared; and rustls errors in our own words.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, OtherError, RootCertStore,
    SupportedProtocolVersion,
};
use sealgate_config::certificate;
use sealgate_config::resolved::{SubjectName, TlsVersions};

use super::error::TlsFailure;
use super::origin::{ClientIdentity, OriginError, TlsSpec, Trust};
use super::subject::{CarriesOneOf, Chain};
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
}

type PolicyKey = (Trust, Vec<SubjectName>, Option<ClientIdentity>, TlsVersions);

/// Everything but the server name.
struct Policy {
    provider: Arc<CryptoProvider>,
    authorities: Authorities,
    subject_names: Vec<SubjectName>,
    client: Option<Arc<CertifiedKey>>,
    versions: Vec<&'static SupportedProtocolVersion>,
    config: OnceLock<Result<Arc<ClientConfig>, TlsFailure>>,
}

/// [`Trust`], read.
enum Authorities {
    Anyone,
    Roots(Arc<RootCertStore>),
    System,
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
        let names = spec.subject_names.clone();
        let key = (spec.trust.clone(), names, spec.client.clone(), spec.versions);
        if let Some(policy) = known.get(&key).and_then(Weak::upgrade) {
            return Ok(TlsSetup { server_name, policy });
        }
        known.retain(|_, policy| policy.strong_count() > 0);
        let policy = Arc::new(self.policy(spec)?);
        known.insert(key, Arc::downgrade(&policy));
        Ok(TlsSetup { server_name, policy })
    }

    fn policy(&self, spec: &TlsSpec) -> Result<Policy, OriginError> {
        let authorities = match &spec.trust {
            Trust::Anyone => Authorities::Anyone,
            Trust::Pem(pem) => {
                let roots = certificate::authorities(pem).map_err(OriginError::Authorities)?;
                Authorities::Roots(Arc::new(roots))
            }
            Trust::System => Authorities::System,
        };
        let client = spec.client.as_ref().map(|client| {
            certificate::certified(&client.certificates, &client.key)
                .map_err(OriginError::ClientCertificate)
        });
        let versions = match spec.versions {
            TlsVersions::Both => vec![&TLS13, &TLS12],
            TlsVersions::Only12 => vec![&TLS12],
            TlsVersions::Only13 => vec![&TLS13],
        };
        Ok(Policy {
            provider: Arc::clone(certificate::provider()),
            authorities,
            subject_names: spec.subject_names.clone(),
            client: client.transpose()?,
            versions,
            config: OnceLock::new(),
        })
    }
}

// === impl Policy ===

impl Policy {
    fn build(&self) -> Result<Arc<ClientConfig>, TlsFailure> {
        let setup = |error: rustls::Error| TlsFailure::Setup(error.to_string());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&self.versions)
            .map_err(setup)?
            .dangerous()
            .with_custom_certificate_verifier(self.verifier().map_err(TlsFailure::Setup)?);
        let mut config = match &self.client {
            None => builder.with_no_client_auth(),
            Some(client) => {
                let client = SingleCertAndKey::from(Arc::clone(client));
                builder.with_client_cert_resolver(Arc::new(client))
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    fn verifier(&self) -> Result<Arc<dyn ServerCertVerifier>, String> {
        let provider = &self.provider;
        let system = || {
            rustls_platform_verifier::Verifier::new(Arc::clone(provider))
                .map(Arc::new)
                .map_err(|error| error.to_string())
        };
        let names = self.subject_names.clone();
        Ok(match &self.authorities {
            Authorities::Anyone => Arc::new(TrustAnyone::new(provider)),
            Authorities::Roots(roots) if names.is_empty() => {
                WebPkiServerVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider))
                    .build()
                    .map_err(|error| error.to_string())?
            }
            Authorities::Roots(roots) => {
                Arc::new(CarriesOneOf::new(names, Chain::Roots(Arc::clone(roots)), provider))
            }
            Authorities::System if names.is_empty() => system()?,
            Authorities::System => {
                Arc::new(CarriesOneOf::new(names, Chain::System(system()?), provider))
            }
        })
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
        CertificateError::Other(OtherError(problem)) => {
            TlsFailure::Certificate(problem.to_string())
        }
        other => TlsFailure::Certificate(other.to_string()),
    }
}
