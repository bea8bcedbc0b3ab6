use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::addresses;
use crate::kind::Kind;
use crate::object::{Key, Object};

fn objects(slices: &[Value]) -> BTreeMap<Key, Object> {
    let service = json!({ "metadata": { "name": "notes", "namespace": "default" },
                          "spec": { "ports": [{ "name": "mcp", "port": 80 }, { "name": "x", "port": 81 }] } });
    let services = [(Kind::Service, service)].into_iter();
    let slices = slices.iter().map(|slice| (Kind::EndpointSlice, slice.clone()));
    services
        .chain(slices)
        .map(|(kind, value)| {
            let object = serde_json::from_value(value).unwrap();
            let key = Key::of(kind, &object);
            let object = Object::of(&key, "v1", object);
            (key, object)
        })
        .collect()
}

fn slice(name: &str, port_name: &str, addresses: &[&str]) -> Value {
    json!({ "metadata": { "name": name, "namespace": "default",
                          "labels": { "kubernetes.io/service-name": "notes" } },
            "ports": [{ "name": port_name, "port": 8080 }],
            "endpoints": [{ "addresses": addresses }] })
}

#[test]
fn the_port_of_a_service_leads_to_the_port_of_its_servers() {
    let objects = objects(&[
        slice("a", "mcp", &["10.0.0.2", "10.0.0.1"]),
        slice("b", "mcp", &["10.0.0.1", "fd00::1"]),
        slice("c", "x", &["10.0.0.9"]),
    ]);
    let found: Vec<_> =
        addresses(&objects, "default", "notes", 80).iter().map(ToString::to_string).collect();
    assert_eq!(found, ["10.0.0.1:8080", "10.0.0.2:8080", "[fd00::1]:8080"]);
}

#[test]
fn a_service_without_servers_or_without_the_port_leads_nowhere() {
    assert!(addresses(&objects(&[]), "default", "notes", 80).is_empty());
    let ready = objects(&[slice("a", "mcp", &["10.0.0.1"])]);
    assert!(addresses(&ready, "default", "notes", 8080).is_empty());
    assert!(addresses(&ready, "other", "notes", 80).is_empty());
}
