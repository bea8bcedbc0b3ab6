use serde_json::json;

use super::{Facts, Reference, reached_at};
use crate::kind::Kind;

#[test]
fn every_reference_of_a_route_is_found() {
    let route = json!({ "spec": {
        "parentRefs": [{ "name": "edge", "namespace": "infra", "sectionName": "http" }],
        "backendRefs": [
            { "name": "notes", "port": 80,
              "securityPolicy": { "apiKey": { "secretRef": { "name": "key" } } } },
            { "name": "agent", "group": "gateway.envoyproxy.io", "kind": "Backend",
              "securityPolicy": { "awsCredentials": { "region": "us-east-1", "credentialsFile": {
                  "secretRef": { "name": "aws", "namespace": "vault" } } } } }
        ]
    }});
    let facts = Facts::of(Kind::McpRoute, "default", &route);
    let reference = |kind, namespace: &str, name: &str| Reference {
        kind,
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    assert_eq!(
        facts.references,
        [
            reference(Kind::Secret, "default", "key"),
            reference(Kind::Secret, "vault", "aws"),
            reference(Kind::Service, "default", "notes"),
        ]
    );
    assert_eq!(facts.backends, ["notes", "agent"]);
    assert_eq!(facts.parents[0].namespace, "infra");
    assert_eq!(facts.parents[0].section.as_deref(), Some("http"));
}

#[test]
fn the_secrets_of_a_token_exchange_are_found() {
    let policy = json!({ "spec": { "awsCredentials": { "oidcExchangeToken": { "oidc": {
        "clientIDRef": { "name": "client" },
        "clientSecret": { "name": "secret", "namespace": "vault" }
    } } } } });
    let facts = Facts::of(Kind::BackendSecurityPolicy, "default", &policy);
    let named = |namespace: &str, name: &str| Reference {
        kind: Kind::Secret,
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    assert_eq!(facts.references, [named("default", "client"), named("vault", "secret")]);
}

#[test]
fn a_slice_gives_the_addresses_that_are_ready() {
    let slice = json!({
        "metadata": { "labels": { "kubernetes.io/service-name": "notes" } },
        "ports": [{ "name": "http", "port": 8080 }],
        "endpoints": [
            { "addresses": ["10.0.0.1"], "conditions": { "ready": true } },
            { "addresses": ["10.0.0.2"], "conditions": { "ready": false } },
            { "addresses": ["fd00::3"] }
        ]
    });
    let facts = Facts::of(Kind::EndpointSlice, "default", &slice);
    assert_eq!(facts.owner, "notes");
    let addresses: Vec<_> = facts.addresses.iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["10.0.0.1", "fd00::3"]);
}

#[test]
fn odd_objects_are_read_as_far_as_they_go() {
    for object in [json!(null), json!({ "spec": [1] }), json!({ "spec": { "backendRefs": "x" } })] {
        assert_eq!(Facts::of(Kind::McpRoute, "default", &object), Facts::default());
    }
}

#[test]
fn a_service_is_reached_at_its_balancer_where_it_has_one() {
    let values = |spec, status| -> Vec<_> {
        reached_at(&spec, Some(&status)).into_iter().map(|it| (it.kind, it.value)).collect()
    };
    let inside = json!({ "type": "ClusterIP", "clusterIPs": ["10.0.0.1", "fd00::1"] });
    let balanced = json!({ "type": "LoadBalancer", "clusterIPs": ["10.0.0.1"] });
    let ingress = json!({ "loadBalancer": { "ingress": [
        { "ip": "192.0.2.1" }, { "hostname": "edge.example.com" }] } });
    let ip = |text: &str| ("IPAddress", text.to_owned());
    assert_eq!(values(inside, json!({})), [ip("10.0.0.1"), ip("fd00::1")]);
    assert_eq!(values(json!({ "clusterIPs": ["None"] }), json!({})), []);
    assert_eq!(values(balanced.clone(), json!({ "loadBalancer": {} })), []);
    let hostname = ("Hostname", "edge.example.com".to_owned());
    assert_eq!(values(balanced, ingress), [ip("192.0.2.1"), hostname]);
}
