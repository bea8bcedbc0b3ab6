use super::{Url, without_secrets};
use crate::resolved::{Address, Scheme};

#[test]
fn parts_are_read_and_bytes_of_the_target_kept() {
    let url = Url::parse("https://Example.COM.:8443/a%2Fb//c?x=%20&y#frag").unwrap();
    assert_eq!(url.scheme, Scheme::Https);
    assert_eq!(url.authority(), "example.com:8443");
    assert_eq!(url.path_and_query, "/a%2Fb//c?x=%20&y");
    let url = Url::parse("http://[::1]?q=1").unwrap();
    assert_eq!((url.authority().as_str(), url.path_and_query.as_str()), ("[::1]", "/?q=1"));
    assert_eq!(url.address(), Address::Ip(([0, 0, 0, 0, 0, 0, 0, 1], 80).into()));
    assert_eq!(Url::parse("https://a.b:443/").unwrap().authority(), "a.b");
}

#[test]
fn what_is_wrong_is_said() {
    for (text, part) in [
        ("example.com", "no scheme"),
        ("wss://example.com", "\"wss\""),
        ("https://user:pass@example.com/", "user name"),
        ("https://", "not a host name"),
        ("https://a b/", "not a host name"),
        ("https://a:0/", "not a port"),
        ("https://a:99999/", "not a port"),
        ("https://[::1/", "bracket"),
        ("https://a/b c", "percent-encoded"),
        ("https://a/\u{e9}", "percent-encoded"),
    ] {
        let error = Url::parse(text).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
        assert!(!error.contains("pass@"));
    }
}

#[test]
fn secrets_are_not_shown() {
    assert_eq!(without_secrets("https://u:p@h/x?key=1#f"), "https://h/x");
    assert_eq!(without_secrets("u:p@h/x"), "h/x");
}
