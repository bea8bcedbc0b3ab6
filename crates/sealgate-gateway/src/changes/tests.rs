use std::sync::Arc;

use sealgate_config::{Options, Source};

use super::*;
use crate::observe::Metrics;
use crate::plan::Foundation;

fn foundation() -> Foundation {
    Foundation::new(Arc::new(Metrics::new()), tokio::runtime::Handle::current())
}

/// A route with these backends: name, port, more fields of the reference.
fn plan(base: &Foundation, backends: &[(&str, u16, &str)]) -> Plan {
    let mut text = String::from(
        "apiVersion: aigateway.envoyproxy.io/v1beta1\nkind: MCPRoute\nmetadata: { name: r }\n\
         spec:\n  parentRefs: [{ name: g }]\n  backendRefs:\n",
    );
    for (name, _, more) in backends {
        text += &format!(
            "    - {{ name: {name}, group: gateway.envoyproxy.io, kind: Backend{more} }}\n"
        );
    }
    for (name, port, _) in backends {
        text += &format!(
            "---\napiVersion: gateway.envoyproxy.io/v1alpha1\nkind: Backend\n\
             metadata: {{ name: {name} }}\n\
             spec: {{ endpoints: [{{ ip: {{ address: 127.0.0.1, port: {port} }} }}] }}\n"
        );
    }
    let source = Source::text("test.yaml", text);
    let outcome = sealgate_config::load(&[source], &Options::default());
    assert!(!outcome.has_errors(), "{:?}", outcome.findings);
    Plan::compile(&outcome.resolved, 1, base)
}

fn lists(before: &[(&str, u16, &str)], after: &[(&str, u16, &str)]) -> Option<Offers> {
    let base = foundation();
    let (before, after) = (plan(&base, before), plan(&base, after));
    Change::between(&before.routes[0], &after.routes[0]).map(|change| change.lists)
}

#[tokio::test]
async fn only_what_may_change_a_list_is_told() {
    let one = [("one", 1, "")];
    assert_eq!(lists(&one, &one), None);
    assert_eq!(lists(&one, &[("one", 1, ""), ("two", 2, "")]), Some(all()));
    assert_eq!(lists(&[("one", 1, ""), ("two", 2, "")], &one), Some(all()));
    assert_eq!(lists(&one, &[("one", 2, "")]), Some(all()));
    let selected = [("one", 1, ", toolSelector: { exclude: [x] }")];
    assert_eq!(lists(&one, &selected), Some(Offers::TOOLS));
    let forwarding = [("one", 1, ", forwardHeaders: [{ name: x-user }]")];
    assert_eq!(lists(&one, &forwarding), None);
}

#[tokio::test]
async fn a_stream_hears_of_its_own_route_in_the_words_that_its_client_knows() {
    let base = foundation();
    let (before, after) = (plan(&base, &[("one", 1, "")]), plan(&base, &[("one", 2, "")]));
    let changes = Changes::default();
    let mut own = changes.of(&before.routes[0]);
    changes.tell(&before, &after);
    let change = own.next().await;
    assert_eq!(change.gone, [before.routes[0].backends[0].tag]);
    assert_eq!(change.added, change.gone, "another server came in its place");
    let said: Vec<_> = notifications(change.lists & Offers::TOOLS).collect();
    let text = br#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
    assert_eq!(said, [(Offers::TOOLS, &text[..])]);
    assert_eq!(notifications(all()).count(), 3);
}

#[tokio::test]
async fn a_stream_that_is_far_behind_takes_everything_for_changed() {
    let base = foundation();
    let (one, two) = (plan(&base, &[("one", 1, "")]), plan(&base, &[("one", 2, "")]));
    let changes = Changes::default();
    let mut own = changes.of(&one.routes[0]);
    for _ in 0..40 {
        changes.tell(&one, &two);
    }
    assert_eq!(own.next().await.lists, all());
}
