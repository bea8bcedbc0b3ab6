//! `oidcExchangeToken`: whose token is exchanged for the credentials of a role.

use schemars::JsonSchema;
use serde_json::Value;

use super::reference::{Duration, SecretReference, ServerReference};

/// A token of an OpenID Connect provider, exchanged for the credentials of a role.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct OidcExchangeToken {
    /// The provider, and who asks it.
    pub oidc: Oidc,
    /// `client_credentials`, and so without it.
    pub grant_type: Option<String>,
    /// Whom the token is for, sent as `audience`.
    pub aud: Option<String>,
    /// The ARN of the role that the token opens.
    #[schemars(length(min = 1))]
    pub aws_role_arn: String,
}

/// A client of an OpenID Connect provider. What is for people who log in with a browser has no
/// effect.
#[derive(JsonSchema)]
#[schemars(
    rename_all = "camelCase",
    extend("x-kubernetes-validations" = [{
        "rule": "(has(self.clientID) && !has(self.clientIDRef)) || \
                 (!has(self.clientID) && has(self.clientIDRef))",
        "message": "only one of clientID or clientIDRef must be set"
    }])
)]
pub struct Oidc {
    /// The provider.
    pub provider: OidcProvider,
    /// The client.
    #[schemars(rename = "clientID", length(min = 1))]
    pub client_id: Option<String>,
    /// A Secret whose key `client-id` names the client.
    #[schemars(rename = "clientIDRef")]
    pub client_id_ref: Option<SecretReference>,
    /// A Secret whose key `client-secret` holds the client's secret.
    pub client_secret: SecretReference,
    /// Scopes that are asked for; none is added.
    pub scopes: Option<Vec<String>>,
    /// Resources that the token is for (RFC 8707).
    pub resources: Option<Vec<String>>,
    /// No effect.
    #[schemars(extend("type" = "object"))]
    pub cookie_config: Option<Value>,
    /// No effect.
    pub cookie_domain: Option<String>,
    /// No effect.
    #[schemars(extend("type" = "object"))]
    pub cookie_names: Option<Value>,
    /// No effect.
    #[schemars(rename = "csrfTokenTTL")]
    pub csrf_token_ttl: Option<Duration>,
    /// No effect.
    #[schemars(rename = "defaultRefreshTokenTTL")]
    pub default_refresh_token_ttl: Option<Duration>,
    /// No effect.
    #[schemars(rename = "defaultTokenTTL")]
    pub default_token_ttl: Option<Duration>,
    /// No effect.
    #[schemars(extend("type" = "object"))]
    pub deny_redirect: Option<Value>,
    /// No effect.
    pub disable_token_encryption: Option<bool>,
    /// No effect.
    pub forward_access_token: Option<bool>,
    /// No effect.
    #[schemars(rename = "forwardIDToken", extend("type" = "object"))]
    pub forward_id_token: Option<Value>,
    /// No effect.
    pub logout_path: Option<String>,
    /// No effect.
    pub pass_through_auth_header: Option<bool>,
    /// No effect.
    #[schemars(rename = "redirectURL")]
    pub redirect_url: Option<String>,
    /// No effect.
    pub refresh_token: Option<bool>,
}

/// An OpenID Connect provider.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct OidcProvider {
    /// Its issuer, as its discovery document writes it.
    #[schemars(length(min = 1))]
    pub issuer: String,
    /// Where tokens are asked for, when the discovery document is not to say it.
    pub token_endpoint: Option<String>,
    /// No effect.
    pub authorization_endpoint: Option<String>,
    /// No effect.
    pub end_session_endpoint: Option<String>,
    /// Not enforced: the provider is asked at its URL.
    pub backend_ref: Option<ServerReference>,
    /// Not enforced: the provider is asked at its URL.
    pub backend_refs: Option<Vec<ServerReference>>,
    /// Not enforced.
    #[schemars(extend("type" = "object"))]
    pub backend_settings: Option<Value>,
}
