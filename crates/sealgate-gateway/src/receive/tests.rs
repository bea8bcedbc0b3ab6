use http::header::{HOST, ORIGIN};

use super::*;

fn headers(pairs: &[(http::HeaderName, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
}

fn head(host: &str) -> http::request::Parts {
    http::Request::post("/mcp").header(HOST, host).body(()).unwrap().into_parts().0
}

#[test]
fn the_host_is_read_without_port_and_brackets() {
    assert_eq!(site::host(&head("localhost:1975")), "localhost");
    assert_eq!(site::host(&head("[::1]:1975")), "::1");
    assert_eq!(site::host(&head("mcp.example.com")), "mcp.example.com");
}

#[test]
fn a_loopback_listener_refuses_a_foreign_host() {
    for host in ["localhost", "127.0.0.1", "::1"] {
        site::check(true, host, &HeaderMap::new()).unwrap();
    }
    let refused = site::check(true, "evil.example", &HeaderMap::new());
    assert!(matches!(refused, Err(Failure::HostRefused(_))));
    site::check(false, "mcp.example.com", &HeaderMap::new()).unwrap();
}

#[test]
fn a_foreign_origin_is_refused_everywhere() {
    let evil = headers(&[(ORIGIN, "https://evil.example")]);
    for (loopback, host) in [(true, "localhost"), (false, "mcp.example.com")] {
        assert!(matches!(site::check(loopback, host, &evil), Err(Failure::OriginRefused(_))));
    }
    site::check(true, "127.0.0.1", &headers(&[(ORIGIN, "http://localhost:6274")])).unwrap();
    site::check(false, "mcp.example.com", &headers(&[(ORIGIN, "https://mcp.example.com")]))
        .unwrap();
}

#[test]
fn a_content_type_is_compared_by_its_essence() {
    content_type(&headers(&[(CONTENT_TYPE, "Application/JSON; charset=utf-8")])).unwrap();
    assert!(content_type(&headers(&[(CONTENT_TYPE, "text/json")])).is_err());
    assert!(content_type(&HeaderMap::new()).is_err());
}

#[test]
fn an_unknown_protocol_version_is_refused_and_none_is_fine() {
    assert_eq!(version(&HeaderMap::new()).unwrap(), None);
    assert!(version(&headers(&[(PROTOCOL_VERSION, "2025-06-18")])).unwrap().is_some());
    assert!(version(&headers(&[(PROTOCOL_VERSION, "1999-01-01")])).is_err());
}

#[test]
fn a_client_that_accepts_nothing_that_we_send_is_told_so() {
    accept(&HeaderMap::new()).unwrap();
    accept(&headers(&[(ACCEPT, "*/*")])).unwrap();
    assert!(accept(&headers(&[(ACCEPT, "text/html")])).is_err());
}
