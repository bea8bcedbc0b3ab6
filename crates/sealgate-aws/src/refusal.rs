//! Enters AWS's error answer, leaves what AWS meant and what to do about it.

use std::time::Duration;

use http::{HeaderMap, StatusCode};

pub(crate) mod answer;
mod clock;
mod http_date;
mod kind;

pub use clock::ClockOffset;

/// What AWS meant by a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The kind.
    pub kind: RefusalKind,
    /// The HTTP status.
    pub status: StatusCode,
    /// AWS's error code, as it stood in the answer: `ExpiredTokenException`.
    pub aws_code: Option<String>,
    /// AWS's own message, for the caller to read; at most 2 KiB of it.
    pub message: Option<String>,
}

/// The kinds of refusal that call for different remedies.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusalKind {
    /// The signature does not match the request as AWS read it.
    BadSignature,
    /// The clocks differ too much; learn the offset and repeat once.
    ClockSkew,
    /// The session token has expired; fetch credentials again and repeat once.
    ExpiredToken,
    /// AWS does not know the access key id or the session token.
    InvalidClientToken,
    /// No signature reached AWS.
    MissingAuthentication,
    /// The identity is known and not allowed to do this.
    NotAuthorised {
        /// The ARN of who asked.
        principal: Option<String>,
        /// The IAM action, `bedrock-agentcore:InvokeGateway`.
        action: Option<String>,
        /// The ARN of what was asked for.
        resource: Option<String>,
    },
    /// Anything else.
    Other,
    /// Too many requests.
    Throttled {
        /// How long AWS asks to wait.
        retry_after: Option<Duration>,
    },
    /// The endpoint wants a bearer token rather than a signature.
    WrongMethod,
    /// The signature names another region or service than the endpoint has.
    WrongScope {
        /// What AWS would accept, where it says so.
        expected: Option<String>,
    },
}

impl Refusal {
    /// Reads an answer; `None` when `status` is no error. A body of more than 64 KiB is not read,
    /// the headers still are.
    pub fn classify(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Option<Self> {
        if !status.is_client_error() && !status.is_server_error() {
            return None;
        }
        let answer = answer::read(headers, body);
        let kind = kind::of(status, headers, &answer);
        Some(Self { kind, status, aws_code: answer.code, message: answer.message })
    }

    /// A stable code for metrics and logs.
    pub fn code(&self) -> &'static str {
        match self.kind {
            RefusalKind::BadSignature => "aws_bad_signature",
            RefusalKind::ClockSkew => "aws_clock_skew",
            RefusalKind::ExpiredToken => "aws_expired_token",
            RefusalKind::InvalidClientToken => "aws_invalid_client_token",
            RefusalKind::MissingAuthentication => "aws_missing_authentication",
            RefusalKind::NotAuthorised { .. } => "aws_not_authorised",
            RefusalKind::Other => "aws_refused",
            RefusalKind::Throttled { .. } => "aws_throttled",
            RefusalKind::WrongMethod => "aws_wrong_method",
            RefusalKind::WrongScope { .. } => "aws_wrong_scope",
        }
    }

    /// Whether a clock that is off could be behind it, so that the `Date` of the answer is worth
    /// comparing ([`ClockOffset::learn`]): AWS reports skew under several names.
    pub fn may_be_skew(&self) -> bool {
        matches!(self.kind, RefusalKind::BadSignature | RefusalKind::ClockSkew)
            || self.aws_code.as_deref().is_some_and(|code| {
                code.starts_with("AccessDenied") || code.starts_with("AuthFailure")
            })
    }

    /// What to do about it, in one sentence.
    pub fn remedy(&self) -> String {
        match &self.kind {
            RefusalKind::BadSignature => "Check the secret access key, and that nothing between \
                 the gateway and AWS rewrites the host, the path, the query, the body or a signed \
                 header."
                .to_owned(),
            RefusalKind::ClockSkew => {
                "Set the clock of this machine; AWS accepts five minutes of difference.".to_owned()
            }
            RefusalKind::ExpiredToken => {
                "Renew the credentials at their source; they are fetched again by themselves once \
                 the source has newer ones."
                    .to_owned()
            }
            RefusalKind::InvalidClientToken => "Check that the access key exists, is active, \
                 belongs to the partition of the endpoint, and comes with its session token."
                .to_owned(),
            RefusalKind::MissingAuthentication => {
                "Configure AWS credentials for this backend, and check its path.".to_owned()
            }
            RefusalKind::NotAuthorised { principal, action, resource } => format!(
                "Allow {} to perform {} on {} in IAM, and in the endpoint's own policy where it \
                 has one.",
                principal.as_deref().unwrap_or("the identity of this backend"),
                action.as_deref().unwrap_or("the action"),
                resource.as_deref().unwrap_or("the endpoint"),
            ),
            RefusalKind::Other => "Read AWS's message; the signature is not at fault.".to_owned(),
            RefusalKind::Throttled { retry_after: Some(wait) } => {
                format!("Wait {} s, then try again.", wait.as_secs().max(1))
            }
            RefusalKind::Throttled { retry_after: None } => {
                "Slow down, or ask AWS for a higher quota.".to_owned()
            }
            RefusalKind::WrongMethod => "Configure an OAuth token for this backend: the endpoint \
                 does not take AWS signatures."
                .to_owned(),
            RefusalKind::WrongScope { expected: Some(expected) } => {
                format!("Set the region or service of this backend to {expected}.")
            }
            RefusalKind::WrongScope { expected: None } => {
                "Set the region and the service of this backend to those of its host.".to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests;
