//! Enters: whatever went wrong on the way of one request. Leaves: an HTTP status and a JSON-RPC
//! error that says what is wrong and what to do. Nothing else in this crate builds an error answer.

mod backend;
mod respond;

pub use backend::{BackendError, BackendFailure, Stage};
pub(crate) use respond::{body, respond, status_of};

use sealgate_mcp::code;
use sealgate_mcp::envelope::Malformed;
use sealgate_mcp::modern_headers::ModernFault;
use sealgate_mcp::session::SessionFault;

/// Why a request was not answered with a result.
///
/// Failures of the HTTP exchange itself (no route, no session, unreadable body) carry a status of
/// their own. Failures of one JSON-RPC request travel with status 200 to legacy clients: the
/// SDKs of that era drop the body of any other status, and with it the reason.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// An answer broke off, or could not become part of a batch's.
    #[error("the answer was lost on its way to the client: {0}")]
    AnswerLost(String),
    /// Every backend that was asked failed.
    #[error("no backend of this route answered {method}: {}", summary(failures))]
    AllBackendsFailed {
        /// The method that was fanned out.
        method: &'static str,
        /// One entry for each backend that was asked.
        failures: Vec<BackendFailure>,
    },
    /// The one backend that this request concerns failed.
    #[error("{0}")]
    Backend(Box<BackendFailure>),
    /// The body ended early or the connection broke while it was read.
    #[error("the request body could not be read to its end")]
    BodyBroken,
    /// The body did not arrive in time.
    #[error("the request body did not arrive within {0} seconds")]
    BodySlow(u64),
    /// The body is longer than the gateway reads.
    #[error("the request body is larger than {0} bytes")]
    BodyTooLarge(usize),
    /// The route exists, the Host header names another site (DNS rebinding protection).
    #[error("the Host {0:?} is not served here")]
    HostRefused(String),
    /// Parameters of a known method are missing or of the wrong shape.
    #[error("{0}")]
    InvalidParams(String),
    /// The body is not one well-formed JSON-RPC message.
    #[error("{0}")]
    Malformed(Malformed),
    /// A modern client asks for what needs a capability that it did not declare.
    #[error("this call needs a client capability that the request did not declare")]
    MissingCapability {
        /// The ClientCapabilities that would do, raw JSON.
        required: &'static str,
    },
    /// A modern request that breaks a rule of its era.
    #[error("{0}")]
    Modern(ModernFault),
    /// GET, POST and DELETE are what an MCP endpoint knows.
    #[error("the HTTP method {0} is not part of MCP's Streamable HTTP transport")]
    MethodNotAllowed(http::Method),
    /// No route serves this path on this listener.
    #[error("no route serves {path:?} here")]
    NoRoute {
        /// The path that was asked for.
        path: String,
    },
    /// The client accepts neither JSON nor an event stream.
    #[error("the Accept header allows neither application/json nor text/event-stream")]
    NotAcceptable,
    /// A legacy backend asks the client in the middle of a modern client's call.
    #[error(
        "backend {backend} asks the client ({method}) during the call, which needs a session; \
         the client's era has none"
    )]
    NeedsSession {
        /// The backend.
        backend: String,
        /// What it asks.
        method: String,
    },
    /// More requests than a client of HTTP+SSE may have waiting.
    #[error("{0} requests of this event stream wait for their answers")]
    TetherFull(usize),
    /// The event stream that a POST of HTTP+SSE names was opened here or at another replica.
    #[error("the event stream of this session is not open in this process")]
    TetherGone,
    /// A POST of HTTP+SSE names no event stream of this route and caller.
    #[error("this sessionId names no event stream of this endpoint")]
    UnknownTether,
    /// A request that needs a session came without one.
    #[error("this request carries no Mcp-Session-Id")]
    NoSession,
    /// The Origin header names another site (DNS rebinding protection).
    #[error("requests from the origin {0:?} are refused")]
    OriginRefused(String),
    /// Authorization hides what it does not allow, so an unknown name and a forbidden one look alike.
    #[error("Unknown {kind}: {name}")]
    UnknownName {
        /// `tool`, `prompt` or `resource`.
        kind: &'static str,
        /// The name as the client wrote it.
        name: String,
    },
    /// No such method in the client's protocol version.
    #[error("Method not found: {0}")]
    UnknownMethod(String),
    /// The backend of a route with one backend no longer knows the session.
    #[error("the backend ended the session; open a new one with `initialize`")]
    SessionEnded,
    /// The session id is not ours, has expired, or belongs to another route or caller.
    #[error("{0}")]
    UnknownSession(SessionFault),
    /// The MCP-Protocol-Version header names a version that nobody published.
    #[error("MCP-Protocol-Version {0:?} is not supported")]
    UnknownVersion(String),
    /// The body is not declared as JSON.
    #[error("the Content-Type must be application/json")]
    UnsupportedMediaType,
}

impl Failure {
    /// HTTP status of the answer.
    pub fn status(&self) -> http::StatusCode {
        use http::StatusCode as S;
        match self {
            Self::AllBackendsFailed { .. }
            | Self::AnswerLost(_)
            | Self::Backend(_)
            | Self::InvalidParams(_)
            | Self::NeedsSession { .. }
            | Self::UnknownMethod(_)
            | Self::UnknownName { .. } => S::OK,
            Self::BodyBroken | Self::Malformed(_) | Self::NoSession | Self::UnknownVersion(_) => {
                S::BAD_REQUEST
            }
            Self::BodySlow(_) => S::REQUEST_TIMEOUT,
            Self::BodyTooLarge(_) => S::PAYLOAD_TOO_LARGE,
            Self::HostRefused(_) | Self::OriginRefused(_) => S::FORBIDDEN,
            Self::MethodNotAllowed(_) => S::METHOD_NOT_ALLOWED,
            Self::MissingCapability { .. } => S::BAD_REQUEST,
            Self::Modern(fault) => S::from_u16(fault.status()).unwrap_or(S::BAD_REQUEST),
            Self::NoRoute { .. }
            | Self::SessionEnded
            | Self::TetherGone
            | Self::UnknownSession(_)
            | Self::UnknownTether => S::NOT_FOUND,
            Self::TetherFull(_) => S::TOO_MANY_REQUESTS,
            Self::NotAcceptable => S::NOT_ACCEPTABLE,
            Self::UnsupportedMediaType => S::UNSUPPORTED_MEDIA_TYPE,
        }
    }

    /// JSON-RPC error code (JSON-RPC 2.0 section 5.1; MCP adds its own below -32000).
    pub fn code(&self) -> i64 {
        match self {
            Self::AllBackendsFailed { .. } | Self::AnswerLost(_) => code::INTERNAL_ERROR,
            Self::Backend(failure) => failure.error.code(),
            Self::InvalidParams(_) | Self::UnknownName { .. } => code::INVALID_PARAMS,
            Self::Malformed(malformed) => malformed.code(),
            Self::MissingCapability { .. } => code::MISSING_REQUIRED_CLIENT_CAPABILITY,
            Self::Modern(fault) => fault.code(),
            Self::NeedsSession { .. } => code::INTERNAL_ERROR,
            Self::UnknownMethod(_) => code::METHOD_NOT_FOUND,
            _ => code::INVALID_REQUEST,
        }
    }

    /// Stable name of the failure, for logs, metrics and `error.data.reason`.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::AllBackendsFailed { .. } => "all_backends_failed",
            Self::AnswerLost(_) => "answer_lost",
            Self::Backend(failure) => failure.error.reason(),
            Self::BodyBroken => "body_broken",
            Self::BodySlow(_) => "body_slow",
            Self::BodyTooLarge(_) => "body_too_large",
            Self::HostRefused(_) => "host_refused",
            Self::InvalidParams(_) => "invalid_params",
            Self::Malformed(_) => "malformed",
            Self::MethodNotAllowed(_) => "method_not_allowed",
            Self::MissingCapability { .. } => "missing_capability",
            Self::Modern(fault) => match fault.code() {
                code::HEADER_MISMATCH => "header_mismatch",
                code::UNSUPPORTED_PROTOCOL_VERSION => "unknown_version",
                code::METHOD_NOT_FOUND => "unknown_method",
                code::INVALID_REQUEST => "malformed",
                _ => "invalid_params",
            },
            Self::NeedsSession { .. } => "needs_session",
            Self::NoRoute { .. } => "no_route",
            Self::NotAcceptable => "not_acceptable",
            Self::NoSession => "no_session",
            Self::OriginRefused(_) => "origin_refused",
            Self::UnknownName { .. } => "unknown_name",
            Self::UnknownMethod(_) => "unknown_method",
            Self::SessionEnded => "session_ended",
            Self::TetherFull(_) => "stream_busy",
            Self::TetherGone => "stream_gone",
            Self::UnknownTether => "unknown_stream",
            Self::UnknownSession(_) => "unknown_session",
            Self::UnknownVersion(_) => "unknown_version",
            Self::UnsupportedMediaType => "unsupported_media_type",
        }
    }

    /// What the caller, or the operator whom the caller asks, can do about it.
    pub fn remedy(&self) -> Option<String> {
        let fixed = match self {
            Self::Backend(failure) => return failure.error.remedy(),
            Self::AllBackendsFailed { .. } => {
                "data.backends says what failed for each; /readyz?verbose shows their state"
            }
            Self::AnswerLost(_) => "ask again, outside a batch if it was in one",
            Self::BodyTooLarge(_) => "send less, or raise --max-body-bytes",
            Self::HostRefused(_) => {
                "use localhost, 127.0.0.1 or [::1], or list the name in the route's hostnames"
            }
            Self::MethodNotAllowed(_) => "use POST for messages, GET for the stream, DELETE to end",
            Self::NoRoute { .. } => "check the path and Host against `sealgate check`",
            Self::NotAcceptable => "send Accept: application/json, text/event-stream",
            Self::NoSession => {
                "send initialize first and repeat the Mcp-Session-Id that it returns"
            }
            Self::OriginRefused(_) => "call from the served host itself",
            Self::NeedsSession { .. } => {
                "call this tool with a client of 2025-11-25 or before, or upgrade the backend"
            }
            Self::MissingCapability { .. } => {
                "declare it in _meta and answer the questions that come, or use another client"
            }
            Self::TetherFull(_) => "read the event stream, or ask less at once",
            Self::TetherGone => {
                "open the event stream again; several replicas need session affinity for clients \
                 of HTTP+SSE"
            }
            Self::UnknownTether => "POST to the endpoint that the event stream announced",
            Self::UnknownVersion(_) => "negotiate the version with initialize",
            Self::UnsupportedMediaType => "send Content-Type: application/json",
            _ => return None,
        };
        Some(fixed.to_owned())
    }
}

impl From<BackendFailure> for Failure {
    fn from(failure: BackendFailure) -> Self {
        Self::Backend(Box::new(failure))
    }
}

fn summary(failures: &[BackendFailure]) -> String {
    let mut text = String::new();
    for failure in failures.iter().take(3) {
        if !text.is_empty() {
            text.push_str("; ");
        }
        text.push_str(&failure.to_string());
    }
    if failures.len() > 3 {
        text.push_str(&format!("; and {} more", failures.len() - 3));
    }
    text
}

#[cfg(test)]
mod tests;
