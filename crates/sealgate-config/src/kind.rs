//! A document in, the resource that it describes out; kinds of others are named and passed over.

mod aws_credentials;
mod backend;
mod backend_security_policy;
mod backend_tls_policy;
mod gateway;
mod label_selector;
mod mcp_route;
mod metadata;
mod namespace;
mod oidc_exchange;
mod payload;
mod reference;
mod reference_grant;
mod route_security;

use crate::finding::Severity;
use crate::memory::Unit;
use crate::read::{Field, Shape};
use crate::report::At;
use crate::suggest::{did_you_mean, nearest};
use crate::tree::{Node, Value};

pub(crate) use aws_credentials::{
    AwsCredentials, CredentialsFile, assume_role, role_arn, signed_headers,
};
pub(crate) use backend::{Backend, Endpoint, Target, TlsSettings};
pub(crate) use backend_security_policy::BackendSecurityPolicy;
pub(crate) use backend_tls_policy::BackendTlsPolicy;
pub(crate) use gateway::{Gateway, GatewayListener, RoutesFrom};
pub(crate) use mcp_route::{
    ApiKey, BackendReference, KeyPlace, KeyValue, McpRoute, ParentReference, Security, is_backend,
};
pub(crate) use metadata::Metadata;
pub(crate) use namespace::Namespace;
#[cfg(test)]
pub(crate) use oidc_exchange::FOR_BROWSERS;
pub(crate) use oidc_exchange::{ClientName, OidcExchange};
pub(crate) use payload::{Payload, SubstitutionSource};
pub(crate) use reference::ObjectReference;
pub(crate) use reference_grant::ReferenceGrant;

/// The group of MCPRoute.
pub(crate) const AI_GATEWAY: &str = "aigateway.envoyproxy.io";
/// The group of Backend.
pub(crate) const ENVOY_GATEWAY: &str = "gateway.envoyproxy.io";
/// The group of Gateway.
pub(crate) const GATEWAY_API: &str = "gateway.networking.k8s.io";

/// A resource that matters here.
#[expect(clippy::large_enum_variant, reason = "one for each document")]
pub(crate) enum Resource {
    Backend(Backend),
    BackendSecurityPolicy(BackendSecurityPolicy),
    BackendTlsPolicy(BackendTlsPolicy),
    ConfigMap(Payload),
    Gateway(Gateway),
    McpRoute(McpRoute),
    Namespace(Namespace),
    ReferenceGrant(ReferenceGrant),
    Secret(Payload),
}

/// A resource with its name.
pub(crate) struct Named {
    pub(crate) metadata: Metadata,
    pub(crate) at: At,
    pub(crate) kind: &'static str,
    /// `None` when something in it is wrong, so that who refers to it can say so.
    pub(crate) resource: Option<Resource>,
    /// Names that it targets, known even when it is wrong.
    pub(crate) mentions: Vec<String>,
}

impl Named {
    /// What it is known by from one load to the next.
    pub(crate) fn unit(&self) -> Unit {
        Unit::of("", &label_of(self.kind, &self.metadata.namespace, &self.metadata.name))
    }
}

/// What is known about a kind.
pub(crate) struct Known {
    pub(crate) kind: &'static str,
    pub(crate) group: &'static str,
    pub(crate) versions: &'static [&'static str],
}

const fn known(
    kind: &'static str,
    group: &'static str,
    versions: &'static [&'static str],
) -> Known {
    Known { kind, group, versions }
}

impl Known {
    /// `group/version`, or the version alone for the core group.
    pub(crate) fn api_version(&self, version: &str) -> String {
        match self.group {
            "" => version.to_owned(),
            group => format!("{group}/{version}"),
        }
    }
}

/// Kinds that are read.
pub(crate) const KNOWN: [Known; 10] = [
    known("MCPRoute", AI_GATEWAY, &["v1beta1", "v1alpha1"]),
    known("Backend", ENVOY_GATEWAY, &["v1alpha1"]),
    known("BackendTLSPolicy", GATEWAY_API, &["v1", "v1alpha3"]),
    known("Gateway", GATEWAY_API, &["v1", "v1beta1"]),
    known("GatewayClass", GATEWAY_API, &["v1", "v1beta1"]),
    known("ReferenceGrant", GATEWAY_API, &["v1", "v1beta1"]),
    known("Secret", "", &["v1"]),
    known("ConfigMap", "", &["v1"]),
    known("Namespace", "", &["v1"]),
    known("BackendSecurityPolicy", AI_GATEWAY, &["v1beta1", "v1alpha1"]),
];

/// Kinds of Envoy Gateway, Envoy AI Gateway and the Gateway API that often stand beside ours.
const FOREIGN: [&str; 20] = [
    "AIGatewayRoute",
    "AIServiceBackend",
    "BackendTrafficPolicy",
    "ClientTrafficPolicy",
    "EnvoyExtensionPolicy",
    "EnvoyPatchPolicy",
    "EnvoyProxy",
    "GRPCRoute",
    "GatewayConfig",
    "HTTPRoute",
    "HTTPRouteFilter",
    "InferencePool",
    "MCPBackend",
    "QuotaPolicy",
    "SecurityPolicy",
    "TCPRoute",
    "TLSRoute",
    "UDPRoute",
    "XBackendTrafficPolicy",
    "XListenerSet",
];

/// Kinds of a cluster that mean nothing to a gateway: passed over in silence.
const SILENT: [&str; 8] = [
    "Service",
    "Deployment",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
];

/// The resources of one document: itself, or what it lists.
pub(crate) fn items<'a>(document: &Field<'a>) -> Vec<Field<'a>> {
    let kind = document.node().get("kind").and_then(Node::text).unwrap_or_default();
    let list = document.node().get("items");
    if kind == "List" || (kind.ends_with("List") && list.is_some()) {
        let items = document.open_object().and_then(|object| object.get("items"));
        let items = items.map(|items| items.list(0, usize::MAX)).unwrap_or_default();
        let alone = |item: &Field<'a>| Field::root(item.node(), &item.at.of_document());
        return items.iter().map(alone).flat_map(|item| self::items(&item)).collect();
    }
    vec![document.clone()]
}

/// Kinds that belong to no namespace.
const OF_THE_CLUSTER: [&str; 2] = ["GatewayClass", "Namespace"];

/// `MCPRoute default/x`, `Namespace x`.
fn label_of(kind: &str, namespace: &str, name: &str) -> String {
    match OF_THE_CLUSTER.contains(&kind) {
        true => format!("{kind} {name}"),
        false => format!("{kind} {namespace}/{name}"),
    }
}

/// `MCPRoute default/x`, as far as a document says it: what findings about it are labelled with,
/// and what it is known by from one load to the next.
pub(crate) fn label(document: &Node) -> Option<String> {
    let kind = document.get("kind")?.text()?;
    let version = document.get("apiVersion")?.text()?;
    let group = version.rsplit_once('/').map_or("", |(group, _)| group);
    KNOWN.iter().find(|known| known.kind == kind && known.group == group)?;
    let metadata = document.get("metadata")?;
    let name = metadata.get("name")?.text()?;
    let namespace = metadata.get("namespace").and_then(Node::text).unwrap_or("default");
    Some(label_of(kind, namespace, name))
}

/// Reads one document that is no List into `found`.
pub(crate) fn read(document: &Field<'_>, found: &mut Vec<Named>) {
    let document = &match label(document.node()) {
        Some(label) => Field::root(document.node(), &document.at.of_resource(&label)),
        None => document.clone(),
    };
    let Some(object) = document.open_object() else { return };
    let Some(kind_field) = object.get("kind") else {
        document.at.say(
            Severity::Error,
            "no-kind",
            "kind: Required value".to_owned(),
            Some("a document is a resource with apiVersion and kind, or has mcpServers".to_owned()),
        );
        return;
    };
    let Some(kind) = kind_field.string() else { return };
    let Some(known) = KNOWN.iter().find(|known| known.kind == kind) else {
        return pass_over(&kind, &kind_field.at);
    };
    let Some(version_field) = object.required("apiVersion") else { return };
    let Some(version) = version_field.string() else { return };
    let (group, number) = version.rsplit_once('/').unwrap_or(("", &version));
    let misspelt = nearest(group, [known.group]).is_some();
    if group != known.group && !misspelt {
        // A namesake of another project.
        return pass_over(&kind, &kind_field.at);
    }
    if misspelt || !known.versions.contains(&number) {
        let versions = known.versions.join(", ");
        version_field.at.say(
            Severity::Error,
            "unknown-version",
            format!("no matches for kind \"{kind}\" in version \"{version}\""),
            Some(match misspelt {
                true => format!("did you mean \"{}/{number}\"?", known.group),
                false => format!("known versions: {versions}"),
            }),
        );
        return;
    }
    if known.group == AI_GATEWAY && number == "v1alpha1" {
        let message =
            format!("{AI_GATEWAY}/v1alpha1 is deprecated; use {AI_GATEWAY}/v1beta1 instead");
        version_field.at.note("deprecated-version", message);
    }
    let Some(metadata_field) = object.required("metadata") else { return };
    let Some(mut metadata) = Metadata::read(&metadata_field) else { return };
    if OF_THE_CLUSTER.contains(&known.kind) {
        metadata.namespace.clear();
    }
    if known.kind == "GatewayClass" {
        return;
    }
    let label = label_of(known.kind, &metadata.namespace, &metadata.name);
    let root = Field::root(document.node(), &document.at.of_resource(&label));
    let at = kind_field.at.of_resource(&label);
    let before = at.report().errors();
    let resource = read_resource(known.kind, &root, &metadata);
    let resource = resource.filter(|_| at.report().errors() == before);
    let mentions = mentions(document.node());
    found.push(Named { metadata, at, kind: known.kind, resource, mentions });
}

/// The names in `spec.targetRefs`.
fn mentions(document: &Node) -> Vec<String> {
    let Some(Value::List(targets)) =
        document.get("spec").and_then(|spec| spec.get("targetRefs")).map(|list| &list.value)
    else {
        return Vec::new();
    };
    targets.iter().filter_map(|target| Some(target.get("name")?.text()?.to_owned())).collect()
}

fn read_resource(kind: &str, root: &Field<'_>, metadata: &Metadata) -> Option<Resource> {
    if matches!(kind, "Secret" | "ConfigMap") {
        let payload = Payload::read(root, metadata, kind == "Secret")?;
        return Some(match kind {
            "Secret" => Resource::Secret(payload),
            _ => Resource::ConfigMap(payload),
        });
    }
    if kind == "Namespace" {
        return Namespace::read(root).map(Resource::Namespace);
    }
    let object = root.object(&["apiVersion", "kind", "metadata", "spec", "status"])?;
    let spec = object.required("spec")?;
    Some(match kind {
        "MCPRoute" => Resource::McpRoute(McpRoute::read(&spec, metadata)?),
        "Backend" => Resource::Backend(Backend::read(&spec, metadata)?),
        "BackendTLSPolicy" => Resource::BackendTlsPolicy(BackendTlsPolicy::read(&spec)?),
        "BackendSecurityPolicy" => {
            Resource::BackendSecurityPolicy(BackendSecurityPolicy::read(&spec)?)
        }
        "Gateway" => Resource::Gateway(Gateway::read(&spec)?),
        "ReferenceGrant" => Resource::ReferenceGrant(ReferenceGrant::read(&spec)?),
        _ => return None,
    })
}

fn pass_over(kind: &str, at: &At) {
    if SILENT.contains(&kind) {
        return;
    }
    if FOREIGN.contains(&kind) || KNOWN.iter().any(|known| known.kind == kind) {
        at.note("not-enforced", format!("kind {kind} is not enforced by Sealgate"));
        return;
    }
    let own = || KNOWN.iter().map(|known| known.kind);
    let message = format!("unknown kind {kind:?}; the document is ignored");
    let help = did_you_mean(kind, own().chain(FOREIGN));
    // A slip of the pen must not take a resource away in passing.
    let meant = nearest(kind, own().chain(FOREIGN)).filter(|meant| own().any(|it| it == *meant));
    let severity = if meant.is_some() { Severity::Error } else { Severity::Warning };
    at.say(severity, "unknown-kind", message, help);
}

/// The names of Kubernetes objects.
pub(crate) const NAME: Shape = Shape::SECTION;
