//! `BackendSecurityPolicy.spec`: credentials with a name of their own.

use schemars::JsonSchema;
use serde_json::Value;

use super::aws::{AssumeRole, CredentialsFile};
use super::oidc_exchange::OidcExchangeToken;
use super::reference::{HeaderName, LocalReference};

/// Credentials for the backends that it targets, or that refer to it by `identityRef`.
#[derive(JsonSchema)]
#[schemars(
    rename_all = "camelCase",
    extend("maxProperties" = 4, "x-kubernetes-validations" = [
        {
            "rule": "self.type == 'APIKey' ? (has(self.apiKey) && !has(self.awsCredentials) && \
                     !has(self.azureAPIKey) && !has(self.azureCredentials) && \
                     !has(self.gcpCredentials) && !has(self.anthropicAPIKey)) : true",
            "message": "When type is APIKey, only apiKey field should be set"
        },
        {
            "rule": "self.type == 'AWSCredentials' ? (has(self.awsCredentials) && \
                     !has(self.apiKey) && !has(self.azureAPIKey) && !has(self.azureCredentials) && \
                     !has(self.gcpCredentials) && !has(self.anthropicAPIKey)) : true",
            "message": "When type is AWSCredentials, only awsCredentials field should be set"
        },
        {
            "rule": "self.type == 'AzureAPIKey' ? (has(self.azureAPIKey) && !has(self.apiKey) && \
                     !has(self.awsCredentials) && !has(self.azureCredentials) && \
                     !has(self.gcpCredentials) && !has(self.anthropicAPIKey)) : true",
            "message": "When type is AzureAPIKey, only azureAPIKey field should be set"
        },
        {
            "rule": "self.type == 'AzureCredentials' ? (has(self.azureCredentials) && \
                     !has(self.apiKey) && !has(self.awsCredentials) && !has(self.azureAPIKey) && \
                     !has(self.gcpCredentials) && !has(self.anthropicAPIKey)) : true",
            "message": "When type is AzureCredentials, only azureCredentials field should be set"
        },
        {
            "rule": "self.type == 'GCPCredentials' ? (has(self.gcpCredentials) && \
                     !has(self.apiKey) && !has(self.awsCredentials) && !has(self.azureAPIKey) && \
                     !has(self.azureCredentials) && !has(self.anthropicAPIKey)) : true",
            "message": "When type is GCPCredentials, only gcpCredentials field should be set"
        },
        {
            "rule": "self.type == 'AnthropicAPIKey' ? (has(self.anthropicAPIKey) && \
                     !has(self.apiKey) && !has(self.awsCredentials) && !has(self.azureAPIKey) && \
                     !has(self.azureCredentials) && !has(self.gcpCredentials)) : true",
            "message": "When type is AnthropicAPIKey, only anthropicAPIKey field should be set"
        }
    ])
)]
pub struct BackendSecurityPolicySpec {
    /// Backends that use the credentials. Kinds of other gateways may be there too.
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-validations" = [{
            "rule": "self.all(ref, (ref.group == 'gateway.envoyproxy.io' && ref.kind == \
                     'Backend') || (ref.group == 'aigateway.envoyproxy.io' && ref.kind == \
                     'AIServiceBackend') || (ref.group == 'inference.networking.k8s.io' && \
                     ref.kind == 'InferencePool'))",
            "message": "targetRefs must reference Backend, AIServiceBackend or InferencePool \
                        resources"
        }])
    )]
    pub target_refs: Option<Vec<LocalReference>>,
    /// The type of credentials; Sealgate uses those of AWS.
    #[schemars(
        rename = "type",
        extend("enum" = [
            "APIKey",
            "AWSCredentials",
            "AzureAPIKey",
            "AzureCredentials",
            "GCPCredentials",
            "AnthropicAPIKey"
        ])
    )]
    pub kind: String,
    /// Credentials of AWS.
    pub aws_credentials: Option<PolicyAwsCredentials>,
    /// A fixed key. Not used by Sealgate.
    #[schemars(extend("type" = "object"))]
    pub api_key: Option<Value>,
    /// A fixed key of Azure. Not used by Sealgate.
    #[schemars(rename = "azureAPIKey", extend("type" = "object"))]
    pub azure_api_key: Option<Value>,
    /// Credentials of Azure. Not used by Sealgate.
    #[schemars(extend("type" = "object"))]
    pub azure_credentials: Option<Value>,
    /// Credentials of Google Cloud. Not used by Sealgate.
    #[schemars(extend("type" = "object"))]
    pub gcp_credentials: Option<Value>,
    /// A fixed key of Anthropic. Not used by Sealgate.
    #[schemars(rename = "anthropicAPIKey", extend("type" = "object"))]
    pub anthropic_api_key: Option<Value>,
    /// Credentials that the request itself carries. Not enforced by Sealgate.
    #[schemars(extend("type" = "object"))]
    pub credential_override: Option<Value>,
}

/// Credentials of AWS. With neither a file nor a token they are those of the default chain.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct PolicyAwsCredentials {
    /// The AWS region to sign for.
    #[schemars(length(min = 1))]
    pub region: String,
    /// The AWS service to sign for. Known hosts say it themselves. Extension of Sealgate.
    #[schemars(length(min = 1))]
    pub service: Option<String>,
    /// An AWS shared-credentials file in a Secret.
    pub credentials_file: Option<CredentialsFile>,
    /// A token of an OpenID Connect provider that is exchanged for the credentials of a role.
    pub oidc_exchange_token: Option<OidcExchangeToken>,
    /// A role to assume with the credentials. Extension of Sealgate.
    pub assume_role: Option<AssumeRole>,
    /// Headers that the signature covers beside those that it always does, where a request has
    /// them. Extension of Sealgate.
    #[schemars(length(max = 16))]
    pub signed_headers: Option<Vec<HeaderName>>,
}
