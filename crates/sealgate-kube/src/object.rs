//! An object as the API gives it in; the text that the configuration reads, and what else is
//! known of it, out. What is not needed (managed fields, other keys' annotations) is let go here.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::api::DynamicObject;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::facts::{Facts, reached_at};
use crate::kind::Kind;

/// What an object is known by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) kind: Kind,
    /// Empty for objects of the cluster.
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// An object. It may hold a secret, so it cannot be printed.
#[derive(Clone)]
pub(crate) struct Object {
    /// For the configuration; empty when it does not read this kind.
    pub(crate) text: Arc<Zeroizing<String>>,
    pub(crate) facts: Facts,
    /// The API's own version of the kind, which status is written to.
    pub(crate) api_version: String,
    pub(crate) generation: i64,
    pub(crate) resource_version: String,
    /// RFC 3339, so that text order is time order.
    pub(crate) created: String,
    /// Only of kinds that status is written to.
    pub(crate) status: Value,
}

// === impl Key ===

impl Key {
    /// The key of an object that the API gave.
    pub(crate) fn of(kind: Kind, object: &DynamicObject) -> Self {
        Self {
            kind,
            namespace: object.metadata.namespace.clone().unwrap_or_default(),
            name: object.metadata.name.clone().unwrap_or_default(),
        }
    }

    /// As findings name it: `MCPRoute default/x`, `Namespace x`.
    pub(crate) fn label(&self) -> String {
        let (kind, name) = (self.kind.names().kind, &self.name);
        match self.namespace.as_str() {
            "" => format!("{kind} {name}"),
            namespace => format!("{kind} {namespace}/{name}"),
        }
    }
}

// === impl Object ===

impl Object {
    /// Keeps what is needed of `object`, served at `version`.
    pub(crate) fn of(key: &Key, version: &str, object: DynamicObject) -> Self {
        let DynamicObject { metadata, mut data, .. } = object;
        let status = data.as_object_mut().and_then(|fields| fields.remove("status"));
        let has_labels = matches!(key.kind, Kind::EndpointSlice | Kind::Namespace);
        data["metadata"] = json!({
            "name": key.name,
            "namespace": Some(&key.namespace).filter(|namespace| !namespace.is_empty()),
            "labels": metadata.labels.filter(|_| has_labels),
            "annotations": own_annotations(metadata.annotations.unwrap_or_default()),
        });
        let mut facts = Facts::of(key.kind, &key.namespace, &data);
        if key.kind == Kind::Service {
            facts.reached_at = reached_at(&data["spec"], status.as_ref());
        }
        let api_version = key.kind.resource(version).api_version;
        let text = if key.kind.is_source() {
            data["apiVersion"] = json!(api_version);
            data["kind"] = json!(key.kind.names().kind);
            keep_text(key.kind, &mut data);
            literal(&data)
        } else {
            String::new()
        };
        Self {
            text: Arc::new(Zeroizing::new(text)),
            facts,
            api_version,
            generation: metadata.generation.unwrap_or_default(),
            resource_version: metadata.resource_version.unwrap_or_default(),
            created: metadata.creation_timestamp.map(|time| time.0.to_string()).unwrap_or_default(),
            status: status.filter(|_| key.kind.has_status()).unwrap_or_default(),
        }
    }

    /// Whether the configuration would read something else.
    pub(crate) fn differs(&self, other: &Self) -> bool {
        self.text != other.text || self.facts != other.facts
    }
}

/// Text that the configuration reads as it stands: `${NAME}` in a cluster's object must not reach
/// into the environment of this process.
fn literal(data: &Value) -> String {
    data.to_string().replace("${", "$${")
}

/// The annotations that mean something here. Those that read files and variables of this process
/// are for resources in files.
fn own_annotations(all: std::collections::BTreeMap<String, String>) -> Map<String, Value> {
    all.into_iter()
        .filter(|(key, _)| key.starts_with("sealgate.dev/"))
        .map(|(key, value)| (key, Value::String(value)))
        .collect()
}

/// Binary values, which a Secret may hold beside what is asked for, are no text.
fn keep_text(kind: Kind, data: &mut Value) {
    let Some(fields) = data.as_object_mut() else { return };
    match kind {
        Kind::ConfigMap => drop(fields.remove("binaryData")),
        Kind::Secret => {
            let Some(Value::Object(values)) = fields.get_mut("data") else { return };
            values.retain(|_, value| {
                let decoded = value.as_str().and_then(|text| STANDARD.decode(text).ok());
                decoded.is_some_and(|bytes| std::str::from_utf8(&bytes).is_ok())
            });
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
