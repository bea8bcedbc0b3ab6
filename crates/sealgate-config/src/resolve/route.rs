//! One MCPRoute in, one route out; or none, when serving it would mean less than its author asked.

use super::listener::Listeners;
use super::{Context, backend};
use crate::finding::Severity;
use crate::kind::{BackendReference, McpRoute, Named};
use crate::report::At;
use crate::resolved::{Backend, PrefixMode, Route};

/// Resolves a route and every backend of it.
pub(super) fn resolve(
    context: &Context<'_>,
    listeners: &mut Listeners<'_>,
    named: &Named,
    route: &McpRoute,
) -> Option<Route> {
    let metadata = &named.metadata;
    let name = format!("{}/{}", metadata.namespace, metadata.name);
    for (at, protection) in &route.protections {
        let message =
            format!("route {name} is left out: {protection} is not enforced by Sealgate yet");
        let help = "a route is never served without a protection that it asks for; remove the \
                    field to serve the route without it";
        at.say(Severity::Error, "unenforced-protection", message, Some(help.to_owned()));
    }
    let indices = listeners.of_parents(&metadata.namespace, &route.parents, &route.hostnames);
    let mut backends = Vec::new();
    for reference in &route.backends {
        let prefix = reference.prefix.unwrap_or(route.prefix);
        if let Some(backend) = backend::resolve(context, &metadata.namespace, reference, prefix) {
            if route.backends.len() > 1 && !bare_names_are_unique(&backends, &backend, reference) {
                continue;
            }
            backends.push(backend);
        }
    }
    if !route.protections.is_empty() {
        return None;
    }
    if backends.is_empty() {
        left_out(&route.at, &name, "none of its backends can be served");
        return None;
    }
    if indices.is_empty() {
        left_out(&route.at, &name, "no listener serves it");
        return None;
    }
    Some(Route {
        name,
        listeners: indices,
        path: route.path.clone(),
        hostnames: route.hostnames.clone(),
        headers: route.headers.clone(),
        backends,
        session_ttl: context.options.session_ttl,
        legacy_sse: route.annotations.legacy_sse.unwrap_or(context.options.legacy_sse),
        uris: route.annotations.uris,
    })
}

fn left_out(at: &At, name: &str, reason: &str) {
    at.error("route-left-out", format!("route {name} is left out: {reason}"));
}

/// Bare names tell backends apart only when they are listed and nobody else has them.
fn bare_names_are_unique(others: &[Backend], new: &Backend, reference: &BackendReference) -> bool {
    if new.prefix == PrefixMode::Always {
        return true;
    }
    let at = &reference.tools_at;
    if new.tools.include.is_empty() {
        let message = format!(
            "backend {:?} is left out: prefixMode Never requires toolSelector.include",
            new.name
        );
        at.error("prefix-mode", message);
        return false;
    }
    for other in others.iter().filter(|other| other.prefix == PrefixMode::Never) {
        let twice = new.tools.include.iter().find(|tool| other.tools.allows(tool));
        if let Some(tool) = twice.filter(|tool| new.tools.allows(tool)) {
            let message = format!(
                "backend {:?} is left out: prefixMode Never and backend {:?} already offers {tool:?}",
                new.name, other.name
            );
            at.error("prefix-mode", message);
            return false;
        }
    }
    true
}
