//! The objects that are held in, the watches that they call for out: every object of the kinds
//! that matter, and of Secrets, ConfigMaps, Services and EndpointSlices only what is referred to.

use std::collections::{BTreeMap, BTreeSet};

use kube::Client;
use tokio::sync::mpsc::Sender;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::cluster::Settings;
use crate::kind::Kind;
use crate::line::Line;
use crate::object::{Key, Object};
use crate::watch::{News, Scope, Selection, follow};

/// From this many names of one kind in one namespace on, one watch of all is less than one each.
const FEW: usize = 8;
/// Names of Services in one label selector.
const SERVICES: usize = 64;

/// Every watch that runs.
pub(crate) struct Watches {
    client: Client,
    line: Line,
    news: Sender<News>,
    running: BTreeMap<Scope, Running>,
    last: u64,
}

/// A watch that runs. Dropped, it stops.
struct Running {
    watch: u64,
    task: AbortHandle,
    state: State,
    since: Instant,
}

/// What is known of a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing yet.
    Asked,
    /// Everything is held, or what was held before the API server stopped to answer.
    Listed,
    /// The kind is not installed.
    Absent,
    /// It may not be watched.
    Forbidden,
}

// === impl Watches ===

impl Watches {
    pub(crate) fn new(client: Client, news: Sender<News>) -> Self {
        Self { client, line: Line::default(), news, running: BTreeMap::new(), last: 0 }
    }

    /// Starts what is missing and stops what is no longer wanted; whether anything stopped.
    pub(crate) fn set(&mut self, wanted: BTreeSet<Scope>) -> bool {
        let before = self.running.len();
        self.running.retain(|scope, _| wanted.contains(scope));
        let stopped = self.running.len() != before;
        for scope in wanted {
            if self.running.contains_key(&scope) {
                continue;
            }
            self.last += 1;
            let (client, line) = (self.client.clone(), self.line.clone());
            let follow = follow(client, line, scope.clone(), self.last, self.news.clone());
            let task = tokio::spawn(follow).abort_handle();
            let running =
                Running { watch: self.last, task, state: State::Asked, since: Instant::now() };
            self.running.insert(scope, running);
        }
        stopped
    }

    /// The watch of this number, unless it was stopped since.
    pub(crate) fn scope(&self, watch: u64) -> Option<&Scope> {
        self.running.iter().find(|(_, running)| running.watch == watch).map(|(scope, _)| scope)
    }

    /// Notes what became of a watch; whether that is new.
    pub(crate) fn note(&mut self, watch: u64, state: State) -> bool {
        match self.running.values_mut().find(|running| running.watch == watch) {
            Some(running) if running.state != state => {
                running.state = state;
                true
            }
            _ => false,
        }
    }

    /// Whether some watch covers the object.
    pub(crate) fn cover(&self, key: &Key, object: &Object) -> bool {
        self.running.keys().any(|scope| scope.covers(key, object))
    }

    /// Since when some watch has not said anything yet.
    pub(crate) fn waiting_since(&self) -> Option<Instant> {
        let asked = self.running.values().filter(|running| running.state == State::Asked);
        asked.map(|running| running.since).min()
    }

    /// Whether a kind is known to be missing.
    pub(crate) fn is_absent(&self, kind: Kind) -> bool {
        self.running
            .iter()
            .any(|(scope, running)| scope.kind == kind && running.state == State::Absent)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The watches that these objects call for.
pub(crate) fn wanted<'a>(
    settings: &Settings,
    objects: impl Iterator<Item = &'a Object>,
) -> BTreeSet<Scope> {
    let namespaces = &settings.namespaces;
    let mut scopes = BTreeSet::new();
    for kind in Kind::WHOLE {
        let mut add = |namespace| {
            scopes.insert(Scope { kind, namespace, selection: Selection::All });
        };
        if namespaces.is_empty() || !kind.is_namespaced() {
            add(None);
        } else {
            namespaces.iter().cloned().map(Some).for_each(add);
        }
    }
    let mut names: BTreeMap<(Kind, &str), BTreeSet<&str>> = BTreeMap::new();
    let mut by_label = false;
    for object in objects {
        by_label |= object.facts.selects_namespaces;
        for reference in &object.facts.references {
            if namespaces.is_empty() || namespaces.contains(&reference.namespace) {
                let place = (reference.kind, reference.namespace.as_str());
                names.entry(place).or_default().insert(&reference.name);
            }
        }
    }
    if by_label {
        // Only those that may be looked into have routes.
        let all = namespaces.is_empty().then_some(Selection::All);
        let each = namespaces.iter().cloned().map(Selection::Name);
        scopes.extend(all.into_iter().chain(each).map(|selection| Scope {
            kind: Kind::Namespace,
            namespace: None,
            selection,
        }));
    }
    if let Some((namespace, name)) = &settings.service {
        let selection = Selection::Name(name.clone());
        scopes.insert(Scope { kind: Kind::Service, namespace: Some(namespace.clone()), selection });
    }
    for ((kind, namespace), names) in names {
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let mut add = |kind, selection| {
            scopes.insert(Scope { kind, namespace: Some(namespace.to_owned()), selection });
        };
        if kind == Kind::Service {
            for part in names.chunks(SERVICES) {
                add(Kind::EndpointSlice, Selection::Services(part.to_vec()));
            }
        }
        if names.len() > FEW {
            add(kind, Selection::Names(names.into_iter().collect()));
        } else {
            names.into_iter().for_each(|name| add(kind, Selection::Name(name)));
        }
    }
    scopes
}

#[cfg(test)]
mod tests;
