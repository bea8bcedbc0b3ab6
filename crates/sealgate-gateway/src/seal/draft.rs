//! Enters: what the gateway wants to say to one backend. Leaves: the request's headers, built from
//! nothing by an allow-list, so that no header of a client reaches a backend unasked.

use bytes::Bytes;
use http::header::{
    ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue,
};
use sealgate_mcp::version::Version;

use super::Mirror;
use crate::plan::{BackendPlan, Place};

/// An upstream request before its credentials.
///
/// Its fields are the allow-list: there is no way to put an arbitrary header of the client on it,
/// save those that the backend's `forwardHeaders` names.
#[derive(Clone)]
pub(crate) struct Draft<'a> {
    /// For whom it is written, and who alone can seal it.
    pub(crate) backend: &'a BackendPlan,
    /// Which of the backend's endpoints it is for, where there are several.
    pub(crate) place: Option<&'a Place>,
    /// Another request target than the backend's own: where its event stream says to POST
    /// (MCP 2024-11-05, HTTP with SSE).
    pub(crate) target: Option<&'a http::Uri>,
    /// POST, GET or DELETE.
    pub(crate) method: http::Method,
    /// Exactly what is sent and hashed.
    pub(crate) body: Bytes,
    /// The backend's own session id.
    pub(crate) session: Option<&'a str>,
    /// The version negotiated with this backend.
    pub(crate) version: Option<Version>,
    /// What repeats the body in headers, towards modern backends.
    pub(crate) mirror: Option<&'a Mirror>,
    /// Where to resume an event stream.
    pub(crate) last_event_id: Option<&'a str>,
    /// Client headers that the backend's `forwardHeaders` asks for, already renamed.
    pub(crate) forwarded: &'a [(HeaderName, HeaderValue)],
}

/// `Mcp-Session-Id` (MCP 2025-03-26, Streamable HTTP, session management).
pub(crate) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
/// `MCP-Protocol-Version` (MCP 2025-06-18).
pub(crate) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// `Last-Event-ID` (WHATWG HTML, server-sent events).
pub(crate) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

const ACCEPT_BOTH: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");
const ACCEPT_EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

impl<'a> Draft<'a> {
    /// A POST of one JSON-RPC message.
    pub(crate) fn post(backend: &'a BackendPlan, body: Bytes) -> Self {
        Self::bare(backend, http::Method::POST, body)
    }

    /// A GET of the backend's event stream.
    pub(crate) fn get(backend: &'a BackendPlan) -> Self {
        Self::bare(backend, http::Method::GET, Bytes::new())
    }

    /// A DELETE of the backend's session.
    pub(crate) fn delete(backend: &'a BackendPlan) -> Self {
        Self::bare(backend, http::Method::DELETE, Bytes::new())
    }

    fn bare(backend: &'a BackendPlan, method: http::Method, body: Bytes) -> Self {
        Self {
            backend,
            place: None,
            target: None,
            method,
            body,
            session: None,
            version: None,
            mirror: None,
            last_event_id: None,
            forwarded: &[],
        }
    }

    /// The request target, as it goes on the wire and is signed.
    pub(super) fn path_and_query(&self) -> &str {
        match self.target {
            Some(target) => target.path_and_query().map_or("/", |target| target.as_str()),
            None => &self.backend.path_and_query,
        }
    }

    /// The headers before the seal. Values that HTTP cannot carry are left out: the backend will
    /// say what it misses.
    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(16);
        let authority = self.place.map_or(&self.backend.authority, |place| &place.authority);
        headers.insert(HOST, authority.clone());
        if self.method == http::Method::POST {
            headers.insert(CONTENT_TYPE, JSON);
            headers.insert(CONTENT_LENGTH, HeaderValue::from(self.body.len()));
            headers.insert(ACCEPT, ACCEPT_BOTH);
        } else if self.method == http::Method::GET {
            headers.insert(ACCEPT, ACCEPT_EVENTS);
        }
        if let Some(value) = self.session.and_then(|id| HeaderValue::from_str(id).ok()) {
            headers.insert(SESSION_ID, value);
        }
        if let Some(version) = self.version {
            headers.insert(PROTOCOL_VERSION, HeaderValue::from_static(version.as_str()));
        }
        if let Some(mirror) = self.mirror {
            mirror.write(&mut headers);
        }
        if let Some(value) = self.last_event_id.and_then(|id| HeaderValue::from_str(id).ok()) {
            headers.insert(LAST_EVENT_ID, value);
        }
        for (name, value) in self.backend.headers.iter().chain(self.forwarded) {
            headers.insert(name, value.clone());
        }
        headers
    }
}
