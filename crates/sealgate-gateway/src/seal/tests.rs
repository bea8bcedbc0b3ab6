use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderValue};
use sealgate_config::{Options, Source};

use super::*;
use crate::observe::Metrics;
use crate::plan::{Foundation, Plan, RoutePlan};

const RESOURCES: &str = "
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: MCPRoute
metadata: { name: r }
spec:
  parentRefs: [{ name: g }]
  backendRefs:
    - name: aws
      group: gateway.envoyproxy.io
      kind: Backend
      path: /runtimes/arn%3Aaws%2Fx/invocations?qualifier=DEFAULT
      securityPolicy:
        awsCredentials:
          region: us-east-1
          service: bedrock-agentcore
          credentialsFile: { secretRef: { name: keys } }
    - name: plain
      group: gateway.envoyproxy.io
      kind: Backend
      forwardHeaders: [{ name: x-user, backendHeader: x-caller }]
    - name: key
      group: gateway.envoyproxy.io
      kind: Backend
      securityPolicy: { apiKey: { inline: open sesame, queryParam: api_key } }
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: { name: aws }
spec: { endpoints: [{ ip: { address: 127.0.0.1, port: 80 }, hostname: localhost }] }
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: { name: plain }
spec: { endpoints: [{ ip: { address: 127.0.0.1, port: 81 } }] }
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: { name: key }
spec: { endpoints: [{ ip: { address: 127.0.0.1, port: 82 } }] }
---
apiVersion: v1
kind: Secret
metadata: { name: keys }
stringData:
  credentials: |
    [default]
    aws_access_key_id = AKIDEXAMPLE
    aws_secret_access_key = secret
    aws_session_token = token
";

fn route() -> Arc<RoutePlan> {
    route_of(RESOURCES)
}

fn route_of(resources: &str) -> Arc<RoutePlan> {
    let source = Source::text("test.yaml", resources);
    let outcome = sealgate_config::load(&[source], &Options::default());
    let errors: Vec<_> = outcome.findings.iter().map(|finding| finding.render(false)).collect();
    assert!(!outcome.has_errors(), "{}", errors.join("\n"));
    let base = Foundation::new(Arc::new(Metrics::new()), tokio::runtime::Handle::current());
    Arc::clone(&Plan::compile(&outcome.resolved, 1, &base).routes[0])
}

async fn sealed(draft: &Draft<'_>) -> http::Request<Full<Bytes>> {
    if let Seal::SigV4(sigv4) = &draft.backend.seal {
        sigv4.settled().await;
    }
    draft.seal_at(SystemTime::now()).unwrap_or_else(|error| panic!("{error}")).into_parts().1
}

#[tokio::test]
async fn every_verb_to_an_aws_backend_is_signed() {
    let route = route();
    let aws = &route.backends[0];
    for draft in [Draft::post(aws, Bytes::from_static(b"{}")), Draft::get(aws), Draft::delete(aws)]
    {
        let request = sealed(&draft).await;
        let header = |name: &str| request.headers().get(name).map(|v| v.to_str().unwrap());
        let authorization = header("authorization").unwrap();
        assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"));
        assert!(authorization.contains("/us-east-1/bedrock-agentcore/aws4_request"));
        assert_eq!(header("host"), Some("localhost"));
        assert_eq!(header("x-amz-security-token"), Some("token"));
        assert!(request.headers()["authorization"].is_sensitive());
    }
}

#[tokio::test]
async fn a_region_set_is_signed_for_with_the_asymmetric_algorithm() {
    let route = route_of(&RESOURCES.replace("region: us-east-1", "region: '*'"));
    let request = sealed(&Draft::get(&route.backends[0])).await;
    let header = |name: &str| request.headers()[name].to_str().unwrap();
    assert!(header("authorization").starts_with("AWS4-ECDSA-P256-SHA256 Credential=AKIDEXAMPLE/"));
    assert_eq!(header("x-amz-region-set"), "*");
}

#[tokio::test]
async fn the_target_goes_out_as_it_was_configured() {
    let route = route();
    let request = sealed(&Draft::get(&route.backends[0])).await;
    assert_eq!(request.uri().to_string(), "/runtimes/arn%3Aaws%2Fx/invocations?qualifier=DEFAULT");
}

#[tokio::test]
async fn a_sibling_gets_no_credentials_and_no_header_of_the_client() {
    let route = route();
    let plain = &route.backends[1];
    let client = HeaderMap::from_iter([
        (AUTHORIZATION, HeaderValue::from_static("Bearer client")),
        (COOKIE, HeaderValue::from_static("a=b")),
        ("x-amz-date".parse().unwrap(), HeaderValue::from_static("20150830T123600Z")),
        ("x-user".parse().unwrap(), HeaderValue::from_static("ann")),
    ]);
    let forwarded = plain.forwarded(&client);
    let mut draft = Draft::post(plain, Bytes::from_static(b"{}"));
    draft.forwarded = &forwarded;
    let request = sealed(&draft).await;
    let mut names: Vec<_> = request.headers().keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["accept", "content-length", "content-type", "host", "x-caller"]);
    assert_eq!(request.headers()["x-caller"], "ann");
}

#[tokio::test]
async fn a_query_key_is_encoded_and_never_shown() {
    let route = route();
    let key = &route.backends[2];
    let request = sealed(&Draft::get(key)).await;
    assert_eq!(request.uri().to_string(), "/mcp?api_key=open%20sesame");
    assert!(!key.url().contains("sesame"));
}
