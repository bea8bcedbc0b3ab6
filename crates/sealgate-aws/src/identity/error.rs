//! Enters what went wrong while credentials were fetched, leaves a cause, a code and a remedy.

use std::fmt;
use std::sync::Arc;

use super::oidc::OidcStep;

/// Why an identity has no credentials. Cheap to clone; holds nothing secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The credentials, or the login behind them, have expired.
    #[error("the AWS credentials{} have expired: {message}", of_profile(.profile))]
    Expired {
        /// The profile they came from.
        profile: Option<String>,
        /// The command that renews them.
        renew: Option<String>,
        /// What the source said.
        message: Arc<str>,
    },
    /// The settings of the source cannot work.
    #[error("{message}")]
    Invalid {
        /// What is wrong with them.
        message: Arc<str>,
    },
    /// The profile is one of `aws login`, whose sessions only AWS's own tools can read.
    #[error(
        "profile {profile} takes its credentials from `aws login` (login_session), which cannot be \
         read here"
    )]
    Login {
        /// The profile.
        profile: String,
    },
    /// No source had credentials.
    #[error("no AWS credentials found; tried {}", listed(.tried))]
    NotFound {
        /// Every source asked, and what it answered.
        tried: Arc<[Tried]>,
    },
    /// An OpenID Connect provider gave no token.
    #[error("{step} at {url} failed: {message}")]
    Oidc {
        /// The step that failed.
        step: OidcStep,
        /// Where.
        url: Arc<str>,
        /// The provider's own words, or what is wrong with them.
        message: Arc<str>,
    },
    /// The first attempt has not ended yet.
    #[error("AWS credentials are still being fetched")]
    Pending,
    /// AWS said no.
    #[error("{asked} was refused ({code}): {message}")]
    Refused {
        /// What was asked for: `sts:AssumeRole for arn:…`.
        asked: Arc<str>,
        /// AWS's error code.
        code: Arc<str>,
        /// AWS's own message.
        message: Arc<str>,
    },
    /// A source answered too late, or not at all.
    #[error("{asked} could not be reached: {message}")]
    Unreachable {
        /// What was asked for.
        asked: Arc<str>,
        /// Why it failed.
        message: Arc<str>,
    },
}

/// One source of the chain and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// `environment`, `profile default`, `web identity`, `container`, `instance metadata`.
    pub source: String,
    /// Why it gave nothing.
    pub reason: String,
}

impl IdentityError {
    /// A stable code for metrics and logs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Expired { .. } => "credentials_expired",
            Self::Invalid { .. } | Self::Login { .. } => "credentials_invalid",
            Self::NotFound { .. } => "credentials_not_found",
            Self::Oidc { .. } => "credentials_oidc",
            Self::Pending => "credentials_pending",
            Self::Refused { .. } => "credentials_refused",
            Self::Unreachable { .. } => "credentials_unreachable",
        }
    }

    /// What to do about it, in one sentence.
    pub fn remedy(&self) -> String {
        match self {
            Self::Expired { renew: Some(command), .. } => format!("Run `{command}`."),
            Self::Expired { .. } => "Renew the credentials at their source.".to_owned(),
            Self::Invalid { .. } => "Correct the settings of the credential source.".to_owned(),
            Self::Login { profile } => format!(
                "Let AWS's own tool hand them over: write `credential_process = aws configure \
                 export-credentials --profile {profile}` into another profile and name that one."
            ),
            Self::NotFound { .. } => "Give one of these sources credentials, or name another \
                                      source in the configuration."
                .to_owned(),
            Self::Oidc { step: OidcStep::Discovery, .. } => {
                "Check the issuer: below it, .well-known/openid-configuration has to answer with \
                 a document of that very issuer; or set the token endpoint."
                    .to_owned()
            }
            Self::Oidc { step: OidcStep::Token, .. } => {
                "Check the client, its secret, the scopes and the audience; the provider has to \
                 permit the client credentials grant and to issue signed tokens (JWT)."
                    .to_owned()
            }
            Self::Pending => "Try again in a moment.".to_owned(),
            Self::Refused { asked, code, .. } if **code == *"InvalidIdentityToken" => format!(
                "Register the token's issuer and audience with IAM as an OpenID Connect provider, \
                 in the account of the role, for {asked}."
            ),
            Self::Refused { asked, .. } => {
                format!("Check the permissions and the trust policy behind {asked}.")
            }
            Self::Unreachable { .. } => {
                "Check the network path, proxies and DNS; attempts go on by themselves.".to_owned()
            }
        }
    }

    /// Credentials that expired without an error from their source.
    pub(super) fn expired() -> Self {
        Self::Expired { profile: None, renew: None, message: "no newer ones were given".into() }
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.source, self.reason)
    }
}

fn of_profile(profile: &Option<String>) -> String {
    profile.as_ref().map(|name| format!(" of profile {name}")).unwrap_or_default()
}

fn listed(tried: &[Tried]) -> String {
    tried.iter().map(Tried::to_string).collect::<Vec<_>>().join(", ")
}
