//! Backends that name a Service in, the same with the addresses of its ready servers out. Where
//! none is known the name stays, for the cluster's DNS to answer.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sealgate_config::resolved::{Address, Endpoint, Resolved};

use crate::kind::Kind;
use crate::object::{Key, Object};

/// Places every backend.
pub(crate) fn place(objects: &BTreeMap<Key, Object>, resolved: &mut Resolved) {
    for backend in resolved.routes.iter_mut().flat_map(|route| &mut route.backends) {
        let [Address::Dns { host, port }] = backend.connect.as_slice() else { continue };
        let Some((name, namespace)) = host.strip_suffix(".svc").and_then(|it| it.split_once('.'))
        else {
            continue;
        };
        let addresses = addresses(objects, namespace, name, *port);
        if addresses.is_empty() {
            continue;
        }
        backend.connect = addresses.into_iter().map(Address::Ip).collect();
        // Several servers are told apart, so that a session stays with the one that opened it.
        if backend.connect.len() > 1 {
            let endpoint = |connect: &Address| Endpoint {
                authority: backend.authority.clone(),
                connect: connect.clone(),
                tls: backend.tls.clone(),
            };
            backend.endpoints = backend.connect.iter().map(endpoint).collect();
        }
    }
}

/// Where the servers of one port of a Service are, in a stable order.
fn addresses(
    objects: &BTreeMap<Key, Object>,
    namespace: &str,
    name: &str,
    port: u16,
) -> Vec<SocketAddr> {
    let key = |kind| Key { kind, namespace: namespace.to_owned(), name: name.to_owned() };
    let service = objects.get(&key(Kind::Service));
    let named = service
        .and_then(|service| service.facts.ports.iter().find(|named| named.number == port))
        .map(|named| named.name.as_str());
    let Some(named) = named else { return Vec::new() };
    let slices = objects
        .iter()
        .filter(|(key, slice)| {
            key.kind == Kind::EndpointSlice
                && key.namespace == namespace
                && slice.facts.owner == name
        })
        .map(|(_, slice)| &slice.facts);
    let mut addresses: Vec<_> = slices
        .flat_map(|slice| {
            let ports = slice.ports.iter().filter(|port| port.name == named);
            ports.flat_map(|port| {
                slice.addresses.iter().map(|address| SocketAddr::new(*address, port.number))
            })
        })
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

#[cfg(test)]
mod tests;
