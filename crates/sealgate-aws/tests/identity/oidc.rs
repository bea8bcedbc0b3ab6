//! Tokens of an OpenID Connect provider, exchanged at an STS; both in one server on the loopback.

use sealgate_aws::identity::{AssumeRole, OidcClient, Source};
use sealgate_aws::{IdentitySpec, Secret};

use super::sts::{self, Sts, granted};
use super::{HOUR, start};

/// A provider at `/` and an STS behind it, in one server; `provider` gives status and JSON.
async fn provider(
    answer: impl Fn(&sts::Asked, &str) -> (u16, String) + Send + Sync + 'static,
) -> Sts {
    Sts::start(move |_, asked| {
        let issuer = format!("http://{}", asked.host);
        match asked.fields.get("Action") {
            Some(action) => granted(action, "ASIAOIDC", HOUR),
            None => answer(asked, &issuer),
        }
    })
    .await
}

fn exchanging(provider: &Sts) -> IdentitySpec {
    let client = OidcClient {
        issuer: provider.endpoint.clone(),
        token_endpoint: None,
        client_id: "gateway".into(),
        client_secret: Secret::new("client-s3cr3t"),
        scopes: vec!["aws".into()],
        audience: None,
        resources: Vec::new(),
    };
    let role = AssumeRole::new("arn:aws:iam::123456789012:role/web");
    let mut spec = IdentitySpec::new(Source::Oidc { client, role });
    spec.sts_endpoint = Some(provider.endpoint.clone());
    spec
}

fn discovered(asked: &sts::Asked, issuer: &str) -> Option<(u16, String)> {
    let document = format!(r#"{{"issuer":"{issuer}","token_endpoint":"{issuer}/token"}}"#);
    asked.target.ends_with("openid-configuration").then_some((200, document))
}

#[tokio::test]
async fn an_oidc_token_is_exchanged_for_the_credentials_of_a_role() {
    let provider = provider(|asked, issuer| {
        discovered(asked, issuer).unwrap_or((200, r#"{"access_token":"a.b.c"}"#.into()))
    })
    .await;
    let identity = start(exchanging(&provider));
    let credentials = identity.ready().await.unwrap();
    assert_eq!(credentials.access_key_id, "ASIAOIDC");
    assert_eq!(credentials.account_id.as_deref(), Some("123456789012"));
    assert!(identity.status().next_refresh_at.is_some(), "refreshed ahead of the end");
    let asked = provider.asked();
    let targets: Vec<_> = asked.iter().map(|one| one.target.as_str()).collect();
    assert_eq!(targets, ["/.well-known/openid-configuration", "/token", "/"]);
    assert_eq!(asked[1].fields["grant_type"], "client_credentials");
    assert_eq!(asked[1].fields["scope"], "aws");
    assert!(asked[1].authorization.starts_with("Basic "));
    assert_eq!(asked[2].fields["WebIdentityToken"], "a.b.c");
    assert_eq!(asked[2].authorization, "", "nothing signs the exchange but the token");
}

#[tokio::test]
async fn each_step_of_an_oidc_exchange_fails_by_its_name() {
    let long = format!(r#"{{"access_token":"{}.b.c"}}"#, "x".repeat(30_000));
    let cases: [(&str, u16, &str, &str); 8] = [
        ("discovery", 404, "gone", "OIDC discovery at"),
        ("discovery", 200, "<html>", "is no JSON document"),
        ("discovery", 200, r#"{"issuer":"https://other.example"}"#, "of issuer \"https://other"),
        ("discovery", 302, "", "HTTP status 302"),
        ("token", 401, r#"{"error":"invalid_client"}"#, "OIDC token request at"),
        (
            "token",
            400,
            r#"{"error":"invalid_scope","error_description":"no client-s3cr3t"}"#,
            "invalid_scope: no [redacted]",
        ),
        ("token", 200, r#"{"access_token":"opaque"}"#, "STS takes signed ones"),
        ("token", 200, &long, "longer than"),
    ];
    for (step, status, body, expected) in cases {
        let body = body.to_owned();
        let provider = provider(move |asked, issuer| match (step, discovered(asked, issuer)) {
            ("token", Some(found)) => found,
            _ => (status, body.clone()),
        })
        .await;
        let error = start(exchanging(&provider)).ready().await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(expected), "{expected}: {text}");
        assert_eq!(error.code(), "credentials_oidc");
        assert!(!format!("{error:?}{}", error.remedy()).contains("s3cr3t"));
    }
}

#[tokio::test]
async fn a_client_that_is_not_known_by_header_says_who_it_is_in_the_form() {
    let provider = provider(|asked, _| match asked.fields.get("client_secret") {
        Some(secret) if secret == "client-s3cr3t" => (200, r#"{"access_token":"a.b.c"}"#.into()),
        _ => (401, r#"{"error":"invalid_client"}"#.into()),
    })
    .await;
    let mut spec = exchanging(&provider);
    let Source::Oidc { client, .. } = &mut spec.source else { panic!("{spec:?}") };
    client.token_endpoint = Some(format!("{}/token", provider.endpoint));
    assert_eq!(start(spec).ready().await.unwrap().access_key_id, "ASIAOIDC");
    let targets: Vec<_> = provider.asked().iter().map(|one| one.target.clone()).collect();
    assert_eq!(targets, ["/token", "/token", "/"], "discovery is left out");
}

#[tokio::test]
async fn a_token_endpoint_without_tls_gets_no_secret() {
    let provider = provider(|_, issuer| {
        let endpoint = "http://id.example.com/token";
        (200, format!(r#"{{"issuer":"{issuer}","token_endpoint":"{endpoint}"}}"#))
    })
    .await;
    let error = start(exchanging(&provider)).ready().await.unwrap_err();
    assert!(error.to_string().contains("must be https"), "{error}");
    assert_eq!(provider.asked().len(), 1);
}
