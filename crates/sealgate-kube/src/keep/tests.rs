use std::collections::BTreeMap;

use sealgate_config::{Options, Outcome, Source, load};
use serde_json::{Value, json};

use super::last_good;
use crate::kind::Kind;
use crate::object::{Key, Object};

type Objects = BTreeMap<Key, Object>;

/// Two backends of one route; each with its own selector and perhaps a Secret.
fn objects(first: &Value, second: &Value) -> Objects {
    let backend = |name: &str| {
        json!({ "kind": "Backend", "metadata": { "name": name, "namespace": "default" },
                "spec": { "endpoints": [{ "ip": { "address": "127.0.0.1", "port": 80 } }] } })
    };
    let mut references = [first.clone(), second.clone()];
    for (name, reference) in ["one", "two"].iter().zip(&mut references) {
        reference["name"] = json!(name);
        reference["kind"] = json!("Backend");
        reference["group"] = json!("gateway.envoyproxy.io");
    }
    let route = json!({ "kind": "MCPRoute", "metadata": { "name": "r", "namespace": "default" },
                        "spec": { "parentRefs": [{ "name": "g" }], "backendRefs": references } });
    [(Kind::Backend, backend("one")), (Kind::Backend, backend("two")), (Kind::McpRoute, route)]
        .into_iter()
        .map(|(kind, value)| {
            let object = serde_json::from_value(value).unwrap();
            let key = Key::of(kind, &object);
            let object = Object::of(&key, kind.names().versions[0], object);
            (key, object)
        })
        .collect()
}

fn loaded(objects: &Objects) -> Outcome {
    let sources: Vec<_> = objects
        .iter()
        .map(|(key, object)| Source::Text { name: key.label(), text: object.text.clone() })
        .collect();
    load(&sources, &Options::default())
}

fn names(outcome: &Outcome) -> Vec<&str> {
    outcome.resolved.routes.iter().flat_map(|it| &it.backends).map(|it| it.name.as_str()).collect()
}

fn broken() -> Value {
    json!({ "toolSelector": { "includeRegex": ["ec(ho"] } })
}

#[test]
fn a_backend_that_a_bad_edit_broke_keeps_its_last_good_state() {
    let running = loaded(&objects(&json!({}), &json!({})));
    let edited = objects(&json!({}), &broken());
    let mut outcome = loaded(&edited);
    assert_eq!(names(&outcome), ["one"]);
    assert_eq!(last_good(&edited, &running.resolved, &mut outcome), ["default/r"]);
    assert_eq!(names(&outcome), ["one", "two"]);
}

#[test]
fn a_route_of_which_nothing_is_left_comes_back_with_its_listener() {
    let running = loaded(&objects(&json!({}), &json!({})));
    let edited = objects(&broken(), &broken());
    let mut outcome = loaded(&edited);
    assert!(outcome.resolved.routes.is_empty());
    last_good(&edited, &running.resolved, &mut outcome);
    assert_eq!(names(&outcome), ["one", "two"]);
    assert_eq!(outcome.resolved.listeners, running.resolved.listeners);
}

#[test]
fn what_was_revoked_does_not_come_back() {
    let running = loaded(&objects(&json!({}), &json!({})));
    let locked = json!({ "securityPolicy": { "apiKey": { "secretRef": { "name": "gone" } } } });
    let edited = objects(&json!({}), &locked);
    let mut outcome = loaded(&edited);
    assert!(last_good(&edited, &running.resolved, &mut outcome).is_empty());
    assert_eq!(names(&outcome), ["one"]);
}

#[test]
fn a_backend_that_was_taken_out_stays_out_while_another_is_broken() {
    let running = loaded(&objects(&json!({}), &json!({})));
    let mut edited = objects(&broken(), &json!({}));
    let route = edited.values_mut().last().unwrap();
    let mut text: Value = serde_json::from_str(&route.text).unwrap();
    text["spec"]["backendRefs"].as_array_mut().unwrap().pop();
    route.text = text.to_string();
    route.facts.backends.pop();
    let mut outcome = loaded(&edited);
    last_good(&edited, &running.resolved, &mut outcome);
    assert_eq!(names(&outcome), ["one"]);
}

#[test]
fn a_route_that_is_deleted_is_gone() {
    let running = loaded(&objects(&json!({}), &json!({})));
    let mut outcome = Outcome::default();
    assert!(last_good(&Objects::new(), &running.resolved, &mut outcome).is_empty());
}
