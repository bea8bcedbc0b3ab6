//! `awsCredentials`: what to sign with and for.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::reference::{
    Duration, HeaderName, Namespace, ObjectName, PreciseHostname, SecretReference,
};

/// Sign requests with AWS SigV4. Without `credentialsFile` and `identityRef` the credentials are
/// those of the default chain: environment, EKS Pod Identity, IRSA, instance metadata, ECS task.
#[derive(JsonSchema)]
#[schemars(
    rename_all = "camelCase",
    extend("x-kubernetes-validations" = [{
        "rule": "!(has(self.credentialsFile) && has(self.identityRef))",
        "message": "only one of credentialsFile or identityRef can be set"
    }])
)]
pub struct AwsCredentials {
    /// The AWS region to sign for, such as `us-east-1`.
    #[schemars(length(min = 1))]
    pub region: String,
    /// The AWS service to sign for, such as `bedrock-agentcore`. Known hosts say it themselves.
    #[schemars(length(min = 1))]
    pub service: Option<String>,
    /// How the service is found. There is one way; both spellings of it are in use.
    #[schemars(extend("default" = "ServiceIdentify"))]
    pub mode: Option<String>,
    /// An AWS shared-credentials file in a Secret.
    pub credentials_file: Option<CredentialsFile>,
    /// A role to assume with the credentials. Extension of Sealgate.
    pub assume_role: Option<AssumeRole>,
    /// A BackendSecurityPolicy whose credentials are used. Extension of Sealgate.
    pub identity_ref: Option<IdentityReference>,
    /// Headers that the signature covers beside those that it always does, where a request has
    /// them. Extension of Sealgate.
    #[schemars(length(max = 16))]
    pub signed_headers: Option<Vec<HeaderName>>,
    /// The host to sign for, when it is not that of the backend. Extension of Sealgate.
    pub signing_host: Option<PreciseHostname>,
}

/// An AWS shared-credentials file in a Secret.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct CredentialsFile {
    /// The Secret; its key `credentials` holds the file.
    pub secret_ref: SecretReference,
    /// The profile in the file.
    #[schemars(extend("default" = "default"))]
    pub profile: Option<String>,
}

/// A role to assume. Limits are those of `sts:AssumeRole`.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct AssumeRole {
    /// The ARN of the role.
    #[schemars(length(min = 20, max = 2048), regex(pattern = r"^arn:.*:role/"))]
    pub role_arn: String,
    /// What the role's trust policy asks of third parties.
    #[schemars(length(min = 2, max = 1224))]
    pub external_id: Option<String>,
    /// The name of the session, as CloudTrail shows it.
    #[schemars(length(min = 2, max = 64), regex(pattern = r"^[\w+=,.@-]*$"))]
    pub session_name: Option<String>,
    /// How long credentials are good for, 15 minutes to 12 hours.
    pub duration: Option<Duration>,
    /// A JSON policy that narrows what the role may do.
    #[schemars(length(min = 1, max = 2048))]
    pub policy: Option<String>,
    /// Managed policies that narrow what the role may do.
    #[schemars(length(max = 10), inner(length(min = 20, max = 2048)))]
    pub policy_arns: Option<Vec<String>>,
    /// Tags of the session.
    #[schemars(extend("maxProperties" = 50))]
    pub tags: Option<BTreeMap<String, TagValue>>,
    /// The keys of those tags that pass on to the next role.
    #[schemars(length(max = 50), inner(length(min = 1, max = 128)))]
    pub transitive_tag_keys: Option<Vec<String>>,
    /// Who is behind the session, as the role's trust policy may ask.
    #[schemars(length(min = 2, max = 64), regex(pattern = r"^[\w+=,.@-]*$"))]
    pub source_identity: Option<String>,
}

/// The value of a session tag.
#[derive(JsonSchema)]
pub struct TagValue(#[schemars(length(max = 256))] pub String);

/// A BackendSecurityPolicy of type AWSCredentials.
#[derive(JsonSchema)]
pub struct IdentityReference {
    /// Its group.
    #[schemars(extend("default" = "aigateway.envoyproxy.io"))]
    pub group: Option<super::reference::Group>,
    /// Its kind.
    #[schemars(extend("default" = "BackendSecurityPolicy"))]
    pub kind: Option<super::reference::Kind>,
    /// Its name.
    pub name: ObjectName,
    /// Its namespace. Another one than the route's needs a ReferenceGrant there.
    pub namespace: Option<Namespace>,
}
