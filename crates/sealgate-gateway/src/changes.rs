//! Enters: the plan before a reload and the one after it. Leaves: which routes' lists may be
//! others now, for whoever keeps a stream open to a client of that route.

use std::collections::HashMap;
use std::sync::Arc;

use sealgate_mcp::capability::Offers;
use sealgate_mcp::envelope::Envelope;
use sealgate_mcp::method::Method;
use tokio::sync::broadcast::{self, error::RecvError};

use crate::plan::{BackendPlan, Plan, RoutePlan};

/// Tells streams of reloads.
pub(crate) struct Changes(broadcast::Sender<Arc<[Change]>>);

/// What a reload may have changed for the clients of one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// [`RoutePlan::tag`].
    route: u64,
    /// Lists that may be others now, by the capability that they belong to.
    pub(crate) lists: Offers,
    /// Backends that are gone from the route, or are other servers now.
    pub(crate) gone: Vec<u32>,
    /// Backends that are new in the route, or are other servers now.
    pub(crate) added: Vec<u32>,
}

/// The changes of one route, as they come.
pub(crate) struct RouteChanges {
    route: u64,
    receiver: broadcast::Receiver<Arc<[Change]>>,
}

/// Reloads that a stream may be behind; one that is further behind takes everything for changed.
const BEHIND: usize = 16;

/// Where the method of a message that says so little is looked for, in bytes.
const LONGEST: usize = 4096;

/// Every list that there is.
const ALL: [Offers; 3] = [Offers::TOOLS, Offers::PROMPTS, Offers::RESOURCES];

/// The list that `message` says has changed, by its capability; nothing if it says something else.
pub(crate) fn changed_list(message: &[u8]) -> Option<Offers> {
    // Most messages are told apart without being read.
    memchr::memmem::find(message.get(..LONGEST.min(message.len()))?, b"list_changed")?;
    match Envelope::parse_reply(message).ok()?.method()? {
        Method::ToolsListChanged => Some(Offers::TOOLS),
        Method::PromptsListChanged => Some(Offers::PROMPTS),
        Method::ResourcesListChanged => Some(Offers::RESOURCES),
        _ => None,
    }
}

/// The notifications that these lists changed, each with its list.
pub(crate) fn notifications(lists: Offers) -> impl Iterator<Item = (Offers, &'static [u8])> {
    let changed = ALL.into_iter().filter(move |list| lists.has(*list));
    changed.map(|list| match list {
        Offers::TOOLS => {
            (list, &br#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#[..])
        }
        Offers::PROMPTS => {
            (list, &br#"{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}"#[..])
        }
        _ => (list, &br#"{"jsonrpc":"2.0","method":"notifications/resources/list_changed"}"#[..]),
    })
}

// === impl Changes ===

impl Changes {
    /// Compares two plans and tells what differs. Costs nothing that grows with open streams.
    pub(crate) fn tell(&self, before: &Plan, after: &Plan) {
        let old: HashMap<_, _> = before.routes.iter().map(|route| (route.tag, route)).collect();
        let changes: Vec<_> = after
            .routes
            .iter()
            .filter_map(|new| Change::between(old.get(&new.tag)?, new))
            .collect();
        if !changes.is_empty() {
            // Without a stream there is nobody to tell.
            let _ = self.0.send(changes.into());
        }
    }

    /// Tells that a backend of the route has gone, or is back.
    pub(crate) fn tell_outage(&self, route: u64) {
        let _ = self.0.send([Change::anything(route)].into());
    }

    /// The changes of one route from now on.
    pub(crate) fn of(&self, route: &RoutePlan) -> RouteChanges {
        RouteChanges { route: route.tag, receiver: self.0.subscribe() }
    }
}

impl Default for Changes {
    fn default() -> Self {
        Self(broadcast::Sender::new(BEHIND))
    }
}

// === impl Change ===

impl Change {
    fn between(old: &RoutePlan, new: &RoutePlan) -> Option<Self> {
        let before: HashMap<_, _> = old.backends.iter().map(|b| (b.tag, b)).collect();
        let mut lists = Offers::NONE;
        let (mut gone, mut added) = (Vec::new(), Vec::new());
        for backend in &new.backends {
            match before.get(&backend.tag) {
                Some(was) => {
                    let change = difference(was, backend);
                    if is_other_server(was, backend) {
                        gone.push(backend.tag);
                        added.push(backend.tag);
                    }
                    lists |= change;
                }
                None => {
                    added.push(backend.tag);
                    lists |= all();
                }
            }
        }
        for backend in &old.backends {
            if new.by_tag(backend.tag).is_none() {
                gone.push(backend.tag);
                lists |= all();
            }
        }
        (!lists.is_empty()).then_some(Self { route: new.tag, lists, gone, added })
    }

    /// Any list of the route may be another.
    fn anything(route: u64) -> Self {
        Self { route, lists: all(), gone: Vec::new(), added: Vec::new() }
    }
}

/// The lists that are others with `new` in the place of `old`. New addresses of the same host (a
/// Service's endpoints come and go) and new credentials are no news.
fn difference(old: &BackendPlan, new: &BackendPlan) -> Offers {
    if is_other_server(old, new) || old.prefix != new.prefix {
        return all();
    }
    if old.tools == new.tools { Offers::NONE } else { Offers::TOOLS }
}

fn is_other_server(old: &BackendPlan, new: &BackendPlan) -> bool {
    old.authority != new.authority || old.path_and_query != new.path_and_query
}

fn all() -> Offers {
    ALL.into_iter().fold(Offers::NONE, |sum, list| sum | list)
}

// === impl RouteChanges ===

impl RouteChanges {
    /// Waits until the backend with this tag is gone, or is another server.
    pub(crate) async fn removed(&mut self, tag: u32) {
        while !self.next().await.gone.contains(&tag) {}
    }

    /// The next change; never, once the gateway is gone.
    pub(crate) async fn next(&mut self) -> Change {
        loop {
            match self.receiver.recv().await {
                Ok(changes) => {
                    if let Some(change) = changes.iter().find(|it| it.route == self.route) {
                        return change.clone();
                    }
                }
                Err(RecvError::Lagged(_)) => {
                    return Change::anything(self.route);
                }
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}

#[cfg(test)]
mod tests;
