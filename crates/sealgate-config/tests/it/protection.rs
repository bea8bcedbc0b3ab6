//! An earlier version is no shelter from a protection that the later one asks for, however broken
//! that is.

use sealgate_config::{Memory, Outcome, Source, reload};

use crate::support::{backend, options, route};

/// Loads one version after the other; what came of the last.
fn after(versions: &[String]) -> Outcome {
    let mut memory = Memory::default();
    let mut last = Outcome::default();
    for text in versions {
        let source = Source::text("a.yaml", text.as_str());
        last = reload(&[source], &options(), &mut memory);
    }
    last
}

fn open() -> String {
    route("", "") + &backend("x.example", 80)
}

#[test]
fn a_protection_that_is_new_and_broken_takes_the_route_out() {
    for spec in [
        "  securityPolicy: { oauth: { issuer: https://a.example } }",
        "  securityPolicy: { apiKeyAuth: { credentialRefs: 1 } }",
        "  securityPolicy: { extAuth: {} }",
        "  securityPolicy: { authorization: { rules: 1 } }",
        "  securityPolicy: 1",
        "  securityPolcy: { oauth: {} }",
        "  backendSelector: { rules: [{ cel: 1 }] }",
        "  backendSelectors: {}",
        "  hostnames: [NOT_A_HOST]",
    ] {
        let guarded = route("", spec) + &backend("x.example", 80);
        let outcome = after(&[open(), guarded]);
        assert!(outcome.has_errors(), "{spec}");
        assert!(outcome.resolved.routes.is_empty(), "{spec}\n{:#?}", outcome.findings);
    }
}

#[test]
fn a_credential_or_a_selector_that_is_new_and_broken_takes_the_backend_out() {
    for fields in [
        "      toolSelector: { exclude: [a], excludeRegex: [b] }",
        "      toolSelector: { excludeRegex: ['('] }",
        "      securityPolicy: { apiKey: { secretRef: { name: nowhere } } }",
        "      securityPolicy: { apiKy: {} }",
        "      securityPolicy: { awsCredentials: {} }",
    ] {
        let guarded = route(fields, "") + &backend("x.example", 80);
        let outcome = after(&[open(), guarded]);
        assert!(outcome.has_errors(), "{fields}");
        assert!(outcome.resolved.routes.is_empty(), "{fields}\n{:#?}", outcome.findings);
    }
}

#[test]
fn a_further_exclusion_is_not_lost_to_a_mistake_beside_it() {
    let with = |tools: &str, path: &str| {
        route(&format!("      toolSelector: {{ exclude: [{tools}] }}\n      path: {path}"), "")
            + &backend("x.example", 80)
    };
    let outcome = after(&[with("a", "/mcp"), with("a, b", "no-path")]);
    assert!(outcome.resolved.routes.is_empty(), "{:#?}", outcome.findings);
    // The same protection, and a mistake: the last good version stays.
    let outcome = after(&[with("a", "/mcp"), with("a", "no-path")]);
    assert_eq!(outcome.resolved.routes.len(), 1, "{:#?}", outcome.findings);
    assert!(outcome.findings.iter().any(|finding| finding.kept));
    // Less protection, and a mistake: too.
    let outcome = after(&[with("a, b", "/mcp"), with("a", "no-path")]);
    assert_eq!(outcome.resolved.routes[0].backends[0].tools.exclude, ["a", "b"]);
}

#[test]
fn tls_that_is_new_and_broken_is_not_waived() {
    let broken = open() + "  tls: { caCertificateRefs: 1 }\n";
    assert!(after(&[open(), broken]).resolved.routes.is_empty());
    let policy = |targets: &str, hostname: &str| {
        format!(
            "---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {{ name: p }}
spec:
  targetRefs: [{targets}]
  validation: {{ wellKnownCACertificates: System, hostname: {hostname} }}
"
        )
    };
    let target =
        |name: &str| format!("{{ group: gateway.envoyproxy.io, kind: Backend, name: {name} }}");
    let other = policy(&target("other"), "a.example");
    let both = policy(&[target("other"), target("b")].join(", "), "NOT_A_HOST");
    let outcome = after(&[open() + &other, open() + &both]);
    assert!(outcome.resolved.routes.is_empty(), "{:#?}", outcome.findings);
}

#[test]
fn client_certificates_that_are_asked_for_are_not_waived_at_a_listener() {
    let gateway = |more: &str| {
        format!(
            "---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{ name: g }}
spec:
  gatewayClassName: c
  listeners: [{{ name: http, port: 80, protocol: HTTP }}]
{more}"
        )
    };
    let asked = gateway("  tls: { frontend: { default: { validation: {} } } }\n");
    let outcome = after(&[open() + &gateway(""), open() + &asked]);
    assert!(outcome.resolved.routes.is_empty(), "{:#?}", outcome.findings);
}

#[test]
fn an_inclusion_that_is_new_and_broken_does_not_open_an_mcp_json_server() {
    let servers = |tools: &str| {
        format!("{{\"mcpServers\": {{\"one\": {{\"url\": \"http://127.0.0.1:9/mcp\"{tools}}}}}}}")
    };
    let outcome = after(&[servers(""), servers(", \"includeTools\": 1")]);
    assert!(outcome.resolved.routes.is_empty(), "{:#?}", outcome.findings);
}

#[test]
fn in_a_cluster_a_reference_that_leads_nowhere_takes_effect() {
    let second = "    - { name: c, group: gateway.envoyproxy.io, kind: Backend }";
    let edited = route(&format!("      path: /new\n{second}"), "") + &backend("x.example", 80);
    let mut memory = Memory::default();
    let mut load = |text: &str, references_take_effect| {
        let source = Source::text("a.yaml", text);
        let options = sealgate_config::Options { references_take_effect, ..options() };
        reload(&[source], &options, &mut memory)
    };
    load(&open(), true);
    assert_eq!(load(&edited, true).resolved.routes[0].backends[0].path_and_query, "/new");
    load(&open(), false);
    assert_eq!(load(&edited, false).resolved.routes[0].backends[0].path_and_query, "/mcp");
}
