use super::*;

fn client() -> OidcClient {
    OidcClient {
        issuer: "https://id.example.com".into(),
        token_endpoint: None,
        client_id: "gate way:1".into(),
        client_secret: Secret::new("s3cr3t/+"),
        scopes: vec!["aws".into(), "mcp".into()],
        audience: Some("sts.amazonaws.com".into()),
        resources: vec!["urn:a b".into()],
    }
}

#[test]
fn the_client_says_who_it_is_in_either_way() {
    let uri = Uri::from_static("https://id.example.com/token");
    let asked = "grant_type=client_credentials&scope=aws%20mcp&audience=sts.amazonaws.com\
                 &resource=urn%3Aa%20b";
    let basic = client().request(&uri, Authentication::Basic).unwrap();
    assert_eq!(basic.body(), asked);
    let value = &basic.headers()["authorization"];
    let pair = STANDARD.decode(value.to_str().unwrap().strip_prefix("Basic ").unwrap()).unwrap();
    assert_eq!(String::from_utf8(pair).unwrap(), "gate%20way%3A1:s3cr3t%2F%2B");
    assert!(value.is_sensitive());

    let post = client().request(&uri, Authentication::Post).unwrap();
    let named = "&client_id=gate%20way%3A1&client_secret=s3cr3t%2F%2B";
    assert_eq!(post.body(), &format!("{asked}{named}"));
    assert!(!post.headers().contains_key("authorization"));
}

#[test]
fn secrets_go_over_tls_or_stay_on_this_machine() {
    for good in ["https://a.b/c", "http://127.0.0.1:1/x", "http://localhost", "http://[::1]:8/"] {
        assert_eq!(check_url(good), Ok(()), "{good}");
    }
    for bad in [
        "http://a.b",
        "http://127.0.0.1.evil.example",
        "https://user:word@a.b",
        "ftp://a.b",
        "/path",
        "a b",
        "",
    ] {
        assert!(check_url(bad).is_err(), "{bad}");
    }
}

#[test]
fn what_a_provider_repeats_is_masked_and_bounded() {
    let answer = serde_json::json!({
        "error": "invalid_client",
        "error_description": format!("no s3cr3t/+ here\n{}", "x".repeat(1000)),
    });
    let words = client().refusal(StatusCode::UNAUTHORIZED, &answer);
    assert!(words.starts_with("invalid_client: no [redacted] here x"), "{words}");
    assert!(words.chars().count() <= LONGEST_MESSAGE + 1);
    let words = client().refusal(StatusCode::BAD_GATEWAY, &Value::Null);
    assert_eq!(words, "HTTP status 502");
    assert!(!format!("{:?}", client()).contains("s3cr3t"));
}
