//! Enters: a backend's HTTP response. Leaves: what it means in MCP: a message, a stream of
//! messages, an acknowledgement, or a named failure.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use http::{Response, StatusCode};
use http_body_util::BodyExt;
use sealgate_mcp::envelope::{Envelope, Kind};
use sealgate_mcp::sse::Decoder;

use super::resend::Sent;
use super::{Exchange, sniff};
use crate::fail::BackendError;
use crate::held::hold;
use crate::seal::SESSION_ID;
use crate::upstream::Body;

/// A backend's answer to a request.
pub(crate) enum Opened {
    /// One message, streamed.
    Json(Response<Body>),
    /// A stream of messages.
    Events(Response<Body>),
    /// One message, read already: an error that came with an HTTP error status.
    Message(Bytes),
}

/// As much of an error answer as is read.
const ERROR_LIMIT: usize = 64 * 1024;
/// As much of a textual error as people are shown.
const EXCERPT: usize = 300;

/// Classifies the response to a request.
pub(super) async fn open(sent: Sent, in_session: bool) -> Result<Opened, BackendError> {
    let status = sent.status();
    if status == StatusCode::ACCEPTED || status == StatusCode::NO_CONTENT {
        return Err(BackendError::AcceptedRequest);
    }
    let (head, bytes) = match sent {
        Sent::Streaming(response) if status.is_success() => {
            return sniff::open(response).await;
        }
        sent => whole(sent).await,
    };
    if session_lost(head.status, &bytes, in_session) {
        return Err(BackendError::SessionLost);
    }
    if is_reply(&bytes) {
        return Ok(Opened::Message(bytes));
    }
    Err(status_error(&head, &bytes))
}

/// Why a notification, a stream or a close was refused.
pub(super) async fn refused(sent: Sent, in_session: bool) -> BackendError {
    let (head, bytes) = whole(sent).await;
    if session_lost(head.status, &bytes, in_session) {
        return BackendError::SessionLost;
    }
    rpc_error(&bytes).unwrap_or_else(|| status_error(&head, &bytes))
}

/// The head and the start of the body of an error answer.
async fn whole(sent: Sent) -> (http::response::Parts, Bytes) {
    match sent {
        Sent::Read(head, bytes) => (head, bytes),
        Sent::Streaming(response) => {
            let (head, body) = response.into_parts();
            (head, read(body, ERROR_LIMIT).await.unwrap_or_default())
        }
    }
}

/// Waits for the reply to `upstream_id` and nothing else. Other messages of the stream concern
/// nobody: the request was the gateway's own.
pub(crate) async fn collect(
    opened: Opened,
    upstream_id: &str,
    limit: usize,
) -> Result<Bytes, BackendError> {
    collect_alone(opened, upstream_id, limit, None).await
}

/// The same; what the backend asks meanwhile is answered over `alone`.
pub(super) async fn collect_alone(
    opened: Opened,
    upstream_id: &str,
    limit: usize,
    alone: Option<&Exchange>,
) -> Result<Bytes, BackendError> {
    match opened {
        Opened::Message(bytes) => Ok(bytes),
        Opened::Json(response) => read(response.into_body(), limit).await,
        Opened::Events(response) => {
            let mut body = response.into_body();
            let mut decoder = Decoder::new(limit);
            while let Some(frame) = body.frame().await {
                let frame = frame?;
                let Ok(data) = frame.into_data() else { continue };
                decoder.push(data);
                while let Some(event) = decoder.next() {
                    let event = event.map_err(|_| BackendError::TooLarge(limit))?;
                    if event.data.is_empty() || !event.is_message() {
                        continue;
                    }
                    let message = Envelope::parse_reply(&event.data)
                        .map_err(|error| BackendError::NotJsonRpc(error.to_string()))?;
                    let ours = message.id.is_none_or(|id| id.get() == upstream_id);
                    if message.kind() == Kind::Response && ours {
                        return Ok(event.data.clone());
                    }
                    if let Some(exchange) = alone {
                        exchange.answer_alone(&event.data);
                    }
                }
            }
            Err(BackendError::BrokenOff("the event stream ended before the reply".to_owned()))
        }
    }
}

/// Reads a body whole, up to `limit` bytes.
pub(super) async fn read(body: Body, limit: usize) -> Result<Bytes, BackendError> {
    hold(Bytes::new(), body, limit).await.map_err(|unheld| BackendError::unheld(unheld, limit))
}

/// Whether the bytes are a JSON-RPC response.
pub(super) fn is_reply(bytes: &[u8]) -> bool {
    Envelope::parse_reply(bytes).is_ok_and(|message| message.kind() == Kind::Response)
}

/// The session id that a response assigns.
pub(super) fn session_id(headers: &HeaderMap) -> Option<Box<str>> {
    headers.get(SESSION_ID)?.to_str().ok().map(Into::into)
}

/// Whether the body is declared an event stream.
pub(super) fn is_events(headers: &HeaderMap) -> bool {
    essence(headers).eq_ignore_ascii_case("text/event-stream")
}

/// The media type without parameters (RFC 9110 section 8.3.1).
pub(super) fn essence(headers: &HeaderMap) -> &str {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    // What it mostly is, before it is searched.
    if value == "application/json" {
        return value;
    }
    value.split(';').next().unwrap_or("").trim()
}

/// The specification says 404; some servers say 400 with a message about the session.
fn session_lost(status: StatusCode, bytes: &[u8], in_session: bool) -> bool {
    let mentions_session = || {
        let text = String::from_utf8_lossy(bytes.get(..1024).unwrap_or(bytes)).to_lowercase();
        text.contains("session")
    };
    in_session
        && (status == StatusCode::NOT_FOUND
            || (status == StatusCode::BAD_REQUEST && mentions_session()))
}

fn rpc_error(bytes: &[u8]) -> Option<BackendError> {
    let message = Envelope::parse_reply(bytes).ok()?;
    from_error_object(message.error?.get())
}

/// A JSON-RPC error object as a backend's failure.
pub(crate) fn from_error_object(json: &str) -> Option<BackendError> {
    #[derive(serde::Deserialize)]
    struct Error {
        code: i64,
        #[serde(default)]
        message: String,
    }
    let error: Error = serde_json::from_str(json).ok()?;
    Some(BackendError::RpcError { code: error.code, message: shorten(&error.message) })
}

fn status_error(head: &http::response::Parts, bytes: &[u8]) -> BackendError {
    let textual = head
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("text/plain") || value.contains("json"));
    let text = if textual { shorten(&String::from_utf8_lossy(bytes)) } else { String::new() };
    let retry_after =
        head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    BackendError::Status { status: head.status, text, retry_after }
}

/// One line, without control characters, short enough for a log.
fn shorten(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(EXCERPT).collect()
}
