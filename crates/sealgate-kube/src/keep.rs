//! What ran and what a load gave in; the load with the last good state of what a bad edit broke
//! out.
//!
//! Only a fault of the edit itself (a value that cannot be read) keeps what was there. A reference
//! that is gone or no longer permitted, and a protection that cannot be given, take effect: what
//! was revoked must not be used on.

use std::collections::{BTreeMap, HashSet};

use sealgate_config::resolved::{Listener, Resolved, Route};
use sealgate_config::{Finding, Outcome, Severity};

use crate::kind::Kind;
use crate::object::{Key, Object};

/// Findings that take effect.
const EFFECTIVE: [&str; 11] = [
    "unresolved-reference",
    "no-reference-grant",
    "backend-kind",
    "no-listener",
    "listener-conflict",
    "route-conflict",
    "unenforced-protection",
    "duplicate-resource",
    "aws-plain-http",
    "aws-never-signed",
    "route-left-out",
];

/// Puts back the routes and backends that a fault took away; the names of those routes.
pub(crate) fn last_good(
    objects: &BTreeMap<Key, Object>,
    running: &Resolved,
    outcome: &mut Outcome,
) -> Vec<String> {
    let mut kept = Vec::new();
    for old in &running.routes {
        let Some((namespace, name)) = old.name.split_once('/') else { continue };
        let key =
            Key { kind: Kind::McpRoute, namespace: namespace.to_owned(), name: name.to_owned() };
        let Some(object) = objects.get(&key) else { continue };
        let label = key.label();
        let errors: Vec<_> = outcome
            .findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .filter(|finding| finding.place.as_ref().is_some_and(|it| it.resource == label))
            .collect();
        let faults = errors.iter().filter(|finding| !EFFECTIVE.contains(&finding.code));
        let broken: HashSet<_> = faults.map(|finding| backend_of(finding, object)).collect();
        if broken.is_empty() {
            continue;
        }
        let effective = |finding: &&&Finding| {
            EFFECTIVE.contains(&finding.code) && finding.code != "route-left-out"
        };
        let revoked: HashSet<_> =
            errors.iter().filter(effective).map(|finding| backend_of(finding, object)).collect();
        let may_return = |name: &str| {
            object.facts.backends.iter().any(|backend| backend == name)
                && !revoked.contains(&Some(name))
                && (broken.contains(&Some(name)) || broken.contains(&None))
        };
        let old_backends = old.backends.iter().filter(|backend| may_return(&backend.name));
        let resolved = &mut outcome.resolved;
        let position = resolved.routes.iter().position(|route| route.name == old.name);
        let before =
            resolved.routes.get(position.unwrap_or(usize::MAX)).map(|it| it.backends.len());
        match position.and_then(|index| resolved.routes.get_mut(index)) {
            Some(route) => {
                let names: HashSet<_> =
                    route.backends.iter().map(|backend| backend.name.clone()).collect();
                route
                    .backends
                    .extend(old_backends.filter(|old| !names.contains(&old.name)).cloned());
                if Some(route.backends.len()) != before {
                    kept.push(old.name.clone());
                }
            }
            None if !revoked.contains(&None) => {
                let route = Route { backends: old_backends.cloned().collect(), ..old.clone() };
                if !route.backends.is_empty() {
                    put_back(&running.listeners, route, resolved);
                    kept.push(old.name.clone());
                }
            }
            None => {}
        }
    }
    kept
}

/// The backend that a finding is about; `None` for the route itself.
fn backend_of<'a>(finding: &Finding, route: &'a Object) -> Option<&'a str> {
    let field = &finding.place.as_ref()?.field;
    let index = field.strip_prefix("spec.backendRefs[")?.split(']').next()?;
    route.facts.backends.get(index.parse::<usize>().ok()?).map(String::as_str)
}

/// Adds a route with the listeners that it had.
fn put_back(running: &[Listener], mut route: Route, resolved: &mut Resolved) {
    route.listeners = route
        .listeners
        .iter()
        .filter_map(|&index| running.get(index))
        .map(|listener| {
            let known = resolved.listeners.iter().position(|other| other.name == listener.name);
            known.unwrap_or_else(|| {
                resolved.listeners.push(listener.clone());
                resolved.listeners.len() - 1
            })
        })
        .collect();
    resolved.routes.push(route);
}

#[cfg(test)]
mod tests;
