//! `MCPRoute.spec.securityPolicy`: what a route asks of its callers.

use schemars::JsonSchema;
use serde_json::Value;

use super::reference::{Duration, LocalReference, SecretReference, ServerReference};

/// What a route asks of its callers.
#[derive(JsonSchema)]
#[schemars(
    rename_all = "camelCase",
    extend("x-kubernetes-validations" = [{
        "rule": "!(has(self.authorization) && has(self.authorization.rules) && \
                 self.authorization.rules.exists(r, has(r.source) && has(r.source.jwt)) && \
                 !has(self.oauth))",
        "message": "oauth must be configured when any authorization rule uses a jwt source"
    }])
)]
pub struct RouteSecurity {
    /// A token of an authorization server.
    pub oauth: Option<OAuth>,
    /// A key of the caller.
    pub api_key_auth: Option<ApiKeyAuth>,
    /// The word of another server.
    pub ext_auth: Option<ExternalAuth>,
    /// Who may call which tool.
    pub authorization: Option<Authorization>,
}

/// OAuth 2 as the MCP specification asks for it.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct OAuth {
    /// The URL of the authorization server.
    #[schemars(url)]
    pub issuer: String,
    /// Where the metadata of the authorization server is, when not at its well-known place.
    #[schemars(url)]
    pub authorization_server_metadata_url: Option<String>,
    /// Audiences that a token may have.
    #[schemars(length(max = 32))]
    pub audiences: Option<Vec<String>>,
    /// Where the keys of tokens are, when the metadata of the server does not say it.
    pub jwks: Option<Jwks>,
    /// What RFC 9728 lets clients know.
    pub protected_resource_metadata: ProtectedResourceMetadata,
    /// Claims that are passed on to the servers.
    #[schemars(length(max = 16))]
    pub claim_to_headers: Option<Vec<ClaimToHeader>>,
}

/// Where the keys of tokens are.
#[derive(JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "has(self.remoteJWKS) || has(self.localJWKS)",
        "message": "either remoteJWKS or localJWKS must be specified."
    },
    {
        "rule": "!(has(self.remoteJWKS) && has(self.localJWKS))",
        "message": "remoteJWKS and localJWKS cannot both be specified."
    }
]))]
pub struct Jwks {
    /// At a URL.
    #[schemars(rename = "remoteJWKS")]
    pub remote: Option<RemoteJwks>,
    /// Here, or in a ConfigMap.
    #[schemars(rename = "localJWKS")]
    pub local: Option<LocalJwks>,
}

/// Keys at a URL.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct RemoteJwks {
    /// The URL.
    #[schemars(length(min = 1, max = 253))]
    pub uri: String,
    /// How long they are kept.
    #[schemars(extend("default" = "300s"))]
    pub cache_duration: Option<Duration>,
    /// The server to ask, when not that of the URL.
    pub backend_ref: Option<ServerReference>,
    /// The servers to ask, when not that of the URL.
    #[schemars(length(max = 16))]
    pub backend_refs: Option<Vec<ServerReference>>,
    /// How connections to them behave.
    #[schemars(extend("type" = "object"))]
    pub backend_settings: Option<Value>,
}

/// Keys here, or in a ConfigMap.
#[derive(JsonSchema)]
#[schemars(
    rename_all = "camelCase",
    extend("x-kubernetes-validations" = [{
        "rule": "(self.type == 'Inline' && has(self.inline) && !has(self.valueRef)) || \
                 (self.type == 'ValueRef' && !has(self.inline) && has(self.valueRef))",
        "message": "Exactly one of inline or valueRef must be set with correct type."
    }])
)]
pub struct LocalJwks {
    /// Which of the two.
    #[schemars(rename = "type", extend("enum" = ["Inline", "ValueRef"], "default" = "Inline"))]
    pub kind: String,
    /// The keys themselves, as JSON.
    pub inline: Option<String>,
    /// A ConfigMap; its key `jwks`, or its only key, holds them.
    pub value_ref: Option<LocalReference>,
}

/// What RFC 9728 lets clients know about the protected resource.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct ProtectedResourceMetadata {
    /// The URL by which clients know the endpoint.
    #[schemars(url)]
    pub resource: String,
    /// Its name for people.
    #[schemars(length(max = 256))]
    pub resource_name: Option<String>,
    /// Scopes that a client may ask for.
    #[schemars(length(max = 32))]
    pub scopes_supported: Option<Vec<String>>,
    /// Algorithms by which the resource signs.
    #[schemars(length(min = 1, max = 16))]
    pub resource_signing_alg_values_supported: Option<Vec<String>>,
    /// A page for developers.
    #[schemars(url)]
    pub resource_documentation: Option<String>,
    /// A page about the data policy.
    #[schemars(url)]
    pub resource_policy_uri: Option<String>,
}

/// A claim that is passed on in a header.
#[derive(JsonSchema)]
pub struct ClaimToHeader {
    /// The claim.
    pub claim: String,
    /// The header.
    pub header: String,
}

/// Keys of callers.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct ApiKeyAuth {
    /// Secrets of client ids and their keys.
    #[schemars(length(max = 256))]
    pub credential_refs: Vec<SecretReference>,
    /// Where a request carries its key.
    #[schemars(length(max = 256))]
    pub extract_from: Vec<ExtractFrom>,
    /// The header in which servers learn the client id.
    #[schemars(rename = "forwardClientIDHeader")]
    pub forward_client_id_header: Option<String>,
    /// Whether the key is taken out of the request.
    pub sanitize: Option<bool>,
}

/// Where a request carries its key.
#[derive(JsonSchema)]
pub struct ExtractFrom {
    /// In a header.
    #[schemars(length(max = 256))]
    pub headers: Option<Vec<String>>,
    /// In a query parameter.
    #[schemars(length(max = 256))]
    pub params: Option<Vec<String>>,
    /// In a cookie.
    #[schemars(length(max = 256))]
    pub cookies: Option<Vec<String>>,
}

/// Another server decides.
#[derive(JsonSchema)]
#[schemars(
    rename_all = "camelCase",
    extend("x-kubernetes-validations" = [
        {
            "rule": "has(self.grpc) || has(self.http)",
            "message": "one of grpc or http must be specified"
        },
        {
            "rule": "!(has(self.grpc) && has(self.http))",
            "message": "only one of grpc or http can be specified"
        }
    ])
)]
pub struct ExternalAuth {
    /// A gRPC server.
    #[schemars(extend("type" = "object"))]
    pub grpc: Option<Value>,
    /// An HTTP server.
    #[schemars(extend("type" = "object"))]
    pub http: Option<Value>,
    /// Headers of the client that it is sent.
    #[schemars(length(max = 256))]
    pub headers_to_ext_auth: Option<Vec<String>>,
    /// How much of the body it is sent.
    pub body_to_ext_auth: Option<BodyToExternalAuth>,
    /// How long it may take.
    pub timeout: Option<Duration>,
    /// Whether its silence means yes.
    #[schemars(extend("default" = false))]
    pub fail_open: Option<bool>,
    /// Whether the route is chosen again after its answer.
    pub recompute_route: Option<bool>,
    /// Whether it is sent metadata of the route.
    pub include_route_metadata: Option<bool>,
    /// What else it is sent.
    #[schemars(extend("items" = { "type": "object" }))]
    pub context_extensions: Option<Vec<Value>>,
    /// The HTTP status when it does not answer.
    pub status_on_error: Option<i32>,
}

/// How much of the body is sent to another server that decides.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct BodyToExternalAuth {
    /// Bytes.
    #[schemars(range(min = 1))]
    pub max_request_bytes: i64,
}

/// Who may call which tool: the first rule that matches decides.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct Authorization {
    /// What happens when no rule matches.
    #[schemars(extend("enum" = ["Allow", "Deny"], "default" = "Deny"))]
    pub default_action: Option<String>,
    /// The rules.
    #[schemars(length(max = 32))]
    pub rules: Option<Vec<AuthorizationRule>>,
}

/// One rule: everything in it must hold.
#[derive(JsonSchema)]
pub struct AuthorizationRule {
    /// Who calls.
    pub source: Option<AuthorizationSource>,
    /// What is called.
    pub target: Option<AuthorizationTarget>,
    /// An expression over `request`; an error or another type than bool does not match.
    #[schemars(length(max = 4096))]
    pub cel: Option<String>,
    /// What happens when it matches.
    #[schemars(extend("enum" = ["Allow", "Deny"], "default" = "Allow"))]
    pub action: Option<String>,
}

/// A rule of an expression alone.
#[derive(JsonSchema)]
pub struct Rule {
    /// An expression over `request`; an error or another type than bool does not match.
    #[schemars(length(max = 4096))]
    pub cel: Option<String>,
    /// What happens when it matches.
    #[schemars(extend("enum" = ["Allow", "Deny"], "default" = "Allow"))]
    pub action: Option<String>,
}

/// Who calls.
#[derive(JsonSchema)]
pub struct AuthorizationSource {
    /// What the token must say.
    pub jwt: TokenSource,
}

/// What a token must say.
#[derive(JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "(has(self.scopes) && size(self.scopes) > 0) || (has(self.claims) && \
             size(self.claims) > 0)",
    "message": "either scopes or claims must be specified"
}]))]
pub struct TokenSource {
    /// Scopes, all of them.
    #[schemars(length(max = 16), inner(length(min = 1, max = 253)))]
    pub scopes: Option<Vec<String>>,
    /// Claims, all of them.
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-validations" = [{
            "rule": "!self.exists(c, c.name == 'scope')",
            "message": "'scope' claim name is reserved for OAuth scopes"
        }])
    )]
    pub claims: Option<Vec<Claim>>,
}

/// A claim of a token.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct Claim {
    /// Its name; a dot leads into an object.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Its type.
    #[schemars(extend("enum" = ["String", "StringArray"], "default" = "String"))]
    pub value_type: Option<String>,
    /// Values, of which one must be there.
    #[schemars(length(min = 1, max = 128))]
    pub values: Vec<String>,
}

/// What is called.
#[derive(JsonSchema)]
pub struct AuthorizationTarget {
    /// Tools.
    #[schemars(length(min = 1, max = 16))]
    pub tools: Vec<Tool>,
}

/// One tool of one server.
#[derive(JsonSchema)]
pub struct Tool {
    /// The name of the server.
    pub backend: String,
    /// The name of the tool, without the server's in front.
    pub tool: String,
}
