//! Sealgate's signatures against those of the AWS SDK for Rust, over generated requests.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SignatureLocation, SigningParams,
    SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::prelude::*;
use sealgate_aws::sign::{Payload, canonical_query};
use sealgate_aws::{Credentials, Scope, SignRequest, Signer};

const HOST: &str = "bedrock-agentcore.us-east-1.amazonaws.com";

fn path() -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        "[a-zA-Z0-9._~-]{0,12}",
        Just("arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aruntime%2Fx".to_owned()),
        Just("arn%3aaws%3alower%2fcase".to_owned()),
        Just("%E1%88%B4%20%2B".to_owned()),
        Just("a:b@c$d,e;f=g+h".to_owned()),
        Just(".".to_owned()),
        Just("..".to_owned()),
        Just(String::new()),
    ];
    prop::collection::vec(segment, 0..6).prop_map(|segments| format!("/{}", segments.join("/")))
}

fn query() -> impl Strategy<Value = Option<String>> {
    let piece = prop_oneof![
        "[a-zA-Z0-9._~-]{0,6}",
        Just("a+b".to_owned()),
        Just("a:b/c".to_owned()),
        Just("%3a%2F%20".to_owned()),
        Just("%E1%88%B4".to_owned()),
        Just("a,b;c@d".to_owned()),
        Just("x=y".to_owned()),
    ];
    let pair = (piece.clone(), prop::option::of(piece)).prop_map(|(key, value)| match value {
        Some(value) => format!("{key}={value}"),
        None => key,
    });
    prop::option::of(prop::collection::vec(pair, 0..6).prop_map(|pairs| pairs.join("&")))
}

fn headers() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = prop_oneof![
        Just("content-type".to_owned()),
        Just("mcp-session-id".to_owned()),
        Just("mcp-protocol-version".to_owned()),
        "x-amz-[a-c]{1,3}",
        "x-amzn-bedrock-agentcore-[a-c]{1,3}",
    ];
    // The SDK folds spaces and leaves tabs; everybody else folds both, and so do we.
    prop::collection::vec((name, "[ -~]{0,24}"), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn signatures_equal_those_of_the_sdk(
        path in path(),
        query in query(),
        pairs in headers(),
        method in prop_oneof![Just(Method::GET), Just(Method::POST), Just(Method::DELETE)],
        body in prop::collection::vec(any::<u8>(), 0..300),
        token in prop::option::of("[A-Za-z0-9/+=]{1,80}"),
        secret in "[A-Za-z0-9/+=]{1,40}",
        seconds in 0_u64..4_102_444_800,
    ) {
        let target = match &query {
            Some(query) => format!("{path}?{query}"),
            None => path,
        };
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let mut sent = HeaderMap::new();
        for (name, value) in &pairs {
            sent.append(
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }

        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.signature_location = SignatureLocation::Headers;
        let identity =
            aws_credential_types::Credentials::new("AKID", &*secret, token.clone(), None, "test")
                .into();
        let params: SigningParams<'_> = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name("bedrock-agentcore")
            .time(now)
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let signable = SignableRequest::new(
            method.as_str(),
            format!("https://{HOST}{target}"),
            sent.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())),
            SignableBody::Bytes(&body),
        )
        .unwrap();
        let theirs = sign(signable, &params).unwrap();

        let mut credentials = Credentials::new("AKID", &*secret);
        if let Some(token) = &token {
            credentials = credentials.with_session_token(&**token);
        }
        let signer = Signer::new(credentials, Scope::new("us-east-1", "bedrock-agentcore"));
        let request = SignRequest {
            method: &method,
            host: HOST,
            path_and_query: &target,
            body: Payload::Bytes(&body),
        };
        let explained = signer.explain(request, now, &sent).unwrap();
        signer.sign(request, now, &mut sent).unwrap();
        let ours = sent["authorization"].to_str().unwrap();
        prop_assert!(
            ours.ends_with(theirs.signature()),
            "{target}\n{}", explained.canonical_request
        );
    }

    #[test]
    fn a_canonical_query_is_its_own_canonical_form(query in "[ -~]{0,40}") {
        let once = canonical_query(&query).into_owned();
        prop_assert_eq!(canonical_query(&once), once.as_str());
    }

    #[test]
    fn any_target_host_and_clock_is_signed_or_refused(
        target in any::<String>(),
        host in any::<String>(),
        seconds in any::<u64>(),
        body in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let now = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
        let signer = Signer::new(Credentials::new("A", "B"), Scope::new("*", "s"));
        let request = SignRequest {
            method: &Method::POST,
            host: &host,
            path_and_query: &target,
            body: Payload::Bytes(&body),
        };
        let mut headers = HeaderMap::new();
        let now = now.unwrap_or(SystemTime::UNIX_EPOCH);
        let signed = signer.sign(request, now, &mut headers).is_ok();
        prop_assert_eq!(signed, headers.contains_key("authorization"));
    }
}
