//! The kinds of objects that are watched: their names in the API, and what they are watched for.

use kube::api::ApiResource;

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// Where a server is.
    Backend,
    /// Named credentials.
    BackendSecurityPolicy,
    /// TLS to servers.
    BackendTlsPolicy,
    /// Authorities and keys that are no secret.
    ConfigMap,
    /// The addresses of a Service.
    EndpointSlice,
    /// Listeners.
    Gateway,
    /// Who serves Gateways.
    GatewayClass,
    /// MCP endpoints.
    McpRoute,
    /// What has labels, by which a Gateway may choose whose routes it takes.
    Namespace,
    /// Who may refer to what in another namespace.
    ReferenceGrant,
    /// Credentials and certificates.
    Secret,
    /// Servers in the cluster.
    Service,
}

/// How the API names a kind.
pub(crate) struct Names {
    pub(crate) group: &'static str,
    /// Served versions that are understood, the best first.
    pub(crate) versions: &'static [&'static str],
    pub(crate) kind: &'static str,
    plural: &'static str,
}

// === impl Kind ===

impl Kind {
    /// Kinds of which every object in the permitted namespaces is watched; of all others only
    /// those that one of these refers to.
    pub(crate) const WHOLE: [Self; 7] = [
        Self::GatewayClass,
        Self::Gateway,
        Self::McpRoute,
        Self::Backend,
        Self::BackendTlsPolicy,
        Self::BackendSecurityPolicy,
        Self::ReferenceGrant,
    ];

    pub(crate) fn names(self) -> Names {
        let names = |group, versions, kind, plural| Names { group, versions, kind, plural };
        match self {
            Self::Backend => names("gateway.envoyproxy.io", &["v1alpha1"], "Backend", "backends"),
            Self::BackendSecurityPolicy => names(
                "aigateway.envoyproxy.io",
                &["v1beta1", "v1alpha1"],
                "BackendSecurityPolicy",
                "backendsecuritypolicies",
            ),
            Self::BackendTlsPolicy => names(
                "gateway.networking.k8s.io",
                &["v1", "v1alpha3"],
                "BackendTLSPolicy",
                "backendtlspolicies",
            ),
            Self::ConfigMap => names("", &["v1"], "ConfigMap", "configmaps"),
            Self::EndpointSlice => {
                names("discovery.k8s.io", &["v1"], "EndpointSlice", "endpointslices")
            }
            Self::Gateway => {
                names("gateway.networking.k8s.io", &["v1", "v1beta1"], "Gateway", "gateways")
            }
            Self::GatewayClass => names(
                "gateway.networking.k8s.io",
                &["v1", "v1beta1"],
                "GatewayClass",
                "gatewayclasses",
            ),
            Self::McpRoute => {
                names("aigateway.envoyproxy.io", &["v1beta1", "v1alpha1"], "MCPRoute", "mcproutes")
            }
            Self::Namespace => names("", &["v1"], "Namespace", "namespaces"),
            Self::ReferenceGrant => names(
                "gateway.networking.k8s.io",
                &["v1", "v1beta1"],
                "ReferenceGrant",
                "referencegrants",
            ),
            Self::Secret => names("", &["v1"], "Secret", "secrets"),
            Self::Service => names("", &["v1"], "Service", "services"),
        }
    }

    /// The kind that a reference names.
    pub(crate) fn of_reference(group: &str, kind: &str) -> Option<Self> {
        match (group, kind) {
            ("", "Secret") => Some(Self::Secret),
            ("", "ConfigMap") => Some(Self::ConfigMap),
            ("", "Service") => Some(Self::Service),
            _ => None,
        }
    }

    pub(crate) fn is_namespaced(self) -> bool {
        !matches!(self, Self::GatewayClass | Self::Namespace)
    }

    /// Whether status is written to it.
    pub(crate) fn has_status(self) -> bool {
        matches!(self, Self::Gateway | Self::GatewayClass | Self::McpRoute)
    }

    /// Whether the configuration reads it; the others are read here.
    pub(crate) fn is_source(self) -> bool {
        !matches!(self, Self::GatewayClass | Self::Service | Self::EndpointSlice)
    }

    /// How the API serves it in one of its versions.
    pub(crate) fn resource(self, version: &str) -> ApiResource {
        let names = self.names();
        let api_version = match names.group {
            "" => version.to_owned(),
            group => format!("{group}/{version}"),
        };
        ApiResource {
            group: names.group.to_owned(),
            version: version.to_owned(),
            api_version,
            kind: names.kind.to_owned(),
            plural: names.plural.to_owned(),
        }
    }
}
