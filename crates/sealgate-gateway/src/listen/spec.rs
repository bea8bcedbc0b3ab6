//! Enters: the listeners of a configuration. Leaves: what to bind, one entry an address.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use sealgate_config::resolved::{HostPattern, Listener, ListenerTls};

/// One address to listen on. Listeners of the configuration that share an address, and differ in
/// host name, are one of these.
#[derive(Clone, Debug, PartialEq)]
pub struct ListenerSpec {
    /// For people: the name of the first listener on this address.
    pub name: String,
    /// Port 0 asks the system for one.
    pub address: SocketAddr,
    /// Not empty on an HTTPS address.
    pub certificates: Vec<Certificate>,
}

/// A certificate and the host it is for.
#[derive(Clone, Debug, PartialEq)]
pub struct Certificate {
    /// `None` serves every name that no other certificate is for.
    pub host: Option<HostPattern>,
    /// Chain and key.
    pub material: ListenerTls,
}

/// Stands for a configured address for as long as the process lives, across reloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenerId(usize);

/// Every address that was ever configured; the position is the id.
static KNOWN: Mutex<Vec<SocketAddr>> = Mutex::new(Vec::new());

// === impl ListenerSpec ===

impl ListenerSpec {
    /// Groups listeners by address, in their order.
    pub fn group(listeners: &[Listener]) -> Vec<Self> {
        let mut specs: Vec<Self> = Vec::new();
        for listener in listeners {
            let known = specs.iter().position(|spec| spec.address == listener.address);
            let at = known.unwrap_or_else(|| {
                specs.push(Self {
                    name: listener.name.clone(),
                    address: listener.address,
                    certificates: Vec::new(),
                });
                specs.len() - 1
            });
            specs[at].certificates.extend(
                listener
                    .tls
                    .iter()
                    .chain(&listener.more_certificates)
                    .cloned()
                    .map(|material| Certificate { host: listener.hostname.clone(), material }),
            );
        }
        specs
    }

    /// The id of its address.
    pub fn id(&self) -> ListenerId {
        ListenerId::of(self.address)
    }
}

// === impl ListenerId ===

impl ListenerId {
    /// The id of a configured address (the one with port 0, not the one that the system gave).
    pub fn of(address: SocketAddr) -> Self {
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let at = known.iter().position(|&other| other == address);
        Self(at.unwrap_or_else(|| {
            known.push(address);
            known.len() - 1
        }))
    }
}
