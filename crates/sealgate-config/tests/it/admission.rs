//! Whose routes a Gateway takes: by namespace, by its labels, by kind.

use sealgate_config::Outcome;

use crate::support::{backend, errors, load_text, route};

fn gateway(allowed: &str) -> String {
    format!(
        "---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{ name: g, namespace: edge }}
spec:
  gatewayClassName: c
  listeners: [{{ name: http, port: 80, protocol: HTTP, allowedRoutes: {allowed} }}]
"
    )
}

fn namespace(labels: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Namespace\nmetadata: {{ name: default, labels: {labels} }}\n"
    )
}

fn load(allowed: &str, more: &str) -> Outcome {
    let route = route("", "").replace("[{ name: g }]", "[{ name: g, namespace: edge }]");
    load_text(&(route + &backend("x.example", 80) + &gateway(allowed) + more))
}

#[track_caller]
fn admits(allowed: &str, labels: Option<&str>) -> bool {
    let outcome = load(allowed, &labels.map(namespace).unwrap_or_default());
    let admitted = !outcome.resolved.routes.is_empty();
    let refused = "gateway edge/g does not allow routes of namespace \"default\"";
    assert_eq!(!admitted, errors(&outcome).contains(&refused), "{:#?}", outcome.findings);
    admitted
}

fn selected(selector: &str, labels: Option<&str>) -> bool {
    admits(&format!("{{ namespaces: {{ from: Selector, selector: {selector} }} }}"), labels)
}

#[test]
fn a_selector_looks_at_the_labels_of_the_namespace() {
    let labels = Some("{ team: a, stage: test }");
    assert!(selected("{ matchLabels: { team: a } }", labels));
    assert!(selected("{ matchLabels: { team: a, stage: test } }", labels));
    assert!(!selected("{ matchLabels: { team: a, stage: prod } }", labels));
    assert!(selected("{}", labels));
    for (expression, expected) in [
        ("{ key: team, operator: In, values: [a, b] }", true),
        ("{ key: team, operator: In, values: [b] }", false),
        ("{ key: team, operator: NotIn, values: [a] }", false),
        ("{ key: other, operator: NotIn, values: [a] }", true),
        ("{ key: team, operator: Exists }", true),
        ("{ key: other, operator: Exists }", false),
        ("{ key: other, operator: DoesNotExist }", true),
        ("{ key: team, operator: DoesNotExist }", false),
    ] {
        let selector = format!("{{ matchExpressions: [{expression}] }}");
        assert_eq!(selected(&selector, labels), expected, "{expression}");
        let both = format!("{{ matchLabels: {{ team: b }}, matchExpressions: [{expression}] }}");
        assert!(!selected(&both, labels), "{expression}");
    }
}

#[test]
fn of_a_namespace_that_is_not_known_only_its_name_counts() {
    let name = "kubernetes.io/metadata.name";
    assert!(selected(&format!("{{ matchLabels: {{ {name}: default }} }}"), None));
    assert!(!selected(&format!("{{ matchLabels: {{ {name}: other }} }}"), None));
    assert!(selected("{}", None));
    // Nobody says that the label is not there.
    let absent = "{ matchExpressions: [{ key: untrusted, operator: DoesNotExist }] }";
    assert!(!selected(absent, None) && selected(absent, Some("{}")));
    let outcome =
        load("{ namespaces: { from: Selector, selector: { matchLabels: { a: b } } } }", "");
    let help = outcome.findings.iter().find_map(|finding| finding.help.as_deref());
    assert_eq!(help, Some("the labels of namespace \"default\" are not known: add the Namespace"));
}

#[test]
fn without_a_selector_and_with_a_bad_one_nobody_is_taken() {
    assert!(!admits("{ namespaces: { from: Selector } }", Some("{ team: a }")));
    assert!(!admits("{ namespaces: { from: Same } }", None));
    assert!(admits("{ namespaces: { from: All } }", None));
    for expression in [
        "{ key: team, operator: Is, values: [a] }",
        "{ key: team, operator: In }",
        "{ key: team, operator: Exists, values: [a] }",
        "{ operator: Exists }",
    ] {
        let allowed = format!(
            "{{ namespaces: {{ from: Selector, selector: {{ matchExpressions: [{expression}] }} }} }}"
        );
        let outcome = load(&allowed, &namespace("{ team: a }"));
        assert!(outcome.has_errors() && outcome.resolved.routes.is_empty(), "{expression}");
    }
}

#[test]
fn kinds_are_heeded() {
    let kinds = |kinds: &str| {
        let allowed = format!("{{ namespaces: {{ from: All }}, kinds: [{kinds}] }}");
        load(&allowed, "").resolved.routes.len() == 1
    };
    assert!(kinds(""));
    assert!(kinds("{ group: aigateway.envoyproxy.io, kind: MCPRoute }"));
    assert!(kinds("{ kind: GRPCRoute }, { kind: HTTPRoute }"));
    assert!(!kinds("{ kind: GRPCRoute }"));
    assert!(!kinds("{ group: example.com, kind: MCPRoute }"));
    let outcome = load("{ namespaces: { from: All }, kinds: [{ kind: TCPRoute }] }", "");
    assert!(errors(&outcome).contains(&"gateway edge/g does not allow routes of kind MCPRoute"));
}
