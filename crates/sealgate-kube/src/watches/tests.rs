use kube::api::DynamicObject;
use serde_json::json;

use super::wanted;
use crate::cluster::Settings;
use crate::kind::Kind;
use crate::object::{Key, Object};
use crate::watch::Selection;

fn route(name: &str, secrets: usize) -> Object {
    let backends: Vec<_> = (0..secrets)
        .map(|index| {
            json!({ "name": format!("b{index}"), "kind": "Backend",
                    "securityPolicy": { "apiKey": { "secretRef": { "name": format!("s{index}") } } } })
        })
        .collect();
    let object: DynamicObject = serde_json::from_value(json!({
        "metadata": { "name": name, "namespace": "default" }, "spec": { "backendRefs": backends }
    }))
    .unwrap();
    Object::of(&Key::of(Kind::McpRoute, &object), "v1beta1", object)
}

fn within(namespaces: &[&str]) -> Settings {
    Settings {
        namespaces: namespaces.iter().map(|it| (*it).to_owned()).collect(),
        ..Settings::default()
    }
}

fn gateway(from: &str) -> Object {
    let object: DynamicObject = serde_json::from_value(json!({
        "metadata": { "name": "edge", "namespace": "default" },
        "spec": { "listeners": [{ "name": "http", "allowedRoutes": { "namespaces": { "from": from } } }] }
    }))
    .unwrap();
    Object::of(&Key::of(Kind::Gateway, &object), "v1", object)
}

fn secrets(objects: &[Object], namespaces: &[&str]) -> Vec<Selection> {
    wanted(&within(namespaces), objects.iter())
        .into_iter()
        .filter(|scope| scope.kind == Kind::Secret)
        .map(|scope| scope.selection)
        .collect()
}

#[test]
fn only_secrets_that_are_referred_to_are_watched() {
    assert_eq!(secrets(&[], &[]), []);
    assert_eq!(secrets(&[route("a", 1)], &[]), [Selection::Name("s0".to_owned())]);
    assert!(
        matches!(&secrets(&[route("a", 20)], &[])[..], [Selection::Names(names)] if names.len() == 20)
    );
}

#[test]
fn nothing_outside_of_the_permitted_namespaces_is_watched() {
    assert_eq!(secrets(&[route("a", 1)], &["other"]), []);
    let scopes = wanted(&within(&["other"]), std::iter::empty());
    assert!(scopes.iter().all(|scope| match scope.kind {
        Kind::GatewayClass => scope.namespace.is_none(),
        _ => scope.namespace.as_deref() == Some("other"),
    }));
}

#[test]
fn namespaces_are_watched_only_where_a_gateway_chooses_by_their_labels() {
    let watched = |from, namespaces: &[&str]| -> Vec<_> {
        let scopes = wanted(&within(namespaces), [gateway(from)].iter());
        let scopes = scopes.into_iter().filter(|scope| scope.kind == Kind::Namespace);
        scopes.map(|scope| (scope.namespace, scope.selection)).collect()
    };
    assert_eq!(watched("All", &[]), []);
    assert_eq!(watched("Selector", &[]), [(None, Selection::All)]);
    assert_eq!(watched("Selector", &["a"]), [(None, Selection::Name("a".to_owned()))]);
}
