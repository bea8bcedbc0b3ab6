//! Enters: what one backend did wrong. Leaves: a named reason, its code and its remedy.

use std::sync::Arc;
use std::time::Duration;

use sealgate_aws::identity::IdentityError;
use sealgate_aws::refusal::{Refusal, RefusalKind};
use sealgate_aws::sign::SignError;
use sealgate_mcp::code;

use crate::held::Unheld;
use crate::upstream::{BodyError, SendError};

/// One backend's failure, named after the backend.
#[derive(Debug, thiserror::Error)]
#[error("backend {backend}: {error}")]
pub struct BackendFailure {
    /// The backend's name in its route.
    pub backend: Arc<str>,
    /// What went wrong there.
    #[source]
    pub error: BackendError,
}

/// The part of an exchange that ran out of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Waiting for the rest of an answer that had begun.
    Answer,
    /// Waiting for a call as a whole, its streamed answer included.
    Call,
    /// Waiting for any sign of life in an answer that had begun.
    Idle,
    /// Waiting for `server/discover` as a whole.
    Discover,
    /// Waiting for `initialize` as a whole.
    Initialize,
    /// Waiting for a list as a whole.
    List,
}

/// Everything that a backend, or the way to it, can do wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// 202 means that nothing will come; a request needs an answer.
    #[error("answered 202 Accepted to a request, so no result will ever come")]
    AcceptedRequest,
    /// The backend asks what the client did not say it can answer.
    #[error("asks the client ({0}), which did not declare that it can be asked")]
    AsksUndeclared(String),
    /// The backend asks again and again.
    #[error("asked the client more often than a call may")]
    AsksTooMuch,
    /// The client would not answer the backend's question.
    #[error("asked the client ({0}), which did not answer")]
    ClientRefused(String),
    /// AWS refused the request; its own words are kept.
    #[error(
        "AWS refused the request ({}): {}",
        refusal.code(),
        refusal.message.as_deref().unwrap_or("no message")
    )]
    AwsRefused {
        /// What AWS meant.
        refusal: Box<Refusal>,
        /// Whose credentials the request carried, in words.
        identity: Box<str>,
    },
    /// The body broke off.
    #[error("the answer broke off: {0}")]
    BrokenOff(String),
    /// No credentials to seal with.
    #[error("no AWS credentials: {0}")]
    Credentials(#[from] IdentityError),
    /// Too many failures in a row; the backend is given a rest.
    #[error("could not be reached lately; it is tried again in {} ms", retry_in.as_millis())]
    CircuitOpen {
        /// Until the next try.
        retry_in: Duration,
    },
    /// The answer is in a coding that nobody asked for and the gateway does not know.
    #[error("answered in the content coding {0:?}, which the gateway did not ask for")]
    ContentCoding(String),
    /// The answer is neither JSON nor an event stream.
    #[error("answered with content type {0:?} instead of JSON or an event stream")]
    ContentType(String),
    /// The backend answered server/discover with something else than a DiscoverResult.
    #[error("the answer to server/discover is not a DiscoverResult: {0}")]
    DiscoverResult(String),
    /// A backend that was away turns out to speak another era than the request was written in.
    #[error("speaks another era of the protocol than was known; send the request again")]
    EraFound,
    /// Page follows page.
    #[error("its list goes on after {0} pages, so that it is taken for endless")]
    EndlessList(u32),
    /// The backend answered initialize with something else than an InitializeResult.
    #[error("the answer to initialize is not an InitializeResult: {0}")]
    InitializeResult(String),
    /// The answer is not one JSON-RPC message.
    #[error("the answer is not a JSON-RPC message: {0}")]
    NotJsonRpc(String),
    /// The session holds no session with this backend.
    #[error("no session with this backend: it did not answer initialize")]
    NoSession,
    /// A JSON-RPC error, kept whole.
    #[error("answered with JSON-RPC error {code}: {message}")]
    RpcError {
        /// The backend's own code.
        code: i64,
        /// The backend's own message, shortened.
        message: String,
    },
    /// A page's cursor is one that led there.
    #[error("its list leads back to a page that it had before, so that it would never end")]
    RepeatedCursor,
    /// The result is of a type that the client cannot take.
    #[error("answered with a result of type {0:?}, which this client cannot take")]
    ResultType(String),
    /// The connection could not be made or broke.
    #[error("{0}")]
    Send(#[from] SendError),
    /// The backend no longer knows the session.
    #[error("the backend ended its session")]
    SessionLost,
    /// The request could not be signed.
    #[error("the request could not be signed: {0}")]
    Sign(#[from] SignError),
    /// An HTTP status that carries no JSON-RPC message.
    #[error("answered with HTTP status {status}{}", excerpt(text))]
    Status {
        /// The status.
        status: http::StatusCode,
        /// The start of a textual body, for people.
        text: String,
        /// Seconds from Retry-After, where given.
        retry_after: Option<u64>,
    },
    /// A deadline passed.
    #[error("did not answer within {} ms ({stage:?})", after.as_millis())]
    Timeout {
        /// Which part.
        stage: Stage,
        /// How long the gateway waited.
        after: Duration,
    },
    /// The answer is larger than the gateway takes for this method.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
}

impl BackendError {
    /// Names the backend.
    pub fn of(self, backend: &Arc<str>) -> BackendFailure {
        BackendFailure { backend: Arc::clone(backend), error: self }
    }

    /// JSON-RPC code for the caller: the backend's own where it gave one.
    pub fn code(&self) -> i64 {
        match self {
            Self::RpcError { code, .. } => *code,
            _ => code::INTERNAL_ERROR,
        }
    }

    /// Stable name, for `error.data.reason`, logs and the label of
    /// `sealgate_backend_errors_total`.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::AcceptedRequest => "backend_accepted_request",
            Self::AsksUndeclared(_) => "backend_asks_undeclared",
            Self::AsksTooMuch => "backend_asks_too_much",
            Self::ClientRefused(_) => "client_refused",
            Self::AwsRefused { refusal, .. } => refusal.code(),
            Self::BrokenOff(_) => "backend_broke_off",
            Self::CircuitOpen { .. } => "backend_circuit_open",
            Self::Credentials(error) => error.code(),
            Self::ContentCoding(_) => "backend_content_coding",
            Self::ContentType(_) => "backend_content_type",
            Self::DiscoverResult(_) => "backend_discover_result",
            Self::EndlessList(_) => "backend_endless_list",
            Self::EraFound => "backend_era_found",
            Self::InitializeResult(_) => "backend_initialize_result",
            Self::NotJsonRpc(_) => "backend_not_jsonrpc",
            Self::NoSession => "backend_no_session",
            Self::RepeatedCursor => "backend_repeated_cursor",
            Self::ResultType(_) => "backend_result_type",
            Self::RpcError { .. } => "backend_rpc_error",
            Self::Send(error) => error.code(),
            Self::SessionLost => "backend_session_lost",
            Self::Sign(_) => "sign_failed",
            Self::Status { .. } => "backend_status",
            Self::Timeout { .. } => "backend_timeout",
            Self::TooLarge(_) => "backend_too_large",
        }
    }

    /// How many seconds the backend, or the gateway for it, asks to wait.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::AwsRefused { refusal, .. } => match refusal.kind {
                RefusalKind::Throttled { retry_after } => {
                    retry_after.map(|wait| wait.as_millis().div_ceil(1000) as u64)
                }
                _ => None,
            },
            Self::Status { retry_after, .. } => *retry_after,
            Self::CircuitOpen { retry_in } => Some(retry_in.as_secs() + 1),
            _ => None,
        }
    }

    /// What AWS said, part by part, for callers that are programs.
    pub(crate) fn aws(&self) -> Option<serde_json::Value> {
        let Self::AwsRefused { refusal, identity } = self else { return None };
        let mut said = serde_json::json!({
            "status": refusal.status.as_u16(),
            "code": refusal.aws_code,
            "message": refusal.message,
            "identity": identity,
        });
        match &refusal.kind {
            RefusalKind::NotAuthorised { principal, action, resource } => {
                said["principal"] = principal.as_deref().into();
                said["action"] = action.as_deref().into();
                said["resource"] = resource.as_deref().into();
            }
            RefusalKind::WrongScope { expected } => said["expected"] = expected.as_deref().into(),
            _ => {}
        }
        Some(said)
    }

    /// Of an answer that was to be held, in `limit` bytes.
    pub(crate) fn unheld(unheld: Unheld<BodyError>, limit: usize) -> Self {
        match unheld {
            Unheld::TooLarge => Self::TooLarge(limit),
            Unheld::Broken(error) => error.into(),
        }
    }

    /// Whether the backend could not be reached at all: what the circuit counts.
    pub(crate) fn is_unreachable(&self) -> bool {
        match self {
            Self::Send(error) => !error.sent(),
            _ => false,
        }
    }

    /// Whether the backend understood and said no, as it will to the same again.
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            Self::RpcError { .. } | Self::SessionLost => true,
            Self::Status { status, .. } => status.is_client_error(),
            _ => false,
        }
    }

    /// Whether it may be the backend's absence that shows, rather than its will.
    pub(crate) fn is_absence(&self) -> bool {
        match self {
            Self::BrokenOff(_)
            | Self::CircuitOpen { .. }
            | Self::NoSession
            | Self::Send(_)
            | Self::SessionLost
            | Self::Timeout { .. } => true,
            Self::Status { status, .. } => status.is_server_error(),
            _ => false,
        }
    }

    /// Whether a deadline passed on a request that the backend may still work on.
    pub(crate) fn is_overdue(&self) -> bool {
        matches!(self, Self::Timeout { .. } | Self::Send(SendError::FirstByteTimeout { .. }))
    }

    /// What to do about it.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::AwsRefused { refusal, identity } => Some(match refusal.kind {
                // Several sources may be configured; this says which one it is about.
                RefusalKind::ExpiredToken
                | RefusalKind::InvalidClientToken
                | RefusalKind::BadSignature => format!("{} ({identity})", refusal.remedy()),
                _ => refusal.remedy(),
            }),
            Self::Credentials(error) => Some(error.remedy().to_string()),
            Self::Send(error) => Some(error.remedy().to_string()),
            Self::ContentCoding(_) => Some(
                "let the server compress only what is asked for, or with gzip or br".to_owned(),
            ),
            Self::ContentType(_) | Self::NotJsonRpc(_) => {
                Some("check that the backend's path is its MCP endpoint".to_owned())
            }
            Self::EndlessList(_) | Self::RepeatedCursor => {
                Some("the backend's `nextCursor` must be missing on the last page".to_owned())
            }
            Self::NoSession => Some("start a new session once the backend is back".to_owned()),
            Self::Status { retry_after: Some(seconds), .. } => {
                Some(format!("try again in {seconds} seconds"))
            }
            Self::Timeout { .. } => {
                Some("raise the backend's deadline if it is meant to take this long".to_owned())
            }
            _ => None,
        }
    }
}

impl From<BodyError> for BackendError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Idle { limit, .. } => Self::Timeout { stage: Stage::Idle, after: limit },
            BodyError::Total { limit, .. } => Self::Timeout { stage: Stage::Call, after: limit },
            other => Self::BrokenOff(other.to_string()),
        }
    }
}

fn excerpt(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}
