//! Resource URIs with the name of their backend, for routes that are configured so: what a backend
//! calls `file:///a` is `backend+file:///a` to clients. `ui://rest` is `ui://backend/rest`, because
//! hosts of MCP Apps know them by their scheme.

/// Between the name of a backend and its URI.
const SEPARATOR: char = '+';
/// The scheme of MCP Apps.
const UI: &str = "ui://";

/// The client's URI, or URI template, of a backend's.
pub fn join(backend: &str, uri: &str) -> String {
    match uri.strip_prefix(UI) {
        Some(rest) => format!("{UI}{backend}/{rest}"),
        None => format!("{backend}{SEPARATOR}{uri}"),
    }
}

/// The backend's name and its own URI, of a client's.
pub fn split(uri: &str) -> Option<(&str, String)> {
    match uri.strip_prefix(UI) {
        Some(rest) => rest.split_once('/').map(|(backend, rest)| (backend, format!("{UI}{rest}"))),
        None => uri.split_once(SEPARATOR).map(|(backend, uri)| (backend, uri.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_comes_back_with_its_backend() {
        for uri in ["file:///a+b", "ui://app/x.html", "ui://", "a", "", "demo://{id}/{+rest}"] {
            let joined = join("one", uri);
            assert_eq!(split(&joined), Some(("one", uri.to_owned())), "{joined}");
        }
        assert_eq!(join("one", "file:///a"), "one+file:///a");
        assert_eq!(join("one", "ui://app/x"), "ui://one/app/x");
        assert_eq!(split("file:///a"), None);
        assert_eq!(split("ui://app"), None);
    }
}
