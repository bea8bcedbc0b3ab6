//! BackendTLSPolicy or `Backend.spec.tls` in, how to verify the server out.

use super::store::Referrer;
use super::{Context, certificate};
use crate::certificate::is_server_name;
use crate::finding::Severity;
use crate::kind::{Backend, BackendReference, ENVOY_GATEWAY, GATEWAY_API, Resource, TlsSettings};
use crate::report::At;
use crate::resolved::{ClientCertificate, Roots, SubjectName, TlsPolicy, TlsVersions};

/// A policy whose server name may still be that of the backend.
#[derive(Clone)]
pub(super) struct Tls {
    pub(super) server_name: Option<String>,
    pub(super) subject_names: Vec<SubjectName>,
    pub(super) ca: Roots,
    pub(super) insecure_skip_verify: bool,
    pub(super) client_certificate: Option<ClientCertificate>,
    pub(super) versions: TlsVersions,
}

// === impl Tls ===

impl Tls {
    /// Verified by the system's authorities.
    pub(super) const SYSTEM: Self = Self {
        server_name: None,
        subject_names: Vec::new(),
        ca: Roots::System,
        insecure_skip_verify: false,
        client_certificate: None,
        versions: TlsVersions::Both,
    };

    /// The TLS of a Backend: its policy's, else its own. `None` when something about it is wrong.
    pub(super) fn of_backend(
        context: &Context<'_>,
        namespace: &str,
        reference: &BackendReference,
        backend: &Backend,
    ) -> Option<Option<Self>> {
        let from_policy = Self::of_policy(context, namespace, reference, ENVOY_GATEWAY, "Backend")?;
        match (from_policy, &backend.tls) {
            (Some(mut policy), Some(own)) => {
                // The Backend adds what a policy cannot say.
                let own = Self::read(context, ENVOY_GATEWAY, "Backend", namespace, own)?;
                policy.client_certificate = own.client_certificate;
                policy.versions = own.versions;
                Some(Some(policy))
            }
            (Some(policy), None) => Some(Some(policy)),
            (None, Some(own)) => {
                Self::read(context, ENVOY_GATEWAY, "Backend", namespace, own).map(Some)
            }
            (None, None) => Some(None),
        }
    }

    /// The TLS of a Service: only a policy can give it.
    pub(super) fn of_service(
        context: &Context<'_>,
        namespace: &str,
        reference: &BackendReference,
    ) -> Option<Option<Self>> {
        Self::of_policy(context, namespace, reference, "", "Service")
    }

    /// Takes the host that the server goes by, unless a policy says otherwise; a host that no
    /// certificate can be for is reported at `at`.
    pub(super) fn named(self, host: &str, at: &At) -> Option<TlsPolicy> {
        let server_name = self.server_name.unwrap_or_else(|| host.to_owned());
        if !is_server_name(&server_name) {
            let message = format!("{server_name:?} cannot be a TLS server name");
            let help = "a DNS name has labels of at most 63 characters; give another hostname";
            at.say(Severity::Error, "tls-server-name", message, Some(help.to_owned()));
            return None;
        }
        Some(TlsPolicy {
            server_name,
            subject_names: self.subject_names,
            ca: self.ca,
            insecure_skip_verify: self.insecure_skip_verify,
            client_certificate: self.client_certificate,
            versions: self.versions,
        })
    }

    fn of_policy(
        context: &Context<'_>,
        namespace: &str,
        reference: &BackendReference,
        group: &str,
        kind: &str,
    ) -> Option<Option<Self>> {
        let to = &reference.reference;
        for named in context.store.of_kind("BackendTLSPolicy") {
            if named.metadata.namespace != namespace {
                continue;
            }
            let Some(Resource::BackendTlsPolicy(policy)) = &named.resource else {
                // It asked for TLS: plain text would be less than that.
                if named.mentions.contains(&to.name) {
                    let message = format!(
                        "backend {} is left out: BackendTLSPolicy {} is invalid, see its errors",
                        to.name, named.metadata.name
                    );
                    to.at.error("invalid-reference", message);
                    return None;
                }
                continue;
            };
            let hit = policy.targets.iter().any(|target| {
                target.name == to.name && target.kind == kind && target.group == group
            });
            if hit {
                let policy =
                    Self::read(context, GATEWAY_API, "BackendTLSPolicy", namespace, &policy.tls);
                return policy.map(Some);
            }
        }
        Some(None)
    }

    fn read(
        context: &Context<'_>,
        group: &str,
        kind: &str,
        namespace: &str,
        settings: &TlsSettings,
    ) -> Option<Self> {
        let from = Referrer { group, kind, namespace };
        let mut pem = Vec::new();
        for reference in &settings.authorities {
            pem.append(&mut certificate::authorities(&context.store, from, reference)?);
            pem.push(b'\n');
        }
        let client_certificate = match &settings.client_certificate {
            Some(reference) => {
                let (certificate_pem, key_pem) =
                    certificate::pair(&context.store, from, reference)?;
                Some(ClientCertificate { certificate_pem, key_pem })
            }
            None => None,
        };
        Some(Self {
            server_name: settings.server_name.clone(),
            subject_names: settings.subject_names.clone(),
            ca: if pem.is_empty() { Roots::System } else { Roots::Pem(pem) },
            insecure_skip_verify: settings.insecure_skip_verify,
            client_certificate,
            versions: settings.versions,
        })
    }
}
