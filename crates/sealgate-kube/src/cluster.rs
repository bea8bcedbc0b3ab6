//! What watches see in, the sources of one load out; the state of a load in, status for the API
//! server out. Nothing here is served: that is the caller's.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use sealgate_config::resolved::Resolved;
use sealgate_config::{Outcome, Source};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use crate::endpoint;
use crate::facts::{Address, Parent};
use crate::kind::Kind;
use crate::lease::{self, Election};
use crate::object::{Key, Object};
use crate::status::{Report, Trouble, Writer};
use crate::watch::{Change, News};
use crate::watches::{State, Watches, wanted};

/// What this process looks after.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The controller name of GatewayClasses that are served.
    pub controller: String,
    /// Namespaces that may be looked into; empty means all.
    pub namespaces: Vec<String>,
    /// Where replicas agree on who writes status; `None` writes none.
    pub election: Option<Election>,
    /// Where Gateways are reached, for their status: IP addresses or host names.
    pub addresses: Vec<String>,
    /// A Service by which they are reached, namespace and name; its addresses are added.
    pub service: Option<(String, String)>,
}

/// The objects of a cluster, as far as they matter here.
pub struct Cluster {
    settings: Settings,
    watches: Watches,
    news: mpsc::Receiver<News>,
    objects: BTreeMap<Key, Object>,
    /// Something that is served may have changed.
    sources_changed: bool,
    /// Some status may be other than it should be.
    status_changed: bool,
    leading: bool,
    report: Option<Report>,
    writer: Writer,
    failing: HashSet<u64>,
    lease: Option<lease::Held>,
}

/// Changes come in groups: so long after the last one they are looked at, but never later than
/// so long after the first.
const QUIET: Duration = Duration::from_millis(15);
const LONGEST: Duration = Duration::from_millis(100);
/// How long a load waits for objects that were not referred to before.
const PATIENCE: Duration = Duration::from_secs(1);
/// News that wait; a watch that is ahead waits too.
const QUEUE: usize = 1024;

// === impl Cluster ===

impl Cluster {
    /// Starts to watch. Runs on the current runtime.
    pub fn start(client: Client, settings: Settings) -> Self {
        let (sender, news) = mpsc::channel(QUEUE);
        let mut watches = Watches::new(client.clone(), sender.clone());
        watches.set(wanted(&settings, std::iter::empty()));
        let lease = settings
            .election
            .clone()
            .map(|election| lease::campaign(client.clone(), election, sender.clone()));
        Self {
            settings,
            watches,
            news,
            objects: BTreeMap::new(),
            sources_changed: false,
            status_changed: false,
            leading: false,
            report: None,
            writer: Writer::start(client, sender),
            failing: HashSet::new(),
            lease,
        }
    }

    /// Waits until every watch has told what there is; an API server that does not answer is
    /// waited for. May be given up and called again.
    pub async fn complete(&mut self) {
        while self.watches.waiting_since().is_some() {
            let Some(news) = self.news.recv().await else { return };
            self.take(news);
            self.watch_references();
        }
        self.sources_changed = false;
    }

    /// Waits until something that is served may have changed, and writes status meanwhile. May be
    /// given up and called again.
    pub async fn changed(&mut self) {
        loop {
            if self.sources_changed {
                self.gather().await;
                self.sources_changed = false;
                return;
            }
            self.write_status();
            let Some(news) = self.news.recv().await else { return std::future::pending().await };
            self.take(news);
        }
    }

    /// Takes what belongs together.
    async fn gather(&mut self) {
        let latest = Instant::now() + LONGEST;
        while let Ok(Some(news)) =
            timeout_at(latest.min(Instant::now() + QUIET), self.news.recv()).await
        {
            self.take(news);
            if Instant::now() >= latest {
                break;
            }
        }
        self.watch_references();
        while let Some(since) = self.watches.waiting_since() {
            let Ok(Some(news)) = timeout_at(since + PATIENCE, self.news.recv()).await else {
                break;
            };
            self.take(news);
            self.watch_references();
        }
    }

    /// What the configuration reads: oldest objects first, so that of two that contradict each
    /// other the older one wins.
    pub fn sources(&self) -> Vec<Source> {
        let mut objects: Vec<_> = self
            .objects
            .iter()
            .filter(|(key, object)| !object.text.is_empty() && self.is_ours(key, object))
            .collect();
        objects.sort_by(|(one_key, one), (two_key, two)| {
            (one_key.kind, &one.created, one_key).cmp(&(two_key.kind, &two.created, two_key))
        });
        objects
            .into_iter()
            .map(|(key, object)| Source::Text { name: key.label(), text: self.text(key, object) })
            .collect()
    }

    /// Gives the servers of Services their addresses.
    pub fn place(&self, resolved: &mut Resolved) {
        endpoint::place(&self.objects, resolved);
    }

    /// Takes what came of a load: `refused` are ports that could not be listened on, and why;
    /// `troubles` are backends whose credentials cannot be fetched at the moment.
    pub fn report(
        &mut self,
        outcome: &Outcome,
        refused: &BTreeMap<u16, String>,
        troubles: &[Trouble],
    ) {
        self.report = Some(Report::new(outcome, refused, troubles));
        self.status_changed = true;
    }

    /// Lets another replica write status at once.
    pub async fn resign(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.resign().await;
        }
    }

    fn write_status(&mut self) {
        let Some(report) = &self.report else { return };
        if !self.status_changed || !self.leading || self.writer.is_busy() {
            return;
        }
        self.status_changed = false;
        let view = View { cluster: self };
        self.writer.write(report.changes(&view));
    }

    fn take(&mut self, News { watch, change }: News) {
        match change {
            Change::Leading(leading) => {
                self.leading = leading;
                self.status_changed = true;
                return;
            }
            Change::Written(key, resource_version, status) => {
                if let Some(object) = self.objects.get_mut(&key) {
                    (object.resource_version, object.status) = (resource_version, status);
                }
                return;
            }
            Change::Idle { failed } => {
                self.writer.rest();
                self.status_changed |= failed;
                return;
            }
            _ => {}
        }
        let Some(scope) = self.watches.scope(watch) else { return };
        let (kind, scope) = (scope.kind, scope.clone());
        match change {
            Change::Applied(key, object) => {
                let old = self.objects.get(&key);
                let sources = old.is_none_or(|old| old.differs(&object));
                self.sources_changed |= sources;
                self.status_changed |=
                    sources || old.is_some_and(|old| old.status != object.status);
                self.objects.insert(key, *object);
            }
            Change::Deleted(key) => {
                self.sources_changed |= self.objects.remove(&key).is_some();
            }
            Change::Listed(seen) => {
                self.failing.remove(&watch);
                let before = self.objects.len();
                self.objects.retain(|key, object| !scope.covers(key, object) || seen.contains(key));
                let first = self.watches.note(watch, State::Listed);
                self.sources_changed |= first || self.objects.len() != before;
            }
            Change::Absent => {
                let before = self.objects.len();
                self.objects.retain(|key, object| !scope.covers(key, object));
                if self.watches.note(watch, State::Absent) {
                    let kind = kind.names().kind;
                    tracing::info!(kind, "not installed in this cluster; looked for again later");
                    self.sources_changed = true;
                }
                self.sources_changed |= self.objects.len() != before;
            }
            Change::Failed { forbidden, message } => {
                if forbidden && self.watches.note(watch, State::Forbidden) {
                    self.sources_changed = true;
                }
                if self.failing.insert(watch) {
                    let (kind, namespace) = (kind.names().kind, scope.namespace.as_deref());
                    tracing::warn!(kind, namespace, "cannot watch: {message}");
                }
            }
            Change::Leading(_) | Change::Written(..) | Change::Idle { .. } => {}
        }
    }

    fn watch_references(&mut self) {
        let ours = self.objects.iter().filter(|(key, object)| self.is_ours(key, object));
        let scopes: BTreeSet<_> = wanted(&self.settings, ours.map(|(_, object)| object));
        if self.watches.set(scopes) {
            let watches = &self.watches;
            self.objects.retain(|key, object| watches.cover(key, object));
        }
    }

    /// The text of an object; a route's without Gateways that somebody else serves.
    fn text(&self, key: &Key, object: &Object) -> Arc<Zeroizing<String>> {
        let parents = &object.facts.parents;
        if key.kind != Kind::McpRoute || parents.iter().all(|parent| self.serves(parent)) {
            return Arc::clone(&object.text);
        }
        // What is literal already stays so: only the list of Gateways is put in anew.
        let Ok(mut data) = serde_json::from_str::<serde_json::Value>(&object.text) else {
            return Arc::clone(&object.text);
        };
        let own = parents.iter().filter(|parent| self.serves(parent));
        data["spec"]["parentRefs"] = own.map(|parent| parent.written.clone()).collect();
        Arc::new(Zeroizing::new(data.to_string()))
    }

    fn is_ours(&self, key: &Key, object: &Object) -> bool {
        match key.kind {
            Kind::Gateway => self.is_our_class(&object.facts.owner),
            Kind::McpRoute => object.facts.parents.iter().any(|parent| self.serves(parent)),
            _ => true,
        }
    }

    /// Whether this process serves a Gateway. Where the Gateway API is not installed there is
    /// none, and every route is served on the address of the command line.
    fn serves(&self, parent: &Parent) -> bool {
        if self.watches.is_absent(Kind::Gateway) {
            return true;
        }
        let key = Key {
            kind: Kind::Gateway,
            namespace: parent.namespace.clone(),
            name: parent.name.clone(),
        };
        self.objects.get(&key).is_some_and(|gateway| self.is_our_class(&gateway.facts.owner))
    }

    fn is_our_class(&self, name: &str) -> bool {
        let key = Key { kind: Kind::GatewayClass, namespace: String::new(), name: name.to_owned() };
        self.objects.get(&key).is_some_and(|class| class.facts.owner == self.settings.controller)
    }
}

/// What the report looks at.
pub(crate) struct View<'a> {
    cluster: &'a Cluster,
}

// === impl View ===

impl<'a> View<'a> {
    pub(crate) fn objects(&self) -> impl Iterator<Item = (&'a Key, &'a Object)> {
        self.cluster.objects.iter()
    }

    pub(crate) fn controller(&self) -> &'a str {
        &self.cluster.settings.controller
    }

    /// Where Gateways are reached; `None` when nobody said.
    pub(crate) fn addresses(&self) -> Option<Vec<Address>> {
        let Settings { addresses, service, .. } = &self.cluster.settings;
        if addresses.is_empty() && service.is_none() {
            return None;
        }
        let mut all: Vec<_> = addresses.iter().map(|text| Address::of(text)).collect();
        if let Some((namespace, name)) = service.clone() {
            let key = Key { kind: Kind::Service, namespace, name };
            let service = self.cluster.objects.get(&key);
            all.extend(service.into_iter().flat_map(|it| it.facts.reached_at.iter().cloned()));
        }
        all.dedup();
        Some(all)
    }

    pub(crate) fn serves(&self, parent: &Parent) -> bool {
        self.cluster.serves(parent)
    }

    pub(crate) fn is_ours(&self, key: &Key, object: &Object) -> bool {
        match key.kind {
            Kind::GatewayClass => object.facts.owner == self.cluster.settings.controller,
            _ => self.cluster.is_ours(key, object),
        }
    }
}
