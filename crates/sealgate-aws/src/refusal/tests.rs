use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderValue, StatusCode};

use super::{ClockOffset, Refusal, RefusalKind, http_date};

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
        .collect()
}

fn refusal(status: u16, pairs: &[(&'static str, &'static str)], body: &str) -> Refusal {
    let status = StatusCode::from_u16(status).unwrap();
    Refusal::classify(status, &headers(pairs), body.as_bytes()).unwrap()
}

/// Status, headers, body, code.
type Case = (u16, &'static [(&'static str, &'static str)], &'static str, &'static str);

#[test]
fn answers_of_aws_are_told_apart() {
    #[rustfmt::skip]
    let table: &[Case] = &[
        (403, &[("x-amzn-errortype", "ExpiredTokenException")], r#"{"message":"The security token included in the request is expired"}"#, "aws_expired_token"),
        (403, &[], r#"{"message":"The security token included in the request is expired"}"#, "aws_expired_token"),
        (403, &[("x-amzn-errortype", "ExpiredTokenException:http://internal.amazon.com/coral/x/")], "{}", "aws_expired_token"),
        (400, &[], r#"{"__type":"com.amazon.coral.service#ExpiredTokenException","message":"x"}"#, "aws_expired_token"),
        (403, &[], "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>The security token included in the request is expired</Message></Error></ErrorResponse>", "aws_expired_token"),
        (403, &[("x-amzn-errortype", "UnrecognizedClientException")], r#"{"message":"The security token included in the request is invalid."}"#, "aws_invalid_client_token"),
        (403, &[], "<Error><Code>InvalidClientTokenId</Code><Message>x</Message></Error>", "aws_invalid_client_token"),
        (403, &[("x-amzn-errortype", "InvalidSignatureException")], r#"{"message":"The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method."}"#, "aws_bad_signature"),
        (403, &[], "<Error><Code>SignatureDoesNotMatch</Code><Message>x</Message></Error>", "aws_bad_signature"),
        (403, &[("x-amzn-errortype", "IncompleteSignatureException")], r#"{"message":"Authorization header requires 'Credential' parameter."}"#, "aws_bad_signature"),
        (403, &[("x-amzn-errortype", "InvalidSignatureException")], r#"{"message":"Signature expired: 20260101T000000Z is now earlier than 20260101T010000Z (20260101T010500Z - 5 min.)"}"#, "aws_clock_skew"),
        (403, &[("x-amzn-errortype", "InvalidSignatureException")], r#"{"message":"Signature not yet current: 20260101T020000Z is still later than 20260101T010500Z"}"#, "aws_clock_skew"),
        (403, &[], "<Error><Code>RequestTimeTooSkewed</Code><Message>The difference between the request time and the current time is too large.</Message></Error>", "aws_clock_skew"),
        (403, &[("x-amzn-errortype", "InvalidSignatureException")], r#"{"message":"Credential should be scoped to correct service: 'execute-api'. "}"#, "aws_wrong_scope"),
        (403, &[("x-amzn-errortype", "InvalidSignatureException")], r#"{"message":"Credential should be scoped to a valid region. "}"#, "aws_wrong_scope"),
        (400, &[], "<Error><Code>AuthorizationHeaderMalformed</Code><Message>The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'</Message></Error>", "aws_wrong_scope"),
        (403, &[("x-amzn-errortype", "MissingAuthenticationTokenException")], r#"{"message":"Missing Authentication Token"}"#, "aws_missing_authentication"),
        (403, &[("x-amzn-errortype", "ForbiddenException")], r#"{"message":"Forbidden"}"#, "aws_not_authorised"),
        (403, &[("x-amzn-errortype", "AccessDeniedException")], r#"{"Message":"no"}"#, "aws_not_authorised"),
        (429, &[], "", "aws_throttled"),
        (400, &[("x-amzn-errortype", "ThrottlingException")], r#"{"message":"Rate exceeded"}"#, "aws_throttled"),
        (503, &[("retry-after", "3")], "", "aws_throttled"),
        (503, &[], "", "aws_refused"),
        (401, &[("www-authenticate", "Bearer resource_metadata=\"x\"")], "", "aws_wrong_method"),
        (403, &[], r#"{"message":"Authorization method mismatch"}"#, "aws_wrong_method"),
        (403, &[], "<html>blocked</html>", "aws_refused"),
        (403, &[], r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32002,"message":"own words"}}"#, "aws_refused"),
        (404, &[], "not found", "aws_refused"),
        (400, &[], "{broken", "aws_refused"),
    ];
    for (status, pairs, body, code) in table {
        let found = refusal(*status, pairs, body);
        assert_eq!(found.code(), *code, "{status} {pairs:?} {body}");
        assert!(found.remedy().ends_with('.'), "{body}");
    }
}

#[test]
fn a_success_is_no_refusal() {
    assert_eq!(Refusal::classify(StatusCode::OK, &HeaderMap::new(), b"{}"), None);
}

#[test]
fn an_iam_denial_names_who_what_and_where() {
    let body = r#"{"message":"User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: bedrock-agentcore:InvokeGateway on resource: arn:aws:bedrock-agentcore:us-east-1:1:gateway/g because no identity-based policy allows the bedrock-agentcore:InvokeGateway action"}"#;
    let found = refusal(403, &[("x-amzn-errortype", "AccessDeniedException")], body);
    assert_eq!(
        found.kind,
        RefusalKind::NotAuthorised {
            principal: Some("arn:aws:sts::1:assumed-role/r/s".into()),
            action: Some("bedrock-agentcore:InvokeGateway".into()),
            resource: Some("arn:aws:bedrock-agentcore:us-east-1:1:gateway/g".into()),
        }
    );
    assert!(found.message.unwrap().contains("because no identity-based policy"));
}

#[test]
fn a_wrong_scope_says_what_aws_expects() {
    let service =
        r#"{"message":"Credential should be scoped to correct service: 'execute-api'. "}"#;
    let found = refusal(403, &[], service);
    assert_eq!(found.kind, RefusalKind::WrongScope { expected: Some("execute-api".into()) });
    let region = "<Error><Code>AuthorizationHeaderMalformed</Code><Message>The authorization header is malformed; the region &apos;us-east-1&apos; is wrong; expecting &apos;eu-west-1&apos;</Message></Error>";
    let found = refusal(400, &[], region);
    assert_eq!(found.kind, RefusalKind::WrongScope { expected: Some("eu-west-1".into()) });
    assert!(found.remedy().contains("eu-west-1"));
}

#[test]
fn the_wait_is_read_in_all_its_forms() {
    for (pairs, seconds) in [
        (&[("retry-after", "7")][..], 7),
        (&[("x-amz-retry-after", "1500")][..], 1),
        (&[("retry-after", "18446744073709551615")][..], 7 * 86_400),
        (
            &[
                ("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT"),
                ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ][..],
            10,
        ),
    ] {
        let RefusalKind::Throttled { retry_after } = refusal(429, pairs, "").kind else { panic!() };
        assert_eq!(retry_after.unwrap().as_secs(), seconds);
    }
    let RefusalKind::Throttled { retry_after: None } =
        refusal(429, &[("retry-after", "soon")], "").kind
    else {
        panic!()
    };
}

#[test]
fn a_message_is_kept_to_a_bounded_length() {
    let body = format!("{{\"message\":\"{}\"}}", "ä".repeat(4000));
    assert!(refusal(403, &[], &body).message.unwrap().len() <= 2051);
    let huge = format!("{{\"message\":\"{}\"}}", "a".repeat(70_000));
    assert_eq!(refusal(403, &[], &huge).message, None);
}

#[test]
fn http_dates_are_read_and_nothing_else() {
    let at = |seconds| Some(UNIX_EPOCH + Duration::from_secs(seconds));
    assert_eq!(http_date::parse("Sun, 06 Nov 1994 08:49:37 GMT"), at(784_111_777));
    assert_eq!(http_date::parse("Thu, 29 Feb 2024 00:00:00 GMT"), at(1_709_164_800));
    assert_eq!(http_date::parse("Thu, 01 Jan 1970 00:00:00 GMT"), at(0));
    for text in ["", "now", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Xxx 1994 08:49:37 GMT"] {
        assert_eq!(http_date::parse(text), None, "{text}");
    }
}

#[test]
fn the_offset_is_learned_from_the_date_and_applied() {
    let date = headers(&[("date", "Sun, 06 Nov 1994 08:49:37 GMT")]);
    let theirs = UNIX_EPOCH + Duration::from_secs(784_111_777);
    let offset = ClockOffset::new();
    let ours = theirs - Duration::from_secs(3600);
    let (sent, received) = (ours - Duration::from_secs(1), ours + Duration::from_secs(1));
    assert!(offset.learn(&date, sent, received));
    assert_eq!(offset.seconds(), 3600);
    assert_eq!(offset.correct(ours), theirs);
    // The same again teaches nothing, so nobody repeats a request for ever.
    assert!(!offset.learn(&date, sent, received));
    // A clock set right again is learned too.
    assert!(offset.learn(&date, theirs, theirs));
    assert_eq!(offset.seconds(), 0);
    assert!(offset.learn(
        &date,
        theirs + Duration::from_secs(600),
        theirs + Duration::from_secs(600)
    ));
    assert_eq!(offset.correct(theirs + Duration::from_secs(600)), theirs);
}

#[test]
fn small_differences_and_slow_answers_teach_nothing() {
    let date = headers(&[("date", "Sun, 06 Nov 1994 08:49:37 GMT")]);
    let theirs = UNIX_EPOCH + Duration::from_secs(784_111_777);
    let offset = ClockOffset::new();
    let close = theirs + Duration::from_secs(200);
    assert!(!offset.learn(&date, close, close));
    let early = theirs - Duration::from_secs(5000);
    assert!(!offset.learn(&date, early, early + Duration::from_secs(1000)));
    assert!(!offset.learn(&HeaderMap::new(), early, early));
    assert!(!offset.learn(&date, SystemTime::now(), SystemTime::now() - Duration::from_secs(9)));
}

#[test]
fn the_token_that_aws_repeats_is_masked() {
    let body = "{\"__type\":\"SignatureDoesNotMatch\",\"message\":\"The Canonical String for this \
                request should have been\\n'POST\\n/mcp\\n\\nhost:a\\nX-Amz-Security-Token:se/cr+et==\\n\
                x-amz-date:1\\nmcp-session-id:s3ss10n\\n\\nhost;mcp-session-id;x-amz-security-token\\nabc' and ?a=b&x-amz-security-token=other&c\"}";
    let message = refusal(403, &[], body).message.unwrap();
    assert!(!message.contains("se/cr+et") && !message.contains("other"), "{message}");
    assert!(message.contains("X-Amz-Security-Token:[redacted]\nx-amz-date:1\n"), "{message}");
    assert!(message.contains("x-amz-security-token=[redacted]&c"), "{message}");
    assert!(message.contains("mcp-session-id:[redacted]\n\n"), "{message}");
    assert!(message.contains("host;mcp-session-id;x-amz-security-token\nabc'"), "{message}");
}
