use std::sync::{Arc, Mutex};
use std::time::Duration;

use sealgate_aws::identity::{IdentitySpec, ProfileFiles, Source};
use sealgate_config::Options;
use sealgate_config::resolved::{Address, Credential};

use super::*;
use crate::observe::Metrics;
use crate::plan::{BackendPlan, Foundation, Plan};
use crate::upstream::PoolLimits;
use crate::upstream::tests::peer::Peer;

mod hours;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}"#;

fn refused(status: &str, more: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{more}content-length: {}\r\n\r\n{body}", body.len())
}

fn expired() -> String {
    refused("403 Forbidden", "x-amzn-errortype: ExpiredTokenException\r\n", "{}")
}

/// A server that says these answers in turn, the last one for ever, and what it was asked.
struct Scripted {
    peer: Peer,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    async fn answering(answers: Vec<String>) -> Self {
        Self::acting(move |number| answers[number.min(answers.len() - 1)].clone()).await
    }

    async fn acting(answer: impl Fn(usize) -> String + Send + Sync + 'static) -> Self {
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let (seen, answer) = (Arc::clone(&requests), Arc::new(answer));
        let peer = Peer::start(move |_, mut talk| {
            let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
            async move {
                while let Some(request) = talk.request().await {
                    let number = seen.lock().unwrap().len();
                    seen.lock().unwrap().push(request);
                    talk.say(&answer(number)).await;
                }
            }
        })
        .await;
        Self { peer, requests }
    }

    fn asked(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// The values of `name`, request by request.
    fn header(&self, name: &str) -> Vec<String> {
        let value = |request: &String| {
            let found = request.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
            found.unwrap_or_default().to_owned()
        };
        self.asked().iter().map(value).collect()
    }

    fn backend(&self, credential: Credential) -> Arc<BackendPlan> {
        let source = sealgate_config::Source::Url("http://127.0.0.1:1/mcp".to_owned());
        let mut outcome = sealgate_config::load(&[source], &Options::default());
        let backend = &mut outcome.resolved.routes[0].backends[0];
        backend.connect = vec![Address::Ip(self.peer.address)];
        backend.credential = credential;
        let base = Foundation::new(Arc::new(Metrics::new()), tokio::runtime::Handle::current());
        let plan = Plan::compile(&outcome.resolved, 1, &base);
        Arc::clone(&plan.routes[0].backends[0])
    }
}

fn aws(identity: IdentitySpec) -> Credential {
    Credential::Aws {
        signed_headers: Vec::new(),
        identity,
        region: "us-east-1".to_owned(),
        service: "aws-mcp".to_owned(),
        signing_host: None,
    }
}

fn fixed() -> Credential {
    let keys = sealgate_aws::Credentials::new("AKIAFIXED", "secret").with_session_token("t0ken");
    aws(IdentitySpec::new(Source::Static(keys)))
}

async fn ask(backend: &BackendPlan, body: &'static str) -> Result<StatusCode, BackendError> {
    ask_within(backend, body, Duration::from_secs(20)).await
}

async fn ask_within(
    backend: &BackendPlan,
    body: &'static str,
    first_byte: Duration,
) -> Result<StatusCode, BackendError> {
    let draft = Draft::post(backend, Bytes::from_static(body.as_bytes()));
    let deadlines = SendDeadlines { connect: Duration::from_secs(5), first_byte };
    let pool = Pool::new(PoolLimits::default());
    send(&pool, &draft, deadlines).await.map(|sent| sent.status())
}

#[tokio::test]
async fn refused_credentials_are_fetched_again_and_the_request_sent_once_more() {
    for code in ["ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"] {
        let file = std::env::temp_dir().join(format!("sealgate-{}-{code}", std::process::id()));
        let write = |key: &str| {
            let text = format!("[x]\naws_access_key_id = {key}\naws_secret_access_key = s\n");
            std::fs::write(&file, text).unwrap();
        };
        write("AKIAOLD");
        let refusal = refused("403 Forbidden", &format!("x-amzn-errortype: {code}\r\n"), "{}");
        let fresh = file.clone();
        let server = Scripted::acting(move |number| {
            if number > 0 {
                return OK.to_owned();
            }
            let text = "[x]\naws_access_key_id = AKIANEW\naws_secret_access_key = s\n";
            std::fs::write(&fresh, text).unwrap();
            refusal.clone()
        })
        .await;
        let files = ProfileFiles { config: None, credentials: Some(file.clone()) };
        let mut spec = IdentitySpec::new(Source::Profile("x".to_owned()));
        spec.profile_files = Some(files);
        let backend = server.backend(aws(spec));
        let Seal::SigV4(sigv4) = &backend.seal else { panic!() };
        sigv4.settled().await;
        assert_eq!(ask(&backend, CALL).await.unwrap(), StatusCode::OK);
        let signed = server.header("authorization");
        assert!(signed[0].contains("AKIAOLD/"), "{signed:?}");
        assert!(signed[1].contains("AKIANEW/"), "{signed:?}");
        assert_eq!(signed.len(), 2);
        std::fs::remove_file(&file).unwrap();
    }
}

#[tokio::test]
async fn what_no_newer_credentials_cure_is_told_and_not_repeated() {
    let server = Scripted::answering(vec![expired()]).await;
    let error = ask(&server.backend(fixed()), CALL).await.unwrap_err();
    assert_eq!(error.reason(), "aws_expired_token");
    assert!(error.remedy().unwrap().contains("static keys AKIAFIXED"));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_clock_that_is_off_is_corrected_by_awss_and_remembered() {
    let refusal = refused(
        "403 Forbidden",
        "x-amzn-errortype: InvalidSignatureException\r\ndate: Mon, 01 Jan 2035 00:30:00 GMT\r\n",
        r#"{"message":"Signature expired: 1 is now earlier than 2"}"#,
    );
    let server = Scripted::answering(vec![refusal, OK.to_owned()]).await;
    let backend = server.backend(fixed());
    assert_eq!(ask(&backend, CALL).await.unwrap(), StatusCode::OK);
    assert_eq!(ask(&backend, CALL).await.unwrap(), StatusCode::OK);
    let dates = server.header("x-amz-date");
    assert!(!dates[0].starts_with("203"), "{dates:?}");
    assert!(dates[1].starts_with("20350101T00") && dates[2].starts_with("20350101T00"));
    assert_eq!(dates.len(), 3);
}

#[tokio::test]
async fn a_bad_signature_and_a_denial_are_told_and_not_repeated() {
    for (kind, message, reason) in [
        ("SignatureDoesNotMatch", "The request signature we calculated", "aws_bad_signature"),
        (
            "AccessDeniedException",
            "User: arn:aws:iam::1:user/u is not authorized to perform: a:B on resource: arn:c because",
            "aws_not_authorised",
        ),
        (
            "InvalidSignatureException",
            "Credential should be scoped to a valid region.",
            "aws_wrong_scope",
        ),
    ] {
        let head = format!("x-amzn-errortype: {kind}\r\n");
        let body = format!(r#"{{"message":"{message}"}}"#);
        let server = Scripted::answering(vec![refused("403 Forbidden", &head, &body)]).await;
        let error = ask(&server.backend(fixed()), CALL).await.unwrap_err();
        assert_eq!(error.reason(), reason);
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(error.aws().unwrap()["message"], message);
        if reason == "aws_not_authorised" {
            assert_eq!(error.aws().unwrap()["principal"], "arn:aws:iam::1:user/u");
            assert_eq!(error.aws().unwrap()["action"], "a:B");
        }
        assert_eq!(server.asked().len(), 1);
    }
}

#[tokio::test]
async fn what_the_server_itself_answers_passes() {
    let body = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32002,"message":"ExpiredToken"}}"#;
    let server = Scripted::answering(vec![refused("403 Forbidden", "", body)]).await;
    assert_eq!(ask(&server.backend(fixed()), CALL).await.unwrap(), StatusCode::FORBIDDEN);
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_throttled_list_waits_as_told_and_is_signed_anew() {
    for credential in [fixed(), Credential::None] {
        let wait = refused("429 Too Many Requests", "retry-after: 1\r\n", "{}");
        let server = Scripted::answering(vec![wait, OK.to_owned()]).await;
        let began = std::time::Instant::now();
        assert_eq!(ask(&server.backend(credential), LIST).await.unwrap(), StatusCode::OK);
        assert!(began.elapsed() >= Duration::from_secs(1));
        assert_eq!(server.asked().len(), 2);
    }
}

#[tokio::test]
async fn throttling_without_a_time_backs_off() {
    let slow = refused("400 Bad Request", "x-amzn-errortype: ThrottlingException\r\n", "{}");
    let server = Scripted::answering(vec![slow.clone(), slow, OK.to_owned()]).await;
    assert_eq!(ask(&server.backend(fixed()), LIST).await.unwrap(), StatusCode::OK);
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn a_throttled_tool_call_is_told_at_once_with_its_wait() {
    let wait = refused("429 Too Many Requests", "retry-after: 7\r\n", "slow down");
    let server = Scripted::answering(vec![wait]).await;
    let error = ask(&server.backend(fixed()), CALL).await.unwrap_err();
    assert_eq!(error.reason(), "aws_throttled");
    assert_eq!(error.retry_after(), Some(7));
    assert_eq!(server.asked().len(), 1);
    // Without AWS behind it the answer stays what it is.
    assert_eq!(
        ask(&server.backend(Credential::None), CALL).await.unwrap(),
        StatusCode::TOO_MANY_REQUESTS
    );
}

#[tokio::test]
async fn a_wait_beyond_the_deadline_is_not_begun() {
    let wait = refused("429 Too Many Requests", "retry-after: 60\r\n", "");
    let server = Scripted::answering(vec![wait]).await;
    let within = Duration::from_secs(5);
    let error = ask_within(&server.backend(fixed()), LIST, within).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(60));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn what_was_signed_can_be_shown_without_its_token() {
    let server = Scripted::answering(vec![OK.to_owned()]).await;
    let backend = server.backend(fixed());
    let draft = Draft::post(&backend, Bytes::from_static(CALL.as_bytes()));
    assert_eq!(ask(&backend, CALL).await.unwrap(), StatusCode::OK);
    let shown = draft.explain(SystemTime::now()).unwrap().unwrap().canonical_request;
    assert!(shown.contains("x-amz-security-token:[redacted]") && !shown.contains("t0ken"));
}
