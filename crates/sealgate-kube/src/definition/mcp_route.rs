//! `MCPRoute.spec`.

use schemars::JsonSchema;

use super::backend_reference::BackendReference;
use super::reference::{
    Group, HeaderName, Hostname, Kind, Namespace, ObjectName, PortNumber, PreciseHostname,
};
use super::route_security::{RouteSecurity, Rule};

/// One MCP endpoint and the MCP servers behind it.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct McpRouteSpec {
    /// The Gateways that serve the route.
    #[schemars(
        length(min = 1, max = 16),
        extend("x-kubernetes-validations" = [{
            "rule": "self.all(match, match.kind == 'Gateway')",
            "message": "only Gateway is supported"
        }])
    )]
    pub parent_refs: Vec<ParentReference>,
    /// The path of the endpoint, matched exactly.
    #[schemars(length(max = 1024), extend("default" = "/mcp"))]
    pub path: Option<String>,
    /// Headers that a request must have.
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub headers: Option<Vec<HeaderMatch>>,
    /// Host names that the route serves; all by default.
    #[schemars(length(max = 16))]
    pub hostnames: Option<Vec<Hostname>>,
    /// Whether the names of tools start with the name of their server.
    #[schemars(extend("enum" = ["Always", "Never"], "default" = "Always"))]
    pub prefix_mode: Option<String>,
    /// The MCP servers behind the endpoint.
    #[schemars(
        length(min = 1, max = 256),
        extend("x-kubernetes-validations" = [{
            "rule": "self.all(i, self.exists_one(j, j.name == i.name))",
            "message": "all backendRefs names must be unique"
        }])
    )]
    pub backend_refs: Vec<BackendReference>,
    /// Which servers a session reaches, decided when it begins.
    pub backend_selector: Option<BackendSelector>,
    /// What the route asks of its callers.
    pub security_policy: Option<RouteSecurity>,
}

/// A Gateway that serves a route.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct ParentReference {
    /// Its group.
    #[schemars(extend("default" = "gateway.networking.k8s.io"))]
    pub group: Option<Group>,
    /// Its kind.
    #[schemars(extend("default" = "Gateway"))]
    pub kind: Option<Kind>,
    /// Its name.
    pub name: ObjectName,
    /// Its namespace, by default the route's.
    pub namespace: Option<Namespace>,
    /// The one listener that serves the route; all by default.
    pub section_name: Option<PreciseHostname>,
    /// The one port that serves the route; all by default.
    pub port: Option<PortNumber>,
}

/// A header that a request must have.
#[derive(JsonSchema)]
pub struct HeaderMatch {
    /// How the value is compared.
    #[schemars(
        rename = "type",
        extend("enum" = ["Exact", "RegularExpression"], "default" = "Exact")
    )]
    pub kind: Option<String>,
    /// The name of the header.
    pub name: HeaderName,
    /// The value, or the expression that the whole value must match.
    #[schemars(length(min = 1, max = 4096))]
    pub value: String,
}

/// Which servers a session reaches: the first rule that matches decides.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct BackendSelector {
    /// What happens when no rule matches.
    #[schemars(extend("enum" = ["Allow", "Deny"], "default" = "Deny"))]
    pub default_action: Option<String>,
    /// The rules.
    #[schemars(length(max = 32))]
    pub rules: Option<Vec<Rule>>,
}
