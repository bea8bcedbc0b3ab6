//! A Gateway or a GatewayClass and what came of it in, its status out.

use std::collections::HashMap;

use sealgate_config::Finding;
use serde_json::{Value, json};

use super::condition::{Condition, Stamp, list};
use super::{REFERENCE, Report};
use crate::facts::{Address, ListenerFacts};
use crate::object::{Key, Object};

/// The status of a Gateway.
pub(super) fn status(
    report: &Report,
    addresses: Option<Vec<Address>>,
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
                "supportedKinds": supported_kinds(listener),
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
    let nowhere = addresses.as_ref().is_some_and(Vec::is_empty);
    let programmed = if own.is_empty() && nowhere {
        let message = "the Service of the gateway has no address yet".to_owned();
        Condition::fails("Programmed", "AddressNotAssigned", message)
    } else if own.is_empty() {
        Condition::holds("Programmed", "Programmed", "listeners open with their first route")
    } else {
        let message = report.tell_all(own.iter().copied());
        Condition::fails("Programmed", "Invalid", message)
    };
    let conditions = [accepted, programmed];
    let mut status = json!({
        "conditions": list(&conditions, object.generation, &old["conditions"], stamp),
        "listeners": listeners,
    });
    // What nobody told us is left to whoever knows it.
    if let Some(addresses) = addresses {
        status["addresses"] = addresses
            .iter()
            .map(|address| json!({ "type": address.kind, "value": address.value }))
            .collect();
    }
    status
}

/// The kinds of `allowedRoutes.kinds` that are served here.
fn supported_kinds(listener: &ListenerFacts) -> Value {
    let served = listener.kinds.is_empty() || listener.kinds.iter().any(serves);
    let own = json!({ "group": "aigateway.envoyproxy.io", "kind": "MCPRoute" });
    served.then_some(own).into_iter().collect()
}

/// Whether MCPRoutes are of this kind; as in the configuration.
fn serves((_, kind): &(String, String)) -> bool {
    matches!(kind.as_str(), "MCPRoute" | "HTTPRoute")
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
        None if !listener.kinds.iter().all(serves) => {
            let message = "allowedRoutes.kinds names kinds that are not served".to_owned();
            Condition::fails("ResolvedRefs", "InvalidRouteKinds", message)
        }
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
    // A certificate that a bad edit broke is still there as it was.
    let there = listener.kinds.is_empty() || listener.kinds.iter().any(serves);
    let there = there && references.iter().all(|finding| finding.kept);
    let programmed = match accepted.holds && there {
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
