use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::Method;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::asymmetric::derive_scalar;
use super::date::Timestamp;
use super::{PathRules, Payload, Scope, SignError, SignRequest, Signer, canonical_query};
use crate::credentials::Credentials;

const NOON: Duration = Duration::from_secs(1_440_938_160);

fn signer() -> Signer {
    let keys = Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    Signer::new(keys, Scope::new("us-east-1", "service"))
}

fn request(target: &str) -> SignRequest<'_> {
    SignRequest {
        method: &Method::POST,
        host: "example.amazonaws.com",
        path_and_query: target,
        body: Payload::Bytes(b"{}"),
    }
}

fn sign(signer: &Signer, headers: &mut HeaderMap) -> String {
    signer.sign(request("/mcp"), UNIX_EPOCH + NOON, headers).unwrap();
    headers["authorization"].to_str().unwrap().to_owned()
}

#[test]
fn dates_are_written_as_aws_reads_them() {
    for (seconds, expected) in [
        (0, "19700101T000000Z"),
        (1_440_938_160, "20150830T123600Z"),
        (951_827_696, "20000229T123456Z"),
        (4_102_444_799, "20991231T235959Z"),
        (253_402_300_799, "99991231T235959Z"),
    ] {
        let time = Timestamp::new(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
        assert_eq!(time.as_bytes(), expected.as_bytes());
    }
    assert!(Timestamp::new(UNIX_EPOCH + Duration::from_secs(253_402_300_800)).is_none());
    assert!(Timestamp::new(UNIX_EPOCH - Duration::from_secs(1)).is_none());
}

#[test]
fn only_the_headers_on_the_list_are_signed() {
    let mut headers = HeaderMap::new();
    for name in [
        "accept",
        "accept-encoding",
        "content-length",
        "content-type",
        "user-agent",
        "connection",
        "traceparent",
        "x-amzn-trace-id",
        "x-forwarded-for",
        "mcp-session-id",
        "mcp-method",
        "x-amz-target",
        "x-amzn-bedrock-agentcore-runtime-session-id",
        "x-tenant",
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static("v"));
    }
    let signer = signer().with_signed_headers([HeaderName::from_static("x-tenant")]);
    let authorization = sign(&signer, &mut headers);
    assert!(
        authorization.contains(
            "SignedHeaders=content-type;host;mcp-method;mcp-session-id;x-amz-content-sha256;\
             x-amz-date;x-amz-target;x-amzn-bedrock-agentcore-runtime-session-id;x-tenant, "
        ),
        "{authorization}"
    );
}

#[test]
fn signing_again_replaces_the_old_signature() {
    let signer = signer();
    let (mut once, mut twice) = (HeaderMap::new(), HeaderMap::new());
    twice.insert("x-amz-security-token", HeaderValue::from_static("somebody else's"));
    twice.insert("x-amz-region-set", HeaderValue::from_static("*"));
    twice.append("authorization", HeaderValue::from_static("Bearer x"));
    twice.append("x-amz-date", HeaderValue::from_static("20000101T000000Z"));
    let first = sign(&signer, &mut once);
    assert_eq!(first, sign(&signer, &mut twice));
    assert_eq!(first, sign(&signer, &mut twice));
    assert_eq!(once, twice);
}

#[test]
fn secrets_are_marked_so_that_no_log_prints_them() {
    let mut headers = HeaderMap::new();
    let keys = signer().credentials().clone().with_session_token("token");
    sign(&Signer::new(keys, Scope::new("us-east-1", "service")), &mut headers);
    assert!(headers["authorization"].is_sensitive());
    assert!(headers["x-amz-security-token"].is_sensitive());
    assert!(!format!("{:?}", signer()).contains("EXAMPLEKEY"));
}

#[test]
fn a_digest_signs_like_the_body_it_is_of() {
    let signer = signer();
    let mut whole = HeaderMap::new();
    sign(&signer, &mut whole);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"{}");
    let body = Payload::Digest(digest.as_ref().try_into().unwrap());
    let mut headers = HeaderMap::new();
    let request = SignRequest { body, ..request("/mcp") };
    signer.sign(request, UNIX_EPOCH + NOON, &mut headers).unwrap();
    assert_eq!(whole, headers);
}

#[test]
fn services_have_rules_of_their_own() {
    let hash_of = |service: &str| {
        let request = SignRequest { body: Payload::for_service(service, b"{}"), ..request("/a") };
        let signer = Signer::new(Credentials::new("A", "B"), Scope::new("r", service));
        let mut headers = HeaderMap::new();
        signer.sign(request, UNIX_EPOCH, &mut headers).unwrap();
        headers["x-amz-content-sha256"].to_str().unwrap().to_owned()
    };
    assert_eq!(hash_of("vpc-lattice-svcs"), "UNSIGNED-PAYLOAD");
    assert_eq!(hash_of("bedrock-agentcore").len(), 64);
    assert_eq!(PathRules::of_service("s3"), PathRules::S3);
    assert_eq!(PathRules::of_service("lambda"), PathRules::STANDARD);
}

#[test]
fn an_unsigned_payload_says_so() {
    let mut headers = HeaderMap::new();
    let request = SignRequest { body: Payload::Unsigned, ..request("/mcp") };
    signer().sign(request, UNIX_EPOCH + NOON, &mut headers).unwrap();
    assert_eq!(headers["x-amz-content-sha256"], "UNSIGNED-PAYLOAD");
}

#[test]
fn the_day_key_is_derived_once_a_day_and_never_goes_back() {
    let signer = signer();
    let at = |days: u64| Timestamp::new(UNIX_EPOCH + Duration::from_secs(days * 86_400)).unwrap();
    let first = signer.day_key(&at(100)).unwrap();
    assert!(Arc::ptr_eq(&first, &signer.day_key(&at(100)).unwrap()));
    let next = signer.day_key(&at(101)).unwrap();
    assert_ne!(first.scope, next.scope);
    // A straggler from before midnight gets the right key and leaves the new one in place.
    assert_eq!(signer.day_key(&at(100)).unwrap().scope, first.scope);
    assert!(Arc::ptr_eq(&next, &signer.day_key(&at(101)).unwrap()));
}

#[test]
fn what_cannot_be_signed_is_refused_and_changes_nothing() {
    let now = UNIX_EPOCH + NOON;
    let mut headers = HeaderMap::new();
    let scope = || Scope::new("us-east-1", "service");
    for (signer, target, time, expected) in [
        (signer(), "mcp", now, SignError::Target),
        (signer(), "", now, SignError::Target),
        (signer(), "/", UNIX_EPOCH - NOON, SignError::Clock),
        (
            Signer::new(Credentials::new("", "s"), scope()),
            "/",
            now,
            SignError::Credentials("access key id"),
        ),
        (
            Signer::new(Credentials::new("A\n", "s"), scope()),
            "/",
            now,
            SignError::Credentials("access key id"),
        ),
        (
            Signer::new(Credentials::new("A", ""), scope()),
            "/",
            now,
            SignError::Credentials("secret access key"),
        ),
        (
            Signer::new(Credentials::new("A", "s").with_session_token("a\nb"), scope()),
            "/",
            now,
            SignError::Credentials("session token"),
        ),
    ] {
        assert_eq!(signer.sign(request(target), time, &mut headers), Err(expected));
        assert!(headers.is_empty());
    }
}

#[test]
fn queries_have_one_canonical_form() {
    for (raw, expected) in [
        ("", ""),
        ("qualifier=DEFAULT", "qualifier=DEFAULT"),
        ("b=2&a=1", "a=1&b=2"),
        ("a=2&a=1&a", "a=&a=1&a=2"),
        ("a=b+c", "a=b%20c"),
        ("a=b%2Bc", "a=b%2Bc"),
        ("a=b:c/d", "a=b%3Ac%2Fd"),
        ("a=%3a%2f", "a=%3A%2F"),
        ("a=b=c", "a=b%3Dc"),
        ("&&a=1&", "a=1"),
        ("a=%zz%", "a=%25zz%25"),
        ("ሴ=~", "%E1%88%B4=~"),
        ("%E1%88%B4=%7e", "%E1%88%B4=~"),
        // By key and then by value, not as one text: `-` sorts before `=`.
        ("a-b=1&a=1", "a=1&a-b=1"),
        ("oauth=initialize", "oauth=initialize"),
    ] {
        assert_eq!(canonical_query(raw), expected, "{raw}");
    }
}

#[test]
fn presigned_urls_have_a_bounded_life() {
    let presign = |seconds| {
        signer().presign(
            request("/mcp"),
            UNIX_EPOCH + NOON,
            Duration::from_secs(seconds),
            &HeaderMap::new(),
        )
    };
    assert_eq!(presign(0), Err(SignError::Lifetime(0)));
    assert_eq!(presign(604_801), Err(SignError::Lifetime(604_801)));
    assert!(presign(604_800).unwrap().contains("X-Amz-Expires=604800&"));
}

#[test]
fn a_region_set_calls_for_the_asymmetric_algorithm() {
    for region in ["*", "us-east-1,eu-west-1"] {
        let keys = signer().credentials().clone();
        let signer = Signer::new(keys, Scope::new(region, "service"));
        let mut headers = HeaderMap::new();
        let authorization = sign(&signer, &mut headers);
        assert!(authorization.starts_with(
            "AWS4-ECDSA-P256-SHA256 Credential=AKIDEXAMPLE/20150830/service/aws4_request, "
        ));
        assert!(authorization.contains("x-amz-region-set"));
        assert_eq!(headers["x-amz-region-set"], region);
    }
}

#[test]
fn the_asymmetric_key_is_the_published_one() {
    let key = derive_scalar("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY").unwrap();
    let text: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(text, "7efc8c0e65a324242818c5a50c891c6060b6a00717b7ba3cbe3c5d765be9259c");
}

#[test]
fn one_signer_signs_on_many_threads() {
    let signer = Arc::new(signer());
    let expected = sign(&signer, &mut HeaderMap::new());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..200 {
                    assert_eq!(sign(&signer, &mut HeaderMap::new()), expected);
                }
            });
        }
    });
    assert!(signer.sign(request("/"), SystemTime::now(), &mut HeaderMap::new()).is_ok());
}

#[test]
fn an_explanation_can_be_shown_without_what_lets_others_act() {
    let keys = signer().credentials().clone().with_session_token("the-token");
    let signer = Signer::new(keys, Scope::new("us-east-1", "service"));
    let mut headers = HeaderMap::new();
    headers.insert("mcp-session-id", HeaderValue::from_static("the-session"));
    let mut own = HeaderValue::from_static("the-own");
    own.set_sensitive(true);
    headers.insert("x-amz-own", own);
    let explained = signer.explain(request("/a:b?c=d"), UNIX_EPOCH + NOON, &headers).unwrap();
    assert!(explained.canonical_request.contains("x-amz-security-token:the-token\n"));
    let shown = explained.clone().without_secrets(&headers);
    for secret in ["the-token", "the-session", "the-own"] {
        assert!(!shown.canonical_request.contains(secret), "{}", shown.canonical_request);
    }
    assert!(shown.canonical_request.contains("x-amz-security-token:[redacted]\n"));
    assert!(shown.canonical_request.starts_with("POST\n/a%3Ab\nc=d\n"));
    assert_eq!(shown.string_to_sign, explained.string_to_sign);
}
