//! Enters: Host and Origin of a request. Leaves: whether a web page of another site sent it.
//!
//! A page that points its own DNS name at 127.0.0.1 reaches a gateway on the same machine with the
//! browser's help; its Host and Origin give it away (MCP transports, security warning).

use http::header::{HOST, HeaderMap, ORIGIN};

use crate::fail::Failure;

/// The host that the request names, without port and brackets.
pub(crate) fn host(head: &http::request::Parts) -> &str {
    let authority = match head.uri.host() {
        Some(host) => host,
        None => head.headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or(""),
    };
    without_port(authority)
}

/// Refuses foreign hosts on loopback listeners, and foreign origins everywhere.
///
/// # Errors
/// [`Failure::HostRefused`], [`Failure::OriginRefused`].
pub(super) fn check(loopback: bool, host: &str, headers: &HeaderMap) -> Result<(), Failure> {
    if loopback && !is_loopback(host) && !host.is_empty() {
        return Err(Failure::HostRefused(shorten(host)));
    }
    for origin in headers.get_all(ORIGIN) {
        let text = origin.to_str().unwrap_or("?");
        let origin_host = text.split_once("://").map_or(text, |(_, rest)| rest);
        let origin_host = without_port(origin_host);
        let local = is_loopback(origin_host) && is_loopback(host);
        if !local && !origin_host.eq_ignore_ascii_case(host) {
            return Err(Failure::OriginRefused(shorten(text)));
        }
    }
    Ok(())
}

fn without_port(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    let end = memchr::memchr(b':', authority.as_bytes()).unwrap_or(authority.len());
    &authority[..end]
}

fn is_loopback(host: &str) -> bool {
    host == "127.0.0.1"
        || host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn shorten(text: &str) -> String {
    text.chars().take(100).collect()
}
