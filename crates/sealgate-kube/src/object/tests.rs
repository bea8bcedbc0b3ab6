use kube::api::DynamicObject;
use serde_json::json;

use super::{Key, Object};
use crate::kind::Kind;

fn read(kind: Kind, object: serde_json::Value) -> Object {
    let object: DynamicObject = serde_json::from_value(object).unwrap();
    let key = Key::of(kind, &object);
    Object::of(&key, kind.names().versions[0], object)
}

#[test]
fn a_variable_in_an_object_stays_text() {
    let object = read(
        Kind::McpRoute,
        json!({ "metadata": { "name": "x", "namespace": "default" },
                "spec": { "path": "/${HOME}/$${x}" } }),
    );
    assert!(object.text.contains("/$${HOME}/$$${x}"), "{}", &**object.text);
}

#[test]
fn annotations_that_read_files_are_let_go() {
    let object = read(
        Kind::Secret,
        json!({ "metadata": { "name": "x", "namespace": "default", "annotations": {
            "substitution.aigw.run/file/apiKey": "/etc/shadow", "sealgate.dev/via": "none" } },
            "data": { "apiKey": "a2V5", "store": "/+8=" } }),
    );
    assert!(!object.text.contains("shadow"));
    assert!(object.text.contains("sealgate.dev/via"));
    assert!(object.text.contains("a2V5") && !object.text.contains("store"));
}

#[test]
fn status_and_managed_fields_change_nothing() {
    let plain = json!({ "metadata": { "name": "x", "namespace": "default" }, "spec": {} });
    let mut noisy = plain.clone();
    noisy["metadata"]["managedFields"] = json!([{ "manager": "kubectl" }]);
    noisy["status"] = json!({ "conditions": [] });
    let (plain, noisy) = (read(Kind::McpRoute, plain), read(Kind::McpRoute, noisy));
    assert!(!plain.differs(&noisy));
    assert!(noisy.status["conditions"].is_array());
}
