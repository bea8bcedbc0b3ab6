//! What the tests share: loading from text with a fixed environment.

use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use sealgate_config::resolved::{Backend, Credential};
use sealgate_config::{Options, Outcome, Severity, Source, load};

/// Options whose environment is fixed.
pub(crate) fn options() -> Options {
    let environment = |name: &str| match name {
        "TOKEN" => Some("t0ken-from-environment".to_owned()),
        "PORT" => Some("8123".to_owned()),
        _ => None,
    };
    Options { environment: Arc::new(environment), ..Options::default() }
}

/// Loads one text.
pub(crate) fn load_text(text: &str) -> Outcome {
    load(&[Source::text("test.yaml", text)], &options())
}

/// Messages of one severity.
pub(crate) fn messages(outcome: &Outcome, severity: Severity) -> Vec<&str> {
    let findings = outcome.findings.iter();
    findings.filter(|finding| finding.severity == severity).map(|f| f.message.as_str()).collect()
}

/// Error messages.
pub(crate) fn errors(outcome: &Outcome) -> Vec<&str> {
    messages(outcome, Severity::Error)
}

/// The only backend of the only route.
#[track_caller]
pub(crate) fn only_backend(outcome: &Outcome) -> &Backend {
    let routes = &outcome.resolved.routes;
    assert_eq!(routes.len(), 1, "{:#?}", outcome.findings);
    assert_eq!(routes[0].backends.len(), 1, "{:#?}", outcome.findings);
    &routes[0].backends[0]
}

/// Region and service of an AWS credential.
#[track_caller]
pub(crate) fn scope(backend: &Backend) -> (&str, &str) {
    match &backend.credential {
        Credential::Aws { region, service, .. } => (region, service),
        other => panic!("not signed: {other:?}"),
    }
}

/// A route with one backend reference `b` whose further fields are `fields` (YAML, indented by
/// six), with further `spec` fields (indented by two).
pub(crate) fn route(fields: &str, spec: &str) -> String {
    format!(
        "apiVersion: aigateway.envoyproxy.io/v1beta1
kind: MCPRoute
metadata: {{ name: r }}
spec:
  parentRefs: [{{ name: g }}]
{spec}
  backendRefs:
    - name: b
      group: gateway.envoyproxy.io
      kind: Backend
{fields}
"
    )
}

/// A Backend `b` at a host and port, with TLS unless the port is not 443.
pub(crate) fn backend(host: &str, port: u16) -> String {
    let tls = if port == 443 { "  tls: { wellKnownCACertificates: System }\n" } else { "" };
    format!(
        "---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {{ name: b }}
spec:
  endpoints: [{{ fqdn: {{ hostname: {host}, port: {port} }} }}]
{tls}"
    )
}

/// A Secret with one key.
pub(crate) fn secret(name: &str, key: &str, value: &str) -> String {
    format!(
        "---
apiVersion: v1
kind: Secret
metadata: {{ name: {name} }}
stringData: {{ {key}: {value:?} }}
"
    )
}

/// A certificate for `name` that signed itself, and its key; both PEM.
pub(crate) fn certificate(name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}
