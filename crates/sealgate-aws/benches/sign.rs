//! What a signature costs: our signer, the AWS SDK's, and the floor that no signer goes below
//! (SHA-256 of the body, SHA-256 of the canonical request, one HMAC).

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime};

use aws_lc_rs::{digest, hmac};
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SigningParams, SigningSettings,
};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use http::{HeaderMap, HeaderValue, Method};
use sealgate_aws::sign::Payload;
use sealgate_aws::{Credentials, Scope, SignRequest, Signer};

const HOST: &str = "bedrock-agentcore.us-east-1.amazonaws.com";
const TARGET: &str = "/runtimes/arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aruntime%2Fx/invocations?qualifier=DEFAULT";

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(16);
    for (name, value) in [
        ("content-type", "application/json"),
        ("mcp-session-id", "6f6b1c9e-6d0e-4d6f-8d8b-0b7a2f1c3d4e"),
        ("mcp-protocol-version", "2025-11-25"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn signer(token: &str) -> Signer {
    let keys = Credentials::new("ASIAEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
        .with_session_token(token);
    Signer::new(keys, Scope::new("us-east-1", "bedrock-agentcore"))
}

/// Own cost over the floor, in short batches by turns and the fastest batch of each: what other
/// programs on the machine do disturbs either alike, and hardly the fastest.
fn ratio(_: &mut Criterion) {
    let token = "t".repeat(300);
    let signer = signer(&token);
    for size in [400, 1024] {
        let body = vec![b'x'; size];
        let request = request(&body);
        let explained =
            signer.explain(request, now(), &headers()).unwrap_or_else(|_| unreachable!());
        let (canonical, to_sign) = (explained.canonical_request, explained.string_to_sign);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let mut reused = headers();
        let (mut floor, mut own) = (Duration::MAX, Duration::MAX);
        for _ in 0..4000 {
            let began = Instant::now();
            for _ in 0..50 {
                black_box(digest::digest(&digest::SHA256, black_box(&body)));
                black_box(digest::digest(&digest::SHA256, black_box(canonical.as_bytes())));
                black_box(hmac::sign(&key, black_box(to_sign.as_bytes())));
            }
            floor = floor.min(began.elapsed());
            let began = Instant::now();
            for _ in 0..50 {
                let _ = black_box(signer.sign(black_box(request), now(), black_box(&mut reused)));
            }
            own = own.min(began.elapsed());
        }
        println!(
            "sign/ratio/{size}: own {} ns, floor {} ns, ratio {:.2}",
            own.as_nanos() / 50,
            floor.as_nanos() / 50,
            own.as_secs_f64() / floor.as_secs_f64()
        );
    }
}

fn request(body: &[u8]) -> SignRequest<'_> {
    SignRequest {
        method: &Method::POST,
        host: HOST,
        path_and_query: TARGET,
        body: Payload::Bytes(body),
    }
}

fn signing(criterion: &mut Criterion) {
    let token = "t".repeat(300);
    let now = now();
    let signer = signer(&token);
    let mut group = criterion.benchmark_group("sign");
    for size in [0, 400, 1024, 65_536] {
        let body = vec![b'x'; size];
        group.throughput(Throughput::Bytes(size as u64));
        let request = request(&body);
        let explained = signer.explain(request, now, &headers()).unwrap_or_else(|_| unreachable!());
        let (canonical, to_sign) = (explained.canonical_request, explained.string_to_sign);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        group.bench_function(BenchmarkId::new("floor", size), |bencher| {
            bencher.iter(|| {
                black_box(digest::digest(&digest::SHA256, black_box(&body)));
                black_box(digest::digest(&digest::SHA256, black_box(canonical.as_bytes())));
                black_box(hmac::sign(&key, black_box(to_sign.as_bytes())));
            });
        });
        let mut reused = headers();
        group.bench_function(BenchmarkId::new("own", size), |bencher| {
            bencher.iter(|| signer.sign(black_box(request), now, black_box(&mut reused)));
        });

        let identity = aws_credential_types::Credentials::new(
            "ASIAEXAMPLE",
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            Some(token.clone()),
            None,
            "bench",
        )
        .into();
        let url = format!("https://{HOST}{TARGET}");
        let sent = headers();
        group.bench_function(BenchmarkId::new("aws-sigv4", size), |bencher| {
            bencher.iter(|| {
                let mut settings = SigningSettings::default();
                settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
                let params: Option<SigningParams<'_>> =
                    aws_sigv4::sign::v4::SigningParams::builder()
                        .identity(&identity)
                        .region("us-east-1")
                        .name("bedrock-agentcore")
                        .time(now)
                        .settings(settings)
                        .build()
                        .ok()
                        .map(Into::into);
                let request = SignableRequest::new(
                    "POST",
                    url.as_str(),
                    sent.iter()
                        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))),
                    SignableBody::Bytes(&body),
                );
                params.zip(request.ok()).map(|(params, request)| {
                    aws_sigv4::http_request::sign(request, &params)
                        .map(|signed| signed.into_parts())
                })
            });
        });
    }
    group.finish();
}

criterion_group!(benches, ratio, signing);
criterion_main!(benches);
