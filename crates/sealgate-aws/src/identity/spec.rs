//! Enters settings, leaves the description of an identity: the key by which one is shared and
//! survives a reload.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::oidc::OidcClient;
use crate::credentials::Credentials;
use crate::secret::Secret;

/// Where credentials come from: a source, and the roles assumed on top of it, in order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdentitySpec {
    /// The first credentials.
    pub source: Source,
    /// Roles assumed one after the other, each with the credentials of the one before.
    pub roles: Vec<AssumeRole>,
    /// The region whose STS is asked; without it the environment's and the profile's, then
    /// `us-east-1`.
    pub sts_region: Option<String>,
    /// The STS endpoint; without it `AWS_ENDPOINT_URL_STS`, `AWS_ENDPOINT_URL`, then AWS's own.
    pub sts_endpoint: Option<String>,
    /// The files that profiles are read from; without them `AWS_CONFIG_FILE`,
    /// `AWS_SHARED_CREDENTIALS_FILE`, then `~/.aws`.
    pub profile_files: Option<ProfileFiles>,
}

/// The first credentials of an identity.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// Environment variables, the default profile, web identity, container, instance metadata.
    DefaultChain,
    /// A profile of the machine's AWS files, with all that a profile can ask for.
    Profile(String),
    /// A text in the format of the shared credentials file. It reaches nothing outside of itself:
    /// static keys, and roles over profiles of the same text.
    CredentialsText {
        /// What the text is called, to tell it from others: the Secret that it comes from.
        origin: String,
        /// The text.
        text: Secret,
        /// The profile to take.
        profile: String,
    },
    /// A token that an OpenID Connect provider issues to this client, exchanged at STS for the
    /// role's credentials (`AssumeRoleWithWebIdentity`). Both are fetched anew at every refresh.
    Oidc {
        /// Who asks the provider.
        client: OidcClient,
        /// The role; its external id, tags and source identity come from the token, not from here.
        role: AssumeRole,
    },
    /// These keys.
    Static(Credentials),
    /// An OIDC token in a file, exchanged at STS for the role's credentials
    /// (`AssumeRoleWithWebIdentity`). The file is read again at every refresh.
    WebIdentity {
        /// The file that holds the token, and nothing else.
        token_file: PathBuf,
        /// The role; its external id, tags and source identity come from the token, not from here.
        role: AssumeRole,
    },
}

/// One `sts:AssumeRole`. Limits are AWS's: see the API reference of STS.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct AssumeRole {
    /// The ARN of the role.
    pub role_arn: String,
    /// What the role's trust policy demands of third parties.
    pub external_id: Option<String>,
    /// Names the session in CloudTrail; `sealgate` unless given.
    pub session_name: Option<String>,
    /// How long the credentials live, 15 minutes to 12 hours; AWS's default is one hour.
    pub duration: Option<Duration>,
    /// An inline policy that narrows the role's rights.
    pub policy: Option<String>,
    /// Managed policies that narrow the role's rights.
    pub policy_arns: Vec<String>,
    /// Session tags.
    pub tags: Vec<(String, String)>,
    /// The keys of those tags that pass on to the next role.
    pub transitive_tags: Vec<String>,
    /// Who is behind the session; stays through the whole chain.
    pub source_identity: Option<String>,
}

/// The files that profiles are read from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ProfileFiles {
    /// Replaces `~/.aws/config`.
    pub config: Option<PathBuf>,
    /// Replaces `~/.aws/credentials`.
    pub credentials: Option<PathBuf>,
}

impl IdentitySpec {
    /// An identity that takes what `source` gives.
    pub fn new(source: Source) -> Self {
        Self {
            source,
            roles: Vec::new(),
            sts_region: None,
            sts_endpoint: None,
            profile_files: None,
        }
    }

    /// The same with one more role on top.
    pub fn with_role(mut self, role: AssumeRole) -> Self {
        self.roles.push(role);
        self
    }
}

impl AssumeRole {
    /// The role alone, nothing else asked for.
    pub fn new(role_arn: impl Into<String>) -> Self {
        Self { role_arn: role_arn.into(), ..Self::default() }
    }
}

impl fmt::Display for IdentitySpec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.source)?;
        self.roles.iter().try_for_each(|role| write!(formatter, ", role {}", role.role_arn))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DefaultChain => formatter.write_str("default chain"),
            Self::Profile(name) => write!(formatter, "profile {name}"),
            Self::CredentialsText { origin, profile, .. } => {
                write!(formatter, "{origin}, profile {profile}")
            }
            Self::Oidc { client, role } => write!(
                formatter,
                "OIDC client {} of {}, role {}",
                client.client_id, client.issuer, role.role_arn
            ),
            Self::Static(credentials) => {
                write!(formatter, "static keys {}", credentials.access_key_id)
            }
            Self::WebIdentity { token_file, role } => {
                write!(formatter, "web identity {}, role {}", token_file.display(), role.role_arn)
            }
        }
    }
}
