//! Enters: a configuration. Leaves: the gateway itself, serving each of its backends alone, at a
//! path of its own on a free port of the loopback.

use std::net::SocketAddr;
use std::sync::Arc;

use sealgate_config::resolved::{Backend, Listener, PrefixMode, Resolved, Route};
use sealgate_gateway::listen::{self, Door, Drain, ListenerId};
use sealgate_gateway::observe::Metrics;
use sealgate_gateway::observe::access::Writer;
use sealgate_gateway::observe::logs;
use sealgate_gateway::upstream::{Pool, PoolLimits};
use sealgate_gateway::{Gateway, Worker};
use sealgate_mcp::keyring::Keyring;
use tokio::net::TcpListener;

use crate::cli::MAX_BODY;
use crate::server;

/// A gateway that nobody else can reach by name, and what it was made of.
pub(super) struct Inside {
    pub(super) gateway: Arc<Gateway>,
    pub(super) address: SocketAddr,
    resolved: Resolved,
    /// The names of the routes that the backends are of.
    routes: Vec<String>,
}

impl Inside {
    /// Starts it on the present runtime.
    pub(super) async fn start(given: &Resolved) -> Result<Self, Box<dyn std::error::Error>> {
        let unbound = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut resolved = Resolved {
            listeners: vec![Listener {
                name: "doctor".to_owned(),
                address: unbound,
                hostname: None,
                tls: None,
                more_certificates: Vec::new(),
            }],
            ..Resolved::default()
        };
        let mut routes = Vec::new();
        for route in &given.routes {
            for backend in &route.backends {
                resolved.routes.push(alone(route, backend, routes.len()));
                routes.push(route.name.clone());
            }
        }
        let metrics = Arc::new(Metrics::new());
        let gateway = Arc::new(Gateway::new(
            &resolved,
            Keyring::generate()?,
            server::limits(MAX_BODY),
            Arc::clone(&metrics),
            tokio::runtime::Handle::current(),
        ));
        let listener = TcpListener::bind(unbound).await?;
        let address = listener.local_addr()?;
        let writer = Writer::start(std::io::sink(), logs::Format::Text, metrics.process())?;
        let worker =
            Worker::new(Arc::clone(&gateway), Pool::new(PoolLimits::default()), writer.log());
        let door = Door::new(
            ListenerId::of(unbound),
            None,
            listen::Limits::default(),
            Arc::clone(metrics.process()),
        );
        tokio::spawn(listen::serve(listener, door, worker, Drain::default()));
        Ok(Self { gateway, address, resolved, routes })
    }

    /// Every backend with the name of its route.
    pub(super) fn backends(&self) -> Vec<(&str, &Backend)> {
        let backends = self.resolved.routes.iter().flat_map(|route| &route.backends);
        self.routes.iter().map(String::as_str).zip(backends).collect()
    }
}

/// A route with one backend and nothing that could turn the doctor away.
fn alone(route: &Route, backend: &Backend, index: usize) -> Route {
    Route {
        name: format!("doctor/{index}"),
        listeners: vec![0],
        path: format!("/{index}"),
        hostnames: Vec::new(),
        headers: Vec::new(),
        backends: vec![Backend { prefix: PrefixMode::Never, ..backend.clone() }],
        ..route.clone()
    }
}
