//! What came of a load in; the statuses that are not yet as they should be out.

mod condition;
mod gateway;
mod route;
mod write;

use std::collections::{BTreeMap, HashMap, HashSet};

use sealgate_config::{Finding, Outcome, Severity};
use serde_json::Value;

use crate::cluster::View;
use crate::kind::Kind;
use crate::object::{Key, Object};

use condition::Stamp;
pub(crate) use write::Writer;

/// Something about a backend that no resource tells: credentials that cannot be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// `namespace/name` of the route.
    pub route: String,
    /// The name of its backend.
    pub backend: String,
    /// What is wrong, for people.
    pub message: String,
}

/// What came of a load, as far as status tells it.
pub(crate) struct Report {
    /// Errors by the resource that they are about.
    errors: HashMap<String, Vec<Finding>>,
    /// Routes that are served.
    served: HashSet<String>,
    /// How many backends of each are served.
    backends: HashMap<String, usize>,
    /// Ports that could not be listened on, and why.
    refused: BTreeMap<u16, String>,
    /// Backends without credentials.
    troubles: Vec<Trouble>,
}

/// A status to write.
pub(crate) struct Write {
    pub(crate) key: Key,
    pub(crate) api_version: String,
    /// The version of the object that it was made for.
    pub(crate) resource_version: String,
    /// What to put into `status`.
    pub(crate) fields: Value,
}

/// Where a reference leads nowhere, or may not lead.
const REFERENCE: [&str; 4] =
    ["unresolved-reference", "no-reference-grant", "backend-kind", "invalid-reference"];

// === impl Report ===

impl Report {
    pub(crate) fn new(
        outcome: &Outcome,
        refused: &BTreeMap<u16, String>,
        troubles: &[Trouble],
    ) -> Self {
        let mut errors: HashMap<String, Vec<Finding>> = HashMap::new();
        for finding in &outcome.findings {
            if finding.severity == Severity::Error
                && let Some(place) = &finding.place
            {
                errors.entry(place.resource.clone()).or_default().push(finding.clone());
            }
        }
        let routes = &outcome.resolved.routes;
        Self {
            errors,
            served: routes.iter().map(|route| route.name.clone()).collect(),
            backends: routes
                .iter()
                .map(|route| (route.name.clone(), route.backends.len()))
                .collect(),
            refused: refused.clone(),
            troubles: troubles.to_vec(),
        }
    }

    /// Every status that differs from what the API server holds.
    pub(crate) fn changes(&self, view: &View<'_>) -> Vec<Write> {
        let stamp = Stamp::now();
        let mut attached: HashMap<(Key, String), u64> = HashMap::new();
        let mut writes = Vec::new();
        let mut add = |key: &Key, object: &Object, fields: Option<Value>| {
            let Some(fields) = fields.filter(|fields| differs(fields, &object.status)) else {
                return;
            };
            writes.push(Write {
                key: key.clone(),
                api_version: object.api_version.clone(),
                resource_version: object.resource_version.clone(),
                fields,
            });
        };
        for (key, object) in view.objects().filter(|(key, _)| key.kind == Kind::McpRoute) {
            let status = if view.is_ours(key, object) {
                route::status(self, view, key, object, &stamp, &mut attached)
            } else {
                route::farewell(view, object)
            };
            add(key, object, status);
        }
        for (key, object) in view.objects().filter(|(key, object)| view.is_ours(key, object)) {
            let status = match key.kind {
                Kind::Gateway => {
                    gateway::status(self, view.addresses(), key, object, &stamp, &attached)
                }
                Kind::GatewayClass => gateway::class_status(object, &stamp),
                _ => continue,
            };
            add(key, object, Some(status));
        }
        writes
    }

    fn errors_of(&self, label: &str) -> &[Finding] {
        self.errors.get(label).map_or(&[], Vec::as_slice)
    }

    /// An error for people: the field, what is wrong, what to do; and of an object that is wrong
    /// itself, what is wrong there.
    fn tell(&self, finding: &Finding) -> String {
        let field = finding.place.as_ref().map_or("", |place| place.field.as_str());
        let mut text = match finding.message.starts_with(field) {
            true => finding.message.clone(),
            false => format!("{field}: {}", finding.message),
        };
        if let Some(help) = &finding.help {
            text = format!("{text} ({help})");
        }
        if finding.code == "invalid-reference" {
            let named = |label: &&String| finding.message.starts_with(&format!("{label} is"));
            let causes = self.errors.keys().find(named).map(|label| self.errors_of(label));
            if let Some(cause) = causes.and_then(<[Finding]>::first) {
                text = format!("{text}: {}", cause.message);
            }
        }
        text
    }

    /// Several errors for people; many are counted.
    fn tell_all<'a>(&self, findings: impl Iterator<Item = &'a Finding>) -> String {
        const SHOWN: usize = 8;
        let all: Vec<_> = findings.collect();
        let mut text: Vec<_> = all.iter().take(SHOWN).map(|finding| self.tell(finding)).collect();
        if all.len() > SHOWN {
            text.push(format!("and {} more", all.len() - SHOWN));
        }
        let mut text = text.join("; ");
        text.truncate(text.floor_char_boundary(4096));
        text
    }
}

/// Whether writing `fields` would change `status`.
fn differs(fields: &Value, status: &Value) -> bool {
    let Some(fields) = fields.as_object() else { return false };
    fields.iter().any(|(name, value)| {
        let held = &status[name];
        *held != *value && !(held.is_null() && value.as_array().is_some_and(Vec::is_empty))
    })
}

#[cfg(test)]
mod tests;
