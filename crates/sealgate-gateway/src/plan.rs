//! Enters: resolved configuration. Leaves: the [`Plan`], immutable, that a request holds for its
//! whole life. Everything that a request can look up is looked up here once.

mod backend;
mod compile;
mod place;
mod route;

pub use backend::BackendPlan;
pub(crate) use compile::Foundation;
pub(crate) use place::{Place, PlaceTag, Places};
pub use route::RoutePlan;

use std::collections::BTreeMap;
use std::sync::Arc;

use http::HeaderMap;
use sealgate_config::resolved::HostPattern;

use crate::listen::ListenerId;

/// Compiled routes by listener. Swapped whole; never changed.
pub struct Plan {
    /// Counts the plans of this process, from 1.
    pub generation: u64,
    pub(crate) listeners: Vec<ListenerPlan>,
    /// Every route, for status and metrics.
    pub routes: Vec<Arc<RoutePlan>>,
}

/// What one listener serves.
pub(crate) struct ListenerPlan {
    /// By which sockets find their listener across plans; several may share an address and
    /// differ in host.
    pub(crate) id: ListenerId,
    /// The host that the listener is for, where it is not for all.
    pub(crate) hostname: Option<HostPattern>,
    /// Whether the listener is bound to a loopback address, where a browser's DNS can be turned
    /// against it.
    pub(crate) loopback: bool,
    /// Routes by exact path, the most specific first.
    pub(crate) paths: BTreeMap<String, Vec<Arc<RoutePlan>>>,
}

impl Plan {
    /// The listener that a request to `host` on this address is for: the one with the most
    /// specific host name.
    pub(crate) fn listener(&self, id: ListenerId, host: &str) -> Option<&ListenerPlan> {
        let fits = |listener: &&ListenerPlan| {
            let hostname = listener.hostname.as_ref();
            listener.id == id && hostname.is_none_or(|pattern| pattern.matches(host))
        };
        self.listeners.iter().filter(fits).max_by_key(|listener| match &listener.hostname {
            Some(HostPattern::Exact(_)) => usize::MAX,
            Some(HostPattern::Wildcard(suffix)) => suffix.len(),
            None => 0,
        })
    }
}

impl ListenerPlan {
    /// The route for a request, if any: exact path, then host, then headers; the most specific
    /// match wins, then the order of the sources.
    pub(crate) fn find(
        &self,
        path: &str,
        host: &str,
        headers: &HeaderMap,
    ) -> Option<&Arc<RoutePlan>> {
        self.paths.get(path)?.iter().find(|route| route.matches(host, headers))
    }
}

#[cfg(test)]
mod tests;
