//! The published SigV4 and SigV4a vectors, read from the packages that carry them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod suite;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use http::HeaderMap;
use sealgate_aws::sign::{Algorithm, PathRules, Payload};
use sealgate_aws::{Credentials, Scope, SignRequest, Signer};
use serde_json::Value;
use suite::{Request, authorization_part, instant, unhex};

/// What a case of the aws-sigv4 suite says about itself.
struct Context {
    credentials: Credentials,
    region: String,
    service: String,
    normalise: bool,
    double_encode: bool,
    sign_body: bool,
    omit_token: bool,
    at: String,
}

impl Context {
    fn read(case: &Path) -> Self {
        let Ok(text) = fs::read_to_string(case.join("context.json")) else {
            // The two double-encoding cases carry no context; theirs stands in their texts.
            return Self {
                credentials: Credentials::new(
                    "AKIDEXAMPLE",
                    "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                ),
                region: "us-east-2".into(),
                service: "lambda".into(),
                normalise: true,
                double_encode: true,
                sign_body: false,
                omit_token: false,
                at: "20210511T154045Z".into(),
            };
        };
        let json: Value = serde_json::from_str(&text).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let keys = &json["credentials"];
        let mut credentials =
            Credentials::new(text(&keys["access_key_id"]), text(&keys["secret_access_key"]));
        if let Some(token) = keys["token"].as_str() {
            credentials = credentials.with_session_token(token);
        }
        Self {
            credentials,
            region: text(&json["region"]),
            service: text(&json["service"]),
            normalise: json["normalize"].as_bool().unwrap(),
            double_encode: false,
            sign_body: json["sign_body"].as_bool().unwrap(),
            omit_token: json["omit_session_token"].as_bool().unwrap_or(false),
            at: text(&json["timestamp"]).replace(['-', ':'], ""),
        }
    }

    fn signer(&self, request: &Request, algorithm: Algorithm) -> Signer {
        let mut credentials = self.credentials.clone();
        if self.omit_token {
            credentials.session_token = None;
        }
        let signer = Signer::new(credentials, Scope::new(&*self.region, &*self.service))
            .with_algorithm(algorithm)
            .with_path_rules(PathRules {
                double_encode: self.double_encode,
                normalise: self.normalise,
            })
            .with_signed_headers(request.headers.keys().cloned());
        if self.sign_body { signer } else { signer.without_content_sha256() }
    }
}

fn suite_folder() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = std::process::Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let package = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .find(|package| package["name"] == "aws-sigv4")
        .expect("aws-sigv4 is a dev-dependency");
    let manifest = Path::new(package["manifest_path"].as_str().unwrap());
    manifest.parent().unwrap().join("aws-signing-test-suite")
}

fn cases(folder: &Path, expected: usize) -> Vec<PathBuf> {
    let mut cases: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert_eq!(cases.len(), expected, "cases in {}", folder.display());
    cases
}

fn expected(case: &Path, file: &str) -> Option<String> {
    let text = fs::read_to_string(case.join(file)).ok()?;
    Some(text.trim_end_matches('\n').replace("\r\n", "\n"))
}

#[test]
fn the_v4_vectors_of_the_rust_sdk_hold_in_headers() {
    let (mut requests, mut signatures) = (0, 0);
    for case in cases(&suite_folder().join("v4"), 40) {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let context = Context::read(&case);
        let request = Request::read(&case.join("request.txt"));
        let signer = context.signer(&request, Algorithm::V4);
        let (now, mut headers) = (instant(&context.at), request.headers.clone());
        let explained = signer.explain(request.to_sign(), now, &headers).unwrap();
        assert_eq!(
            Some(explained.canonical_request),
            expected(&case, "header-canonical-request.txt"),
            "{name}"
        );
        requests += 1;
        if let Some(text) = expected(&case, "header-string-to-sign.txt") {
            // The one for the double-encoded ARN was made with another payload digest.
            if name != "double-url-encode" {
                assert_eq!(explained.string_to_sign, text, "{name}");
            }
        }
        signer.sign(request.to_sign(), now, &mut headers).unwrap();
        if let Some(signature) = expected(&case, "header-signature.txt") {
            assert_eq!(authorization_part(&headers, "Signature"), signature, "{name}");
            signatures += 1;
        }
    }
    assert_eq!((requests, signatures), (40, 38));
}

#[test]
fn the_v4_vectors_of_the_rust_sdk_hold_in_queries() {
    let mut signatures = 0;
    for case in cases(&suite_folder().join("v4"), 40) {
        let Some(signature) = expected(&case, "query-signature.txt") else { continue };
        let context = Context::read(&case);
        let request = Request::read(&case.join("request.txt"));
        let url = context
            .signer(&request, Algorithm::V4)
            .presign(
                request.to_sign(),
                instant(&context.at),
                Duration::from_secs(3600),
                &request.headers,
            )
            .unwrap();
        let (_, found) = url.rsplit_once("&X-Amz-Signature=").unwrap();
        assert_eq!(found, signature, "{}", case.display());
        signatures += 1;
    }
    assert_eq!(signatures, 38);
}

#[test]
fn the_v4a_vectors_of_the_rust_sdk_hold() {
    let mut verified = 0;
    for case in cases(&suite_folder().join("v4a"), 38) {
        let name = case.display();
        let context = Context::read(&case);
        let request = Request::read(&case.join("request.txt"));
        let signer = context.signer(&request, Algorithm::V4a);
        let (now, mut headers) = (instant(&context.at), request.headers.clone());
        let explained = signer.explain(request.to_sign(), now, &headers).unwrap();
        assert_eq!(
            Some(&explained.canonical_request),
            expected(&case, "header-canonical-request.txt").as_ref(),
            "{name}"
        );
        assert_eq!(
            Some(&explained.string_to_sign),
            expected(&case, "header-string-to-sign.txt").as_ref(),
            "{name}"
        );
        let key: Value =
            serde_json::from_str(&fs::read_to_string(case.join("public-key.json")).unwrap())
                .unwrap();
        let mut point = vec![4];
        point.extend(unhex(key["X"].as_str().unwrap()));
        point.extend(unhex(key["Y"].as_str().unwrap()));
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point);
        let verify = |text: &str, signature: &str| {
            public.verify(text.as_bytes(), &unhex(signature)).unwrap_or_else(|_| {
                panic!("{name}: the signature does not fit the published key");
            });
        };
        signer.sign(request.to_sign(), now, &mut headers).unwrap();
        verify(&explained.string_to_sign, &authorization_part(&headers, "Signature"));
        verify(&explained.string_to_sign, &expected(&case, "header-signature.txt").unwrap());
        assert_eq!(headers["x-amz-region-set"], context.region.as_str());

        let lifetime = Duration::from_secs(3600);
        let url = signer.presign(request.to_sign(), now, lifetime, &request.headers).unwrap();
        let (_, signature) = url.rsplit_once("&X-Amz-Signature=").unwrap();
        verify(&expected(&case, "query-string-to-sign.txt").unwrap(), signature);
        verified += 1;
    }
    assert_eq!(verified, 38);
}

#[test]
#[ignore = "run `tests/vectors/fetch`, then again with --include-ignored and SEALGATE_VECTORS set to the folder it prints"]
fn botocores_vectors_hold() {
    let folder = std::env::var_os("SEALGATE_VECTORS")
        .expect("run `tests/vectors/fetch` and set SEALGATE_VECTORS to the folder it prints");
    let folder = Path::new(&folder);
    assert!(
        folder.is_dir(),
        "SEALGATE_VECTORS={} is no folder; run `tests/vectors/fetch` and set it to what that prints",
        folder.display()
    );
    let mut found = Vec::new();
    suite::find(folder, "req", &mut found);
    assert_eq!(found.len(), 34, "cases under {}", folder.display());
    for file in found {
        let request = Request::read(&file);
        let canonical = fs::read_to_string(file.with_extension("creq")).unwrap();
        let mut credentials =
            Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        // The token is not always part of the request; the canonical request has it.
        let token = canonical.lines().find_map(|line| line.strip_prefix("x-amz-security-token:"));
        if let Some(token) = token {
            credentials = credentials.with_session_token(token);
        }
        let signer = Signer::new(credentials, Scope::new("us-east-1", "service"))
            .with_signed_headers(request.headers.keys().cloned())
            .with_path_rules(PathRules::STANDARD);
        // Cases that send the digest say so in their canonical request.
        let signer = if canonical.contains("x-amz-content-sha256:") {
            signer
        } else {
            signer.without_content_sha256()
        };
        let (now, mut headers) = (instant("20150830T123600Z"), request.headers.clone());
        let explained = signer.explain(request.to_sign(), now, &headers).unwrap();
        assert_eq!(explained.canonical_request, canonical.replace("\r\n", "\n"), "{file:?}");
        signer.sign(request.to_sign(), now, &mut headers).unwrap();
        let authorization = fs::read_to_string(file.with_extension("authz")).unwrap();
        assert_eq!(headers["authorization"], authorization.trim(), "{file:?}");
    }
}

#[test]
fn an_agentcore_arn_is_encoded_twice_and_s3_once() {
    let path = "/runtimes/arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A1%3Aruntime%2Fx/invocations";
    let request = SignRequest {
        method: &http::Method::POST,
        host: "bedrock-agentcore.us-east-1.amazonaws.com",
        path_and_query: path,
        body: Payload::Bytes(b"{}"),
    };
    let signer = Signer::new(Credentials::new("A", "B"), Scope::new("us-east-1", "x"));
    let line = |signer: &Signer| {
        let now = instant("20260101T000000Z");
        let explained = signer.explain(request, now, &HeaderMap::new()).unwrap();
        explained.canonical_request.lines().nth(1).unwrap().to_owned()
    };
    assert_eq!(line(&signer), path.replace('%', "%25"));
    assert_eq!(line(&signer.with_path_rules(PathRules::S3)), path);
}
