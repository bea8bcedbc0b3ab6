//! A configured path in, the request target that is sent (and signed) out.

use http::uri::PathAndQuery;
use sealgate_aws::sign::canonical_query;

use crate::finding::Severity;
use crate::report::At;

/// Checks a path with its query. For signed backends, whatever AWS and a proxy on the way might
/// read differently is refused, and the query gets the one form that all verifiers read alike.
pub(super) fn check(text: &str, at: &At, signed: bool) -> Option<String> {
    let (path, query) = match text.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (text, None),
    };
    let path = if path.is_empty() { "/" } else { path };
    let refuse = |problem: &str, help: &str| {
        // A query may hold a key.
        let message = format!("{}: Invalid value: {path:?}: {problem}", at.path());
        at.say(Severity::Error, "request-path", message, Some(help.to_owned()));
        None
    };
    let encode = "percent-encode them, as in %20";
    if !path.starts_with('/') {
        return refuse("must start with '/'", "write an absolute path");
    }
    if text.contains('#') {
        return refuse("holds a fragment", "leave out '#' and what follows");
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return refuse("holds characters that cannot be sent", encode);
    }
    let whole = |path: &str, query: Option<&str>| match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    if whole(path, query).parse::<PathAndQuery>().is_err() {
        return refuse("is too long, or holds what cannot be sent", encode);
    }
    if !signed {
        return Some(whole(path, query));
    }
    if path.contains("//") {
        let help = "AWS signs the path with single slashes";
        return refuse("holds '//', which AWS SigV4 normalises", help);
    }
    if path.split('/').any(is_dot_segment) {
        let help = "write the path that they lead to";
        return refuse("holds dot segments, which AWS SigV4 normalises", help);
    }
    if !is_percent_encoded(path) {
        return refuse("holds '%' without two hexadecimal digits", "a percent sign is %25");
    }
    let Some(query) = query else { return Some(path.to_owned()) };
    if query.contains('+') || !is_percent_encoded(query) {
        let help = "write %20 for a space, %2B for a plus and %25 for a percent sign";
        return refuse("the query can be read in two ways", help);
    }
    Some(whole(path, Some(&canonical_query(query))))
}

fn is_dot_segment(segment: &str) -> bool {
    let plain = segment.replace("%2e", ".").replace("%2E", ".");
    plain == "." || plain == ".."
}

fn is_percent_encoded(text: &str) -> bool {
    text.split('%').skip(1).all(|rest| {
        rest.len() >= 2 && rest.as_bytes()[..2].iter().all(|byte| byte.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests;
