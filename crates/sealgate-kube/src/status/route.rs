//! A route and what came of it in, its status out: one entry for each Gateway of ours, and the
//! conditions of the route as a whole, of which dashboards read the last.

use std::collections::HashMap;

use sealgate_config::Finding;
use serde_json::{Value, json};

use super::condition::{Condition, Stamp, list};
use super::{REFERENCE, Report};
use crate::cluster::View;
use crate::facts::Parent;
use crate::kind::Kind;
use crate::object::{Key, Object};

/// The errors of one route, told apart.
struct Errors<'a> {
    /// Backends without credentials.
    identities: Vec<String>,
    /// References that lead nowhere, or may not lead.
    references: Vec<&'a Finding>,
    /// Values that cannot be used.
    values: Vec<&'a Finding>,
    /// What is wrong between the route and its Gateways.
    parents: Vec<&'a Finding>,
}

/// The status of a route; counts it at the listeners that it is attached to.
pub(super) fn status(
    report: &Report,
    view: &View<'_>,
    key: &Key,
    object: &Object,
    stamp: &Stamp,
    attached: &mut HashMap<(Key, String), u64>,
) -> Option<Value> {
    let name = format!("{}/{}", key.namespace, key.name);
    let mut errors = Errors::of(report.errors_of(&key.label()));
    errors.identities = identities(report, &name, object);
    let served = report.served.contains(&name);
    let all = report.backends.get(&name).is_some_and(|count| *count >= object.facts.backends.len());
    let old = &object.status;
    let mut parents = others(view, old);
    let own = object.facts.parents.iter().filter(|parent| view.serves(parent));
    let mut attached_anywhere = false;
    for (index, parent) in own.enumerate() {
        let path = format!("spec.parentRefs[{index}]");
        let refused = errors.parents.iter().find(|finding| at(finding, &path));
        let mut conditions = vec![match refused {
            Some(finding) => Condition::fails("Accepted", refusal(finding), report.tell(finding)),
            None => accepted(report, &errors, served),
        }];
        let here = served && refused.is_none();
        attached_anywhere |= here;
        conditions.extend(shared(report, &errors, here, all));
        if here {
            count(view, parent, attached);
        }
        let old_conditions = old["parents"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|entry| is_own(view, entry) && entry["parentRef"] == parent.written)
            .map_or(&Value::Null, |entry| &entry["conditions"]);
        parents.push(json!({
            "parentRef": parent.written,
            "controllerName": view.controller(),
            "conditions": list(&conditions, object.generation, old_conditions, stamp),
        }));
    }
    let mut conditions = shared(report, &errors, attached_anywhere, all);
    // The types, reasons and the message that dashboards of this kind of object know.
    conditions.push(if attached_anywhere {
        let message = "MCP Gateway Route reconciled successfully";
        Condition::holds("Accepted", "ReconciliationSucceeded", message)
    } else {
        let message = report.tell_all(errors.all());
        Condition::fails("NotAccepted", "ReconciliationFailed", message)
    });
    Some(json!({
        "parents": parents,
        "conditions": list(&conditions, object.generation, &old["conditions"], stamp),
    }))
}

/// The status of a route that no longer names a Gateway of ours: without what we said of it.
pub(super) fn farewell(view: &View<'_>, object: &Object) -> Option<Value> {
    let entries = object.status["parents"].as_array()?;
    if !entries.iter().any(|entry| is_own(view, entry)) {
        return None;
    }
    let parents = others(view, &object.status);
    if parents.is_empty() {
        return Some(json!({ "parents": [], "conditions": [] }));
    }
    Some(json!({ "parents": parents }))
}

fn accepted(report: &Report, errors: &Errors<'_>, served: bool) -> Condition {
    if served || errors.values.is_empty() {
        return Condition::holds("Accepted", "Accepted", "the route is accepted");
    }
    let reason = match errors.values.iter().any(|finding| finding.code == "route-conflict") {
        true => "Conflicted",
        false => "UnsupportedValue",
    };
    Condition::fails("Accepted", reason, report.tell_all(errors.values.iter().copied()))
}

/// What holds alike for the route and for the route at each Gateway.
fn shared(report: &Report, errors: &Errors<'_>, served: bool, all: bool) -> Vec<Condition> {
    let references = errors.references.iter().copied();
    let mut conditions = vec![match errors.references.first() {
        None if errors.identities.is_empty() => {
            Condition::holds("ResolvedRefs", "ResolvedRefs", "every reference is resolved")
        }
        None => {
            Condition::fails("ResolvedRefs", "IdentityNotResolved", errors.identities.join("; "))
        }
        Some(first) => {
            let mut texts = vec![report.tell_all(references)];
            texts.extend(errors.identities.iter().cloned());
            Condition::fails("ResolvedRefs", unresolved(first), texts.join("; "))
        }
    }];
    conditions.push(if served {
        let message = match all {
            true => "every backend is served",
            false => "the backends without errors are served",
        };
        Condition::holds("Programmed", "Programmed", message)
    } else {
        Condition::fails("Programmed", "Invalid", report.tell_all(errors.all()))
    });
    let kept = errors.all().any(|finding| finding.kept);
    if served && (kept || !errors.values.is_empty()) {
        // The Gateway API wants the message to begin with what was done.
        let done = if kept { "Fall Back" } else { "Dropped Rule" };
        let values = report.tell_all(errors.all().filter(|it| it.kept || !is_reference(it)));
        conditions.push(Condition::holds(
            "PartiallyInvalid",
            "UnsupportedValue",
            &format!("{done}: {values}"),
        ));
    }
    conditions
}

fn is_reference(finding: &Finding) -> bool {
    REFERENCE.contains(&finding.code)
}

/// What is said of backends whose credentials cannot be fetched.
fn identities(report: &Report, route: &str, object: &Object) -> Vec<String> {
    let own = report.troubles.iter().filter(|trouble| trouble.route == route);
    own.filter_map(|trouble| {
        let index = object.facts.backends.iter().position(|name| *name == trouble.backend)?;
        Some(format!("spec.backendRefs[{index}]: {}", trouble.message))
    })
    .collect()
}

/// The reason of the Gateway API for a reference that is not resolved.
fn unresolved(finding: &Finding) -> &'static str {
    let field = finding.place.as_ref().map_or("", |place| place.field.as_str());
    match finding.code {
        "no-reference-grant" => "RefNotPermitted",
        "backend-kind" => "InvalidKind",
        "invalid-reference" => "InvalidReference",
        _ if field.contains("secretRef") => "SecretNotFound",
        _ if field.contains("identityRef") => "IdentityNotFound",
        _ => "BackendNotFound",
    }
}

/// The reason of the Gateway API for a Gateway that does not take a route.
fn refusal(finding: &Finding) -> &'static str {
    match &finding.message {
        text if text.contains("does not allow") => "NotAllowedByListeners",
        text if text.contains("hostnames") => "NoMatchingListenerHostname",
        _ => "NoMatchingParent",
    }
}

/// Counts a route at the listeners that its reference selects.
fn count(view: &View<'_>, parent: &Parent, attached: &mut HashMap<(Key, String), u64>) {
    let key =
        Key { kind: Kind::Gateway, namespace: parent.namespace.clone(), name: parent.name.clone() };
    let Some((_, gateway)) = view.objects().find(|(other, _)| **other == key) else { return };
    for listener in &gateway.facts.listeners {
        let selected = parent.section.as_ref().is_none_or(|name| *name == listener.name)
            && parent.port.is_none_or(|port| port == listener.port);
        if selected {
            *attached.entry((key.clone(), listener.name.clone())).or_default() += 1;
        }
    }
}

/// What other controllers wrote about their Gateways.
fn others(view: &View<'_>, status: &Value) -> Vec<Value> {
    let entries = status["parents"].as_array().into_iter().flatten();
    entries.filter(|entry| !is_own(view, entry)).cloned().collect()
}

fn is_own(view: &View<'_>, entry: &Value) -> bool {
    entry["controllerName"] == view.controller()
}

fn at(finding: &Finding, path: &str) -> bool {
    let field = finding.place.as_ref().map_or("", |place| place.field.as_str());
    field.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

// === impl Errors ===

impl<'a> Errors<'a> {
    fn of(findings: &'a [Finding]) -> Self {
        let mut errors =
            Self { identities: vec![], references: vec![], values: vec![], parents: vec![] };
        // That nothing is left says nothing where what is wrong is said.
        let consequence = |finding: &&Finding| finding.code == "route-left-out";
        let only = findings.iter().all(|finding| consequence(&finding));
        for finding in findings.iter().filter(|finding| only || !consequence(finding)) {
            let field = finding.place.as_ref().map_or("", |place| place.field.as_str());
            if field.starts_with("spec.parentRefs[") {
                errors.parents.push(finding);
            } else if is_reference(finding) {
                errors.references.push(finding);
            } else {
                errors.values.push(finding);
            }
        }
        errors
    }

    fn all(&self) -> impl Iterator<Item = &'a Finding> {
        self.parents.iter().chain(&self.references).chain(&self.values).copied()
    }
}
