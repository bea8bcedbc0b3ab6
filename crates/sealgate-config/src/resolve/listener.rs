//! Parent references in, indices of listeners out; listeners come into being when a route needs
//! them.

use std::net::SocketAddr;

use super::store::{Referrer, invalid};
use super::{Context, certificate};
use crate::finding::Severity;
use crate::kind::{GATEWAY_API, GatewayListener, Named, ParentReference, Resource, RoutesFrom};
use crate::resolved::{HostPattern, Listener, ListenerTls, Route};

/// The listeners so far.
pub(super) struct Listeners<'a> {
    context: &'a Context<'a>,
    list: Vec<Listener>,
}

// === impl Listeners ===

impl<'a> Listeners<'a> {
    pub(super) fn new(context: &'a Context<'a>) -> Self {
        Self { context, list: Vec::new() }
    }

    pub(super) fn into_list(self) -> Vec<Listener> {
        self.list
    }

    /// The listener of `--listen`.
    pub(super) fn main(&mut self) -> Option<usize> {
        let address = self.context.options.listen;
        self.add(Listener {
            name: "main".to_owned(),
            address,
            hostname: None,
            tls: None,
            more_certificates: Vec::new(),
        })
    }

    /// The listeners that serve a route of `namespace` with these parents.
    pub(super) fn of_parents(
        &mut self,
        namespace: &str,
        parents: &[ParentReference],
        hostnames: &[HostPattern],
    ) -> Vec<usize> {
        let store = &self.context.store;
        let mut indices = Vec::new();
        if store.of_kind("Gateway").next().is_none() {
            indices.extend(self.main());
            return indices;
        }
        for parent in parents {
            let gateway_namespace = parent.namespace.as_deref().unwrap_or(namespace);
            let Some(gateway) = store.find("Gateway", gateway_namespace, &parent.name) else {
                let message = format!("gateway {gateway_namespace}/{} not found", parent.name);
                let help = store.missing("Gateway", gateway_namespace, &parent.name);
                parent.at.say(Severity::Error, "unresolved-reference", message, help);
                continue;
            };
            self.of_gateway(gateway, namespace, parent, hostnames, &mut indices);
        }
        indices.sort_unstable();
        indices.dedup();
        indices
    }

    fn of_gateway(
        &mut self,
        named: &Named,
        namespace: &str,
        parent: &ParentReference,
        hostnames: &[HostPattern],
        indices: &mut Vec<usize>,
    ) {
        let gateway_namespace = &named.metadata.namespace;
        let label = format!("{gateway_namespace}/{}", named.metadata.name);
        let Some(Resource::Gateway(gateway)) = &named.resource else {
            return invalid(&parent.at, "Gateway", gateway_namespace, &named.metadata.name);
        };
        let matching: Vec<&GatewayListener> = gateway
            .listeners
            .iter()
            .filter(|listener| parent.section.as_ref().is_none_or(|name| *name == listener.name))
            .filter(|listener| parent.port.is_none_or(|port| port == listener.port))
            .collect();
        let refuse = |reason: String| parent.at.error("no-listener", reason);
        if matching.is_empty() {
            return refuse(format!("gateway {label} has no listener that the parentRef selects"));
        }
        let of_kind: Vec<_> =
            matching.into_iter().filter(|listener| listener.takes_routes).collect();
        if of_kind.is_empty() {
            return refuse(format!("gateway {label} does not allow routes of kind MCPRoute"));
        }
        let labels = match self.context.store.find("Namespace", "", namespace) {
            Some(Named { resource: Some(Resource::Namespace(known)), .. }) => Some(&known.labels),
            _ => None,
        };
        let permitted = |listener: &&GatewayListener| match &listener.routes_from {
            RoutesFrom::All => true,
            RoutesFrom::Nobody => false,
            RoutesFrom::Same => gateway_namespace == namespace,
            RoutesFrom::Selected(selector) => selector.selects(namespace, labels),
        };
        let by_label = of_kind.iter().any(|it| matches!(it.routes_from, RoutesFrom::Selected(_)));
        let permitted: Vec<_> = of_kind.into_iter().filter(permitted).collect();
        if permitted.is_empty() {
            let message =
                format!("gateway {label} does not allow routes of namespace {namespace:?}");
            let help = (by_label && labels.is_none()).then(|| {
                format!("the labels of namespace {namespace:?} are not known: add the Namespace")
            });
            return parent.at.say(Severity::Error, "no-listener", message, help);
        }
        let hosts = |listener: &&GatewayListener| match &listener.hostname {
            Some(host) if !hostnames.is_empty() => hostnames.iter().any(|h| h.intersects(host)),
            _ => true,
        };
        let open: Vec<_> = permitted.into_iter().filter(hosts).collect();
        if open.is_empty() {
            return refuse(format!("gateway {label} has no listener for the route's hostnames"));
        }
        for listener in open {
            indices.extend(self.of_gateway_listener(gateway_namespace, &label, listener));
        }
    }

    fn of_gateway_listener(
        &mut self,
        namespace: &str,
        label: &str,
        listener: &GatewayListener,
    ) -> Option<usize> {
        let name = format!("{label}/{}", listener.name);
        if let Some(index) = self.list.iter().position(|existing| existing.name == name) {
            return Some(index);
        }
        let mut certificates = Vec::new();
        for reference in listener.certificates.iter().flatten() {
            let from = Referrer { group: GATEWAY_API, kind: "Gateway", namespace };
            // One that is of no use costs the names that it is for, not the others.
            let pair = certificate::pair(&self.context.store, from, reference);
            certificates.extend(
                pair.map(|(certificate_pem, key_pem)| ListenerTls { certificate_pem, key_pem }),
            );
        }
        if listener.certificates.is_some() && certificates.is_empty() {
            return None;
        }
        let mut certificates = certificates.into_iter();
        let (tls, more_certificates) = (certificates.next(), certificates.collect());
        let address = SocketAddr::new(self.context.options.listen.ip(), listener.port);
        let clash = self
            .list
            .iter()
            .find(|other| other.address == address && other.tls.is_some() != tls.is_some());
        if let Some(other) = clash {
            let message = format!("listener {name} cannot share its port with {}", other.name);
            listener.at.error("listener-conflict", message);
            return None;
        }
        let hostname = listener.hostname.clone();
        self.add(Listener { name, address, hostname, tls, more_certificates })
    }

    /// Adds a listener, or finds the one that already listens for the same.
    fn add(&mut self, listener: Listener) -> Option<usize> {
        let same = |other: &Listener| {
            other.address == listener.address
                && other.hostname == listener.hostname
                && (other.address.port() != 0 || other.name == listener.name)
        };
        if let Some(index) = self.list.iter().position(same) {
            return (self.list[index].tls.is_some() == listener.tls.is_some()).then_some(index);
        }
        self.list.push(listener);
        Some(self.list.len() - 1)
    }

    /// Names Gateways that nothing is served on.
    pub(super) fn note_unused(&self, routes: &[Route]) {
        let used = |index: usize| routes.iter().any(|route| route.listeners.contains(&index));
        for named in self.context.store.of_kind("Gateway") {
            let label = format!("{}/{}", named.metadata.namespace, named.metadata.name);
            let prefix = format!("{label}/");
            let mut own = self.list.iter().enumerate();
            let shared = matches!(&named.resource, Some(Resource::Gateway(gateway))
                if gateway.listeners.iter().any(|listener| self.list.iter().enumerate().any(
                    |(index, other)| other.address.port() == listener.port && used(index))));
            if !shared && !own.any(|(index, l)| l.name.starts_with(&prefix) && used(index)) {
                named.at.note("unused-gateway", format!("no route is served on gateway {label}"));
            }
        }
    }
}
