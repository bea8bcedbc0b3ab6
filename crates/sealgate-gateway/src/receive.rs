//! Enters: an HTTP request. Leaves: [`Received`], a message that is well-formed, within limits,
//! meant for one of our routes and not sent by a web page of another site.

mod body;
mod era;
mod site;

pub(crate) use body::body;
pub(crate) use era::{MODERN_VERSIONS, carried, names_modern};

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use sealgate_mcp::envelope::{Envelope, Kind};
use sealgate_mcp::era::Opening;
use sealgate_mcp::method::Method;
use sealgate_mcp::version::Version;

use crate::fail::Failure;
use crate::listen::ListenerId;
use crate::plan::{Plan, RoutePlan};
use crate::seal::PROTOCOL_VERSION;

const JSON: &str = "application/json";
/// What nearly all clients accept: it is compared before anything is searched.
const BOTH: &str = "application/json, text/event-stream";

/// One JSON-RPC message of a client, with all that was said about it.
pub(crate) struct Received<'a> {
    /// The request's headers.
    pub(crate) headers: &'a HeaderMap,
    /// The message as it came.
    pub(crate) body: &'a Bytes,
    /// Its outer structure; every slice points into `body`.
    pub(crate) message: Envelope<'a>,
    /// Request, notification or response.
    pub(crate) kind: Kind,
    /// In which era it is to be served.
    pub(crate) opening: Opening,
    /// The endpoint that it came to.
    pub(crate) route: &'a Arc<RoutePlan>,
    /// How it came, and its answer goes.
    pub(crate) carriage: Carriage,
}

/// How messages travel between a client and the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carriage {
    /// Each request has a response of its own (Streamable HTTP).
    Response,
    /// All answers come on one event stream, which cannot be resumed (HTTP+SSE of 2024-11-05).
    Tether,
}

/// Finds the route of a request, after the checks that need nothing but its head.
///
/// # Errors
/// [`Failure::NoRoute`], [`Failure::HostRefused`], [`Failure::OriginRefused`].
pub(crate) fn route<'p>(
    plan: &'p Plan,
    listener: ListenerId,
    head: &http::request::Parts,
) -> Result<&'p Arc<RoutePlan>, Failure> {
    let path = head.uri.path();
    let missing = || Failure::NoRoute { path: path.chars().take(200).collect() };
    let host = site::host(head);
    let listener = plan.listener(listener, host).ok_or_else(missing)?;
    site::check(listener.loopback, host, &head.headers)?;
    listener.find(path, host, &head.headers).ok_or_else(missing)
}

/// Reads a POST's body as one message.
///
/// # Errors
/// [`Failure::Malformed`], and what the headers are wrong about.
pub(crate) fn message<'a>(
    headers: &'a HeaderMap,
    body: &'a Bytes,
    route: &'a Arc<RoutePlan>,
    carriage: Carriage,
) -> Result<Received<'a>, Failure> {
    content_type(headers)?;
    accept(headers)?;
    let message = Envelope::parse(body).map_err(Failure::Malformed)?;
    let kind = message.kind();
    let opening = era::opening(headers, &message);
    if opening != Opening::Modern {
        version(headers)?;
    }
    Ok(Received { headers, body, message, kind, opening, route, carriage })
}

impl<'a> Received<'a> {
    /// The method, where there is one.
    pub(crate) fn method(&self) -> Option<Method<'_>> {
        self.message.method.as_deref().map(Method::parse)
    }
}

/// The media type without its parameters is `application/json` (RFC 9110 section 8.3.1).
fn content_type(headers: &HeaderMap) -> Result<(), Failure> {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let is_json = value == JSON
        || value.split(';').next().is_some_and(|it| it.trim().eq_ignore_ascii_case(JSON));
    if is_json { Ok(()) } else { Err(Failure::UnsupportedMediaType) }
}

/// A client that says nothing accepts anything (RFC 9110 section 12.5.1).
pub(crate) fn accept(headers: &HeaderMap) -> Result<(), Failure> {
    match accepts(headers, &["json", "event-stream", "*/*", "application/*"]) {
        true => Ok(()),
        false => Err(Failure::NotAcceptable),
    }
}

/// Whether the client can take an event stream.
pub(crate) fn accepts_events(headers: &HeaderMap) -> bool {
    accepts(headers, &["text/event-stream", "*/*", "text/*"])
}

fn accepts(headers: &HeaderMap, kinds: &[&str]) -> bool {
    let mut values = headers.get_all(ACCEPT).iter().peekable();
    values.peek().is_none()
        || values.any(|value| {
            let fits = |text: &str| kinds.iter().any(|kind| text.contains(kind));
            value == BOTH || value.to_str().is_ok_and(fits)
        })
}

/// Absent means 2025-03-26 (MCP 2025-06-18, transports); an unknown one is refused.
pub(crate) fn version(headers: &HeaderMap) -> Result<Option<Version>, Failure> {
    let Some(value) = headers.get(PROTOCOL_VERSION) else { return Ok(None) };
    let text = value.to_str().unwrap_or("").trim();
    match Version::parse(text) {
        Some(version) => Ok(Some(version)),
        None => Err(Failure::UnknownVersion(text.chars().take(64).collect())),
    }
}

#[cfg(test)]
mod tests;
