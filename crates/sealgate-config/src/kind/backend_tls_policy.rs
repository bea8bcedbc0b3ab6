//! BackendTLSPolicy in: which backends speak TLS and how they are verified.

use super::{ObjectReference, TlsSettings};
use crate::read::{Field, Shape};
use crate::resolved::{HostPattern, SubjectName, TlsVersions};

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
        let names = object.get("subjectAltNames").map(|names| names.list(0, 5));
        let names: Vec<_> = names.unwrap_or_default();
        let tls = TlsSettings {
            authorities,
            insecure_skip_verify: false,
            server_name: Some(hostname),
            subject_names: names.iter().filter_map(read_subject).collect(),
            client_certificate: None,
            versions: TlsVersions::Both,
        };
        Some(Self { targets, tls })
    }
}

/// One of `subjectAltNames`.
fn read_subject(field: &Field<'_>) -> Option<SubjectName> {
    let object = field.object(&["type", "hostname", "uri"])?;
    let kind = object.required("type")?.one_of(&["Hostname", "URI"])?;
    let empty =
        |name| object.get(name).and_then(|field| field.string()).is_none_or(|it| it.is_empty());
    for (own, name, word) in [("Hostname", "hostname", "Hostname"), ("URI", "uri", "URI")] {
        let problem = match (kind == own, empty(name)) {
            (true, true) => format!("must contain {word}, if Type is set to {own}"),
            (false, false) => format!("must not contain {word}, if Type is not set to {own}"),
            _ => continue,
        };
        object.broken(&format!("SubjectAltName element {problem}"));
        return None;
    }
    Some(match kind {
        "Hostname" => {
            SubjectName::Host(HostPattern::parse(&object.get("hostname")?.text(&Shape::HOSTNAME)?))
        }
        _ => SubjectName::Uri(object.get("uri")?.text(&Shape::ABSOLUTE_URI)?),
    })
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
