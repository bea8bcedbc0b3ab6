//! `MCPRoute.spec.backendRefs[]`: which server, which of its tools, with which credentials.

use schemars::JsonSchema;

use super::aws::AwsCredentials;
use super::reference::{Group, Kind, Namespace, ObjectName, PortNumber, SecretReference};

/// One MCP server behind a route.
#[derive(JsonSchema)]
#[schemars(
    rename_all = "camelCase",
    extend("x-kubernetes-validations" = [{
        "rule": "(size(self.group) == 0 && self.kind == 'Service') ? has(self.port) : true",
        "message": "Must have port for Service reference"
    }])
)]
pub struct BackendReference {
    /// The group of the server: empty for a Service, `gateway.envoyproxy.io` for a Backend.
    #[schemars(extend("default" = ""))]
    pub group: Option<Group>,
    /// The kind of the server: `Service` or `Backend`.
    #[schemars(extend("default" = "Service"))]
    pub kind: Option<Kind>,
    /// The name of the server, and what its tools' names start with.
    pub name: ObjectName,
    /// Its namespace. Another one than the route's needs a ReferenceGrant there.
    pub namespace: Option<Namespace>,
    /// Its port; a Service needs one.
    pub port: Option<PortNumber>,
    /// The path at the server, with its query if it has one.
    #[schemars(length(max = 1024), extend("default" = "/mcp"))]
    pub path: Option<String>,
    /// Whether the names of its tools start with its own; by default as the route says.
    #[schemars(extend("enum" = ["Always", "Never"]))]
    pub prefix_mode: Option<String>,
    /// Which of its tools the route offers.
    pub tool_selector: Option<ToolSelector>,
    /// The gateway's credentials for the server.
    pub security_policy: Option<BackendSecurity>,
    /// Headers of the client that are passed on.
    #[schemars(length(max = 32))]
    pub forward_headers: Option<Vec<ForwardHeader>>,
}

/// Which tools of a server are offered; what is excluded wins.
#[derive(JsonSchema)]
#[schemars(
    rename_all = "camelCase",
    extend("x-kubernetes-validations" = [
        {
            "rule": "!(has(self.include) && has(self.includeRegex))",
            "message": "include and includeRegex are mutually exclusive"
        },
        {
            "rule": "!(has(self.exclude) && has(self.excludeRegex))",
            "message": "exclude and excludeRegex are mutually exclusive"
        },
        {
            "rule": "has(self.include) || has(self.includeRegex) || has(self.exclude) || \
                     has(self.excludeRegex)",
            "message": "at least one of include, includeRegex, exclude, or excludeRegex must be \
                        specified"
        }
    ])
)]
pub struct ToolSelector {
    /// Names, without the server's in front.
    #[schemars(length(max = 32))]
    pub include: Option<Vec<String>>,
    /// RE2 expressions, found anywhere in a name.
    #[schemars(length(max = 32))]
    pub include_regex: Option<Vec<String>>,
    /// Names, without the server's in front.
    #[schemars(length(max = 32))]
    pub exclude: Option<Vec<String>>,
    /// RE2 expressions, found anywhere in a name.
    #[schemars(length(max = 32))]
    pub exclude_regex: Option<Vec<String>>,
}

/// The gateway's credentials for a server.
#[derive(JsonSchema)]
#[schemars(
    rename_all = "camelCase",
    extend("x-kubernetes-validations" = [{
        "rule": "!(has(self.apiKey) && has(self.awsCredentials))",
        "message": "only one of apiKey or awsCredentials can be set"
    }])
)]
pub struct BackendSecurity {
    /// A fixed key.
    pub api_key: Option<ApiKey>,
    /// AWS SigV4.
    pub aws_credentials: Option<AwsCredentials>,
}

/// A fixed key.
#[derive(JsonSchema)]
#[schemars(
    rename_all = "camelCase",
    extend("x-kubernetes-validations" = [
        {
            "rule": "(has(self.secretRef) && !has(self.inline)) || (!has(self.secretRef) && \
                     has(self.inline))",
            "message": "exactly one of secretRef or inline must be set"
        },
        {
            "rule": "!(has(self.header) && has(self.queryParam))",
            "message": "only one of header or queryParam can be set"
        }
    ])
)]
pub struct ApiKey {
    /// A Secret; its key `apiKey` holds the key.
    pub secret_ref: Option<SecretReference>,
    /// The key itself. Whoever may read the route reads it too.
    pub inline: Option<String>,
    /// The header that carries the key, `Authorization` by default. The value gets `Bearer ` in
    /// front on exactly that one.
    #[schemars(length(min = 1))]
    pub header: Option<String>,
    /// The query parameter that carries the key.
    #[schemars(length(min = 1))]
    pub query_param: Option<String>,
    /// Whether the key replaces what the client sent in the same header.
    #[schemars(extend("enum" = ["Always", "IfNotPresent"], "default" = "Always"))]
    pub injection_policy: Option<String>,
}

/// A header of the client that is passed on.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct ForwardHeader {
    /// Its name in the client's request.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Its name in the request to the server, by default the same.
    #[schemars(length(min = 1))]
    pub backend_header: Option<String>,
}
