//! The JSON of one object in, what this crate must know of it out: whom it refers to, on which
//! ports it serves, who looks after it.

use std::net::IpAddr;

use serde_json::Value;

use crate::kind::Kind;

/// What is known of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Secrets, ConfigMaps and Services that it refers to.
    pub(crate) references: Vec<Reference>,
    /// The names of a route's backends, in order.
    pub(crate) backends: Vec<String>,
    /// The Gateways of a route, in order.
    pub(crate) parents: Vec<Parent>,
    /// The class of a Gateway, the controller of a class, the Service of an EndpointSlice.
    pub(crate) owner: String,
    /// The ports of a Service or an EndpointSlice.
    pub(crate) ports: Vec<Port>,
    /// Where an EndpointSlice has servers that are ready.
    pub(crate) addresses: Vec<IpAddr>,
    /// The listeners of a Gateway.
    pub(crate) listeners: Vec<ListenerFacts>,
    /// Whether a Gateway chooses by the labels of namespaces whose routes it takes.
    pub(crate) selects_namespaces: bool,
    /// Where clients reach a Service.
    pub(crate) reached_at: Vec<Address>,
}

/// An address of a Gateway, for its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// `IPAddress` or `Hostname`.
    pub(crate) kind: &'static str,
    pub(crate) value: String,
}

/// An object that another one refers to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reference {
    pub(crate) kind: Kind,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// A Gateway as a route names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parent {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) section: Option<String>,
    pub(crate) port: Option<u16>,
    /// As written, for `status.parents`.
    pub(crate) written: Value,
}

/// One port of a Service (its own number) or of an EndpointSlice (the server's).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Port {
    pub(crate) name: String,
    pub(crate) number: u16,
}

/// One listener of a Gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListenerFacts {
    pub(crate) name: String,
    pub(crate) port: u16,
    pub(crate) protocol: String,
    /// Group and kind of `allowedRoutes.kinds`; empty means all.
    pub(crate) kinds: Vec<(String, String)>,
}

// === impl Facts ===

impl Facts {
    /// Reads an object of `kind` in `namespace`.
    pub(crate) fn of(kind: Kind, namespace: &str, object: &Value) -> Self {
        let mut facts = Self::default();
        let spec = &object["spec"];
        facts.find_references(spec, "", namespace);
        facts.references.sort();
        facts.references.dedup();
        match kind {
            Kind::McpRoute => {
                facts.backends =
                    items(&spec["backendRefs"]).map(|backend| text(&backend["name"])).collect();
                facts.parents = items(&spec["parentRefs"])
                    .map(|parent| Parent::of(parent, namespace))
                    .collect();
            }
            Kind::Gateway => {
                facts.owner = text(&spec["gatewayClassName"]);
                facts.listeners = items(&spec["listeners"])
                    .map(|listener| ListenerFacts {
                        name: text(&listener["name"]),
                        port: number(&listener["port"]).unwrap_or_default(),
                        protocol: text(&listener["protocol"]),
                        kinds: items(&listener["allowedRoutes"]["kinds"]).map(route_kind).collect(),
                    })
                    .collect();
                facts.selects_namespaces = items(&spec["listeners"])
                    .any(|it| it["allowedRoutes"]["namespaces"]["from"] == "Selector");
            }
            Kind::GatewayClass => facts.owner = text(&spec["controllerName"]),
            Kind::Service => facts.ports = ports(&spec["ports"]),
            Kind::EndpointSlice => facts.read_slice(object),
            _ => {}
        }
        facts
    }

    fn read_slice(&mut self, slice: &Value) {
        self.owner = text(&slice["metadata"]["labels"]["kubernetes.io/service-name"]);
        self.ports = ports(&slice["ports"]);
        for endpoint in items(&slice["endpoints"]) {
            // Absent means ready.
            if endpoint["conditions"]["ready"].as_bool().unwrap_or(true) {
                let addresses = items(&endpoint["addresses"]).filter_map(Value::as_str);
                self.addresses.extend(addresses.filter_map(|text| text.parse::<IpAddr>().ok()));
            }
        }
    }

    /// Collects every reference below `value`, which stands at `key`.
    fn find_references(&mut self, value: &Value, key: &str, namespace: &str) {
        match value {
            Value::Array(list) => {
                list.iter().for_each(|item| self.find_references(item, key, namespace));
            }
            Value::Object(map) => {
                if let Some(default) = default_kind(key)
                    && let Some(name) = map.get("name").and_then(Value::as_str)
                {
                    let field = |name: &str| map.get(name).and_then(Value::as_str);
                    let kind = Kind::of_reference(
                        field("group").unwrap_or_default(),
                        field("kind").unwrap_or(default),
                    );
                    self.references.extend(kind.map(|kind| Reference {
                        kind,
                        namespace: field("namespace").unwrap_or(namespace).to_owned(),
                        name: name.to_owned(),
                    }));
                }
                for (key, value) in map {
                    self.find_references(value, key, namespace);
                }
            }
            _ => {}
        }
    }
}

/// The kind that a reference at this field means unless it says so.
fn default_kind(key: &str) -> Option<&'static str> {
    match key {
        "secretRef"
        | "credentialRefs"
        | "certificateRefs"
        | "clientCertificateRef"
        | "clientIDRef"
        | "clientSecret" => Some("Secret"),
        "caCertificateRefs" | "valueRef" => Some("ConfigMap"),
        "backendRef" | "backendRefs" => Some("Service"),
        _ => None,
    }
}

// === impl Parent ===

impl Parent {
    fn of(written: &Value, namespace: &str) -> Self {
        Self {
            namespace: written["namespace"].as_str().unwrap_or(namespace).to_owned(),
            name: text(&written["name"]),
            section: written["sectionName"].as_str().map(str::to_owned),
            port: number(&written["port"]),
            written: written.clone(),
        }
    }
}

/// Where clients reach a Service: at its load balancer where it has one, else inside of the cluster.
pub(crate) fn reached_at(spec: &Value, status: Option<&Value>) -> Vec<Address> {
    let none = Value::Null;
    let ingress = &status.unwrap_or(&none)["loadBalancer"]["ingress"];
    let at = items(ingress).filter_map(|it| it["ip"].as_str().or_else(|| it["hostname"].as_str()));
    if spec["type"] == "LoadBalancer" {
        return at.map(Address::of).collect();
    }
    let inside = items(&spec["clusterIPs"]).filter_map(Value::as_str);
    inside.filter(|ip| *ip != "None").map(Address::of).collect()
}

/// Group and kind, as the Gateway API completes them.
fn route_kind(value: &Value) -> (String, String) {
    let group = value["group"].as_str().unwrap_or("gateway.networking.k8s.io");
    (group.to_owned(), text(&value["kind"]))
}

// === impl Address ===

impl Address {
    pub(crate) fn of(text: &str) -> Self {
        let kind = if text.parse::<IpAddr>().is_ok() { "IPAddress" } else { "Hostname" };
        Self { kind, value: text.to_owned() }
    }
}

fn ports(value: &Value) -> Vec<Port> {
    items(value)
        .filter_map(|port| Some(Port { name: text(&port["name"]), number: number(&port["port"])? }))
        .collect()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn number(value: &Value) -> Option<u16> {
    value.as_u64().and_then(|number| u16::try_from(number).ok())
}

#[cfg(test)]
mod tests;
