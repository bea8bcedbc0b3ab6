//! A Gateway or a GatewayClass and what came of it in, its status out.

use std::collections::HashMap;

use sealgate_config::Finding;
use serde_json::{Value, json};

use super::condition::{Condition, Stamp, list};
use super::{REFERENCE, Report};
use crate::facts::ListenerFacts;
use crate::object::{Key, Object};

/// The status of a Gateway.
pub(super) fn status(
    report: &Report,
    key: &Key,
    object: &Object,
    stamp: &Stamp,
    attached: &HashMap<(Key, String), u64>,
) -> Value {
    let errors = report.errors_of(&key.label());
    let old = &object.status;
    let listeners: Vec<_> = object
        .facts
        .listeners
        .iter()
        .enumerate()
        .map(|(index, listener)| {
            let old = old["listeners"]
                .as_array()
                .into_iter()
                .flatten()
                .find(|entry| entry["name"] == listener.name)
                .map_or(&Value::Null, |entry| &entry["conditions"]);
            let conditions = listener_conditions(report, errors, index, listener);
            let count = attached.get(&(key.clone(), listener.name.clone()));
            json!({
                "name": listener.name,
                "supportedKinds": [{ "group": "aigateway.envoyproxy.io", "kind": "MCPRoute" }],
                "attachedRoutes": count.copied().unwrap_or_default(),
                "conditions": list(&conditions, object.generation, old, stamp),
            })
        })
        .collect();
    let own: Vec<_> = errors.iter().filter(|finding| listener_of(finding).is_none()).collect();
    let wrong = listeners.iter().any(|listener| {
        let conditions = listener["conditions"].as_array().into_iter().flatten();
        conditions.into_iter().any(|it| it["status"] == "False")
    });
    let accepted = if !own.is_empty() {
        let message = report.tell_all(own.iter().copied());
        Condition::fails("Accepted", "Invalid", message)
    } else if wrong {
        let message = "some listeners are not served, as their own conditions say";
        Condition::holds("Accepted", "ListenersNotValid", message)
    } else {
        Condition::holds("Accepted", "Accepted", "the gateway is accepted")
    };
    let programmed = if own.is_empty() {
        Condition::holds("Programmed", "Programmed", "listeners open with their first route")
    } else {
        let message = report.tell_all(own.iter().copied());
        Condition::fails("Programmed", "Invalid", message)
    };
    let conditions = [accepted, programmed];
    json!({
        "conditions": list(&conditions, object.generation, &old["conditions"], stamp),
        "listeners": listeners,
    })
}

/// The status of a GatewayClass; conditions of types that are not ours stay.
pub(super) fn class_status(object: &Object, stamp: &Stamp) -> Value {
    let condition = Condition::holds("Accepted", "Accepted", "Sealgate serves this class");
    let old = &object.status["conditions"];
    let mut conditions = list(&[condition], object.generation, old, stamp);
    if let (Some(conditions), Some(old)) = (conditions.as_array_mut(), old.as_array()) {
        conditions.extend(old.iter().filter(|old| old["type"] != "Accepted").cloned());
    }
    json!({ "conditions": conditions })
}

fn listener_conditions(
    report: &Report,
    errors: &[Finding],
    index: usize,
    listener: &ListenerFacts,
) -> [Condition; 3] {
    let own = errors.iter().filter(|finding| listener_of(finding) == Some(index));
    let (references, others): (Vec<_>, Vec<_>) =
        own.partition(|finding| REFERENCE.contains(&finding.code));
    let accepted = if !matches!(listener.protocol.as_str(), "HTTP" | "HTTPS") {
        let message = format!("protocol {} is not served", listener.protocol);
        Condition::fails("Accepted", "UnsupportedProtocol", message)
    } else if let Some(problem) = report.refused.get(&listener.port) {
        Condition::fails("Accepted", "PortUnavailable", problem.clone())
    } else if let Some(first) = others.first() {
        let reason = match first.code {
            "listener-conflict" => "PortUnavailable",
            _ => "Invalid",
        };
        Condition::fails("Accepted", reason, report.tell_all(others.iter().copied()))
    } else {
        Condition::holds("Accepted", "Accepted", "the listener is accepted")
    };
    let resolved = match references.first() {
        None => Condition::holds("ResolvedRefs", "ResolvedRefs", "every reference is resolved"),
        Some(first) => {
            let reason = match first.code {
                "no-reference-grant" => "RefNotPermitted",
                _ => "InvalidCertificateRef",
            };
            let message = report.tell_all(references.iter().copied());
            Condition::fails("ResolvedRefs", reason, message)
        }
    };
    let programmed = match accepted.holds && resolved.holds {
        true => Condition::holds("Programmed", "Programmed", "the listener serves its routes"),
        false => Condition::fails("Programmed", "Invalid", "the listener is not served".to_owned()),
    };
    [accepted, resolved, programmed]
}

/// The listener that a finding is about.
fn listener_of(finding: &Finding) -> Option<usize> {
    let field = &finding.place.as_ref()?.field;
    field.strip_prefix("spec.listeners[")?.split(']').next()?.parse().ok()
}
