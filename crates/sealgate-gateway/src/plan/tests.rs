use std::sync::Arc;

use http::HeaderMap;
use sealgate_config::{Options, Source};

use super::*;
use crate::listen::ListenerId;
use crate::observe::Metrics;

fn foundation() -> Foundation {
    Foundation::new(Arc::new(Metrics::new()), tokio::runtime::Handle::current())
}

fn plan(text: &str) -> Plan {
    let source = Source::text("test.yaml", text);
    let outcome = sealgate_config::load(&[source], &Options::default());
    let errors: Vec<_> = outcome.findings.iter().map(|finding| finding.render(false)).collect();
    assert!(!outcome.has_errors(), "{}", errors.join("\n"));
    Plan::compile(&outcome.resolved, 1, &foundation())
}

fn route(name: &str, extra: &str, backends: &[&str]) -> String {
    let references: String = backends
        .iter()
        .map(|b| format!("    - {{ name: {b}, group: gateway.envoyproxy.io, kind: Backend }}\n"))
        .collect();
    let resources: String = backends
        .iter()
        .map(|b| {
            format!(
                "---\napiVersion: gateway.envoyproxy.io/v1alpha1\nkind: Backend\n\
                 metadata: {{ name: {b} }}\n\
                 spec: {{ endpoints: [{{ ip: {{ address: 127.0.0.1, port: 1 }} }}] }}\n"
            )
        })
        .collect();
    format!(
        "---\napiVersion: aigateway.envoyproxy.io/v1beta1\nkind: MCPRoute\n\
         metadata: {{ name: {name} }}\nspec:\n  parentRefs: [{{ name: g }}]\n{extra}  \
         backendRefs:\n{references}{resources}"
    )
}

fn found<'p>(plan: &'p Plan, host: &str, headers: &HeaderMap) -> Option<&'p str> {
    let id = ListenerId::of(Options::default().listen);
    let route = plan.listener(id, host)?.find("/mcp", host, headers)?;
    Some(&route.name)
}

#[tokio::test]
async fn a_name_finds_its_backend_and_the_longest_prefix_wins() {
    let plan = plan(&route("r", "", &["a", "a-b"]));
    let route = &plan.routes[0];
    assert_eq!(route.owner("a__tool"), Some((0, "tool")));
    assert_eq!(route.owner("a-b__tool"), Some((1, "tool")));
    assert_eq!(route.owner("a__b__c"), Some((0, "b__c")));
    assert_eq!(route.owner("tool"), None);
    assert_eq!(route.owner("c__tool"), None);
    assert_eq!(route.owner("a__"), Some((0, "")));
}

#[tokio::test]
async fn the_most_specific_host_wins_then_headers() {
    let text = [
        route("any", "", &["one"]),
        route("wild", "  hostnames: ['*.example.com']\n", &["two"]),
        route("exact", "  hostnames: [mcp.example.com]\n", &["three"]),
        route("tenant", "  headers: [{ name: x-tenant, value: a }]\n", &["four"]),
    ]
    .concat();
    let plan = plan(&text);
    let none = HeaderMap::new();
    assert_eq!(found(&plan, "mcp.example.com", &none), Some("default/exact"));
    assert_eq!(found(&plan, "other.example.com", &none), Some("default/wild"));
    assert_eq!(found(&plan, "localhost", &none), Some("default/any"));
    let tenant = HeaderMap::from_iter([("x-tenant".parse().unwrap(), "a".parse().unwrap())]);
    assert_eq!(found(&plan, "localhost", &tenant), Some("default/tenant"));
}

#[tokio::test]
async fn an_unchanged_backend_keeps_its_connections_over_a_reload() {
    let text = route("r", "", &["a"]);
    let source = Source::text("test.yaml", text);
    let resolved = sealgate_config::load(&[source], &Options::default()).resolved;
    let base = foundation();
    let (old, new) = (Plan::compile(&resolved, 1, &base), Plan::compile(&resolved, 2, &base));
    let origin = |plan: &Plan| Arc::as_ptr(&plan.routes[0].backends[0].origin);
    assert_eq!(origin(&old), origin(&new));
}
