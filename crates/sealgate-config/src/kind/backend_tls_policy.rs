//! BackendTLSPolicy in: which backends speak TLS and how they are verified.

use super::{ObjectReference, TlsSettings};
use crate::read::{Field, Shape};
use crate::resolved::TlsVersions;

/// TLS for the backends that it targets.
pub(crate) struct BackendTlsPolicy {
    pub(crate) targets: Vec<ObjectReference>,
    pub(crate) tls: TlsSettings,
}

// === impl BackendTlsPolicy ===

impl BackendTlsPolicy {
    pub(crate) fn read(spec: &Field<'_>) -> Option<Self> {
        let spec_object = spec.object(&["targetRefs", "validation", "options"])?;
        if let Some(options) = spec_object.get("options") {
            options.at.note("not-enforced", "TLS options are not enforced by Sealgate");
        }
        let targets = spec_object
            .required("targetRefs")?
            .list(1, 16)
            .iter()
            .filter_map(|item| ObjectReference::read(item, "", ""))
            .collect();
        let field = spec_object.required("validation")?;
        let allowed =
            ["caCertificateRefs", "wellKnownCACertificates", "hostname", "subjectAltNames"];
        let object = field.object(&allowed)?;
        let authorities = read_authorities(&object);
        let well_known = read_well_known(&object);
        if well_known == authorities.is_empty() {
            // Exactly one of the two says whom to trust.
        } else if well_known {
            object.broken("must not contain both CACertificateRefs and WellKnownCACertificates");
        } else {
            object.broken("must specify either CACertificateRefs or WellKnownCACertificates");
        }
        let hostname = object.required("hostname")?.text(&Shape::PRECISE_HOSTNAME)?;
        if let Some(names) = object.get("subjectAltNames") {
            let same = |item: &Field<'_>| {
                item.open_object()
                    .and_then(|name| name.get("hostname"))
                    .and_then(|name| name.string())
                    .is_some_and(|name| name == hostname)
            };
            if !names.list(0, 5).iter().all(same) {
                let message = "subjectAltNames other than the hostname are not supported yet";
                names.at.error("not-supported-yet", message);
            }
        }
        let tls = TlsSettings {
            at: field.at.clone(),
            authorities,
            insecure_skip_verify: false,
            server_name: Some(hostname),
            client_certificate: None,
            versions: TlsVersions::Both,
        };
        Some(Self { targets, tls })
    }
}

/// `caCertificateRefs`: ConfigMaps or Secrets with a key `ca.crt`.
pub(super) fn read_authorities(object: &crate::read::Object<'_>) -> Vec<ObjectReference> {
    object.get("caCertificateRefs").map_or_else(Vec::new, |field| {
        field
            .list(0, 8)
            .iter()
            .filter_map(|item| ObjectReference::read(item, "", "ConfigMap"))
            .collect()
    })
}

/// `wellKnownCACertificates: System`.
pub(super) fn read_well_known(object: &crate::read::Object<'_>) -> bool {
    object.get("wellKnownCACertificates").and_then(|field| field.one_of(&["System"])).is_some()
}
