use kube::api::DynamicObject;
use serde_json::json;

use super::wanted;
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

fn secrets(objects: &[Object], namespaces: &[String]) -> Vec<Selection> {
    wanted(namespaces, objects.iter())
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
    let other = ["other".to_owned()];
    assert_eq!(secrets(&[route("a", 1)], &other), []);
    let scopes = wanted(&other, std::iter::empty());
    assert!(scopes.iter().all(|scope| match scope.kind {
        Kind::GatewayClass => scope.namespace.is_none(),
        _ => scope.namespace.as_deref() == Some("other"),
    }));
}
