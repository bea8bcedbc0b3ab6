//! Rust types in, CustomResourceDefinitions out.
//!
//! The types below this module are the published schemas and this project's extensions of them.
//! Nothing is read through them: an object takes the same way as a file. They exist so that the
//! API server refuses, defaults and documents what the reader of files does.

pub mod aws;
pub mod backend;
pub mod backend_reference;
pub mod backend_security_policy;
pub mod mcp_route;
pub mod oidc_exchange;
pub mod reference;
pub mod route_security;
mod schema;
pub mod status;
mod yaml;

use schemars::JsonSchema;
use serde_json::{Value, json};

/// A CustomResourceDefinition before it is text.
struct Definition {
    group: &'static str,
    kind: &'static str,
    plural: &'static str,
    short: &'static [&'static str],
    /// Served versions, the stored one first; all others are deprecated.
    versions: &'static [&'static str],
    columns: Value,
    schema: Value,
}

/// Every definition with the name of the file that holds it.
pub fn files() -> Vec<(String, String)> {
    all()
        .iter()
        .map(|definition| {
            let name = format!("{}_{}.yaml", definition.group, definition.plural);
            (name, yaml::document(&definition.object()))
        })
        .collect()
}

/// The schema of each kind that is defined here, by kind.
pub fn schemas() -> Vec<(&'static str, Value)> {
    all().into_iter().map(|definition| (definition.kind, definition.schema)).collect()
}

/// Every definition as one stream of YAML documents, as `kubectl apply -f -` takes it.
pub fn stream() -> String {
    files().into_iter().map(|(_, text)| text).collect()
}

fn all() -> [Definition; 3] {
    let last_condition =
        json!([{ "name": "Status", "type": "string", "jsonPath": ".status.conditions[-1:].type" }]);
    [
        Definition {
            group: "aigateway.envoyproxy.io",
            kind: "MCPRoute",
            plural: "mcproutes",
            short: &[],
            versions: &["v1beta1", "v1alpha1"],
            columns: last_condition.clone(),
            schema: object::<mcp_route::McpRouteSpec, status::McpRouteStatus>(
                "One MCP endpoint and the MCP servers behind it.",
            ),
        },
        Definition {
            group: "aigateway.envoyproxy.io",
            kind: "BackendSecurityPolicy",
            plural: "backendsecuritypolicies",
            short: &["bsp"],
            versions: &["v1beta1", "v1alpha1"],
            columns: last_condition,
            schema: object::<backend_security_policy::BackendSecurityPolicySpec, status::Status>(
                "Credentials with a name of their own, for the backends that it targets.",
            ),
        },
        Definition {
            group: "gateway.envoyproxy.io",
            kind: "Backend",
            plural: "backends",
            short: &["be"],
            versions: &["v1alpha1"],
            columns: json!([
                {
                    "name": "Status",
                    "type": "string",
                    "jsonPath": ".status.conditions[?(@.type==\"Accepted\")].reason"
                },
                { "name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp" }
            ]),
            schema: object::<backend::BackendSpec, status::Status>(
                "A server outside of the cluster's Services, at one or several endpoints.",
            ),
        },
    ]
}

/// The schema of a whole object.
fn object<Spec: JsonSchema, Status: JsonSchema>(description: &str) -> Value {
    json!({
        "type": "object",
        "description": description,
        "required": ["spec"],
        "properties": {
            "apiVersion": { "type": "string" },
            "kind": { "type": "string" },
            "metadata": { "type": "object" },
            "spec": schema::of::<Spec>(),
            "status": schema::of::<Status>(),
        }
    })
}

// === impl Definition ===

impl Definition {
    fn object(&self) -> Value {
        let versions: Vec<_> = self.versions.iter().map(|version| self.version(version)).collect();
        json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": { "name": format!("{}.{}", self.plural, self.group) },
            "spec": {
                "group": self.group,
                "names": {
                    "kind": self.kind,
                    "listKind": format!("{}List", self.kind),
                    "plural": self.plural,
                    "singular": self.kind.to_lowercase(),
                    "shortNames": self.short,
                },
                "scope": "Namespaced",
                "versions": versions,
            }
        })
    }

    fn version(&self, name: &str) -> Value {
        let stored = self.versions.first() == Some(&name);
        let mut version = json!({
            "name": name,
            "served": true,
            "storage": stored,
            "subresources": { "status": {} },
            "additionalPrinterColumns": self.columns,
            "schema": { "openAPIV3Schema": self.schema },
        });
        if !stored {
            let (group, current) = (self.group, self.versions[0]);
            version["deprecated"] = json!(true);
            version["deprecationWarning"] =
                json!(format!("{group}/{name} is deprecated; use {group}/{current} instead"));
        }
        version
    }
}

#[cfg(test)]
mod tests;
