//! Enters: a resolved configuration and what outlives it. Leaves: a plan that reuses every
//! connection pool, identity and counter of what did not change.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::header::HeaderValue;
use sealgate_aws::sign::Scope;
use sealgate_config::resolved::{Backend, Credential, Endpoint, QuestionSetting, Resolved, Route};

use super::{BackendPlan, ListenerPlan, Place, Places, Plan, RoutePlan};
use crate::backend::{Eras, Health, Lists, Outages};
use crate::changes::Changes;
use crate::identities::Identities;
use crate::listen::ListenerId;
use crate::observe::Metrics;
use crate::seal::{QueryKey, Seal, SigV4};
use crate::upstream::{Origin, Origins};

/// What every plan of a process is built on, and what a reload keeps.
#[derive(Clone)]
pub(crate) struct Foundation {
    pub(crate) origins: Arc<Origins>,
    pub(crate) identities: Arc<Identities>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) eras: Arc<Eras>,
    pub(crate) lists: Arc<Lists>,
    pub(crate) changes: Arc<Changes>,
}

impl Foundation {
    /// Nothing known yet. Identities refresh themselves on `runtime`.
    pub(crate) fn new(metrics: Arc<Metrics>, runtime: tokio::runtime::Handle) -> Self {
        Self {
            origins: Arc::default(),
            identities: Arc::new(Identities::new(runtime)),
            metrics,
            eras: Arc::default(),
            lists: Arc::default(),
            changes: Arc::default(),
        }
    }
}

/// Why a backend cannot be run although it resolved. Validation should have caught it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompileError {
    #[error("{0:?} cannot be a Host header")]
    Authority(String),
    #[error("{0:?} cannot be a request target")]
    Target(String),
    #[error("header {0} has a value that HTTP cannot carry")]
    HeaderValue(http::HeaderName),
    #[error(transparent)]
    Origin(#[from] crate::upstream::OriginError),
}

impl Plan {
    /// Compiles `resolved`. A part that cannot be compiled is left out and logged.
    pub(crate) fn compile(resolved: &Resolved, generation: u64, base: &Foundation) -> Self {
        let mut listeners: Vec<ListenerPlan> = resolved
            .listeners
            .iter()
            .map(|listener| ListenerPlan {
                id: ListenerId::of(listener.address),
                hostname: listener.hostname.clone(),
                loopback: listener.address.ip().is_loopback(),
                paths: BTreeMap::new(),
            })
            .collect();
        let mut routes = Vec::with_capacity(resolved.routes.len());
        for route in &resolved.routes {
            let plan = Arc::new(compile_route(route, base));
            for &index in &route.listeners {
                if let Some(listener) = listeners.get_mut(index) {
                    listener.paths.entry(route.path.clone()).or_default().push(Arc::clone(&plan));
                }
            }
            routes.push(plan);
        }
        for listener in &mut listeners {
            for candidates in listener.paths.values_mut() {
                candidates.sort_by_key(|route| std::cmp::Reverse(specificity(route)));
            }
        }
        Self { generation, listeners, routes }
    }
}

/// Hosts before headers, exact hosts before wildcards, as Gateway API orders HTTPRoute matches.
fn specificity(route: &RoutePlan) -> (usize, usize) {
    use sealgate_config::resolved::HostPattern;
    let host = route.hostnames.iter().map(|name| match name {
        HostPattern::Exact(_) => 2,
        HostPattern::Wildcard(_) => 1,
    });
    (host.max().unwrap_or(0), route.headers.len())
}

fn compile_route(route: &Route, base: &Foundation) -> RoutePlan {
    let name: Arc<str> = route.name.as_str().into();
    let tag = digest(&route.name);
    let mut backends = Vec::with_capacity(route.backends.len());
    for backend in &route.backends {
        match compile_backend(&name, tag, backend, base) {
            Ok(plan) => backends.push(Arc::new(plan)),
            Err(error) => tracing::error!(
                route = %name, backend = backend.name, %error, "backend left out"
            ),
        }
    }
    RoutePlan::new(route, tag, backends, base.metrics.route(&name))
}

fn compile_backend(
    route: &Arc<str>,
    route_tag: u64,
    backend: &Backend,
    base: &Foundation,
) -> Result<BackendPlan, CompileError> {
    let (seal, path_and_query) = compile_seal(backend, base)?;
    let metrics = base.metrics.backend(route, &backend.name);
    Ok(BackendPlan {
        name: backend.name.as_str().into(),
        #[expect(clippy::cast_possible_truncation, reason = "half of the digest is the tag")]
        tag: digest(&backend.name) as u32,
        prefix: backend.prefix,
        origin: Origin::intern(&base.origins, backend)?,
        authority: HeaderValue::from_str(&backend.authority)
            .map_err(|_| CompileError::Authority(backend.authority.clone()))?,
        places: compile_places(backend, base)?.map(Box::new),
        target: path_and_query
            .parse()
            .map_err(|_| CompileError::Target(backend.path_and_query.clone()))?,
        path_and_query,
        query_key: query_key(backend),
        seal,
        tools: backend.tools.clone(),
        headers: backend.headers.clone(),
        forward_headers: backend.forward_headers.clone(),
        deadlines: backend.deadlines,
        era: backend.era,
        parks: backend.questions == QuestionSetting::Park,
        memory: base.eras.of(memory_key(route, backend)),
        lists: base.lists.of(route, backend, &metrics),
        metrics,
        health: Health::default(),
        outages: Outages { changes: Arc::clone(&base.changes), route: route_tag },
    })
}

/// The endpoints of a backend that has several.
fn compile_places(backend: &Backend, base: &Foundation) -> Result<Option<Places>, CompileError> {
    if backend.endpoints.len() < 2 {
        return Ok(None);
    }
    let mut places = Vec::with_capacity(backend.endpoints.len());
    for endpoint in &backend.endpoints {
        let Endpoint { authority, connect, tls } = endpoint;
        let alone = Backend {
            authority: authority.clone(),
            connect: vec![connect.clone()],
            tls: tls.clone(),
            endpoints: Vec::new(),
            ..backend.clone()
        };
        let header = HeaderValue::from_str(authority)
            .map_err(|_| CompileError::Authority(authority.clone()))?;
        let signing_host = match &backend.credential {
            Credential::Aws { signing_host: None, .. } => Some(authority.clone()),
            _ => None,
        };
        #[expect(clippy::cast_possible_truncation, reason = "half of the digest is the tag")]
        let tag = digest(&format!("{authority} {connect}")) as u32;
        let origin = Origin::intern(&base.origins, &alone)?;
        places.push(Place::new(origin, header, signing_host, tag));
    }
    Ok(Some(Places::new(places, backend.failover)))
}

/// What must be the same for a backend to be the one that was asked before.
fn memory_key(route: &str, backend: &Backend) -> String {
    let Backend { name, authority, path_and_query, .. } = backend;
    format!("{route}\n{name}\n{authority}\n{path_and_query}\n{:?}", backend.connect)
}

fn query_key(backend: &Backend) -> Option<QueryKey> {
    match &backend.credential {
        Credential::QueryKey { param, value } => Some(QueryKey::new(param, value.expose())),
        _ => None,
    }
}

fn compile_seal(backend: &Backend, base: &Foundation) -> Result<(Seal, String), CompileError> {
    let target = backend.path_and_query.clone();
    let header = |name: &http::HeaderName, value: &sealgate_aws::Secret| {
        let mut value = HeaderValue::from_str(value.expose())
            .map_err(|_| CompileError::HeaderValue(name.clone()))?;
        value.set_sensitive(true);
        Ok::<_, CompileError>((name.clone(), value))
    };
    Ok(match &backend.credential {
        Credential::None => (Seal::None, target),
        Credential::ApiKey { header: name, value, always } => {
            (Seal::Headers { headers: vec![header(name, value)?], always: *always }, target)
        }
        Credential::Headers(headers) => {
            let headers = headers
                .iter()
                .map(|(name, value)| header(name, value))
                .collect::<Result<_, _>>()?;
            (Seal::Headers { headers, always: true }, target)
        }
        Credential::QueryKey { .. } => {
            let keyed = query_key(backend).map(|key| key.add_to(&target));
            (Seal::None, keyed.unwrap_or(target))
        }
        Credential::Aws { identity, region, service, signed_headers, signing_host } => {
            let scope = Scope::new(region.as_str(), service.as_str());
            let host = signing_host.clone().unwrap_or_else(|| backend.authority.clone());
            let identity = base.identities.get(identity);
            let clock = base.identities.clock(&host);
            let seal = SigV4::new(identity, scope, host, clock).signing_too(signed_headers);
            (Seal::SigV4(seal), target)
        }
    })
}

/// The same in every process and version, since tokens carry it: the head of a SHA-256.
fn digest(text: &str) -> u64 {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().take(8).fold(0, |sum, &byte| (sum << 8) | u64::from(byte))
}
