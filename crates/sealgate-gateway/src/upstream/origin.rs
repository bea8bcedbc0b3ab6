//! Enters: where a backend's connections go. Leaves: an [`Origin`], one for equal descriptions
//! across every plan of the process, so that a reload keeps the connections of what it left alone.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use sealgate_aws::Secret;
use sealgate_config::certificate::CertificateError;
use sealgate_config::resolved::{Address, Backend, Roots, Scheme, SubjectName, TlsVersions};

use super::tls::{TlsConfigs, TlsSetup};

/// Where connections go and how they are protected. Equal descriptions share connections, so
/// nothing that belongs to one backend's requests may be part of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OriginSpec {
    /// Tried in order, beginning with another one each time. Never empty.
    pub connect: Vec<Address>,
    /// Present when the connection is TLS.
    pub tls: Option<TlsSpec>,
}

/// How a connection is protected.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TlsSpec {
    /// SNI, and the name that the certificate must carry: a DNS name or an IP address.
    pub server_name: String,
    /// Names of which the certificate must carry one in its place, unless there are none.
    pub subject_names: Vec<SubjectName>,
    /// Who may have signed the certificate.
    pub trust: Trust,
    /// What to present when the server asks.
    pub client: Option<ClientIdentity>,
    /// Which versions may be agreed on.
    pub versions: TlsVersions,
}

/// Whose certificates are accepted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Trust {
    /// Anybody's. Only when the operator said so.
    Anyone,
    /// Those of exactly these authorities (PEM).
    Pem(Arc<[u8]>),
    /// Those of the authorities that the operating system trusts.
    System,
}

/// A client certificate and its key.
#[derive(Clone)]
pub struct ClientIdentity {
    /// PEM, leaf first.
    pub certificates: Vec<u8>,
    /// PEM.
    pub key: Secret,
}

/// One place that requests go to. Cheap to share, compared by address.
pub struct Origin {
    /// Small and dense; taken again by another origin when this one is gone.
    id: usize,
    /// Never taken again.
    serial: u64,
    /// For people: the first address.
    pub(super) peer: Arc<str>,
    pub(super) spec: OriginSpec,
    pub(super) tls: Option<TlsSetup>,
    /// Which address the next connection begins with.
    pub(super) turn: AtomicUsize,
    numbers: Arc<Mutex<Numbers>>,
}

/// All origins of a process.
#[derive(Default)]
pub struct Origins {
    known: Mutex<HashMap<OriginSpec, Weak<Origin>>>,
    configs: TlsConfigs,
    numbers: Arc<Mutex<Numbers>>,
}

/// Why an origin cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OriginError {
    /// No authority could be read.
    #[error("the trusted authorities cannot be read: {0}; give PEM certificates")]
    Authorities(CertificateError),
    /// The client certificate or its key cannot be read, or they do not belong together.
    #[error("the client certificate cannot be used: {0}; give a PEM chain and its PEM key")]
    ClientCertificate(CertificateError),
    /// There is nowhere to connect to.
    #[error("there is no address to connect to; give the backend an endpoint")]
    NoAddress,
    /// The server name is neither a DNS name nor an IP address.
    #[error("{0:?} cannot be a TLS server name; give a DNS name or an IP address")]
    ServerName(String),
}

/// Hands out ids, lowest first.
#[derive(Default)]
struct Numbers {
    serial: u64,
    used: usize,
    free: Vec<usize>,
}

// === impl OriginSpec ===

impl From<&Backend> for OriginSpec {
    /// A `via` hop takes the place of the backend's own addresses and TLS.
    fn from(backend: &Backend) -> Self {
        if let Some(via) = &backend.via {
            let tls = (via.scheme == Scheme::Https).then(|| TlsSpec {
                server_name: host_of(&via.authority).to_owned(),
                subject_names: Vec::new(),
                trust: Trust::System,
                client: None,
                versions: TlsVersions::Both,
            });
            return Self { connect: vec![via.address.clone()], tls };
        }
        let tls = backend.tls.as_ref().filter(|_| backend.scheme == Scheme::Https);
        Self {
            connect: backend.connect.clone(),
            tls: tls.map(|policy| TlsSpec {
                server_name: policy.server_name.clone(),
                subject_names: policy.subject_names.clone(),
                trust: match &policy.ca {
                    _ if policy.insecure_skip_verify => Trust::Anyone,
                    Roots::System => Trust::System,
                    Roots::Pem(pem) => Trust::Pem(pem.as_slice().into()),
                },
                client: policy.client_certificate.as_ref().map(|client| ClientIdentity {
                    certificates: client.certificate_pem.clone(),
                    key: client.key_pem.clone(),
                }),
                versions: policy.versions,
            }),
        }
    }
}

/// The host of an authority, without port and brackets.
fn host_of(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    authority.split(':').next().unwrap_or(authority)
}

// === impl ClientIdentity ===

impl PartialEq for ClientIdentity {
    fn eq(&self, other: &Self) -> bool {
        self.certificates == other.certificates && self.key == other.key
    }
}

impl Eq for ClientIdentity {}

impl std::hash::Hash for ClientIdentity {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        // The certificate is enough to spread; equality looks at the key.
        self.certificates.hash(state);
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientIdentity([redacted])")
    }
}

// === impl Origin ===

impl Origin {
    /// The one origin of this description (a [`Backend`] will do), made if there is none yet.
    /// System roots are loaded with the first connection; everything else is checked here.
    ///
    /// # Errors
    /// [`OriginError`] when the TLS material is unusable or there is no address.
    pub fn intern(
        origins: &Origins,
        spec: impl Into<OriginSpec>,
    ) -> Result<Arc<Self>, OriginError> {
        let spec = spec.into();
        let mut known = origins.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(origin) = known.get(&spec).and_then(Weak::upgrade) {
            return Ok(origin);
        }
        known.retain(|_, origin| origin.strong_count() > 0);
        let peer = spec.connect.first().ok_or(OriginError::NoAddress)?.to_string().into();
        let tls = spec.tls.as_ref().map(|tls| origins.configs.setup(tls)).transpose()?;
        let (id, serial) = origins.numbers.lock().unwrap_or_else(PoisonError::into_inner).take();
        let origin = Arc::new(Self {
            id,
            serial,
            peer,
            spec: spec.clone(),
            tls,
            turn: AtomicUsize::new(0),
            numbers: Arc::clone(&origins.numbers),
        });
        known.insert(spec, Arc::downgrade(&origin));
        Ok(origin)
    }

    /// The first address, as people write it.
    pub fn peer(&self) -> &Arc<str> {
        &self.peer
    }

    pub(super) fn slot(&self) -> (usize, u64) {
        (self.id, self.serial)
    }

    /// The addresses in the order of this connection.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &Address> {
        let all = &self.spec.connect;
        let first = match all.len() {
            1 => 0,
            count => self.turn.fetch_add(1, Ordering::Relaxed) % count,
        };
        all.iter().cycle().skip(first).take(all.len())
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner).free.push(self.id);
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin").field("id", &self.id).field("spec", &self.spec).finish()
    }
}

// === impl Numbers ===

impl Numbers {
    fn take(&mut self) -> (usize, u64) {
        self.serial += 1;
        let id = self.free.pop().unwrap_or_else(|| {
            self.used += 1;
            self.used - 1
        });
        (id, self.serial)
    }
}

#[cfg(test)]
mod tests;
