//! Enters: what ran and what a load with errors gave. Leaves: the same with the last good state of
//! what the errors broke, so that a bad edit takes nothing down.

use std::collections::HashSet;

use sealgate_config::resolved::Resolved;
use sealgate_config::{Outcome, Severity};

/// Puts back the routes and backends that are missing because of an error. An error outside of
/// any resource (a file that is no YAML) may have hidden anything, so it brings back everything
/// that is missing.
pub(super) fn last_good(running: &Resolved, outcome: &mut Outcome) {
    let mut broken = HashSet::new();
    let mut anything = false;
    for finding in &outcome.findings {
        if finding.severity != Severity::Error {
            continue;
        }
        match finding.place.as_ref().map(|place| place.resource.as_str()) {
            Some(resource) if !resource.is_empty() => {
                broken.insert(resource.rsplit(' ').next().unwrap_or(resource).to_owned());
            }
            _ => anything = true,
        }
    }
    let is_broken = |name: &str| anything || broken.contains(name);
    // A backend's error may stand at a resource of another kind; its route is then short of it.
    let resolved = &mut outcome.resolved;
    for old in &running.routes {
        let Some(new) = resolved.routes.iter_mut().find(|new| new.name == old.name) else {
            if is_broken(&old.name) {
                put_back(running, old, resolved);
            }
            continue;
        };
        let names: HashSet<_> = new.backends.iter().map(|backend| backend.name.clone()).collect();
        let missing = old.backends.iter().filter(|backend| !names.contains(&backend.name));
        if is_broken(&old.name) || !broken.is_empty() {
            new.backends.extend(missing.cloned());
        }
    }
}

/// Adds a route with the listeners that it had.
fn put_back(running: &Resolved, old: &sealgate_config::resolved::Route, resolved: &mut Resolved) {
    let mut route = old.clone();
    route.listeners = old
        .listeners
        .iter()
        .filter_map(|&index| running.listeners.get(index))
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
